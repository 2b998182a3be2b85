//! An entry, as a directory sent it (RFC 4511 §4.5.2).
//!
//! In comes one answer to a search; out go a name and the values of attributes, whose
//! names have no case. What is malformed is an error: reading never panics and never
//! leaves a value out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use ldap3::ResultEntry;
use ldap3::asn1::{PL, StructureTag};
use warden_core::Reason;

use crate::asking::unavailable;
use crate::quote::quoted;

/// `SearchResultEntry`, `SearchResultReference` and `IntermediateResponse`.
const ENTRY: u64 = 4;
const REFERENCE: u64 = 19;
const INTERMEDIATE: u64 = 25;

/// A name and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    dn: String,
    /// By their descriptions in lower case, options included.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// Reads one answer; `None` for what is not an entry: a reference to another
    /// directory, which nobody follows, and a message about the search.
    ///
    /// # Errors
    /// `ReasonKind::Unavailable` when it is malformed.
    pub(crate) fn read(answer: ResultEntry) -> Result<Option<Self>, Reason> {
        match answer.0.id {
            REFERENCE | INTERMEDIATE => Ok(None),
            ENTRY => {
                let [dn, attributes] = constructed(answer.0)?
                    .try_into()
                    .map_err(|_| malformed("an entry of other parts than two"))?;
                let attributes = constructed(attributes)?.into_iter().map(attribute);
                let attributes: Vec<_> = attributes.collect::<Result<_, _>>()?;
                Self::new(text(dn)?, attributes).map(Some)
            }
            _ => Err(malformed("what is not an entry")),
        }
    }

    /// Puts an entry together.
    ///
    /// # Errors
    /// `ReasonKind::Unavailable` when two attributes have one name: either could be meant.
    pub(crate) fn new(
        dn: String,
        attributes: impl IntoIterator<Item = (String, Vec<Vec<u8>>)>,
    ) -> Result<Self, Reason> {
        let mut entry = Self {
            dn,
            attributes: BTreeMap::new(),
        };
        for (description, values) in attributes {
            match entry.attributes.entry(description.to_ascii_lowercase()) {
                Place::Vacant(place) => place.insert(values),
                Place::Occupied(_) => {
                    return Err(malformed(&format!(
                        "the attribute {} twice",
                        quoted(&description)
                    )));
                }
            };
        }
        Ok(entry)
    }

    /// Its distinguished name, as the directory writes it.
    pub(crate) fn dn(&self) -> &str {
        &self.dn
    }

    /// The values of the attribute with exactly this description; none when it is absent.
    pub(crate) fn values(&self, description: &str) -> &[Vec<u8>] {
        let values = self.attributes.get(&description.to_ascii_lowercase());
        values.map_or(&[], Vec::as_slice)
    }

    /// The same as text.
    ///
    /// # Errors
    /// `ReasonKind::Unavailable` when a value is not UTF-8.
    pub(crate) fn texts(&self, description: &str) -> Result<Vec<&str>, Reason> {
        let texts = self.values(description).iter().map(|value| {
            std::str::from_utf8(value).map_err(|_| {
                malformed(&format!(
                    "a value of {} that is not UTF-8",
                    quoted(description)
                ))
            })
        });
        texts.collect()
    }

    /// Descriptions of an attribute that have options (RFC 4512 §2.5), without its name
    /// and the first semicolon.
    pub(crate) fn options(&self, attribute: &str) -> impl Iterator<Item = &str> {
        let attribute = attribute.to_ascii_lowercase();
        self.attributes.keys().filter_map(move |description| {
            let rest = description.strip_prefix(attribute.as_str())?;
            rest.strip_prefix(';')
        })
    }
}

/// An answer that is not what the protocol, or the search, says it must be.
pub(super) fn malformed(what: &str) -> Reason {
    unavailable(format!("the directory answered {what}"))
}

fn attribute(tag: StructureTag) -> Result<(String, Vec<Vec<u8>>), Reason> {
    let [description, values] = constructed(tag)?
        .try_into()
        .map_err(|_| malformed("an attribute of other parts than two"))?;
    let values = constructed(values)?.into_iter().map(primitive);
    Ok((text(description)?, values.collect::<Result<_, _>>()?))
}

