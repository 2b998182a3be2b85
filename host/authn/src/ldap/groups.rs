//! From an account's entry in a directory to groups, claims and an end.
//!
//! In come the settings (`[groups]`, `attributes`, `check_account`), an entry, and a way
//! to search as the service account; out go qualified groups and claims. An account that
//! is disabled, a group that cannot be named, a limit that is passed: each refuses the
//! account, and nothing is ever cut. No password comes here.

mod attributes;
mod by_search;
mod dn;
mod entry;
mod filter;
mod found;
mod member_of;
mod range;
mod settings;
mod standing;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::future::Future;

use ldap3::Scope;
use warden_core::{AuthenticatorId, Now, Reason};
use warden_settings::Section;

use super::filter::Filter;
use crate::accounts::{Described, ProvedBy};
use attributes::Attributes;
pub(crate) use dn::Dn;
pub(crate) use entry::Entry;
use found::Found;
use settings::{Settings, Source};
use standing::Standing;

/// What no two entries ever have in common, in whatever order they come: RFC 4530, Active
/// Directory, 389 Directory Server, eDirectory.
const IDENTITIES: [&str; 4] = ["entryUUID", "objectGUID", "nsUniqueId", "GUID"];

/// One search. Aliases are not followed in it, and references to other directories are
/// left where they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a Filter,
    pub(crate) attributes: &'a [&'a str],
    /// When there are more, the search fails.
    pub(crate) most_entries: usize,
}

/// Why a search gave nothing.
#[derive(Debug)]
pub(crate) enum SearchError {
    /// There are more entries than `most_entries`.
    TooMany,
    /// Anything else, the directory's own limits among it.
    Failed(Reason),
}

impl SearchError {
    /// What it means for the account; too many entries mean this.
    fn reason(self, too_many: impl FnOnce() -> Reason) -> Reason {
        match self {
            Self::TooMany => too_many(),
            Self::Failed(reason) => reason,
        }
    }
}

/// Searches in one directory, as the service account.
pub(crate) trait Searches: Send {
    /// All entries that a search finds.
    ///
    /// # Errors
    /// When there are too many, or it is in doubt whether these are all.
    fn search(
        &mut self,
        search: Search<'_>,
    ) -> impl Future<Output = Result<Vec<Entry>, SearchError>> + Send;
}

/// Attributes that tell entries from each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identifiers {
    /// An entry's distinguished name: `entryDN`, or `distinguishedName`.
    pub(crate) dn: String,
    /// An account's short name: `uid`, or `sAMAccountName`.
    pub(crate) name: String,
}

/// What is read of an account, by the settings of one file.
#[derive(Debug)]
pub(crate) struct Profile {
    groups: Option<Settings>,
    attributes: Attributes,
    standing: Standing,
    /// Whether accounts are looked up again, and must be told from later ones.
    is_watched: bool,
}

impl Profile {
    /// Takes `[groups]`, `attributes` and `check_account` out of a file. `is_watched`:
    /// accounts are looked up again.
    pub(crate) fn read(file: &mut Section, identifiers: Identifiers, is_watched: bool) -> Self {
        Self {
            groups: Settings::read(file, identifiers),
            attributes: Attributes::read(file),
            standing: Standing::read(file),
            is_watched,
        }
    }

    /// The names of the claims it makes.
    pub(crate) fn attributes(&self) -> Vec<String> {
        self.attributes.names().map(str::to_owned).collect()
    }

    /// Whether anything is read of an account whose password the directory took;
    /// `is_found`: its entry was searched for, and not made of a name.
    pub(crate) fn is_wanted(&self, is_found: bool) -> bool {
        self.is_watched
            || self.groups.is_some()
            || self.attributes.names().next().is_some()
            || self.standing.is_wanted(is_found)
    }

    /// What an account's entry must be asked for; without any of it, the entry is not
    /// needed. Some are operational: they come only when they are named.
    pub(crate) fn wanted(&self) -> Vec<&str> {
        let mut wanted: Vec<&str> = self.attributes.names().collect();
        wanted.extend(self.standing.names());
        if self.is_watched {
            wanted.extend(IDENTITIES);
        }
        if let Some(groups) = &self.groups {
            match &groups.source {
                Source::MemberOf(attribute) => wanted.push(attribute),
                Source::Search(filter) if filter.names_name() => {
                    wanted.push(&groups.identifiers.name);
                }
                Source::Search(_) => {}
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// What the directory says of an account, by its entry with [`Profile::wanted`], and
    /// by searches where groups want them.
    ///
    /// # Errors
    /// `ReasonKind::Credential` for an account that may not be used; `ReasonKind::Claims`
    /// for groups or attributes that cannot be taken whole; `ReasonKind::Unavailable`, and
    /// whatever the searches fail with, when the directory gives no answer that holds.
    pub(crate) async fn describe<S: Searches>(
        &self,
        account: &Entry,
        proved: ProvedBy,
        id: &AuthenticatorId,
        now: Now,
        searches: &mut S,
    ) -> Result<Described, Reason> {
        let ends = self.standing.check(account, proved, now)?;
        let claims = self.attributes.claims(account)?;
        Ok(Described {
            groups: self.groups(account, id, searches).await?,
            claims,
            ends,
            identity: self.identity(account),
        })
    }

    /// What an entry keeps for as long as it is, whatever it is called: an identifier that
    /// the directory gave it and gives no other. Where it shows none, its name.
    fn identity(&self, account: &Entry) -> String {
        if !self.is_watched {
            return String::new();
        }
        let found = IDENTITIES.iter().find_map(|name| {
            let [value] = account.values(name) else {
                return None;
            };
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("{name}={digits}"))
        });
        found.unwrap_or_else(|| match Dn::parse(account.dn()) {
            Ok(dn) => format!("dn={}", dn.normal()),
            Err(_) => format!("dn={}", account.dn()),
        })
    }

    async fn groups<S: Searches>(
        &self,
        account: &Entry,
        id: &AuthenticatorId,
        searches: &mut S,
    ) -> Result<Vec<String>, Reason> {
        let Some(settings) = &self.groups else {
            return Ok(Vec::new());
        };
        let mut found = Found::new(settings, id);
        match &settings.source {
            Source::MemberOf(attribute) => {
                member_of::collect(attribute, settings, account, &mut found, searches).await?;
            }
            Source::Search(filter) => {
                by_search::collect(filter, settings, account, &mut found, searches).await?;
            }
        }
        Ok(found.into_names())
    }
}
