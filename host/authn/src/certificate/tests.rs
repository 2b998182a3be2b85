//! Certificates made for the purpose, and whom they name.

mod trust;

use std::path::Path;

use proptest::prelude::*;
use rcgen::string::{BmpString, TeletexString, UniversalString};
use rcgen::{DnType, DnValue};

use super::testing::{Authority, Wish, element, pem};
use super::*;
use crate::testing::{NOW, at};

/// An authenticator of a file without faults.
pub(super) fn authenticator(text: &str, directory: &Path) -> CertificateAuthenticator {
    let mut file = Section::parse(text.as_bytes()).unwrap();
    let id = AuthenticatorId::new("corp").unwrap();
    let (authenticator, _) = CertificateAuthenticator::assemble(&mut file, directory, Some(&id));
    assert_eq!(file.finish(), []);
    authenticator.unwrap()
}

fn examine(text: &str, pem: &str) -> Result<Principal, Reason> {
    let certificate = parse(pem).map_err(|error| refused(&error.to_string()))?;
    authenticator(text, Path::new("/none")).examine(&certificate, at(NOW))
}

fn name(text: &str, wish: Wish) -> Result<String, ReasonKind> {
    let principal = examine(text, &issue(wish)).map_err(|reason| reason.kind())?;
    Ok(principal.user_name().to_string())
}

fn issue(wish: Wish) -> String {
    thread_local!(static AUTHORITY: Authority = Authority::new("Example CA"));
    AUTHORITY.with(|authority| authority.issue(wish))
}

const CN: &str = "identity = [{ from = 'cn' }]";
const SPIFFE: &str = r#"identity = [{ from = "uri", pattern = 'spiffe://prod\.example\.com/ns/(?P<ns>[^/]+)/sa/(?P<sa>[^/]+)', name = "{ns}/{sa}" }]"#;
const EVERY_SOURCE: &str =
    "identity = [{ from='uri' }, { from='email' }, { from='dns' }, { from='cn' }, { from='dn' }]";

#[test]
fn a_certificate_is_read_whole() {
    let wish = Wish::cn("alice")
        .with(DnType::OrganizationName, "Example, Inc.")
        .dns("a.example")
        .email("alice@example.com")
        .uri("spiffe://x/y");
    let text = issue(wish);
    let certificate = parse(&text).unwrap();
    assert_eq!(certificate.subject, r"O=Example\, Inc.,CN=alice");
    assert_eq!(certificate.issuer, "CN=Example CA");
    assert_eq!(certificate.serial, "07");
    assert_eq!(certificate.fingerprint.len(), 64);
    assert_eq!(certificate.dns_names, ["a.example"]);
    assert_eq!(certificate.emails, ["alice@example.com"]);
    assert_eq!(certificate.uris, ["spiffe://x/y"]);
    assert!(!format!("{certificate:?}").contains("der"));
    assert_eq!(certificate, parse(&format!("\n{text} ")).unwrap());
    assert_ne!(certificate, parse(&issue(Wish::cn("alice"))).unwrap());
}

#[test]
fn anything_but_one_block_of_pem_is_an_error() {
    let good = issue(Wish::cn("alice"));
    let der = parse(&good).unwrap().der;
    for bad in [
        String::new(),
        "x".to_owned(),
        good.repeat(2),
        format!("x\n{good}"),
        format!("{good}x"),
        good.replace("CERTIFICATE", "PUBLIC KEY"),
        good.replace("-----END", "----END"),
        pem("CERTIFICATE", b""),
        pem("CERTIFICATE", &der[..der.len() - 1]),
        pem("CERTIFICATE", &[&der[..], b"\0"].concat()),
        pem("CERTIFICATE", &vec![0; MAX_CERTIFICATE_BYTES]),
    ] {
        assert!(parse(&bad).is_err(), "{}", bad.len());
    }
}

#[test]
fn the_common_name_is_the_principal_and_the_certificates_end_is_its_own() {
    let principal = examine(CN, &issue(Wish::cn("alice"))).unwrap();
    assert_eq!(principal.user_name().as_str(), "corp/alice");
    assert_eq!(principal.method, Method::Certificate);
    // 2030-01-01T00:00:00Z.
    let end = Timestamp::from_unix_seconds(1_893_456_000);
    assert_eq!(principal.expires, Some(end));
    assert!(principal.groups.is_empty() && principal.scopes.is_empty());
}

