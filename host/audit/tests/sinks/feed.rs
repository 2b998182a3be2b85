//! Lines, and who offers them as a sink's thread would.
//!
//! In: a sink, and how many lines it shall get. Out: what it said when it did not take them,
//! and how long it kept its caller at the longest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use warden_audit::settings::{RetrySettings, TcpSettings};
use warden_audit::{Again, Category, Head, Sink, Stop};
use warden_core::clock::SystemClock;

use crate::patience::{PATIENCE, eventually};

/// Lines that are numbered from 1.
#[derive(Default)]
pub(crate) struct Feed {
    sequence: u64,
    /// What sinks said so far.
    pub(crate) errors: Vec<String>,
    /// The longest call so far.
    pub(crate) longest: Duration,
}

/// Settings of tests: patient enough for a busy machine, and quick to come back.
pub(crate) fn settings(host: &str, port: u16) -> TcpSettings {
    TcpSettings {
        host: host.to_owned(),
        port,
        tls: false,
        ca_file: None,
        certificate_file: None,
        key_file: None,
        retry: retry(),
    }
}

pub(crate) fn retry() -> RetrySettings {
    RetrySettings {
        timeout: Duration::from_secs(5),
        interval: Duration::from_millis(20),
        ..RetrySettings::default()
    }
}

/// Nobody asks to stop.
pub(crate) fn unstopped() -> Stop {
    Stop::new(Arc::new(SystemClock))
}

/// The number in a line of a feed.
pub(crate) fn number(line: &str) -> u64 {
    let (number, _) = line
        .strip_prefix("sequence=")
        .and_then(|rest| rest.split_once(' '))
        .unwrap_or_else(|| panic!("no line of a feed: {line:?}"));
    number.parse().unwrap()
}

impl Feed {
    /// So many lines, each of about `bytes` bytes.
    pub(crate) fn lines(&mut self, count: u64, bytes: usize) -> (Vec<u8>, Vec<Head>) {
        let mut lines = Vec::new();
        let mut heads = Vec::new();
        for _ in 0..count {
            let text = "x".repeat(bytes.saturating_sub(24));
            let line = format!("sequence={} {text} end", self.sequence + 1);
            heads.push(self.head(&line));
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
        (lines, heads)
    }

    /// The head of the next line.
    pub(crate) fn head(&mut self, line: &str) -> Head {
        self.sequence += 1;
        Head {
            bytes: line.len() + 1,
            sequence: self.sequence,
            at_us: 1_795_881_600_000_000 + self.sequence,
            category: Category::Auth,
            is_failure: self.sequence.is_multiple_of(2),
            lost: 0,
        }
    }

    /// Offers lines until all were taken.
    pub(crate) fn deliver(&mut self, sink: &mut dyn Sink, (lines, heads): &(Vec<u8>, Vec<Head>)) {
        let end = Instant::now() + PATIENCE;
        let (mut lines, mut heads) = (lines.as_slice(), heads.as_slice());
        loop {
            let begin = Instant::now();
            let result = sink.write(lines, heads);
            self.longest = self.longest.max(begin.elapsed());
            let Err(refused) = result else { return };
            self.errors.push(refused.why.to_string());
            lines = &lines[refused.taken..];
            let mut taken = refused.taken;
            while taken > 0 {
                taken -= heads[0].bytes;
                heads = &heads[1..];
            }
            if lines.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "never taken: {:?}", self.errors);
            wait(sink);
        }
    }

    /// Looks after a sink until something holds.
    pub(crate) fn tend_until(
        &mut self,
        sink: &mut dyn Sink,
        what: &str,
        mut ask: impl FnMut() -> bool,
    ) {
        eventually(what, || {
            let begin = Instant::now();
            if let Err(error) = sink.tend() {
                self.errors.push(error.to_string());
            }
            self.longest = self.longest.max(begin.elapsed());
            ask().then_some(())
        });
    }

    /// Whether every line so far is among these.
    pub(crate) fn has_all<'a>(&self, lines: impl IntoIterator<Item = &'a String>) -> bool {
        let numbers: BTreeSet<u64> = lines.into_iter().map(|line| number(line)).collect();
        numbers.into_iter().eq(1..=self.sequence)
    }

    /// Whether a sink said something like this.
    pub(crate) fn was_told(&self, words: &str) -> bool {
        self.errors.iter().any(|error| error.contains(words))
    }
}

fn wait(sink: &dyn Sink) {
    match sink.again() {
        Again::After(time) => thread::sleep(time),
        Again::Never => panic!("the sink gave up"),
    }
}
