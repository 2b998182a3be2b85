//! Authorities and revocation lists of our own, beside those of the server.
//!
//! In come files; out go trust anchors and lists with which a client's certificate
//! is verified (RFC 5280 §6): signature, dates, use for client authentication, and
//! that it is not revoked. What is revoked, or of which no list speaks, is refused;
//! where a list is out of date or badly signed, nothing can be decided.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use warden_core::{Reason, ReasonKind, Timestamp};
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::KeyUsage as X509KeyUsage;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use super::values::refused;
use crate::Error;

/// Most authorities of one file, and most lists of one authenticator.
const MAX_ENTRIES: usize = 256;

/// Trust anchors, and revocation lists when they are configured.
pub(crate) struct Trust {
    anchors: Vec<TrustAnchor<'static>>,
    /// Those of the anchors that may sign revocation lists.
    list_signers: Vec<TrustAnchor<'static>>,
    lists: Option<Vec<CertRevocationList<'static>>>,
}

impl Trust {
    /// Reads authorities: PEM certificates of those that issue client certificates.
    ///
    /// # Errors
    /// When there is none, there are more than 256, or one is malformed or not an
    /// authority's.
    pub(crate) fn from_authorities(content: &[u8]) -> Result<Self, Error> {
        let blocks = blocks(content, "CERTIFICATE")?;
        let mut anchors = Vec::new();
        let mut list_signers = Vec::new();
        for der in &blocks {
            let (anchor, signs_lists) = anchor(der)?;
            if signs_lists {
                list_signers.push(anchor.clone());
            }
            anchors.push(anchor);
        }
        Ok(Self {
            anchors,
            list_signers,
            lists: None,
        })
    }

    /// Adds the lists of one file: one in DER, or any number in PEM.
    ///
    /// # Errors
    /// When there is none, they become more than 256, or one is malformed or of a
    /// kind that is not supported, such as a delta list.
    pub(crate) fn add_lists(&mut self, content: &[u8]) -> Result<(), Error> {
        let is_pem = content.windows(11).any(|part| part == b"-----BEGIN ");
        let blocks = if is_pem {
            blocks(content, "X509 CRL")?
        } else {
            vec![content.to_vec()]
        };
        let lists = self.lists.get_or_insert_default();
        for der in blocks {
            let list = OwnedCertRevocationList::from_der(&der).map_err(|error| {
                wrong(&format!(
                    "holds a revocation list that cannot be used: {error:?}"
                ))
            })?;
            lists.push(list.into());
        }
        if lists.len() > MAX_ENTRIES {
            return Err(wrong(&format!(
                "makes more than {MAX_ENTRIES} revocation lists"
            )));
        }
        Ok(())
    }

    /// Verifies a certificate.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when it is not of one of the authorities, not for
    /// client authentication, revoked, or no list speaks of it; `Unavailable` when
    /// the lists that do are out of date or not to be trusted.
    pub(crate) fn verify(&self, der: &[u8], now: Timestamp) -> Result<(), Reason> {
        let der = CertificateDer::from(der);
        let certificate = EndEntityCert::try_from(&der)
            .map_err(|error| refused(&format!("it cannot be verified: {error:?}")))?;
        let seconds = Duration::from_secs(now.as_unix_seconds());
        let time = UnixTime::since_unix_epoch(seconds);
        let verify = |anchors, revocation: Option<RevocationOptions<'_>>| {
            let usage = KeyUsage::client_auth();
            let algorithms = ALL_VERIFICATION_ALGS;
            certificate
                .verify_for_usage(algorithms, anchors, &[], time, usage, revocation, None)
                .map(drop)
        };
        verify(&self.anchors, None).map_err(|error| untrusted(&error))?;
        let Some(lists) = &self.lists else {
            return Ok(());
        };
        let mut listed = Listed::default();
        let candidates = lists.iter();
        for list in candidates.filter(|list| list.issuer() == certificate.issuer()) {
            listed.note(verify(&self.list_signers, Some(options(&[list])?)))?;
        }
        listed.answer()
    }
}

