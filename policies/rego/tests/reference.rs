//! The policy decides as the interpreter says, asked directly.
//!
//! In: two examples after the ideas of the public ones (roles bound to groups; attributes
//! of who asks and from where), and hundreds of requests. Each is asked of the crate, with
//! an input made here, and of the policy: answer by answer they are the same, and what the
//! crate calls an error is a refusal. Out: `examples/*.decisions.jsonl`, what the crate says,
//! to which `tests/tests/languages` holds the built policy in the engine of servers. After a
//! change that is meant, run once with `UPDATE_GOLDEN=1`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

#[path = "../../cedar/tests/held/decisions.rs"]
mod decisions;

use decisions::Files;
use regorus::{Engine, Value as RegoValue};
use serde_json::{Map, Value, json};
use warden_policy_rego::Rego;
use warden_sdk::{AclRule, Claim, File, Pattern, Policy, Principal, Request, Restriction, Verdict};

/// Somebody, and the claims that the settings name.
#[derive(Debug)]
struct Who<'a> {
    name: &'a str,
    groups: &'a [&'a str],
    claims: &'a Map<String, Value>,
    address: &'a str,
}

/// An example and the document it is asked for.
struct Example {
    name: &'static str,
    query: &'static str,
    /// The pointers of its settings.
    claims: &'static [&'static str],
}

impl Example {
    fn files(&self) -> Files {
        Files::new(env!("CARGO_MANIFEST_DIR"), self.name)
    }

    /// What the crate says: a verdict on one line, or `refused`.
    fn direct(&self, engine: &Engine, who: &Who<'_>) -> String {
        let mut engine = engine.clone();
        let input = input(who).to_string();
        engine.set_input(RegoValue::from_json_str(&input).unwrap());
        match engine.eval_query(self.query.to_owned(), false) {
            Ok(results) => match results.result.first() {
                None => "no opinion".to_owned(),
                Some(result) => {
                    let document = result.expressions[0].value.to_json_str().unwrap();
                    verdict(&serde_json::from_str(&document).unwrap()).to_string()
                }
            },
            Err(_) => "refused".to_owned(),
        }
    }

    /// What the policy says, in the same words.
    fn of(&self, policy: &Rego, who: &Who<'_>) -> String {
        let principal = Principal::new("corp", who.name);
        let groups = who.groups.iter().map(|group| format!("corp/{group}"));
        let request = Request::new(groups.fold(principal, Principal::with_group))
            .with_client_address(who.address);
        let all = Value::from(who.claims.clone());
        let named = self.claims.iter();
        let named = named.filter_map(|at| Some(Claim::new(*at, all.pointer(at)?.to_string())));
        let verdict = policy.evaluate(&named.fold(request, Request::with_claim));
        match verdict.denial() {
            Some(denial) if denial.public.is_none() => "refused".to_owned(),
            _ => verdict.to_string(),
        }
    }

    /// Asks both about everybody. Answers how many were granted something, were granted
    /// nothing, and were refused.
    fn compare<'a>(&self, everybody: impl Iterator<Item = Who<'a>>) -> [usize; 3] {
        let mut engine = Engine::new();
        // The one function that the language does not have itself.
        let literal = |values: Vec<RegoValue>| {
            let pattern = Pattern::literal(values[0].as_string()?)?;
            Ok(RegoValue::from(pattern.as_str()))
        };
        engine
            .add_extension("warden.literal".to_owned(), 1, Box::new(literal))
            .unwrap();
        engine
            .add_policy("example.rego".to_owned(), self.files().text("rego"))
            .unwrap();
        let data = RegoValue::from_json_str(&self.files().text("json")).unwrap();
        engine.add_data(data).unwrap();
        let files: Vec<File> = ["toml", "rego", "json"]
            .into_iter()
            .map(|extension| File::new(format!("rego.{extension}"), self.files().text(extension)))
            .collect();
        let policy = Rego::configure(&files).unwrap();
        let mut counts = [0; 3];
        let mut decisions = String::new();
        for who in everybody {
            let direct = self.direct(&engine, &who);
            assert_eq!(self.of(&policy, &who), direct, "{who:?}");
            let line = json!({
                "name": who.name, "groups": who.groups, "claims": who.claims,
                "address": who.address, "verdict": direct,
            });
            decisions += &format!("{line}\n");
            counts[match direct {
                refused if refused == "refused" || refused.starts_with("deny ") => 2,
                granted if granted.starts_with("grant ") => 0,
                _ => 1,
            }] += 1;
        }
        self.files().hold(&decisions);
        counts
    }
}

