//! Attributes of more values than a directory sends at once (`memberOf;range=0-1499`).
//!
//! In come an entry and the name of an attribute; out go all its values, of which
//! Active Directory sends so many in each answer. A range that leaves a gap, goes back, or
//! never ends is an error: of half the groups nobody is made a member.

use ldap3::Scope;
use warden_core::{Reason, ReasonKind};

use super::entry::{Entry, malformed};
use super::filter::Filter;
use super::{Search, Searches};
use crate::quote::quoted;

/// Most values of one attribute, and most answers they may come in.
const MAX_VALUES: usize = 10_000;
const MAX_ANSWERS: usize = 100;

/// From one value to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: usize,
    /// `None`: the range goes to the end.
    last: Option<usize>,
}

impl Range {
    /// Reads the option, in lower case: `range=0-1499` or `range=1500-*`.
    fn parse(option: &str) -> Option<Self> {
        let (first, last) = option.strip_prefix("range=")?.split_once('-')?;
        let number = |text: &str| -> Option<usize> {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let first = number(first)?;
        let last = match last {
            "*" => None,
            last => Some(number(last).filter(|last| *last >= first)?),
        };
        Some(Self { first, last })
    }
}

/// All values of an attribute, as text.
///
/// # Errors
/// `ReasonKind::Claims` for more than 10,000 values; `ReasonKind::Unavailable` for ranges
/// that are none, or when the directory cannot be asked for the next.
pub(super) async fn values<S: Searches>(
    entry: &Entry,
    attribute: &str,
    searches: &mut S,
) -> Result<Vec<String>, Reason> {
    let mut all = Vec::new();
    let Some(mut range) = take(entry, attribute, &mut all)? else {
        return Ok(all);
    };
    if range.first != 0 || !entry.values(attribute).is_empty() {
        return Err(odd(attribute, "whose ranges do not begin at the first"));
    }
    for _ in 1..MAX_ANSWERS {
        let Some(last) = range.last else {
            return Ok(all);
        };
        if all.len() != last.saturating_add(1) {
            return Err(odd(attribute, "in ranges of other lengths than they say"));
        }
        let next = next(entry, attribute, all.len(), searches).await?;
        range = take(&next, attribute, &mut all)?
            .filter(|range| range.first == last.saturating_add(1))
            .ok_or_else(|| odd(attribute, "whose ranges do not follow each other"))?;
    }
    Err(odd(attribute, "in ranges without end"))
}

/// Adds the values of one answer; which range they are, unless they are all.
fn take(entry: &Entry, attribute: &str, all: &mut Vec<String>) -> Result<Option<Range>, Reason> {
    let mut options = entry
        .options(attribute)
        .filter(|options| options.contains("range="));
    let option = options.next();
    if options.next().is_some() {
        return Err(odd(attribute, "in several ranges at once"));
    }
    let (range, values) = match option {
        None => (None, entry.texts(attribute)?),
        Some(option) => {
            let range = Range::parse(option)
                .ok_or_else(|| odd(attribute, "in a range that cannot be read"))?;
            (Some(range), entry.texts(&described(attribute, option))?)
        }
    };
    if all.len() + values.len() > MAX_VALUES {
        return Err(Reason::new(
            ReasonKind::Claims,
            format!(
                "the attribute {} has more than {MAX_VALUES} values",
                quoted(attribute)
            ),
        ));
    }
    all.extend(values.into_iter().map(str::to_owned));
    Ok(range)
}

/// The entry again, with the values from this one on.
async fn next<S: Searches>(
    entry: &Entry,
    attribute: &str,
    from: usize,
    searches: &mut S,
) -> Result<Entry, Reason> {
    let wanted = described(attribute, &format!("range={from}-*"));
    let search = Search {
        base: entry.dn(),
        scope: Scope::Base,
        filter: &Filter::present("objectClass"),
        attributes: &[wanted.as_str()],
        most_entries: 1,
    };
    let found = searches.search(search).await;
    let mut found =
        found.map_err(|error| error.reason(|| malformed("several entries of one name")))?;
    let next = found.pop();
    next.ok_or_else(|| odd(attribute, "in ranges and no longer has the entry"))
}

fn described(attribute: &str, options: &str) -> String {
    [attribute, ";", options].concat()
}

fn odd(attribute: &str, how: &str) -> Reason {
    malformed(&format!("the attribute {} {how}", quoted(attribute)))
}
