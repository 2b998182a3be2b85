//! Lines of a server's file, and what becomes of them.

use std::fs;
use std::path::Path;

use super::*;
use crate::migrate::server_file;
use crate::migrate::valkey_audit::{check, given, toml_file};

fn carried(conf: &str) -> Migration {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valkey.conf");
    fs::write(&path, conf).unwrap();
    let file = server_file::read(&path).unwrap();
    carry(&file, given::collect(&file, is_known))
}

/// The keys of the file, which warden takes.
fn keys(conf: &str) -> toml::Table {
    let migration = carried(conf);
    assert_eq!(migration.errors, Vec::<String>::new(), "{conf}");
    let text = toml_file::render(&migration, Path::new("/etc/valkey.conf"));
    assert_eq!(check(Path::new("/d/audit.toml"), &text), Ok(()), "{text}");
    toml::from_str(&text).unwrap()
}

fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

const FILE: &str = "audit.protocol \"file /var/log/audit.log\"\n";
const KEYS: &str = "type = 'file'\npath = '/var/log/audit.warden.log'\n";

#[test]
fn each_setting_becomes_what_the_page_says() {
    for (lines, expected) in [
        ("", ""),
        ("audit.enabled yes", ""),
        ("audit.enabled no", ""),
        ("AUDIT.FORMAT JSON", "format = 'json'"),
        ("audit.events all", "events = ['all']"),
        ("audit.events none", "events = 'none'"),
        (
            "audit.events connections,auth",
            "events = ['connections', 'auth']",
        ),
        (
            "audit.events \"keys, config\"",
            "events = ['keys', 'config', 'acl']",
        ),
        ("audit.events \"\"", ""),
        (
            "audit.command_result_mode All",
            "command_result_mode = 'all'",
        ),
        ("audit.payload_disable yes", "payload_disable = true"),
        ("audit.payload_maxsize 512", "payload_maxsize = 512"),
        ("audit.payload_maxsize 0", "payload_maxsize = 65536"),
        ("audit.payload_maxsize 100000", "payload_maxsize = 65536"),
        (
            "audit.excluderules \"un1,@192.168.1.12,un2@192.168.1.22\"",
            "exclude = ['un1', '@192.168.1.12', 'un2@192.168.1.22']",
        ),
        (
            "audit.exclude_commands \"PING,ECHO\"",
            "exclude_commands = ['PING', 'ECHO']",
        ),
        (
            "audit.prefix_filter \"!FT*,!CLIENT*\"",
            "prefix_filter = ['!FT*', '!CLIENT*']",
        ),
        (
            "audit.prefix_filter \"!FT,JSON*\"",
            "prefix_filter = ['!FT*']",
        ),
        ("audit.prefix_filter JSON*", ""),
        (
            "audit.custom_category \"flushes:FLUSHDB,FLUSHALL\"\naudit.events auth,flushes",
            "events = ['auth', 'flushes']\n[custom_category]\nflushes = ['flushdb', 'flushall']",
        ),
        (
            "audit.custom_category \"a:GET;b:SET,DEL\"\naudit.events all,b",
            "events = ['all', 'b']\n[custom_category]\nb = ['set', 'del']",
        ),
        ("audit.custom_category flushes:FLUSHDB", ""),
        (
            "audit.always_audit_config yes",
            "always_audit_config = true",
        ),
        (
            "audit.ignore_internal_clients no",
            "ignore_internal_clients = false",
        ),
        (
            "audit.flush_threshold_bytes 4096",
            "flush_threshold_bytes = 4096",
        ),
        (
            "audit.flush_interval_seconds 5",
            "flush_interval_seconds = 5",
        ),
        ("audit.buffer_size 8388608", "buffer_bytes = 8388608"),
        ("audit.buffer_size 4096", "buffer_bytes = 1048576"),
        ("audit.auth_result_check_delay_ms 10", ""),
        ("audit.tcp_host collector", ""),
        ("audit.colour red", ""),
    ] {
        let expected = table(&format!("{KEYS}{expected}"));
        assert_eq!(keys(&format!("{FILE}{lines}\n")), expected, "{lines}");
    }
}

#[test]
fn each_protocol_becomes_a_type() {
    for (lines, expected) in [
        (
            "audit.protocol file /a/audit",
            "type = 'file'\npath = '/a/audit.warden'",
        ),
        (
            "dir /var/lib\naudit.protocol 'FILE a.log'",
            "type = 'file'\npath = '/var/lib/a.warden.log'",
        ),
        ("audit.protocol syslog", "type = 'syslog'"),
        (
            "audit.protocol syslog local3",
            "type = 'syslog'\nfacility = 'local3'",
        ),
        (
            "audit.protocol 'syslog LOG_AUTH'",
            "type = 'syslog'\nfacility = 'auth'",
        ),
        (
            "audit.protocol tcp \"h:9514\"",
            "type = 'tcp'\nhost = 'h'\nport = 9514",
        ),
        (
            "audit.protocol tcp [::1]:9",
            "type = 'tcp'\nhost = '::1'\nport = 9",
        ),
        (
            "audit.protocol tcp\naudit.tcp_host h\naudit.tcp_port 9",
            "type = 'tcp'\nhost = 'h'\nport = 9",
        ),
        (
            "audit.protocol tcp h:1\naudit.tcp_host other\naudit.tcp_port 2",
            "type = 'tcp'\nhost = 'h'\nport = 1",
        ),
        (
            "audit.protocol tcp h:1
            audit.tcp_timeout_ms 1
            audit.tcp_retry_interval_ms 3000
            audit.tcp_max_retries 3
            audit.tcp_buffer_on_disconnect no
            audit.tcp_reconnect_on_failure yes",
            "type = 'tcp'
            host = 'h'
            port = 1
            timeout_ms = 10
            retry_interval_ms = 3000
            max_retries = 3
            buffer_on_disconnect = false
            reconnect_on_failure = true",
        ),
    ] {
        assert_eq!(keys(&format!("{lines}\n")), table(expected), "{lines}");
    }
}

