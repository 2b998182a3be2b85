//! An entry, as a search shows it (RFC 4511 §4.5.2).
//!
//! In come a name and attributes with their values; out go the values of one, whatever
//! the case of its name. Never: one of two attributes that have one name, or a value left
//! out because it is not text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use warden_core::Reason;
use warden_settings::quoted;

use crate::asking::unavailable;

/// A name and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    dn: String,
    /// By their descriptions in lower case, options included.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
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

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::ReasonKind;

    fn entry(attributes: &[(&str, &[&[u8]])]) -> Result<Entry, Reason> {
        let attributes = attributes.iter().map(|(description, values)| {
            let values = values.iter().map(|value| value.to_vec());
            ((*description).to_owned(), values.collect())
        });
        Entry::new("cn=b".to_owned(), attributes)
    }

    #[test]
    fn names_of_attributes_have_no_case() {
        let entry = entry(&[("memberof", &[b"cn=a"]), ("MAIL;lang-de", &[b"x"])]).unwrap();
        assert_eq!(entry.dn(), "cn=b");
        assert_eq!(entry.texts("memberOf").unwrap(), ["cn=a"]);
        assert!(entry.values("mail").is_empty());
        assert_eq!(entry.texts("mail;LANG-DE").unwrap(), ["x"]);
        assert_eq!(entry.options("Mail").collect::<Vec<_>>(), ["lang-de"]);
        assert_eq!(entry.options("mai").count(), 0);
    }

    #[test]
    fn values_that_are_not_text_stay_and_are_no_text() {
        let entry = entry(&[("jpegPhoto", &[b"\xff\xd8", b"text"])]).unwrap();
        assert_eq!(entry.values("jpegphoto").len(), 2);
        let reason = entry.texts("jpegPhoto").unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::Unavailable);
    }

    #[test]
    fn an_attribute_that_comes_twice_is_refused_in_any_case() {
        for second in ["memberOf", "MEMBEROF"] {
            let reason = entry(&[("memberOf", &[b"cn=a"]), (second, &[])]).unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Unavailable);
        }
    }
}
