//! Between the nouns of `warden-core` and the contract's plain data.
//!
//! Field by field; nothing is judged. Of the connection only what the plugin reads is
//! put in.

use warden_core::ClientFacts;
use warden_core::client::Certificate;
use warden_core::plugin::{Answer, Reads, Setup, Vouched};

use crate::bindings::plugin::warden::plugin::types as wit;
use crate::log::Notebook;

pub(super) fn properties(setup: Setup) -> wit::Properties {
    let values = setup
        .properties
        .into_iter()
        .map(|(name, json)| wit::Property { name, json });
    let files = setup.files.iter().map(|(name, content)| wit::File {
        name: name.clone(),
        bytes: content.expose().clone(),
    });
    wit::Properties {
        values: values.collect(),
        files: files.collect(),
    }
}

pub(super) fn client(facts: &ClientFacts, reads: Reads) -> wit::Client {
    let certificate = facts
        .certificate
        .as_ref()
        .filter(|_| facts.tls && reads.certificate);
    wit::Client {
        address: facts.address.clone().filter(|_| reads.address),
        tls: reads.tls.then_some(facts.tls),
        certificate: certificate.map(self::certificate),
    }
}

fn certificate(certificate: &Certificate) -> wit::Certificate {
    wit::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        serial: certificate.serial.clone(),
        fingerprint: certificate.fingerprint.clone(),
        dns_names: certificate.dns_names.clone(),
        emails: certificate.emails.clone(),
        uris: certificate.uris.clone(),
        pem: pem::encode(&pem::Pem::new("CERTIFICATE", certificate.der.to_vec())),
    }
}

/// A secret as long as this stands in no text by chance.
const UNMISTAKABLE_BYTES: usize = 16;

/// Texts become single lines without the secret. Whoever is named by a secret would be in
/// every log: an answer that holds it is none.
pub(super) fn answer(answer: wit::Answer, secret: &[u8], notebook: &Notebook) -> Answer {
    match answer {
        wit::Answer::Verified(principal) if tells(&principal, secret, notebook) => {
            Answer::Unavailable("it answered with the credential itself".to_owned())
        }
        wit::Answer::Verified(principal) => Answer::Verified(Vouched {
            name: principal.name,
            groups: principal.groups,
            scopes: principal.scopes,
            claims: principal
                .claims
                .into_iter()
                .map(|claim| (claim.name, claim.json))
                .collect(),
            expires: principal.expires,
        }),
        wit::Answer::NotMine => Answer::NotMine,
        wit::Answer::Refused(why) => Answer::Refused(notebook.line(&why)),
        wit::Answer::Unavailable(why) => Answer::Unavailable(notebook.line(&why)),
    }
}

fn tells(principal: &wit::Principal, secret: &[u8], notebook: &Notebook) -> bool {
    let names = principal.groups.iter().chain(&principal.scopes);
    let claims = principal.claims.iter();
    let claims = claims.flat_map(|claim| [&claim.name, &claim.json]);
    let mut texts = names.chain(claims).chain([&principal.name]);
    secret.len() >= UNMISTAKABLE_BYTES && texts.any(|text| notebook.tells(text))
}
