//! What the directory knows of whoever has proved to be somebody.
//!
//! In comes how the account was bound; out go its groups, claims and end, as
//! [`groups`](super::groups) reads them from its entry. All of it is asked of one server,
//! and of another from the beginning where that gives no answer. Never: the entry of
//! somebody else who could have bound under the same name.

use ldap3::Scope;
use warden_core::{AuthenticatorId, Now, Reason};

use super::connection::Found;
use super::filter::Filter;
use super::groups::{self, Entry, Profile, SearchError, Searches};
use super::message::{self, Search};
use super::server::Session;
use super::servers::Inquiry;
use super::settings::Lookup;
use super::verdict;
use crate::accounts::{Described, ProvedBy};
use crate::asking::{refused, unavailable};

/// The end of a search for what is not there.
const NO_SUCH_OBJECT: u32 = 32;

/// What Active Directory binds `user@domain` by.
const PRINCIPAL_NAME: &str = "userPrincipalName";

/// How an account's entry is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// By its distinguished name.
    Named(String),
    /// By its short name: the one entry that has it, and spells it so.
    Called(String),
    /// By what a bind that is none was made of.
    Searched {
        /// What the client gave.
        name: String,
        /// What the directory was sent: `DOMAIN\user` or `user@domain`.
        bound_as: String,
    },
}

/// What is asked about an account.
pub(super) struct Question<'a> {
    pub(super) profile: &'a Profile,
    pub(super) lookup: &'a Lookup,
    pub(super) place: &'a Place,
    pub(super) proved: ProvedBy,
    pub(super) id: &'a AuthenticatorId,
    pub(super) now: Now,
}

impl Inquiry for Question<'_> {
    /// The errors are those of [`Profile::describe`], and `ReasonKind::Credential` when
    /// there is not one such entry.
    type Answer = Result<Described, Reason>;

    async fn make(&self, session: &mut Session<'_>) -> Self::Answer {
        let profile = self.profile;
        let mut asked = Asked(session);
        let wanted = profile.wanted();
        let entry = asked.entry(self.lookup, self.place, &wanted).await?;
        profile
            .describe(&entry, self.proved, self.id, self.now, &mut asked)
            .await
    }
}

/// The server that is asked. Once it has not answered, what is made of it counts for
/// nothing.
struct Asked<'a, 'b>(&'a mut Session<'b>);

impl Asked<'_, '_> {
    /// The account's entry.
    async fn entry(
        &mut self,
        lookup: &Lookup,
        place: &Place,
        wanted: &[&str],
    ) -> Result<Entry, Reason> {
        // Without a list it would be all that users may see.
        let attributes = if wanted.is_empty() { &["1.1"] } else { wanted };
        let named;
        let (base, scope, filter) = match place {
            Place::Named(dn) => (dn, Scope::Base, Filter::present("objectClass")),
            Place::Called(name) => {
                named = self.one_called(lookup, name).await?;
                (&named, Scope::Base, Filter::present("objectClass"))
            }
            Place::Searched { name, bound_as } => {
                // Who is asked for `OTHER\user` may be bound by a directory that is trusted
                // and not asked here.
                if name.contains('\\') {
                    return Err(refused(
                        "groups of DOMAIN\\user are found only for the domain of bind_dn_prefix",
                    ));
                }
                // Active Directory takes such a name for whatever it may be of whomever.
                if !bound_as.contains(['@', '\\']) {
                    return Err(refused(
                        "groups are found for DOMAIN\\user and user@domain, not for a name alone",
                    ));
                }
                // Were one user's name another's user@domain, these would be two entries.
                let names = Filter::any([
                    Filter::equal(&lookup.attribute, name),
                    Filter::equal(PRINCIPAL_NAME, bound_as),
                ]);
                (&lookup.base, lookup.scope, lookup.filter.with(names))
            }
        };
        let search = Search {
            base,
            scope,
            filter: &filter,
            attributes,
            size_limit: 2,
        };
        let found = self.search(&search).await?;
        let mut entries = found.entries.into_iter();
        match (found.ended.code, entries.next(), entries.next()) {
            (0, Some(entry), None) => Entry::new(entry.dn, entry.attributes),
            (0 | NO_SUCH_OBJECT, None, _) => Err(refused(
                "the directory shows no entry of the account to the service account",
            )),
            (_, Some(_), Some(_)) => Err(refused("several entries could be the account's")),
            _ => Err(ended(&found.ended)),
        }
    }

    /// The distinguished name of the one entry that has a short one.
    async fn one_called(&mut self, lookup: &Lookup, name: &str) -> Result<String, Reason> {
        let filter = lookup.filter.with(Filter::equal(&lookup.attribute, name));
        let found = self
            .search(&lookup.search(&filter, &lookup.names()))
            .await?;
        let (target, spelling) = verdict::the_one(&found, lookup, name)??;
        spelling?;
        let entry = found.entries.into_iter().next();
        Ok(entry.map_or(target, |entry| entry.dn))
    }

    async fn search(&mut self, search: &Search<'_>) -> Result<Found, Reason> {
        self.0.search(search).await.map_err(unavailable)
    }
}

impl Searches for Asked<'_, '_> {
    async fn search(&mut self, search: groups::Search<'_>) -> Result<Vec<Entry>, SearchError> {
        // One more than may be tells that there are more.
        let most = u32::try_from(search.most_entries).unwrap_or(u32::MAX);
        let search_of_it = message::Search {
            base: search.base,
            scope: search.scope,
            filter: search.filter,
            attributes: search.attributes,
            size_limit: most.saturating_add(1),
        };
        let found = Asked::search(self, &search_of_it).await;
        let found = found.map_err(SearchError::Failed)?;
        if found.entries.len() > search.most_entries {
            return Err(SearchError::TooMany);
        }
        if found.ended.code != 0 {
            return Err(SearchError::Failed(ended(&found.ended)));
        }
        let entries = found.entries.into_iter();
        let entries = entries.map(|entry| Entry::new(entry.dn, entry.attributes));
        entries
            .collect::<Result<_, _>>()
            .map_err(SearchError::Failed)
    }
}

/// A search that did not end as one does that found everything.
fn ended(ended: &super::connection::Ended) -> Reason {
    unavailable(format!(
        "a search for the account's groups ended with {ended}"
    ))
}
