//! What a real syslog server makes of messages, by each of the three ways.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use warden_audit::settings::{RetrySettings, SyslogReceiver, SyslogSettings, TcpSettings};
use warden_audit::{Again, Facility, Head, Sink, SyslogSink};

use super::feed::{Feed, number, retry, settings, unstopped};
use crate::authority::Authority;
use crate::servers::rsyslog::{Message, Rsyslog};

fn local(rsyslog: &Rsyslog) -> SyslogSink {
    to(SyslogReceiver::Local {
        socket: rsyslog.socket(),
        retry: retry(),
    })
}

fn remote(address: SocketAddr) -> SyslogSink {
    to(SyslogReceiver::Remote(settings(
        "127.0.0.1",
        address.port(),
    )))
}

fn to(receiver: SyslogReceiver) -> SyslogSink {
    let settings = SyslogSettings {
        facility: Facility::named("local3").unwrap(),
        receiver,
    };
    SyslogSink::new(&settings, unstopped()).unwrap()
}

/// Lines that are hard to carry: numbers, what syslog itself uses, and all planes of Unicode.
fn odd_lines(feed: &mut Feed) -> (Vec<u8>, Vec<Head>, Vec<String>) {
    let texts = [
        "a plain line",
        "<13>1 - - - - - - no message within a message",
        "name[1]: [origin x=\"]\"] \\ \"quoted\" 'too' %msg% {\"json\":[1,2]}",
        "käse 🧀 \u{202e}right to left\u{202c} e\u{301} \u{feff}mark within \u{fffd}\u{10ffff}",
        " begins and ends with spaces ",
        "12 begins with a number",
    ];
    let (mut lines, mut heads) = (Vec::new(), Vec::new());
    for text in texts {
        heads.push(feed.head(text));
        lines.extend_from_slice(format!("{text}\n").as_bytes());
    }
    (lines, heads, texts.map(str::to_owned).to_vec())
}

fn one_line(feed: &mut Feed, text: &str) -> (Vec<u8>, Vec<Head>) {
    let head = feed.head(text);
    (format!("{text}\n").into_bytes(), vec![head])
}

/// The text without the mark that says it is UTF-8.
fn unmarked(message: &Message) -> &str {
    message
        .text
        .strip_prefix('\u{feff}')
        .unwrap_or(&message.text)
}

