//! Order, binding, generations and reloads of the chain.

mod looking;

use std::time::Duration;

use serde_json::json;
use warden_core::Method;

use super::*;
use crate::authenticator::{Answering, Authenticator};
use crate::directory::Made;
use crate::patterns::Names;
use crate::testing::{
    Directory, ED, MINIMAL, NOW, OTHER_RSA, P256, P384, RSA, ask, at, claims, credential, jwks,
    presented, refused, verified,
};

fn ids(chain: &Chain) -> Vec<&str> {
    chain
        .authenticators()
        .map(|status| status.id.as_str())
        .collect()
}

fn file(issuer: &str, keys: &str, more: &str) -> String {
    format!(
        "type = 'jwt'\nissuer = '{issuer}'\naudience = ['valkey']\njwks_file = '{keys}'\n{more}\n"
    )
}

/// Two issuers whose keys have the same key id.
fn two() -> Directory {
    let directory = Directory::new();
    directory.write("10-a.toml", file("https://a", "a.json", ""));
    directory.write("20-b.toml", file("https://b", "b.json", ""));
    directory.write("a.json", jwks(&[P256.jwk_with(&json!({ "kid": "k" }))]));
    directory.write("b.json", jwks(&[P384.jwk_with(&json!({ "kid": "k" }))]));
    directory
}

fn of_a(sub: &str) -> String {
    P256.token("ES256", &claims(json!({ "iss": "https://a", "sub": sub })))
}

fn of_b(sub: &str) -> String {
    P384.token("ES384", &claims(json!({ "iss": "https://b", "sub": sub })))
}

#[test]
fn the_same_key_id_and_name_in_two_issuers_are_two_principals() {
    let chain = two().chain();
    let a = verified(ask(&chain, &of_a("alice")));
    let b = verified(ask(&chain, &of_b("alice")));
    assert_eq!(a.get().user_name().as_str(), "a/alice");
    assert_eq!(b.get().user_name().as_str(), "b/alice");
    let forged = P256.token("ES256", &claims(json!({ "iss": "https://b" })));
    assert_eq!(refused(ask(&chain, &forged)).kind(), ReasonKind::Credential);
}

#[test]
fn only_a_lone_authenticator_is_the_sole_one() {
    let chain = two().chain();
    assert!(
        !verified(ask(&chain, &of_a("alice")))
            .get()
            .sole_authenticator
    );
    let directory = Directory::minimal("", &[P256.jwk()]);
    let lone = directory.chain();
    let token = P256.token("ES256", &claims(json!({})));
    assert!(verified(ask(&lone, &token)).get().sole_authenticator);
    directory.write("20-broken.toml", "type = ");
    let report = directory.load(Some(&lone));
    assert!(
        report.changed,
        "a broken second file makes bare names ambiguous already"
    );
    assert!(
        !verified(ask(&report.chain, &token))
            .get()
            .sole_authenticator
    );
}

#[test]
fn a_token_of_an_unknown_issuer_is_nobodys() {
    let chain = two().chain();
    let token = P256.token("ES256", &claims(json!({ "iss": "https://c" })));
    assert!(matches!(ask(&chain, &token), Outcome::NotMine));
    assert!(matches!(ask(&Chain::empty(), &token), Outcome::NotMine));
    assert_eq!(
        Chain::empty().claims(&credential("token", token), false),
        None
    );
}

#[test]
fn a_password_is_left_to_the_server() {
    let chain = two().chain();
    for (user, password) in [
        ("default", "secret"),
        ("alice", "a.b.c"),
        ("token", ""),
        ("alice", "e30.e30.e30"),
    ] {
        let credential = credential(user, password);
        assert_eq!(chain.claims(&credential, false), None, "{password}");
        assert!(matches!(
            chain.authenticate_alone(&presented(user, password), &at(NOW)),
            Outcome::NotMine
        ));
    }
    for user in ["default", "token", "a/alice", "anyone"] {
        assert_eq!(
            chain.claims(&credential(user, of_a("alice")), false),
            Some(Claim::Computed)
        );
    }
}

