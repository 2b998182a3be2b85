//! Names as they are written, and read back by a parser of RFC 4514 §3 kept here.

use proptest::prelude::*;

use super::*;
use crate::certificate::testing::{attribute, element, name_of};

fn rendered(sets: &[&[(&str, u8, &[u8])]]) -> String {
    Name::parse(&name_of(sets)).unwrap().render()
}

#[test]
fn the_most_specific_part_comes_first_and_sets_are_joined_by_plus() {
    let name = rendered(&[
        &[("2.5.4.6", 0x13, b"IT")],
        &[("2.5.4.10", 0x0c, b"Example, Inc.")],
        &[
            ("2.5.4.3", 0x0c, b"alice"),
            ("0.9.2342.19200300.100.1.1", 0x0c, b"a+1"),
        ],
    ]);
    assert_eq!(name, r"CN=alice+UID=a\+1,O=Example\, Inc.,C=IT");
    assert_eq!(rendered(&[]), "");
}

#[test]
fn what_has_a_meaning_in_the_string_is_escaped() {
    for (value, text) in [
        ("a,b", r"CN=a\,b"),
        ("a+O=x", r"CN=a\+O=x"),
        (r#""q""#, r#"CN=\"q\""#),
        (r"back\slash", r"CN=back\\slash"),
        ("<a>;", r"CN=\<a\>\;"),
        (" a b ", r"CN=\ a b\ "),
        (" ", r"CN=\ "),
        ("#a#", r"CN=\#a#"),
        ("a\0b", r"CN=a\00b"),
        ("a\r\nb", r"CN=a\0D\0Ab"),
        ("a\u{85}", r"CN=a\C2\85"),
        ("Lučić", "CN=Lučić"),
        ("", "CN="),
    ] {
        assert_eq!(
            rendered(&[&[("2.5.4.3", 0x0c, value.as_bytes())]]),
            text,
            "{value:?}"
        );
    }
}

#[test]
fn an_unknown_type_or_an_odd_encoding_is_shown_in_hexadecimal() {
    assert_eq!(
        rendered(&[&[("1.3.6.1.4.1.1466.0", 0x04, b"Hi")]]),
        "1.3.6.1.4.1.1466.0=#04024869"
    );
    for (tag, value) in [
        (0x0c, &b"\xff"[..]),
        (0x13, b"\xc3\xa9"),
        (0x1e, b"\0a"),
        (0x14, b"a"),
    ] {
        let name = rendered(&[&[("2.5.4.3", tag, value)]]);
        assert!(name.starts_with("CN=#"), "{name}");
    }
}

#[test]
fn a_name_that_is_not_read_to_its_end_is_none() {
    let good = attribute("2.5.4.3", 0x0c, b"alice");
    let set = element(0x31, &good);
    let one = |set: &[u8]| Name::parse(&element(0x30, set)).is_some();
    assert!(one(&set));
    for bad in [
        &b"x"[..],
        &element(0x31, b""),
        &element(0x30, &good),
        &element(0x31, &[&good[..], b"\x30"].concat()),
        &[&set[..], b"\x31\x01\x00"].concat(),
        &element(0x31, &element(0x30, b"\x06\x03\x55\x04\x03")),
        &element(0x31, &element(0x30, b"\x06\x01\x80\x0c\x01a")),
        &element(
            0x31,
            &element(0x30, b"\x06\x03\x55\x04\x03\x0c\x01a\x05\x00"),
        ),
    ] {
        assert!(!one(bad), "{bad:?}");
    }
    assert!(Name::parse(&[&element(0x30, &set)[..], b"\0"].concat()).is_none());
}

/// Kinds and values of a string, the most specific set first.
fn read_back(text: &str) -> Vec<Vec<(String, String)>> {
    let mut sets = vec![vec![(String::new(), Vec::new())]];
    let mut in_kind = true;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let (kind, value) = sets.last_mut().unwrap().last_mut().unwrap();
        match byte {
            b'=' if in_kind => in_kind = false,
            _ if in_kind => kind.push(char::from(byte)),
            b',' | b'+' => {
                in_kind = true;
                if byte == b',' {
                    sets.push(Vec::new());
                }
                sets.last_mut().unwrap().push((String::new(), Vec::new()));
            }
            b'\\' => {
                let first = bytes.next().unwrap();
                if first.is_ascii_hexdigit() {
                    let pair = [first, bytes.next().unwrap()];
                    let pair = std::str::from_utf8(&pair).unwrap();
                    value.push(u8::from_str_radix(pair, 16).unwrap());
                } else {
                    value.push(first);
                }
            }
            plain => value.push(plain),
        }
    }
    let text = |(kind, value)| (kind, String::from_utf8(value).unwrap());
    sets.into_iter()
        .map(|set| set.into_iter().map(text).collect())
        .collect()
}

proptest! {
    #[test]
    fn what_is_rendered_reads_back(
        sets in proptest::collection::vec(
            proptest::collection::vec(
                (0..4usize, "([ -~]|[,+#;<> \\\\\"=]|\\PC|[\\x00-\\x1f\\x7f-\\x9f]){0,12}"), 1..3),
            1..4),
    ) {
        let kinds = [("2.5.4.3", "CN"), ("2.5.4.11", "OU"), ("2.5.4.10", "O"), ("2.5.4.7", "L")];
        let der: Vec<u8> = sets.iter().flat_map(|set| {
            let set: Vec<u8> = set.iter()
                .flat_map(|(kind, value)| attribute(kinds[*kind].0, 0x0c, value.as_bytes()))
                .collect();
            element(0x31, &set)
        }).collect();
        let der = element(0x30, &der);
        let rendered = Name::parse(&der).unwrap().render();
        prop_assert!(!rendered.chars().any(char::is_control));
        let expected: Vec<Vec<(String, String)>> = sets.iter().rev().map(|set| set.iter()
            .map(|(kind, value)| (kinds[*kind].1.to_owned(), value.clone()))
            .collect()).collect();
        prop_assert_eq!(read_back(&rendered), expected);
    }

    #[test]
    fn no_bytes_make_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(name) = Name::parse(&bytes) {
            name.render();
        }
    }
}
