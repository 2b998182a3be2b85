//! Sinks by syslog, TCP and TLS on a server: records arrive as they are, whatever becomes of who
//! collects them the server does not wait, and what is lost is counted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use warden_tests::audited::sink_status;
use warden_tests::collector::Manner;
use warden_tests::ports::free_address;
use warden_tests::{
    Audited, Authority, Collector, Connection, Line, Rsyslog, Scene, eventually, on_both_lines, tls,
};

on_both_lines!(
    records_arrive_at_a_syslog_server_by_each_way,
    records_arrive_at_a_collector_by_tcp_and_by_tls,
    a_collector_that_stalls_holds_nobody_up_and_nothing_is_lost,
    what_does_not_fit_while_a_collector_stalls_is_counted_exactly,
    a_collector_that_resets_in_the_middle_of_a_line_gets_all_of_it_again,
    a_collector_that_is_away_at_first_gets_everything_later,
    a_collector_that_was_given_up_gets_what_waited_once_somebody_says_so,
    a_sink_that_shall_not_reconnect_does_so_only_when_somebody_says_so,
    the_module_goes_while_a_collector_stalls,
    the_server_ends_while_a_collector_stalls,
    what_is_not_kept_for_a_collector_that_is_away_is_counted_exactly,
);

const KEYS: &str = "events = [\"keys\", \"config\"]\ncommand_result_mode = \"all\"\nformat = \"json\"\nflush_interval_seconds = 1";

/// How long anything may take that must not wait for a collector.
const QUICK: Duration = Duration::from_secs(1);

fn tcp(address: SocketAddr) -> String {
    format!(
        "type = \"tcp\"\nhost = \"127.0.0.1\"\nport = {}\n{KEYS}\nretry_interval_ms = 100\n",
        address.port()
    )
}

/// A server with a sink `net` beside the file.
fn start(line: Line, net: &str) -> Audited {
    start_beside(line, &[("net", net)])
}

fn start_beside(line: Line, sinks: &[(&str, &str)]) -> Audited {
    Audited::build_beside("events = \"none\"", sinks, Scene::builder(line))
}

/// A field of what INFO says of sink `net`.
fn status(audited: &Audited, field: &str) -> String {
    sink_status(&mut audited.scene.server.admin(), "net", field)
}

fn wait_for_state(audited: &Audited, state: &str) {
    eventually(state, || (status(audited, "state") == state).then_some(()));
}

/// Writes so many keys, each within the time that nobody may have to wait.
fn write(client: &mut Connection, name: &str, keys: usize) {
    let value = "x".repeat(900);
    for number in 0..keys {
        let start = Instant::now();
        client
            .call(["SET", &format!("{name}:{number}"), &value])
            .expect_ok();
        assert!(
            start.elapsed() < QUICK,
            "{name}:{number} took {:?}",
            start.elapsed()
        );
    }
}

fn ping(audited: &Audited) {
    let mut other = audited.scene.server.admin();
    for _ in 0..20 {
        let start = Instant::now();
        other.run("PING").expect_text("PONG");
        assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
    }
}

/// The keys of these records, and that each is one record: sent again it is equal.
fn keys(lines: &[String], name: &str) -> BTreeSet<String> {
    let mut by_sequence = std::collections::BTreeMap::new();
    let mut keys = BTreeSet::new();
    for line in lines {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let sequence = record["warden.sequence"].as_u64().expect("a number");
        let before = by_sequence.insert(sequence, line.clone());
        assert!(before.is_none_or(|before| before == *line), "{line}");
        if let Some(key) = record["warden.key"].as_str()
            && key.starts_with(&format!("{name}:"))
            && record["warden.command"] == "set"
        {
            keys.insert(key.to_owned());
        }
    }
    keys
}

/// Waits until the collector has all of so many keys.
#[track_caller]
fn wait_for_keys(collector: &Collector, name: &str, count: usize) {
    let arrived = || {
        let lines = collector.lines();
        (keys(&lines, name).len() == count).then_some(())
    };
    if warden_tests::patience::within(Duration::from_secs(60), arrived).is_none() {
        let found = keys(&collector.lines(), name).len();
        panic!("{found} of {count} keys arrived");
    }
}

