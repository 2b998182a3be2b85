//! The TLS of connections that warden opens itself: to directories, to collectors of audit records.
//!
//! In come certificates and a key as PEM; out goes a client that trusts exactly those
//! authorities, or without any those of the system. Host names, dates and signatures are
//! always verified: nothing here can turn that off.

#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What a client is made of.
pub struct Parts<'a> {
    /// `tls_ca_cert_path`; without one the system's authorities are trusted.
    pub authorities: Option<&'a [u8]>,
    /// `tls_cert_path` and `tls_key_path`.
    pub identity: Option<(&'a [u8], &'a [u8])>,
}

/// Makes the client.
///
/// # Errors
/// The key of the file at fault, and words for the operator.
pub fn build(parts: &Parts<'_>) -> Result<Arc<ClientConfig>, (&'static str, String)> {
    let roots = match parts.authorities {
        Some(pem) => named(pem).map_err(|why| ("tls_ca_cert_path", why))?,
        None => systems().map_err(|why| ("tls_ca_cert_path", why))?,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ("", format!("no TLS can be made: {error}")))?
        .with_root_certificates(roots);
    let Some((certificates, key)) = parts.identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let certificates =
        self::certificates(certificates).map_err(|why| ("tls_cert_path", why.to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| ("tls_key_path", "holds no private key in PEM".to_owned()))?;
    let config = builder.with_client_auth_cert(certificates, key);
    let config = config.map_err(|_| {
        let why = "is not the certificate of the key of tls_key_path";
        ("tls_cert_path", why.to_owned())
    })?;
    Ok(Arc::new(config))
}

/// The authorities of a file, each of which must be one.
fn named(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots
            .add(certificate)
            .map_err(|_| "holds a certificate that cannot be an authority's".to_owned())?;
    }
    Ok(roots)
}

/// The system's authorities; some of them may be none that can be used.
fn systems() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("is missing, and this system knows no authorities".to_owned());
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "is not PEM")?;
    if certificates.is_empty() {
        return Err("holds no certificate");
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (
            pem("CERTIFICATE", params.self_signed(&key).unwrap().der()),
            pem("PRIVATE KEY", key.serialized_der()),
        )
    }

    fn pem(label: &str, der: &[u8]) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    }

    fn fault(authorities: &str, identity: Option<(&str, &str)>) -> Option<&'static str> {
        let parts = Parts {
            authorities: Some(authorities.as_bytes()),
            identity: identity.map(|(certificate, key)| (certificate.as_bytes(), key.as_bytes())),
        };
        build(&parts).err().map(|(key, _)| key)
    }

    #[test]
    fn what_is_made_of_sound_files_is_a_client() {
        let (certificate, key) = pair("a");
        assert_eq!(fault(&certificate, None), None);
        assert_eq!(fault(&certificate, Some((&certificate, &key))), None);
    }

    #[test]
    fn a_file_that_is_not_what_it_must_be_is_an_error_at_its_key() {
        let (certificate, key) = pair("a");
        let (_, other) = pair("b");
        for bad in ["", "x", &key, &certificate[..200]] {
            assert_eq!(fault(bad, None), Some("tls_ca_cert_path"), "{bad}");
            let identity = Some((bad, key.as_str()));
            assert_eq!(fault(&certificate, identity), Some("tls_cert_path"));
        }
        for (bad, at) in [
            ("", "tls_key_path"),
            (&certificate, "tls_key_path"),
            (&other, "tls_cert_path"),
        ] {
            let identity = Some((certificate.as_str(), bad));
            assert_eq!(fault(&certificate, identity), Some(at));
        }
    }
}