#[test]
fn the_name_given_is_the_principal_or_token_or_none() {
    let chain = two().chain();
    let token = of_a("alice b");
    for name in [
        "token",
        "default",
        "alice b",
        "a/alice b",
        "alice%20b",
        "a/alice%20b",
    ] {
        verified(chain.authenticate_alone(&presented(name, &token), &at(NOW)));
    }
    for name in [
        "",
        "bob",
        "b/alice b",
        "alice",
        "a/",
        "certificate",
        "TOKEN",
        "a/token",
        "Alice b",
    ] {
        let reason = refused(chain.authenticate_alone(&presented(name, &token), &at(NOW)));
        assert_eq!(reason.kind(), ReasonKind::Name, "{name}");
    }
}

#[test]
fn a_bound_name_goes_to_its_authenticator_without_falling_through() {
    let directory = two();
    directory.write(
        "10-a.toml",
        file("https://a", "a.json", "users = ['svc-*']"),
    );
    let chain = directory.chain();
    let asked =
        |name: &str, token: &str| chain.authenticate_alone(&presented(name, token), &at(NOW));
    verified(asked("svc-1", &of_a("svc-1")));
    verified(asked("a/svc-1", &of_a("svc-1")));
    verified(asked("token", &of_a("svc-1")));
    verified(asked("alice", &of_b("alice")));
    assert_eq!(
        refused(asked("svc-1", &of_b("svc-1"))).kind(),
        ReasonKind::Credential
    );
    assert_eq!(
        refused(asked("svc-1", "password")).kind(),
        ReasonKind::Credential,
        "nor to the server"
    );
    assert!(
        chain
            .claims(&credential("svc-1", "password"), false)
            .is_some()
    );
    assert_eq!(
        refused(asked("token", &of_b("svc-1"))).kind(),
        ReasonKind::Name,
        "another's name"
    );
    assert_eq!(
        refused(asked("token", &of_a("alice"))).kind(),
        ReasonKind::Name,
        "outside users"
    );
    assert!(matches!(asked("alice", &of_a("alice")), Outcome::NotMine));
}

#[test]
fn an_excluded_name_is_never_asked_about_nor_admitted() {
    let directory = two();
    directory.write(
        "10-a.toml",
        file("https://a", "a.json", "not_users = ['admin*']"),
    );
    let chain = directory.chain();
    assert!(matches!(
        chain.authenticate_alone(&presented("admin1", of_a("admin1")), &at(NOW)),
        Outcome::NotMine
    ));
    assert_eq!(chain.claims(&credential("alice", "x"), false), None);
    for name in ["token", "default"] {
        let reason = refused(chain.authenticate_alone(&presented(name, of_a("admin1")), &at(NOW)));
        assert_eq!(reason.kind(), ReasonKind::Name);
    }
    verified(chain.authenticate_alone(&presented("token", of_a("alice")), &at(NOW)));
}

/// An authenticator that says what it is told to.
struct Scripted {
    id: AuthenticatorId,
    method: Method,
    coexistence: Coexistence,
    answer: Outcome<Box<Principal>>,
}

impl Authenticator for Scripted {
    fn id(&self) -> &AuthenticatorId {
        &self.id
    }
    fn method(&self) -> Method {
        self.method
    }
    fn coexistence(&self) -> Coexistence {
        self.coexistence
    }
    fn claims(&self, _: &Credential) -> bool {
        true
    }
    fn asks_others(&self) -> bool {
        self.method == Method::Ldap
    }
    fn authenticate<'a>(&'a self, _: &'a Presented, _: &'a dyn Clock) -> Answering<'a> {
        Box::pin(std::future::ready(self.answer.clone()))
    }
}

fn principal(id: &str, expires: u64) -> Box<Principal> {
    Box::new(Principal {
        authenticator: AuthenticatorId::new(id).unwrap(),
        name: warden_core::PrincipalName::new("alice").unwrap(),
        method: Method::Jwt,
        groups: Vec::new(),
        scopes: Vec::new(),
        sole_authenticator: false,
        claims: warden_core::Claims::default(),
        expires: Some(warden_core::Timestamp::from_unix_seconds(expires)),
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    })
}

fn scripted(answers: Vec<(&str, Outcome<Box<Principal>>)>) -> Chain {
    beside(
        answers
            .into_iter()
            .map(|(id, answer)| (id, Coexistence::default(), answer))
            .collect(),
    )
}

