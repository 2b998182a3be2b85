//! The policy as a whole: mapping, policies and requests in, verdicts out.

use super::*;
use warden_sdk::{Certificate, Claim, Input, Principal};

const POLICIES: &str = r#"
@id("all") permit (principal in Group::"corp/all", action, resource);
@id("reads") permit (principal, action == Action::"read", resource) when { principal.team == "red" };
@id("no") forbid (principal == User::"corp/mallory", action, resource);
"#;

const MAPPING: &str = r#"
[principal]
type = "User"
parents = [{ from = "groups", entity = "Group" }]
attributes.team = { claim = "/team", type = "String" }

[spaces.a]
resource = 'Space::"a"'
rules = ["~a:*", "&a.*"]

[spaces.b]
resource = 'Space::"b"'
rules = ["~b:*"]

[actions.read]
action = 'Action::"read"'
rules = ["+@read"]

[actions.write]
action = 'Action::"write"'
rules = ["+set", "+get"]

[actions.tidy]
action = 'Action::"tidy"'
rules = ["+@write", "-flushall"]
spaces = ["b"]
"#;

fn policy(mapping: &str, policies: &str) -> Cedar {
    let files = [
        File::new("cedar.toml", mapping),
        File::new("cedar.cedar", policies),
    ];
    Cedar::configure(&files).unwrap()
}

fn alice() -> Principal {
    Principal::new("corp", "alice")
}

