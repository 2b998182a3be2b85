//! What becomes of lines when the collector misbehaves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use warden_audit::settings::RetrySettings;
use warden_audit::{Again, Sink, TcpSink};

use super::feed::{Feed, number, retry, settings, unstopped};
use crate::ports::free_address;
use crate::servers::collector::{Collector, Connection, Manner};

fn sink_to(address: SocketAddr) -> TcpSink {
    TcpSink::new(&settings("127.0.0.1", address.port()), unstopped()).unwrap()
}

/// What holds whatever happened: on each connection every line is whole but the last, which
/// may be cut, and numbers ascend by one.
fn whole_and_in_order(connections: &[Connection]) {
    for connection in connections {
        let (lines, rest) = connection.lines();
        let lines: Vec<&str> = lines
            .into_iter()
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        assert!(lines.iter().all(|line| line.ends_with(" end")));
        assert!(
            lines
                .windows(2)
                .all(|pair| number(pair[0]) + 1 == number(pair[1])),
            "a gap within a connection"
        );
        let begins_as_a_line = b"sequence=".iter().zip(rest).all(|(a, b)| a == b);
        assert!(begins_as_a_line && !rest.ends_with(b" end\n"));
    }
}

#[test]
fn lines_arrive_as_they_are_and_the_end_is_confirmed() {
    let collector = Collector::start();
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    let mut sent = Vec::new();
    for _ in 0..20 {
        let lines = feed.lines(500, 200);
        feed.deliver(&mut sink, &lines);
        sent.extend_from_slice(&lines.0);
    }
    let odd = "käse 🧀 \u{202e}\u{feff}\u{10ffff} \"'\\,=\t";
    let head = feed.head(odd);
    let line = format!("{odd}\n").into_bytes();
    sink.write(&line, &[head]).unwrap();
    sent.extend_from_slice(&line);
    sink.close().unwrap();
    let connections = collector.ended(1);
    assert_eq!(connections.len(), 1);
    assert!(connections[0].bytes == sent, "to the byte");
    assert!(connections[0].was_closed_by_client);
    assert_eq!(feed.errors, [""; 0]);
}

#[test]
fn after_resets_in_mid_line_every_line_arrived_at_least_once() {
    let collector = Collector::start();
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    let resets = [1, 50, 199, 5_033, 65_536, 100_001];
    collector.behave_next(resets.map(Manner::ResetAfter));
    for _ in 0..70 {
        let lines = feed.lines(100, 200);
        feed.deliver(&mut sink, &lines);
    }
    feed.tend_until(&mut sink, "all lines", || feed_has_all(&collector, 7000));
    sink.close().unwrap();
    let connections = collector.ended(7);
    for (connection, bytes) in connections.iter().zip(resets) {
        assert_eq!(connection.bytes.len(), bytes);
    }
    whole_and_in_order(&collector.connections());
    assert!(feed.has_all(&collector.lines()));
    assert!(
        feed.was_told("records will be sent again"),
        "{:?}",
        feed.errors
    );
}

fn feed_has_all(collector: &Collector, lines: u64) -> bool {
    collector.lines().iter().any(|line| number(line) == lines)
}

#[test]
fn what_a_collector_had_not_read_when_it_died_is_sent_again() {
    let collector = Collector::start();
    collector.behave_next([Manner::ResetLater(150, Duration::from_millis(300))]);
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    // Less than the buffers of both sides hold: the sink believes it sent.
    let lines = feed.lines(300, 200);
    sink.write(&lines.0, &lines.1).unwrap();
    sink.flush().unwrap();
    let first = collector.ended(1);
    assert_eq!(first[0].bytes.len(), 150, "not even one was read whole");
    // Nothing new is written: looking after itself is enough.
    feed.tend_until(&mut sink, "all lines", || feed_has_all(&collector, 300));
    assert!(feed.has_all(&collector.lines()));
    whole_and_in_order(&collector.connections());
}

#[test]
fn a_collector_with_full_buffers_that_dies_loses_nothing() {
    let collector = Collector::start();
    collector.behave_next([Manner::ResetLater(2 << 20, Duration::from_millis(500))]);
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    let lines = feed.lines(20_000, 500);
    feed.deliver(&mut sink, &lines);
    feed.tend_until(&mut sink, "all lines", || feed_has_all(&collector, 20_000));
    assert!(feed.has_all(&collector.lines()));
    whole_and_in_order(&collector.connections());
    assert!(feed.was_told("records will be sent again"));
}

