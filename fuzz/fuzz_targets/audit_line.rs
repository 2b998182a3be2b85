//! Lines of audit: those that somebody else may have changed, and those that warden writes.
//!
//! In: `T`, `J` or `C` and a line of text, JSON or CSV; or `R` and four values of a record with
//! `--` between them.
//! Held: a line is read or refused in one short line; what was read is shown on one printable
//! line. A record is one printable line in each format, all three are read back as the same,
//! and the values are those that were given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warden_audit::event::{Argument, Category, Client, Command, CommandResult, Event, Origin};
use warden_audit::format::read::{Fields, Value};
use warden_audit::format::{Field, Item};
use warden_audit::settings::Payload;
use warden_audit::{Format, Numbered, Record};

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((b'T', line)) => drop(read(Format::Text, line)),
        Some((b'J', line)) => drop(read(Format::Json, line)),
        Some((b'C', line)) => drop(read(Format::Csv, line)),
        Some((b'R', values)) => written(values),
        _ => {}
    }
});

fn is_printable(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn read(format: Format, line: &[u8]) -> Option<Fields> {
    match format.read(line) {
        Ok(fields) => {
            for (_, value) in fields.iter() {
                is_printable(&value.shown());
            }
            Some(fields)
        }
        Err(refusal) => {
            let told = refusal.to_string();
            is_printable(&told);
            assert!(told.len() < 2000, "{told:?}");
            None
        }
    }
}

fn written(data: &[u8]) {
    let mut left = data;
    let [user, key, first, second] = std::array::from_fn(|_| {
        let end = left.windows(2).position(|two| two == b"--");
        let (value, rest) = left.split_at(end.unwrap_or(left.len()));
        left = rest.get(2..).unwrap_or_default();
        value
    });
    let record = Record {
        at_us: 1_795_885_200_000_250,
        client: Some(Client {
            user,
            ..Client::default()
        }),
        event: Event::Command(Command {
            category: Category::Keys,
            name: b"set",
            origin: Origin::Client,
            database: None,
            key: Some(Argument::Plain(key)),
            arguments: [Argument::Plain(first), Argument::Cut(second, 1 << 20)]
                .into_iter()
                .collect(),
            left_out: 0,
            result: CommandResult::Rejected(first),
            duration_us: None,
            keys_modified: None,
        }),
    };
    let [text, json, csv] = [Format::Text, Format::Json, Format::Csv].map(|format| {
        let mut line = Vec::new();
        let numbered = Numbered {
            sequence: 1,
            node: "0123456789abcdef0123456789abcdef01234567",
            record: &record,
        };
        let payload = Payload {
            disabled: false,
            max_bytes: usize::MAX,
        };
        format.write(&mut line, numbered, payload);
        is_printable(std::str::from_utf8(&line).expect("lines are UTF-8"));
        read(format, &line).expect("what is written is read")
    });
    assert_eq!(text, json);
    assert_eq!(text, csv);
    let bytes = |field| text.bytes(field).unwrap_or_default();
    assert_eq!(bytes(Field::User), user);
    assert_eq!(bytes(Field::Error), first);
    let plain = |bytes: &[u8]| Item::Plain(bytes.to_vec());
    assert_eq!(text.get("key"), Some(&Value::Item(plain(key))));
    let items = vec![plain(first), Item::Cut(second.to_vec(), 1 << 20)];
    assert_eq!(text.get("arguments"), Some(&Value::Items(items)));
}
