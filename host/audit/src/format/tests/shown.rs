//! How lines look, and how much of arguments they show.

use smallvec::smallvec;

use super::samples::{AT_US, USUAL, client};
use super::*;
use crate::event::{Category, Client, Command, CommandResult, Event, Origin};

fn set<'a>(arguments: &[Argument<'a>]) -> Record<'a> {
    Record {
        at_us: AT_US,
        client: Some(Client {
            session: None,
            name: b"",
            ..client(USUAL)
        }),
        event: Event::Command(Command {
            category: Category::Keys,
            name: b"set",
            origin: Origin::Client,
            database: Some(0),
            key: Some(Argument::Plain(b"cart:17")),
            arguments: arguments.into(),
            left_out: 0,
            result: CommandResult::Success,
            duration_us: Some(15),
            keys_modified: Some(1),
        }),
    }
}

fn arguments(arguments: &[Argument<'_>], max_bytes: usize) -> String {
    let record = set(arguments);
    let payload = Payload {
        disabled: false,
        max_bytes,
    };
    let line = String::from_utf8(line(Format::Text, &record, payload)).unwrap();
    let (_, end) = line.split_once("key=cart:17 ").unwrap();
    end.strip_suffix(" keys_modified=1")
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_record_looks_like_this_in_each_format() {
    let record = set(&[Argument::Plain(b"two apples"), Argument::Redacted]);
    assert_eq!(
        line_text(Format::Text, &record),
        format!(
            "time=2026-11-28T17:00:00.000250Z sequence=42 node={NODE} category=keys action=set \
             outcome=success user=alice connection=7 address=192.0.2.7 port=50123 tls=true \
             duration_ns=15000 command=set origin=client database=0 key=cart:17 \
             arguments=\"two apples|(redacted)\" keys_modified=1"
        )
    );
    assert_eq!(
        line_text(Format::Json, &record),
        format!(
            "{{\"@timestamp\":\"2026-11-28T17:00:00.000250Z\",\"ecs.version\":\"8.17.0\",\
             \"service.type\":\"valkey\",\"event.kind\":\"event\",\
             \"event.category\":[\"database\"],\"event.type\":[\"change\"],\
             \"warden.sequence\":42,\"warden.node\":\"{NODE}\",\"warden.category\":\"keys\",\
             \"event.action\":\"set\",\"event.outcome\":\"success\",\"user.name\":\"alice\",\
             \"warden.connection\":7,\"source.ip\":\"192.0.2.7\",\"source.port\":50123,\
             \"tls.established\":true,\"event.duration\":15000,\"warden.command\":\"set\",\
             \"warden.origin\":\"client\",\"warden.database\":0,\"warden.key\":\"cart:17\",\
             \"warden.arguments\":[\"two apples\",\"(redacted)\"],\"warden.keys_modified\":1}}"
        )
    );
    let csv = line_text(Format::Csv, &record);
    let begin = format!("2026-11-28T17:00:00.000250Z,42,{NODE},keys,set,success,,,,alice,");
    assert!(csv.starts_with(&begin), "{csv}");
    assert!(
        csv.contains(",15000,set,client,0,cart:17,two apples|(redacted),,"),
        "{csv}"
    );
}

#[test]
fn what_is_redacted_cannot_be_sent() {
    let sent = [
        Argument::Plain(b"(redacted)"),
        Argument::Redacted,
        Argument::Plain(b""),
        Argument::Plain(b"()"),
        Argument::Digest([0x0f; 16]),
        Argument::Plain(b"a|(redacted)"),
    ];
    assert_eq!(
        arguments(&sent, 1000),
        "arguments=\"\\x28redacted)|(redacted)|()|\\x28)|(digest:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f)|\
         a\\x7c(redacted)\""
    );
}

#[test]
fn all_arguments_together_have_as_many_bytes_as_the_sink_wants() {
    let sent = [
        Argument::Plain(b"12345"),
        Argument::Plain(b"67890"),
        Argument::Plain(b"x"),
    ];
    for (max_bytes, shown) in [
        (0, "arguments_left_out=3"),
        (3, "arguments=(cut:5)123 arguments_left_out=2"),
        (5, "arguments=12345 arguments_left_out=2"),
        (7, "arguments=12345|(cut:5)67 arguments_left_out=1"),
        (10, "arguments=12345|67890 arguments_left_out=1"),
        (11, "arguments=12345|67890|x"),
    ] {
        assert_eq!(arguments(&sent, max_bytes), shown);
    }
    let already = [Argument::Cut(b"12345", 900)];
    assert_eq!(arguments(&already, 5), "arguments=(cut:900)12345");
    assert_eq!(arguments(&already, 2), "arguments=(cut:900)12");
    let empty = [Argument::Plain(b""); 4];
    assert_eq!(
        arguments(&empty, 3),
        "arguments=()|()|() arguments_left_out=1"
    );
}

#[test]
fn a_sink_without_payload_shows_the_key_and_how_many_arguments_there_were() {
    let mut record = set(&[]);
    if let Event::Command(command) = &mut record.event {
        command.arguments = smallvec![Argument::Plain(b"secret"), Argument::Redacted];
        command.left_out = 3;
    }
    let payload = Payload {
        disabled: true,
        max_bytes: 1024,
    };
    for format in ALL {
        let line = String::from_utf8(line(format, &record, payload)).unwrap();
        assert!(
            !line.contains("secret") && !line.contains("redacted"),
            "{line}"
        );
        assert!(line.contains("cart:17"), "{line}");
        let read = format.read(line.as_bytes()).unwrap();
        assert_eq!(read.bytes(Field::LeftOut), Some(b"5".as_slice()));
    }
}

#[test]
fn a_value_cannot_pass_for_another_field_of_text() {
    let mut record = set(&[]);
    let forged = b"x\" outcome=success user=\"root\nuser=root";
    record.client.as_mut().unwrap().user = forged;
    let line = line_text(Format::Text, &record);
    assert!(
        line.contains("user=\"x\\x22 outcome=success user=\\x22root\\nuser=root\" connection=7"),
        "{line}"
    );
    assert_eq!(
        Format::Text
            .read(line.as_bytes())
            .unwrap()
            .bytes(Field::User),
        Some(forged.as_slice())
    );
}

#[test]
fn a_value_is_no_formula_to_a_program_for_tables() {
    for first in ["=", "+", "-", "@"] {
        let value = format!("{first}cmd|' /C calc'!A0");
        let mut record = set(&[Argument::Plain(value.as_bytes())]);
        record.client.as_mut().unwrap().user = value.as_bytes();
        let line = line_text(Format::Csv, &record);
        assert!(!line.contains(&format!(",{first}")), "{line}");
        let read = Format::Csv.read(line.as_bytes()).unwrap();
        assert_eq!(read.bytes(Field::User), Some(value.as_bytes()));
    }
}
