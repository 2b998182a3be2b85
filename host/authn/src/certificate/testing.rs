//! Throw-away authorities, certificates and revocation lists.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use super::oid;

/// An element of DER.
pub(crate) fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(u8::try_from(length).unwrap()),
        _ => {
            let digits = length.to_be_bytes();
            let digits: Vec<u8> = digits.into_iter().skip_while(|&digit| digit == 0).collect();
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap());
            bytes.extend(digits);
        }
    }
    bytes.extend_from_slice(value);
    bytes
}

/// An attribute of a name: type, tag of the value, value.
pub(crate) fn attribute(kind: &str, tag: u8, value: &[u8]) -> Vec<u8> {
    let kind = element(0x06, &oid::contents(kind).unwrap());
    element(0x30, &[kind, element(tag, value)].concat())
}

/// A name of sets of attributes.
pub(crate) fn name_of(sets: &[&[(&str, u8, &[u8])]]) -> Vec<u8> {
    let sets: Vec<u8> = sets
        .iter()
        .flat_map(|set| {
            let set: Vec<u8> = set
                .iter()
                .flat_map(|(kind, tag, value)| attribute(kind, *tag, value))
                .collect();
            element(0x31, &set)
        })
        .collect();
    element(0x30, &sets)
}

/// PEM with one block.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).collect();
    let body = String::from_utf8(lines.join(&b'\n')).unwrap();
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let usages = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self::from_key(name, &usages, KeyPair::generate().unwrap())
    }

    /// Two certificates of one authority: with the first it may sign revocation lists,
    /// with the second it may not.
    pub(crate) fn with_and_without_lists(name: &str) -> (Self, Self) {
        let usages = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let again = KeyPair::try_from(key.serialized_der()).unwrap();
        let with = Self::from_key(name, &usages, key);
        let without = Self::from_key(name, &[KeyUsagePurpose::KeyCertSign], again);
        (with, without)
    }

    fn from_key(name: &str, usages: &[KeyUsagePurpose], key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// A client's certificate, in PEM.
    pub(crate) fn issue(&self, wish: Wish) -> String {
        let key = KeyPair::generate().unwrap();
        let certificate = wish.0.signed_by(&key, &self.0).unwrap();
        pem("CERTIFICATE", certificate.der())
    }

    /// A revocation list that holds till the end of `until_year`, in DER.
    pub(crate) fn list(&self, until_year: i32, revoked: &[u64]) -> Vec<u8> {
        let revoked = revoked.iter().map(|&serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until_year, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().der().to_vec()
    }
}

/// What a certificate is to say.
pub(crate) struct Wish(CertificateParams);

impl Wish {
    /// No subject, no names; serial number 7; valid from 2020 to 2030.
    pub(crate) fn empty() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(7));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self(params)
    }

    pub(crate) fn cn(name: impl Into<DnValue>) -> Self {
        Self::empty().with(DnType::CommonName, name)
    }

    pub(crate) fn with(mut self, kind: DnType, value: impl Into<DnValue>) -> Self {
        self.0.distinguished_name.push(kind, value);
        self
    }

    pub(crate) fn dns(self, name: &str) -> Self {
        self.san(SanType::DnsName(name.try_into().unwrap()))
    }

    pub(crate) fn email(self, name: &str) -> Self {
        self.san(SanType::Rfc822Name(name.try_into().unwrap()))
    }

    pub(crate) fn uri(self, name: &str) -> Self {
        self.san(SanType::URI(name.try_into().unwrap()))
    }

    fn san(mut self, name: SanType) -> Self {
        self.0.subject_alt_names.push(name);
        self
    }

    pub(crate) fn extension(mut self, oid: &[u64], content: &[u8]) -> Self {
        let extension = CustomExtension::from_oid_content(oid, content.to_vec());
        self.0.custom_extensions.push(extension);
        self
    }

    pub(crate) fn valid(mut self, from_year: i32, to_year: i32) -> Self {
        self.0.not_before = date_time_ymd(from_year, 1, 1);
        self.0.not_after = date_time_ymd(to_year, 1, 1);
        self
    }

    pub(crate) fn serial(mut self, serial: u64) -> Self {
        self.0.serial_number = Some(SerialNumber::from(serial));
        self
    }

    pub(crate) fn usage(mut self, usage: &[ExtendedKeyUsagePurpose]) -> Self {
        self.0.extended_key_usages = usage.to_vec();
        self
    }

    /// The common name a second time: the kind is spelled differently for the library.
    pub(crate) fn second_cn(self, name: &str) -> Self {
        self.with(DnType::CustomDnType(vec![2, 5, 4, 3]), name)
    }
}
