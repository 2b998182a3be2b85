//! All sinks of a server: the files of `audit_dir`, and a thread for each.
//!
//! In: the directory. Out: a [`Roster`] of what is in force, and every fault of every file. A
//! file in error keeps the sink that its last good version made; one that is gone ends its
//! sink, which writes first what it has. A changed or renamed one goes on in the same lane, so that
//! nothing is lost between the two.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use warden_settings::{Access, Fault, FileError};

use crate::event::SinkSet;
use crate::journal::{Journal, Lane};
use crate::redact::Redactor;
use crate::settings::{OnLoss, SinkSettings};
use crate::sink::Stop;
use crate::status::SinkStatus;
use crate::wishes::Interest;
use crate::worker::{Order, Surroundings, Worker, of_nobody};

/// Most sinks: half of the places, so that all of them can be replaced at once.
const MAX_SINKS: usize = SinkSet::MOST / 2;

/// Largest file of a sink.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// How long a sink that ends may wait for its destination.
const LAST_WORDS: Duration = Duration::from_millis(900);

/// Faults of one file that are told: bounds what a file of nonsense writes to the log.
const MAX_FAULTS: usize = 20;

/// Starts a thread of that name.
pub type Spawn<'a> = &'a dyn Fn(&str, Box<dyn FnOnce() + Send>) -> Result<(), String>;

/// The sinks, owned by whoever reads `audit_dir`.
pub struct Fleet {
    journal: Arc<Journal>,
    surroundings: Surroundings,
    sinks: BTreeMap<PathBuf, Running>,
    /// Whether it was looked for losses of sinks that are no more.
    has_looked: bool,
}

struct Running {
    settings: SinkSettings,
    lane: Arc<Lane>,
    orders: Sender<Order>,
    status: Arc<SinkStatus>,
    stop: Stop,
}

/// The sinks in force: never changed, replaced whole.
#[derive(Debug, Default)]
pub struct Roster {
    /// Who wants what.
    pub interest: Interest,
    /// What of commands may be seen.
    pub redactor: Redactor,
    /// Every sink, in the order of their files.
    pub sinks: Vec<Entry>,
}

/// One sink in force.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// `file`, `syslog` or `tcp`.
    pub kind: &'static str,
    /// Whether log-ins and changes are refused while it cannot write.
    pub refuses: bool,
    /// Its numbers.
    pub status: Arc<SinkStatus>,
    lane: Arc<Lane>,
    /// How long its destination may keep it waiting.
    patience: Duration,
}

/// What reading the directory came to.
#[derive(Debug, Default)]
pub struct FleetReport {
    /// What is in force now.
    pub roster: Arc<Roster>,
    /// Names that were not in force before.
    pub added: Vec<String>,
    /// Names in force with other settings than before, or of another file.
    pub changed: Vec<String>,
    /// Names no longer in force.
    pub removed: Vec<String>,
    /// Sinks no longer in force, to be dropped once `roster` is published.
    pub ended: Vec<Ended>,
    /// What is wrong in the directory.
    pub errors: Vec<FileError>,
}

/// A sink that is no longer in force. It ends when this is dropped, and not before: until the
/// next roster is published records are made for it.
pub struct Ended(Running);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ended").field(&self.0.settings.name).finish()
    }
}

/// The files of a directory, read and checked; nothing is in force yet.
#[derive(Debug, Default)]
pub struct Read {
    /// The directory could not be read: what is in force stays.
    is_unread: bool,
    good: Vec<(PathBuf, SinkSettings)>,
    /// Files that are there and cannot be taken.
    bad: Vec<PathBuf>,
    /// What is wrong, with files and keys.
    pub errors: Vec<FileError>,
}

impl Entry {
    /// Records lost.
    pub fn dropped(&self) -> u64 {
        self.status.dropped().saturating_add(self.lane.lost())
    }

    /// Whether what happens now may not be recorded: it has written nothing yet, cannot write,
    /// or waits for its destination longer than records may wait for it.
    pub fn is_losing(&self, now: Duration) -> bool {
        !self.status.has_begun()
            || self.status.is_failing()
            || self.lane.is_losing()
            || self.status.waits(now) > self.patience
    }

    /// Bytes that wait in memory.
    pub fn buffered_bytes(&self) -> u64 {
        self.lane.buffered_bytes()
    }
}

