//! What a sink took for nothing is counted when the worker lets go of it: once, with its cause.

use std::io;
use std::path::Path;
use std::sync::mpsc;

use warden_core::clock::SystemClock;

use super::*;
use crate::journal::Journal;
use crate::sink::{Head, Refused};

/// Takes everything and hands on nothing.
struct Abyss;

const TAKEN: Untaken = Untaken {
    records: 7,
    untold: 3,
};

impl Sink for Abyss {
    fn write(&mut self, lines: &[u8], _: &[Head]) -> Result<(), Refused> {
        Err(Refused {
            taken: lines.len(),
            why: io::ErrorKind::BrokenPipe.into(),
        })
    }

    fn adjust(&mut self, _: &SinkSettings) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn again(&self) -> Again {
        Again::Never
    }

    fn untaken(&self) -> Untaken {
        TAKEN
    }
}

struct Deaf;

impl Notices for Deaf {
    fn notice(&self, _: bool, _: &str) {}
}

fn settings(port: u16) -> SinkSettings {
    let file = format!("type = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    SinkSettings::parse(Path::new("/sinks/main.toml"), file.as_bytes()).unwrap()
}

/// A worker that has such a sink, and its numbers.
fn worker(state: &Arc<PrivateDir>) -> (Worker, Arc<SinkStatus>) {
    let clock = Arc::new(SystemClock);
    let surroundings = Surroundings {
        node: "0123456789abcdef0123456789abcdef01234567".into(),
        server: "9.1.0".into(),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        notices: Arc::new(Deaf),
        state: Arc::clone(state),
    };
    let status = Arc::new(SinkStatus::default());
    let mut worker = Worker::new(
        Arc::new(Arc::new(Journal::new()).open(1 << 20).unwrap()),
        mpsc::channel().1,
        settings(1),
        Arc::clone(&status),
        surroundings,
        Stop::new(clock),
    );
    worker.sink = Some(Box::new(Abyss));
    (worker, status)
}

fn state(place: &tempfile::TempDir) -> Arc<PrivateDir> {
    Arc::new(PrivateDir::open(&place.path().join("state")).unwrap())
}

fn lost(cause: &'static str) -> [Loss<'static>; 1] {
    [Loss { records: 10, cause }]
}

#[test]
fn when_it_was_given_up_and_is_taken_up_again() {
    let place = tempfile::tempdir().unwrap();
    let (mut worker, status) = worker(&state(&place));
    worker.reopen();
    worker.reopen();
    assert_eq!(worker.untold, lost(Loss::DISCONNECTED));
    assert_eq!(status.dropped(), 7, "three were counted before");
}

#[test]
fn when_it_goes_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let (mut worker, status) = worker(&state(&place));
    worker.reconfigure(settings(2));
    worker.reconfigure(settings(3));
    assert_eq!(worker.untold, lost(Loss::DESTINATION_CHANGED));
    assert_eq!(status.dropped(), 7);
}

#[test]
fn when_it_ends_for_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let state = state(&place);
    let (mut worker, status) = worker(&state);
    worker.end();
    assert_eq!(status.dropped(), 7);
    assert_eq!(Ledger::new(state, "main").read(), Ok(10));
}