#[test]
fn arguments_of_loadmodule_count_where_no_line_says_otherwise() {
    for (lines, expected) in [
        (
            "loadmodule /m/libvalkeyaudit.so audit.protocol \"file /a.log\" AUDIT.FORMAT csv",
            "type = 'file'\npath = '/a.warden.log'\nformat = 'csv'",
        ),
        (
            "loadmodule /m/libvalkeyaudit.so protocol file /a.log format json events all",
            "type = 'file'\npath = '/a.warden.log'\nformat = 'json'\nevents = ['all']",
        ),
        (
            "loadmodule /m/libvalkeyaudit.so protocol syslog format csv\naudit.format text",
            "type = 'syslog'\nformat = 'text'",
        ),
        (
            "audit.protocol syslog\naudit.format csv\naudit.format json\nloadmodule /m/other.so format text",
            "type = 'syslog'\nformat = 'json'",
        ),
    ] {
        assert_eq!(keys(&format!("{lines}\n")), table(expected), "{lines}");
    }
}

#[test]
fn every_setting_is_told_of_and_how_it_came() {
    let migration = carried(
        "loadmodule /m/libvalkeyaudit.so format csv
        audit.protocol syslog
        audit.format text
        audit.enabled no
        audit.events config
        audit.tcp_port 5
        audit.auth_result_check_delay_ms 10
        audit.colour red
        audit.payload_maxsize 100
        audit.payload_maxsize 0",
    );
    let told: Vec<(&str, Outcome)> = migration
        .findings
        .iter()
        .map(|found| (found.setting.as_str(), found.outcome))
        .collect();
    let expected = [
        ("loadmodule", Outcome::Note),
        ("audit.format", Outcome::Left),
        ("audit.protocol", Outcome::Taken),
        ("audit.format", Outcome::Taken),
        ("audit.enabled", Outcome::Changed),
        ("audit.events", Outcome::Changed),
        ("audit.tcp_port", Outcome::Left),
        ("audit.auth_result_check_delay_ms", Outcome::Left),
        ("audit.colour", Outcome::Left),
        ("audit.payload_maxsize", Outcome::Left),
        ("audit.payload_maxsize", Outcome::Changed),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_cannot_be_carried_over_is_an_error_with_its_place() {
    for (lines, why) in [
        ("audit.format text", "there is no audit.protocol"),
        (
            "audit.protocol udp",
            ":1: audit.protocol: ValkeyAudit takes",
        ),
        ("audit.protocol file", ":1: audit.protocol: no path"),
        ("audit.protocol file a.log", ":1: audit.protocol: relative"),
        (
            "audit.protocol syslog local9",
            ":1: audit.protocol: the facility",
        ),
        ("audit.protocol tcp", ":1: audit.protocol: neither"),
        ("audit.protocol tcp h", ":1: audit.protocol: what stands"),
        ("audit.protocol tcp h:0", ":1: audit.protocol: what stands"),
        (
            "audit.protocol tcp h:99999",
            ":1: audit.protocol: what stands",
        ),
        (
            "audit.protocol syslog\naudit.format xml",
            ":2: audit.format: ValkeyAudit takes one",
        ),
        (
            "audit.protocol syslog\naudit.enabled 1",
            ":2: audit.enabled: the server takes",
        ),
        (
            "audit.protocol syslog\naudit.events key",
            ":2: audit.events: \"key\" is no",
        ),
        (
            "audit.protocol syslog\naudit.events none,keys",
            ":2: audit.events: \"none\" is no",
        ),
        (
            "audit.protocol syslog\naudit.payload_disable on",
            ":2: audit.payload_disable",
        ),
        (
            "audit.protocol syslog\naudit.payload_maxsize -1",
            ":2: audit.payload_maxsize",
        ),
        (
            "audit.protocol syslog\naudit.payload_maxsize 007",
            ":2: audit.payload_maxsize",
        ),
        (
            "audit.protocol syslog\naudit.excluderules a,@b",
            ":2: audit.excluderules: \"@b\" ends",
        ),
        (
            "audit.protocol syslog\naudit.exclude_commands !FT*",
            ":2: audit.exclude_commands",
        ),
        (
            "audit.protocol syslog\naudit.prefix_filter !*",
            ":2: audit.prefix_filter",
        ),
        (
            "audit.protocol syslog\naudit.custom_category x",
            ":2: audit.custom_category",
        ),
        (
            "audit.protocol syslog\naudit.custom_category x:",
            ":2: audit.custom_category",
        ),
        (
            "audit.protocol syslog\naudit.format",
            ":2: audit.format has no value",
        ),
        ("audit.protocol syslog\naudit.format \"a", ":2: a quote"),
    ] {
        let errors = carried(&format!("{lines}\n")).errors;
        assert_eq!(errors.len(), 1, "{lines}: {errors:?}");
        assert!(errors[0].contains(why), "{lines}: {errors:?}");
    }
}

#[test]
fn the_configuration_of_the_page_becomes_the_file_of_the_page() {
    let page = include_str!("../../../../../../docs/audit/migrating-from-valkey-audit.md");
    let block = |kind: &str| {
        let start = format!("```{kind}\n");
        let (_, rest) = page.split_once(&start).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let migration = carried(&block("conf"));
    assert_eq!(migration.errors, Vec::<String>::new());
    let text = toml_file::render(&migration, Path::new("/etc/valkey/valkey.conf"));
    assert_eq!(text, block("toml"));
    assert_eq!(check(Path::new("main.toml"), &text), Ok(()));
}