#[test]
fn a_collector_that_closes_gets_the_rest_on_its_next_connection() {
    let collector = Collector::start();
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    collector.behave_next([1, 10, 100].map(Manner::CloseAfterLines));
    for _ in 0..60 {
        let lines = feed.lines(100, 500);
        feed.deliver(&mut sink, &lines);
    }
    feed.tend_until(&mut sink, "all lines", || feed_has_all(&collector, 6000));
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
    whole_and_in_order(&collector.connections());
    // Each read at most a piece of 64 KiB more than it had to.
    assert!(collector.connections().len() >= 4);
}

#[test]
fn an_end_in_good_order_leaves_nothing_to_send_twice() {
    let collector = Collector::start();
    let mut sink = sink_to(collector.address());
    let mut feed = Feed::default();
    let lines = feed.lines(1000, 100);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    sink.tend().unwrap();
    sink.close().unwrap();
    let lines = collector.lines();
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    for line in &lines {
        *times.entry(number(line)).or_default() += 1;
    }
    assert_eq!(times.len(), 1000);
    assert!(times.values().all(|times| *times == 1));
}

#[test]
fn a_peer_that_never_reads_is_left_after_the_time_out() {
    let collector = Collector::start();
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry.timeout = Duration::from_millis(400);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(100_000, 200);
    collector.behave_next([Manner::Stall]);
    collector.behave(Manner::Read);
    let begin = Instant::now();
    feed.deliver(&mut sink, &lines);
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_millis(400) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert!(
        feed.longest < Duration::from_millis(800),
        "{:?}",
        feed.longest
    );
    let port = collector.address().port();
    let stalled = format!("\"127.0.0.1\", port {port}: it took nothing for 400 ms; ");
    assert!(feed.was_told(&stalled), "{:?}", feed.errors);
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn a_peer_that_reads_slowly_keeps_its_connection_and_nobody_waits_longer_than_the_time_out() {
    let collector = Collector::start();
    collector.behave(Manner::Slowly(60_000));
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry.timeout = Duration::from_millis(500);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(30_000, 300);
    feed.deliver(&mut sink, &lines);
    assert!(
        feed.longest < Duration::from_millis(1500),
        "{:?}",
        feed.longest
    );
    assert!(
        feed.was_told("it takes records more slowly than they come"),
        "{:?}",
        feed.errors
    );
    let mut patient = feed_until_flushed(&mut sink);
    patient.tend_until(&mut sink, "all lines", || feed_has_all(&collector, 30_000));
    assert_eq!(collector.connections().len(), 1);
    assert_eq!(collector.lines().len(), 30_000, "none twice");
}

fn feed_until_flushed(sink: &mut TcpSink) -> Feed {
    let mut feed = Feed::default();
    let mut flushed = false;
    while !flushed {
        flushed = sink.flush().is_ok();
    }
    feed.errors.clear();
    feed
}

#[test]
fn a_request_to_stop_ends_every_wait() {
    let collector = Collector::start();
    collector.behave(Manner::Stall);
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry.timeout = Duration::from_mins(5);
    let stop = unstopped();
    let mut sink = TcpSink::new(&settings, stop.clone()).unwrap();
    let port = settings.port;
    let lines = Feed::default().lines(100_000, 200);
    let writer = thread::spawn(move || {
        let why = sink.write(&lines.0, &lines.1).unwrap_err().why;
        let begin = Instant::now();
        let lost = sink.close().unwrap_err();
        (why, lost, begin.elapsed())
    });
    // Long enough for the buffers to be full.
    thread::sleep(Duration::from_millis(500));
    assert!(!writer.is_finished());
    let begin = Instant::now();
    stop.request(Duration::from_millis(300));
    let (why, lost, closing) = writer.join().unwrap();
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(1),
        "{took:?}"
    );
    assert!(closing < Duration::from_millis(300));
    assert!(why.to_string().contains("more slowly"), "{why}");
    assert!(
        lost.to_string().contains(&format!("port {port}: ")),
        "{lost}"
    );
}

#[test]
fn an_end_that_nobody_confirms_says_how_many_records_may_be_lost() {
    let collector = Collector::start();
    collector.behave(Manner::StallAfter(100));
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry.timeout = Duration::from_millis(300);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let lines = Feed::default().lines(7, 50);
    sink.write(&lines.0, &lines.1).unwrap();
    let begin = Instant::now();
    let lost = sink.close().unwrap_err().to_string();
    assert!(begin.elapsed() < Duration::from_secs(1));
    let port = collector.address().port();
    let why = "it did not confirm the end in time; 7 records may not have arrived";
    assert_eq!(lost, format!("\"127.0.0.1\", port {port}: {why}"));
}