impl Roster {
    /// Sinks that refuse log-ins and changes, and cannot write just now; `now` is of the
    /// monotonic clock.
    pub fn refusing(&self, now: Duration) -> Option<&Entry> {
        self.sinks
            .iter()
            .find(|sink| sink.refuses && sink.is_losing(now))
    }

    /// Whether any sink could come to refuse.
    pub fn may_refuse(&self) -> bool {
        self.sinks.iter().any(|sink| sink.refuses)
    }
}

impl Read {
    /// Reads the files of a directory in the order of their names; those that begin with a dot
    /// or do not end in `.toml` are passed over.
    pub fn of(directory: &Path) -> Self {
        let mut read = Self::default();
        let files = match list(directory) {
            Ok(files) => files,
            Err(message) => {
                read.fault(directory, "", message);
                read.is_unread = true;
                return read;
            }
        };
        for file in files {
            read.take(file);
        }
        read
    }

    fn take(&mut self, file: PathBuf) {
        let bytes = match warden_settings::read(&file, MAX_FILE_BYTES, Access::Public) {
            Ok(bytes) => bytes,
            Err(warden_settings::Error::Unreadable(ErrorKind::NotFound))
                if std::fs::symlink_metadata(&file).is_err() =>
            {
                return;
            }
            Err(error) => {
                self.fault(&file, "", error.to_string());
                self.bad.push(file);
                return;
            }
        };
        match SinkSettings::parse(&file, &bytes) {
            Ok(settings) => match self.clash(&settings) {
                Some((key, message)) => {
                    self.fault(&file, key, message);
                    self.bad.push(file);
                }
                None => self.good.push((file, settings)),
            },
            Err(faults) => {
                self.take_faults(&file, faults);
                self.bad.push(file);
            }
        }
    }

    /// What two sinks cannot share: a name, and a file, which has one writer.
    fn clash(&self, settings: &SinkSettings) -> Option<(&'static str, String)> {
        self.good.iter().find_map(|(file, other)| {
            if other.name == settings.name {
                let message = format!("{:?} is the name of the sink of {file:?} too", other.name);
                return Some(("", message));
            }
            settings.writes_where(other).then(|| {
                (
                    "path",
                    format!("{file:?} writes to it; each sink has its own file"),
                )
            })
        })
    }

    fn take_faults(&mut self, file: &Path, faults: Vec<Fault>) {
        let more = faults.len().saturating_sub(MAX_FAULTS);
        let shown = faults.into_iter().take(MAX_FAULTS);
        self.errors.extend(shown.map(|fault| fault.in_file(file)));
        if more > 0 {
            self.fault(file, "", format!("and {more} more"));
        }
    }

    fn fault(&mut self, file: &Path, key: &str, message: String) {
        self.errors.push(FileError {
            file: file.to_owned(),
            key: key.to_owned(),
            message,
            passes: false,
        });
    }
}

impl Fleet {
    /// No sinks.
    pub fn new(journal: Arc<Journal>, surroundings: Surroundings) -> Self {
        Self {
            journal,
            surroundings,
            sinks: BTreeMap::new(),
            has_looked: false,
        }
    }

    /// Tells of losses that no sink will record.
    fn tell_of_nobodys(&self) {
        let names = self.sinks.values().map(|sink| &*sink.settings.name);
        let names: Vec<&str> = names.collect();
        for line in of_nobody(&self.surroundings.state, &names) {
            self.surroundings.notices.notice(true, &line);
        }
    }

    /// Puts in force what was read: starts, changes and ends sinks.
    pub fn apply(&mut self, read: Read, spawn: Spawn<'_>) -> FleetReport {
        let mut report = FleetReport {
            errors: read.errors,
            ..FleetReport::default()
        };
        let is_kept = |file: &PathBuf| {
            read.is_unread
                || read.bad.contains(file)
                || read.good.iter().any(|(good, _)| good == file)
        };
        let gone: Vec<PathBuf> = self
            .sinks
            .keys()
            .filter(|file| !is_kept(file))
            .cloned()
            .collect();
        for file in gone {
            let Some(running) = self.sinks.remove(&file) else {
                continue;
            };
            // One whose file was only renamed goes on where it was, without a record lost.
            let heirs = read.good.iter().filter(|(heir, settings)| {
                let was = &running.settings.destination;
                !self.sinks.contains_key(heir) && settings.destination.is_where(was)
            });
            let heir = heirs.min_by_key(|(_, heir)| heir.name != running.settings.name);
            if let Some((heir, _)) = heir {
                self.sinks.insert(heir.clone(), running);
            } else {
                report.removed.push(running.settings.name.clone());
                report.ended.push(Ended(running));
            }
        }
        for (file, settings) in read.good {
            self.install(file, settings, spawn, &mut report);
        }
        if !std::mem::replace(&mut self.has_looked, true) && !read.is_unread {
            self.tell_of_nobodys();
        }
        report.roster = Arc::new(self.roster());
        report
    }

