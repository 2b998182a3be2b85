//! `warden audit verify` and `query`, run as their users run them, on files that the module's
//! own code wrote and somebody changed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod run;
mod sink;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use warden_audit::Format;

use run::{Run, Warden};
use sink::{FORMATS, NODE, Writer, key, public_pem, rechain};

/// How many records the table is about.
const COUNT: usize = 9;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Verifies one file of these lines.
    fn verify(&self, format: Format, lines: &[String], arguments: &[&str]) -> Value {
        let text = sink::file(format, lines);
        self.verify_text(&text, arguments)
    }

    fn verify_text(&self, text: &str, arguments: &[&str]) -> Value {
        let file = self.write("audit.log", text);
        let run = verify(&[arguments, &["--json", &file]].concat());
        let document = run.json();
        assert_eq!(run.status == 0, document["whole"] == json!(true));
        assert!(run.status < 2 && run.err.is_empty(), "{run:?}");
        document
    }
}

fn verify(arguments: &[&str]) -> Run {
    Warden::new(&[&["audit", "verify"], arguments].concat()).run()
}

/// Which problem, with which record, on which line.
fn problem(document: &Value) -> (String, u64, u64) {
    let problem = &document["problem"];
    let kind = problem["kind"].as_str().unwrap_or("none").to_owned();
    let number = |name: &str| problem[name].as_u64().unwrap_or_default();
    (kind, number("sequence"), number("line"))
}

