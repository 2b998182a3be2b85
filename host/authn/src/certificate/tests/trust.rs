//! Authorities and revocation lists of our own.

use std::fs;

use rcgen::ExtendedKeyUsagePurpose;
use tempfile::TempDir;

use super::*;

/// The authorities' directory, with one of them in `ca.pem`.
struct Setting {
    directory: TempDir,
    authority: Authority,
}

impl Setting {
    fn new() -> Self {
        let setting = Self {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new("Example CA"),
        };
        setting.write("ca.pem", setting.authority.pem());
        setting
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.directory.path().join(name), content).unwrap();
    }

    fn examine(&self, lists: &[&str], certificate: &str) -> Result<(), ReasonKind> {
        let mut text = format!("{CN}\nca_file = 'ca.pem'\n");
        if !lists.is_empty() {
            text.push_str(&format!("crl_files = {lists:?}"));
        }
        let certificate = parse(certificate).unwrap();
        authenticator(&text, self.directory.path())
            .examine(&certificate, at(NOW))
            .map(drop)
            .map_err(|reason| reason.kind())
    }

    fn faults(&self, rest: &str) -> Vec<String> {
        let mut file = Section::parse(format!("{CN}\n{rest}").as_bytes()).unwrap();
        CertificateAuthenticator::build(&mut file, self.directory.path(), None);
        let faults = file.finish().into_iter();
        faults
            .map(|fault| fault.in_file(Path::new("f")).to_string())
            .collect()
    }
}

#[test]
fn only_certificates_of_the_authorities_count() {
    let setting = Setting::new();
    let alice = || Wish::cn("alice");
    assert_eq!(
        setting.examine(&[], &setting.authority.issue(alice())),
        Ok(())
    );
    let stranger = Authority::new("Other CA").issue(alice());
    assert_eq!(setting.examine(&[], &stranger), Err(ReasonKind::Credential));
    let impostor = Authority::new("Example CA").issue(alice());
    assert_eq!(setting.examine(&[], &impostor), Err(ReasonKind::Credential));
    let server = alice().usage(&[ExtendedKeyUsagePurpose::ServerAuth]);
    let server = setting.authority.issue(server);
    assert_eq!(setting.examine(&[], &server), Err(ReasonKind::Credential));
    let old = setting.authority.issue(alice().valid(2020, 2026));
    assert_eq!(setting.examine(&[], &old), Err(ReasonKind::Expired));
}

#[test]
fn a_bundle_may_hold_several_authorities_and_comments() {
    let setting = Setting::new();
    let other = Authority::new("Other CA");
    let bundle = format!(
        "# ours\n{}\n# theirs\n{}",
        setting.authority.pem(),
        other.pem()
    );
    setting.write("ca.pem", bundle);
    for authority in [&setting.authority, &other] {
        let certificate = authority.issue(Wish::cn("alice"));
        assert_eq!(setting.examine(&[], &certificate), Ok(()));
    }
}

#[test]
fn a_revoked_certificate_is_refused_and_others_are_not() {
    let setting = Setting::new();
    setting.write("list.crl", setting.authority.list(2028, &[5, 7]));
    setting.write(
        "list.pem",
        pem("X509 CRL", &setting.authority.list(2028, &[5, 7])),
    );
    for list in ["list.crl", "list.pem"] {
        let revoked = setting.authority.issue(Wish::cn("alice").serial(7));
        assert_eq!(
            setting.examine(&[list], &revoked),
            Err(ReasonKind::Credential)
        );
        let good = setting.authority.issue(Wish::cn("alice").serial(8));
        assert_eq!(setting.examine(&[list], &good), Ok(()));
    }
}

#[test]
fn a_list_out_of_date_decides_nothing() {
    let setting = Setting::new();
    setting.write("old.crl", setting.authority.list(2025, &[7]));
    let certificate = setting.authority.issue(Wish::cn("alice").serial(8));
    let found = setting.examine(&["old.crl"], &certificate);
    assert_eq!(found, Err(ReasonKind::Unavailable));
}

#[test]
fn a_list_of_another_authority_says_nothing_and_so_refuses() {
    let setting = Setting::new();
    setting.write("other.crl", Authority::new("Other CA").list(2028, &[]));
    let certificate = setting.authority.issue(Wish::cn("alice"));
    let found = setting.examine(&["other.crl"], &certificate);
    assert_eq!(found, Err(ReasonKind::Credential));
}

