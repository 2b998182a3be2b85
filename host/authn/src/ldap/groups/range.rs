//! Attributes of more values than a directory sends at once (`memberOf;range=0-1499`).
//!
//! In come an entry and the name of an attribute; out go all its values, of which
//! Active Directory sends so many in each answer. A range that leaves a gap, goes back, or
//! never ends is an error: of half the groups nobody is made a member.

use ldap3::Scope;
use warden_core::{Reason, ReasonKind};
use warden_settings::quoted;

use super::entry::{Entry, malformed};
use super::{Filter, Search, Searches};

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

#[cfg(test)]
mod tests {
    use super::super::testing::{Script, entry, ready};
    use super::*;

    /// One answer to the question for `memberOf`.
    type Answer<'a> = &'a [(&'a str, &'a [&'a str])];

    fn all(answers: &[Answer<'_>]) -> (Result<Vec<String>, Reason>, usize) {
        let mut answers = answers.iter().map(|attributes| entry("cn=a", attributes));
        let first = answers.next().unwrap();
        let mut script = Script::new(answers.map(|answer| vec![answer]));
        let all = ready(values(&first, "memberOf", &mut script));
        (all, script.asked)
    }

    #[test]
    fn ranges_are_followed_to_the_end() {
        let (values, asked) = all(&[&[("memberOf", &["a", "b"])]]);
        assert_eq!((values.unwrap(), asked), (vec!["a".into(), "b".into()], 0));
        let (values, asked) = all(&[
            &[("memberOf", &[]), ("MEMBEROF;RANGE=0-1", &["a", "b"])],
            &[("memberof;range=2-2", &["c"])],
            &[("memberOf;Range=3-*", &["d"])],
        ]);
        assert_eq!((values.unwrap().concat(), asked), ("abcd".to_owned(), 2));
        let (values, _) = all(&[&[("memberOf;range=0-*", &["a"])]]);
        assert_eq!(values.unwrap(), ["a"]);
        assert!(all(&[&[]]).0.unwrap().is_empty());
    }

    #[test]
    fn ranges_that_lie_are_refused() {
        let two: (&str, &[&str]) = ("memberOf;range=0-1", &["a", "b"]);
        for answers in [
            // Not from the first on.
            &[&[("memberOf;range=1-*", &["a"][..])][..]][..],
            // Beside values outside of ranges, or another range.
            &[&[("memberOf", &["x"]), two]],
            &[&[two, ("memberOf;range=2-*", &["c"])]],
            // Not a range.
            &[&[("memberOf;range=", &["a"])]],
            &[&[("memberOf;range=0", &["a"])]],
            &[&[("memberOf;range=-0-1", &["a"])]],
            &[&[("memberOf;range=1-0", &["a"])]],
            &[&[("memberOf;range=0-99999999999999999999", &["a"])]],
            &[&[("memberOf;lang-de;range=0-*", &["a"])]],
            // More or fewer than it says.
            &[&[("memberOf;range=0-1", &["a"])]],
            &[&[("memberOf;range=0-1", &["a", "b", "c"])]],
            &[
                &[("memberOf;range=0-1", &["a"])],
                &[("memberOf;range=2-*", &["c"])],
            ],
            &[
                &[("memberOf;range=0-1", &["a", "b", "c"])],
                &[("memberOf;range=2-*", &["d"])],
            ],
            // Again, backwards, with a gap, or no more.
            &[&[two], &[two]],
            &[&[two], &[("memberOf;range=1-*", &["b"])]],
            &[&[two], &[("memberOf;range=3-*", &["d"])]],
            &[&[two], &[("memberOf", &["c"])]],
            &[&[two], &[]],
        ] {
            let reason = all(answers).0.unwrap_err();
            assert_eq!(reason.kind(), ReasonKind::Unavailable, "{answers:?}");
        }
        let gone = entry("cn=a", &[two]);
        let mut nobody = Script::new([]);
        assert!(ready(values(&gone, "memberOf", &mut nobody)).is_err());
    }

    #[test]
    fn ranges_without_end_are_left_at_a_limit() {
        let answers = (0..300).map(|n| {
            let description = format!("memberOf;range={n}-{n}");
            entry("cn=a", &[(&description, &["x"])])
        });
        let mut answers: Vec<Entry> = answers.collect();
        let first = answers.remove(0);
        let mut script = Script::new(answers.into_iter().map(|answer| vec![answer]));
        let reason = ready(values(&first, "memberOf", &mut script)).unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::Unavailable);
        assert!(script.asked <= MAX_ANSWERS, "{}", script.asked);
    }

    #[test]
    fn more_values_than_may_be_are_refused_rather_than_cut() {
        let many = vec!["x"; 5001];
        let (values, asked) = all(&[
            &[("memberOf;range=0-5000", &many)],
            &[("memberOf;range=5001-10001", &many)],
        ]);
        assert_eq!(values.unwrap_err().kind(), ReasonKind::Claims);
        assert_eq!(asked, 1);
    }
}
