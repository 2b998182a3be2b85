//! Certificates say what was asked for, to a reader that is not the library that made them.

use std::process::Command;

use super::*;

/// What `openssl` makes of a file.
fn openssl(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .arg(file)
        .output()
        .expect("openssl runs; scripts/bootstrap test installs it");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn text(identity: &Identity) -> String {
    openssl(
        &["x509", "-noout", "-text", "-nameopt", "RFC2253", "-in"],
        identity.certificate_file(),
    )
}

fn verified(authority: &Authority, identity: &Identity, more: &[&str]) -> String {
    let ca = authority.ca_file().display().to_string();
    let arguments = [&["verify", "-CAfile", &ca], more].concat();
    openssl(&arguments, identity.certificate_file())
}

#[test]
fn a_certificate_says_what_was_asked_for() {
    let authority = Authority::new("corp");
    let leaf = Leaf::client("alice")
        .unit("analysts")
        .unit("second floor")
        .dns("alice.example.com")
        .email("alice@example.com")
        .uri("spiffe://example.com/alice")
        .not_before(1_900_000_000)
        .not_after(4_200_000_000);
    let text = text(&authority.issue(&leaf));
    for part in [
        "Issuer: CN=corp",
        "Subject: OU=second floor,OU=analysts,CN=alice",
        "DNS:alice.example.com",
        "email:alice@example.com",
        "URI:spiffe://example.com/alice",
        "Not Before: Mar 17 17:46:40 2030 GMT",
        "Not After : Feb  4 02:40:00 2103 GMT",
        "TLS Web Client Authentication",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn an_authority_vouches_for_its_own_alone() {
    let (corp, other) = (Authority::new("corp"), Authority::new("corp"));
    let alice = corp.client("alice");
    assert!(verified(&corp, &alice, &[]).ends_with(": OK\n"));
    assert!(!verified(&other, &alice, &[]).contains(": OK"));
    let own = corp.self_signed(&Leaf::client("alice"));
    assert!(!verified(&corp, &own, &[]).contains(": OK"));
}

#[test]
fn dates_bound_a_certificate() {
    let corp = Authority::new("corp");
    let gone = corp.issue(&Leaf::client("alice").expired());
    assert!(verified(&corp, &gone, &[]).contains("certificate has expired"));
    let early = corp.issue(&Leaf::client("alice").not_yet_valid());
    assert!(verified(&corp, &early, &[]).contains("not yet valid"));
}

#[test]
fn a_revocation_list_names_the_revoked_alone() {
    let corp = Authority::new("corp");
    let (alice, bob) = (corp.client("alice"), corp.client("bob"));
    let list = corp.revocation_list(&[&alice]).display().to_string();
    let check = ["-crl_check", "-CRLfile", &list];
    assert!(verified(&corp, &alice, &check).contains("certificate revoked"));
    assert!(verified(&corp, &bob, &check).ends_with(": OK\n"));
}

#[test]
fn a_subject_may_be_hostile_or_empty() {
    let corp = Authority::new("corp");
    let twice = corp.issue(&Leaf::client("alice").subject(Attribute::CommonName, "root"));
    assert!(text(&twice).contains("Subject: CN=root,CN=alice"));
    let nul = corp.issue(&Leaf::client("alice\0.evil").dns("*.example.com"));
    assert!(text(&nul).contains("CN=alice\\00.evil"), "{}", text(&nul));
    assert!(text(&corp.issue(&Leaf::nameless())).contains("Subject: \n"));
    let rsa = corp.issue(&Leaf::client("alice").rsa());
    assert!(text(&rsa).contains("Public Key Algorithm: rsaEncryption"));
}
