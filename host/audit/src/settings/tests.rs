//! What a file says, and what is wrong with one.

use super::*;
use crate::event::Category;
use crate::sink::Facility;

/// The settings of a file `/etc/warden/audit/10-main.toml`.
fn parse(text: &str) -> Result<SinkSettings, Vec<String>> {
    let file = Path::new("/etc/warden/audit/10-main.toml");
    SinkSettings::parse(file, text.as_bytes()).map_err(|faults| {
        let tell = |fault: Fault| fault.in_file(Path::new("f")).to_string();
        faults.into_iter().map(tell).collect()
    })
}

fn good(text: &str) -> SinkSettings {
    parse(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

const FILE: &str = "type = 'file'\npath = '/var/log/audit.log'\n";

#[test]
fn a_path_is_all_that_must_be_said() {
    let settings = SinkSettings {
        name: "main".to_owned(),
        destination: Destination::File(FileSettings {
            path: "/var/log/audit.log".into(),
            fsync: Fsync::Interval,
            rotate_bytes: 0,
            rotate_seconds: 0,
            keep_files: 0,
        }),
        format: Format::Text,
        wishes: Wishes::default(),
        payload: Payload {
            disabled: false,
            max_bytes: 1024,
        },
        redact: Vec::new(),
        flush: Flush {
            threshold_bytes: 8192,
            interval: Duration::from_secs(1),
        },
        buffer_bytes: 64 * 1024 * 1024,
        on_loss: OnLoss::Drop,
        chain: false,
        signing: None,
    };
    assert_eq!(good(FILE), settings);
}

#[test]
fn every_key_is_taken() {
    let settings = good(
        "type = 'file'
        path = '/audit/warden.log'
        format = 'json'
        events = ['connections', 'keys', 'flushes', 'auth']
        command_result_mode = 'all'
        exclude = ['bob', '@10.0.0.0/8']
        exclude_commands = ['PING', 'config|get']
        prefix_filter = ['!FT.*']
        always_audit_config = true
        ignore_internal_clients = false
        payload_disable = true
        payload_maxsize = 65536
        flush_threshold_bytes = 1
        flush_interval_seconds = 3600
        buffer_bytes = 1048576
        on_loss = 'refuse'
        chain = true
        signing_key_file = 'keys/audit.pem'
        checkpoint_seconds = 5
        fsync = 'always'
        rotate_bytes = 1000000
        rotate_seconds = 86400
        keep_files = 30
        [custom_category]
        flushes = ['FLUSHALL', 'flushdb']
        [[redact]]
        command = 'json.set'
        arguments = [3]
        [[redact]]
        key = 'secret:*'",
    );
    let wishes = &settings.wishes;
    let events = [Category::Connections, Category::Auth, Category::Keys];
    assert_eq!(wishes.events, events);
    assert!(wishes.commands.has(b"flushdb") && !wishes.commands.has(b"get"));
    assert!(wishes.successes && wishes.always_audit_config && !wishes.ignore_internal_clients);
    assert_eq!(wishes.exclude.len(), 2);
    for name in ["ping", "config|get", "ft.search"] {
        assert!(wishes.exclude_commands.has(name.as_bytes()), "{name}");
    }
    assert_eq!(settings.redact.len(), 2);
    let signing = Signing {
        key_file: "/etc/warden/audit/keys/audit.pem".into(),
        interval: Duration::from_secs(5),
    };
    assert_eq!(settings.signing, Some(signing));
    assert_eq!(
        (settings.format, settings.on_loss),
        (Format::Json, OnLoss::Refuse)
    );
    assert_eq!(settings.payload.max_bytes, 65_536);
    assert_eq!(settings.flush.interval, Duration::from_secs(3600));
    let Destination::File(file) = settings.destination else {
        panic!("no file");
    };
    assert_eq!((file.fsync, file.keep_files), (Fsync::Always, 30));
    assert_eq!(
        (file.rotate_bytes, file.rotate_seconds),
        (1_000_000, 86_400)
    );
}

#[test]
fn events_are_a_list_or_a_word() {
    let all = Category::CHOSEN.to_vec();
    for (events, expected) in [
        ("'all'", all.clone()),
        ("['all']", all.clone()),
        ("['all', 'keys']", all),
        ("'none'", vec![]),
        ("['none']", vec![]),
        ("'session'", vec![Category::Session]),
        (
            "['policy', 'admin', 'acl', 'acl']",
            vec![Category::Acl, Category::Policy, Category::Admin],
        ),
    ] {
        let settings = good(&format!("{FILE}events = {events}"));
        assert_eq!(settings.wishes.events, expected, "{events}");
    }
}

#[test]
fn a_sink_is_named_after_its_file() {
    for (file, name) in [
        ("/a/10-main.toml", Some("main")),
        ("/a/main.toml", Some("main")),
        ("/a/10main.toml", Some("10main")),
        ("/a/7.toml", Some("7")),
        ("/a/A_b-1.toml", Some("A_b-1")),
        ("/a/10-.toml", None),
        ("/a/my sink.toml", None),
        ("/a/é.toml", None),
    ] {
        let settings = SinkSettings::parse(Path::new(file), FILE.as_bytes());
        assert_eq!(
            settings.ok().map(|settings| settings.name).as_deref(),
            name,
            "{file}"
        );
    }
    let long = format!("/a/{}.toml", "a".repeat(65));
    assert!(SinkSettings::parse(Path::new(&long), FILE.as_bytes()).is_err());
}

#[test]
fn each_fault_is_told_with_its_key() {
    for (line, key) in [
        ("format = 'xml'", "format: must be one of text, json, csv"),
        ("format = 1", "format: must be"),
        ("events = []", "events"),
        ("events = ['key']", "events: \"key\" is none of"),
        ("events = ['none', 'keys']", "events: holds \"none\""),
        ("events = ['audit']", "events"),
        ("events = 1", "events"),
        (
            "command_result_mode = 'some'",
            "command_result_mode: must be",
        ),
        ("exclude = ['@localhost']", "exclude: \"@localhost\" ends"),
        ("exclude = ['bob', '']", "exclude"),
        ("exclude = 'bob'", "exclude: must be a list"),
        (
            "exclude_commands = ['get;']",
            "exclude_commands: \"get;\" is no",
        ),
        (
            "prefix_filter = ['ft.*']",
            "prefix_filter: \"ft.*\" excludes",
        ),
        (
            "always_audit_config = 'yes'",
            "always_audit_config: must be true",
        ),
        ("ignore_internal_clients = 1", "ignore_internal_clients"),
        ("payload_disable = 0", "payload_disable"),
        ("payload_maxsize = 0", "payload_maxsize"),
        ("payload_maxsize = 65537", "payload_maxsize"),
        ("flush_threshold_bytes = 0", "flush_threshold_bytes"),
        ("flush_interval_seconds = 0", "flush_interval_seconds"),
        ("flush_interval_seconds = 1.5", "flush_interval_seconds"),
        ("buffer_bytes = 1048575", "buffer_bytes"),
        ("on_loss = 'stop'", "on_loss: must be one of drop, refuse"),
        ("chain = 'yes'", "chain"),
        (
            "checkpoint_seconds = 5",
            "checkpoint_seconds: goes together",
        ),
        (
            "signing_key_file = 'k'",
            "signing_key_file: goes together with chain",
        ),
        (
            "chain = true\nsigning_key_file = ''",
            "signing_key_file: must be",
        ),
        (
            "chain = true\nsigning_key_file = 'k'\ncheckpoint_seconds = 0",
            "checkpoint_seconds",
        ),
        ("fsync = 'sometimes'", "fsync"),
        ("rotate_bytes = -1", "rotate_bytes"),
        ("rotate_seconds = 31536001", "rotate_seconds"),
        ("keep_files = 3", "keep_files: is of no use"),
        (
            "port = 514",
            "port: is for type = syslog or tcp, and this is file",
        ),
        ("facility = 'auth'", "facility: is for type = syslog"),
        ("colour = 'red'", "colour: is not a known key"),
        ("[custom_category]", "custom_category: takes 1 to"),
        (
            "[custom_category]\nx = ['get']",
            "custom_category.x: is of no use",
        ),
        (
            "events = ['x']\n[custom_category]\nx = []",
            "custom_category.x: must be",
        ),
        (
            "events = ['x']\n[custom_category]\nx = 'get'",
            "custom_category.x: must be",
        ),
        (
            "events = ['x']\n[custom_category]\nx = ['a b c']",
            "custom_category.x: \"a b c\" is",
        ),
        (
            "events = ['keys']\n[custom_category]\nkeys = ['get']",
            "custom_category.keys: is a cat",
        ),
        (
            "events = ['a.b']\n[custom_category]\n'a.b' = ['get']",
            "custom_category.\"a.b\": takes",
        ),
        ("[[redact]]", "redact[0]: takes command"),
        ("[[redact]]\ncommand = ''", "redact[0].command: takes 1 to"),
        ("[[redact]]\nkey = 'a**b'", "redact[0].key: is no pattern"),
        (
            "[[redact]]\narguments = [0]",
            "redact[0].arguments: must be",
        ),
        ("[[redact]]\narguments = []", "redact[0].arguments: must be"),
        (
            "[[redact]]\nvalue = 'x'\ncolour = 1",
            "redact[0].colour: is not",
        ),
    ] {
        let faults = parse(&format!("{FILE}{line}")).expect_err(line);
        assert_eq!(faults.len(), 1, "{line}: {faults:?}");
        assert!(faults[0].contains(key), "{line}: {faults:?}");
    }
}

#[test]
fn a_destination_must_be_told() {
    for (text, key) in [
        ("", "type: is missing; it must be file, syslog, tcp"),
        ("type = 'kafka'", "type: must be one of file, syslog, tcp"),
        (
            "type = 'kafka'\npath = '/a'\nport = 1",
            "type: must be one of",
        ),
        ("type = 'file'", "path: is missing"),
        (
            "type = 'file'\npath = 'audit.log'",
            "path: must be an absolute",
        ),
        (
            "type = 'file'\npath = '/var/log/'",
            "path: must be an absolute",
        ),
        (
            "type = 'file'\npath = \"/a\\u0000b\"",
            "path: must be an absolute",
        ),
        ("type = 'file'\npath = 7", "path: must be"),
    ] {
        let faults = parse(text).unwrap_err();
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].contains(key), "{text}: {faults:?}");
    }
}

