//! The policy decides as Cedar does, asked directly.
//!
//! In: three examples after the ideas of Cedar's public ones (a photo library, a cloud of
//! documents, a to-do service), and hundreds of requests. Each is asked of the crate, from
//! documents made here, and of the policy: decision by decision they are the same, and
//! what the crate calls an error is a refusal. Out: `examples/*.decisions.jsonl`, what the
//! crate says, to which `tests/tests/languages` holds the built policy in the engine of
//! servers. After a change that is meant, run once with `UPDATE_GOLDEN=1`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

#[path = "held/decisions.rs"]
mod decisions;

use std::collections::BTreeSet;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request as CedarRequest, Schema,
};
use decisions::Files;
use serde_json::{Map, Value, json};
use warden_policy_cedar::Cedar;
use warden_sdk::{Claim, File, Policy, Principal, Request};

/// One example: what it is made of, and what is asked of the crate for what of a grant.
struct Example {
    name: &'static str,
    user: &'static str,
    group: &'static str,
    /// The Cedar entity and the command of the mapping.
    actions: &'static [(&'static str, &'static str)],
    /// The Cedar entity and the keys of the mapping.
    resources: &'static [(&'static str, &'static str)],
}

/// Somebody: attributes are the claims.
#[derive(Clone, Debug)]
struct Who<'a> {
    name: &'a str,
    groups: &'a [&'a str],
    claims: &'a Map<String, Value>,
    address: &'a str,
    tls: bool,
}

/// Commands on keys; `None` is a refusal.
type Allowed = Option<BTreeSet<(String, String)>>;

impl Example {
    fn files(&self) -> Files {
        Files::new(env!("CARGO_MANIFEST_DIR"), self.name)
    }

    fn schema(&self) -> Option<Schema> {
        let text = std::fs::read_to_string(self.files().path("cedarschema")).ok()?;
        Some(Schema::from_cedarschema_str(&text).unwrap().0)
    }

    fn policy(&self) -> Cedar {
        let extensions = ["toml", "cedar", "json", "cedarschema"];
        let there = extensions
            .into_iter()
            .filter(|e| self.files().path(e).exists());
        let files: Vec<File> = there
            .map(|extension| File::new(format!("cedar.{extension}"), self.files().text(extension)))
            .collect();
        Cedar::configure(&files).unwrap()
    }

    /// What the crate allows.
    fn direct(
        &self,
        (schema, policies, entities): (Option<&Schema>, &PolicySet, &[Value]),
        who: &Who<'_>,
        context: &Value,
    ) -> Allowed {
        let id = format!("corp/{}", who.name);
        let uid = json!({"type": self.user, "id": id});
        let parent = |group: &&str| json!({"type": self.group, "id": format!("corp/{group}")});
        let mut parents: Vec<Value> = who.groups.iter().map(parent).collect();
        let mut all = entities.to_vec();
        // Whoever is known to the entities, is in what they say, too.
        if let Some(at) = all.iter().position(|entity| entity["uid"] == uid) {
            parents.extend(all.remove(at)["parents"].as_array().unwrap().clone());
        }
        all.push(json!({"uid": uid, "attrs": who.claims, "parents": parents}));
        let entities = Entities::from_json_value(Value::from(all), schema).unwrap();
        let mut allowed = BTreeSet::new();
        for (action, command) in self.actions {
            let action: EntityUid = action.parse().unwrap();
            for (resource, keys) in self.resources {
                let principal = format!("{}::{id:?}", self.user).parse().unwrap();
                let of = schema.map(|schema| (schema, &action));
                let context = Context::from_json_value(context.clone(), of).unwrap();
                let resource = resource.parse().unwrap();
                let request =
                    CedarRequest::new(principal, action.clone(), resource, context, schema);
                let response =
                    Authorizer::new().is_authorized(&request.unwrap(), policies, &entities);
                if response.diagnostics().errors().next().is_some() {
                    return None;
                }
                if response.decision() == Decision::Allow {
                    allowed.insert(((*command).to_owned(), (*keys).to_owned()));
                }
            }
        }
        Some(allowed)
    }

    /// Asks both about everybody. Answers how many were allowed something, were allowed
    /// nothing, and were refused.
    fn compare<'a>(
        &self,
        everybody: impl Iterator<Item = Who<'a>>,
        context: impl Fn(&Who<'_>) -> Value,
    ) -> [usize; 3] {
        let policy = self.policy();
        let schema = self.schema();
        let policies: PolicySet = self.files().text("cedar").parse().unwrap();
        let entities: Vec<Value> = serde_json::from_str(&self.files().text("json")).unwrap();
        let mut counts = [0; 3];
        let mut decisions = String::new();
        for who in everybody {
            let direct = self.direct(
                (schema.as_ref(), &policies, &entities),
                &who,
                &context(&who),
            );
            assert_eq!(of(&policy, &who), direct, "{who:?}");
            let line = json!({
                "name": who.name, "groups": who.groups, "claims": who.claims,
                "address": who.address, "tls": who.tls, "allowed": direct,
            });
            decisions += &format!("{line}\n");
            counts[match direct {
                Some(allowed) if !allowed.is_empty() => 0,
                Some(_) => 1,
                None => 2,
            }] += 1;
        }
        self.files().hold(&decisions);
        counts
    }
}

