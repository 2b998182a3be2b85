//! A server's sinks as its module runs them, without the server.
//!
//! In: the file of one sink, and records. Out: its numbers, its words in the log, and what it
//! kept for its next start.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use warden_audit::{Client, Entry, Event, Fleet, Journal, Notices, Read, Roster, Surroundings};
use warden_core::clock::SystemClock;
use warden_state::PrivateDir;

use crate::patience::eventually;

/// See above.
pub(crate) struct House {
    place: TempDir,
    journal: Arc<Journal>,
    fleet: Fleet,
    roster: Arc<Roster>,
    log: Arc<Log>,
    threads: Vec<JoinHandle<()>>,
    /// Of the last record.
    connection: u64,
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Notices for Log {
    fn notice(&self, _: bool, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

impl House {
    /// With a sink of this file.
    pub(crate) fn with(file: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("sinks")).unwrap();
        let state = PrivateDir::open(&place.path().join("state")).unwrap();
        let log = Arc::new(Log::default());
        let journal = Arc::new(Journal::new());
        let surroundings = Surroundings {
            node: "0123456789abcdef0123456789abcdef01234567".into(),
            server: "9.1.0".into(),
            clock: Arc::new(SystemClock),
            notices: Arc::clone(&log) as Arc<dyn Notices>,
            state: Arc::new(state),
        };
        let mut house = Self {
            place,
            fleet: Fleet::new(Arc::clone(&journal), surroundings),
            journal,
            roster: Arc::default(),
            log,
            threads: Vec::new(),
            connection: 0,
        };
        house.change(file);
        house
    }

    /// Its file is this one from now on.
    pub(crate) fn change(&mut self, file: &str) {
        let sinks = self.place.path().join("sinks");
        std::fs::write(sinks.join("main.toml"), file).unwrap();
        let threads = Mutex::new(&mut self.threads);
        let report = self.fleet.apply(Read::of(&sinks), &|_, run| {
            threads.lock().unwrap().push(thread::spawn(run));
            Ok(())
        });
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        self.roster = report.roster;
    }

    /// So many records: connections with numbers from 1 on.
    pub(crate) fn record(&mut self, count: u64) {
        let wants = self.roster.interest.of_client(b"default", None, false);
        for _ in 0..count {
            self.connection += 1;
            let client = Client {
                id: self.connection,
                ..Client::default()
            };
            let at_us = 1_795_881_600_000_000 + self.connection;
            self.journal
                .push(wants.sinks, at_us, Some(&client), &Event::Opened);
        }
    }

    /// The sink.
    pub(crate) fn sink(&self) -> &Entry {
        &self.roster.sinks[0]
    }

    /// Waits until the sink says something like this in the log.
    pub(crate) fn wait_for_word(&self, words: &str) {
        eventually(words, || self.was_told(words).then_some(()));
    }

    /// Whether it said so.
    pub(crate) fn was_told(&self, words: &str) -> bool {
        self.log().iter().any(|line| line.contains(words))
    }

    /// All that it said.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap().clone()
    }

    /// The sink ends; how many lost records it kept for its next start.
    pub(crate) fn end(&mut self) -> u64 {
        self.fleet.close();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        let kept = self.place.path().join("state/audit-lost-main");
        std::fs::read_to_string(kept).map_or(0, |digits| digits.trim_end().parse().unwrap())
    }
}

/// The numbers of the records among these lines, without what the sink says about itself.
pub(crate) fn records(lines: &[impl AsRef<str>]) -> Vec<u64> {
    let number = |line: &str| {
        let (_, after) = line.split_once(" connection=")?;
        after.split(' ').next()?.parse().ok()
    };
    lines
        .iter()
        .filter_map(|line| number(line.as_ref()))
        .collect()
}