#[test]
fn all_faults_are_told_together() {
    let faults = parse("format = 'xml'\nchain = 1\nbuffer_bytes = 1\ncolour = 2").unwrap_err();
    assert_eq!(faults.len(), 5, "{faults:?}");
    assert_eq!(parse("type = ").unwrap_err().len(), 1);
}

fn retry() -> RetrySettings {
    RetrySettings {
        timeout: Duration::from_millis(5000),
        interval: Duration::from_secs(1),
        max_retries: None,
        reconnect_on_failure: true,
        buffer_on_disconnect: true,
    }
}

#[test]
fn collectors_are_named_by_host_and_port() {
    let tcp = TcpSettings {
        host: "collector".to_owned(),
        port: 9514,
        tls: false,
        ca_file: None,
        certificate_file: None,
        key_file: None,
        retry: retry(),
    };
    let plain = good("type = 'tcp'\nhost = 'collector'\nport = 9514").destination;
    assert_eq!(plain, Destination::Tcp(tcp.clone()));
    let full = good(
        "type = 'tcp'
        host = 'collector'
        port = 9514
        tls = true
        ca_file = 'ca.pem'
        certificate_file = '/tls/c.pem'
        key_file = '/tls/k.pem'
        timeout_ms = 10
        retry_interval_ms = 600000
        max_retries = 0
        reconnect_on_failure = false
        buffer_on_disconnect = false",
    );
    let expected = TcpSettings {
        tls: true,
        ca_file: Some("/etc/warden/audit/ca.pem".into()),
        certificate_file: Some("/tls/c.pem".into()),
        key_file: Some("/tls/k.pem".into()),
        retry: RetrySettings {
            timeout: Duration::from_millis(10),
            interval: Duration::from_secs(600),
            max_retries: Some(0),
            reconnect_on_failure: false,
            buffer_on_disconnect: false,
        },
        ..tcp.clone()
    };
    assert_eq!(full.destination, Destination::Tcp(expected));
    let local = SyslogReceiver::Local {
        socket: "/dev/log".into(),
        retry: retry(),
    };
    for (text, facility, receiver) in [
        ("", "local0", local),
        (
            "facility = 'authpriv'\nsocket = '/run/log'\nmax_retries = 3",
            "authpriv",
            SyslogReceiver::Local {
                socket: "/run/log".into(),
                retry: RetrySettings {
                    max_retries: Some(3),
                    ..retry()
                },
            },
        ),
        (
            "host = 'collector'\nport = 9514",
            "local0",
            SyslogReceiver::Remote(tcp),
        ),
    ] {
        let settings = SyslogSettings {
            facility: Facility::named(facility).unwrap(),
            receiver,
        };
        let found = good(&format!("type = 'syslog'\n{text}")).destination;
        assert_eq!(
            (found.kind(), found),
            ("syslog", Destination::Syslog(settings)),
            "{text}"
        );
    }
}