fn beside(answers: Vec<(&str, Coexistence, Outcome<Box<Principal>>)>) -> Chain {
    of_method(Method::Jwt, answers)
}

fn of_method(method: Method, answers: Vec<(&str, Coexistence, Outcome<Box<Principal>>)>) -> Chain {
    let slots = answers.into_iter().map(|(id, coexistence, answer)| {
        // `ID*` has names bound to it.
        let bound = id.strip_suffix('*');
        let users = bound.map(|_| vec![crate::patterns::parse("*").unwrap()]);
        let id = AuthenticatorId::new(bound.unwrap_or(id)).unwrap();
        let made = Made {
            authenticator: Box::new(Scripted {
                id,
                method,
                coexistence,
                answer,
            }),
            names: Names::new(users, Vec::new()),
            source: None,
            fingerprint: [0; 32],
        };
        Slot {
            entry: Arc::new(Entry::new(PathBuf::new(), made, next_generation())),
            last_good: false,
        }
    });
    Chain {
        slots: slots.collect(),
        ..Chain::empty()
    }
}

fn wrong() -> Outcome<Box<Principal>> {
    Outcome::Refused(Reason::new(ReasonKind::Credential, "x"))
}

fn yes(id: &str) -> Outcome<Box<Principal>> {
    Outcome::Verified(principal(id, NOW + 60))
}

#[test]
fn whoever_spares_local_users_is_not_asked_about_one_even_where_names_are_bound_to_it() {
    let sparing = Coexistence {
        spares_local_users: true,
        ..Coexistence::default()
    };
    let ask = |chain: &Chain, is_local| {
        let presented = Presented {
            is_local,
            ..presented("alice", "any")
        };
        let claimed = chain.claims(&presented.credential, is_local).is_some();
        (claimed, chain.authenticate_alone(&presented, &at(NOW)))
    };
    for id in ["a", "a*"] {
        let lone = beside(vec![(id, sparing, yes("a"))]);
        assert!(
            matches!(ask(&lone, true), (false, Outcome::NotMine)),
            "{id}"
        );
        assert!(
            matches!(ask(&lone, false), (true, Outcome::Verified(_))),
            "{id}"
        );
        let other = ("b", Coexistence::default(), yes("b"));
        let two = beside(vec![(id, sparing, yes("a")), other]);
        let (claimed, outcome) = ask(&two, true);
        assert!(claimed);
        if id == "a" {
            assert_eq!(verified(outcome).get().authenticator.as_str(), "b");
        } else {
            // Whom `users` gives to one, another still does not vouch for.
            assert_eq!(refused(outcome).kind(), ReasonKind::Name);
        }
    }
}

/// The thread that waits for answers must not compute.
#[test]
fn a_credential_counts_as_asked_about_where_all_ask_who_may_see_it() {
    let one = |method, id| {
        let mut chain = of_method(method, vec![(id, Coexistence::default(), wrong())]);
        chain.slots.pop().unwrap()
    };
    let claim = |slots: Vec<Slot>, name: &str| {
        let chain = Chain {
            slots,
            ..Chain::empty()
        };
        chain.claims(&credential(name, "any"), false)
    };
    let (asks, computes) = (|id| one(Method::Ldap, id), |id| one(Method::Jwt, id));
    assert_eq!(claim(vec![], "alice"), None);
    assert_eq!(
        claim(vec![asks("a"), asks("b")], "alice"),
        Some(Claim::Asked)
    );
    let (mixed, bound) = (Some(Claim::Computed), Some(Claim::Asked));
    assert_eq!(claim(vec![computes("a"), asks("b")], "alice"), mixed);
    assert_eq!(claim(vec![asks("a"), computes("b")], "alice"), mixed);
    assert_eq!(claim(vec![asks("a*"), computes("b")], "alice"), bound);
}

