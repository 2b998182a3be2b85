//! What happened to the first record that does not follow the one before it.
//!
//! In: the record before, the entry that does not follow, and all that come behind it. Out:
//! whether a record is missing, changed, moved, added or cut. The entry behind tells which: it
//! follows the true neighbour of what was touched.

use warden_audit::chain;

use super::Source;
use super::entry::Entry;
use super::problem::{Kind, Problem};
use super::trail::{Before, Trail, Wrong};
use crate::audit::lines::Place;
use crate::error::Error;

/// Names the problem. Reads on where only what comes later tells.
pub(super) fn judge(
    wrong: Wrong,
    trail: &Trail,
    entry: Entry,
    following: Option<Entry>,
    source: &mut Source,
) -> Result<Problem, Error> {
    if let Wrong::Told(problem) = wrong {
        return Ok(problem);
    }
    let before = trail.before().unwrap_or(Before {
        sequence: 0,
        value: chain::BEGINNING,
    });
    let expected = before.sequence.saturating_add(1);
    let place = entry.place.clone();
    let problem = |kind, sequence, what| Problem {
        kind,
        place: place.clone(),
        sequence,
        what,
    };
    // Whether the record that belongs here stands right behind.
    let is_extra = following
        .as_ref()
        .is_some_and(|following| following.follows(&before.value, expected));
    let record = match &entry.record {
        Ok(record) => record,
        Err(why) if is_extra => {
            let what = format!("this line was added before record {expected}: it {why}");
            return Ok(problem(Kind::Added, expected, what));
        }
        Err(why) if !entry.has_end => {
            let what =
                format!("record {expected} is cut off, or was being written just now: it {why}");
            return Ok(problem(Kind::Cut, expected, what));
        }
        Err(why) => {
            let what = format!("record {expected} was changed: it {why}");
            return Ok(problem(Kind::Changed, expected, what));
        }
    };
    let own = record.sequence;
    let is_changed = following
        .as_ref()
        .is_none_or(|following| following.follows(&record.value, expected.saturating_add(1)));
    if record.continues(&before.value) {
        let what = format!("record {expected} was changed: it has the number {own}");
        return Ok(problem(Kind::Changed, expected, what));
    }
    if is_next_below(trail, own) {
        let what = format!(
            "record {own} was moved: it stands behind record {}",
            before.sequence
        );
        return Ok(problem(Kind::Moved, own, what));
    }
    let is_beginning = own == 1 && record.value != trail.first_value;
    if is_beginning && !is_extra && record.continues(&chain::BEGINNING) {
        let what = format!(
            "records begin anew behind record {}: what was between cannot be told; if files are \
             in another order than they were written, name the oldest first",
            before.sequence
        );
        return Ok(problem(Kind::BegunAnew, expected, what));
    }
    if is_extra && own == expected {
        let what = format!("a record of the number {own} was added before the true one");
        return Ok(problem(Kind::Added, own, what));
    }
    if own == expected || (!is_extra && is_changed && following.is_some()) {
        let what = format!("record {expected} was changed: it is not what its chain value is of");
        return Ok(problem(Kind::Changed, expected, what));
    }
    if own < expected {
        let what = format!("record {own} stands here a second time");
        return Ok(problem(Kind::Added, own, what));
    }
    let [expected_at, own_at] = find(following, source, [expected, own])?;
    Ok(match (is_extra, expected_at, own_at) {
        (true, _, Some(_)) => {
            let what = format!("a copy of record {own} was added before record {expected}");
            problem(Kind::Added, own, what)
        }
        (true, _, None) => {
            let what = format!("record {own} was moved: it stands before record {expected}");
            problem(Kind::Moved, own, what)
        }
        (false, Some(Place { file, line }), _) => {
            let what = format!(
                "record {expected} was moved: record {own} stands here, and it at {file:?}, line \
                 {line}"
            );
            problem(Kind::Moved, expected, what)
        }
        (false, None, _) => problem(Kind::Missing, expected, missing(expected, own)),
    })
}

/// Whether it belongs right before the first.
fn is_next_below(trail: &Trail, number: u64) -> bool {
    let first = trail.first.as_ref();
    first.is_some_and(|(first, _)| number.checked_add(1) == Some(*first))
}

fn missing(expected: u64, own: u64) -> String {
    let last = own.saturating_sub(1);
    if last == expected {
        format!("record {expected} is missing: record {own} follows")
    } else {
        format!("records {expected} to {last} are missing: record {own} follows")
    }
}

/// Where records of these numbers first stand from here on.
fn find(
    following: Option<Entry>,
    source: &mut Source,
    numbers: [u64; 2],
) -> Result<[Option<Place>; 2], Error> {
    let mut places = [None, None];
    let mut next = following;
    while let Some(entry) = next {
        if let Ok(record) = &entry.record {
            for (number, place) in numbers.iter().zip(&mut places) {
                if record.sequence == *number && place.is_none() {
                    *place = Some(entry.place.clone());
                }
            }
        }
        if places.iter().all(Option::is_some) {
            break;
        }
        next = source.entry()?;
    }
    Ok(places)
}
