//! What a session may do: composed from grants and restrictions, rendered for
//! one server's ACL engine.
//!
//! In come the base rules, the grants and restrictions of every policy, and the
//! ceiling; out comes one ACL rule string and what had to be dropped on the way.
//! Nothing here widens: every doubt drops a rule of a grant, or refuses.
//!
//! What the result means, in full. A command is allowed when no denial names it
//! and either the base rules hold it, or *one* grant holds it together with
//! every key, channel and database it touches, each of which lies inside every
//! bound. Reading and writing are two rights: a key that is read must match a
//! pattern that may be read, one that is written a pattern that may be written.

mod around;
mod base;
mod commands;
mod difference;
mod dropped;
mod error;
mod grant;
mod held;
mod modes;
mod readback;
mod render;
mod restriction;
mod right;
mod summary;
mod table;
mod touches;

use std::collections::{BTreeMap, BTreeSet};

pub use around::{Reach, beyond_keys};
pub use base::BaseRules;
pub use dropped::{Dropped, Why};
pub use error::PermissionError;
pub use grant::Grant;
pub use held::Held;
pub use modes::Modes;
pub use readback::Selector;
pub use render::Rendered;
pub use restriction::Restriction;
pub use right::Right;
pub use summary::Summary;
pub use table::Row;

use crate::server::Server;

/// The composed permissions of one decision; equal for equal inputs in any order.
///
/// ```
/// use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction};
///
/// let reader = Grant::parse(&["+@read", "~*"])?;
/// let ceiling = Restriction::parse("-@dangerous ~tenant:*")?;
/// let one = Permissions::compose(&BaseRules::default(), vec![reader], vec![ceiling]);
/// assert_eq!(one.grants().next().map(ToString::to_string), Some("+@read ~tenant:*".into()));
/// # Ok::<(), warden_core::permissions::PermissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permissions {
    base: BaseRules,
    grants: Vec<Grant>,
    limits: Restriction,
    dropped: BTreeSet<Dropped>,
}

impl Permissions {
    /// Lays every restriction over every grant. `restrictions` are those of all
    /// policies and the ceiling; their order, and that of the grants, is without
    /// meaning.
    pub fn compose(base: &BaseRules, grants: Vec<Grant>, restrictions: Vec<Restriction>) -> Self {
        let mut limits = Restriction::default();
        for restriction in &restrictions {
            limits.lay_over(restriction);
        }
        let mut dropped = BTreeSet::new();
        let cut: BTreeSet<Grant> = grants
            .into_iter()
            .filter_map(|grant| limits.cut(grant, &mut dropped))
            .collect();
        Self {
            base: base.clone(),
            grants: merge(cut),
            limits,
            dropped,
        }
    }

    /// The rule string of this server's ACL engine, and what it could not say.
    ///
    /// Unknown commands are left out, so render again whenever the server's
    /// commands change.
    ///
    /// # Errors
    /// When databases are bounded and the server cannot bound them, or the text
    /// would be too long. Both refuse the session.
    pub fn render(&self, server: &Server) -> Result<Rendered, PermissionError> {
        render::render(self, server)
    }

    /// The commands (`monitor`, `client|tracking`) of this server for which there
    /// are any keys, channels and databases with which they may run.
    pub fn runnable<'s>(&self, server: &'s Server) -> BTreeSet<&'s str> {
        render::Rendering::of(self, server)
            .runnable
            .names()
            .collect()
    }

    /// Whether everything these allow is surely allowed by `wider` too; in doubt no.
    pub fn is_within(&self, wider: &Self) -> bool {
        let has_room = |grant: &Grant| wider.grants.iter().any(|other| grant.is_within(other));
        self.base == wider.base && self.limits == wider.limits && self.grants.iter().all(has_room)
    }

    /// What these allow on this server and `others` do not, each as the rules of a grant:
    /// `+@read -keys ~reports:*`. `None` allows nothing. Empty when all of it is surely
    /// allowed there, too; in doubt it is not empty. Compares patterns with patterns: costs
    /// some ten milliseconds at most. Where there are more of them, one line in brackets
    /// says so in place of all rules.
    ///
    /// ```
    /// use warden_core::Server;
    /// use warden_core::permissions::{BaseRules, Grant, Permissions};
    ///
    /// let server = Server::of_release("9.1").ok_or("not known")?;
    /// let of = |rules: &[&str]| {
    ///     let grant = Grant::parse(rules).unwrap_or_else(|error| panic!("{error}"));
    ///     Permissions::compose(&BaseRules::default(), vec![grant], vec![])
    /// };
    /// let (before, after) = (of(&["+@read", "~a:*", "~b:*"]), of(&["+@read", "+set", "~a:*"]));
    /// assert_eq!(after.beyond(Some(&before), &server), ["+set ~a:*"]);
    /// assert_eq!(before.beyond(Some(&after), &server), ["+@read ~b:*"]);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn beyond(&self, others: Option<&Self>, server: &Server) -> Vec<String> {
        difference::beyond(self, others, server)
    }

    /// What they come to on this server, to be asked about rights.
    ///
    /// ```
    /// use warden_core::Server;
    /// use warden_core::permissions::{BaseRules, Grant, Permissions, Right};
    ///
    /// let server = Server {
    ///     commands: [("get".to_owned(), ["read".to_owned()].into())].into(),
    ///     ..Server::default()
    /// };
    /// let reader = vec![Grant::parse(&["+get", "%R~reports:*"])?];
    /// let reader = Permissions::compose(&BaseRules::default(), reader, vec![]);
    /// let right = Right::parse("+get ~reports:q1")?;
    /// assert!(reader.on(&server).having(&right).contains("get"));
    /// assert!(reader.on(&server).lacking(&right).contains("get"), "it may not write");
    /// # Ok::<(), warden_core::permissions::PermissionError>(())
    /// ```
    pub fn on<'s>(&self, server: &'s Server) -> Held<'s> {
        Held::new(self, server)
    }

    /// What the grants came to, inside every bound; denials not yet applied.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// All restrictions and the ceiling, laid over one another.
    pub fn limits(&self) -> &Restriction {
        &self.limits
    }
}

/// Grants over the very same keys, channels and databases are one when they
/// only add commands: a command is a single thing, so nothing can cross.
///
/// Grants that take commands away stay apart: `+@read -get` beside `+get` has no
/// order in which the two could be said as one.
fn merge(grants: BTreeSet<Grant>) -> Vec<Grant> {
    let (adding, others): (Vec<_>, Vec<_>) = grants
        .into_iter()
        .partition(|grant| grant.commands.only_adds());
    let mut by_place: BTreeMap<_, Grant> = BTreeMap::new();
    for grant in adding {
        let place = (
            grant.keys.clone(),
            grant.channels.clone(),
            grant.databases.clone(),
        );
        match by_place.get_mut(&place) {
            Some(first) => first.commands.unite(&grant.commands),
            None => {
                by_place.insert(place, grant);
            }
        }
    }
    let mut merged: Vec<Grant> = by_place.into_values().chain(others).collect();
    merged.sort();
    merged
}

#[cfg(test)]
mod tests;
