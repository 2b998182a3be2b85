//! What a rule does to those it applies to.

use warden_rules::{Access, Databases};
use warden_sdk::{AclRule, Restriction};

use crate::data::RawRule;
use crate::error::Fault;

/// Entries of one list of denials or bounds.
pub(crate) const MAX_ENTRIES: usize = 200;
/// Longest text for a client.
pub(crate) const MAX_TEXT_BYTES: usize = 200;

/// A refusal of the log-in with its text for the client, or less rights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Refuse(String),
    Restrict(Restriction),
}

impl Effect {
    /// Checks what a rule says it does; adds a fault for each mistake, with its
    /// key. What it gives is right only while there is none.
    pub(crate) fn check(raw: &RawRule, faults: &mut Vec<(String, Fault)>) -> Self {
        let restricts = raw.denials.is_some()
            || raw.keys.is_some()
            || raw.channels.is_some()
            || raw.databases.is_some();
        match &raw.deny_login {
            Some(_) if restricts => faults.push((".deny_login".to_owned(), Fault::TwoEffects)),
            Some(text) => {
                if !is_told(text) {
                    faults.push((".deny_login".to_owned(), Fault::Text));
                }
                return Self::Refuse(text.clone());
            }
            None if !restricts => faults.push((String::new(), Fault::NoEffect)),
            None => {}
        }
        Self::Restrict(restriction(raw, faults))
    }
}

fn restriction(raw: &RawRule, faults: &mut Vec<(String, Fault)>) -> Restriction {
    let mut restriction = Restriction::new();
    let denials = raw.denials.as_deref();
    let denials =
        warden_sdk::data::optional_list(denials, ".denials", MAX_ENTRIES, |t| denial(t), faults);
    let databases = raw.databases.as_deref();
    let databases = warden_sdk::data::optional_list(
        databases,
        ".databases",
        MAX_ENTRIES,
        |n| database(*n),
        faults,
    );
    // A list with nothing in it is a bound too: none at all.
    if raw.keys.is_some() {
        restriction = restriction.no_keys();
    }
    if raw.channels.is_some() {
        restriction = restriction.no_channels();
    }
    let list = raw.keys.as_deref().unwrap_or_default();
    let keys = warden_sdk::data::list(list, ".keys", MAX_ENTRIES, |t| key(t), faults);
    let list = raw.channels.as_deref().unwrap_or_default();
    let channels = warden_sdk::data::list(list, ".channels", MAX_ENTRIES, |t| channel(t), faults);
    let rules = denials.into_iter().chain(databases).flatten();
    let made = rules
        .chain(keys)
        .chain(channels)
        .try_fold(restriction, Restriction::and);
    made.unwrap_or_else(|error| {
        // Each was tried alone before, so this says only that the SDK disagreed.
        faults.push((String::new(), Fault::NotARestriction(error)));
        Restriction::new()
    })
}

fn denial(text: &str) -> Result<AclRule, Fault> {
    let rule = AclRule::parse(text)?;
    let text = text.to_owned();
    rule.is_denial()
        .then_some(rule)
        .ok_or(Fault::NotADenial { text })
}

fn key(text: &str) -> Result<AclRule, Fault> {
    match AclRule::parse(text)? {
        // `%R~*` is a bound: keys only to read.
        AclRule::Keys(Access::ReadWrite, pattern) if pattern.is_any() => Err(Fault::Everything {
            text: text.to_owned(),
        }),
        rule @ AclRule::Keys(..) => is_bound(rule),
        _ => Err(Fault::NotKeys {
            text: text.to_owned(),
        }),
    }
}

fn channel(text: &str) -> Result<AclRule, Fault> {
    match AclRule::parse(text)? {
        AclRule::Channels(pattern) if pattern.is_any() => Err(Fault::Everything {
            text: text.to_owned(),
        }),
        rule @ AclRule::Channels(_) => is_bound(rule),
        _ => Err(Fault::NotChannels {
            text: text.to_owned(),
        }),
    }
}

fn is_bound(rule: AclRule) -> Result<AclRule, Fault> {
    let tried = Restriction::new().and(rule.clone());
    Ok(tried.map(|_| rule)?)
}

fn database(number: u32) -> Result<AclRule, Fault> {
    Databases::only([number])
        .map(AclRule::Databases)
        .ok_or(Fault::Database { number })
}

/// One line that is not empty.
fn is_told(text: &str) -> bool {
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && !text.contains(char::is_control)
}
