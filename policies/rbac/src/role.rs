//! One checked role.

use warden_sdk::{AclRule, Member, Principal};

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
        if !is_role_name(name) {
            faults.push((String::new(), Fault::RoleName));
        }
        let limits = (MAX_MEMBERS, Fault::NoMember, Fault::TooManyMembers);
        let members = check_list(
            &raw.members,
            ".members",
            limits,
            |text| Member::parse(text).map_err(Fault::from),
            &mut faults,
        );
        let limits = (MAX_RULES, Fault::NoRule, Fault::TooManyRules);
        let parse = |text: &str| AclRule::parse(text).map_err(Fault::from);
        let rules = check_list(&raw.rules, ".rules", limits, parse, &mut faults);
        if faults.is_empty() && !rules.iter().any(gives_a_command) {
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

    /// Does this principal hold it?
    pub(crate) fn has_member(&self, principal: &Principal) -> bool {
        self.members.iter().any(|member| member.is(principal))
    }

    /// What it gives.
    pub(crate) fn rules(&self) -> impl Iterator<Item = AclRule> {
        self.rules.iter().cloned()
    }

    /// How long a session may last.
    pub(crate) fn session_seconds(&self) -> Option<u64> {
        self.session_seconds
    }
}

/// Reads every entry of a list; adds a fault for each that is wrong, and for a list
/// that is empty or too long.
fn check_list<T>(
    texts: &[String],
    key: &str,
    (most, empty, too_many): (usize, Fault, Fault),
    parse: impl Fn(&str) -> Result<T, Fault>,
    faults: &mut Vec<(String, Fault)>,
) -> Vec<T> {
    if texts.is_empty() {
        faults.push((key.to_owned(), empty));
    }
    if texts.len() > most {
        faults.push((key.to_owned(), too_many));
        return Vec::new();
    }
    let mut values = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(value) => values.push(value),
            Err(fault) => faults.push((format!("{key}[{index}]"), fault)),
        }
    }
    values
}

/// Role names stand in key paths, labels and log lines.
fn is_role_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn gives_a_command(rule: &AclRule) -> bool {
    matches!(rule, AclRule::Category(..) | AclRule::Command(..)) && !rule.is_denial()
}
