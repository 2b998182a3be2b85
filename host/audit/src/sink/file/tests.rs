//! The file sink, on real files: what it opens and refuses, who may read it, and who else
//! moves it. Rotation, going on and full disks are in `tests/`.

use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Mutex;

use tempfile::TempDir;
use warden_core::Timestamp;
use warden_core::clock::Now;

use crate::chain::{Chain, split};
use crate::event::{Event, Record};
use crate::format::Numbered;
use crate::settings::Payload;

mod full;
mod resuming;
mod rotating;

/// A clock that is set.
#[derive(Debug)]
struct Hand(Mutex<Now>);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Now {
            wall: Timestamp::from_unix_seconds(1_795_887_000),
            monotonic: Duration::ZERO,
        })))
    }

    fn set(&self, unix_seconds: u64) {
        self.0.lock().unwrap().wall = Timestamp::from_unix_seconds(unix_seconds);
    }

    fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        now.wall = now.wall.plus(Duration::from_secs(seconds));
        now.monotonic += Duration::from_secs(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// A directory, a clock, and whoever writes records: the number and the value of the last.
struct Place {
    root: TempDir,
    clock: Arc<Hand>,
    settings: FileSettings,
    format: Format,
    chain: Option<Chain>,
    sequence: u64,
}

impl Place {
    fn new() -> Self {
        Self::of(Format::Text)
    }

    fn of(format: Format) -> Self {
        let root = tempfile::tempdir().unwrap();
        let settings = FileSettings {
            path: root.path().join("audit.log"),
            fsync: Fsync::Interval,
            rotate_bytes: 0,
            rotate_seconds: 0,
            keep_files: 0,
        };
        Self {
            root,
            clock: Hand::new(),
            settings,
            format,
            chain: Some(Chain::new()),
            sequence: 0,
        }
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Opens it and goes on where it says.
    fn open(&mut self) -> (FileSink, Resumed) {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let chained = self.chain.is_some();
        let opened = FileSink::open_by(&self.settings, self.format, chained, clock);
        let (sink, resumed) = opened.unwrap();
        self.sequence = resumed.sequence;
        self.chain = chained.then(|| Chain::resume(resumed.chain));
        (sink, resumed)
    }

    #[track_caller]
    fn refuses(&self, words: &str) {
        let chained = self.chain.is_some();
        let opened = FileSink::open(&self.settings, self.format, chained);
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("audit.log"), "{error}");
    }

    /// The next records as lines.
    fn lines(&mut self, count: u64) -> Vec<u8> {
        let mut lines = Vec::new();
        for _ in 0..count {
            self.sequence += 1;
            let start = lines.len();
            sample(self.format, &mut lines, self.sequence);
            if let Some(chain) = &mut self.chain {
                chain.seal(self.format, &mut lines, start);
            }
            lines.push(b'\n');
        }
        lines
    }

    /// Files of the directory, those with a stamp by what stands before it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// The numbers of the records of a file, which must all be whole.
    fn numbers(&self, name: &str) -> Vec<u64> {
        let bytes = fs::read(self.beside(name)).unwrap();
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{name}");
        let shape = Shape {
            format: self.format,
            chained: self.chain.is_some(),
        };
        let header = shape.header();
        let bytes = bytes.strip_prefix(&header[..]).unwrap();
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let lasts = lines.map(|line| shape.last(line.strip_suffix(b"\n").unwrap()).unwrap());
        lasts.map(|last| last.sequence).collect()
    }
}

/// One record.
fn sample(format: Format, lines: &mut Vec<u8>, sequence: u64) {
    let record = Record {
        at_us: 1_795_887_000_000_000 + sequence,
        client: None,
        event: Event::Opened,
    };
    let numbered = Numbered {
        sequence,
        node: "0123456789012345678901234567890123456789",
        record: &record,
    };
    let payload = Payload {
        disabled: false,
        max_bytes: 1024,
    };
    format.write(lines, numbered, payload);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_file_is_for_its_owner_and_read_by_its_group() {
    let mut place = Place::new();
    let (mut sink, resumed) = place.open();
    assert_eq!((resumed.sequence, resumed.cut_bytes), (0, 0));
    sink.write(&place.lines(3), &[]).unwrap();
    sink.flush().unwrap();
    assert_eq!(place.numbers("audit.log"), [1, 2, 3]);
    assert_eq!(mode(place.path()), 0o640);
    assert_eq!(sink.trouble(), None);
}

#[test]
fn a_file_that_is_open_to_others_is_closed_and_none_is_opened_further() {
    for (before, after) in [(0o666, 0o640), (0o600, 0o600), (0o4755, 0o640)] {
        let mut place = Place::new();
        fs::write(place.path(), "").unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(before)).unwrap();
        place.open();
        assert_eq!(mode(place.path()), after);
    }
}

#[test]
fn what_is_not_a_regular_file_of_ours_is_refused() {
    let place = Place::new();
    let other = place.beside("other");
    fs::write(&other, "theirs\n").unwrap();
    symlink(&other, place.path()).unwrap();
    place.refuses("symbolic link");
    assert_eq!(fs::read(&other).unwrap(), b"theirs\n");
    fs::remove_file(place.path()).unwrap();
    // One that leads nowhere makes no file there.
    symlink(place.beside("none"), place.path()).unwrap();
    place.refuses("symbolic link");
    fs::remove_file(place.path()).unwrap();

    fs::create_dir(place.path()).unwrap();
    place.refuses("not a regular file");
    fs::remove_dir(place.path()).unwrap();

    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    place.refuses("not a regular file");
    assert_eq!(place.names(), ["audit.log", "other"]);
}

#[test]
fn a_file_of_another_user_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    if std::os::unix::fs::chown(place.path(), Some(65_534), None).is_err() {
        eprintln!("only root can give a file away: not tested");
        return;
    }
    place.refuses("belongs to user id 65534");
}