#[test]
fn a_credential_that_says_for_whom_it_is_is_shown_to_nobody_elses_judge() {
    let chain = |method, first| {
        let answers = vec![("a", first), ("b", yes("b"))].into_iter();
        let answers = answers.map(|(id, answer)| (id, Coexistence::default(), answer));
        of_method(method, answers.collect())
    };
    let asked = |chain: &Chain, name: &str| {
        let presented = presented(name, "any");
        let outcome = chain.authenticate_alone(&presented, &at(NOW));
        let counts = chain.authenticators().map(|one| one.verified + one.refused);
        (outcome, counts.collect::<Vec<_>>())
    };
    for method in [Method::Ldap, Method::Introspection, Method::UserInfo] {
        for first in [wrong(), yes("a")] {
            let (outcome, counts) = asked(&chain(method, first.clone()), "b/alice");
            assert_eq!(verified(outcome).get().authenticator.as_str(), "b");
            assert_eq!(counts, [0, 1], "{method:?}");
            let (_, counts) = asked(&chain(method, first), "alice");
            assert_eq!(counts, [1, 0], "{method:?}");
        }
        // An id that nobody has is part of a name.
        let (_, counts) = asked(&chain(method, wrong()), "c/alice");
        assert_eq!(counts, [1, 0], "{method:?}");
    }
    // Who judges by itself shows it to nobody.
    let (_, counts) = asked(&chain(Method::Jwt, wrong()), "b/alice");
    assert_eq!(counts, [1, 0]);
}

#[test]
fn what_is_refused_is_passed_on_and_what_is_undecided_is_not() {
    let passing = Coexistence {
        passes_on: true,
        ..Coexistence::default()
    };
    let outcome = |first, rest: Option<Outcome<Box<Principal>>>| {
        let first = ("a", passing, first);
        let rest = rest.map(|answer| ("b", Coexistence::default(), answer));
        let chain = beside(std::iter::once(first).chain(rest).collect());
        let outcome = ask(&chain, "any");
        let status = chain.authenticators().next().unwrap();
        (outcome, status.refused, status.unavailable)
    };
    assert!(matches!(outcome(wrong(), None), (Outcome::NotMine, 1, 0)));
    assert!(matches!(
        outcome(wrong(), Some(yes("b"))),
        (Outcome::Verified(_), 1, 0)
    ));
    assert!(matches!(
        outcome(wrong(), Some(wrong())),
        (Outcome::Refused(_), 1, 0)
    ));
    for kind in [ReasonKind::Throttled, ReasonKind::Unavailable] {
        let undecided = Outcome::Unavailable(Reason::new(kind, "x"));
        assert!(matches!(
            outcome(undecided, Some(yes("b"))),
            (Outcome::Unavailable(_), 0, 1)
        ));
    }
    // What the chain itself refuses of a proof is nobody else's to judge.
    let expired = Outcome::Verified(principal("a", NOW - 60));
    assert!(matches!(
        outcome(expired, Some(yes("b"))),
        (Outcome::Refused(_), 1, 0)
    ));
}

#[test]
fn a_refusal_ends_the_chain_and_an_undecided_one_never_becomes_a_yes() {
    let yes = || Outcome::Verified(principal("b", NOW + 60));
    let reason = || Reason::new(ReasonKind::Credential, "x");
    let outcome = |first| ask(&scripted(vec![("a", first), ("b", yes())]), "any");
    verified(outcome(Outcome::NotMine));
    refused(outcome(Outcome::Refused(reason())));
    assert!(matches!(
        outcome(Outcome::Unavailable(reason())),
        Outcome::Unavailable(_)
    ));
}

#[test]
fn expiry_and_id_are_checked_again_before_anything_is_attested() {
    let chain = scripted(vec![("a", Outcome::Verified(principal("a", NOW)))]);
    assert_eq!(refused(ask(&chain, "any")).kind(), ReasonKind::Expired);
    let chain = scripted(vec![("a", Outcome::Verified(principal("b", NOW + 60)))]);
    assert_eq!(refused(ask(&chain, "any")).kind(), ReasonKind::Internal);
}

#[test]
fn a_load_without_change_keeps_the_generation() {
    let directory = two();
    let first = directory.chain();
    assert_eq!(ids(&first), ["a", "b"]);
    verified(ask(&first, &of_a("alice")));
    let again = directory.load(Some(&first));
    assert!(!again.changed && again.altered.is_empty() && again.removed.is_empty());
    assert_eq!(again.chain.generation(), first.generation());
    assert_eq!(
        again.chain.authenticators().next().unwrap().verified,
        1,
        "counters stay"
    );
    assert_ne!(
        directory.load(None).chain.generation(),
        first.generation(),
        "never the same number twice"
    );
}