#[test]
fn claims_are_what_policies_may_ask_for() {
    let wish = Wish::cn("alice")
        .with(DnType::OrganizationalUnitName, "Data")
        .with(DnType::OrganizationName, "Example")
        .uri("spiffe://prod.example.com/ns/web/sa/shop");
    let text = issue(wish);
    let claims = Value::Object(examine(SPIFFE, &text).unwrap().claims.to_map());
    assert_eq!(
        claims,
        json!({
            "subject": "O=Example,OU=Data,CN=alice", "issuer": "CN=Example CA", "serial": "07",
            "fingerprint": parse(&text).unwrap().fingerprint,
            "cn": "alice", "ou": ["Data"], "o": ["Example"], "dns": [], "email": [],
            "uri": ["spiffe://prod.example.com/ns/web/sa/shop"], "not_after": 1_893_456_000,
            "captures": { "ns": "web", "sa": "shop" },
        })
    );
}

#[test]
fn a_spiffe_id_becomes_namespace_and_account() {
    let wish = |uri: &str| Wish::empty().uri(uri);
    let good = wish("spiffe://prod.example.com/ns/web/sa/shop");
    assert_eq!(name(SPIFFE, good), Ok("corp/web/shop".to_owned()));
    for other in [
        "spiffe://dev.example.com/ns/web/sa/shop",
        "spiffe://prodxexample.com/ns/web/sa/shop",
        "spiffe://prod.example.com/ns/web/sa/shop/x",
        "xspiffe://prod.example.com/ns/web/sa/shop",
        "spiffe://prod.example.com/ns/web/sa/",
    ] {
        assert_eq!(
            name(SPIFFE, wish(other)),
            Err(ReasonKind::Credential),
            "{other}"
        );
    }
}

#[test]
fn several_alternative_names_that_match_are_refused_and_doubles_are_one() {
    let spiffe = |account: &str| format!("spiffe://prod.example.com/ns/web/sa/{account}");
    let two = Wish::empty().uri(&spiffe("a")).uri(&spiffe("b"));
    assert_eq!(name(SPIFFE, two), Err(ReasonKind::Credential));
    let double = Wish::empty().uri(&spiffe("a")).uri(&spiffe("a"));
    assert_eq!(name(SPIFFE, double), Ok("corp/web/a".to_owned()));
    let other = Wish::empty().uri(&spiffe("a")).uri("https://a.example");
    assert_eq!(name(SPIFFE, other), Ok("corp/web/a".to_owned()));
    // Two different names that come to one principal are still two.
    let last = r#"identity = [{ from = "dns", pattern = '(?P<host>[^.]+)\..+', name = "{host}" }]"#;
    let two = Wish::empty().dns("a.x.example").dns("a.y.example");
    assert_eq!(name(last, two), Err(ReasonKind::Credential));
}

#[test]
fn rules_are_tried_in_order_and_a_doubt_ends_the_trying() {
    let rules = "identity = [{ from = 'email', pattern = '.+@example\\.com' }, { from = 'cn' }]";
    let both = || Wish::cn("alice").email("a@example.com");
    assert_eq!(name(rules, both()), Ok("corp/a@example.com".to_owned()));
    let other = Wish::cn("alice").email("a@example.org");
    assert_eq!(name(rules, other), Ok("corp/alice".to_owned()));
    let doubt = both().email("b@example.com");
    assert_eq!(name(rules, doubt), Err(ReasonKind::Credential));
}

#[test]
fn an_unmapped_certificate_is_nobody() {
    for wish in [
        Wish::empty(),
        Wish::empty().with(DnType::OrganizationName, "Example"),
        Wish::empty().email("a@example.com"),
    ] {
        assert_eq!(name(CN, wish), Err(ReasonKind::Credential));
    }
    assert_eq!(
        name(EVERY_SOURCE, Wish::empty()),
        Err(ReasonKind::Credential)
    );
    for reserved in ["default", "token", "certificate"] {
        assert_eq!(name(CN, Wish::cn(reserved)), Err(ReasonKind::Name));
    }
}

