//! What a certificate that is not an authority's shall say.
//!
//! Also what no careful authority would sign: several common names, control bytes,
//! nothing at all, dates long gone.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::DAY_SECONDS;
use crate::patience::unix_now;

/// A part of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `CN`.
    CommonName,
    /// `OU`.
    OrganizationalUnit,
    /// `O`.
    Organization,
}

impl Attribute {
    /// The attribute's type for the first value and for the second: the library
    /// keeps one value for each type, but takes the bare number for another type.
    fn types(self) -> [DnType; 2] {
        let (named, last) = match self {
            Self::CommonName => (DnType::CommonName, 3),
            Self::OrganizationalUnit => (DnType::OrganizationalUnitName, 11),
            Self::Organization => (DnType::OrganizationName, 10),
        };
        [named, DnType::CustomDnType(vec![2, 5, 4, last])]
    }
}

/// A certificate in the making; valid from a day ago until tomorrow.
#[derive(Clone, Debug)]
pub struct Leaf {
    subject: Vec<(Attribute, String)>,
    alternatives: Vec<SanType>,
    purpose: ExtendedKeyUsagePurpose,
    not_before: u64,
    not_after: u64,
    rsa: bool,
}

impl Leaf {
    /// A client's, without a subject.
    pub fn nameless() -> Self {
        Self {
            subject: Vec::new(),
            alternatives: Vec::new(),
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
            not_before: unix_now() - DAY_SECONDS,
            not_after: unix_now() + DAY_SECONDS,
            rsa: false,
        }
    }

    /// A client's with this common name.
    pub fn client(name: &str) -> Self {
        Self::nameless().subject(Attribute::CommonName, name)
    }

    /// A server's for every name of this machine's own: `127.0.0.1`, `::1`, `localhost`.
    pub fn server() -> Self {
        let own = Self::server_elsewhere("localhost");
        own.address([127, 0, 0, 1])
            .address([0, 0, 0, 0, 0, 0, 0, 1_u16])
    }

    /// A server's for this host name alone: to a client on loopback, the wrong one.
    pub fn server_elsewhere(host: &str) -> Self {
        let mut leaf = Self::client(host).dns(host);
        leaf.purpose = ExtendedKeyUsagePurpose::ServerAuth;
        leaf
    }

    /// Adds a part of the subject, behind those before it; each at most twice.
    #[must_use]
    pub fn subject(mut self, attribute: Attribute, value: &str) -> Self {
        self.subject.push((attribute, value.to_owned()));
        self
    }

    /// Adds an `OU`.
    #[must_use]
    pub fn unit(self, value: &str) -> Self {
        self.subject(Attribute::OrganizationalUnit, value)
    }

    /// Adds a DNS name; any ASCII, control bytes and wildcards too.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        self.alternatives.push(SanType::DnsName(ascii(name)));
        self
    }

    /// Adds a mail address.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.alternatives.push(SanType::Rfc822Name(ascii(address)));
        self
    }

    /// Adds a URI.
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        self.alternatives.push(SanType::URI(ascii(uri)));
        self
    }

    /// Adds an IP address.
    #[must_use]
    pub fn address(mut self, address: impl Into<IpAddr>) -> Self {
        self.alternatives.push(SanType::IpAddress(address.into()));
        self
    }

    /// Valid from this second since the epoch.
    #[must_use]
    pub fn not_before(mut self, unix_seconds: u64) -> Self {
        self.not_before = unix_seconds;
        self
    }

    /// Valid up to this second since the epoch.
    #[must_use]
    pub fn not_after(mut self, unix_seconds: u64) -> Self {
        self.not_after = unix_seconds;
        self
    }

    /// No longer valid, since an hour ago.
    #[must_use]
    pub fn expired(self) -> Self {
        self.not_after(unix_now() - 3600)
    }

    /// Not valid before an hour from now.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        self.not_before(unix_now() + 3600)
    }

    /// With an RSA key instead of one on P-256; takes part of a second to make.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.rsa = true;
        self
    }

    pub(super) fn new_key(&self) -> KeyPair {
        let algorithm = if self.rsa {
            &PKCS_RSA_SHA256
        } else {
            &PKCS_ECDSA_P256_SHA256
        };
        KeyPair::generate_for(algorithm).expect("a key")
    }

    pub(super) fn params(&self, serial: u64) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = date(self.not_before);
        params.not_after = date(self.not_after);
        params.distinguished_name = self.distinguished_name();
        params.subject_alt_names = self.alternatives.clone();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![self.purpose.clone()];
        params.use_authority_key_identifier_extension = true;
        params
    }

    fn distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        for (attribute, value) in &self.subject {
            let [first, second] = attribute.types();
            if name.get(&first).is_none() {
                name.push(first, value);
            } else {
                assert!(name.get(&second).is_none(), "{attribute:?} a third time");
                name.push(second, value);
            }
        }
        name
    }
}

fn ascii(text: &str) -> Ia5String {
    Ia5String::try_from(text).expect("alternative names are ASCII")
}

/// A second since the epoch as certificates have it.
pub(super) fn date(unix_seconds: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
}
