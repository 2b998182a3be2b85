//! The server's own account of what was asked of it.
//!
//! In: entries of `cn=Monitor`. Out: numbers, without those the harness itself caused.

use std::collections::BTreeMap;

use crate::ldap::Entry;

/// What others had of the server since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections it accepted.
    pub connections: u64,
    /// Connections that are open.
    pub open_connections: u64,
    /// Binds it answered, refused ones too.
    pub binds: u64,
    /// Searches it answered, refused ones too.
    pub searches: u64,
    /// Changes it answered, refused ones too.
    pub modifications: u64,
    /// Other requests by name with an answer: StartTLS among them.
    pub extended: u64,
}

impl Counters {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let by_name: BTreeMap<String, u64> = entries
            .iter()
            .filter_map(|entry| {
                let values = [
                    entry.values("monitorOpCompleted"),
                    entry.values("monitorCounter"),
                ];
                let number = values.concat().first()?.parse().ok()?;
                Some((entry.dn.to_lowercase(), number))
            })
            .collect();
        let number = |name: &str| {
            let found = by_name.get(&format!("{name},cn=monitor"));
            *found.unwrap_or_else(|| panic!("no {name} in {by_name:?}"))
        };
        Self {
            connections: number("cn=total,cn=connections"),
            open_connections: number("cn=current,cn=connections"),
            binds: number("cn=bind,cn=operations"),
            searches: number("cn=search,cn=operations"),
            modifications: ["add", "delete", "modify"]
                .map(|kind| number(&format!("cn={kind},cn=operations")))
                .iter()
                .sum(),
            extended: number("cn=extended,cn=operations"),
        }
    }

    /// What is left when the harness's own part is taken away, with the one connection
    /// on which it asks.
    pub(super) fn without(self, own: Self) -> Self {
        Self {
            connections: self.connections.saturating_sub(own.connections),
            open_connections: self.open_connections.saturating_sub(1),
            binds: self.binds.saturating_sub(own.binds),
            searches: self.searches.saturating_sub(own.searches),
            modifications: self.modifications.saturating_sub(own.modifications),
            extended: self.extended,
        }
    }
}