fn records_arrive_at_a_syslog_server_by_each_way(line: Line) {
    let authority = Authority::new("ca");
    let identity = authority.server();
    let rsyslog = Rsyslog::builder()
        .tls(
            &authority.ca_file(),
            identity.certificate_file(),
            identity.key_file(),
        )
        .start();
    let by = |port: u16| format!("host = \"127.0.0.1\"\nport = {port}");
    let ways = [
        ("local", format!("socket = {:?}", rsyslog.socket())),
        ("tcp", by(rsyslog.tcp_address().port())),
        (
            "tls",
            format!(
                "{}\ntls = true\nca_file = {:?}",
                by(rsyslog.tls_address().port()),
                authority.ca_file()
            ),
        ),
    ];
    let sinks = ways.map(|(name, way)| {
        let sink = format!("type = \"syslog\"\nfacility = \"local3\"\n{way}\n{KEYS}\n");
        (name, sink)
    });
    let sinks = sinks.each_ref().map(|(name, sink)| (*name, sink.as_str()));
    let audited = start_beside(line, &sinks);
    let mut admin = audited.scene.server.admin();
    // Where the server does not tell of results nothing is known to have failed.
    admin.run("SET arrives \"1").expect_ok();
    admin.run("LPUSH arrives x").expect_error("WRONGTYPE");
    let messages = eventually("all arrive", || {
        let all = rsyslog.written();
        let ours: Vec<_> = all
            .into_iter()
            .filter(|one| one.text.contains("\"warden.key\":\"arrives\""))
            .collect();
        (ours.len() >= 6).then_some(ours)
    });
    assert_eq!(messages.len(), 6, "{messages:?}");
    for message in &messages {
        assert_eq!(message.facility, "local3");
        assert_eq!(message.program, "valkey-warden");
        assert_eq!(message.process, audited.scene.server.pid().to_string());
        let record: Value = serde_json::from_str(&message.text).expect("the line as it was");
        let failed = record["warden.command"] == "lpush" && line == Line::V9_1;
        let severity = if failed { "notice" } else { "info" };
        assert_eq!(message.severity, severity, "{message:?}");
    }
    let structured = messages
        .iter()
        .filter(|one| one.structured_data.contains("sequenceId"));
    assert_eq!(structured.count(), 4);
}

fn records_arrive_at_a_collector_by_tcp_and_by_tls(line: Line) {
    let authority = Authority::new("ca");
    let plain = Collector::start();
    let demanding = tls::server_demanding(&authority.server(), authority.ca_der());
    let encrypted = Collector::start_tls(demanding);
    let client = authority.client("valkey");
    let lines = format!(
        "{}tls = true\nca_file = {:?}\ncertificate_file = {:?}\nkey_file = {:?}\n",
        tcp(encrypted.address()),
        authority.ca_file(),
        client.certificate_file(),
        client.key_file()
    );
    let net = tcp(plain.address());
    let audited = start_beside(line, &[("net", &net), ("encrypted", &lines)]);
    write(&mut audited.scene.server.admin(), "key", 100);
    for collector in [&plain, &encrypted] {
        wait_for_keys(collector, "key", 100);
    }
    assert_eq!(status(&audited, "dropped"), "0");
    // When it ends it says so, and in good order.
    audited.scene.server.stop();
    for collector in [&plain, &encrypted] {
        let connections = collector.ended(1);
        let last = connections.last().expect("one was there");
        let (lines, rest) = last.lines();
        assert!(rest.is_empty(), "a line is cut");
        let last = String::from_utf8_lossy(lines.last().expect("lines"));
        assert!(last.contains("audit-stop"), "{last}");
    }
}

fn a_collector_that_stalls_holds_nobody_up_and_nothing_is_lost(line: Line) {
    let collector = Collector::start();
    collector.behave(Manner::StallAfter(1000));
    let audited = start(
        line,
        &format!("{}timeout_ms = 1500\n", tcp(collector.address())),
    );
    let mut admin = audited.scene.server.admin();
    // More than a socket holds.
    write(&mut admin, "key", 12_000);
    ping(&audited);
    wait_for_state(&audited, "failing");
    assert!(!status(&audited, "last_error").is_empty());
    ping(&audited);
    collector.behave(Manner::Read);
    wait_for_keys(&collector, "key", 12_000);
    wait_for_state(&audited, "ok");
    assert_eq!(status(&audited, "dropped"), "0");
}

