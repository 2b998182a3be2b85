//! Rego: roles bound to groups, and attributes of who asks and from where.

use regorus::{Engine, Value as RegoValue};
use serde_json::{Map, Value, json};
use warden_core::permissions::{Grant, Restriction};
use warden_policy::Opinion;

use crate::asked::{Asked, client, principal};

/// What is compared of an answer: grants, restrictions, whether it refuses, the session.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    grants: Vec<String>,
    restrictions: Vec<String>,
    refused: bool,
    session_seconds: Option<u64>,
}

/// What the crate says, asked for the document at `query`.
fn direct(modules: &[&str], data: &str, query: &str, input: &Value) -> Answer {
    let mut engine = Engine::new();
    for (n, module) in modules.iter().enumerate() {
        let added = engine.add_policy(format!("{n}.rego"), (*module).to_owned());
        added.expect("a module");
    }
    engine
        .add_data(RegoValue::from_json_str(data).unwrap())
        .unwrap();
    engine.set_input(RegoValue::from_json_str(&input.to_string()).unwrap());
    let document = match engine.eval_rule(query.to_owned()) {
        Ok(RegoValue::Undefined) => return Answer::default(),
        Ok(document) => serde_json::from_str::<Value>(&document.to_json_str().unwrap()).unwrap(),
        Err(_) => {
            return Answer {
                refused: true,
                ..Answer::default()
            };
        }
    };
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
    let restriction = |value: &Value| {
        let bound = |key: &str| value.get(key).map(texts);
        let (keys, channels) = (bound("keys"), bound("channels"));
        let denials = texts(&value["denials"]);
        let parts = Restriction::from_parts(
            &denials,
            keys.as_deref(),
            channels.as_deref(),
            None::<&[u32]>,
        );
        parts.expect("a restriction").to_string()
    };
    Answer {
        grants: list("grants")
            .iter()
            .map(|rules| Grant::parse(&texts(rules)).expect("rules").to_string())
            .collect(),
        restrictions: list("restrictions").iter().map(restriction).collect(),
        refused: document.get("denial").is_some(),
        session_seconds: document["session_seconds"].as_u64(),
    }
}

/// The same of what the policy says.
fn of(opinion: &Opinion) -> Answer {
    Answer {
        grants: opinion.grants.iter().map(ToString::to_string).collect(),
        restrictions: opinion
            .restrictions
            .iter()
            .map(ToString::to_string)
            .collect(),
        refused: opinion.denial.is_some(),
        session_seconds: opinion.session_ttl.map(|ttl| ttl.as_secs()),
    }
}

/// The input as docs/policies/rego.md has it, made without the policy.
fn input(name: &str, groups: &[&str], claims: &Map<String, Value>, address: &str) -> Value {
    let mut groups: Vec<String> = groups.iter().map(|group| format!("corp/{group}")).collect();
    groups.sort();
    json!({
        "principal": {
            "name": name,
            "user_name": format!("corp/{name}"),
            "authenticator": "corp",
            "method": "jwt",
            "groups": groups,
            "scopes": [],
            "sole_authenticator": false,
            "claims": claims,
        },
        "client": {"address": address},
        "server": {},
    })
}