#[test]
fn a_list_that_an_impostor_signed_decides_nothing() {
    let setting = Setting::new();
    setting.write("forged.crl", Authority::new("Example CA").list(2028, &[]));
    let certificate = setting.authority.issue(Wish::cn("alice"));
    let found = setting.examine(&["forged.crl"], &certificate);
    assert_eq!(found, Err(ReasonKind::Unavailable));
}

#[test]
fn an_authority_that_may_not_sign_lists_has_none() {
    let setting = Setting::new();
    let (with, without) = Authority::with_and_without_lists("Example CA");
    setting.write("list.crl", with.list(2028, &[]));
    let certificate = with.issue(Wish::cn("alice"));
    setting.write("ca.pem", without.pem());
    assert_eq!(setting.examine(&[], &certificate), Ok(()));
    let found = setting.examine(&["list.crl"], &certificate);
    assert_eq!(found, Err(ReasonKind::Unavailable));
    setting.write("ca.pem", with.pem());
    assert_eq!(setting.examine(&["list.crl"], &certificate), Ok(()));
}

#[test]
fn of_several_lists_of_one_authority_all_count() {
    let setting = Setting::new();
    setting.write("old.crl", setting.authority.list(2025, &[]));
    setting.write("new.crl", setting.authority.list(2028, &[7]));
    setting.write("fresh.crl", setting.authority.list(2029, &[]));
    let revoked = setting.authority.issue(Wish::cn("alice").serial(7));
    let good = setting.authority.issue(Wish::cn("alice").serial(8));
    for lists in [
        ["old.crl", "new.crl"],
        ["new.crl", "fresh.crl"],
        ["fresh.crl", "new.crl"],
    ] {
        assert_eq!(
            setting.examine(&lists, &revoked),
            Err(ReasonKind::Credential),
            "{lists:?}"
        );
        assert_eq!(setting.examine(&lists, &good), Ok(()), "{lists:?}");
    }
    // One file with both.
    let both = [
        pem("X509 CRL", &setting.authority.list(2028, &[])),
        pem("X509 CRL", &setting.authority.list(2028, &[7])),
    ];
    setting.write("both.pem", both.concat());
    assert_eq!(
        setting.examine(&["both.pem"], &revoked),
        Err(ReasonKind::Credential)
    );
}

#[test]
fn a_file_that_does_not_parse_is_a_fault_of_the_key_that_names_it() {
    let setting = Setting::new();
    let leaf = setting.authority.issue(Wish::cn("alice"));
    setting.write("leaf.pem", &leaf);
    setting.write("junk", "junk");
    setting.write("empty", "");
    let mut list = setting.authority.list(2028, &[7]);
    list.push(0);
    setting.write("longer.crl", list);
    for name in ["none", "junk", "empty", "leaf.pem"] {
        let faults = setting.faults(&format!("ca_file = '{name}'"));
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(
            faults[0].contains("ca_file: ") && faults[0].contains(name),
            "{faults:?}"
        );
    }
    for name in ["none", "junk", "empty", "leaf.pem", "ca.pem", "longer.crl"] {
        let faults = setting.faults(&format!("ca_file = 'ca.pem'\ncrl_files = ['{name}']"));
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(
            faults[0].contains("crl_files: ") && faults[0].contains(name),
            "{faults:?}"
        );
    }
    let all = setting.faults("ca_file = 'none'\ncrl_files = ['none', 'junk']\nx = 1");
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn files_are_watched_and_a_changed_one_makes_another_fingerprint() {
    let setting = Setting::new();
    setting.write("list.crl", setting.authority.list(2028, &[]));
    let build = || {
        let text = format!("{CN}\nca_file = 'ca.pem'\ncrl_files = ['list.crl', 'none']");
        let mut file = Section::parse(text.as_bytes()).unwrap();
        CertificateAuthenticator::build(&mut file, setting.directory.path(), None)
    };
    let before = build();
    let names = ["ca.pem", "list.crl", "none"];
    let watched: Vec<_> = names
        .iter()
        .map(|name| setting.directory.path().join(name))
        .collect();
    assert_eq!(before.watched, watched);
    assert_eq!(before.content, build().content);
    let good = authenticator(
        &format!("{CN}\nca_file = 'ca.pem'"),
        setting.directory.path(),
    );
    assert_eq!(good.id().as_str(), "corp");
    assert!(good.keys_changed().is_some());
    let none = authenticator(CN, setting.directory.path());
    assert_eq!(none.keys_changed(), None);
    setting.write("list.crl", setting.authority.list(2028, &[7]));
    assert_ne!(before.content, build().content);
}
