//! Client certificates, as the server gives them.
//!
//! In: the DER of a certificate.
//! Held: what is read is one line of text in every part; who is named stands in
//! the certificate, byte for byte, is the only one of its kind and no wildcard;
//! a refusal is one line.
#![no_main]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use warden_authn::{fuzzing, parse_certificate};
use warden_core::client::Certificate;
use warden_core::{Now, Timestamp};

const NOW: u64 = 1_800_000_000;

fuzz_target!(|der: &[u8]| {
    let body = STANDARD.encode(der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let certificate = match parse_certificate(&pem) {
        Ok(certificate) => certificate,
        Err(error) => return one_line(&error.to_string()),
    };
    assert_eq!(&*certificate.der, der);
    assert_eq!(certificate.fingerprint.len(), 64);
    for text in [
        &certificate.subject,
        &certificate.issuer,
        &certificate.serial,
    ] {
        one_line(text);
    }
    let names = [
        &certificate.dns_names,
        &certificate.emails,
        &certificate.uris,
    ];
    for name in names.into_iter().flatten() {
        assert!(!name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        stands_in(name, der);
    }
    for source in ["cn", "dn", "dns", "email", "uri"] {
        names_one(source, &certificate);
    }
});

/// Whom a rule for one source names is the one value there is.
fn names_one(source: &str, certificate: &Certificate) {
    let now = Now {
        wall: Timestamp::from_unix_seconds(NOW),
        monotonic: Duration::ZERO,
    };
    let settings = format!("identity = [{{ from = '{source}' }}]\ngroups = [{{ from = 'ou' }}]");
    let principal = match fuzzing::certificate(&settings, certificate, now) {
        Ok(principal) => principal,
        Err(why) => return one_line(&why),
    };
    let raw = principal.name.raw();
    one_line(&raw);
    assert!(!raw.contains('*') && !raw.is_empty());
    assert!(principal.expires.is_some_and(|end| end > now.wall));
    let of = |list: &[String]| list.iter().all(|name| *name == raw);
    match source {
        "dn" => assert_eq!(raw, certificate.subject),
        "dns" => assert!(
            of(&certificate.dns_names),
            "several hosts, and one is named"
        ),
        "email" => assert!(
            of(&certificate.emails),
            "several mailboxes, and one is named"
        ),
        "uri" => assert!(of(&certificate.uris), "several URIs, and one is named"),
        _ => {
            stands_in(&raw, &certificate.der);
            assert_eq!(principal.claims.text_of("cn").as_deref(), Some(&*raw));
        }
    }
    for group in &principal.groups {
        assert!(group.starts_with("corp/"), "{group}");
    }
}

fn one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn stands_in(name: &str, der: &[u8]) {
    let found = der.windows(name.len()).any(|part| part == name.as_bytes());
    assert!(found, "{name:?} is not in the certificate");
}