/// Asks both about every one of these, and answers how many were granted something, were
/// granted nothing, and were refused.
fn compare(
    asked: &Asked,
    (modules, data, query): (&[&str], &str, &str),
    everybody: impl Iterator<Item = (&'static str, &'static [&'static str], Value, &'static str)>,
) -> [usize; 3] {
    let mut counts = [0; 3];
    for (name, groups, claims, address) in everybody {
        let claims = claims.as_object().unwrap();
        let direct = direct(modules, data, query, &input(name, groups, claims, address));
        let opinion = asked.about(&principal(name, groups, claims), &client(address, true));
        assert_eq!(
            of(&opinion.unwrap()),
            direct,
            "{name} {groups:?} {claims:?} {address}"
        );
        counts[match direct {
            Answer { refused: true, .. } => 2,
            Answer { grants, .. } if grants.is_empty() => 1,
            Answer { .. } => 0,
        }] += 1;
    }
    counts
}

const NAMES: [&str; 4] = ["alice", "bob", "mallory", "zoe"];

const RBAC: &str = include_str!("../../../policies/rego/examples/rbac.rego");
const RBAC_DATA: &str = include_str!("../../../policies/rego/examples/rbac.json");

#[test]
fn roles_bound_to_groups_are_granted_as_by_the_crate() {
    const GROUPS: [&[&str]; 8] = [
        &[],
        &["billing"],
        &["support"],
        &["engineering"],
        &["billing", "support"],
        &["support", "engineering"],
        &["on-call"],
        &["interns", "engineering", "billing"],
    ];
    let files = [
        ("rego", RBAC),
        ("json", RBAC_DATA),
        (
            "toml",
            "claims = ['/suspended', '/realm/roles']\ninputs = ['client.address']\n",
        ),
    ];
    let claims = [
        json!({}),
        json!({"suspended": true}),
        json!({"suspended": false}),
        json!({"realm": {"roles": ["auditor"]}}),
        json!({"realm": {"roles": ["auditor", "nobody-knows"]}}),
    ];
    let everybody = NAMES.iter().flat_map(|name| {
        let claims = &claims;
        GROUPS.iter().flat_map(move |groups| {
            let one = move |claims: &Value| (*name, *groups, claims.clone(), "10.1.2.3");
            claims.iter().map(one)
        })
    });
    let asked = Asked::new("rego", &files).expect("an example loads");
    let example: (&[&str], _, _) = (&[RBAC], RBAC_DATA, "data.warden.verdict");
    let [granted, nothing, refused] = compare(&asked, example, everybody);
    assert_eq!(granted + nothing + refused, 4 * 8 * 5);
    assert!(
        granted > 60 && nothing > 5 && refused > 20,
        "{granted} {nothing} {refused}"
    );
}

const ABAC: &str = include_str!("../../../policies/rego/examples/abac.rego");
const ABAC_DATA: &str = include_str!("../../../policies/rego/examples/abac.json");

#[test]
fn attributes_decide_as_by_the_crate_and_errors_refuse() {
    const GROUPS: [&[&str]; 2] = [&[], &["traders"]];
    const ADDRESSES: [&str; 4] = ["10.1.2.3", "10.9.0.1", "192.0.2.7", "unix"];
    let files = [
        ("rego", ABAC.to_owned()),
        ("json", ABAC_DATA.to_owned()),
        (
            "toml",
            "query = 'data.access.answer'\nclaims = ['/title', '/tenure', '/region', '/teams']\n\
             inputs = ['client.address']\n"
                .to_owned(),
        ),
    ];
    let claims = [
        json!({}),
        json!({"title": "owner", "region": "eu"}),
        json!({"title": "employee", "tenure": 8, "region": "eu"}),
        json!({"title": "employee", "tenure": 20, "region": "us"}),
        json!({"title": "customer", "region": "eu", "teams": ["red", "blue"]}),
        // A text where the rules compute with a number.
        json!({"title": "employee", "tenure": "long", "region": "eu"}),
        json!({"title": "customer", "region": "us", "teams": ["a b"]}),
    ];
    let everybody = NAMES.iter().flat_map(|name| {
        let claims = &claims;
        GROUPS.iter().flat_map(move |groups| {
            claims.iter().flat_map(move |claims| {
                let one = move |address: &&'static str| (*name, *groups, claims.clone(), *address);
                ADDRESSES.iter().map(one)
            })
        })
    });
    let asked = Asked::new("rego", &files).expect("an example loads");
    let example: (&[&str], _, _) = (&[ABAC], ABAC_DATA, "data.access.answer");
    let [granted, nothing, refused] = compare(&asked, example, everybody);
    assert_eq!(granted + nothing + refused, 4 * 2 * 7 * 4);
    assert!(
        granted > 40 && nothing > 20 && refused > 20,
        "{granted} {nothing} {refused}"
    );
}
