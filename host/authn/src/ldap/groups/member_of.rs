//! Groups by an attribute of the entry: `memberOf`.
//!
//! In comes an account's entry; out go the groups it names, and those that their own
//! entries name. Groups outside of `base` do not count and are not looked up. A group
//! that must be looked up and cannot be is an error: what it is in would be unknown.

use std::collections::HashMap;

use warden_core::Reason;
use warden_settings::quoted;

use super::dn::Dn;
use super::entry::{Entry, malformed};
use super::filter::batches;
use super::found::{Found, parsed, refused};
use super::settings::{Naming, Settings};
use super::{Filter, Search, Searches, range};

/// Adds all groups of an account.
///
/// # Errors
/// Those of [`Found`], of [`range::values`], and of the searches.
pub(super) async fn collect<S: Searches>(
    attribute: &str,
    settings: &Settings,
    account: &Entry,
    found: &mut Found<'_>,
    searches: &mut S,
) -> Result<(), Reason> {
    let mut level = named(attribute, settings, account, found, searches).await?;
    let is_looked_up = settings.walk.is_some() || matches!(settings.name, Naming::Attribute(_));
    if !is_looked_up {
        return level.iter().try_for_each(|dn| found.name(dn, None));
    }
    while !level.is_empty() {
        let entries = look_up(attribute, settings, level, searches).await?;
        level = Vec::new();
        found.go_deeper();
        for (dn, entry) in entries {
            found.name(&dn, Some(&entry))?;
            if settings.walk.is_some() {
                level.extend(named(attribute, settings, &entry, found, searches).await?);
            }
        }
    }
    Ok(())
}

/// The groups that an entry names: those that count and are new.
async fn named<S: Searches>(
    attribute: &str,
    settings: &Settings,
    entry: &Entry,
    found: &mut Found<'_>,
    searches: &mut S,
) -> Result<Vec<Dn>, Reason> {
    let mut groups = Vec::new();
    for value in range::values(entry, attribute, searches).await? {
        let dn = parsed(&value)?;
        if settings.counts(&dn) && found.is_new(&dn)? {
            groups.push(dn);
        }
    }
    Ok(groups)
}

/// The entries of groups, many in one search.
async fn look_up<S: Searches>(
    attribute: &str,
    settings: &Settings,
    groups: Vec<Dn>,
    searches: &mut S,
) -> Result<Vec<(Dn, Entry)>, Reason> {
    let by = settings.identifiers.dn.as_str();
    let mut attributes = Vec::new();
    if settings.walk.is_some() {
        attributes.push(attribute);
    }
    if let Naming::Attribute(name) = &settings.name {
        attributes.push(name);
    }
    let filters = groups.iter().map(|dn| Filter::equal(by, dn.as_str()));
    let mut entries = HashMap::new();
    for (filter, count) in batches(filters) {
        let search = Search {
            base: settings.base(),
            scope: settings.scope,
            filter: &filter,
            attributes: &attributes,
            most_entries: count,
        };
        let more = || malformed("more groups than it was asked for by name");
        let found = searches.search(search).await;
        for entry in found.map_err(|error| error.reason(more))? {
            entries.insert(parsed(entry.dn())?.normal(), entry);
        }
    }
    let looked_up = groups.into_iter().map(|dn| {
        let entry = entries.remove(&dn.normal()).ok_or_else(|| {
            refused(&format!(
                "the group {} cannot be looked up by its {by}",
                quoted(dn.as_str())
            ))
        })?;
        Ok((dn, entry))
    });
    looked_up.collect()
}
