//! Groups by searches: those that name the account among their members.
//!
//! In come an account's entry and a filter; out go the groups it finds, and, when they
//! are walked, those that it finds for these in turn.

use warden_core::{Reason, ReasonKind};
use warden_settings::quoted;

use super::dn::Dn;
use super::entry::{Entry, malformed};
use super::filter::{Template, batches};
use super::found::{Found, parsed, too_many};
use super::settings::{Naming, Settings};
use super::{Filter, Search, Searches};

/// Most short names of one account.
const MAX_NAMES: usize = 16;

/// No attributes at all (RFC 4511 §4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// Adds all groups of an account.
///
/// # Errors
/// Those of [`Found`] and of the searches; `ReasonKind::Claims` when the filter asks by a
/// name and the account has none.
pub(super) async fn collect<S: Searches>(
    filter: &Template,
    settings: &Settings,
    account: &Entry,
    found: &mut Found<'_>,
    searches: &mut S,
) -> Result<(), Reason> {
    let mut filters = first(filter, settings, account)?;
    while !filters.is_empty() {
        let mut above = Vec::new();
        for (batch, _) in batches(filters) {
            for entry in search(&batch, settings, searches).await? {
                let dn = counting(&entry, settings)?;
                if !found.is_new(&dn)? {
                    continue;
                }
                found.name(&dn, Some(&entry))?;
                if settings.walk.is_some() {
                    above.push(filter.fill(entry.dn(), ""));
                }
            }
        }
        filters = above;
        found.go_deeper();
    }
    Ok(())
}

/// The filters for the account itself: one for each of its names. Names are those of the
/// entry, never what the client wrote: it could else choose a spelling that no group has.
fn first(filter: &Template, settings: &Settings, account: &Entry) -> Result<Vec<Filter>, Reason> {
    if !filter.names_name() {
        return Ok(vec![filter.fill(account.dn(), "")]);
    }
    let attribute = settings.identifiers.name.as_str();
    let names = account.texts(attribute)?;
    if names.is_empty() || names.len() > MAX_NAMES {
        return Err(Reason::new(
            ReasonKind::Claims,
            format!(
                "the account has {} values of {}; the filter for groups takes 1 to {MAX_NAMES}",
                names.len(),
                quoted(attribute)
            ),
        ));
    }
    let filled = names
        .into_iter()
        .map(|name| filter.fill(account.dn(), name));
    Ok(filled.collect())
}

async fn search<S: Searches>(
    filter: &Filter,
    settings: &Settings,
    searches: &mut S,
) -> Result<Vec<Entry>, Reason> {
    let wanted = match &settings.name {
        Naming::Attribute(name) => name,
        Naming::CommonName | Naming::Dn => NO_ATTRIBUTES,
    };
    let search = Search {
        base: settings.base(),
        scope: settings.scope,
        filter,
        attributes: &[wanted],
        most_entries: settings.most_groups,
    };
    let found = searches.search(search).await;
    found.map_err(|error| error.reason(|| too_many(settings)))
}

/// The name of a group that was searched for.
fn counting(group: &Entry, settings: &Settings) -> Result<Dn, Reason> {
    let dn = parsed(group.dn())?;
    if settings.counts(&dn) {
        return Ok(dn);
    }
    Err(malformed(&format!(
        "the group {}, which does not lie in groups.base",
        quoted(group.dn())
    )))
}
