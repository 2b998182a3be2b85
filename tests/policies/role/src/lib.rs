//! A policy for the tests: what one may do depends on the server's role.
//!
//! In: the role. Out: the right to read and write `primary:*` on a primary, and to
//! read `replica:*` on a replica. No standard policy reads the role.

#![forbid(unsafe_code)]

use warden_sdk::{AclRule, File, Policy, Request, ServerRole, Verdict, policy};

/// Has no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role;

#[policy(
    name = "role",
    summary = "For tests: rights by the server's role.",
    inputs(server_role)
)]
impl Policy for Role {
    fn configure(_files: &[File]) -> Result<Self, String> {
        Ok(Self)
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        let rules: &[&str] = match request.server_role() {
            Some(ServerRole::Primary) => &["+get", "+set", "~primary:*"],
            Some(ServerRole::Replica) => &["+get", "~replica:*"],
            None => &[],
        };
        let rules: Result<Vec<AclRule>, _> =
            rules.iter().map(|rule| AclRule::parse(rule)).collect();
        rules.map_or_else(
            |error| Verdict::new().deny_internally(error.to_string()),
            |rules| Verdict::new().grant(rules),
        )
    }
}