#[test]
fn a_directory_that_is_missing_is_named_and_not_made() {
    let mut place = Place::new();
    place.settings.path = place.beside("none").join("audit.log");
    let error = FileSink::open(&place.settings, Format::Text, true).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("none") && text.contains("make the directory"),
        "{text}"
    );
    assert!(!place.beside("none").exists());
    fs::write(place.beside("none"), "").unwrap();
    assert!(FileSink::open(&place.settings, Format::Text, true).is_err());
}

#[test]
fn two_processes_never_write_to_one_file() {
    if let Some(path) = std::env::var_os("WARDEN_TEST_SECOND_WRITER") {
        let mut place = Place::new();
        place.settings.path = path.into();
        place.refuses("another process writes to it");
        return;
    }
    let mut place = Place::new();
    let (_sink, _) = place.open();
    let name = "sink::file::tests::two_processes_never_write_to_one_file";
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("WARDEN_TEST_SECOND_WRITER", place.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
}

#[test]
fn a_file_that_was_renamed_is_left_and_another_one_begun() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    fs::rename(place.path(), place.beside("audit.log.1")).unwrap();
    sink.write(&place.lines(2), &[]).unwrap();
    // As logrotate does with `create`.
    fs::rename(place.path(), place.beside("audit.log.2")).unwrap();
    fs::write(place.path(), "").unwrap();
    sink.reopen().unwrap();
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(place.numbers("audit.log.1"), [1, 2]);
    assert_eq!(place.numbers("audit.log.2"), [3, 4]);
    assert_eq!(place.numbers("audit.log"), [5]);
    assert_eq!(mode(place.path()), 0o640);
}

#[test]
fn a_file_that_was_removed_is_made_again() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    fs::remove_file(place.path()).unwrap();
    sink.reopen().unwrap();
    assert_eq!(fs::read(place.path()).unwrap(), b"");
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), [3]);
    // Nothing was moved: reopening changes nothing.
    let before = fs::metadata(place.path()).unwrap().ino();
    sink.reopen().unwrap();
    assert_eq!(fs::metadata(place.path()).unwrap().ino(), before);
}

