//! Search filters (RFC 4515) as a directory is sent them.
//!
//! In comes the operator's text, and who is looked for; out goes the encoded filter. A
//! name is a value of its own in it: there is no text in which it could mean something
//! else, so nothing of it must be escaped.

use lber::structure::{PL, StructureTag};
use lber::structures::ASNTag;

use super::ber;

/// Longest text of a filter.
const MAX_BYTES: usize = 4096;
/// Deepest nesting: bounds the stack that reading takes.
const MAX_DEPTH: usize = 32;

const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const EQUALITY: u8 = 0xa3;
const PRESENT: u8 = 0x87;

/// A checked filter, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(Vec<u8>);

impl Filter {
    /// Reads the text of a filter; parentheses around the whole may be left out.
    ///
    /// # Errors
    /// When it is none, is longer than 4,096 bytes or nests deeper than 32.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("is longer than 4096 bytes");
        }
        if depth(text) > MAX_DEPTH {
            return Err("nests deeper than 32");
        }
        let tag = ldap3::parse_filter(text).map_err(|()| "is not a search filter (RFC 4515)")?;
        let mut bytes = Vec::new();
        encode(tag.into_structure(), &mut bytes);
        Ok(Self(bytes))
    }

    /// Whatever has an attribute: every entry has `objectClass`.
    pub(crate) fn present(attribute: &str) -> Self {
        let mut bytes = Vec::new();
        ber::write(&mut bytes, PRESENT, attribute.as_bytes());
        Self(bytes)
    }

    /// What passes this filter and has this very value.
    pub(crate) fn with(&self, attribute: &str, value: &str) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + attribute.len() + value.len() + 16);
        ber::nest(&mut bytes, AND, |to| {
            to.extend_from_slice(&self.0);
            ber::nest(to, EQUALITY, |to| {
                ber::write(to, ber::OCTET_STRING, attribute.as_bytes());
                ber::write(to, ber::OCTET_STRING, value.as_bytes());
            });
        });
        Self(bytes)
    }

    /// What passes this filter and has any of these values.
    pub(super) fn with_any(&self, values: &[(&str, &str)]) -> Self {
        let mut bytes = Vec::new();
        ber::nest(&mut bytes, AND, |to| {
            to.extend_from_slice(&self.0);
            ber::nest(to, OR, |to| {
                for (attribute, value) in values {
                    ber::nest(to, EQUALITY, |to| {
                        ber::write(to, ber::OCTET_STRING, attribute.as_bytes());
                        ber::write(to, ber::OCTET_STRING, value.as_bytes());
                    });
                }
            });
        });
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How deep parentheses nest.
fn depth(text: &str) -> usize {
    let mut now = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => now += 1,
            b')' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// Goes as deep as the text nests.
pub(super) fn encode(tag: StructureTag, to: &mut Vec<u8>) {
    let class = (tag.class as u8) << 6;
    // Numbers of filters are below 31.
    let number = u8::try_from(tag.id).unwrap_or(0) & 0x1f;
    match tag.payload {
        PL::P(content) => ber::write(to, class | number, &content),
        PL::C(inner) => ber::nest(to, class | 0x20 | number, |to| {
            for tag in inner {
                encode(tag, to);
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_encoded_as_the_standard_says() {
        let present = Filter::parse("objectClass=*").unwrap();
        assert_eq!(present.as_bytes(), b"\x87\x0bobjectClass");
        assert_eq!(present, Filter::parse("(objectClass=*)").unwrap());
        assert_eq!(present, Filter::present("objectClass"));
        let both = Filter::parse("(&(a=b)(!(c=d)))").unwrap();
        assert_eq!(
            both.as_bytes(),
            b"\xa0\x12\xa3\x06\x04\x01a\x04\x01b\xa2\x08\xa3\x06\x04\x01c\x04\x01d"
        );
    }

    #[test]
    fn a_name_is_a_value_and_nothing_else() {
        let filter = Filter::parse("(objectClass=person)").unwrap();
        for name in ["*", "a)(uid=*", r"\2a", "a\u{0}", "é", ")(|(uid=*"] {
            let bytes = filter.with("uid", name).0;
            let mut expected = vec![];
            ber::nest(&mut expected, AND, |to| {
                to.extend_from_slice(filter.as_bytes());
                ber::nest(to, EQUALITY, |to| {
                    ber::write(to, 4, b"uid");
                    ber::write(to, 4, name.as_bytes());
                });
            });
            assert_eq!(bytes, expected, "{name:?}");
        }
    }

    #[test]
    fn any_of_several_values_is_asked_for_beside_the_filter() {
        let filter = Filter::parse("a=b").unwrap();
        let expected = Filter::parse("(&(a=b)(|(c=d)(e=f\\2a)))").unwrap();
        assert_eq!(filter.with_any(&[("c", "d"), ("e", "f*")]), expected);
    }

    #[test]
    fn what_is_no_filter_is_an_error() {
        for bad in ["", "(", "(a=b", "a=b)", "(a)", "((a=b))", "(&(a=b)"] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
        let deep = |n| format!("{}(a=b){}", "(!".repeat(n), ")".repeat(n));
        assert!(Filter::parse(&deep(31)).is_ok());
        assert_eq!(Filter::parse(&deep(32)), Err("nests deeper than 32"));
        assert!(Filter::parse(&format!("a={}", "b".repeat(5000))).is_err());
    }
}
