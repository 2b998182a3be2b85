//! What the files of a directory come to.

use std::sync::Mutex;

use warden_core::clock::SystemClock;
use warden_state::PrivateDir;

use super::*;
use crate::Notices;
use crate::event::Event;

struct Silent;

impl Notices for Silent {
    fn notice(&self, _is_bad: bool, _line: &str) {}
}

/// A directory, and sinks whose threads never run.
struct Bench {
    directory: tempfile::TempDir,
    journal: Arc<Journal>,
    fleet: Fleet,
    threads: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::new());
        let surroundings = Surroundings {
            node: "".into(),
            server: "".into(),
            clock: Arc::new(SystemClock),
            notices: Arc::new(Silent),
            state: Arc::new(PrivateDir::open(&directory.path().join("state")).unwrap()),
        };
        Self {
            directory,
            fleet: Fleet::new(Arc::clone(&journal), surroundings),
            journal,
            threads: Mutex::default(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        let path = |name| self.directory.path().join(name);
        std::fs::rename(path(from), path(to)).unwrap();
    }

    fn load(&mut self) -> FleetReport {
        let threads = &self.threads;
        let spawn = |_: &str, life| {
            threads.lock().unwrap().push(life);
            Ok(())
        };
        let read = Read::of(self.directory.path());
        self.fleet.apply(read, &spawn)
    }
}

#[test]
fn a_sink_whose_file_is_renamed_goes_on_whatever_its_kind() {
    let all = [
        "type = 'file'\npath = '/var/log/a.log'\n",
        "type = 'tcp'\nhost = 'a.example'\nport = 1\n",
        "type = 'syslog'\nhost = 'a.example'\nport = 1\n",
        "type = 'syslog'\n",
    ];
    for text in all {
        let mut bench = Bench::new();
        bench.write("a.toml", text);
        let before = bench.load().roster;
        bench.rename("a.toml", "b.toml");
        let after = bench.load();
        assert_eq!(after.changed, ["b"], "{text}");
        assert!(after.added.is_empty() && after.removed.is_empty() && after.ended.is_empty());
        let [before, after] = [before, after.roster].map(|roster| roster.sinks[0].lane.place());
        assert_eq!(before, after, "{text}");
    }
}

#[test]
fn of_two_files_of_one_place_the_one_of_its_name_takes_a_sink_over() {
    let text = "type = 'tcp'\nhost = 'a.example'\nport = 1\n";
    let mut bench = Bench::new();
    bench.write("10-main.toml", text);
    bench.load();
    bench.write("20-other.toml", text);
    bench.rename("10-main.toml", "30-main.toml");
    let report = bench.load();
    assert_eq!(report.added, ["other"]);
    assert!(report.changed.is_empty() && report.removed.is_empty());
}

#[test]
fn what_is_recorded_before_the_next_roster_is_published_still_reaches_a_sink_that_ends() {
    let mut bench = Bench::new();
    bench.write("a.toml", "type = 'tcp'\nhost = 'a.example'\nport = 1\n");
    let before = bench.load().roster;
    bench.rename("a.toml", "gone");
    let report = bench.load();
    assert_eq!(report.removed, ["a"]);
    let lane = &before.sinks[0].lane;
    let only = SinkSet::only(lane.place());
    bench.journal.push(only, 1, None, &Event::Opened);
    drop(report);
    bench.journal.push(only, 2, None, &Event::Opened);
    let batch = lane.take(Duration::ZERO, 0);
    let records = batch
        .chunks
        .iter()
        .flat_map(|chunk| chunk.records(lane.place()));
    let times: Vec<u64> = records.map(|record| record.at_us).collect();
    assert_eq!((times, batch.is_last), (vec![1], true));
}

#[test]
fn two_sinks_have_neither_one_name_nor_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, path: &str| {
        let text = format!("type = \"file\"\npath = {path:?}\n");
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    file("10-main.toml", "/var/log/a.log");
    file("20-main.toml", "/var/log/b.log");
    file("30-other.toml", "/var/log/a.log");
    file("40-third.toml", "/var/log/c.log");
    let read = Read::of(directory.path());
    let good: Vec<&str> = read.good.iter().map(|(_, of)| of.name.as_str()).collect();
    assert_eq!(good, ["main", "third"]);
    let errors: Vec<String> = read.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("20-main.toml") && errors[0].contains("10-main.toml"));
    assert!(errors[1].contains("30-other.toml") && errors[1].contains("path"));
}