#[test]
fn each_fault_of_a_collector_is_told_with_its_key() {
    const TCP: &str = "type = 'tcp'\nhost = 'c'\nport = 1\n";
    const SYSLOG: &str = "type = 'syslog'\n";
    for (start, line, key) in [
        ("type = 'tcp'\nport = 1\n", "", "host: is missing"),
        ("type = 'tcp'\nhost = 'c'\n", "", "port: is missing"),
        (
            "type = 'tcp'\nhost = ''\nport = 1\n",
            "",
            "host: \"\" is neither",
        ),
        ("type = 'tcp'\nhost = 'c d'\nport = 1\n", "", "host"),
        ("type = 'tcp'\nhost = '[::1]'\nport = 1\n", "", "host"),
        ("type = 'tcp'\nhost = 'c'\nport = 0\n", "", "port: must be"),
        (
            "type = 'tcp'\nhost = 'c'\nport = 65536\n",
            "",
            "port: must be",
        ),
        (
            "type = 'tcp'\nhost = 'c:1'\nport = 1\n",
            "tls = true",
            "host: \"c:1\" is no name",
        ),
        (
            TCP,
            "path = '/a'",
            "path: is for type = file, and this is tcp",
        ),
        (
            TCP,
            "facility = 'auth'",
            "facility: is for type = syslog, and this is tcp",
        ),
        (TCP, "ca_file = 'ca.pem'", "ca_file: is of no use"),
        (
            TCP,
            "tls = true\ncertificate_file = 'c'",
            "certificate_file: goes together",
        ),
        (
            TCP,
            "tls = true\nkey_file = 'k'",
            "certificate_file: goes together",
        ),
        (TCP, "tls = true\nca_file = ''", "ca_file: must be"),
        (TCP, "timeout_ms = 9", "timeout_ms"),
        (TCP, "retry_interval_ms = 600001", "retry_interval_ms"),
        (TCP, "max_retries = -1", "max_retries"),
        (TCP, "reconnect_on_failure = 'no'", "reconnect_on_failure"),
        (SYSLOG, "facility = 'local8'", "facility: must be one of"),
        (SYSLOG, "facility = 16", "facility: must be one of"),
        (SYSLOG, "socket = 'log'", "socket: must be an absolute"),
        (SYSLOG, "port = 514", "port: goes together with host"),
        (SYSLOG, "tls = true", "tls: goes together with host"),
        (
            SYSLOG,
            "host = 'c'\nport = 1\nsocket = '/l'",
            "socket: is of no use",
        ),
    ] {
        let faults = parse(&format!("{start}{line}")).expect_err(line);
        assert_eq!(faults.len(), 1, "{start}{line}: {faults:?}");
        assert!(faults[0].contains(key), "{start}{line}: {faults:?}");
    }
}

#[test]
fn the_examples_of_the_pages_are_good() {
    let blocks = |page: &'static str| {
        let parts = page.split("```toml\n").skip(1);
        parts.map(|part| part.split("```").next().unwrap())
    };
    for example in blocks(include_str!("../../../../docs/audit/settings.md")) {
        let start = if example.contains("type = ") {
            ""
        } else {
            FILE
        };
        good(&format!("{start}{example}"));
    }
    for example in blocks(include_str!("../../../../docs/audit/redaction.md")) {
        assert_eq!(good(&format!("{FILE}{example}")).redact.len(), 3);
    }
}
