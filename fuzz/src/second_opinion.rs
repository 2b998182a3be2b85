//! The rule string against what it was made from.

use std::collections::BTreeSet;

use warden_core::permissions::Rendered;
use warden_rules::Databases;

use crate::call;
use crate::engine::{Selector, User};
use crate::said::Said;
use crate::{glob, world};

/// Most names tried: each costs some twenty calls.
const MAX_NAMES: usize = 16;

/// Everything one decision was composed from.
pub struct Scene<'a> {
    /// Base rules.
    pub base: &'a Said,
    /// The grants of all policies.
    pub grants: &'a [Said],
    /// The restrictions of all policies, and the ceiling.
    pub restrictions: &'a [Said],
    /// Whether the server's selectors name databases.
    pub has_databases: bool,
}

impl Scene<'_> {
    /// Panics unless the rule string says exactly the selectors it came with, and
    /// these allow nothing that is not granted, or lies outside any restriction.
    pub fn check(&self, rendered: &Rendered) {
        let user = User::read(&rendered.rules, self.has_databases);
        self.says_its_selectors(&user, rendered);
        let context = || format!("{}\n{:?}", rendered.rules, rendered.dropped);
        for command in world::commands().filter(|command| self.denied(command)) {
            assert!(!user.may_run(command), "{command} is denied\n{}", context());
        }
        for call in call::all(world::commands(), &self.names()) {
            let (may, meant) = (user.may(&call), self.means(&call));
            assert!(meant || !may, "{call:?} is not granted\n{}", context());
            // Nothing is lost in silence either.
            let whole = rendered.dropped.is_empty();
            assert!(may || !meant || !whole, "{call:?} is lost\n{}", context());
        }
    }

    fn says_its_selectors(&self, user: &User, rendered: &Rendered) {
        assert_eq!(
            user.selectors.len(),
            rendered.selectors.len(),
            "{}",
            rendered.rules
        );
        for (read, meant) in user.selectors.iter().zip(&rendered.selectors) {
            let Selector {
                commands,
                keys,
                channels,
                databases,
                ..
            } = read;
            let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(*commands, meant.commands, "{}", rendered.rules);
            assert_eq!(set(keys), meant.keys, "{}", rendered.rules);
            assert_eq!(set(channels), meant.channels, "{}", rendered.rules);
            let databases = databases.clone().map_or(Databases::All, Databases::Only);
            assert_eq!(databases, meant.databases, "{}", rendered.rules);
        }
        let beside_the_root = user.selectors.len() - 1;
        let alone = beside_the_root == 0 && rendered.grants == 1;
        assert!(
            alone || beside_the_root == rendered.grants,
            "{}",
            rendered.rules
        );
    }

    /// What the rules mean, said without rule strings.
    fn means(&self, call: &call::Call<'_>) -> bool {
        let usable = |grant: &&Said| self.has_databases || !grant.bounds_databases();
        let mut grants = self.grants.iter().filter(usable);
        self.restrictions.iter().all(|one| one.admits(call))
            && (self.base.holds(call) || grants.any(|grant| grant.grants(call)))
    }

    fn denied(&self, command: &str) -> bool {
        self.restrictions.iter().any(|one| one.denies(command))
    }

    /// Names near the edges of every pattern, and two of nobody's.
    fn names(&self) -> Vec<Vec<u8>> {
        let all = self.grants.iter().chain(self.restrictions);
        let patterns: BTreeSet<&[u8]> = all.flat_map(Said::patterns).collect();
        let near = patterns.into_iter().flat_map(glob::names_near);
        let names: BTreeSet<Vec<u8>> = near
            .take(MAX_NAMES)
            .chain([b"a".to_vec(), b"other:1".to_vec()])
            .filter(|name| !name.is_empty())
            .collect();
        names.into_iter().collect()
    }
}