#[test]
fn a_changed_file_or_key_makes_a_new_generation() {
    let directory = two();
    let first = directory.chain();
    directory.write("b.json", jwks(&[RSA.jwk()]));
    let report = directory.load(Some(&first));
    assert!(report.changed);
    assert_ne!(report.chain.generation(), first.generation());
    assert_eq!(report.altered, [AuthenticatorId::new("b").unwrap()]);
    assert_eq!(
        refused(ask(&report.chain, &of_b("alice"))).kind(),
        ReasonKind::Credential
    );
    let generations = |chain: &Chain| {
        chain
            .authenticators()
            .map(|status| status.generation)
            .collect::<Vec<_>>()
    };
    assert_eq!(generations(&first)[0], generations(&report.chain)[0]);
    assert_ne!(generations(&first)[1], generations(&report.chain)[1]);
}

#[test]
fn a_changed_setting_makes_a_new_generation_that_holds_for_last_good_versions_too() {
    let directory = two();
    let relaxed = ChainSettings {
        require_expiry: false,
        ..ChainSettings::default()
    };
    let first = Chain::load(&directory.path(""), &relaxed, &Services::offline(), None).chain;
    let endless = P256.token("ES256", &claims(json!({ "iss": "https://a", "exp": null })));
    verified(ask(&first, &endless));
    directory.write("10-a.toml", "");
    let report = directory.load(Some(&first));
    assert!(report.changed && report.altered.is_empty());
    assert_ne!(report.chain.generation(), first.generation());
    assert_eq!(
        refused(ask(&report.chain, &endless)).kind(),
        ReasonKind::Claims
    );
}

#[test]
fn a_removed_authenticator_is_told_and_answers_no_more() {
    let directory = two();
    let first = directory.chain();
    directory.remove("20-b.toml");
    let report = directory.load(Some(&first));
    assert_eq!(report.removed, [AuthenticatorId::new("b").unwrap()]);
    assert!(matches!(
        ask(&report.chain, &of_b("alice")),
        Outcome::NotMine
    ));
}

#[test]
fn a_bad_file_keeps_its_last_good_version_and_says_why() {
    let directory = two();
    let first = directory.chain();
    for (name, content) in [
        ("20-b.toml", "type = 'jwt'"),
        ("20-b.toml", "type = 'jwt"),
        ("20-b.toml", "\u{0}"),
        ("20-b.toml", ""),
        ("b.json", ""),
        ("b.json", "<html>"),
        ("b.json", "{\"keys\":[]}"),
    ] {
        directory.write(name, content);
        let report = directory.load(Some(&first));
        assert!(!report.errors.is_empty(), "{content}");
        assert!(!report.changed && report.removed.is_empty());
        assert!(report.chain.authenticators().nth(1).unwrap().last_good);
        verified(ask(&report.chain, &of_b("alice")));
        assert_eq!(
            directory.load(None).chain.authenticators().count(),
            1,
            "at start there is none"
        );
        directory.write("20-b.toml", file("https://b", "b.json", ""));
        directory.write("b.json", jwks(&[P384.jwk_with(&json!({ "kid": "k" }))]));
    }
    directory.remove("b.json");
    let report = directory.load(Some(&first));
    assert!(
        report
            .chain
            .watched_files()
            .contains(&directory.path("b.json")),
        "its return is noticed"
    );
    verified(ask(&report.chain, &of_b("alice")));
}

#[test]
fn a_directory_that_cannot_be_listed_keeps_everything() {
    let directory = two();
    let first = directory.chain();
    let gone = directory.path("gone");
    let report = Chain::load(
        &gone,
        &ChainSettings::default(),
        &Services::offline(),
        Some(&first),
    );
    assert_eq!(report.errors.len(), 1);
    assert_eq!(report.chain.generation(), first.generation());
    assert_eq!(
        Chain::load(&gone, &ChainSettings::default(), &Services::offline(), None)
            .chain
            .authenticators()
            .count(),
        0
    );
}

