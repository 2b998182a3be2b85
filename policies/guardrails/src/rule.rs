//! One rule: when it applies, and what it does then.

use std::time::Duration;

use warden_sdk::data::is_name;
use warden_sdk::network::{Address, Network};
use warden_sdk::{Principal, Request};

use crate::data::RawRule;
use crate::effect::Effect;
use crate::error::Fault;
use crate::window::{Day, Hours, Window};
use warden_sdk::Member;

/// Members of one list.
pub(crate) const MAX_MEMBERS: usize = 1000;
/// Ranges of one list.
pub(crate) const MAX_RANGES: usize = 200;
/// Hours of one rule; on seven days they are the boundaries an evaluation walks.
pub(crate) const MAX_HOURS: usize = 8;

/// A checked rule. A condition that is absent holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    name: String,
    members: Option<Vec<Member>>,
    not_members: Option<Vec<Member>>,
    addresses: Option<Vec<Network>>,
    not_addresses: Option<Vec<Network>>,
    window: Option<Window>,
    effect: Effect,
    entries: usize,
}

impl Rule {
    /// Checks a rule as it was read. On failure: every fault with its key, relative
    /// to the rule (`.hours[1]`).
    pub(crate) fn check(raw: &RawRule) -> Result<Self, Vec<(String, Fault)>> {
        let mut faults: Vec<(String, Fault)> = Vec::new();
        if !is_name(&raw.name) {
            faults.push((".name".to_owned(), Fault::Name));
        }
        let mut members = |list: &Option<Vec<String>>, key: &str| {
            let list = list.as_deref();
            warden_sdk::data::optional_list(
                list,
                key,
                MAX_MEMBERS,
                |t| Member::parse_qualified(t).map_err(Fault::from),
                &mut faults,
            )
        };
        let inside = members(&raw.members, ".members");
        let outside = members(&raw.not_members, ".not_members");
        let mut ranges = |list: &Option<Vec<String>>, key: &str| {
            let list = list.as_deref();
            warden_sdk::data::optional_list(
                list,
                key,
                MAX_RANGES,
                |t| Network::parse(t).map_err(Fault::from),
                &mut faults,
            )
        };
        let addresses = ranges(&raw.addresses, ".addresses");
        let not_addresses = ranges(&raw.not_addresses, ".not_addresses");
        let window = window(raw, &mut faults);
        let effect = Effect::check(raw, &mut faults);
        let rule = Self {
            name: raw.name.clone(),
            members: inside,
            not_members: outside,
            addresses,
            not_addresses,
            window,
            effect,
            entries: raw.entries(),
        };
        if matches!(rule.effect, Effect::Refuse(_)) && !rule.has_condition() {
            faults.push((".deny_login".to_owned(), Fault::NobodyLeft));
        }
        if faults.is_empty() {
            Ok(rule)
        } else {
            Err(faults)
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many denials, bounds and databases it lists.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// What it does.
    pub(crate) fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Do all its conditions hold, the hour apart? An address that is unknown lies
    /// in every range and in none: in doubt the rule applies.
    pub(crate) fn concerns(&self, request: &Request) -> bool {
        let principal = request.principal();
        let address = request.client_address().and_then(Address::parse);
        let in_ranges = |ranges: &[Network]| {
            address.map(|address| ranges.iter().any(|range| range.contains(address)))
        };
        let no_members = self.not_members.as_deref();
        let members = self.members.as_deref();
        members.is_none_or(|members| is_any(members, principal))
            && no_members.is_none_or(|members| !is_any(members, principal))
            && self
                .addresses
                .as_deref()
                .is_none_or(|ranges| in_ranges(ranges).unwrap_or(true))
            && self
                .not_addresses
                .as_deref()
                .is_none_or(|ranges| !in_ranges(ranges).unwrap_or(false))
    }

    /// Does it apply only at times?
    pub(crate) fn reads_the_clock(&self) -> bool {
        self.window.is_some()
    }

    /// Does its hour hold?
    pub(crate) fn is_on(&self, unix_seconds: u64) -> bool {
        let window = self.window.as_ref();
        window.is_none_or(|window| window.contains(unix_seconds))
    }

    /// How long until its hour begins or ends; `None` for never.
    pub(crate) fn next_change(&self, unix_seconds: u64) -> Option<Duration> {
        self.window.as_ref()?.next_change(unix_seconds)
    }

    fn has_condition(&self) -> bool {
        self.members.is_some()
            || self.not_members.is_some()
            || self.addresses.is_some()
            || self.not_addresses.is_some()
            || self.window.is_some()
    }
}

fn is_any(members: &[Member], principal: &Principal) -> bool {
    members.iter().any(|member| member.is(principal))
}

fn window(raw: &RawRule, faults: &mut Vec<(String, Fault)>) -> Option<Window> {
    let hours = raw.hours.as_deref();
    let hours =
        warden_sdk::data::optional_list(hours, ".hours", MAX_HOURS, |t| Hours::parse(t), faults);
    let days = raw.days.as_deref();
    let days = warden_sdk::data::optional_list(days, ".days", 7, |t| Day::parse(t), faults);
    (hours.is_some() || days.is_some()).then(|| Window::new(hours.as_deref(), days.as_deref()))
}
