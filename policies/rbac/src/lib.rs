//! Roles from data files, granted by group, scope or user.
//!
//! In: every `*.toml` file of the bundle, and a principal. Out: one grant for each
//! role the principal is a member of, and no opinion where there is none. It reads
//! no claims, no clock and no address, so one decision serves every session of a
//! user until groups or scopes change. It never denies and never restricts.
//!
//! ```toml
//! [roles.reader]
//! members = ["group:corp/analysts", "scope:corp/cache.read", "user:corp/alice"]
//! rules = ["+@read", "~reports:*"]
//! session_seconds = 3600
//! ```
//!
//! - A member is `group:NAME`, `scope:NAME` or `user:NAME`, compared exactly: there
//!   are no patterns. `NAME` is qualified by the authenticator, `corp/analysts`; a
//!   bare name, `analysts`, matches only while there is a single authenticator.
//!   Characters outside `A-Za-z0-9._@:/+=,-` are percent-encoded, as in user names.
//! - `rules` are Valkey ACL rules. The rules of one role never cross with those of
//!   another: a reader of `a:*` who is a writer of `b:*` cannot write `a:*`.
//! - `session_seconds` (1 to 31,536,000) bounds the session; of several roles the
//!   smallest wins, and a role without it sets no bound.
//! - Several files are read as one; a role stands in one of them only. Files with
//!   another extension are not read.
//!
//! Whatever is in doubt refuses the data as a whole: an unknown key, a rule that
//! does not parse, a role without members or rules, a file without roles.

#![forbid(unsafe_code)]

mod data;
mod error;
mod role;
mod roles;

use std::time::Duration;

use warden_sdk::bounds::{MAX_ALL_RULES, MAX_GRANTS};
use warden_sdk::{File, Policy, Request, Verdict, policy};

use crate::roles::Roles;

/// The policy: checked roles in order of their names.
#[derive(Debug)]
pub struct Rbac {
    roles: Roles,
}

#[policy(
    name = "rbac",
    summary = "Roles from a data file, granted by group, scope or user.",
    schema = "schema.json"
)]
impl Policy for Rbac {
    fn configure(files: &[File]) -> Result<Self, String> {
        let roles = data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))?;
        let roles = Roles::new(&roles).map_err(|error| error.to_string())?;
        Ok(Self { roles })
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        let held = match self.roles.held_by(request.principal()) {
            Ok(held) => held,
            Err(why) => return Verdict::new().deny_internally(why),
        };
        if held.is_empty() {
            return Verdict::new();
        }
        let rules = held.iter().map(|role| role.rules.len()).sum::<usize>();
        if held.len() > MAX_GRANTS || rules > MAX_ALL_RULES {
            return Verdict::new()
                .deny("you hold more roles than can be granted together.")
                .deny_internally(format!(
                    "{} roles with {rules} rules; at most {MAX_GRANTS} with {MAX_ALL_RULES}",
                    held.len()
                ));
        }
        let names: Vec<String> = held.iter().map(|role| role.name.clone()).collect();
        let seconds = held.iter().filter_map(|role| role.session_seconds).min();
        let verdict = held
            .into_iter()
            .fold(Verdict::new(), |verdict, role| verdict.grant(role.rules));
        let verdict = match seconds {
            Some(seconds) => verdict.session_ttl(Duration::from_secs(seconds)),
            None => verdict,
        };
        verdict.label_list("roles", names)
    }

    fn labels(&self) -> Vec<(String, String)> {
        let names = self.roles.names().into_iter();
        names.map(|name| ("roles".to_owned(), name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_more_than_can_be_granted_is_told_so() {
        let roles = |count: usize, rules: usize| -> String {
            let rules = "'+get',".repeat(rules);
            (0..count)
                .map(|n| format!("[roles.r{n}]\nmembers = ['user:corp/a']\nrules = [{rules}]\n"))
                .collect()
        };
        for (count, rules, denied) in [(64, 2, false), (65, 1, true), (21, 200, true)] {
            let files = [File::new("rbac.toml", roles(count, rules))];
            let policy = Rbac::configure(&files).unwrap();
            let verdict = policy.evaluate(&Request::new(warden_sdk::Principal::new("corp", "a")));
            assert_eq!(verdict.denial().is_some(), denied, "{count} of {rules}");
        }
    }
}
