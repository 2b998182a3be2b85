//! Certificate authorities made by the tests: good certificates and bad ones.
//!
//! In: what a certificate shall say ([`Leaf`]). Out: certificates with their keys
//! as PEM files and as bytes, and revocation lists. The files lie in a directory
//! that goes with the authority; a second authority is "the wrong CA" of the first.
//!
//! Its keys are fresh in every test, so nothing outside ever trusts them.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use tempfile::TempDir;

use crate::issuer::pem;
use crate::patience::unix_now;

mod leaf;

use leaf::date;
pub use leaf::{Attribute, Leaf};

/// How long an authority, and what it issues, holds before and after now.
const DAY_SECONDS: u64 = 86_400;

/// Somebody who issues certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    next_serial: AtomicU64,
    directory: TempDir,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    serial: u64,
    certificate: Vec<u8>,
    key: Vec<u8>,
    certificate_file: PathBuf,
    key_file: PathBuf,
}

impl Authority {
    /// An authority of this name, with a key of its own. Two of one name still do
    /// not vouch for one another.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.not_before = date(unix_now() - DAY_SECONDS);
        params.not_after = date(unix_now() + 10 * DAY_SECONDS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA certificate");
        let directory = tempfile::Builder::new()
            .prefix("warden-authority-")
            .tempdir()
            .expect("a temporary directory");
        let authority = Self {
            issuer,
            next_serial: AtomicU64::new(1),
            directory,
        };
        fs::write(authority.ca_file(), authority.ca_pem()).expect("the certificate can be written");
        authority
    }

    /// The directory of its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of its own certificate: what others are told to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Its own certificate as PEM.
    pub fn ca_pem(&self) -> String {
        pem("CERTIFICATE", self.ca_der())
    }

    /// Its own certificate as DER.
    pub fn ca_der(&self) -> &[u8] {
        self.issuer.der().as_ref()
    }

    /// A server's certificate for `127.0.0.1`, `::1` and `localhost`.
    pub fn server(&self) -> Identity {
        self.issue(&Leaf::server())
    }

    /// A client's certificate whose subject is this common name alone.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(&Leaf::client(name))
    }

    /// A certificate that says all this, with a fresh key.
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let key = leaf.new_key();
        let certificate = leaf
            .params(serial)
            .signed_by(&key, &self.issuer)
            .expect("a certificate");
        self.keep(serial, certificate.der(), key.serialized_der())
    }

    /// As [`Self::issue`], but signed by its own key instead of the authority's.
    pub fn self_signed(&self, leaf: &Leaf) -> Identity {
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let key = leaf.new_key();
        let certificate = leaf
            .params(serial)
            .self_signed(&key)
            .expect("a certificate");
        self.keep(serial, certificate.der(), key.serialized_der())
    }

    /// A list that revokes these, valid for a day from now, as a file of PEM.
    /// Each call writes the same file anew.
    pub fn revocation_list(&self, revoked: &[&Identity]) -> PathBuf {
        let now = unix_now();
        let params = CertificateRevocationListParams {
            this_update: date(now - 60),
            next_update: date(now + DAY_SECONDS),
            crl_number: SerialNumber::from(self.next_serial.fetch_add(1, Ordering::Relaxed)),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(|one| one.revoked_at(now)).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("a revocation list");
        let aside = self.directory.path().join("crl.aside");
        let path = self.directory.path().join("crl.pem");
        fs::write(&aside, pem("X509 CRL", list.der().as_ref())).expect("the list can be written");
        fs::rename(&aside, &path).expect("the list can be renamed");
        path
    }

    fn keep(&self, serial: u64, certificate: &[u8], key: &[u8]) -> Identity {
        let identity = Identity {
            serial,
            certificate: certificate.to_vec(),
            key: key.to_vec(),
            certificate_file: self.directory.path().join(format!("{serial}.pem")),
            key_file: self.directory.path().join(format!("{serial}.key.pem")),
        };
        identity.write(&identity.certificate_file, &identity.key_file);
        identity
    }
}

impl Identity {
    /// The serial number of its certificate.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The certificate's file, as PEM.
    pub fn certificate_file(&self) -> &Path {
        &self.certificate_file
    }

    /// The file of the key in PKCS#8, as PEM, readable by its owner only.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The certificate as DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The key in PKCS#8 as DER.
    pub fn key_der(&self) -> &[u8] {
        &self.key
    }

    /// Writes both as PEM, for somebody who outlives the authority's directory.
    pub fn write(&self, certificate_file: &Path, key_file: &Path) {
        fs::write(certificate_file, self.certificate_pem())
            .expect("the certificate can be written");
        File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(key_file)
            .and_then(|mut file| file.write_all(pem("PRIVATE KEY", &self.key).as_bytes()))
            .expect("the key can be written");
    }

    fn revoked_at(&self, unix_seconds: u64) -> RevokedCertParams {
        RevokedCertParams {
            serial_number: SerialNumber::from(self.serial),
            revocation_time: date(unix_seconds - 60),
            reason_code: None,
            invalidity_date: None,
        }
    }
}

#[cfg(test)]
mod tests;