/// What the policy grants.
fn of(policy: &Cedar, who: &Who<'_>) -> Allowed {
    let principal = Principal::new("corp", who.name);
    let groups = who.groups.iter().map(|group| format!("corp/{group}"));
    let request = Request::new(groups.fold(principal, Principal::with_group))
        .with_client_address(who.address)
        .with_client_tls(who.tls);
    let claims = who.claims.iter();
    let claims = claims.map(|(name, value)| Claim::new(format!("/{name}"), value.to_string()));
    let verdict = policy.evaluate(&claims.fold(request, Request::with_claim));
    if verdict.denial().is_some() {
        assert!(verdict.grants().is_empty());
        return None;
    }
    let mut allowed = BTreeSet::new();
    for grant in verdict.grants() {
        let words = grant.iter().map(ToString::to_string);
        let (commands, keys): (Vec<_>, Vec<_>) = words.partition(|w| w.starts_with('+'));
        for command in &commands {
            allowed.extend(keys.iter().map(|keys| (command.clone(), keys.clone())));
        }
    }
    Some(allowed)
}

/// Every one of `names` in every one of `groups` with every one of `claims` on every one
/// of `connections`.
fn product<'a>(
    names: &'a [&'a str],
    groups: &'a [&'a [&'a str]],
    claims: &'a [Value],
    connections: &'a [(&'a str, bool)],
) -> impl Iterator<Item = Who<'a>> {
    names.iter().flat_map(move |name| {
        groups.iter().flat_map(move |groups| {
            claims.iter().flat_map(move |claims| {
                connections.iter().map(move |(address, tls)| Who {
                    name,
                    groups,
                    claims: claims.as_object().expect("claims are an object"),
                    address,
                    tls: *tls,
                })
            })
        })
    })
}

#[test]
fn a_photo_library_is_decided_as_by_the_crate() {
    let photos = Example {
        name: "photos",
        user: "Photos::User",
        group: "Photos::Group",
        actions: &[
            (r#"Photos::Action::"view""#, "+get"),
            (r#"Photos::Action::"comment""#, "+append"),
            (r#"Photos::Action::"delete""#, "+del"),
        ],
        resources: &[
            (r#"Photos::Album::"trips""#, "~trips:*"),
            (r#"Photos::Album::"alps""#, "~alps:*"),
            (r#"Photos::Album::"diary""#, "~diary:*"),
        ],
    };
    let claims = [
        json!({}),
        json!({"department": "press"}),
        json!({"department": "sales", "level": 3}),
        json!({"level": 9}),
        json!({"suspended": true, "level": 9}),
    ];
    let names = ["alice", "bob", "gran", "zoe"];
    let groups: [&[&str]; 4] = [&[], &["family"], &["cousins"], &["family", "staff"]];
    let connections = [("10.1.2.3", true), ("192.0.2.7", true), ("10.1.2.3", false)];
    let everybody = product(&names, &groups, &claims, &connections);
    let context = |who: &Who<'_>| {
        let address = json!({"fn": "ip", "arg": who.address});
        json!({"tls": who.tls, "address": {"__extn": address}})
    };
    let [allowed, nothing, refused] = photos.compare(everybody, context);
    assert_eq!(allowed + nothing, 4 * 4 * 5 * 3);
    assert!(allowed > 50 && nothing > 50, "{allowed} {nothing}");
    assert_eq!(refused, 0, "with a schema nothing fails");
}

#[test]
fn a_cloud_of_documents_is_decided_as_by_the_crate_and_errors_refuse() {
    let documents = Example {
        name: "documents",
        user: "User",
        group: "Group",
        actions: &[
            (r#"Action::"ViewDocument""#, "+get"),
            (r#"Action::"ModifyDocument""#, "+set"),
            (r#"Action::"DeleteDocument""#, "+del"),
            (r#"Action::"EditShares""#, "+acl|whoami"),
        ],
        resources: &[
            (r#"Document::"plan""#, "~plan:*"),
            (r#"Document::"notes""#, "~notes:*"),
            (r#"Document::"leaflet""#, "~leaflet:*"),
        ],
    };
    let claims = [
        json!({"verified": true}),
        json!({"verified": false}),
        // The policies ask for it without asking whether it is there.
        json!({}),
    ];
    let names = ["alice", "bob", "carol", "dave"];
    let groups: [&[&str]; 4] = [
        &[],
        &["readers"],
        &["editors"],
        &["admins", "editors", "readers"],
    ];
    let connections = [("10.1.2.3", true), ("10.1.2.3", false)];
    let everybody = product(&names, &groups, &claims, &connections);
    let context = |who: &Who<'_>| json!({"is_authenticated": who.tls});
    let [allowed, nothing, refused] = documents.compare(everybody, context);
    assert!(
        allowed > 20 && nothing > 5 && refused > 10,
        "{allowed} {nothing} {refused}"
    );
}

#[test]
fn a_to_do_service_is_decided_as_by_the_crate() {
    let todo = Example {
        name: "todo",
        user: "Todo::User",
        group: "Todo::Team",
        actions: &[
            (r#"Todo::Action::"GetList""#, "+lrange"),
            (r#"Todo::Action::"CreateTask""#, "+rpush"),
            (r#"Todo::Action::"DeleteList""#, "+del"),
        ],
        resources: &[
            (r#"Todo::List::"groceries""#, "~groceries"),
            (r#"Todo::List::"launch""#, "~launch"),
            (r#"Todo::List::"party""#, "~party"),
        ],
    };
    let claims = [
        json!({"joblevel": 3}),
        json!({"joblevel": 7}),
        json!({"joblevel": -1}),
    ];
    let names = ["alice", "bob", "ivy", "zoe"];
    let groups: [&[&str]; 7] = [
        &[],
        &["temps"],
        &["interns"],
        &["engineering"],
        &["admins"],
        &["engineering", "interns"],
        &["admins", "temps"],
    ];
    let everybody = product(&names, &groups, &claims, &[("10.1.2.3", true)]);
    let [allowed, nothing, refused] = todo.compare(everybody, |_| json!({}));
    assert!(allowed > 50 && nothing > 2, "{allowed} {nothing}");
    assert_eq!(refused, 0, "with a schema nothing fails");
}