/// What somebody does to record `k`, from 0, of a file; and which problem with which record
/// that is, if it can be known.
type Tampering = fn(&mut Vec<String>, usize) -> Option<(&'static str, usize)>;

const TAMPERINGS: [(&str, Tampering); 10] = [
    ("delete", |lines, k| {
        lines.remove(k);
        // What stood before the first, or behind the last, no file can tell.
        (k > 0 && k < lines.len()).then_some(("missing", k))
    }),
    ("edit", |lines, k| {
        // The last digit of the time.
        let place = lines[k].find('Z').unwrap() - 1;
        let digit = if &lines[k][place..=place] == "9" {
            "8"
        } else {
            "9"
        };
        lines[k].replace_range(place..=place, digit);
        Some(("changed", k))
    }),
    ("spoil", |lines, k| {
        lines[k].insert(30, '"');
        Some(("changed", k))
    }),
    ("renumber", |lines, k| {
        let (own, other) = (k + 1, k + 4);
        for (from, to) in [
            (format!("sequence={own} "), format!("sequence={other} ")),
            (format!("sequence\":{own},"), format!("sequence\":{other},")),
            (format!("Z,{own},"), format!("Z,{other},")),
        ] {
            lines[k] = lines[k].replacen(&from, &to, 1);
        }
        // The first and the last have a neighbour on one side only.
        match k {
            0 => None,
            k if k + 1 == lines.len() => Some(("missing", k)),
            k => Some(("changed", k)),
        }
    }),
    ("change the chain value", |lines, k| {
        let place = lines[k].len() - 10;
        let digit = if &lines[k][place..=place] == "a" {
            "b"
        } else {
            "a"
        };
        lines[k].replace_range(place..=place, digit);
        Some(("changed", k))
    }),
    ("swap", |lines, k| {
        if k + 1 == lines.len() {
            lines.swap(k - 1, k);
            return Some(("moved", k));
        }
        lines.swap(k, k + 1);
        // The later one shows first; but the first may be missing, as after a rotation.
        Some(("moved", if k == 0 { 0 } else { k + 1 }))
    }),
    ("move to the front", |lines, k| {
        let line = lines.remove(k);
        lines.insert(1, line);
        match k {
            0 => Some(("moved", 0)),
            1 => None,
            k => Some(("moved", k)),
        }
    }),
    ("cut", |lines, k| {
        lines.truncate(k + 1);
        let half = lines[k].len() / 2;
        lines[k].truncate(half);
        Some(("cut", k))
    }),
    ("duplicate", |lines, k| {
        lines.insert(k, lines[k].clone());
        Some(("added", k))
    }),
    ("append a copy", |lines, k| {
        lines.push(lines[k].clone());
        Some(("added", k))
    }),
];

fn tampered(format: Format, signed: bool) {
    let place = Place::new();
    let mut writer = Writer::new(format);
    writer.key = signed.then(|| key(1));
    writer.records(COUNT);
    let whole = place.verify(format, &writer.lines, &[]);
    assert_eq!(whole["whole"], json!(true), "{whole}");
    assert_eq!(whole["records"], json!(COUNT));
    for (name, tamper) in TAMPERINGS {
        for k in 0..COUNT {
            let mut lines = writer.lines.clone();
            let expected = tamper(&mut lines, k);
            let mut text = sink::file(format, &lines);
            if name == "cut" {
                text.pop();
            }
            let document = place.verify_text(&text, &[]);
            let (kind, sequence, line) = problem(&document);
            let case = format!("{format:?}, signed {signed}: {name} {}: {document}", k + 1);
            match expected {
                Some((wanted, record)) => {
                    assert_eq!(
                        (kind.as_str(), sequence),
                        (wanted, record as u64 + 1),
                        "{case}"
                    );
                    assert!(line > 0, "{case}");
                }
                None if name == "renumber" => {
                    // Taken for the first of files whose beginning is not there.
                    assert_eq!(document["whole"], json!(false), "{case}");
                }
                None => assert_eq!(document["whole"], json!(true), "{case}"),
            }
        }
    }
}

#[test]
fn whoever_touches_a_record_of_text_is_found_at_that_record() {
    tampered(Format::Text, false);
    tampered(Format::Text, true);
}

#[test]
fn whoever_touches_a_record_of_json_is_found_at_that_record() {
    tampered(Format::Json, false);
    tampered(Format::Json, true);
}

#[test]
fn whoever_touches_a_record_of_csv_is_found_at_that_record() {
    tampered(Format::Csv, false);
    tampered(Format::Csv, true);
}

#[test]
fn a_missing_line_end_and_a_foreign_line_are_found() {
    for format in FORMATS {
        let place = Place::new();
        let mut writer = Writer::new(format);
        writer.records(4);
        let mut text = sink::file(format, &writer.lines);
        text.pop();
        let document = place.verify_text(&text, &[]);
        assert_eq!(problem(&document).0, "cut", "{document}");
        assert_eq!(problem(&document).1, 4);
        for foreign in ["", "hello", "{}", "\u{0}"] {
            let mut lines = writer.lines.clone();
            lines.insert(2, foreign.to_owned());
            let document = place.verify(format, &lines, &[]);
            assert_eq!(problem(&document).0, "added", "{document}");
            assert_eq!(problem(&document).1, 3);
        }
        // A record of our own making, which nobody sealed.
        let mut forger = Writer::new(format);
        forger.records(3);
        let mut lines = writer.lines.clone();
        lines.insert(2, forger.lines[2].replacen('Z', "1Z", 1));
        let document = place.verify(format, &lines, &[]);
        assert_eq!(problem(&document).0, "added", "{document}");
    }
}

#[test]
fn a_chain_that_was_written_anew_is_found_by_the_next_checkpoint() {
    for format in FORMATS {
        let place = Place::new();
        let public = key(1).public().hex();
        let mut writer = Writer::new(format);
        writer.key = Some(key(1));
        writer.records(COUNT);
        let checkpoints: Vec<usize> = (0..COUNT).filter(|k| Writer::is_checkpoint(*k)).collect();
        assert!(checkpoints.len() >= 2);
        for k in 0..COUNT {
            let mut lines = writer.lines.clone();
            let zed = lines[k].find('Z').unwrap();
            lines[k].replace_range(zed - 1..zed, "7");
            if lines[k] == writer.lines[k] {
                continue;
            }
            rechain(format, &mut lines);
            let document = place.verify(format, &lines, &["--public-key", &public]);
            // A checkpoint signs what stands before it, not itself.
            match checkpoints.iter().find(|checkpoint| **checkpoint > k) {
                Some(checkpoint) => {
                    let found = ("checkpoint".to_owned(), *checkpoint as u64 + 1);
                    let (kind, sequence, _) = problem(&document);
                    assert_eq!((kind, sequence), found, "{k}: {document}");
                }
                None => {
                    assert_eq!(document["whole"], json!(true), "{k}: {document}");
                    let said = document["not_known"].to_string();
                    let is_said = said.contains("were written anew") || k + 1 >= COUNT - 1;
                    assert!(is_said, "{k}: {document}");
                }
            }
        }
    }
}

#[test]
fn a_signature_counts_only_by_a_key_that_was_given() {
    let place = Place::new();
    let mut writer = Writer::new(Format::Json);
    writer.key = Some(key(1));
    writer.records(COUNT);
    let pem = place.write("audit.pub", &public_pem(1));
    let (own, other) = (key(1).public().hex(), key(2).public().hex());
    for given in [&["--public-key", &own][..], &["--public-key", &pem]] {
        let document = place.verify(Format::Json, &writer.lines, given);
        assert_eq!(document["whole"], json!(true), "{document}");
        assert_eq!(document["checkpoints"]["keys"], json!([own]));
        assert_eq!(document["checkpoints"]["keys_given"], json!(true));
    }
    let both = ["--public-key", &other, "--public-key", &own];
    assert_eq!(
        place.verify(Format::Json, &writer.lines, &both)["whole"],
        json!(true)
    );
    let document = place.verify(Format::Json, &writer.lines, &["--public-key", &other]);
    assert_eq!(problem(&document).0, "checkpoint", "{document}");
    assert!(document.to_string().contains("none of those given"));
    // Without a key it is said that anybody may have signed.
    let document = place.verify(Format::Json, &writer.lines, &[]);
    assert!(
        document["not_known"].to_string().contains("--public-key"),
        "{document}"
    );
    // Without checkpoints a key finds nothing to trust.
    let mut unsigned = Writer::new(Format::Json);
    unsigned.records(COUNT);
    let document = place.verify(Format::Json, &unsigned.lines, &["--public-key", &own]);
    assert_eq!(problem(&document).0, "checkpoint", "{document}");
    assert!(
        place.verify(Format::Json, &unsigned.lines, &[])["not_known"]
            .to_string()
            .contains("no checkpoint")
    );
}

#[test]
fn rotated_files_are_one_chain_in_their_order() {
    for format in FORMATS {
        let place = Place::new();
        let mut writer = Writer::new(format);
        writer.records(9);
        let parts = [0..3, 3..6, 6..9].map(|range| sink::file(format, &writer.lines[range]));
        let [a, b, c] = ["a", "b", "c"].map(|name| {
            let part = match name {
                "a" => &parts[0],
                "b" => &parts[1],
                _ => &parts[2],
            };
            place.write(name, part)
        });
        let document = verify(&["--json", &a, &b, &c]).expect(0).json();
        assert_eq!(document["records"], json!(9));
        assert_eq!(document["losses"], json!({ "records": 1, "lost": 17 }));
        let document = verify(&["--json", &a, &c]).expect(1).json();
        assert_eq!(problem(&document).0, "missing");
        assert_eq!(problem(&document).1, 4);
        assert!(document.to_string().contains("records 4 to 6 are missing"));
        let run = verify(&["--json", &c, &a]).expect(1);
        assert_eq!(problem(&run.json()).0, "begun-anew");
        assert!(run.out.contains("oldest first"), "{}", run.out);
        // Without the oldest: whole, and it says what is not known.
        let document = verify(&["--json", &b, &c]).expect(0).json();
        assert!(
            document["not_known"].to_string().contains("record 4"),
            "{document}"
        );
        // What an earlier run saw closes that gap, and finds what was cut off.
        let seen = verify(&["--json", &a]).expect(0).json()["end"].clone();
        let seen = seen.as_str().unwrap();
        let document = verify(&["--json", "--seen", seen, &b, &c]).expect(0).json();
        assert!(
            !document["not_known"].to_string().contains("record 4"),
            "{document}"
        );
        verify(&["--seen", seen, &a, &b]).expect(0);
        let all = verify(&["--json", &a, &b, &c]).expect(0).json()["end"].clone();
        let document = verify(&["--json", "--seen", all.as_str().unwrap(), &a, &b]);
        let document = document.expect(1).json();
        assert_eq!(problem(&document).0, "missing");
        assert_eq!(problem(&document).1, 9);
        let other = format!("2:{}", "0".repeat(64));
        let document = verify(&["--json", "--seen", &other, &a, &b])
            .expect(1)
            .json();
        assert_eq!(problem(&document).0, "changed");
        verify(&["--seen", &other, &c]).expect(1);
    }
}

#[test]
fn a_record_of_another_server_is_found() {
    let place = Place::new();
    let mut writer = Writer::new(Format::Text);
    writer.records(4);
    let other = "f".repeat(40);
    let document = place.verify(Format::Text, &writer.lines, &["--node", &other]);
    assert_eq!(problem(&document), ("node".to_owned(), 1, 1));
    let document = place.verify(Format::Text, &writer.lines, &["--node", NODE]);
    assert_eq!(document["whole"], json!(true));
    writer.node = other;
    writer.records(2);
    let document = place.verify(Format::Text, &writer.lines, &[]);
    assert_eq!(problem(&document), ("node".to_owned(), 5, 5));
}

#[test]
fn what_is_told_to_people_says_what_no_file_can_tell() {
    let place = Place::new();
    let mut writer = Writer::new(Format::Text);
    writer.key = Some(key(1));
    writer.records(COUNT);
    let file = place.write("audit.log", &sink::file(Format::Text, &writer.lines));
    let public = key(1).public().hex();
    let run = verify(&["--public-key", &public, &file]).expect(0);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "whole");
    assert!(
        lines[1].starts_with("verified: 9 records, 1 to 9, from 2026-"),
        "{}",
        run.out
    );
    assert!(lines[1].contains(NODE), "{}", run.out);
    assert!(
        run.out.contains("losses: 17 records were never written"),
        "{}",
        run.out
    );
    assert!(run.out.contains("signed by a given key"), "{}", run.out);
    assert!(run.out.contains("behind record 9"), "{}", run.out);
    let mut lines = writer.lines.clone();
    lines.remove(4);
    let file = place.write("audit.log", &sink::file(Format::Text, &lines));
    let run = verify(&[&file]).expect(1);
    let expected = format!(
        "not whole: {file:?}, line 5: record 5 is missing: record 6 follows\nverified: 4 records"
    );
    assert!(run.out.starts_with(&expected), "{}", run.out);
}