    fn install(
        &mut self,
        file: PathBuf,
        settings: SinkSettings,
        spawn: Spawn<'_>,
        report: &mut FleetReport,
    ) {
        if let Some(running) = self.sinks.get_mut(&file) {
            if running.settings == settings {
                return;
            }
            running.lane.set_bound(settings.buffer_bytes);
            running.settings = settings.clone();
            report.changed.push(settings.name.clone());
            // The receiver ends only after its lane was closed.
            let _ = running.orders.send(Order::Reconfigure(Box::new(settings)));
            running.lane.nudge();
            return;
        }
        let name = settings.name.clone();
        let started = self.start(settings, spawn);
        match started {
            Ok(running) => {
                self.sinks.insert(file, running);
                report.added.push(name);
            }
            Err(message) => report.errors.push(FileError {
                file,
                key: String::new(),
                message,
                passes: false,
            }),
        }
    }

    fn start(&self, settings: SinkSettings, spawn: Spawn<'_>) -> Result<Running, String> {
        let lane = self.journal.open(settings.buffer_bytes);
        let lane = lane.ok_or_else(|| {
            format!(
                "{} sinks are open, those included that just end",
                SinkSet::MOST
            )
        })?;
        let lane = Arc::new(lane);
        let status = Arc::new(SinkStatus::default());
        let (orders, received) = mpsc::channel();
        let stop = Stop::new(Arc::clone(&self.surroundings.clock));
        let worker = Worker::new(
            Arc::clone(&lane),
            received,
            settings.clone(),
            Arc::clone(&status),
            self.surroundings.clone(),
            stop.clone(),
        );
        let name = format!("warden-sink-{}", lane.place());
        spawn(&name, Box::new(move || worker.run())).inspect_err(|_| lane.close())?;
        Ok(Running {
            settings,
            lane,
            orders,
            status,
            stop,
        })
    }

    fn roster(&self) -> Roster {
        let wishes = self.sinks.values().map(|running| {
            let settings = &running.settings;
            (running.lane.place(), &settings.wishes, settings.payload)
        });
        let patterns = self
            .sinks
            .values()
            .flat_map(|sink| sink.settings.redact.iter());
        let patterns = patterns.cloned().collect::<Vec<_>>();
        Roster {
            interest: Interest::new(wishes),
            redactor: Redactor::new(patterns),
            sinks: self.sinks.values().map(Running::entry).collect(),
        }
    }

    /// Has every sink open its destination anew.
    pub fn reopen(&self) {
        for running in self.sinks.values() {
            let _ = running.orders.send(Order::Reopen);
            running.lane.nudge();
        }
    }

    /// Ends every sink; each writes first what it has.
    pub fn close(&mut self) {
        for running in std::mem::take(&mut self.sinks).into_values() {
            running.stop();
        }
    }
}

impl Running {
    /// Ends it: it writes what it has, as far as its destination takes it within
    /// [`LAST_WORDS`].
    fn stop(&self) {
        self.stop.request(LAST_WORDS);
        self.lane.close();
    }

    fn entry(&self) -> Entry {
        Entry {
            name: self.settings.name.clone(),
            kind: self.settings.destination.kind(),
            refuses: self.settings.on_loss == OnLoss::Refuse,
            status: Arc::clone(&self.status),
            lane: Arc::clone(&self.lane),
            patience: self.settings.flush.interval,
        }
    }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {}", error.kind());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            files.push(directory.join(&name));
        }
        if files.len() > MAX_SINKS {
            return Err(format!("holds more than {MAX_SINKS} sinks"));
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests;
