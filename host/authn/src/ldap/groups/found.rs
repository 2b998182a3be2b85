//! The groups found so far, and how many more may be.
//!
//! In come groups, level by level; out goes whether each is new, and in the end all
//! names. A loop ends because nothing in it is new a second time. Over a limit the account
//! is refused: a policy may restrict by a group as well as grant by it, so leaving one out
//! is not safe.

use std::collections::HashSet;

use warden_core::{AuthenticatorId, Reason, ReasonKind, name};
use warden_settings::quoted;

use super::dn::Dn;
use super::entry::{Entry, malformed};
use super::settings::{Naming, Settings};

/// What was found.
pub(super) struct Found<'a> {
    settings: &'a Settings,
    id: &'a AuthenticatorId,
    /// Normal forms.
    seen: HashSet<String>,
    names: Vec<String>,
    /// How many groups lie between those of this level and the account.
    nesting: u64,
}

impl<'a> Found<'a> {
    /// Nothing yet; the account's own groups come next.
    pub(super) fn new(settings: &'a Settings, id: &'a AuthenticatorId) -> Self {
        Self {
            settings,
            id,
            seen: HashSet::new(),
            names: Vec::new(),
            nesting: 0,
        }
    }

    /// The groups of those found so far come next.
    pub(super) fn go_deeper(&mut self) {
        self.nesting += 1;
    }

    /// Takes a group; whether it was not found before.
    ///
    /// # Errors
    /// `ReasonKind::Claims` when it is one more than `most_groups`, or beyond `depth`.
    pub(super) fn is_new(&mut self, dn: &Dn) -> Result<bool, Reason> {
        if !self.seen.insert(dn.normal()) {
            return Ok(false);
        }
        if self.seen.len() > self.settings.most_groups {
            return Err(too_many(self.settings));
        }
        match self.settings.walk {
            Some(depth) if self.nesting > depth => Err(refused(&format!(
                "the group {} is nested deeper than groups.depth = {depth} allows",
                quoted(dn.as_str())
            ))),
            _ => Ok(true),
        }
    }

    /// Notes the name of a group. `entry` is its entry, where its name is in that.
    ///
    /// # Errors
    /// `ReasonKind::Claims` when it has none, several, or one that cannot be a name.
    pub(super) fn name(&mut self, dn: &Dn, entry: Option<&Entry>) -> Result<(), Reason> {
        let bad = |why: &str| refused(&format!("the group {} {why}", quoted(dn.as_str())));
        let raw = match &self.settings.name {
            Naming::Dn => dn.as_str(),
            Naming::CommonName => dn.common_name().ok_or_else(|| {
                bad("has not exactly one common name in its first part; see groups.name")
            })?,
            Naming::Attribute(attribute) => {
                let entry = entry.ok_or_else(|| bad("was not looked up"))?;
                match *entry.texts(attribute)?.as_slice() {
                    [name] => name,
                    [] => return Err(bad(&format!("has no {attribute}, which groups.name is"))),
                    _ => return Err(bad(&format!("has several values of {attribute}"))),
                }
            }
        };
        let name = name::qualify(self.id, raw)
            .map_err(|why| bad(&format!("cannot be named {}: {why}", quoted(raw))))?;
        self.names.push(name);
        Ok(())
    }

    /// All names, sorted, without doubles.
    pub(super) fn into_names(mut self) -> Vec<String> {
        self.names.sort_unstable();
        self.names.dedup();
        self.names
    }
}

/// A group's distinguished name.
///
/// # Errors
/// `ReasonKind::Unavailable` when it is none.
pub(super) fn parsed(dn: &str) -> Result<Dn, Reason> {
    Dn::parse(dn).map_err(|why| malformed(&format!("the name {}, which {why}", quoted(dn))))
}

/// Why an account with more groups than may be is refused.
pub(super) fn too_many(settings: &Settings) -> Reason {
    refused(&format!(
        "the account has more groups than groups.most_groups = {} allows",
        settings.most_groups
    ))
}

/// A refusal because of the groups.
pub(super) fn refused(why: &str) -> Reason {
    Reason::new(ReasonKind::Claims, why)
}