/// The document of the examples as a verdict, read without the policy's own reader.
fn verdict(document: &Value) -> Verdict {
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
    let rule = |text: &String| AclRule::parse(text).expect("a rule");
    let mut verdict = Verdict::new();
    for grant in list("grants") {
        verdict = verdict.grant(texts(&grant).iter().map(rule));
    }
    for restriction in list("restrictions") {
        let mut restricted = Restriction::parse(texts(&restriction["denials"])).unwrap();
        if restriction["channels"] == json!([]) {
            restricted = restricted.no_channels();
        }
        verdict = verdict.restrict(restricted);
    }
    if let Some(public) = document["denial"].as_str() {
        verdict = verdict.deny(public);
    }
    match document["session_seconds"].as_u64() {
        Some(seconds) => verdict.session_ttl(std::time::Duration::from_secs(seconds)),
        None => verdict,
    }
}

/// The input as docs/policies/rego.md has it, made without the policy.
fn input(who: &Who<'_>) -> Value {
    let groups = who.groups.iter().map(|group| format!("corp/{group}"));
    json!({
        "principal": {
            "name": who.name,
            "user_name": format!("corp/{}", who.name),
            "authenticator": "corp",
            "method": "jwt",
            "groups": groups.collect::<Vec<_>>(),
            "scopes": [],
            "sole_authenticator": false,
            "claims": who.claims,
        },
        "client": {"address": who.address},
        "server": {},
    })
}

/// Every one of `NAMES` in every one of `groups` with every one of `claims` from every one
/// of `addresses`.
fn product<'a>(
    groups: &'a [&'a [&'a str]],
    claims: &'a [Value],
    addresses: &'a [&'a str],
) -> impl Iterator<Item = Who<'a>> {
    NAMES.iter().flat_map(move |name| {
        groups.iter().flat_map(move |groups| {
            claims.iter().flat_map(move |claims| {
                addresses.iter().map(move |address| Who {
                    name,
                    groups,
                    claims: claims.as_object().expect("claims are an object"),
                    address,
                })
            })
        })
    })
}

const NAMES: [&str; 4] = ["alice", "bob", "mallory", "zoe"];

#[test]
fn roles_bound_to_groups_are_granted_as_by_the_crate() {
    let example = Example {
        name: "rbac",
        query: "data.warden.verdict",
        claims: &["/suspended", "/realm/roles"],
    };
    let groups: [&[&str]; 8] = [
        &[],
        &["billing"],
        &["support"],
        &["engineering"],
        &["billing", "support"],
        &["engineering", "support"],
        &["on-call"],
        &["billing", "engineering", "interns"],
    ];
    let claims = [
        json!({}),
        json!({"suspended": true}),
        json!({"suspended": false}),
        json!({"realm": {"roles": ["auditor"]}}),
        json!({"realm": {"roles": ["auditor", "nobody-knows"]}}),
    ];
    let [granted, nothing, refused] = example.compare(product(&groups, &claims, &["10.1.2.3"]));
    assert_eq!(granted + nothing + refused, 4 * 8 * 5);
    assert!(
        granted > 60 && nothing > 5 && refused > 20,
        "{granted} {nothing} {refused}"
    );
}

#[test]
fn attributes_decide_as_by_the_crate_and_errors_refuse() {
    let example = Example {
        name: "abac",
        query: "data.access.answer",
        claims: &["/title", "/tenure", "/region", "/teams"],
    };
    let groups: [&[&str]; 2] = [&[], &["traders"]];
    let claims = [
        json!({}),
        json!({"title": "owner", "region": "eu"}),
        json!({"title": "employee", "tenure": 8, "region": "eu"}),
        json!({"title": "employee", "tenure": 20, "region": "us"}),
        json!({"title": "customer", "region": "eu", "teams": ["red", "blue"]}),
        // A text where the rules compute with a number.
        json!({"title": "employee", "tenure": "long", "region": "eu"}),
        json!({"title": "customer", "region": "us", "teams": ["a", "b"]}),
        // Wildcards, and what would end a rule.
        json!({"title": "employee", "tenure": 20, "region": "*"}),
        json!({"title": "customer", "region": "eu", "teams": ["*"]}),
        json!({"title": "employee", "tenure": 20, "region": "eu ~*"}),
    ];
    let addresses = ["10.1.2.3", "10.9.0.1", "192.0.2.7", "unix"];
    let [granted, nothing, refused] = example.compare(product(&groups, &claims, &addresses));
    assert_eq!(granted + nothing + refused, 4 * 2 * 10 * 4);
    assert!(
        granted > 40 && nothing > 20 && refused > 20,
        "{granted} {nothing} {refused}"
    );
}
