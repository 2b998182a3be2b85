//! What is written is read back, and all three formats say it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::samples::{AT_US, Stuff, USUAL, bytes, client, command, every, text, worst};
use super::*;
use crate::event::{Category, Client, CommandResult, Event};
use crate::format::escape::{BAR, QUOTE, SPECIAL_IN_CSV, SPECIAL_IN_TEXT, escape, needs, unescape};
use crate::format::read::{Fields, Unreadable, Value};

/// Holds a record's line in each format against what the record says.
fn holds(record: &Record<'_>, payload: Payload) {
    let said = Said::of(record, payload);
    assert!(said.is_sorted_by_key(|(field, _)| *field), "{said:?}");
    for format in ALL {
        let line = line(format, record, payload);
        let printable = std::str::from_utf8(&line).expect("UTF-8");
        assert!(!printable.contains(char::is_control), "{printable:?}");
        let read = format
            .read(&line)
            .unwrap_or_else(|error| panic!("{error}: {printable}"));
        let read: Vec<_> = read.iter().map(|(name, v)| (name, v.clone())).collect();
        let said: Vec<_> = said.iter().map(|(f, v)| (f.name(), v.clone())).collect();
        assert!(read == said, "{printable}\n{read:?}\n{said:?}");
    }
}

#[test]
fn every_kind_of_record_is_read_back_from_each_format() {
    for record in every(USUAL) {
        holds(&record, WHOLE);
    }
}

#[test]
fn every_kind_of_record_with_the_worst_bytes_in_every_field_is_read_back() {
    let worst = worst();
    let text = String::from_utf8_lossy(&worst);
    for record in every(Stuff {
        bytes: &worst,
        text: &text,
    }) {
        holds(&record, WHOLE);
    }
}

#[test]
fn a_megabyte_of_key_user_and_error_is_read_back() {
    let large: Vec<u8> = worst().into_iter().cycle().take(1 << 20).collect();
    let mut told = command(USUAL, Category::Keys, CommandResult::Rejected(&large));
    told.key = Some(Argument::Plain(&large));
    let mut from = client(USUAL);
    from.user = &large;
    let record = Record {
        at_us: AT_US,
        client: Some(from),
        event: Event::Command(told),
    };
    holds(&record, WHOLE);
}

#[test]
fn every_field_but_the_chain_is_in_some_record() {
    let mut missing: BTreeSet<Field> = Field::ALL.iter().copied().collect();
    for record in every(USUAL) {
        for (field, _) in Said::of(&record, WHOLE) {
            missing.remove(&field);
        }
    }
    assert_eq!(missing.into_iter().collect::<Vec<_>>(), [Field::Chain]);
}

