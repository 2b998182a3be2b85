//! `[require]`: what a certificate must have, all of it.
//!
//! In come checked requirements and a certificate; out comes yes, or what is
//! missing.

use warden_core::{Reason, ReasonKind};
use warden_settings::{Section, quoted};

use super::contents::Contents;
use super::values::Values;
use super::{der, oid};

/// Most extensions that can be required.
const MAX_EXTENSIONS: usize = 64;
/// Longest value of an extension, as written.
const MAX_VALUE_BYTES: usize = 4096;

/// Checked requirements; empty ones hold for every certificate.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    units: Vec<String>,
    organizations: Vec<String>,
    issuers: Vec<String>,
    extensions: Vec<Extension>,
}

#[derive(Debug)]
struct Extension {
    /// As configured.
    oid: String,
    /// Contents octets.
    contents: Vec<u8>,
    wanted: Wanted,
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Whatever it holds.
    Present,
    /// Its content is exactly these bytes.
    Bytes(Vec<u8>),
    /// Its content is this text, as a DER string or by itself.
    Text(String),
}

impl Requirements {
    /// Whether a certificate has all of it.
    ///
    /// # Errors
    /// `ReasonKind::Claims` with the first requirement that it lacks.
    pub(crate) fn check(&self, contents: &Contents<'_>, values: &Values) -> Result<(), Reason> {
        let has = |all: &[String], wanted: &[String]| wanted.iter().all(|one| all.contains(one));
        if !has(&values.units, &self.units) {
            return Err(lacking("organizational_units"));
        }
        if !has(&values.organizations, &self.organizations) {
            return Err(lacking("organizations"));
        }
        let issuer = contents.issuer.render();
        if !self.issuers.is_empty() && !self.issuers.contains(&issuer) {
            let detail = format!("require.issuers has no {}", quoted(&issuer));
            return Err(Reason::new(ReasonKind::Claims, detail));
        }
        for extension in &self.extensions {
            let value = contents.extension(&extension.contents);
            if !value.is_some_and(|value| extension.wanted.is(value)) {
                return Err(lacking(&format!("extensions.{:?}", extension.oid)));
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn is(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Bytes(bytes) => value == bytes,
            Self::Text(text) => {
                // UTF8String, PrintableString, IA5String.
                let strings = [0x0c, 0x13, 0x16].map(|tag| der::only(value, tag));
                value == text.as_bytes() || strings.contains(&Some(text.as_bytes()))
            }
        }
    }
}

fn lacking(key: &str) -> Reason {
    Reason::new(
        ReasonKind::Claims,
        format!("the certificate is not as require.{key} wants it"),
    )
}

/// Takes `[require]`.
pub(crate) fn read(file: &mut Section) -> Requirements {
    let mut section = file.section("require");
    let mut list = |key| section.strings(key).unwrap_or_default();
    let units = list("organizational_units");
    let organizations = list("organizations");
    let issuers = list("issuers");
    let mut table = section.section("extensions");
    let mut extensions = Vec::new();
    for (key, value) in table.rest() {
        match extension(&key, &value) {
            Ok(extension) => extensions.push(extension),
            Err(why) => table.fault(&key, why),
        }
    }
    if extensions.len() > MAX_EXTENSIONS {
        table.fault("", format!("takes at most {MAX_EXTENSIONS} extensions"));
    }
    section.close(table);
    file.close(section);
    Requirements {
        units,
        organizations,
        issuers,
        extensions,
    }
}

fn extension(key: &str, value: &toml::Value) -> Result<Extension, String> {
    let contents = oid::contents(key)
        .ok_or_else(|| "is not an object identifier, such as \"1.3.6.1.4.1.311.1\"".to_owned())?;
    let expected = "must be true, a text, or \"hex:\" and hexadecimal digits";
    let wanted = match value {
        toml::Value::Boolean(true) => Wanted::Present,
        toml::Value::String(text) if text.is_empty() || text.len() > MAX_VALUE_BYTES => {
            return Err(format!("takes 1 to {MAX_VALUE_BYTES} bytes"));
        }
        toml::Value::String(text) => match text.strip_prefix("hex:") {
            Some(digits) => Wanted::Bytes(bytes(digits).ok_or(expected)?),
            None => Wanted::Text(text.clone()),
        },
        _ => return Err(expected.to_owned()),
    };
    Ok(Extension {
        oid: key.to_owned(),
        contents,
        wanted,
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    let digits = digits.filter(|digits| !digits.is_empty())?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(value: &str) -> Result<Wanted, String> {
        extension("1.2.3", &toml::Value::String(value.to_owned())).map(|good| good.wanted)
    }

    #[test]
    fn bytes_and_text_are_told_apart_by_their_prefix() {
        assert_eq!(
            wanted("hex:0C01fF").unwrap(),
            Wanted::Bytes(vec![12, 1, 255])
        );
        assert_eq!(wanted("0c01").unwrap(), Wanted::Text("0c01".to_owned()));
        for bad in ["hex:", "hex:0", "hex:0g", "hex:0 1", ""] {
            assert!(wanted(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_is_the_content_or_the_one_string_in_it() {
        let text = wanted("abc").unwrap();
        for good in [&b"abc"[..], b"\x0c\x03abc", b"\x13\x03abc", b"\x16\x03abc"] {
            assert!(text.is(good), "{good:?}");
        }
        for bad in [&b"ab"[..], b"abcd", b"\x0c\x03abcd", b"\x04\x03abc", b""] {
            assert!(!text.is(bad), "{bad:?}");
        }
    }
}
