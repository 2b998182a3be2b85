//! What a certificate says, read strictly.
//!
//! In comes its DER; out go names, dates, alternative names and extensions, each
//! read to its last byte, or nothing. No value is judged here.

use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::Parser;

use super::der;
use super::name::Name;

/// subjectAltName (RFC 5280 §4.2.1.6), contents octets of 2.5.29.17.
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

/// The parts of one certificate.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) subject: Name<'a>,
    pub(crate) issuer: Name<'a>,
    /// Lower-case hexadecimal without leading zero bytes.
    pub(crate) serial: String,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
    pub(crate) names: AlternativeNames,
    extensions: Vec<(Vec<u8>, &'a [u8])>,
}

impl<'a> Contents<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    /// What is wrong, to follow "the certificate".
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let Ok(([], certificate)) = parser.parse(bytes) else {
            return Err("is not well-formed DER");
        };
        let parts = &certificate.tbs_certificate;
        let subject = Name::parse(parts.subject.as_raw()).ok_or("has a malformed subject")?;
        let issuer = Name::parse(parts.issuer.as_raw()).ok_or("has a malformed issuer")?;
        let serial = serial(certificate.raw_serial()).ok_or("has no positive serial number")?;
        let mut extensions: Vec<(Vec<u8>, &[u8])> = Vec::new();
        for extension in certificate.extensions() {
            let oid = extension.oid.as_bytes().to_vec();
            if extensions.iter().any(|(other, _)| *other == oid) {
                return Err("has an extension twice");
            }
            extensions.push((oid, extension.value));
        }
        let names = extensions
            .iter()
            .find(|(oid, _)| *oid == ALTERNATIVE_NAMES)
            .map_or(Some(AlternativeNames::default()), |(_, value)| {
                AlternativeNames::parse(value)
            })
            .ok_or("has malformed alternative names")?;
        Ok(Self {
            subject,
            issuer,
            serial,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            names,
            extensions,
        })
    }

    /// The content of the extension with this identifier (contents octets).
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let found = self.extensions.iter().find(|(other, _)| other == oid);
        found.map(|(_, value)| *value)
    }
}

/// Positive, of at most 20 octets (RFC 5280 §4.1.2.2).
fn serial(octets: &[u8]) -> Option<String> {
    let magnitude = match octets {
        [0, rest @ ..] => rest,
        [first, ..] if *first < 0x80 => octets,
        _ => return None,
    };
    let accepted = !magnitude.is_empty() && magnitude.len() <= 20;
    accepted.then(|| hexadecimal(magnitude))
}

/// Lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The alternative names that are text. Addresses, other names and directory
/// names are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AlternativeNames {
    pub(crate) dns: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) uris: Vec<String>,
}

impl AlternativeNames {
    /// From the DER of a `GeneralNames`; `None` when it is malformed or a text in it
    /// is empty or not printable ASCII: all three are IA5String, and no host, mailbox
    /// or URI holds a control character.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut names = Self::default();
        for element in der::all(der::only(bytes, der::SEQUENCE)?)? {
            let list = match element.tag {
                0x81 => &mut names.emails,
                0x82 => &mut names.dns,
                0x86 => &mut names.uris,
                // otherName, x400Address, directoryName, ediPartyName, iPAddress, registeredID.
                0xa0 | 0xa3 | 0xa4 | 0xa5 | 0x87 | 0x88 => continue,
                _ => return None,
            };
            list.push(printable(element.value)?);
        }
        Some(names)
    }
}

fn printable(bytes: &[u8]) -> Option<String> {
    let is_printable = !bytes.is_empty() && bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    let text = std::str::from_utf8(bytes).ok()?;
    is_printable.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::testing::element;

    fn names(elements: &[(u8, &[u8])]) -> Option<AlternativeNames> {
        let list: Vec<u8> = elements
            .iter()
            .flat_map(|(tag, value)| element(*tag, value))
            .collect();
        AlternativeNames::parse(&element(0x30, &list))
    }

    #[test]
    fn alternative_names_are_told_apart_by_kind() {
        let all = names(&[
            (0x82, b"a.example"),
            (0x86, b"spiffe://x/y"),
            (0x81, b"a@example"),
            (0x87, b"\x7f\0\0\x01"),
            (0x82, b"b.example"),
        ])
        .unwrap();
        assert_eq!(all.dns, ["a.example", "b.example"]);
        assert_eq!(all.emails, ["a@example"]);
        assert_eq!(all.uris, ["spiffe://x/y"]);
    }

    #[test]
    fn a_name_that_is_not_printable_ascii_makes_all_of_them_malformed() {
        for bad in [&b"a\0b"[..], b"a\n", b"\xc3\xa9", b"\xff", b"", b"\x7f"] {
            for tag in [0x81, 0x82, 0x86] {
                assert_eq!(names(&[(0x82, b"good"), (tag, bad)]), None, "{bad:?}");
            }
        }
        assert_eq!(names(&[(0x0c, b"a")]), None);
        assert_eq!(AlternativeNames::parse(b""), None);
        assert_eq!(AlternativeNames::parse(b"\x30\x03\x82\x02a"), None);
    }

    #[test]
    fn a_serial_number_is_positive_and_shown_without_its_sign_byte() {
        assert_eq!(serial(&[0, 0xff]).as_deref(), Some("ff"));
        assert_eq!(serial(&[1, 2]).as_deref(), Some("0102"));
        for bad in [&[][..], &[0], &[0xff], &[1; 21]] {
            assert_eq!(serial(bad), None, "{bad:?}");
        }
    }
}
