//! Whatever bytes keys, users and connections are called by, other programs read the records and
//! get the bytes back; and records that a real server chained are whole until somebody touches
//! one, which is then named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use warden_tests::parts::{self, workspace};
use warden_tests::{AuditRecord, Audited, Connection, Line, Scene, eventually, on_both_lines};

on_both_lines!(
    python_reads_every_format_and_gets_the_bytes_back,
    records_under_load_are_whole_and_a_touched_one_is_named,
    records_are_found_by_who_when_and_what,
);

const KEYS: &str = "events = [\"keys\", \"config\"]\ncommand_result_mode = \"all\"";

/// Reads the files it is given, by the functions that docs/audit/records.md shows, and answers
/// with one line for each SET.
const READER: &str = r#"
import sys

NAMES = {"key": "warden.key", "arguments": "warden.arguments", "user": "user.name",
         "client_name": "warden.client_name", "command": "warden.command"}


def records(path):
    if path.endswith(".json"):
        for line in open(path, newline=""):
            record = json.loads(line)
            yield {name: record.get(ours, "") for name, ours in NAMES.items()}
    elif path.endswith(".csv"):
        yield from csv.DictReader(open(path, newline=""))
    else:
        for line in open(path, newline=""):
            yield text_fields(line.rstrip("\n"))


def shown(text):
    mark, value = argument(text)
    return [mark, value.hex()]


for path in sys.argv[1:]:
    for record in records(path):
        if record.get("command") != "set":
            continue
        items = record.get("arguments", "")
        items = items if isinstance(items, list) else items.split("|")
        print(json.dumps({
            "key": shown(record.get("key", "")),
            "value": shown(items[0]),
            "user": unescape(record.get("user", "")).hex(),
            "name": unescape(record.get("client_name", "")).hex(),
        }))
"#;

fn reader() -> String {
    let page = fs::read_to_string(workspace().join("docs/audit/records.md")).unwrap();
    let (_, rest) = page.split_once("```python\n").expect("the page's Python");
    let (shown, _) = rest.split_once("```").expect("its end");
    format!("{shown}{READER}")
}

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.expect("the program runs")
}

fn keys() -> Vec<Vec<u8>> {
    let text = [
        "plain",
        "",
        " ",
        "a\"b' c",
        "\" user=root outcome=\"success",
        "new\nline\r\ttab",
        "time=2026-11-28T17:00:00Z sequence=1\n",
        "nul\0in\0",
        "a,b;\"c\",d=e|f",
        "=cmd|' /C calc'!A0",
        "(redacted)",
        "(cut:9)x",
        "\\x41\\n\\\\",
        "grün \u{2028}\u{202e}\u{feff}\u{85}\u{1f600}",
        "{\"@timestamp\":\"x\"}",
    ];
    let mut keys: Vec<Vec<u8>> = text.iter().map(|key| key.as_bytes().to_vec()).collect();
    keys.push(b"\xff\xfe\xc3(\xed\xa0\x80\xf4\x90\x80\x80".to_vec());
    keys.push((0..=255).collect());
    keys.push(b"\"\n".repeat(512 << 10));
    keys
}

