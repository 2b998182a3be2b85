//! What a sink's thread makes of what it is told, step by step, with a destination that does as
//! it is bid.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use warden_core::{Now, Timestamp};

use super::*;
use crate::chain::{BEGINNING, next, split};
use crate::checkpoint::tests::PRIVATE;
use crate::event::{Change, Client, SinkSet};
use crate::format::{Field, Format};
use crate::journal::Journal;
use crate::sink::{Head, Refused};

mod untaken;

#[derive(Default)]
struct Hands(AtomicU64);

impl Hands {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Now {
        let seconds = self.0.load(Ordering::Relaxed);
        Now {
            wall: Timestamp::from_unix_seconds(1_800_000_000 + seconds),
            monotonic: Duration::from_secs(seconds),
        }
    }
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Notices for Log {
    fn notice(&self, _is_bad: bool, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A destination that keeps what it takes.
#[derive(Clone, Default)]
struct Bidden(Arc<Mutex<Bids>>);

#[derive(Default)]
struct Bids {
    written: Vec<u8>,
    refuses: bool,
    is_given_up: bool,
    /// How often it was told of other settings.
    adjusted: usize,
    /// What it was asked to do while INFO showed how long that took.
    busy: Vec<&'static str>,
    status: Arc<SinkStatus>,
}

impl Sink for Bidden {
    fn write(&mut self, lines: &[u8], _heads: &[Head]) -> Result<(), Refused> {
        self.asked("write");
        let mut bids = self.0.lock().unwrap();
        if bids.refuses {
            return Err(Refused {
                taken: 0,
                why: io::Error::other("it is bidden to refuse"),
            });
        }
        bids.written.extend_from_slice(lines);
        Ok(())
    }

    fn adjust(&mut self, _: &SinkSettings) -> io::Result<()> {
        self.0.lock().unwrap().adjusted += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.asked("flush");
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.asked("reopen");
        Ok(())
    }

    fn tend(&mut self) -> io::Result<()> {
        self.asked("tend");
        Ok(())
    }

    fn again(&self) -> Again {
        match self.0.lock().unwrap().is_given_up {
            true => Again::Never,
            false => Again::After(Duration::ZERO),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.asked("close");
        Ok(())
    }
}

impl Bidden {
    fn asked(&self, what: &'static str) {
        let mut bids = self.0.lock().unwrap();
        if !bids.status.waits(Duration::from_hours(1)).is_zero() {
            bids.busy.push(what);
        }
    }

    fn refuse(&self, refuses: bool) {
        self.0.lock().unwrap().refuses = refuses;
    }

    fn written(&self) -> Vec<String> {
        told(Format::Text, &self.0.lock().unwrap().written)
    }
}

/// Of each line its number and action, and of a loss the cause and how many; where lines are
/// chained, the chain is right.
fn told(format: Format, lines: &[u8]) -> Vec<String> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\n").unwrap());
    let mut value = BEGINNING;
    let told = lines.filter_map(|line| {
        // A header is none.
        let fields = format.read(line).ok()?;
        if let Some(sealed) = split(format, line) {
            value = next(&value, sealed.body);
            assert_eq!(sealed.value, value);
        }
        let told = [Field::Sequence, Field::Action, Field::Reason, Field::Lost];
        let told = told.iter().filter_map(|field| fields.bytes(*field));
        let told: Vec<_> = told.map(String::from_utf8_lossy).collect();
        Some(told.join(" "))
    });
    told.collect()
}

/// A worker whose thread is the test's.
struct Bench {
    place: tempfile::TempDir,
    journal: Arc<Journal>,
    clock: Arc<Hands>,
    log: Arc<Log>,
    status: Arc<SinkStatus>,
    worker: Worker,
}

fn settings(place: &Path, text: &str) -> SinkSettings {
    let text = text.replace("HERE", place.to_str().unwrap());
    SinkSettings::parse(&place.join("main.toml"), text.as_bytes()).unwrap()
}

impl Bench {
    fn new(text: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let settings = settings(place.path(), text);
        let journal = Arc::new(Journal::new());
        let lane = journal.open(settings.buffer_bytes).unwrap();
        let clock = Arc::new(Hands::default());
        let log = Arc::new(Log::default());
        let status = Arc::new(SinkStatus::default());
        let surroundings = Surroundings {
            node: "0123456789abcdef0123456789abcdef01234567".into(),
            server: "9.1.0".into(),
            clock: Arc::clone(&clock) as _,
            notices: Arc::clone(&log) as _,
            state: Arc::new(PrivateDir::open(&place.path().join("state")).unwrap()),
        };
        let worker = Worker::new(
            Arc::new(lane),
            mpsc::channel().1,
            settings,
            Arc::clone(&status),
            surroundings,
            Stop::new(Arc::clone(&clock) as _),
        );
        Self {
            place,
            journal,
            clock,
            log,
            status,
            worker,
        }
    }

    /// Opens what is configured, and puts this in its place.
    fn bid(&mut self, sink: &Bidden) {
        self.worker.tend();
        sink.0.lock().unwrap().status = Arc::clone(&self.status);
        self.worker.sink = Some(Box::new(sink.clone()));
    }

    fn reconfigure(&mut self, text: &str) {
        let settings = settings(self.place.path(), text);
        self.worker.reconfigure(settings);
    }

    fn push(&self, event: &Event<'_>) {
        self.journal
            .push(SinkSet::only(0), 1, Some(&Client::default()), event);
    }

    /// Has a line wait behind this one, which refuses it.
    fn wait_behind(&mut self, sink: &Bidden) {
        self.bid(sink);
        sink.refuse(true);
        self.push(&Event::Closed);
        assert!(!self.go_on());
    }

    /// What is in the file.
    fn in_file(&self) -> Vec<String> {
        let lines = std::fs::read(self.place.path().join("audit.log")).unwrap();
        told(self.worker.settings.format, &lines)
    }

    /// Writes what is there; answers whether it was taken.
    fn go_on(&mut self) -> bool {
        self.worker.take(Duration::ZERO, 0);
        self.worker.go_on()
    }
}

const FILE: &str = "type = 'file'\npath = 'HERE/audit.log'\nchain = true\n";

/// Nobody listens there.
const TCP: &str = "type = 'tcp'\nhost = '127.0.0.1'\nport = 1\n";

#[test]
fn lines_wait_and_go_on_where_only_the_way_to_their_collector_changes() {
    const SYSLOG: &str = "type = 'syslog'\nsocket = 'HERE/log'\n";
    let changes = [
        (TCP, "timeout_ms = 100\nmax_retries = 3"),
        (TCP, "buffer_on_disconnect = false"),
        (SYSLOG, "facility = 'user'"),
    ];
    for (text, change) in changes {
        let mut bench = Bench::new(text);
        let sink = Bidden::default();
        bench.bid(&sink);
        bench.push(&Event::Opened);
        assert!(bench.go_on());
        bench.wait_behind(&sink);
        bench.reconfigure(&format!("{text}{change}"));
        assert_eq!(sink.0.lock().unwrap().adjusted, 1, "{change}");
        sink.refuse(false);
        assert!(bench.go_on());
        let expected = ["1 audit-start", "2 connect", "3 disconnect"];
        assert_eq!(sink.written(), expected, "{change}");
        assert_eq!(bench.status.dropped(), 0);
    }
}

#[test]
fn a_file_that_is_gone_goes_on_with_number_and_chain_where_only_the_way_to_write_changes() {
    let mut bench = Bench::new(FILE);
    bench.worker.tend();
    bench.push(&Event::Opened);
    assert!(bench.go_on());
    let path = bench.place.path().join("audit.log");
    let moved = path.with_extension("moved");
    std::fs::rename(&path, &moved).unwrap();
    bench.reconfigure(&format!("{FILE}fsync = 'always'\nrotate_bytes = 1048576\n"));
    bench.push(&Event::Closed);
    bench.worker.tend();
    assert!(bench.go_on());
    let all = [moved, path]
        .map(|path| std::fs::read(path).unwrap())
        .concat();
    let expected = ["1 audit-start", "2 connect", "3 disconnect"];
    assert_eq!(told(Format::Text, &all), expected);
    assert_eq!(bench.status.dropped(), 0);
}

#[test]
fn what_another_place_was_to_have_is_lost_and_numbers_begin_anew() {
    for other in [
        TCP.replace("= 1\n", "= 2\n"),
        format!("{TCP}format = 'text'\ntls = true"),
    ] {
        let mut bench = Bench::new(TCP);
        let sink = Bidden::default();
        bench.wait_behind(&sink);
        bench.reconfigure(&other);
        sink.refuse(false);
        bench.bid(&sink);
        assert!(bench.go_on());
        let expected = ["1 audit-start", "2 audit-loss destination changed 1"];
        assert_eq!(sink.written(), expected);
    }
}

#[test]
fn a_line_that_nobody_would_read_is_a_loss_in_its_place() {
    for format in ["text", "json", "csv"] {
        let mut bench = Bench::new(&format!("{FILE}format = '{format}'\n"));
        bench.worker.tend();
        // Each of these bytes takes several in a line.
        let name = vec![1; crate::MAX_LINE_BYTES / 2];
        let change = Change {
            name: &name,
            before: None,
            after: None,
        };
        for event in [Event::Opened, Event::Setting(change), Event::Closed] {
            bench.push(&event);
        }
        assert!(bench.go_on());
        assert_eq!(bench.status.dropped(), 1);
        assert_eq!(bench.status.records(), 4);
        let expected = [
            "1 audit-start",
            "2 connect",
            "3 audit-loss too large 1",
            "4 disconnect",
        ];
        assert_eq!(bench.in_file(), expected);
    }
}

#[test]
fn a_ledger_that_cannot_be_cleared_is_told_once() {
    let mut bench = Bench::new(FILE);
    let path = bench.place.path().join("state/audit-lost-main");
    bench.worker.ledger.keep(5).unwrap();
    std::fs::write(&path, "x").unwrap();
    bench.worker.tend();
    for _ in 0..5 {
        bench.clock.pass(2);
        bench.push(&Event::Opened);
        assert!(bench.go_on());
    }
    let log = bench.log.0.lock().unwrap();
    let told: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("no number"))
        .collect();
    assert_eq!(told.len(), 1, "{log:?}");
    assert!(told[0].ends_with("remove it"), "{told:?}");
}

#[test]
fn a_destination_that_keeps_its_sink_waiting_is_seen_whatever_it_does() {
    let mut bench = Bench::new(TCP);
    let sink = Bidden::default();
    bench.bid(&sink);
    bench.clock.pass(5);
    bench.worker.tend();
    assert!(bench.go_on());
    bench.worker.reopen();
    bench.worker.close(Loss::DISCONNECTED);
    let busy = std::mem::take(&mut sink.0.lock().unwrap().busy);
    assert_eq!(busy, ["tend", "write", "flush", "reopen", "close"]);
    assert!(bench.status.waits(Duration::from_hours(1)).is_zero());
}

#[test]
fn what_is_written_after_a_checkpoint_was_given_up_is_signed_in_time() {
    let mut bench = Bench::new(FILE);
    let key = bench.place.path().join("audit.key");
    std::fs::write(&key, PRIVATE).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    bench.reconfigure(&format!(
        "{TCP}chain = true\nsigning_key_file = 'audit.key'\n"
    ));
    let sink = Bidden::default();
    bench.bid(&sink);
    sink.refuse(true);
    let interval = bench.worker.settings.signing.as_ref().unwrap().interval;
    for _ in 0..5 {
        bench.push(&Event::Opened);
    }
    bench.clock.pass(interval.as_secs());
    assert!(!bench.go_on());
    bench.worker.discard(Loss::DISCONNECTED);
    sink.refuse(false);
    assert!(bench.go_on());
    bench.clock.pass(interval.as_secs());
    assert!(bench.go_on());
    let expected = [
        "1 audit-start",
        "2 audit-loss disconnected 5",
        "3 audit-checkpoint",
    ];
    assert_eq!(sink.written(), expected);
}

#[test]
fn what_a_slow_collector_does_not_take_is_told_apart_from_what_comes_while_it_is_away() {
    let mut bench = Bench::new(&format!(
        "{TCP}buffer_on_disconnect = false\nbuffer_bytes = 1048576\n"
    ));
    let sink = Bidden::default();
    bench.bid(&sink);
    assert!(bench.go_on());
    let name = [b'x'; 1000];
    let change = Change {
        name: &name,
        before: None,
        after: None,
    };
    let flood = |bench: &Bench| (0..5000).for_each(|_| bench.push(&Event::Setting(change)));
    flood(&bench);
    assert!(bench.go_on());
    let slow = bench.worker.lane.lost();
    flood(&bench);
    bench.worker.take(Duration::ZERO, 0);
    bench.worker.lose_what_came();
    let both = bench.worker.lane.lost();
    assert!(0 < slow && slow < both && both < slow + 5000);
    assert!(bench.go_on());
    let losses = sink.written();
    let losses = losses
        .iter()
        .filter_map(|told| told.split_once(" audit-loss "));
    let losses: Vec<&str> = losses.map(|(_, loss)| loss).collect();
    let full = |records| format!("buffer full {records}");
    let away = format!("disconnected {}", 5000 - (both - slow));
    assert_eq!(losses, [full(slow), away, full(both - slow)]);
    assert_eq!(bench.status.dropped() + both, 5000 + slow);
}

#[test]
fn a_sink_that_was_given_up_writes_nothing_each_second() {
    let mut bench = Bench::new(TCP);
    let sink = Bidden::default();
    bench.bid(&sink);
    for _ in 0..100 {
        bench.push(&Event::Opened);
    }
    assert!(bench.go_on());
    bench.clock.pass(1);
    bench.worker.voice.measure(bench.clock.now());
    assert_eq!(bench.status.per_second(), 101);
    sink.0.lock().unwrap().is_given_up = true;
    assert_eq!(bench.worker.pause(), FOR_GOOD);
    assert_eq!(bench.status.per_second(), 0);
}