/// Somebody of this team.
fn red(principal: Principal) -> Request {
    Request::new(principal).with_claim(Claim::new("/team", r#""red""#))
}

fn answer(request: &Request) -> String {
    policy(MAPPING, POLICIES).evaluate(request).to_string()
}

#[test]
fn what_is_allowed_on_a_space_is_one_grant_and_a_denial_stays_with_its_action() {
    assert_eq!(
        answer(&red(alice())),
        "grant +@read ~a:* &a.*; grant +@read ~b:*; label permits=reads"
    );
    assert_eq!(
        answer(&red(alice().with_group("corp/all"))),
        "grant +@read +get +set ~a:* &a.*; grant +@write -flushall ~b:*; \
         grant +@read +get +set ~b:*; label permits=all,reads"
    );
}

#[test]
fn what_nothing_permits_or_something_forbids_is_not_granted() {
    let blue = Request::new(alice()).with_claim(Claim::new("/team", r#""blue""#));
    assert_eq!(answer(&blue), "no opinion");
    let mallory = Principal::new("corp", "mallory").with_group("corp/all");
    assert_eq!(answer(&red(mallory)), "label forbids=no");
}

#[test]
fn a_policy_that_fails_refuses_the_log_in_and_is_named() {
    let verdict = policy(MAPPING, POLICIES).evaluate(&Request::new(alice()));
    let denial = verdict.denial().unwrap();
    assert_eq!(denial.public, None);
    let said = denial.internal.as_deref().unwrap();
    assert!(
        said.starts_with("error while evaluating policy `reads`") && said.contains("`team`"),
        "{said}"
    );
    assert!(verdict.grants().is_empty());
}

#[test]
fn a_forbid_that_fails_does_not_widen() {
    let forbidding = "permit (principal, action, resource);\n\
                      forbid (principal, action, resource) when { principal.suspended };";
    let verdict = policy(MAPPING, forbidding).evaluate(&red(alice()));
    assert!(verdict.grants().is_empty());
    assert!(verdict.denial().is_some());
}

#[test]
fn a_claim_of_another_type_refuses_rather_than_being_absent() {
    for json in ["1", "true", "null", r#"["red"]"#, "{}", "1e400", "{"] {
        let request = Request::new(alice()).with_claim(Claim::new("/team", json));
        let verdict = policy(MAPPING, POLICIES).evaluate(&request);
        let internal = verdict.denial().and_then(|denial| denial.internal.clone());
        let internal = internal.expect(json);
        assert!(internal.starts_with("claim \"/team\" is no "), "{internal}");
    }
}

/// What a context of these sources lets `when` allow.
fn allows(context: &str, when: &str, request: &Request) -> Result<bool, String> {
    let mapping = format!(
        "[principal]\ntype = 'User'\n[context]\n{context}\n\
         [spaces.a]\nresource = 'Space::\"a\"'\nrules = []\n\
         [actions.a]\naction = 'Action::\"a\"'\nrules = ['+ping']\n"
    );
    let policies = format!("permit (principal, action, resource) when {{ {when} }};");
    let verdict = policy(&mapping, &policies).evaluate(request);
    match verdict.denial() {
        Some(denial) => Err(denial.internal.clone().unwrap_or_default()),
        None => Ok(!verdict.grants().is_empty()),
    }
}

#[test]
fn every_type_of_a_claim_is_that_type_to_cedar() {
    for (ty, json, when) in [
        ("String", r#""x""#, r#"context.v == "x""#),
        ("Long", "-7", "context.v == -7"),
        ("Bool", "true", "context.v"),
        (
            "ipaddr",
            r#""10.1.2.3""#,
            r#"context.v.isInRange(ip("10.0.0.0/8"))"#,
        ),
        (
            "Set<String>",
            r#"["x", "y"]"#,
            r#"context.v.containsAll(["y", "x"])"#,
        ),
        ("Set<Long>", "[1, 2]", "context.v == [2, 1]"),
    ] {
        let request = Request::new(alice()).with_claim(Claim::new("/v", json));
        let context = format!("v = {{ claim = '/v', type = '{ty}' }}");
        assert_eq!(allows(&context, when, &request), Ok(true), "{ty}");
        assert_eq!(
            allows(&context, "context has v", &Request::new(alice())),
            Ok(false),
            "{ty}"
        );
    }
    let request = Request::new(alice()).with_claim(Claim::new("/v", r#""corp/bob""#));
    let context = "v = { claim = '/v', entity = 'User' }";
    let when = r#"context.v == User::"corp/bob""#;
    assert_eq!(allows(context, when, &request), Ok(true));
}

#[test]
fn a_claim_that_is_not_quite_of_its_type_refuses() {
    for (ty, json) in [
        ("Long", "1.5"),
        ("Long", "9223372036854775808"),
        ("Long", r#""1""#),
        ("Bool", r#""true""#),
        ("ipaddr", r#""10.0.0""#),
        ("Set<String>", r#""x""#),
        ("Set<String>", r#"["x", 1]"#),
        ("Set<Long>", "[1.5]"),
    ] {
        let request = Request::new(alice()).with_claim(Claim::new("/v", json));
        let context = format!("v = {{ claim = '/v', type = '{ty}' }}");
        assert!(allows(&context, "true", &request).is_err(), "{ty} {json}");
    }
}

#[test]
fn what_is_required_and_not_there_refuses() {
    let context = "v = { claim = '/v', type = 'String', required = true }";
    assert_eq!(
        allows(context, "true", &Request::new(alice())),
        Err("claim \"/v\" is required and not there".to_owned())
    );
    let context = "a = { from = 'client.address', required = true }";
    let request = Request::new(alice()).with_client_address("unix");
    assert_eq!(
        allows(context, "true", &request),
        Err("client.address is required and not there".to_owned())
    );
}

#[test]
fn every_fact_of_a_log_in_can_be_asked_for() {
    let principal = alice().with_group("corp/g").with_scope("corp/s");
    let shown = Certificate {
        subject: "s".into(),
        issuer: "i".into(),
        serial: "n".into(),
        fingerprint: "f".into(),
    };
    let request = Request::new(principal)
        .with_client_address("::ffff:10.1.2.3")
        .with_client_tls(true)
        .with_client_certificate(shown)
        .with_server_role(warden_sdk::ServerRole::Replica)
        .with_server_version("9.1.2");
    for (from, when) in [
        ("name", r#"context.v == "alice""#),
        ("user_name", r#"context.v == "corp/alice""#),
        ("authenticator", r#"context.v == "corp""#),
        ("method", r#"context.v == "jwt""#),
        ("groups", r#"context.v == ["corp/g"]"#),
        ("scopes", r#"context.v == ["corp/s"]"#),
        ("client.address", r#"context.v == ip("10.1.2.3")"#),
        ("client.tls", "context.v"),
        ("client.certificate.subject", r#"context.v == "s""#),
        ("client.certificate.issuer", r#"context.v == "i""#),
        ("client.certificate.serial", r#"context.v == "n""#),
        ("client.certificate.fingerprint", r#"context.v == "f""#),
        ("server.role", r#"context.v == "replica""#),
        ("server.version", r#"context.v == "9.1.2""#),
    ] {
        let context = format!("v = {{ from = '{from}' }}");
        assert_eq!(allows(&context, when, &request), Ok(true), "{from}");
    }
}

#[test]
fn it_reads_what_the_mapping_names_and_nothing_else() {
    let none = policy(
        &MAPPING.replace(
            "attributes.team = { claim = \"/team\", type = \"String\" }",
            "",
        ),
        "permit (principal, action, resource);",
    );
    assert_eq!(none.reads(), Some(Reads::nothing()));
    let mapping = MAPPING.replace(
        "parents = [",
        "attributes.tls = { from = 'client.tls' }\nattributes.name = { from = 'name' }\nparents = [{ claim = '/unit', entity = 'Unit' }, ",
    );
    let reads = Reads::nothing()
        .input(Input::ClientTls)
        .claim("/team")
        .claim("/unit");
    assert_eq!(policy(&mapping, POLICIES).reads(), Some(reads));
}

#[test]
fn names_are_bare_only_where_the_mapping_is_about_one_authenticator() {
    let mapping = MAPPING.replace(
        "type = \"User\"",
        "type = \"User\"\nauthenticator = \"corp\"",
    );
    let bare = "@id(\"g\") permit (principal in Group::\"ops\", action, resource);\n\
                @id(\"u\") permit (principal == User::\"alice\", action, resource);";
    let policy = policy(&mapping, bare);
    let label = |principal: Principal| {
        let verdict = policy.evaluate(&Request::new(principal)).to_string();
        verdict.rsplit("; ").next().unwrap().to_owned()
    };
    assert_eq!(label(alice()), "label permits=u");
    assert_eq!(
        label(Principal::new("corp", "zoe").with_group("corp/ops")),
        "label permits=g"
    );
    assert_eq!(
        label(Principal::new("other", "alice").with_group("other/ops")),
        "no opinion"
    );
    // A group of somebody else's, however it came to be said.
    assert_eq!(
        label(Principal::new("corp", "zoe").with_group("corp/corp/ops")),
        "no opinion"
    );
    assert_eq!(
        label(Principal::new("corp", "zoe").with_group("other/ops")),
        "no opinion"
    );
}

#[test]
fn static_entities_add_to_who_logs_in_and_the_log_in_counts_where_both_speak() {
    let statics = r#"[
        {"uid": {"type": "User", "id": "corp/alice"}, "attrs": {"team": "blue", "grade": 5},
         "parents": [{"type": "Group", "id": "corp/night"}]},
        {"uid": {"type": "Group", "id": "corp/night"}, "attrs": {}, "parents": [{"type": "Group", "id": "corp/all"}]}
    ]"#;
    let policies = "@id(\"g\") permit (principal in Group::\"corp/all\", action, resource)\n\
                    when { principal.team == \"red\" && principal.grade == 5 };";
    let files = [
        File::new("cedar.toml", MAPPING),
        File::new("cedar.cedar", policies),
        File::new("cedar.json", statics),
    ];
    let policy = Cedar::configure(&files).unwrap();
    let verdict = policy.evaluate(&red(alice()));
    assert!(
        verdict.to_string().ends_with("label permits=g"),
        "{verdict}"
    );
    let blue = policy.evaluate(&Request::new(alice()));
    assert_eq!(blue.to_string(), "no opinion");
    // The group's own parents count for whoever is in it.
    let verdict = policy.evaluate(&red(Principal::new("corp", "bob").with_group("corp/night")));
    assert!(verdict.denial().is_some(), "no grade: {verdict}");
}

#[test]
fn more_than_can_be_granted_together_is_refused() {
    let spaces = |count: usize, rules: usize| -> String {
        let rules = (0..rules).map(|n| format!("'~{n}:*',")).collect::<String>();
        let head = "[principal]\ntype = 'User'\n\
                    [actions.a]\naction = 'Action::\"a\"'\nrules = ['+get']\n";
        let spaces = (0..count)
            .map(|n| format!("[spaces.s{n}]\nresource = 'Space::\"{n}\"'\nrules = [{rules}]\n"));
        spaces.fold(head.to_owned(), |all, one| all + &one)
    };
    let all = "permit (principal, action, resource);";
    for (count, rules, refused) in [
        (64, 1, false),
        (65, 1, true),
        (40, 100, false),
        (41, 100, true),
    ] {
        let verdict = policy(&spaces(count, rules), all).evaluate(&Request::new(alice()));
        assert_eq!(verdict.denial().is_some(), refused, "{count} of {rules}");
    }
}

#[test]
fn labels_are_all_policies_and_what_fits_into_no_label_is_a_number() {
    let policy = policy(MAPPING, POLICIES);
    let mut labels = policy.labels();
    labels.sort();
    let expected = [("forbids", "no"), ("permits", "all"), ("permits", "reads")];
    let expected = expected.map(|(key, id)| (key.to_owned(), id.to_owned()));
    assert_eq!(labels, expected);
    let values = |count: usize, bytes: usize| -> Vec<String> {
        let ids = (0..count).map(|n| format!("{n:0>bytes$}")).collect();
        let verdict = named(Verdict::new(), "permits", &ids);
        let labels = verdict.labels().iter();
        labels.map(|(_, value)| value.clone()).collect()
    };
    // Two to a label, and half of the labels are theirs.
    assert_eq!(values(3, 100).len(), 2);
    assert_eq!(values(32, 120).len(), 16);
    assert_eq!(values(33, 120), ["33 policies"]);
    assert_eq!(values(2, 257), ["2 policies"]);
}

#[test]
fn a_static_attribute_counts_where_the_log_in_has_none() {
    let statics = r#"[{"uid": {"type": "User", "id": "corp/alice"}, "attrs": {"team": "red"}, "parents": []}]"#;
    let files = [
        File::new("cedar.toml", MAPPING),
        File::new("cedar.cedar", POLICIES),
        File::new("cedar.json", statics),
    ];
    let policy = Cedar::configure(&files).unwrap();
    let of = |request: &Request| policy.evaluate(request).to_string();
    let reads = "grant +@read ~a:* &a.*; grant +@read ~b:*; label permits=reads";
    assert_eq!(of(&Request::new(alice())), reads);
    let blue = Request::new(alice()).with_claim(Claim::new("/team", r#""blue""#));
    assert_eq!(of(&blue), "no opinion", "the log-in's own counts first");
}

#[test]
fn what_lies_in_whoever_asks_is_judged_when_somebody_asks() {
    // The space lies in a user, whose groups only the log-in tells.
    let statics = r#"[
        {"uid": {"type": "Space", "id": "a"}, "attrs": {}, "parents": [{"type": "User", "id": "corp/alice"}]},
        {"uid": {"type": "Space", "id": "b"}, "attrs": {}, "parents": [{"type": "Shelf", "id": "s"}]}
    ]"#;
    let policies = "@id(\"in\") permit (principal, action, resource in Group::\"corp/all\");\n\
                    @id(\"shelf\") permit (principal, action, resource is Space in Shelf::\"s\");\n\
                    @id(\"other\") permit (principal, action, resource in Shelf::\"t\");\n\
                    @id(\"is\") forbid (principal, action, resource is Shelf);";
    let files = [
        File::new("cedar.toml", MAPPING),
        File::new("cedar.cedar", policies),
        File::new("cedar.json", statics),
    ];
    let policy = Cedar::configure(&files).unwrap();
    let of = |principal| policy.evaluate(&red(principal)).to_string();
    let shelf = "grant +@write -flushall ~b:*; grant +@read +get +set ~b:*; label permits=shelf";
    assert_eq!(of(alice()), shelf);
    assert_eq!(
        of(alice().with_group("corp/all")),
        format!(
            "grant +@read +get +set ~a:* &a.*; {}",
            shelf.replace("=shelf", "=in,shelf")
        )
    );
    assert_eq!(
        of(Principal::new("corp", "bob").with_group("corp/all")),
        shelf
    );
}
