//! `attributes`: what else of an account's entry policies may see.
//!
//! In comes an entry; out go claims by the names that the operator wrote: a string for
//! one value, a sorted list for several, nothing for none. What is not text, or too much,
//! is an error: a policy may restrict by a claim as well as grant by it.

use serde_json::{Map, Value};
use warden_core::{Reason, ReasonKind};
use warden_settings::{Section, quoted};

use super::super::name::is_type;
use super::entry::Entry;

/// Most attributes.
const MAX_ATTRIBUTES: usize = 64;

/// Most values of one attribute, and most bytes of them all.
const MAX_VALUES: usize = 100;
const MAX_BYTES: usize = 64 * 1024;

/// What a directory may keep passwords in: never a claim.
const SECRETS: [&str; 15] = [
    "userpassword",
    "2.5.4.35",
    "authpassword",
    "pwdhistory",
    "unicodepwd",
    "dbcspwd",
    "sambalmpassword",
    "sambantpassword",
    "sambapasswordhistory",
    "ipanthash",
    "krbprincipalkey",
    "ms-mcs-admpwd",
    "mslaps-password",
    "msds-managedpassword",
    "unixuserpassword",
];

/// The chosen attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<String>);

impl Attributes {
    /// Takes `attributes` out of a file.
    pub(super) fn read(file: &mut Section) -> Self {
        let names = file.strings("attributes").unwrap_or_default();
        if names.len() > MAX_ATTRIBUTES {
            file.fault(
                "attributes",
                format!("takes at most {MAX_ATTRIBUTES} names"),
            );
        }
        let mut chosen: Vec<String> = Vec::new();
        for name in names {
            if !is_type(&name) {
                file.fault(
                    "attributes",
                    format!("{} is not the name of an attribute", quoted(&name)),
                );
            } else if SECRETS.contains(&name.to_ascii_lowercase().as_str()) {
                file.fault(
                    "attributes",
                    format!("{} holds secrets, which no policy sees", quoted(&name)),
                );
            } else if chosen.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
                file.fault("attributes", format!("{} is named twice", quoted(&name)));
            } else {
                chosen.push(name);
            }
        }
        Self(chosen)
    }

    /// Their names, as configured.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The claims.
    ///
    /// # Errors
    /// `ReasonKind::Claims` when a value is not text, or over a limit.
    pub(super) fn claims(&self, entry: &Entry) -> Result<Map<String, Value>, Reason> {
        let mut claims = Map::new();
        let mut bytes = 0;
        for name in &self.0 {
            let bad = |why: &str| {
                Reason::new(
                    ReasonKind::Claims,
                    format!("the attribute {} {why}", quoted(name)),
                )
            };
            let values = entry.values(name);
            let is_ranged = entry
                .options(name)
                .any(|options| options.contains("range="));
            if values.len() > MAX_VALUES || is_ranged {
                return Err(bad(&format!("has more than {MAX_VALUES} values")));
            }
            let texts = values.iter().map(|value| std::str::from_utf8(value));
            let texts: Result<Vec<&str>, _> = texts.collect();
            let mut texts = texts.map_err(|_| bad("has a value that is not text"))?;
            bytes += texts.iter().map(|text| text.len()).sum::<usize>();
            if bytes > MAX_BYTES {
                return Err(bad(&format!(
                    "brings all values of attributes over {MAX_BYTES} bytes"
                )));
            }
            texts.sort_unstable();
            texts.dedup();
            let claim = match texts.as_slice() {
                [] => continue,
                [one] => Value::from(*one),
                several => Value::from(several),
            };
            claims.insert(name.clone(), claim);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes(text: &str) -> (Attributes, usize) {
        let mut file = Section::parse(text.as_bytes()).unwrap();
        let attributes = Attributes::read(&mut file);
        (attributes, file.finish().len())
    }

    fn claims(values: &[(&str, &[&[u8]])]) -> Result<Map<String, Value>, Reason> {
        let (attributes, _) = attributes("attributes = ['mail', 'Department', 'l']");
        let values = values.iter().map(|(name, values)| {
            let values = values.iter().map(|value| value.to_vec()).collect();
            ((*name).to_owned(), values)
        });
        let entry = Entry::new("cn=a".to_owned(), values)?;
        attributes.claims(&entry)
    }

    #[test]
    fn claims_have_the_names_that_the_operator_wrote() {
        let claims = claims(&[
            ("MAIL", &[b"b@x", b"a@x", b"b@x"]),
            ("department", &["Bücher".as_bytes()]),
            ("l;lang-de", &[b"Bonn"]),
            ("title", &[b"unasked"]),
        ])
        .unwrap();
        let expected = json!({ "mail": ["a@x", "b@x"], "Department": "Bücher" });
        assert_eq!(Value::Object(claims), expected);
    }

    #[test]
    fn what_is_not_text_or_too_much_is_refused_rather_than_cut() {
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
        let long = vec![b'x'; MAX_BYTES];
        assert!(claims(&[("mail", &many[..100])]).is_ok());
        assert!(claims(&[("mail", &[&long])]).is_ok());
        for bad in [
            &[("mail", &many[..])][..],
            &[("mail", &[&long[..]]), ("l", &[b"x"])],
            &[("mail", &[b"\xff"])],
            &[("mail", &[]), ("mail;range=0-1499", &[b"x"])],
        ] {
            let reason = claims(bad).unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Claims);
        }
    }

    #[test]
    fn names_that_cannot_be_claims_are_errors() {
        for bad in [
            "attributes = []",
            "attributes = 'mail'",
            "attributes = ['*']",
            "attributes = ['+']",
            "attributes = ['mail;lang-de']",
            "attributes = ['userPassword']",
            "attributes = ['unicodePwd']",
            "attributes = ['2.5.4.35']",
            "attributes = ['pwdHistory']",
            "attributes = ['mail', 'MAIL']",
        ] {
            assert_eq!(attributes(bad).1, 1, "{bad}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("'a{n}'")).collect();
        assert_eq!(
            attributes(&format!("attributes = [{}]", many.join(","))).1,
            1
        );
        assert_eq!(attributes("").1, 0);
    }
}