#[test]
fn what_is_in_doubt_never_names_anybody() {
    let odd = |value: DnValue| Wish::empty().with(DnType::CommonName, value);
    let two_extensions = || {
        Wish::cn("a")
            .dns("a")
            .extension(&[2, 5, 29, 17], b"\x30\x03\x82\x01b")
    };
    let raw = |tag, value| {
        let names = element(0x30, &element(tag, value));
        Wish::cn("alice").extension(&[2, 5, 29, 17], &names)
    };
    let cases = [
        ("NUL in the common name", Wish::cn("alice\0.evil")),
        ("control character", Wish::cn("alice\n")),
        ("control character of Latin-1", Wish::cn("alice\u{85}")),
        ("two common names", Wish::cn("alice").second_cn("admin")),
        (
            "one common name twice",
            Wish::cn("alice").second_cn("alice"),
        ),
        ("empty common name", Wish::cn("")),
        ("wildcard", Wish::cn("*")),
        ("wildcard host", Wish::cn("*.example.com")),
        (
            "wildcard alternative name",
            Wish::empty().dns("*.example.com"),
        ),
        (
            "wildcard beside a good one",
            Wish::empty().dns("*").dns("a.example"),
        ),
        (
            "BMPString",
            odd(DnValue::BmpString(BmpString::try_from("alice").unwrap())),
        ),
        (
            "TeletexString",
            odd(DnValue::TeletexString(
                TeletexString::try_from("alice").unwrap(),
            )),
        ),
        (
            "UniversalString",
            odd(DnValue::UniversalString(
                UniversalString::try_from("alice").unwrap(),
            )),
        ),
        (
            "NUL in an organization",
            Wish::cn("alice").with(DnType::OrganizationName, "a\0b"),
        ),
        ("DEL", Wish::cn("alice\u{7f}")),
        (
            "several URIs",
            Wish::cn("alice").uri("spiffe://a/b").uri("spiffe://a/c"),
        ),
        ("several hosts", Wish::cn("alice").dns("a.x").dns("b.x")),
        (
            "a longer and a shorter mailbox",
            Wish::cn("alice").email("a@x").email("a@x.y"),
        ),
        (
            "NUL in a unit",
            Wish::cn("alice").with(DnType::OrganizationalUnitName, "a\0b"),
        ),
        ("NUL in a host", Wish::cn("alice").dns("a\0.example")),
        (
            "NUL in a mailbox",
            Wish::cn("alice").email("a\0@example.com"),
        ),
        ("NUL in a URI", Wish::cn("alice").uri("spiffe://a\0/b")),
        ("UTF-8 in a host", raw(0x82, "é.example".as_bytes())),
        ("bytes in a URI", raw(0x86, b"\xff")),
        ("empty host", raw(0x82, b"")),
        ("alternative names twice", two_extensions()),
    ];
    for (what, wish) in cases {
        assert_eq!(
            name(EVERY_SOURCE, wish),
            Err(ReasonKind::Credential),
            "{what}"
        );
    }
}

#[test]
fn an_address_in_the_subject_is_no_alternative_name() {
    let emailed = |wish: Wish| {
        let kind = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
        wish.with(kind, "root@example.com")
    };
    let rules = "identity = [{ from = 'email' }]\ngroups = [{ from = 'email' }]";
    let subject = emailed(Wish::empty());
    assert_eq!(name(rules, subject), Err(ReasonKind::Credential));
    let both = emailed(Wish::empty()).email("a@example.com");
    let principal = examine(rules, &issue(both)).unwrap();
    assert_eq!(principal.user_name().as_str(), "corp/a@example.com");
    assert_eq!(principal.groups, ["corp/a@example.com"]);
}