/// No ACL user's name has a space or a NUL in it, and no connection's a byte that is not
/// printable.
fn users() -> Vec<(Vec<u8>, String)> {
    // A record holds 256 bytes of each.
    let long = ("u\"\\\u{e9}".repeat(51), "n\",=".repeat(64));
    [
        (b"bob".to_vec(), String::new()),
        (b"a\"b'c=d,|\\x41".to_vec(), "\"a',b=c|\\n(".to_owned()),
        (
            b"\xff\xfe\x01\x1b[31m(redacted)".to_vec(),
            "=1+1".to_owned(),
        ),
        (long.0.into_bytes(), long.1),
    ]
    .into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As a reader sees it: what was cut is marked with its length.
fn shown(bytes: &[u8], most: usize) -> Value {
    let mark = match bytes.len() {
        length if length > most => format!("cut:{length}"),
        _ => String::new(),
    };
    let start = &bytes[..bytes.len().min(most)];
    Value::from(vec![mark, hex(start)])
}

fn python_reads_every_format_and_gets_the_bytes_back(line: Line) {
    let lines = format!("{KEYS}\npayload_maxsize = 65536");
    let place = tempfile::tempdir().unwrap();
    let sinks = ["json", "csv", "text"].map(|format| {
        let path = place.path().join(format!("all.{format}"));
        let sink = format!("type = \"file\"\npath = {path:?}\nformat = \"{format}\"\n{lines}\n");
        (format, sink, path)
    });
    let others = sinks
        .each_ref()
        .map(|(name, sink, _)| (*name, sink.as_str()));
    let paths = sinks.each_ref().map(|(_, _, path)| path.clone());
    let audited = Audited::build_beside(&lines, &others, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    let mut expected = Vec::new();
    for (user, name) in users() {
        let rules: [&[u8]; 6] = [b"ACL", b"SETUSER", &user, b"on", b">secret", b"~*"];
        let all: [&[u8]; 1] = [b"+@all"];
        admin.call(rules.into_iter().chain(all)).expect_ok();
        let mut client = audited.scene.server.connect();
        client.call([b"AUTH", &user[..], b"secret"]).expect_ok();
        if !name.is_empty() {
            client.call(["CLIENT", "SETNAME", &name]).expect_ok();
        }
        for key in keys() {
            client.call([b"SET", &key[..], &key[..]]).expect_ok();
            expected.push(serde_json::json!({
                "key": shown(&key, 4096),
                "value": shown(&key, 65536),
                "user": hex(&user),
                "name": hex(name.as_bytes()),
            }));
        }
    }
    let script = reader();
    for path in &paths {
        let read = || {
            let path = path.display().to_string();
            let output = run("python3", &["-c", &script, &path]);
            // The last line may just be being written.
            let text = String::from_utf8(output.stdout).expect("Python writes text");
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("a line of JSON"))
                .collect();
            (output.status.success() && lines.len() >= expected.len()).then_some(lines)
        };
        let found = eventually("Python reads every record", read);
        assert_eq!(found.len(), expected.len(), "{path:?}");
        for (found, expected) in found.iter().zip(&expected) {
            // What was cut of a value that is not shown whole is marked; an empty argument too.
            let is_empty = expected["key"][1] == "";
            if is_empty {
                assert_eq!(found["key"][1], "", "{path:?}");
                assert_eq!(found["user"], expected["user"], "{path:?}");
            } else {
                assert_eq!(found, expected, "{path:?}");
            }
        }
        // One line for each record, in which nothing has a control character.
        let bytes = fs::read(path).unwrap();
        let text = String::from_utf8(bytes).expect("lines are UTF-8");
        let odd = text
            .chars()
            .find(|one| one.is_control() && *one != '\n' && *one != '\r');
        assert_eq!(odd, None, "{path:?}");
    }
}

/// A key of an administrator's, and its public half.
fn signing_key(audited: &Audited) -> [String; 2] {
    let [private, public] = ["audit.key", "audit.pub"].map(|name| {
        let path = audited.path(name);
        path.display().to_string()
    });
    let made = run(
        "openssl",
        &["genpkey", "-algorithm", "ed25519", "-out", &private],
    );
    assert!(made.status.success(), "{made:?}");
    let made = run(
        "openssl",
        &["pkey", "-in", &private, "-pubout", "-out", &public],
    );
    assert!(made.status.success(), "{made:?}");
    [private, public]
}

/// What the sink has written, oldest first.
fn files(audited: &Audited) -> Vec<PathBuf> {
    let all = fs::read_dir(audited.file.parent().unwrap()).unwrap();
    let mut rotated: Vec<PathBuf> = all
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("audit.log.2")
        })
        .collect();
    rotated.sort();
    rotated.push(audited.file.clone());
    rotated
}

