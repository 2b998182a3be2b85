//! What services are asked, and what their answers come to.

use serde_json::{Value, json};
use warden_core::{Credential, ReasonKind, Timestamp};

use crate::Outcome;
use crate::testing::asked::Asked;
use crate::testing::web::Answer;
use crate::testing::{NOW, refused, verified};

const OIDC: &str = "type = 'userinfo'\nurl = '{url}/me'\n";

const CUSTOM: &str = r#"
type = 'userinfo'
url = '{url}/check'
users = ['*']
lifetime_seconds = 600
[request.headers]
X-Api-Key = "k{user}"
[request.json]
token = "{credential}"
nested = { who = "{user}", fixed = 1, list = ["<{credential}>"] }
[claims]
name = '/user/id'
groups = '/user/roles'
scopes = '/scopes'
active = '/ok'
expires = '/until'
"#;

fn answer() -> Value {
    json!({ "ok": true, "until": NOW + 60, "user": { "id": "alice", "roles": ["r1"] }, "scopes": "a b" })
}

#[test]
fn a_bearer_token_is_whose_the_provider_says() {
    let asked = Asked::new(OIDC);
    asked.says(Answer::ok(
        json!({ "sub": "alice", "groups": ["g"] }).to_string(),
    ));
    let verified = verified(asked.ask("token", "opaque-1"));
    assert_eq!(verified.get().user_name().as_str(), "corp/alice");
    assert_eq!(verified.get().groups, ["corp/g"]);
    assert_eq!(
        verified.get().expires,
        Some(Timestamp::from_unix_seconds(NOW + 3600))
    );
    let seen = asked.web.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/me"));
    assert_eq!(seen.header("authorization"), Some("Bearer opaque-1"));
}

#[test]
fn a_service_is_asked_by_its_template() {
    let asked = Asked::new(CUSTOM);
    asked.says(Answer::ok(answer().to_string()));
    let verified = verified(asked.ask("alice", r#"pass"word{user}"#));
    let principal = verified.get();
    assert_eq!(principal.groups, ["corp/r1"]);
    assert_eq!(principal.scopes, ["corp/a", "corp/b"]);
    assert_eq!(
        principal.expires,
        Some(Timestamp::from_unix_seconds(NOW + 60))
    );
    let seen = asked.web.seen().pop().unwrap();
    assert_eq!(seen.header("x-api-key"), Some("kalice"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let expected = json!({
        "token": r#"pass"word{user}"#,
        "nested": { "who": "alice", "fixed": 1, "list": [r#"<pass"word{user}>"#] },
    });
    assert_eq!(body, expected);
}

#[test]
fn a_form_and_basic_authentication_carry_any_text() {
    let form = Asked::new(
        "type = 'userinfo'\nurl = '{url}/c'\nusers = ['*']\n[request.form]\nu = '{user}'\np = '{credential}'\n",
    );
    form.says(Answer::ok(json!({ "sub": "a&b" }).to_string()));
    verified(form.ask("a&b", "x=1&y z"));
    assert_eq!(form.web.seen().pop().unwrap().body, "p=x%3D1%26y+z&u=a%26b");
    let basic =
        Asked::new("type = 'userinfo'\nurl = '{url}/c'\nusers = ['*']\n[request]\nbasic = true\n");
    basic.says(Answer::ok(json!({ "sub": "alice" }).to_string()));
    verified(basic.ask("alice", "pä:ss"));
    let seen = basic.web.seen().pop().unwrap();
    assert_eq!(seen.header("authorization"), Some("Basic YWxpY2U6cMOkOnNz"));
    refused(basic.ask("al:ice", "x"));
}

#[test]
fn an_unknown_user_and_a_wrong_credential_read_the_same() {
    let asked = Asked::new(CUSTOM);
    let mut replies = Vec::new();
    for status in [401, 403, 404] {
        asked.says(Answer::new(status, answer().to_string()));
        let reason = refused(asked.ask("alice", "x"));
        assert_eq!(reason.kind(), ReasonKind::Credential);
        replies.push((
            reason.reply().as_str().to_owned(),
            reason.detail().to_owned(),
        ));
    }
    replies.dedup();
    assert_eq!(replies.len(), 1);
}

#[test]
fn what_is_not_an_answer_is_never_a_yes() {
    let asked = Asked::new(&format!("{CUSTOM}[endpoint]\nretries = 0\n"));
    let yes = answer().to_string();
    for answer in [
        Answer::ok(""),
        Answer::ok("[]"),
        Answer::ok("<html></html>"),
        Answer::ok(yes.replacen('{', r#"{"ok":true,"#, 1)),
        Answer::new(201, yes.clone()),
        Answer::new(204, ""),
        Answer::new(301, yes.clone()),
        Answer::new(400, yes.clone()),
        Answer::new(500, yes.clone()),
    ] {
        asked.says(answer.clone());
        let outcome = asked.ask("alice", "x");
        assert!(
            matches!(outcome, Outcome::Unavailable(_)),
            "{answer:?} {outcome:?}"
        );
    }
}

#[test]
fn an_answer_that_does_not_say_yes_refuses() {
    let asked = Asked::new(CUSTOM);
    for (changes, kind) in [
        (json!({ "ok": false }), ReasonKind::Credential),
        (json!({ "ok": "true" }), ReasonKind::Credential),
        (json!({ "ok": null }), ReasonKind::Credential),
        (json!({ "until": NOW }), ReasonKind::Expired),
        (json!({ "until": "tomorrow" }), ReasonKind::Claims),
        (json!({ "until": null }), ReasonKind::Claims),
        (json!({ "user": {} }), ReasonKind::Claims),
        (json!({ "user": { "id": "default" } }), ReasonKind::Name),
        (json!({ "user": { "id": "bob" } }), ReasonKind::Name),
        (
            json!({ "user": { "id": "alice", "roles": [1] } }),
            ReasonKind::Claims,
        ),
    ] {
        let mut body = answer();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        asked.says(Answer::ok(body.to_string()));
        assert_eq!(refused(asked.ask("alice", "x")).kind(), kind, "{changes}");
    }
}

#[test]
fn every_bad_template_is_named_with_its_key() {
    for (lines, key) in [
        ("[request]\nmethod = 'PUT'\nbasic = true", "request.method"),
        (
            "[request]\nmethod = 'GET'\n[request.form]\na = '{credential}'",
            "request.method",
        ),
        (
            "[request]\nmethod = 'GET'",
            "names no place for the credential",
        ),
        (
            "[request.form]\na = 'x'",
            "names no place for the credential",
        ),
        (
            "[request.headers]\n'bad name' = '{credential}'",
            "request.headers",
        ),
        (
            "[request.headers]\nHost = '{credential}'",
            "request.headers",
        ),
        (
            "[request.headers]\nX = \"a\\nb{credential}\"",
            "request.headers",
        ),
        (
            "[request.form]\na = '{credential}'\n[request.json]\na = 'x'",
            "request.json",
        ),
        ("[request]\nurl = 'x'\nbasic = true", "request.url"),
    ] {
        let faults = Asked::new(&format!("{OIDC}{lines}\n")).faults();
        assert!(
            faults.iter().any(|fault| fault.contains(key)),
            "{lines}: {faults:?}"
        );
    }
}

#[test]
fn passwords_of_names_not_bound_to_the_service_are_not_sent() {
    let asked = Asked::new(OIDC);
    let credential = Credential::new(b"alice", b"hunter2").unwrap();
    assert_eq!(asked.chain().claims(&credential, false), None);
}