#[test]
fn an_end_while_the_collector_is_slow_says_so_too_and_knows_what_must_be_lost() {
    let collector = Collector::start();
    collector.behave(Manner::Stall);
    let stop = unstopped();
    let settings = settings("127.0.0.1", collector.address().port());
    let mut sink = TcpSink::new(&settings, stop.clone()).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(3, 50);
    sink.write(&lines.0, &lines.1).unwrap();
    stop.request(Duration::ZERO);
    // More than the buffers of both sides hold.
    let lines = feed.lines(1, 16 << 20);
    assert_eq!(
        sink.write(&lines.0, &lines.1).unwrap_err().taken,
        lines.0.len()
    );
    let lost = sink.close().unwrap_err().to_string();
    let why = "it takes records more slowly than they come; 4 records may not have arrived";
    assert!(lost.ends_with(why), "{lost}");
    assert_eq!(sink.untaken().records, 1);
}

#[test]
fn a_sink_that_gives_up_says_once_how_many_records_may_be_lost() {
    let collector = Collector::start();
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry.max_retries = Some(0);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(3, 50);
    sink.write(&lines.0, &lines.1).unwrap();
    drop(collector);
    let why = crate::patience::eventually("the sink gives up", || sink.tend().err());
    let words = "; 3 records may not have arrived";
    assert!(why.to_string().ends_with(words), "{why}");
    let lost = sink.close().unwrap_err().to_string();
    assert_eq!(lost.matches(words).count(), 1, "{lost}");
    assert_eq!(sink.untaken().records, 0, "a connection took them");
}

#[test]
fn lines_without_their_heads_are_not_taken() {
    let collector = Collector::start();
    let mut sink = sink_to(collector.address());
    let lines = Feed::default().lines(3, 50);
    for (lines, heads) in [
        (&lines.0[..], &lines.1[..2]),
        (&lines.0[..50], &lines.1[..]),
    ] {
        let refused = sink.write(lines, heads).unwrap_err();
        assert_eq!(refused.taken, 0);
    }
    assert!(collector.lines().is_empty());
}

#[test]
fn a_refused_connection_is_tried_again_as_often_as_configured() {
    let address = free_address();
    let mut settings = settings("127.0.0.1", address.port());
    settings.retry.max_retries = Some(3);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let mut errors = Vec::new();
    while let Again::After(wait) = sink.again() {
        thread::sleep(wait);
        errors.push(sink.tend().unwrap_err().to_string());
    }
    let port = address.port();
    let expected = format!("\"127.0.0.1\", port {port}: Connection refused (os error 111)");
    assert_eq!(errors, vec![expected.clone(); 4]);
    let given_up = sink.tend().unwrap_err().to_string();
    let more = " (no more tries until its file is touched, or a reload)";
    assert_eq!(given_up, expected + more);
    let lines = Feed::default().lines(1, 50);
    assert_eq!(sink.write(&lines.0, &lines.1).unwrap_err().taken, 0);
}

#[test]
fn without_reconnect_on_failure_a_lost_connection_stays_lost() {
    let collector = Collector::start();
    collector.behave(Manner::CloseAfterLines(1));
    let mut settings = settings("127.0.0.1", collector.address().port());
    settings.retry = RetrySettings {
        reconnect_on_failure: false,
        ..retry()
    };
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(1, 50);
    feed.deliver(&mut sink, &lines);
    crate::patience::eventually("the sink gives up", || {
        let _why = sink.tend();
        (sink.again() == Again::Never).then_some(())
    });
    assert_eq!(collector.connections().len(), 1);
}

#[test]
fn a_name_is_looked_up_each_time_and_one_that_is_unknown_says_so() {
    let collector = Collector::start();
    let mut sink = TcpSink::new(
        &settings("localhost", collector.address().port()),
        unstopped(),
    )
    .unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(3, 50);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
    let mut settings = settings("collector.invalid", 514);
    settings.retry.timeout = Duration::from_secs(1);
    let mut sink = TcpSink::new(&settings, unstopped()).unwrap();
    let why = sink.tend().unwrap_err().to_string();
    assert!(
        why.starts_with("\"collector.invalid\", port 514: "),
        "{why}"
    );
    // Where no resolver answers at all, that is what is wrong.
    let known = ["no such host", "looking up the host name took too long"];
    assert!(known.iter().any(|words| why.contains(words)), "{why}");
}