#[test]
fn what_somebody_put_in_its_place_is_moved_away_whole() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    fs::rename(place.path(), place.beside("old")).unwrap();
    fs::write(place.path(), "something else").unwrap();
    sink.write(&place.lines(2), &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), [3, 4]);
    let names = place.names();
    assert!(names[1].starts_with("audit.log.aside."), "{names:?}");
    assert_eq!(
        fs::read(place.beside(&names[1])).unwrap(),
        b"something else"
    );
    let trouble = sink.trouble().unwrap();
    assert!(trouble.contains(&names[1]), "{trouble}");
}

#[test]
fn a_directory_that_comes_back_brings_the_file_along() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    let directory = place.root.path().to_owned();
    let away = directory.with_extension("away");
    fs::rename(&directory, &away).unwrap();
    let lines = place.lines(1);
    let refused = sink.write(&lines, &[]).unwrap_err();
    assert_eq!(refused.taken, 0);
    fs::rename(&away, &directory).unwrap();
    sink.write(&lines, &[]).unwrap();
    assert_eq!(place.names(), ["audit.log"]);
    assert_eq!(place.numbers("audit.log"), [1, 2, 3]);
    assert_eq!(sink.trouble(), None);
}

#[test]
fn a_link_in_its_place_is_not_followed_and_lines_wait() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(1), &[]).unwrap();
    fs::rename(place.path(), place.beside("old")).unwrap();
    symlink(place.beside("target"), place.path()).unwrap();
    let lines = place.lines(2);
    let refused = sink.write(&lines, &[]).unwrap_err();
    assert_eq!(refused.taken, 0);
    assert!(refused.why.to_string().contains("symbolic link"));
    assert!(!place.beside("target").exists());
    fs::remove_file(place.path()).unwrap();
    sink.write(&lines, &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), [2, 3]);
}

#[test]
fn a_file_that_was_emptied_is_written_on_from_its_beginning() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(3), &[]).unwrap();
    // As logrotate does with `copytruncate`.
    fs::File::create(place.path()).unwrap();
    sink.write(&place.lines(2), &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), [4, 5]);
}

#[test]
fn each_file_of_csv_begins_with_the_names_of_the_columns() {
    for is_chained in [true, false] {
        let mut place = Place::of(Format::Csv);
        place.chain = is_chained.then(Chain::new);
        place.settings.rotate_bytes = 800;
        let (mut sink, _) = place.open();
        sink.write(&place.lines(20), &[]).unwrap();
        drop(sink);
        let (mut sink, resumed) = place.open();
        assert_eq!(resumed.sequence, 20);
        sink.write(&place.lines(1), &[]).unwrap();
        fs::remove_file(place.path()).unwrap();
        sink.write(&place.lines(1), &[]).unwrap();
        fs::File::create(place.path()).unwrap();
        sink.write(&place.lines(1), &[]).unwrap();
        drop(sink);
        let names = place.names();
        assert!(names.len() > 3);
        for name in names {
            assert!(!place.numbers(&name).is_empty(), "{name}");
        }
        // Half a header, and one without a record, are gone on with.
        let header = Format::Csv.header(is_chained).unwrap();
        for (text, cut) in [(&header[..30], 30), (header, header.len())] {
            fs::write(place.path(), text).unwrap();
            let (mut sink, resumed) = place.open();
            assert_eq!(resumed.cut_bytes, u64::try_from(cut).unwrap());
            sink.write(&place.lines(1), &[]).unwrap();
            assert_eq!(place.numbers("audit.log").len(), 1);
            drop(sink);
        }
        fs::write(place.path(), [header, "\n2026"].concat()).unwrap();
        let (_, resumed) = place.open();
        assert_eq!((resumed.cut_bytes, resumed.aside), (4, None));
    }
}