fn by_rfc_5424(messages: &[Message], texts: &[String]) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for (place, (message, text)) in messages.iter().zip(texts).enumerate() {
        let sequence = place + 1;
        let severity = if sequence % 2 == 0 { "notice" } else { "info" };
        assert_eq!(message.facility, "local3");
        assert_eq!(message.severity, severity);
        assert_eq!(message.host, host.trim());
        assert_eq!(message.program, "valkey-warden");
        assert_eq!(message.process, std::process::id().to_string());
        assert_eq!(message.id, "auth");
        assert_eq!(
            message.structured_data,
            format!(
                "[origin software=\"valkey-warden\" swVersion=\"{}\"][meta sequenceId=\"{sequence}\"]",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert_eq!(unmarked(message), text);
        assert_eq!(message.text.starts_with('\u{feff}'), !text.is_ascii());
    }
}

#[test]
fn the_daemon_of_this_machine_takes_every_line_to_the_byte() {
    let rsyslog = Rsyslog::builder().start();
    let mut sink = local(&rsyslog);
    let mut feed = Feed::default();
    let (lines, heads, texts) = odd_lines(&mut feed);
    sink.write(&lines, &heads).unwrap();
    sink.close().unwrap();
    let messages = rsyslog.messages(texts.len());
    for (place, (message, text)) in messages.iter().zip(&texts).enumerate() {
        let severity = if place % 2 == 1 { "notice" } else { "info" };
        assert_eq!(message.facility, "local3");
        assert_eq!(message.severity, severity);
        assert_eq!(message.program, "valkey-warden");
        assert_eq!(message.process, std::process::id().to_string());
        assert_eq!(&message.text, text);
    }
}

#[test]
fn a_line_longer_than_the_daemon_takes_arrives_in_parts() {
    // What rsyslog takes unless it is told otherwise.
    let rsyslog = Rsyslog::builder().message_bytes(8192).start();
    let mut sink = local(&rsyslog);
    let mut feed = Feed::default();
    let text: String = (0..20_000).map(|n| format!("{n}🧀")).collect();
    let (lines, heads) = one_line(&mut feed, &text);
    sink.write(&lines, &heads).unwrap();
    let (lines, heads) = one_line(&mut feed, "after");
    sink.write(&lines, &heads).unwrap();
    let parts = lines_of(&rsyslog, "after");
    let mut joined = String::new();
    for (place, part) in parts.iter().enumerate() {
        let before = format!("part={}/{} sequence=1 ", place + 1, parts.len());
        joined += part.strip_prefix(&before).unwrap();
    }
    assert!(parts.len() > 10 && joined == text);
}

/// What arrived before this message.
fn lines_of(rsyslog: &Rsyslog, last: &str) -> Vec<String> {
    crate::patience::eventually("the last message", || {
        let texts: Vec<String> = rsyslog.written().into_iter().map(|one| one.text).collect();
        let place = texts.iter().position(|text| text == last)?;
        Some(texts[..place].to_vec())
    })
}

#[test]
fn what_the_daemon_had_not_read_when_it_was_killed_it_gets_when_it_is_back() {
    let rsyslog = Rsyslog::builder().start();
    let mut sink = local(&rsyslog);
    let mut feed = Feed::default();
    let lines = feed.lines(50, 100);
    feed.deliver(&mut sink, &lines);
    rsyslog.messages(50);
    rsyslog.stall();
    // Few enough for the socket to hold.
    let lines = feed.lines(5, 100);
    sink.write(&lines.0, &lines.1).unwrap();
    rsyslog.kill();
    let away = crate::patience::eventually("the daemon is missed", || sink.tend().err());
    let away = away.to_string();
    let place = format!("{:?}: Connection refused", rsyslog.socket());
    assert!(away.starts_with(&place), "{away}");
    rsyslog.start_again();
    let lines = feed.lines(50, 100);
    feed.deliver(&mut sink, &lines);
    feed.tend_until(&mut sink, "all lines", || {
        let texts: Vec<String> = rsyslog.written().into_iter().map(|one| one.text).collect();
        feed_is_complete(&texts, 105)
    });
}

fn feed_is_complete(texts: &[String], last: u64) -> bool {
    let mut numbers: Vec<u64> = texts.iter().map(|text| number(text)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().eq(1..=last)
}

#[test]
fn a_daemon_that_takes_nothing_keeps_nobody_longer_than_the_time_out() {
    let rsyslog = Rsyslog::builder().start();
    let mut sink = to(SyslogReceiver::Local {
        socket: rsyslog.socket(),
        retry: RetrySettings {
            timeout: Duration::from_millis(300),
            ..retry()
        },
    });
    rsyslog.stall();
    let mut feed = Feed::default();
    let other = thread::scope(|threads| {
        let rsyslog = &rsyslog;
        threads.spawn(move || {
            thread::sleep(Duration::from_secs(2));
            rsyslog.resume();
        });
        let lines = feed.lines(5_000, 1_000);
        feed.deliver(&mut sink, &lines);
        feed
    });
    assert!(
        other.was_told("the daemon takes nothing"),
        "{:?}",
        other.errors
    );
    assert!(
        other.longest < Duration::from_millis(1200),
        "{:?}",
        other.longest
    );
    let texts: Vec<String> = rsyslog
        .messages(5_000)
        .into_iter()
        .map(|one| one.text)
        .collect();
    assert!(
        feed_is_complete(&texts, 5_000) && texts.len() == 5_000,
        "none twice"
    );
}

#[test]
fn a_machine_without_a_daemon_says_which_socket_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("log");
    let mut sink = to(SyslogReceiver::Local {
        socket: socket.clone(),
        retry: RetrySettings {
            interval: Duration::from_mins(1),
            ..retry()
        },
    });
    let why = sink.tend().unwrap_err().to_string();
    assert_eq!(
        why,
        format!("{socket:?}: No such file or directory (os error 2)")
    );
    assert!(matches!(sink.again(), Again::After(wait) if !wait.is_zero()));
}

#[test]
fn an_end_without_the_daemon_says_how_many_records_may_be_lost_and_knows_which_must_be() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("log");
    let mut sink = to(SyslogReceiver::Local {
        socket: socket.clone(),
        retry: retry(),
    });
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let mut feed = Feed::default();
    let lines = feed.lines(3, 100);
    sink.write(&lines.0, &lines.1).unwrap();
    drop(daemon);
    std::fs::remove_file(&socket).unwrap();
    // Six datagrams.
    let lines = feed.lines(1, 40_000);
    assert_eq!(
        sink.write(&lines.0, &lines.1).unwrap_err().taken,
        lines.0.len()
    );
    let why = sink.close().unwrap_err().to_string();
    let place = format!("{socket:?}: No such file or directory (os error 2)");
    assert_eq!(why, place + "; 4 records may not have arrived");
    assert_eq!(sink.untaken().records, 1);
}

#[test]
fn a_record_of_which_the_daemon_took_only_parts_is_one_that_it_never_got() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("log");
    let _daemon = UnixDatagram::bind(&socket).unwrap();
    let mut sink = to(SyslogReceiver::Local {
        socket: socket.clone(),
        retry: RetrySettings {
            timeout: Duration::from_millis(100),
            ..retry()
        },
    });
    let mut feed = Feed::default();
    let lines = feed.lines(2, 100);
    sink.write(&lines.0, &lines.1).unwrap();
    // More than the socket holds.
    let lines = feed.lines(1, 1 << 20);
    sink.write(&lines.0, &lines.1).unwrap_err();
    let why = sink.close().unwrap_err().to_string();
    let why = why.strip_prefix(&format!("{socket:?}: the daemon takes nothing; "));
    assert_eq!(why, Some("3 records may not have arrived"));
    assert_eq!(sink.untaken().records, 1);
}

