//! Distinguished names, and their one rendering as text (RFC 4514).
//!
//! In comes the DER of a name; out go its attributes and a string from which the
//! name can be read back: most specific part first, everything that has a meaning
//! there escaped, control characters as hexadecimal. A name that cannot be read to
//! its last byte is none.

use std::fmt::Write;

use super::der::{self, Element};
use super::oid;

/// Names of attribute types: those of RFC 4514 §3, and of RFC 4519 and RFC 2985
/// where other programs show them too. All else is shown as its identifier.
const KINDS: [(&str, &str); 15] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.43", "initials"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// A type of attribute and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// The short name, or the identifier with dots.
    pub(crate) kind: String,
    value: Element<'a>,
}

impl<'a> Attribute<'a> {
    fn parse(element: &Element<'a>) -> Option<Self> {
        let parts = (element.tag == der::SEQUENCE).then(|| der::all(element.value))??;
        let [kind, value] = parts.as_slice() else {
            return None;
        };
        let dotted = (kind.tag == der::OBJECT_IDENTIFIER).then(|| oid::dotted(kind.value))??;
        let known = KINDS.iter().find(|(identifier, _)| *identifier == dotted);
        Some(Self {
            kind: known.map_or(dotted, |(_, name)| (*name).to_owned()),
            value: *value,
        })
    }

    /// The value when it is text in UTF-8 or ASCII; other encodings (BMPString,
    /// TeletexString and older ones) can be read in more than one way.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.value.value).ok()?;
        match self.value.tag {
            // UTF8String.
            0x0c => Some(text),
            // NumericString, PrintableString, IA5String, VisibleString.
            0x12 | 0x13 | 0x16 | 0x1a => text.is_ascii().then_some(text),
            _ => None,
        }
    }

    fn render(&self, to: &mut String) {
        to.push_str(&self.kind);
        to.push('=');
        let is_named = self.kind.starts_with(|c: char| c.is_ascii_alphabetic());
        match self.text() {
            Some(text) if is_named => escape(text, to),
            // RFC 4514 §2.4: '#' and the hexadecimal of the whole value.
            _ => {
                to.push('#');
                hexadecimal(self.value.whole, to);
            }
        }
    }
}

/// A name: sets of attributes, the most general first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name<'a>(Vec<Vec<Attribute<'a>>>);

impl<'a> Name<'a> {
    /// From the whole DER of a `Name` (RFC 5280 §4.1.2.4); `None` when malformed.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let sets = der::all(der::only(bytes, der::SEQUENCE)?)?;
        let sets = sets.iter().map(|set| {
            let attributes = (set.tag == der::SET).then(|| der::all(set.value))??;
            let attributes: Option<Vec<_>> = attributes.iter().map(Attribute::parse).collect();
            attributes.filter(|attributes| !attributes.is_empty())
        });
        sets.collect::<Option<_>>().map(Self)
    }

    /// All attributes, in the order of the certificate.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute<'a>> {
        self.0.iter().flatten()
    }

    /// The RFC 4514 string.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for (index, set) in self.0.iter().rev().enumerate() {
            if index > 0 {
                text.push(',');
            }
            for (index, attribute) in set.iter().enumerate() {
                if index > 0 {
                    text.push('+');
                }
                attribute.render(&mut text);
            }
        }
        text
    }
}

/// RFC 4514 §2.4.
fn escape(value: &str, to: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => to.extend(['\\', character]),
            ' ' if index == 0 || index == last => to.push_str("\\ "),
            '#' if index == 0 => to.push_str("\\#"),
            control if control.is_control() => {
                for &byte in control.encode_utf8(&mut [0; 4]).as_bytes() {
                    to.push('\\');
                    hexadecimal(&[byte], to);
                }
            }
            plain => to.push(plain),
        }
    }
}

fn hexadecimal(bytes: &[u8], to: &mut String) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _infallible = write!(to, "{byte:02X}");
    }
}

#[cfg(test)]
mod tests;