/// What the lists of one issuer say together. Each is asked by itself: of an old and
/// a new one in the same directory both count.
#[derive(Default)]
struct Listed {
    good: bool,
    doubt: Option<String>,
}

impl Listed {
    fn note(&mut self, verified: Result<(), webpki::Error>) -> Result<(), Reason> {
        use webpki::Error as E;
        match verified {
            Ok(()) => self.good = true,
            Err(E::CertRevoked) => return Err(refused("it is revoked")),
            // A list of the same issuer for other certificates.
            Err(E::UnknownRevocationStatus) => {}
            Err(E::CrlExpired { .. }) => {
                self.doubt = Some("the revocation list of its issuer is out of date".to_owned());
            }
            Err(error) => {
                let doubt = format!("the revocation list of its issuer is not trusted: {error:?}");
                self.doubt = Some(doubt);
            }
        }
        Ok(())
    }

    fn answer(self) -> Result<(), Reason> {
        match self.doubt {
            _ if self.good => Ok(()),
            Some(doubt) => Err(Reason::new(ReasonKind::Unavailable, doubt)),
            None => Err(refused("no revocation list speaks of its issuer")),
        }
    }
}

fn options<'a>(lists: &'a [&'a CertRevocationList<'a>]) -> Result<RevocationOptions<'a>, Reason> {
    let builder = RevocationOptionsBuilder::new(lists);
    let builder = builder.map_err(|_| refused("there is no revocation list"))?;
    Ok(builder
        .with_depth(RevocationCheckDepth::EndEntity)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build())
}

fn untrusted(error: &webpki::Error) -> Reason {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => refused("it is not issued by an authority of ca_file"),
        E::InvalidSignatureForPublicKey => refused("it is not signed by an authority of ca_file"),
        E::RequiredEkuNotFoundContext(_) => refused("it is not for client authentication"),
        other => refused(&format!("it cannot be trusted: {other:?}")),
    }
}

/// An authority, and whether it may sign revocation lists.
fn anchor(der: &[u8]) -> Result<(TrustAnchor<'static>, bool), Error> {
    let Ok(([], certificate)) = X509Certificate::from_der(der) else {
        return Err(wrong("holds a malformed certificate"));
    };
    // RFC 5280 §4.2.1.9, §4.2.1.3.
    let constraints = certificate.basic_constraints().ok().flatten();
    let usage = certificate
        .key_usage()
        .map_err(|_| wrong("holds a malformed certificate"))?;
    let may =
        |wanted: fn(&X509KeyUsage) -> bool| usage.as_ref().is_none_or(|usage| wanted(usage.value));
    let is_authority = constraints.is_some_and(|constraints| constraints.value.ca);
    if !is_authority || !may(X509KeyUsage::key_cert_sign) {
        return Err(wrong("holds a certificate that is not an authority's"));
    }
    webpki::anchor_from_trusted_cert(&CertificateDer::from(der))
        .map(|anchor| (anchor.to_owned(), may(X509KeyUsage::crl_sign)))
        .map_err(|error| {
            wrong(&format!(
                "holds an authority that cannot be used: {error:?}"
            ))
        })
}

/// The blocks of a PEM file, all of one label. What stands between them is a comment.
fn blocks(content: &[u8], label: &str) -> Result<Vec<Vec<u8>>, Error> {
    let blocks: Result<Vec<_>, _> = Pem::iter_from_buffer(content)
        .take(MAX_ENTRIES + 1)
        .collect();
    let blocks = blocks.map_err(|_| wrong("is not PEM"))?;
    if blocks.is_empty() || blocks.len() > MAX_ENTRIES {
        return Err(wrong(&format!("must hold 1 to {MAX_ENTRIES} PEM blocks")));
    }
    if blocks.iter().any(|block| block.label != label) {
        return Err(wrong(&format!("holds a PEM block that is not {label}")));
    }
    Ok(blocks.into_iter().map(|block| block.contents).collect())
}

fn wrong(text: &str) -> Error {
    Error::Keys(text.to_owned())
}
