//! One checked role.

use warden_sdk::data::{is_name, list};
use warden_sdk::{AclRule, Member};

use crate::data::{MAX_MEMBERS, MAX_RULES, MAX_SESSION_SECONDS, RawRole};
use crate::error::Fault;

/// A role that can be held: it has members, gives something, and every rule parses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Role {
    name: String,
    members: Vec<Member>,
    rules: Vec<AclRule>,
    session_seconds: Option<u64>,
}

impl Role {
    /// Checks a role as it was read. On failure: every fault with its key, relative
    /// to the role (`.rules[1]`).
    pub(crate) fn check(name: &str, raw: &RawRole) -> Result<Self, Vec<(String, Fault)>> {
        let mut faults: Vec<(String, Fault)> = Vec::new();
        if !is_name(name) {
            faults.push((String::new(), Fault::RoleName));
        }
        if raw.members.is_empty() {
            faults.push((".members".to_owned(), Fault::NoMember));
        }
        let parse = |text: &String| Member::parse(text).map_err(Fault::from);
        let members = list(&raw.members, ".members", MAX_MEMBERS, parse, &mut faults);
        if raw.rules.is_empty() {
            faults.push((".rules".to_owned(), Fault::NoRule));
        }
        let parse = |text: &String| AclRule::parse(text).map_err(Fault::from);
        let rules = list(&raw.rules, ".rules", MAX_RULES, parse, &mut faults);
        if faults.is_empty() && !rules.iter().any(AclRule::gives_commands) {
            faults.push((".rules".to_owned(), Fault::NothingGiven));
        }
        if let Some(seconds) = raw.session_seconds
            && !(1..=MAX_SESSION_SECONDS).contains(&seconds)
        {
            faults.push((
                ".session_seconds".to_owned(),
                Fault::SessionSeconds { seconds },
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            name: name.to_owned(),
            members,
            rules,
            session_seconds: raw.session_seconds,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Who holds it.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// What it gives.
    pub(crate) fn rules(&self) -> &[AclRule] {
        &self.rules
    }

    /// How long a session may last.
    pub(crate) fn session_seconds(&self) -> Option<u64> {
        self.session_seconds
    }
}
