//! Search filters (RFC 4515), as parts of a request.
//!
//! In come the operator's text, names of attributes, and values; out goes a filter, and
//! its bytes when it is sent. A value is a part of its own in it: there is no text in which
//! it could mean something else, so nothing of it must be escaped.

use ldap3::asn1::{ASNTag, PL, StructureTag, TagClass};

use super::ber;

/// Longest text of a filter.
const MAX_BYTES: usize = 4096;
/// Deepest nesting: bounds the stack that reading takes.
const MAX_DEPTH: usize = 32;

/// Choices of `Filter` (RFC 4511 §4.5.1.7).
const AND: u64 = 0;
const OR: u64 = 1;
const EQUALITY: u64 = 3;
const PRESENT: u64 = 7;
pub(super) const EXTENSIBLE: u64 = 9;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(pub(super) StructureTag);

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
        Ok(Self(tag.into_structure()))
    }

    /// What has an attribute: every entry has `objectClass`.
    pub(crate) fn present(attribute: &str) -> Self {
        Self::choice(PRESENT, PL::P(attribute.into()))
    }

    /// What has this very value.
    pub(crate) fn equal(attribute: &str, value: &str) -> Self {
        let octets = |text: &str| StructureTag {
            class: TagClass::Universal,
            id: u64::from(ber::OCTET_STRING),
            payload: PL::P(text.into()),
        };
        Self::choice(EQUALITY, PL::C(vec![octets(attribute), octets(value)]))
    }

    /// What passes this filter and another.
    pub(crate) fn with(&self, other: Self) -> Self {
        Self::choice(AND, PL::C(vec![self.0.clone(), other.0]))
    }

    /// What passes any of these filters, of which there is one at least.
    pub(crate) fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<_> = filters.into_iter().map(|Self(part)| part).collect();
        match <[_; 1]>::try_from(parts) {
            Ok([only]) => Self(only),
            Err(parts) => Self::choice(OR, PL::C(parts)),
        }
    }

    fn choice(id: u64, payload: PL) -> Self {
        Self(StructureTag {
            class: TagClass::Context,
            id,
            payload,
        })
    }

    /// No fewer bytes than writing it takes.
    pub(super) fn most_bytes(&self) -> usize {
        most_bytes(&self.0)
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        encode(&self.0, to);
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

fn most_bytes(tag: &StructureTag) -> usize {
    6 + match &tag.payload {
        PL::P(content) => content.len(),
        PL::C(inner) => inner.iter().map(most_bytes).sum(),
    }
}

/// Goes as deep as the text nests.
fn encode(tag: &StructureTag, to: &mut Vec<u8>) {
    let class = (tag.class as u8) << 6;
    // Numbers of filters are below 31.
    let number = u8::try_from(tag.id).unwrap_or(0) & 0x1f;
    match &tag.payload {
        PL::P(content) => ber::write(to, class | number, content),
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

    fn written(filter: &Filter) -> Vec<u8> {
        let mut bytes = Vec::new();
        filter.write(&mut bytes);
        assert!(bytes.len() <= filter.most_bytes());
        bytes
    }

    #[test]
    fn a_filter_is_encoded_as_the_standard_says() {
        let present = Filter::parse("objectClass=*").unwrap();
        assert_eq!(written(&present), b"\x87\x0bobjectClass");
        assert_eq!(present, Filter::parse("(objectClass=*)").unwrap());
        assert_eq!(present, Filter::present("objectClass"));
        let both = Filter::parse("(&(a=b)(!(c=d)))").unwrap();
        assert_eq!(
            written(&both),
            b"\xa0\x12\xa3\x06\x04\x01a\x04\x01b\xa2\x08\xa3\x06\x04\x01c\x04\x01d"
        );
    }

    #[test]
    fn a_name_is_a_value_and_nothing_else() {
        let filter = Filter::parse("(objectClass=person)").unwrap();
        for name in ["*", "a)(uid=*", r"\2a", "a\u{0}", "é", ")(|(uid=*"] {
            let bytes = written(&filter.with(Filter::equal("uid", name)));
            let mut expected = vec![];
            ber::nest(&mut expected, 0xa0, |to| {
                filter.write(to);
                ber::nest(to, 0xa3, |to| {
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
        let any = Filter::any([Filter::equal("c", "d"), Filter::equal("e", "f*")]);
        assert_eq!(filter.with(any), expected);
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