#[test]
fn what_cannot_be_read_is_no_answer() {
    let place = Place::new();
    verify(&[]).expect(2);
    verify(&["/nowhere"]).fails(2, "/nowhere");
    verify(&["/"]).fails(2, "directory");
    let strange = place.write("strange", "hello\n");
    verify(&[&strange]).fails(2, "--format");
    verify(&["--node", "1", &strange]).fails(2, "40 hexadecimal digits");
    verify(&["--public-key", "/nowhere", &strange]).fails(2, "/nowhere");
    verify(&["--public-key", &strange, &strange]).fails(2, "public ed25519 key");
    verify(&["--seen", "1", &strange]).fails(2, "--seen");
    let empty = place.write("empty", "");
    let document = verify(&["--json", &empty]).expect(1).json();
    assert!(document.to_string().contains("there is no record"));
    // Records without a chain prove nothing, and it says why.
    let mut writer = Writer::new(Format::Json);
    writer.is_chained = false;
    writer.records(2);
    let bare = place.write("bare", &sink::file(Format::Json, &writer.lines));
    let document = verify(&["--json", &bare]).expect(1).json();
    assert!(
        document.to_string().contains("`chain = true`"),
        "{document}"
    );
}

#[test]
fn records_are_found_by_each_filter() {
    for format in FORMATS {
        let place = Place::new();
        let mut writer = Writer::new(format);
        writer.records(COUNT);
        let file = place.write("audit.log", &sink::file(format, &writer.lines));
        let query = |arguments: &[&str]| {
            let run = Warden::new(&[&["audit", "query", "--json"], arguments, &[&file]].concat());
            let run = run.run().expect(0);
            let objects = run
                .out
                .lines()
                .map(|line| serde_json::from_str(line).unwrap());
            let numbers = objects.map(|object: Value| object["warden.sequence"].as_u64().unwrap());
            numbers.collect::<Vec<u64>>()
        };
        assert_eq!(query(&[]), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(query(&["--category", "auth"]), [3]);
        assert_eq!(query(&["--category", "audit"]), [1, 5]);
        assert_eq!(query(&["--command", "config"]), [6]);
        assert_eq!(query(&["--command", "CONFIG|SET"]), [6]);
        assert_eq!(query(&["--command", "conf"]), [0; 0]);
        assert_eq!(query(&["--command", "get"]), [2, 4, 7, 8, 9]);
        assert_eq!(
            query(&["--command", "get", "--session", "7"]),
            [2, 4, 7, 8, 9]
        );
        assert_eq!(query(&["--session", "8"]), [0; 0]);
        assert_eq!(query(&["--outcome", "failure"]), [3, 5]);
        assert_eq!(query(&["--user", "mallory"]), [3]);
        assert_eq!(
            query(&["--user", "corp/alice", "--category", "config"]),
            [6]
        );
        assert_eq!(query(&["--user", "alice", "--category", "config"]), [6]);
        assert_eq!(query(&["--user", "ali"]), [0; 0]);
        // One record a second, from 17:30:00 on.
        assert_eq!(query(&["--until", "2026-11-28T17:30:02Z"]), [1, 2]);
        assert_eq!(query(&["--since", "2026-11-28T17:30:06Z"]), [7, 8, 9]);
        let between = [
            "--since",
            "2026-11-28T18:30:02+01:00",
            "--until",
            "1795887004",
        ];
        assert_eq!(query(&between), [3, 4]);
    }
}

#[test]
fn a_table_shows_what_each_record_says_and_json_what_the_sink_would() {
    let place = Place::new();
    let mut text = Writer::new(Format::Text);
    text.records(COUNT);
    let mut json = Writer::new(Format::Json);
    json.records(COUNT);
    let file = place.write("audit.log", &sink::file(Format::Text, &text.lines));
    let run = |arguments: &[&str]| Warden::new(&[&["audit", "query"], arguments].concat()).run();
    let table = run(&[&file]).expect(0).out;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("time  ") && lines[0].ends_with("details"),
        "{table}"
    );
    assert_eq!(lines.len(), COUNT + 1);
    assert!(
        lines[3].contains("mallory") && lines[3].contains("reason="),
        "{table}"
    );
    assert!(lines[6].contains("config|set"), "{table}");
    let objects = run(&["--json", &file]).expect(0).out;
    for (shown, line) in objects.lines().zip(&json.lines) {
        let shown: Value = serde_json::from_str(shown).unwrap();
        let mut written: Value = serde_json::from_str(line).unwrap();
        let members = written.as_object_mut().unwrap();
        for name in [
            "ecs.version",
            "service.type",
            "event.kind",
            "event.category",
            "event.type",
        ] {
            members.remove(name);
        }
        // The chain of the other format has other values.
        members["warden.chain"] = shown["warden.chain"].clone();
        assert_eq!(shown, written);
    }
    // What cannot be read is passed over, and told.
    let mut lines = text.lines.clone();
    lines.insert(3, "hello".to_owned());
    let file = place.write("audit.log", &sink::file(Format::Text, &lines));
    let found = run(&["--json", &file]).expect(2);
    assert_eq!(found.out.lines().count(), COUNT);
    assert!(found.err.contains("line 4"), "{}", found.err);
    run(&["/nowhere"]).fails(2, "/nowhere");
    run(&["--category", "teapot", &file]).fails(2, "teapot");
    run(&["--since", "yesterday", &file]).fails(2, "seconds since 1970");
}