#[test]
fn lines_go_one_behind_the_other_into_one_buffer() {
    let record = Record {
        at_us: AT_US,
        client: None,
        event: Event::Stop,
    };
    for format in ALL {
        let mut lines = b"before\n".to_vec();
        format.write(&mut lines, numbered(&record), WHOLE);
        let expected = [b"before\n".as_slice(), &line(format, &record, WHOLE)].concat();
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_line_is_the_same_whatever_was_remembered_before_it() {
    let worst = worst();
    let text = String::from_utf8_lossy(&worst);
    let mut records = every(USUAL);
    records.extend(every(Stuff {
        bytes: &worst,
        text: &text,
    }));
    // Who is equal has one version, as a server gives them.
    let mut seen: Vec<Client<'_>> = Vec::new();
    for record in &mut records {
        if let Some(client) = &mut record.client {
            let known = seen.iter().position(|one| one == client);
            let place = known.unwrap_or(seen.len());
            if known.is_none() {
                seen.push(*client);
            }
            client.version = place as u64 + 1;
        }
    }
    assert!(seen.len() > 1);
    let mut remembered = Remembered::default();
    // Behind some of each kind, in one format and behind another.
    for before in records.iter().step_by(7) {
        for record in &records {
            for format in ALL {
                for one in [before, record, record] {
                    let mut told = Vec::new();
                    format.write_on(&mut told, numbered(one), WHOLE, &mut remembered);
                    assert_eq!(told, line(format, one, WHOLE));
                }
            }
        }
    }
}

#[test]
fn a_chain_value_at_the_end_is_read_in_each_format() {
    let chain = "ab".repeat(32);
    let record = Record {
        at_us: AT_US,
        client: None,
        event: Event::Stop,
    };
    for format in ALL {
        let line = line_text(format, &record);
        let chained = match format {
            Format::Text => format!("{line} chain={chain}"),
            Format::Json => format!(
                "{},\"warden.chain\":\"{chain}\"}}",
                line.strip_suffix('}').unwrap()
            ),
            Format::Csv => format!("{line},{chain}"),
        };
        let read = format.read(chained.as_bytes()).unwrap();
        assert_eq!(read.bytes(Field::Chain), Some(chain.as_bytes()));
        assert_eq!(read.iter().count(), 7);
    }
}

#[test]
fn the_header_names_the_columns_of_csv() {
    let header = Format::Csv.header(true).unwrap();
    let names: Vec<&str> = header.split(',').collect();
    let expected: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(names, expected);
    let unchained = Format::Csv.header(false).unwrap();
    assert_eq!(header, format!("{unchained},chain"));
    let line = line_text(Format::Csv, &every(USUAL)[0]);
    assert_eq!(line.split(',').count(), unchained.split(',').count());
    assert!(Format::Csv.read(header.as_bytes()).is_err());
    assert_eq!(Format::Json.header(true), None);
}

#[test]
fn names_are_told_apart_in_each_format() {
    let names: BTreeSet<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    let json: BTreeSet<&str> = Field::ALL.iter().map(|field| field.json_name()).collect();
    assert_eq!(names.len(), Field::ALL.len());
    assert_eq!(json.len(), Field::ALL.len());
    assert!(ECS_FIELDS.iter().all(|(name, _)| !json.contains(name)));
}

#[test]
fn what_is_no_line_is_refused_with_what_is_wrong() {
    let csv = line_text(Format::Csv, &every(USUAL)[0]);
    let short = csv.strip_suffix(',').unwrap();
    let long = format!("{csv},,");
    let two = format!("{csv}\n{csv}");
    for (format, line, why) in [
        (Format::Text, "", "no `=`"),
        (Format::Text, "time=1 ", "no `=`"),
        (Format::Text, "time=1 time=2", "twice"),
        (Format::Text, "time=\"1", "not closed"),
        (Format::Text, "time=\"1\"x=2", "no space"),
        (Format::Text, "Time=1", "no name"),
        (Format::Text, "user=a\"b", "within a value"),
        (Format::Text, "user=a\\q", "does not write"),
        (Format::Text, "key=(secret)", "does not write"),
        (Format::Text, "key=(redacted)x", "does not write"),
        (Format::Json, "[]", "an object"),
        (Format::Json, "{\"user.name\":\"a\"", "EOF"),
        (
            Format::Json,
            "{\"user.name\":\"a\",\"user.name\":\"b\"}",
            "twice",
        ),
        (Format::Json, "{\"user.name\":null}", "does not write"),
        (Format::Json, "{\"warden.key\":7}", "does not write"),
        (Format::Json, "{\"warden.arguments\":[7]}", "does not write"),
        (Format::Csv, "", "columns"),
        (Format::Csv, "time,sequence", "too few"),
        (Format::Csv, short, "too few"),
        (Format::Csv, &long, "too many"),
        (Format::Csv, &two, "one line"),
        (Format::Csv, "2026,\"1", "not closed"),
    ] {
        let error = format.read(line.as_bytes()).expect_err(line).to_string();
        assert!(error.contains(why), "{line:?}: {error}");
    }
    let read = Format::Text.read(b"user=\xff");
    assert_eq!(read, Err(Unreadable::NotText));
}

#[test]
fn a_line_of_very_many_fields_is_refused_at_once() {
    let many: Vec<String> = (0..100_000).map(|number| format!("f{number}=1")).collect();
    let read = Format::Text.read(many.join(" ").as_bytes());
    assert_eq!(read, Err(Unreadable::TooMany));
}

#[test]
fn what_is_told_of_a_line_is_short_and_printable() {
    let long = "x".repeat(1 << 20);
    for (format, line) in [
        (Format::Text, format!("{long}=1 {long}=1")),
        (Format::Json, format!("\"\\u001b{long}\"")),
        (Format::Json, format!("{{\"\\n{long}\":null}}")),
    ] {
        let told = format.read(line.as_bytes()).unwrap_err().to_string();
        assert!(told.len() < 300, "{}", told.len());
        assert!(!told.contains(char::is_control), "{told:?}");
    }
}

#[test]
fn a_name_of_a_later_version_is_kept() {
    let later = Format::Text.read(b"time=1 moon=full").unwrap();
    assert_eq!(later.get("moon"), Some(&Value::Bytes(b"full".to_vec())));
    let later = Format::Json.read(b"{\"warden.moon\":\"full\"}").unwrap();
    let value = Value::Bytes(b"full".to_vec());
    assert_eq!(later.get("warden.moon"), Some(&value));
    assert_eq!(Fields::default().get("moon"), None);
}

#[test]
fn times_have_microseconds_and_sort_as_they_are() {
    assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(timestamp(AT_US), "2026-11-28T17:00:00.000250Z");
    assert_eq!(timestamp(AT_US + 999_749), "2026-11-28T17:00:00.999999Z");
    assert_eq!(timestamp(AT_US + 999_750), "2026-11-28T17:00:01.000000Z");
    assert_eq!(timestamp(u64::MAX), "9999-12-31T23:59:59.999999Z");
}

proptest! {
    // Each case is a record of every kind.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_are_read_back(bytes in bytes(), text in text(), max_bytes in 0_usize..200) {
        for record in every(Stuff { bytes: &bytes, text: &text }) {
            holds(&record, WHOLE);
            holds(&record, Payload { disabled: false, max_bytes });
        }
    }
}

proptest! {
    #[test]
    fn what_is_escaped_is_printable_and_is_read_back(bytes in bytes()) {
        for also in [0, QUOTE, BAR, QUOTE | BAR] {
            let mut escaped = Vec::new();
            let asked = escape(&mut escaped, &bytes, also);
            let escaped = String::from_utf8(escaped)?;
            prop_assert!(!escaped.contains(char::is_control));
            let left = needs(escaped.as_bytes());
            prop_assert_eq!(left & also, 0);
            let special = SPECIAL_IN_TEXT | SPECIAL_IN_CSV;
            prop_assert_eq!(left & special & !asked, 0, "what is special was asked for");
            prop_assert_eq!(unescape(&escaped), Some(bytes.clone()));
        }
    }

    #[test]
    fn any_line_is_read_or_refused(line in bytes()) {
        for format in ALL {
            let _ = format.read(&line);
        }
    }
}