fn what_does_not_fit_while_a_collector_stalls_is_counted_exactly(line: Line) {
    let collector = Collector::start();
    collector.behave(Manner::StallAfter(1000));
    let net = tcp(collector.address()).replace("\"keys\", \"config\"", "\"keys\"");
    let more = "timeout_ms = 1500\nbuffer_bytes = 1048576\n";
    let audited = start(line, &format!("{net}{more}"));
    let mut admin = audited.scene.server.admin();
    let sent = 12_000;
    write(&mut admin, "key", sent);
    ping(&audited);
    wait_for_state(&audited, "failing");
    let lost: u64 = status(&audited, "dropped").parse().unwrap();
    assert!(lost > 0, "all of it fits");
    // Nothing of what waits is lost by more attempts that fail.
    let before = collector.connections().len();
    eventually("it tries again", || {
        (collector.connections().len() > before).then_some(())
    });
    wait_for_state(&audited, "failing");
    assert_eq!(status(&audited, "dropped"), lost.to_string());
    collector.behave(Manner::Read);
    let losses = || {
        let mut losses = std::collections::BTreeMap::new();
        for line in collector.lines() {
            let record: Value = serde_json::from_str(&line).expect("a line of JSON");
            if record["event.action"] == "audit-loss" {
                assert_eq!(record["event.reason"], "buffer full", "{line}");
                // What arrives twice is one record.
                let sequence = record["warden.sequence"].as_u64().expect("a number");
                losses.insert(sequence, record["warden.lost"].as_u64().expect("a number"));
            }
        }
        losses
    };
    let recorded = || (!losses().is_empty()).then_some(());
    let recorded = warden_tests::patience::within(Duration::from_secs(60), recorded);
    assert!(recorded.is_some(), "the loss is not recorded");
    wait_for_state(&audited, "ok");
    write(&mut admin, "after", 10);
    wait_for_keys(&collector, "after", 10);
    let kept = keys(&collector.lines(), "key").len() as u64;
    let losses: u64 = losses().values().sum();
    assert_eq!(kept + losses, sent as u64);
    assert_eq!(status(&audited, "dropped"), losses.to_string());
}

fn a_collector_that_resets_in_the_middle_of_a_line_gets_all_of_it_again(line: Line) {
    let collector = Collector::start();
    collector.behave_next([
        Manner::ResetAfter(5003),
        Manner::ResetAfter(70_001),
        Manner::ResetLater(30_000, Duration::from_millis(300)),
    ]);
    let audited = start(line, &tcp(collector.address()));
    let mut admin = audited.scene.server.admin();
    for round in 0..6 {
        write(&mut admin, &format!("key:{round}"), 200);
        ping(&audited);
    }
    wait_for_keys(&collector, "key", 1200);
    assert_eq!(status(&audited, "dropped"), "0");
    wait_for_state(&audited, "ok");
    assert!(collector.connections().len() >= 4);
}

fn a_collector_that_is_away_at_first_gets_everything_later(line: Line) {
    let address = free_address();
    let audited = start(line, &tcp(address));
    let mut admin = audited.scene.server.admin();
    write(&mut admin, "key", 500);
    wait_for_state(&audited, "failing");
    assert!(status(&audited, "last_error").contains("refused"));
    ping(&audited);
    let collector = Collector::at(address, None);
    wait_for_keys(&collector, "key", 500);
    wait_for_state(&audited, "ok");
    assert_eq!(status(&audited, "dropped"), "0");
}

/// That the sink tries no more, which a collector that is there then shows.
fn expect_given_up(audited: &Audited, collector: impl FnOnce() -> Collector) -> Collector {
    eventually("it says that it was given up", || {
        let why = status(audited, "last_error");
        why.contains("no more tries").then_some(())
    });
    let collector = collector();
    let before = collector.connections().len();
    let tries = warden_tests::patience::within(Duration::from_secs(2), || {
        (collector.connections().len() > before).then_some(())
    });
    assert!(tries.is_none(), "it tries again");
    ping(audited);
    collector
}

