//! The promises of docs/threat-model.md, "Introspection and caches", as far as answers go.

use std::time::Duration;

use serde_json::{Value, json};
use warden_core::ReasonKind;

use crate::Outcome;
use crate::testing::asked::Asked;
use crate::testing::web::Answer;
use crate::testing::{NOW, refused, verified};

const FILE: &str = "type = 'introspection'\nintrospection_url = '{url}/introspect'\nclient_id = 'cl ient'\n\
    client_secret_file = 'secret'\naudience = ['valkey']\n";

fn asked(more: &str) -> Asked {
    let asked = Asked::new(&format!("{FILE}{more}"));
    asked.directory.write("secret", "s3cr:et\n");
    asked
}

fn active(changes: Value) -> Value {
    let mut answer = json!({
        "active": true, "sub": "alice", "aud": "valkey", "exp": NOW + 600, "scope": "read write",
    });
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer
}

#[test]
fn an_active_token_is_the_principal_its_issuer_names() {
    let asked = asked("[claims]\ngroups = 'roles'\n");
    asked.says(Answer::ok(
        active(json!({ "roles": ["analysts"] })).to_string(),
    ));
    let verified = verified(asked.ask("token", "opaque-1"));
    let principal = verified.get();
    assert_eq!(principal.user_name().as_str(), "corp/alice");
    assert_eq!(principal.groups, ["corp/analysts"]);
    assert_eq!(principal.scopes, ["corp/read", "corp/write"]);
    assert_eq!(principal.remembered_for, Some(Duration::from_secs(30)));
    let seen = asked.web.seen().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/introspect")
    );
    assert_eq!(seen.body, "token=opaque-1&token_type_hint=access_token");
    // `cl+ient:s3cr%3Aet`: both halves are form-encoded first.
    assert_eq!(
        seen.header("authorization"),
        Some("Basic Y2wraWVudDpzM2NyJTNBZXQ=")
    );
}

#[test]
fn a_client_proves_itself_as_configured() {
    let post = asked("client_authentication = 'client_secret_post'\n");
    post.says(Answer::ok(active(json!({})).to_string()));
    verified(post.ask("token", "a+b"));
    let seen = post.web.seen().pop().unwrap();
    assert_eq!(seen.header("authorization"), None);
    assert!(
        seen.body
            .ends_with("&client_id=cl+ient&client_secret=s3cr%3Aet"),
        "{}",
        seen.body
    );
    assert!(seen.body.starts_with("token=a%2Bb&"), "{}", seen.body);
}

#[test]
fn only_an_active_token_of_this_audience_and_time_is_a_yes() {
    let asked = asked("issuer = 'https://idp.test'\n");
    for (changes, kind) in [
        (json!({ "active": false }), ReasonKind::Credential),
        (json!({ "exp": NOW - 31 }), ReasonKind::Expired),
        (json!({ "exp": "soon" }), ReasonKind::Claims),
        (json!({ "exp": -1 }), ReasonKind::Claims),
        (json!({ "nbf": NOW + 60 }), ReasonKind::NotYetValid),
        (json!({ "aud": "other" }), ReasonKind::WrongAudience),
        (json!({ "aud": null }), ReasonKind::Claims),
        (json!({ "iss": "https://evil.test" }), ReasonKind::Claims),
        (json!({ "iss": 1 }), ReasonKind::Claims),
        (json!({ "sub": "" }), ReasonKind::Name),
        (json!({ "sub": null }), ReasonKind::Claims),
    ] {
        asked.says(Answer::ok(active(changes.clone()).to_string()));
        let reason = refused(asked.ask("token", "opaque"));
        assert_eq!(reason.kind(), kind, "{changes} {reason}");
    }
    asked.says(Answer::ok(
        json!({ "active": true, "sub": "a", "exp": NOW + 9 }).to_string(),
    ));
    assert_eq!(
        refused(asked.ask("token", "x")).kind(),
        ReasonKind::Claims,
        "no audience"
    );
    asked.says(Answer::ok(
        json!({ "active": true, "sub": "a", "aud": "valkey" }).to_string(),
    ));
    assert_eq!(
        refused(asked.ask("token", "x")).kind(),
        ReasonKind::Claims,
        "no expiry"
    );
}