#[test]
fn names_that_are_too_long_are_refused_rather_than_cut() {
    let longest = "x".repeat(256);
    let longer = "x".repeat(257);
    for (rules, wish) in [
        (CN, (|name| Wish::cn(name)) as fn(&str) -> Wish),
        ("identity = [{ from = 'dns' }]", |host| {
            Wish::empty().dns(host)
        }),
        (
            "identity = [{ from = 'uri', pattern = '(?P<x>.+)', name = '{x}' }]",
            |uri| Wish::empty().uri(uri),
        ),
    ] {
        assert_eq!(name(rules, wish(&longest)), Ok(format!("corp/{longest}")));
        assert_eq!(name(rules, wish(&longer)), Err(ReasonKind::Name), "{rules}");
    }
    let huge = pem("CERTIFICATE", &vec![0x30; MAX_CERTIFICATE_BYTES]);
    assert!(parse(&huge).is_err());
}

#[test]
fn the_whole_subject_is_a_name_only_when_all_of_it_is_text() {
    let dn = "identity = [{ from = 'dn' }]";
    let good = Wish::cn("alice").with(DnType::OrganizationName, "Example");
    assert_eq!(name(dn, good), Ok("corp/O=Example,CN=alice".to_owned()));
    let hidden = Wish::cn("alice").with(DnType::LocalityName, "a\0b");
    assert_eq!(name(dn, hidden), Err(ReasonKind::Credential));
    // A comma in a value does not make another part.
    let rule = r#"identity = [{ from = "dn", pattern = 'O=(?P<o>[^,\\]+),CN=(?P<cn>[^,\\]+)', name = "{o}/{cn}" }]"#;
    let forged = Wish::cn("alice,O=Example").with(DnType::OrganizationName, "Evil");
    assert_eq!(name(rule, forged), Err(ReasonKind::Credential));
}

#[test]
fn units_and_alternative_names_become_groups() {
    let rules = r#"
        identity = [{ from = "cn" }]
        groups = [
            { from = "ou" },
            { from = "o", pattern = 'Example (?P<site>\w+)', name = "site:{site}" },
            { from = "dns", pattern = '(?P<host>[^.]+)\.example', name = "host:{host}" },
        ]"#;
    let wish = Wish::cn("alice")
        .with(DnType::OrganizationalUnitName, "Data Team")
        .with(DnType::CustomDnType(vec![2, 5, 4, 11]), "Blue")
        .with(DnType::OrganizationName, "Example Rome")
        .dns("b.example")
        .dns("a.example")
        .dns("a.other");
    let groups = examine(rules, &issue(wish)).unwrap().groups;
    let expected = [
        "corp/Blue",
        "corp/Data%20Team",
        "corp/host:a",
        "corp/host:b",
        "corp/site:Rome",
    ];
    assert_eq!(groups, expected);
}

#[test]
fn more_than_a_thousand_groups_are_refused_rather_than_cut() {
    let rules = "identity = [{ from = 'cn' }]\ngroups = [{ from = 'dns' }]";
    let many = |count: usize| {
        let hosts = (0..count).map(|index| format!("h{index}"));
        hosts.fold(Wish::cn("alice"), |wish, host| wish.dns(&host))
    };
    let thousand = examine(rules, &issue(many(1000))).unwrap();
    assert_eq!(thousand.groups.len(), 1000);
    assert_eq!(name(rules, many(1001)), Err(ReasonKind::Claims));
    let long = Wish::cn("alice").dns(&"x".repeat(257));
    assert_eq!(name(rules, long), Err(ReasonKind::Claims));
}

#[test]
fn all_that_is_required_must_hold() {
    let require = |line: &str| format!("{CN}\n[require]\n{line}");
    let wish = || {
        Wish::cn("alice")
            .with(DnType::OrganizationalUnitName, "Data")
            .with(DnType::CustomDnType(vec![2, 5, 4, 11]), "Blue")
            .with(DnType::OrganizationName, "Example")
            .extension(&[1, 3, 6, 1, 4, 1, 99999, 1], b"\x0c\x04prod")
    };
    for good in [
        "organizational_units = ['Data']",
        "organizational_units = ['Blue', 'Data']",
        "organizations = ['Example']",
        "issuers = ['CN=Other', 'CN=Example CA']",
        "extensions = { '1.3.6.1.4.1.99999.1' = true }",
        "extensions = { '1.3.6.1.4.1.99999.1' = 'prod' }",
        "extensions = { '1.3.6.1.4.1.99999.1' = 'hex:0c0470726F64' }",
    ] {
        assert!(name(&require(good), wish()).is_ok(), "{good}");
    }
    for bad in [
        "organizational_units = ['data']",
        "organizational_units = ['Data', 'Red']",
        "organizations = ['Data']",
        "issuers = ['CN=Example']",
        "extensions = { '1.3.6.1.4.1.99999.2' = true }",
        "extensions = { '1.3.6.1.4.1.99999.1' = true, '1.3.6.1.4.1.99999.2' = true }",
        "extensions = { '1.3.6.1.4.1.99999.1' = 'pro' }",
        "extensions = { '1.3.6.1.4.1.99999.1' = 'hex:70726F64' }",
    ] {
        assert_eq!(
            name(&require(bad), wish()),
            Err(ReasonKind::Claims),
            "{bad}"
        );
    }
}