/// The block of shell in docs/audit/evidence.md that begins with this.
fn block(beginning: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/audit/evidence.md");
    let text = fs::read_to_string(page).unwrap();
    let mut blocks = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|block| block.starts_with(beginning));
    block.expect("a block").to_owned()
}

fn shell(script: &str, place: &Place) -> String {
    let mut command = std::process::Command::new("sh");
    let output = command
        .args(["-ec", script])
        .current_dir(place.0.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn anybody_can_do_the_sum_of_the_document() {
    let place = Place::new();
    let mut writer = Writer::new(Format::Text);
    writer.records(2);
    place.write("audit.log", &sink::file(Format::Text, &writer.lines));
    let sum = shell(&block("line="), &place);
    let digits = sum.split(' ').next().unwrap();
    assert!(
        writer.lines[0].ends_with(&format!(" chain={digits}")),
        "{sum}"
    );
}

#[test]
fn a_key_that_is_made_as_the_document_says_signs_and_verifies() {
    let place = Place::new();
    let block = block("openssl genpkey");
    let commands: Vec<&str> = block
        .lines()
        .filter(|line| !line.contains("chown"))
        .collect();
    shell(&commands.join("\n"), &place);
    let key = warden_audit::checkpoint::SigningKey::read(&place.path("audit.key")).unwrap();
    let mut writer = Writer::new(Format::Csv);
    writer.key = Some(key);
    writer.records(COUNT);
    let public = place.path("audit.pub");
    let given = ["--public-key", public.to_str().unwrap()];
    let document = place.verify(Format::Csv, &writer.lines, &given);
    assert_eq!(document["whole"], json!(true), "{document}");
    assert_eq!(document["checkpoints"]["count"], json!(2));
}

#[test]
fn files_are_read_through_pipes() {
    let place = Place::new();
    let mut writer = Writer::new(Format::Json);
    writer.records(COUNT);
    place.write("a", &sink::file(Format::Json, &writer.lines[..4]));
    place.write("b", &sink::file(Format::Json, &writer.lines[4..]));
    let warden = env!("CARGO_BIN_EXE_warden");
    let script = format!("cat a b | {warden:?} audit verify --json -");
    let document: Value = serde_json::from_str(&shell(&script, &place)).unwrap();
    assert_eq!(document["records"], json!(COUNT));
    let script = format!("mkfifo p; cat a > p & {warden:?} audit verify --json p b");
    let document: Value = serde_json::from_str(&shell(&script, &place)).unwrap();
    assert_eq!(document["records"], json!(COUNT));
    // Whoever has seen enough ends it without an error.
    let script = format!(
        "i=0; while [ $i -lt 500 ]; do cat a b; i=$((i+1)); done > c; {warden:?} audit query c 2> err \
         | head -1; cat err"
    );
    let shown = shell(&script, &place);
    assert_eq!(shown.lines().count(), 1, "{shown}");
}