#[test]
fn two_files_never_have_one_id() {
    let directory = two();
    let first = directory.chain();
    directory.write("30-a.toml", file("https://c", "a.json", ""));
    let report = directory.load(Some(&first));
    assert_eq!(ids(&report.chain), ["a", "b"]);
    assert!(
        report.errors[0].to_string().contains("\"a\" is taken"),
        "{}",
        report.errors[0]
    );
    directory.remove("30-a.toml");
    directory.write("20-b.toml", file("https://b", "b.json", "id = 'a'"));
    let report = directory.load(Some(&first));
    assert_eq!(
        ids(&report.chain),
        ["a", "b"],
        "the last good version has another id"
    );
    directory.write("05-new.toml", file("https://c", "a.json", "id = 'b'"));
    let report = directory.load(Some(&first));
    assert_eq!(
        ids(&report.chain),
        ["b", "a"],
        "the first file wins, also over a last good version"
    );
}

#[test]
fn an_id_is_given_or_taken_from_the_files_name() {
    let directory = Directory::minimal("", &[ED.jwk()]);
    directory.write("x.toml", format!("{MINIMAL}id = 'y'"));
    assert_eq!(ids(&directory.chain()), ["corp", "y"]);
    for id in ["", "Corp", "a/b", "token", "certificate", "default", "a b"] {
        directory.write("x.toml", format!("{MINIMAL}id = '{id}'"));
        let faults = directory.faults();
        assert!(
            faults.len() == 1 && faults[0].contains("id: "),
            "{faults:?}"
        );
    }
}

#[test]
fn all_faults_of_all_files_are_told_together() {
    let directory = Directory::minimal(
        "id = 'X'\nusers = ['[']\nleeway_seconds = 999\nwhat = 1\n",
        &[OTHER_RSA.jwk()],
    );
    directory.write("20-b.toml", "type = 'kerberos'\nservers = []");
    directory.write("30-c.toml", "issuer = 'x'");
    let faults = directory.faults();
    for part in [
        "id: ",
        "users: ",
        "leeway_seconds: ",
        "what: ",
        "20-b.toml\": type: ",
        "30-c.toml\": type: ",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "{part}: {faults:?}"
        );
    }
    assert!(faults.iter().all(|fault| !fault.contains('\n')));
}

#[test]
fn a_fault_of_a_directory_makes_no_key_of_its_file_unknown() {
    let directory = Directory::new();
    directory.write(
        "10-corp.toml",
        "type = 'ldap'\nservers = ['ldap://[::1]']\nauth_mode = 'guess'\n\
         check_account = 7\nattributes = ['mail']\n[groups]\nfrom = 'search'\n",
    );
    let faults = directory.faults();
    for part in ["auth_mode: ", "check_account: ", "groups.base: "] {
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "{part}: {faults:?}"
        );
    }
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn a_secret_file_readable_by_everyone_fails_the_load() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let text = MINIMAL.replace(
        "jwks_file = 'keys.json'",
        "secret_file = 'secret'\nalgorithms = ['HS256']",
    );
    directory.write("10-corp.toml", text);
    directory.write("secret", "k".repeat(32));
    directory.chain();
    std::fs::set_permissions(
        directory.path("secret"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    assert!(directory.faults()[0].contains("secret_file"));
}

#[test]
fn an_expired_credential_is_refused_whatever_was_true_before() {
    let chain = two().chain();
    let token = of_a("alice");
    let leeway = Duration::from_secs(30).as_secs();
    let asked = |wall| chain.authenticate_alone(&presented("token", &token), &at(wall));
    verified(asked(NOW + 600 + leeway - 1));
    assert_eq!(
        refused(asked(NOW + 600 + leeway)).kind(),
        ReasonKind::Expired
    );
}

#[test]
fn one_issuer_may_have_several_audiences_each_with_its_file() {
    let directory = Directory::new();
    directory.write("keys.json", jwks(&[P256.jwk()]));
    for (name, audience) in [("10-a.toml", "first"), ("20-b.toml", "second")] {
        let file = MINIMAL.replace("valkey", audience);
        directory.write(name, file);
    }
    let chain = directory.chain();
    let token = |audience: &str| P256.token("ES256", &claims(json!({ "aud": audience })));
    for (audience, user) in [("first", "a/alice"), ("second", "b/alice")] {
        let verified = verified(ask(&chain, &token(audience)));
        assert_eq!(verified.get().user_name().as_str(), user);
    }
    let reason = refused(ask(&chain, &token("third")));
    assert_eq!(reason.kind(), ReasonKind::WrongAudience);
}
