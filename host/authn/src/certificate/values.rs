//! The texts of a certificate that a name may be made of.
//!
//! In come its contents; out go common name, units, organizations, distinguished
//! name and alternative names, of which none is in doubt. What has an odd encoding,
//! a control character or nothing in it refuses the certificate.

use warden_core::{Reason, ReasonKind};

use super::contents::{AlternativeNames, Contents};
use super::name::Name;

/// Where a value is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The subject's common name.
    Cn,
    /// The whole subject as an RFC 4514 string.
    Dn,
    /// Alternative names: hosts.
    Dns,
    /// Alternative names: mailboxes. Never an attribute of the subject.
    Email,
    /// Alternative names: URIs, such as SPIFFE's.
    Uri,
    /// The subject's organizational units.
    Ou,
    /// The subject's organizations.
    O,
}

impl Source {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Cn,
        Self::Dn,
        Self::Dns,
        Self::Email,
        Self::Uri,
        Self::Ou,
        Self::O,
    ];

    /// The word in a file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cn => "cn",
            Self::Dn => "dn",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Ou => "ou",
            Self::O => "o",
        }
    }

    /// Whether a name can be made of it: units and organizations are shared.
    pub(crate) fn identifies(self) -> bool {
        !matches!(self, Self::Ou | Self::O)
    }
}

/// The values, none of them empty or with a control character.
#[derive(Debug)]
pub(crate) struct Values {
    pub(crate) common_names: Vec<String>,
    pub(crate) units: Vec<String>,
    pub(crate) organizations: Vec<String>,
    pub(crate) names: AlternativeNames,
    /// Empty when there is no subject; `None` when something in it is not text.
    subject: Option<String>,
}

impl Values {
    /// Takes the values out of a certificate.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when a common name, unit or organization is not text.
    pub(crate) fn of(contents: &Contents<'_>) -> Result<Self, Reason> {
        let subject = &contents.subject;
        let is_text = subject.attributes().all(|attribute| {
            attribute
                .text()
                .is_some_and(|text| !text.chars().any(char::is_control))
        });
        Ok(Self {
            common_names: texts(subject, "CN")?,
            units: texts(subject, "OU")?,
            organizations: texts(subject, "O")?,
            names: contents.names.clone(),
            subject: is_text.then(|| subject.render()),
        })
    }

    /// All values of a source, without doubles.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when it is in doubt whom they mean: several common
    /// names, a subject that is not all text, a wildcard.
    pub(crate) fn from(&self, source: Source) -> Result<Vec<&str>, Reason> {
        let several = self.common_names.len() > 1;
        if several && matches!(source, Source::Cn | Source::Dn) {
            return Err(refused("its subject has several common names"));
        }
        let list = match source {
            Source::Cn => &self.common_names,
            Source::Ou => &self.units,
            Source::O => &self.organizations,
            Source::Dns => &self.names.dns,
            Source::Email => &self.names.emails,
            Source::Uri => &self.names.uris,
            Source::Dn => {
                let subject = self.subject.as_ref();
                let subject = subject.ok_or_else(|| {
                    refused("its subject holds a control character or an odd encoding")
                })?;
                return unambiguous(std::slice::from_ref(subject));
            }
        };
        unambiguous(list)
    }
}

fn unambiguous(list: &[String]) -> Result<Vec<&str>, Reason> {
    if list.iter().any(|value| value.contains('*')) {
        return Err(refused("a wildcard names nobody"));
    }
    let mut values: Vec<&str> = Vec::new();
    for value in list.iter().map(String::as_str) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

fn texts(subject: &Name<'_>, kind: &str) -> Result<Vec<String>, Reason> {
    subject
        .attributes()
        .filter(|attribute| attribute.kind == kind)
        .map(|attribute| {
            let text = attribute
                .text()
                .filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
            text.map(str::to_owned).ok_or_else(|| {
                refused(&format!(
                    "{kind} of its subject is empty, oddly encoded or holds a control character"
                ))
            })
        })
        .collect()
}

/// A refusal of which the client learns nothing.
pub(crate) fn refused(why: &str) -> Reason {
    Reason::new(
        ReasonKind::Credential,
        format!("the certificate is refused: {why}"),
    )
}