/// Whether they are whole, and what `warden audit verify --json` says.
fn verify(files: &[PathBuf], public: &str) -> (bool, Value) {
    let files = files.iter().map(|path| path.to_str().unwrap());
    let arguments = ["audit", "verify", "--json", "--public-key", public];
    let arguments: Vec<&str> = arguments.into_iter().chain(files).collect();
    let output = run(parts::cli(), &arguments);
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.success(), report)
}

fn load(audited: &Audited, round: &str) {
    // A checkpoint a second.
    thread::sleep(Duration::from_millis(1200));
    thread::scope(|scope| {
        for writer in 0..4 {
            let mut client: Connection = audited.scene.server.admin();
            scope.spawn(move || {
                for number in 0..1500 {
                    let key = format!("{round}:{writer}:{number}");
                    client.call(["SET", &key, "\"x\"\n"]).expect_ok();
                }
            });
        }
    });
}

fn records_under_load_are_whole_and_a_touched_one_is_named(line: Line) {
    let audited = Audited::start(line, KEYS);
    let [private, public] = signing_key(&audited);
    let lines = |more: &str| {
        format!(
            "{KEYS}\nchain = true\nsigning_key_file = {private:?}\ncheckpoint_seconds = 1\n\
             rotate_bytes = 400000\n{more}"
        )
    };
    audited.change(&lines(""));
    // What was written without a chain is put aside.
    let mut admin = audited.scene.server.admin();
    eventually("it is chained", || {
        admin.run("SET begin 1").expect_ok();
        let records = audited.records();
        let chained = |one: &AuditRecord| !one.is("warden.chain", "");
        (!records.is_empty() && records.iter().all(chained)).then_some(())
    });
    load(&audited, "first");
    audited.change(&lines("payload_maxsize = 2"));
    load(&audited, "second");
    admin.run("WARDEN.RELOAD");
    load(&audited, "third");
    drop(admin);
    audited.scene.server.restart();
    load(&audited, "fourth");
    audited.scene.server.stop();
    let files = files(&audited);
    assert!(files.len() > 3, "it was rotated: {files:?}");
    let (is_whole, report) = verify(&files, &public);
    assert!(is_whole, "{report}");
    let text: String = files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let records: Vec<&str> = text.lines().collect();
    let mut seen = BTreeMap::new();
    for record in &records {
        let record: Value = serde_json::from_str(record).unwrap();
        *seen
            .entry(record["event.action"].as_str().unwrap().to_owned())
            .or_insert(0) += 1;
    }
    let lost = seen.get("audit-loss").copied().unwrap_or(0);
    assert!(seen["set"] >= 24_000 && lost == 0, "{seen:?}");
    assert!(seen["audit-checkpoint"] > 2, "{seen:?}");
    expect_named(&audited, &records, &public);
}

/// The first of the records that somebody touched.
fn expect_named(audited: &Audited, records: &[&str], public: &str) {
    let is_set = |record: &&str| record.contains("\"event.action\":\"set\"");
    let at = records.len() / 2;
    let at = at
        + records[at..]
            .windows(2)
            .position(|two| two.iter().all(is_set))
            .unwrap();
    let whole: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
    let (mut deleted, mut edited, mut swapped) = (whole.clone(), whole.clone(), whole.clone());
    deleted.remove(at);
    edited[at] = edited[at].replacen("\"user.name\":\"default\"", "\"user.name\":\"nobody\"", 1);
    assert_ne!(edited[at], whole[at]);
    swapped.swap(at, at + 1);
    let mut cut = whole[..=at].to_vec();
    cut[at].truncate(40);
    let copy = audited.path("copy.json");
    let write = |lines: &[String], end: &str| fs::write(&copy, lines.join("\n") + end).unwrap();
    write(&whole, "\n");
    let (is_whole, report) = verify(std::slice::from_ref(&copy), public);
    assert!(is_whole, "{report}");
    for (what, lines, end) in [
        ("deleted", &deleted, "\n"),
        ("edited", &edited, "\n"),
        ("swapped", &swapped, "\n"),
        ("cut", &cut, ""),
    ] {
        write(lines, end);
        let (is_whole, report) = verify(std::slice::from_ref(&copy), public);
        assert!(!is_whole, "{what}: {report}");
        let problem = &report["problem"];
        // Of two that changed places the later one was moved: it stands before the other.
        let named = at as u64 + if what == "swapped" { 2 } else { 1 };
        assert_eq!(problem["sequence"], named, "{what}: {report}");
        assert_eq!(problem["line"], at as u64 + 1, "{what}: {report}");
    }
}