#[test]
fn the_last_try_is_made_at_once_unless_the_daemon_was_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("log");
    let with = |max_retries| {
        to(SyslogReceiver::Local {
            socket: socket.clone(),
            retry: RetrySettings {
                interval: Duration::from_mins(1),
                max_retries,
                ..retry()
            },
        })
    };
    let (mut sink, mut given_up) = (with(None), with(Some(0)));
    sink.tend().unwrap_err();
    given_up.tend().unwrap_err();
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let (lines, heads) = one_line(&mut Feed::default(), "the last");
    assert_eq!(sink.write(&lines, &heads).unwrap_err().taken, 0);
    sink.try_now();
    sink.write(&lines, &heads).unwrap();
    sink.close().unwrap();
    let mut datagram = [0; 100];
    let length = daemon.recv(&mut datagram).unwrap();
    assert!(datagram[..length].ends_with(b"]: the last"));
    given_up.try_now();
    assert_eq!(given_up.write(&lines, &heads).unwrap_err().taken, 0);
    assert_eq!(given_up.again(), Again::Never);
}

#[test]
fn a_server_understands_every_field_of_rfc_5424_over_tcp() {
    let rsyslog = Rsyslog::builder().start();
    let mut sink = remote(rsyslog.tcp_address());
    let mut feed = Feed::default();
    let (lines, heads, mut texts) = odd_lines(&mut feed);
    sink.write(&lines, &heads).unwrap();
    let long = format!("long {} end", "🧀x".repeat(210_000));
    assert!(long.len() > 1 << 20);
    let (lines, heads) = one_line(&mut feed, &long);
    sink.write(&lines, &heads).unwrap();
    sink.close().unwrap();
    texts.push(long);
    by_rfc_5424(&rsyslog.messages(texts.len()), &texts);
}

#[test]
fn a_server_understands_every_field_over_tls_and_knows_the_client() {
    let authority = Authority::new("corp");
    let server = authority.server();
    let rsyslog = Rsyslog::builder()
        .tls(
            &authority.ca_file(),
            server.certificate_file(),
            server.key_file(),
        )
        .demanding_certificates()
        .start();
    let client = authority.client("valkey");
    let known = TcpSettings {
        tls: true,
        ca_file: Some(authority.ca_file()),
        certificate_file: Some(client.certificate_file().to_owned()),
        key_file: Some(client.key_file().to_owned()),
        ..settings("localhost", rsyslog.tls_address().port())
    };
    let mut sink = to(SyslogReceiver::Remote(known.clone()));
    let mut feed = Feed::default();
    let (lines, heads, texts) = odd_lines(&mut feed);
    sink.write(&lines, &heads).unwrap();
    sink.close().unwrap();
    by_rfc_5424(&rsyslog.messages(texts.len()), &texts);
    let mut stranger = to(SyslogReceiver::Remote(TcpSettings {
        certificate_file: None,
        key_file: None,
        ..known.clone()
    }));
    let (lines, heads) = one_line(&mut feed, "from nobody");
    let _believed = stranger.write(&lines, &heads);
    crate::patience::eventually("the stranger is refused", || stranger.tend().err());
    let mut deceived = to(SyslogReceiver::Remote(TcpSettings {
        ca_file: Some(Authority::new("other").ca_file()),
        ..known
    }));
    deceived.write(&lines, &heads).unwrap_err();
    assert_eq!(rsyslog.written().len(), texts.len());
}

#[test]
fn a_server_that_is_killed_with_messages_unread_gets_them_when_it_is_back() {
    let rsyslog = Rsyslog::builder().start();
    let mut sink = remote(rsyslog.tcp_address());
    let mut feed = Feed::default();
    let lines = feed.lines(500, 200);
    feed.deliver(&mut sink, &lines);
    rsyslog.messages(500);
    rsyslog.stall();
    let lines = feed.lines(500, 200);
    sink.write(&lines.0, &lines.1).unwrap();
    rsyslog.kill();
    let lines = feed.lines(500, 200);
    let mut sink = thread::scope(|threads| {
        let offering = threads.spawn(|| {
            feed.deliver(&mut sink, &lines);
            sink
        });
        rsyslog.start_again();
        offering.join().unwrap()
    });
    let mut after = Feed::default();
    after.tend_until(&mut sink, "all lines", || {
        let texts: Vec<String> = rsyslog.written().into_iter().map(|one| one.text).collect();
        feed_is_complete(&texts, 1500)
    });
    sink.close().unwrap();
}
