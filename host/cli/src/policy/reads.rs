//! What policies read of a request, in words: claims by their JSON Pointers, `all-claims`,
//! and the inputs of the contract.
//!
//! In: what policies declare, or the list in a recorded request. Out: the other of the two.

use std::collections::BTreeSet;

use serde_json::Value;
use warden_core::ClientFacts;
use warden_policy::{Inputs, is_pointer};

/// Every claim, as a word.
const ALL_CLAIMS: &str = "all-claims";

/// The inputs of the contract, by its words.
pub(super) fn named(inputs: &Inputs) -> Vec<&'static str> {
    [
        (inputs.client_address, "client-address"),
        (inputs.client_tls, "client-tls"),
        (inputs.client_certificate, "client-certificate"),
        (inputs.clock, "clock"),
        (inputs.server_role, "server-role"),
        (inputs.server_version, "server-version"),
    ]
    .into_iter()
    .filter_map(|(is_read, name)| is_read.then_some(name))
    .collect()
}

/// All that is read, each a word.
pub(super) fn words(inputs: &Inputs) -> Vec<&str> {
    let all = inputs.all_claims.then_some(ALL_CLAIMS);
    let claims = inputs.claims.iter().map(String::as_str);
    all.into_iter().chain(claims).chain(named(inputs)).collect()
}

/// Reads such words; what is wrong begins with its place in the list.
pub(super) fn parse(value: &Value) -> Result<Inputs, String> {
    let Value::Array(values) = value else {
        return Err("must be a list of text".to_owned());
    };
    let mut inputs = Inputs::default();
    for (place, value) in values.iter().enumerate() {
        match value.as_str().unwrap_or_default() {
            ALL_CLAIMS => inputs.all_claims = true,
            "client-address" => inputs.client_address = true,
            "client-tls" => inputs.client_tls = true,
            "client-certificate" => inputs.client_certificate = true,
            "clock" => inputs.clock = true,
            "server-role" => inputs.server_role = true,
            "server-version" => inputs.server_version = true,
            pointer if is_pointer(pointer) => drop(inputs.claims.insert(pointer.to_owned())),
            _ => {
                return Err(format!(
                    "[{place}]: must be a claim as a JSON Pointer (\"/department\"), {ALL_CLAIMS}, \
                     client-address, client-tls, client-certificate, clock, server-role or \
                     server-version"
                ));
            }
        }
    }
    Ok(inputs)
}

/// Whether whoever knows this much knows the claim.
pub(super) fn has_claim(known: &Inputs, pointer: &str) -> bool {
    let leads_there = |to: &String| {
        let inside = pointer.strip_prefix(to.as_str());
        inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    known.all_claims || known.claims.iter().any(leads_there)
}

/// What of these inputs is known to somebody who knows so much, and how the client is
/// connected. Time and version are known to everybody.
pub(super) fn within(inputs: &Inputs, known: &Inputs, client: &ClientFacts) -> Inputs {
    let claims = inputs.claims.iter();
    let claims: BTreeSet<String> = claims
        .filter(|pointer| has_claim(known, pointer))
        .cloned()
        .collect();
    Inputs {
        all_claims: inputs.all_claims && known.all_claims,
        claims,
        client_address: inputs.client_address && (known.client_address || client.address.is_some()),
        client_tls: inputs.client_tls && (known.client_tls || client.tls),
        client_certificate: inputs.client_certificate
            && (known.client_certificate || client.certificate.is_some()),
        server_role: inputs.server_role && (known.server_role || client.replica),
        ..*inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_read_as_what_they_were_written_for() {
        let list = json!([
            "all-claims",
            "/a~1b/c",
            "/tenant",
            "client-address",
            "client-tls",
            "client-certificate",
            "clock",
            "server-role",
            "server-version"
        ]);
        let inputs = parse(&list).unwrap();
        assert_eq!(json!(words(&inputs)), list);
        assert_eq!(parse(&json!([])).unwrap(), Inputs::default());
        for (wrong, place) in [
            (json!("clock"), "must be a list"),
            (json!(["clock", 1]), "[1]: must be a claim"),
            (json!(["tenant"]), "[0]: must be a claim"),
            (json!(["/a~"]), "[0]: must be a claim"),
        ] {
            let why = parse(&wrong).unwrap_err();
            assert!(why.starts_with(place), "{why}");
        }
    }

    #[test]
    fn a_claim_is_known_with_what_it_lies_in() {
        let known = parse(&json!(["/realm", "/x/y"])).unwrap();
        for claim in ["/realm", "/realm/roles/0", "/x/y"] {
            assert!(has_claim(&known, claim), "{claim}");
        }
        for claim in ["/realms", "/x", "/x/z", "/"] {
            assert!(!has_claim(&known, claim), "{claim}");
        }
        assert!(has_claim(&parse(&json!(["all-claims"])).unwrap(), "/x"));
    }

    #[test]
    fn nobody_passes_on_more_than_they_know() {
        let wanted = parse(&json!([
            "/a",
            "/b",
            "client-address",
            "client-tls",
            "clock"
        ]))
        .unwrap();
        let known = parse(&json!(["/a", "client-tls"])).unwrap();
        let here = within(&wanted, &known, &ClientFacts::default());
        assert_eq!(words(&here), ["/a", "client-tls", "clock"]);
        let client = ClientFacts {
            address: Some("192.0.2.7".to_owned()),
            ..ClientFacts::default()
        };
        let told = within(&wanted, &known, &client);
        assert_eq!(
            words(&told),
            ["/a", "client-address", "client-tls", "clock"]
        );
    }
}
