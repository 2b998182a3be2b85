//! An independent reader: the Python of docs/audit/records.md, which has its JSON and CSV from
//! Python's standard library, finds the bytes that were written.

use std::io::Write;
use std::process::{Command as Process, Stdio};

use serde_json::{Value, json};

use super::page::{blocks, page};
use super::samples::{Stuff, USUAL, client, command, every, worst};
use super::*;
use crate::event::{Category, Client, CommandResult, Event};

/// Reads lines as the page tells, and prints what is in them, bytes in hexadecimal.
const DRIVER: &str = include_str!("read.py");

/// What `read.py` prints of a record.
fn expected(format: Format, record: &Record<'_>) -> Value {
    let pairs = Said::of(record, WHOLE).into_iter().map(|(field, value)| {
        let name = if format == Format::Json {
            field.json_name()
        } else {
            field.name()
        };
        let value = match value {
            read::Value::Bytes(bytes) => json!(hex(&bytes)),
            read::Value::Item(item) => one(&item),
            read::Value::Items(items) => items.iter().map(one).collect(),
        };
        (name.to_owned(), value)
    });
    Value::Object(pairs.collect())
}

fn one(item: &Item) -> Value {
    match item {
        Item::Plain(bytes) => json!(["", hex(bytes)]),
        Item::Cut(bytes, total) => json!([format!("cut:{total}"), hex(bytes)]),
        Item::Redacted => json!(["redacted", ""]),
        Item::Digest(digest) => json!([format!("digest:{}", hex(digest)), ""]),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    halves
        .map(|half| char::from(digits[usize::from(half)]))
        .collect()
}

/// The names of the fields of one kind, as the format has them.
fn names(format: Format, kind: Kind) -> Vec<&'static str> {
    let of_it = Field::ALL.iter().filter(|field| field.kind() == kind);
    let names = of_it.map(|field| match format {
        Format::Json => field.json_name(),
        _ => field.name(),
    });
    names.collect()
}

/// What Python finds in lines.
fn found(format: Format, lines: &[u8]) -> Vec<Value> {
    let page = page();
    let program = format!("{}\n{DRIVER}", blocks(&page, "python").concat());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    std::fs::write(&path, lines).unwrap();
    let mut python = Process::new("python3")
        .args(["-I", "-"])
        .arg(format!("{format:?}"))
        .arg(json!(names(format, Kind::Argument)).to_string())
        .arg(json!(names(format, Kind::List)).to_string())
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed");
    let mut input = python.stdin.take().unwrap();
    input.write_all(program.as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{format:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    records.collect()
}

fn is_found(records: &[Record<'_>]) {
    for format in ALL {
        let mut lines = Vec::new();
        if let Some(header) = format.header(false) {
            lines.extend_from_slice(header.as_bytes());
            lines.push(b'\n');
        }
        for record in records {
            format.write(&mut lines, numbered(record), WHOLE);
            lines.push(b'\n');
        }
        let found = found(format, &lines);
        assert_eq!(found.len(), records.len(), "{format:?}");
        for (found, record) in found.iter().zip(records) {
            assert!(*found == expected(format, record), "{format:?}: {found}");
        }
    }
}

#[test]
fn python_finds_the_bytes_that_were_written() {
    is_found(&every(USUAL));
    let worst = worst();
    let text = String::from_utf8_lossy(&worst);
    is_found(&every(Stuff {
        bytes: &worst,
        text: &text,
    }));
}

#[test]
fn python_finds_each_byte_in_front_of_each_other() {
    let pairs: Vec<u8> = (0..=u8::MAX)
        .flat_map(|first| (0..=u8::MAX).flat_map(move |second| [first, second]))
        .collect();
    let mut told = command(USUAL, Category::Keys, CommandResult::Success);
    told.key = Some(Argument::Plain(&pairs));
    told.arguments.push(Argument::Plain(&pairs));
    is_found(&[Record {
        at_us: 0,
        client: Some(Client {
            user: &pairs,
            ..client(USUAL)
        }),
        event: Event::Command(told),
    }]);
}

#[test]
fn python_finds_a_megabyte() {
    let large: Vec<u8> = worst().into_iter().cycle().take(1 << 20).collect();
    is_found(&[Record {
        at_us: 0,
        client: Some(Client {
            user: &large,
            ..client(USUAL)
        }),
        event: Event::Opened,
    }]);
}