fn constructed(tag: StructureTag) -> Result<Vec<StructureTag>, Reason> {
    match tag.payload {
        PL::C(parts) => Ok(parts),
        PL::P(_) => Err(malformed("bytes where parts must be")),
    }
}

fn primitive(tag: StructureTag) -> Result<Vec<u8>, Reason> {
    match tag.payload {
        PL::P(bytes) => Ok(bytes),
        PL::C(_) => Err(malformed("parts where bytes must be")),
    }
}

fn text(tag: StructureTag) -> Result<String, Reason> {
    String::from_utf8(primitive(tag)?).map_err(|_| malformed("a name that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3::asn1::TagClass;
    use warden_core::ReasonKind;

    fn tag(id: u64, payload: PL) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id,
            payload,
        }
    }

    fn bytes(text: &[u8]) -> StructureTag {
        tag(4, PL::P(text.to_vec()))
    }

    fn parts(parts: Vec<StructureTag>) -> StructureTag {
        tag(16, PL::C(parts))
    }

    fn one(description: &str, values: &[&[u8]]) -> StructureTag {
        let values = values.iter().map(|value| bytes(value)).collect();
        parts(vec![bytes(description.as_bytes()), parts(values)])
    }

    fn read(id: u64, of: Vec<StructureTag>) -> Result<Option<Entry>, Reason> {
        Entry::read(ResultEntry::new(tag(id, PL::C(of))))
    }

    #[test]
    fn names_of_attributes_have_no_case() {
        let attributes = parts(vec![
            one("memberof", &[b"cn=a"]),
            one("MAIL;lang-de", &[b"x"]),
        ]);
        let entry = read(ENTRY, vec![bytes(b"cn=b"), attributes]).unwrap();
        let entry = entry.unwrap();
        assert_eq!(entry.dn(), "cn=b");
        assert_eq!(entry.texts("memberOf").unwrap(), ["cn=a"]);
        assert!(entry.values("mail").is_empty());
        assert_eq!(entry.texts("mail;LANG-DE").unwrap(), ["x"]);
        assert_eq!(entry.options("Mail").collect::<Vec<_>>(), ["lang-de"]);
        assert_eq!(entry.options("mai").count(), 0);
    }

    #[test]
    fn values_that_are_not_text_stay_and_are_no_text() {
        let attributes = parts(vec![one("jpegPhoto", &[b"\xff\xd8", b"text"])]);
        let entry = read(ENTRY, vec![bytes(b"cn=b"), attributes]).unwrap();
        let entry = entry.unwrap();
        assert_eq!(entry.values("jpegphoto").len(), 2);
        let reason = entry.texts("jpegPhoto").unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::Unavailable);
    }

    #[test]
    fn an_attribute_that_comes_twice_is_refused_in_any_case() {
        for second in ["memberOf", "MEMBEROF"] {
            let attributes = parts(vec![one("memberOf", &[b"cn=a"]), one(second, &[])]);
            assert!(read(ENTRY, vec![bytes(b"cn=b"), attributes]).is_err());
        }
    }

    #[test]
    fn a_reference_is_no_entry_and_is_not_followed() {
        let url = bytes(b"ldap://other.example.org/dc=example");
        assert_eq!(read(REFERENCE, vec![url]).unwrap(), None);
        assert_eq!(read(INTERMEDIATE, Vec::new()).unwrap(), None);
    }

    #[test]
    fn a_malformed_entry_is_an_error_and_no_panic() {
        let none = || parts(Vec::new());
        for broken in [
            vec![],
            vec![bytes(b"cn=b")],
            vec![bytes(b"cn=b"), none(), none()],
            vec![bytes(b"cn=\xff"), none()],
            vec![none(), none()],
            vec![bytes(b"cn=b"), bytes(b"")],
            vec![bytes(b"cn=b"), parts(vec![bytes(b"mail")])],
            vec![bytes(b"cn=b"), parts(vec![none()])],
            vec![
                bytes(b"cn=b"),
                parts(vec![parts(vec![bytes(b"mail"), bytes(b"x")])]),
            ],
            vec![
                bytes(b"cn=b"),
                parts(vec![parts(vec![bytes(b"mail"), parts(vec![none()])])]),
            ],
        ] {
            let reason = read(ENTRY, broken).unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Unavailable);
        }
        assert!(read(5, Vec::new()).is_err());
        assert!(Entry::read(ResultEntry::new(bytes(b""))).is_err());
    }
}
