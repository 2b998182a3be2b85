//! What requests do not say although one of two directories reads it.
//!
//! A recorded request holds what the policies read that were asked then. What only the
//! other directory reads is absent from it, and a claim that is absent is a claim nobody
//! has: the answer may be another than a server would give.

use warden_policy::Inputs;

use super::Request;
use crate::style::counted;

/// A line for each claim and input that one side alone reads and requests lack.
pub(super) fn warnings(requests: &[Request], before: &Inputs, after: &Inputs) -> Vec<String> {
    let sides = [(before, after, "BEFORE"), (after, before, "AFTER")];
    sides
        .into_iter()
        .flat_map(|(reader, other, name)| read_alone(requests, reader, other, name))
        .collect()
}

fn read_alone(requests: &[Request], reader: &Inputs, other: &Inputs, name: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |what: &str, lacks: &dyn Fn(&Request) -> bool| {
        let lacking = requests.iter().filter(|request| lacks(request)).count();
        if lacking > 0 {
            warnings.push(format!(
                "{} without {what}, which only {name} reads: record requests with that directory",
                counted(lacking, "request")
            ));
        }
    };
    if reader.all_claims && !other.all_claims {
        // Nobody can tell from a request which of its claims were left out.
        warn("all claims", &|_| true);
    }
    let claims = reader.claims.difference(&other.claims);
    for pointer in claims.filter(|_| !other.all_claims) {
        warn(&format!("the claim {pointer}"), &|request| {
            let (first, rest) = split(pointer);
            let claim = request.asked.principal.claims.get(&first);
            claim.and_then(|claim| claim.pointer(&rest)).is_none()
        });
    }
    type Lacks = fn(&Request) -> bool;
    let inputs: [(bool, bool, &str, Lacks); 4] = [
        (
            reader.client_address,
            other.client_address,
            "address",
            |request| request.asked.address.is_none(),
        ),
        (reader.client_tls, other.client_tls, "tls", |request| {
            request.asked.tls.is_none()
        }),
        (
            reader.client_certificate,
            other.client_certificate,
            "certificate",
            |request| request.asked.certificate.is_none(),
        ),
        (reader.server_role, other.server_role, "role", |request| {
            request.asked.replica.is_none()
        }),
    ];
    for (is_read, is_read_elsewhere, what, lacks) in inputs {
        if is_read && !is_read_elsewhere {
            warn(what, &lacks);
        }
    }
    warnings
}

/// The name of the claim a JSON Pointer begins with, and the pointer into it.
fn split(pointer: &str) -> (String, String) {
    let path = pointer.strip_prefix('/').unwrap_or(pointer);
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    (first.replace("~1", "/").replace("~0", "~"), rest.to_owned())
}
