//! The TLS of the harness itself: what its clients trust and what its servers show.
//!
//! In: authorities' certificates and identities of [`crate::authority`]. Out:
//! rustls configurations on aws-lc-rs. Names are always checked; nothing here can
//! be told to trust everybody.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::authority::Identity;

/// A client that trusts this authority (DER) alone, and shows an identity if it has one.
pub fn client(authority: &[u8], identity: Option<&Identity>) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .expect("the library's own versions")
        .with_root_certificates(roots(authority));
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => config
            .with_client_auth_cert(chain(identity), key(identity))
            .expect("a key that fits its certificate"),
    };
    Arc::new(config)
}

/// A server that shows this identity and asks nobody for a certificate.
pub fn server(identity: &Identity) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .expect("the library's own versions")
        .with_no_client_auth()
        .with_single_cert(chain(identity), key(identity));
    Arc::new(config.expect("a key that fits its certificate"))
}

/// As [`server`], and lets nobody in without a certificate of this authority (DER).
pub fn server_demanding(identity: &Identity, authority: &[u8]) -> Arc<ServerConfig> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(authority), crypto());
    let verifier = verifier.build().expect("an authority that can vouch");
    let config = ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .expect("the library's own versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(identity), key(identity));
    Arc::new(config.expect("a key that fits its certificate"))
}

fn roots(authority: &[u8]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.to_vec()))
        .expect("an authority's certificate");
    Arc::new(roots)
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(identity.certificate_der().to_vec())]
}

fn key(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(identity.key_der().to_vec()).into()
}

fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(aws_lc_rs::default_provider()))
        .clone()
}
