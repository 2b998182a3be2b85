//! Requests written down, so that another directory can be asked about them later.
//!
//! In: whom policies were asked about. Out: one more line of a file, a document as
//! `--principal` takes it. It holds of claims and connection what the policies asked
//! declared that they read, and no credential: a token's claims are personal data.

use std::path::Path;

use serde_json::{Map, Value, json};
use warden_core::claims::{Claims, pointer_steps};
use warden_core::{ClientFacts, Now, Principal};
use warden_policy::Inputs;

use super::reads;
use crate::error::Error;
use crate::moment;

/// Appends a request; the file is its owner's alone, or it is not written. Where it is known only as far as
/// an earlier record went, no more is said to be in it.
pub(super) fn append(
    file: &Path,
    principal: &Principal,
    client: &ClientFacts,
    now: Now,
    inputs: &Inputs,
    known: Option<&Inputs>,
) -> Result<(), Error> {
    let said = match known {
        Some(known) => &reads::within(inputs, known, client),
        None => inputs,
    };
    let line = format!("{}\n", document(principal, client, now, said));
    Ok(warden_state::append_private(file, line.as_bytes())?)
}

/// The document of a request, as far as these inputs reach, and how far that is.
fn document(principal: &Principal, client: &ClientFacts, now: Now, inputs: &Inputs) -> Value {
    let mut document = projection(principal, client, inputs);
    document.insert("now".to_owned(), json!(moment::shown(now.wall)));
    document.insert("reads".to_owned(), json!(reads::words(inputs)));
    Value::Object(document)
}

/// All that policies with these inputs are told of a request but time and version, as a text:
/// equal texts are equal requests.
pub(super) fn projected(principal: &Principal, client: &ClientFacts, inputs: &Inputs) -> String {
    Value::Object(projection(principal, client, inputs)).to_string()
}

fn projection(principal: &Principal, client: &ClientFacts, inputs: &Inputs) -> Map<String, Value> {
    let mut document = Map::new();
    let mut say = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
    say("user", json!(principal.user_name().to_string()));
    say("method", json!(principal.method.as_str()));
    say("groups", json!(principal.groups));
    say("scopes", json!(principal.scopes));
    say("sole_authenticator", json!(principal.sole_authenticator));
    say("claims", Value::Object(claims(&principal.claims, inputs)));
    if let Some(address) = client.address.as_ref().filter(|_| inputs.client_address) {
        say("address", json!(address));
    }
    if inputs.client_tls {
        say("tls", json!(client.tls));
    }
    if let Some(read) = client
        .certificate
        .as_ref()
        .filter(|_| inputs.client_certificate)
    {
        let parts = json!({
            "subject": read.subject,
            "issuer": read.issuer,
            "serial": read.serial,
            "fingerprint": read.fingerprint,
        });
        say("certificate", parts);
    }
    if inputs.server_role {
        say(
            "role",
            json!(if client.replica { "replica" } else { "primary" }),
        );
    }
    document
}

/// The claims that are read, where they stand. A list of which one element is read is
/// there as a whole, for its place in the list is its name.
fn claims(claims: &Claims, inputs: &Inputs) -> Map<String, Value> {
    let claims = claims.to_map();
    if inputs.all_claims {
        return claims;
    }
    let mut read = Map::new();
    for pointer in &inputs.claims {
        let path: Vec<String> = pointer_steps(pointer).collect();
        copy(&claims, &path, &mut read);
    }
    read
}

fn copy(from: &Map<String, Value>, path: &[String], into: &mut Map<String, Value>) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match from.get(first) {
        Some(Value::Object(inner)) if !rest.is_empty() => {
            let place = into.entry(first.clone());
            if let Value::Object(place) = place.or_insert_with(|| Value::Object(Map::new())) {
                copy(inner, rest, place);
            }
        }
        // What is no object has no claims inside, but a list may.
        Some(value) if rest.is_empty() || value.is_array() => {
            into.insert(first.clone(), value.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::principal;
    use super::*;
    use std::time::Duration;
    use warden_core::Timestamp;

    const CLAIMS: &str = r#"{"office": "rome", "iban": "AT61", "realm": {"roles": ["a", "b"],
        "secret": 1, "deep": {"x": true, "y": 2}}, "a/b": {"c~d": 7}, "list": [{"k": 1, "l": 2}]}"#;

    fn now() -> Now {
        Now {
            wall: Timestamp::from_unix_seconds(1_795_510_800),
            monotonic: Duration::ZERO,
        }
    }

    fn recorded(inputs: &Inputs) -> Value {
        let text = format!(
            r#"{{"user": "corp/alice", "groups": ["corp/a"], "claims": {CLAIMS}, "address": "192.0.2.7",
                "certificate": {{"subject": "CN=alice"}}, "expires": 1}}"#
        );
        let asked = principal::parse(&text).unwrap();
        document(&asked.principal, &asked.client(), now(), inputs)
    }

    fn inputs(pointers: &[&str]) -> Inputs {
        Inputs {
            claims: pointers
                .iter()
                .map(|pointer| (*pointer).to_owned())
                .collect(),
            ..Inputs::default()
        }
    }

    #[test]
    fn only_what_is_read_is_written_down() {
        assert_eq!(
            recorded(&inputs(&[
                "/office",
                "/realm/deep/x",
                "/none",
                "/office/none"
            ])),
            json!({
                "user": "corp/alice", "groups": ["corp/a"], "scopes": [], "method": "jwt",
                "sole_authenticator": true, "now": "2026-11-24T09:00:00Z",
                "reads": ["/none", "/office", "/office/none", "/realm/deep/x"],
                "claims": {"office": "rome", "realm": {"deep": {"x": true}}},
            })
        );
        let all = recorded(&Inputs {
            all_claims: true,
            client_address: true,
            client_tls: true,
            client_certificate: true,
            server_role: true,
            ..Inputs::default()
        });
        let claims: Value = serde_json::from_str(CLAIMS).unwrap();
        assert_eq!(all["claims"], claims);
        assert_eq!(
            (&all["address"], &all["tls"]),
            (&json!("192.0.2.7"), &json!(true))
        );
        assert_eq!(all["certificate"]["subject"], "CN=alice");
        assert_eq!(all["role"], "primary");
    }

    #[test]
    fn every_claim_that_is_read_stands_where_it_stood() {
        let claims: Value = serde_json::from_str(CLAIMS).unwrap();
        for pointer in [
            "/office",
            "/realm",
            "/realm/roles/1",
            "/realm/deep/y",
            "/a~1b/c~0d",
            "/list/0/k",
        ] {
            let read = recorded(&inputs(&[pointer, "/realm/deep/x"]));
            assert_eq!(
                read["claims"].pointer(pointer),
                claims.pointer(pointer),
                "{pointer}"
            );
            assert_eq!(read["claims"].pointer("/iban"), None);
        }
        let both = recorded(&inputs(&["/realm", "/realm/deep/x"]));
        assert_eq!(both["claims"]["realm"], claims["realm"]);
    }

    #[test]
    fn what_is_written_down_is_read_as_the_same_request() {
        let all = Inputs {
            all_claims: true,
            client_address: true,
            client_tls: true,
            client_certificate: true,
            server_role: true,
            ..Inputs::default()
        };
        let first = recorded(&all);
        let asked = principal::parse(&first.to_string()).unwrap();
        assert_eq!(asked.reads.as_ref(), Some(&all));
        let wall = asked.now.unwrap();
        let again = document(
            &asked.principal,
            &asked.client(),
            Now { wall, ..now() },
            &all,
        );
        assert_eq!(again, first);
    }
}