#[test]
fn a_certificate_counts_only_between_its_dates() {
    let kind = |from, to| name(CN, Wish::cn("alice").valid(from, to)).map(drop);
    assert_eq!(kind(2020, 2028), Ok(()));
    assert_eq!(kind(2020, 2026), Err(ReasonKind::Expired));
    assert_eq!(kind(2028, 2030), Err(ReasonKind::NotYetValid));
    assert_eq!(kind(1960, 1965), Err(ReasonKind::Expired));
    assert_eq!(kind(1960, 2040), Ok(()));
    for (year, end) in [
        (2039, 2_177_452_800),
        (2107, 4_323_283_200),
        (9999, 253_370_764_800),
    ] {
        let principal = examine(CN, &issue(Wish::cn("alice").valid(2020, year))).unwrap();
        assert_eq!(principal.expires, Some(Timestamp::from_unix_seconds(end)));
    }
    let certificate = parse(&issue(Wish::cn("alice"))).unwrap();
    let examine = |second| {
        let found = authenticator(CN, Path::new("/none")).examine(&certificate, at(second));
        found.map(drop).map_err(|reason| reason.kind())
    };
    assert_eq!(examine(1_893_455_999), Ok(()));
    assert_eq!(examine(1_893_456_000), Err(ReasonKind::Expired));
}

#[test]
fn every_example_of_the_documentation_is_a_good_file() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut examples = 0;
    for page in ["configuration.md", "providers/certificates.md"] {
        let text = std::fs::read_to_string(docs.join(page)).unwrap();
        let chapter = match text.split_once("\n## Certificates\n") {
            Some((_, rest)) => rest.split("\n## ").next().unwrap(),
            None => &text,
        };
        for block in chapter.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let complete = match block.contains("identity") {
                true => block.to_owned(),
                false => format!("{CN}\n{block}"),
            };
            let mut file = Section::parse(complete.as_bytes()).unwrap();
            for key in ["type", "id"] {
                file.optional::<String>(key, "a string");
            }
            CertificateAuthenticator::build(&mut file, Path::new("/none"), None);
            for fault in file.finish() {
                // The files that it names are not here.
                let fault = fault.in_file(Path::new("f")).to_string();
                assert!(fault.contains("/etc/valkey/tls/"), "{fault}\n{block}");
            }
            examples += 1;
        }
    }
    assert_eq!(examples, 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_certificate_ever_yields_a_name_with_a_control_character(
        cn in "(\\PC|[\\x00-\\x1f\\x7f-\\x9f]|[*{},/]){0,8}",
        host in "[ -~]{0,8}[\\x00-\\x1f]?[ -~]{0,3}",
        template in prop_oneof![Just("{x}"), Just("a/{x}"), Just("{{{x}}}")],
    ) {
        let rules = format!(
            "identity = [{{ from = 'dns', pattern = '(?s)(?P<x>.+)', name = '{template}' }}, {{ from = 'cn' }}, {{ from = 'dn' }}]");
        let certificate = issue(Wish::cn(cn.as_str()).dns(&host));
        if let Ok(principal) = examine(&rules, &certificate) {
            let raw = principal.name.raw();
            prop_assert!(!raw.chars().any(char::is_control));
            prop_assert_eq!(raw, template.replace("{{", "{").replace("}}", "}").replace("{x}", &host));
            prop_assert!(!host.contains('*'));
        }
    }
}