#[test]
fn what_is_not_an_answer_is_never_a_yes() {
    let asked = asked("[endpoint]\nretries = 0\n");
    let yes = active(json!({})).to_string();
    let doubled = yes.replacen('{', r#"{"active":false,"#, 1);
    for answer in [
        Answer::ok(""),
        Answer::ok("true"),
        Answer::ok("[]"),
        Answer::ok("<html>active: true</html>"),
        Answer::ok(active(json!({ "active": "true" })).to_string()),
        Answer::ok(active(json!({ "active": 1 })).to_string()),
        Answer::ok(json!({ "sub": "alice", "aud": "valkey", "exp": NOW + 600 }).to_string()),
        Answer::ok(doubled),
        Answer::new(201, yes.clone()),
        Answer::new(302, yes.clone()).with("location", "/yes"),
        Answer::new(400, yes.clone()),
        Answer::new(401, yes.clone()),
        Answer::new(403, yes.clone()),
        Answer::new(429, yes.clone()),
        Answer::new(500, yes.clone()),
        Answer {
            missing: 1,
            ..Answer::ok(yes.clone())
        },
    ] {
        asked.says(answer.clone());
        let outcome = asked.ask("token", "opaque");
        assert!(
            matches!(outcome, Outcome::Unavailable(_)),
            "{answer:?} {outcome:?}"
        );
    }
}

#[test]
fn the_endpoint_may_be_discovered() {
    let asked = Asked::new(
        "type = 'introspection'\nissuer = '{url}'\nclient_id = 'c'\nclient_secret_file = 'secret'\nany_audience = true\n",
    );
    asked.directory.write("secret", "s");
    let base = asked.web.url("");
    asked.web.answer(move |seen| match seen.path.as_str() {
        "/.well-known/openid-configuration" => Answer::ok(
            json!({ "issuer": base, "introspection_endpoint": format!("{base}/i") }).to_string(),
        ),
        "/i" => Answer::ok(json!({ "active": true, "sub": "a", "exp": NOW + 9 }).to_string()),
        _ => Answer::new(404, ""),
    });
    verified(asked.ask("token", "one"));
    verified(asked.ask("token", "two"));
    assert_eq!(asked.web.requests("/.well-known/openid-configuration"), 1);
}

#[test]
fn a_document_that_cannot_be_had_is_not_asked_for_by_every_log_in() {
    let asked = Asked::new(
        "type = 'introspection'\nissuer = '{url}'\nclient_id = 'c'\nclient_secret_file = 'secret'\nany_audience = true\n\
         [endpoint]\nretries = 0\n",
    );
    asked.directory.write("secret", "s");
    asked.says(Answer::new(503, "").after(Duration::from_millis(50)));
    for outcome in asked.crowd(20) {
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    }
    assert_eq!(asked.web.seen().len(), 1);
    asked.online.pass(Duration::from_secs(1));
    assert!(matches!(
        asked.ask("token", "later"),
        Outcome::Unavailable(_)
    ));
    assert_eq!(asked.web.seen().len(), 2);
}

#[test]
fn every_bad_setting_is_named_with_its_key() {
    for (line, key) in [
        ("any_audience = true", "any_audience"),
        ("client_authentication = 'none'", "client_authentication"),
        (
            "client_authentication = 'tls_client_auth'",
            "client_secret_file",
        ),
        ("client_authentication = 'bearer'", "client_secret_file"),
        ("cache_seconds = 3601", "cache_seconds"),
        ("jwks_url = 'https://x'", "jwks_url"),
        ("client_secret = 'x'", "client_secret"),
    ] {
        let asked = asked(&format!("{line}\n"));
        let faults = asked.faults();
        assert!(
            faults.iter().any(|fault| fault.contains(key)),
            "{line}: {faults:?}"
        );
    }
}