fn a_collector_that_was_given_up_gets_what_waited_once_somebody_says_so(line: Line) {
    let address = free_address();
    let net = tcp(address).replace("\"keys\", \"config\"", "\"keys\"");
    let audited = start(line, &format!("{net}max_retries = 2\n"));
    let mut admin = audited.scene.server.admin();
    write(&mut admin, "key", 500);
    let collector = expect_given_up(&audited, || Collector::at(address, None));
    write(&mut admin, "key:later", 100);
    assert!(collector.lines().is_empty());
    admin.run("WARDEN.RELOAD");
    wait_for_state(&audited, "ok");
    write(&mut admin, "after", 10);
    wait_for_keys(&collector, "after", 10);
    let lines = collector.lines();
    let losses = lines.iter().filter(|line| line.contains("audit-loss"));
    let losses: u64 = losses
        .map(|line| {
            let record: Value = serde_json::from_str(line).expect("a line of JSON");
            record["warden.lost"].as_u64().expect("a number")
        })
        .sum();
    // That the sink began, twice perhaps, is a record that can be lost as well.
    let kept = keys(&lines, "key").len() as u64;
    let all = kept + losses;
    assert!((600..=601).contains(&all), "{kept} kept, {losses} lost");
    assert_eq!(status(&audited, "dropped"), losses.to_string());
}

fn a_sink_that_shall_not_reconnect_does_so_only_when_somebody_says_so(line: Line) {
    let collector = Collector::start();
    collector.behave_next([Manner::ResetAfter(5003)]);
    let net = tcp(collector.address());
    let audited = start(line, &format!("{net}reconnect_on_failure = false\n"));
    let mut admin = audited.scene.server.admin();
    eventually("the connection is reset", || {
        write(&mut admin, "key", 10);
        let ended = collector.connections().first().map(|one| one.is_over);
        (ended == Some(true)).then_some(())
    });
    eventually("it is noticed", || {
        write(&mut admin, "more", 10);
        (status(&audited, "state") == "failing").then_some(())
    });
    let collector = expect_given_up(&audited, || collector);
    admin.run("WARDEN.RELOAD");
    wait_for_state(&audited, "ok");
    write(&mut admin, "after", 10);
    wait_for_after(&collector);
    assert_eq!(collector.connections().len(), 2);
    // It begins anew.
    let connections = collector.connections();
    let (lines, _) = connections[1].lines();
    let first: Value = serde_json::from_slice(lines[0]).expect("a line of JSON");
    assert_eq!(first["warden.sequence"], 1);
    assert_eq!(first["event.action"], "audit-start");
}

/// Its numbers are not those of the connection before.
fn wait_for_after(collector: &Collector) {
    eventually("what comes after it arrives", || {
        let lines = collector.lines();
        let last = lines.iter().any(|line| line.contains("\"after:9\""));
        last.then_some(())
    });
}

/// A server whose sink has more to say than the collector takes.
fn stalling(line: Line, collector: &Collector) -> Audited {
    collector.behave(Manner::StallAfter(1000));
    let audited = start(line, &tcp(collector.address()));
    write(&mut audited.scene.server.admin(), "key", 12_000);
    audited
}

fn the_module_goes_while_a_collector_stalls(line: Line) {
    let collector = Collector::start();
    let audited = stalling(line, &collector);
    let mut admin = audited.scene.server.admin();
    let start = Instant::now();
    eventually("warden is unloaded", || {
        admin.run("MODULE UNLOAD warden").is_ok().then_some(())
    });
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    audited.scene.server.expect_healthy();
}

fn the_server_ends_while_a_collector_stalls(line: Line) {
    let collector = Collector::start();
    let audited = stalling(line, &collector);
    let start = Instant::now();
    audited.scene.server.stop();
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
}

fn what_is_not_kept_for_a_collector_that_is_away_is_counted_exactly(line: Line) {
    let address = free_address();
    let audited = start(
        line,
        &format!("{}buffer_on_disconnect = false\n", tcp(address)),
    );
    let mut admin = audited.scene.server.admin();
    write(&mut admin, "away", 1);
    wait_for_state(&audited, "failing");
    write(&mut admin, "away:more", 300);
    ping(&audited);
    let collector = Collector::at(address, None);
    wait_for_state(&audited, "ok");
    write(&mut admin, "key", 100);
    wait_for_keys(&collector, "key", 100);
    let lines = collector.lines();
    let records: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let lost: u64 = records
        .iter()
        .filter(|record| record["event.action"] == "audit-loss")
        .map(|record| record["warden.lost"].as_u64().expect("a number"))
        .sum();
    let kept = keys(&lines, "away").len() as u64;
    let begun = lines.iter().any(|line| line.contains("audit-start"));
    assert!(lost > 0);
    // That the sink began is a record, too.
    let own: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("audit-"))
        .collect();
    assert_eq!(kept + lost, 301 + u64::from(!begun), "{own:#?}");
    assert_eq!(status(&audited, "dropped"), lost.to_string());
}