/// What `warden audit query --json` finds.
fn query(file: &Path, filter: &[&str]) -> Vec<AuditRecord> {
    let file = file.to_str().unwrap();
    let arguments = ["audit", "query", "--json", file];
    let arguments: Vec<&str> = arguments
        .into_iter()
        .chain(filter.iter().copied())
        .collect();
    let output = run(parts::cli(), &arguments);
    assert!(output.status.success(), "{filter:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("it writes text");
    let record = |line| AuditRecord(serde_json::from_str(line).expect("a line of JSON"));
    text.lines().map(record).collect()
}

fn records_are_found_by_who_when_and_what(line: Line) {
    let events =
        "events = [\"auth\", \"session\", \"keys\", \"config\"]\ncommand_result_mode = \"all\"";
    let audited = Audited::start(line, events);
    let mut alice = audited.scene.log_in("alice");
    let session = alice.whoami().field("session").text();
    alice.run("GET reports:1");
    alice.run("SET reports:1 x").expect_error("NOPERM");
    let mut other = audited.scene.log_in("alice");
    other.run("GET reports:2");
    drop(alice);
    audited.wait_for(&[
        ("event.action", "session-end"),
        ("warden.session", &session),
    ]);
    // What comes now is of another second.
    thread::sleep(Duration::from_millis(1100));
    let mut admin = audited.scene.server.admin();
    admin.run("CONFIG SET maxmemory 100mb").expect_ok();
    admin.run("SET reports:1 x").expect_ok();
    audited.records_so_far();
    let all = query(&audited.file, &[]);
    let expect = |filter: &[&str], takes: &dyn Fn(&AuditRecord) -> bool| {
        let expected: Vec<String> = all
            .iter()
            .filter(|one| takes(one))
            .map(|one| one.text("warden.sequence"))
            .collect();
        let found = query(&audited.file, filter);
        let found: Vec<String> = found
            .iter()
            .map(|one| one.text("warden.sequence"))
            .collect();
        assert!(!found.is_empty() && found.len() < all.len(), "{filter:?}");
        assert_eq!(found, expected, "{filter:?}");
    };
    let is_alice = |one: &AuditRecord| {
        one.is("user.name", "corp/alice")
            || one.is("user.effective.name", "corp/alice")
            || one.is("warden.principal", "alice")
    };
    expect(&["--user", "corp/alice"], &is_alice);
    expect(&["--session", &session], &|one| {
        one.is("warden.session", &session)
    });
    expect(&["--command", "set"], &|one| {
        one.is("warden.command", "set")
    });
    expect(&["--command", "config"], &|one| {
        one.text("warden.command").starts_with("config|")
    });
    expect(&["--command", "get", "--session", &session], &|one| {
        one.has(&[("warden.session", &session), ("warden.command", "get")])
    });
    let end = all
        .iter()
        .find(|one| {
            one.has(&[
                ("event.action", "session-end"),
                ("warden.session", &session),
            ])
        })
        .expect("the end is recorded");
    let last = all.last().expect("records").text("@timestamp");
    assert!(end.text("@timestamp")[..19] < last[..19]);
    let second = format!("{}Z", &last[..19]);
    expect(&["--since", &second], &|one| {
        one.text("@timestamp")[..19] >= last[..19]
    });
    expect(&["--until", &second], &|one| {
        one.text("@timestamp")[..19] < last[..19]
    });
}
