//! From a command to its record: who wants it, who ran it, what of it may be seen.

use smallvec::SmallVec;
use warden_audit::event::{Argument, Command, CommandResult, Denial, Origin};
use warden_audit::redact::shown_error;
use warden_audit::{Category, Event, Hidden, Interest, SinkSet};
use warden_core::ClientId;

use super::super::commands::{CommandId, Facts};
use super::Observer;
use crate::ffi::{Ended, Finished, ServerLock, Words, cached_microseconds};

/// Most arguments of one command that a record holds.
const MOST_ARGUMENTS: usize = 128;

/// Longest part of a key that a record holds, in bytes.
const KEY_BYTES: usize = 4096;

/// What is known of a command besides its words.
pub(super) struct Seen<'a> {
    pub(super) client: ClientId,
    pub(super) origin: Origin,
    pub(super) result: CommandResult<'a>,
    pub(super) duration_us: Option<u64>,
    pub(super) keys_modified: Option<u64>,
    pub(super) at_us: u64,
}

impl<'a> Seen<'a> {
    pub(super) fn of(finished: &Finished<'a>) -> Self {
        Self {
            client: finished.client,
            origin: if finished.by_module {
                Origin::Module
            } else {
                Origin::Client
            },
            result: match finished.ended {
                Ended::Success => CommandResult::Success,
                Ended::Failure => CommandResult::Failure,
                Ended::Rejected(error) => CommandResult::Rejected(shown_error(error)),
                Ended::Denied(what, object) => denied(what, object),
            },
            duration_us: Some(finished.duration_us),
            keys_modified: Some(finished.keys_modified),
            at_us: cached_microseconds(),
        }
    }
}

/// What the ACL denied. The key or channel is one of the arguments, and shown as they are.
fn denied(what: u64, object: Option<&[u8]>) -> CommandResult<'_> {
    let denial = match what {
        0 => Denial::Authentication,
        2 => Denial::Key,
        3 => Denial::Channel,
        4 => Denial::Database,
        _ => Denial::Command,
    };
    CommandResult::Denied(denial, object.map(|object| cut(object, KEY_BYTES)))
}

fn cut(bytes: &[u8], most: usize) -> Argument<'_> {
    match bytes.get(..most) {
        Some(start) if bytes.len() > most => Argument::Cut(start, bytes.len() as u64),
        _ => Argument::Plain(bytes),
    }
}

impl Observer {
    /// Records a command, if a sink wants it.
    pub(super) fn record(
        &mut self,
        lock: &ServerLock,
        command: CommandId,
        words: &Words<'_>,
        mut seen: Seen<'_>,
    ) {
        let Some(facts) = self.commands.facts(command) else {
            return;
        };
        let interest = &self.roster.interest;
        let (wanted, always) = wanted(interest, facts, &seen);
        if wanted.or(always).is_empty() {
            return;
        }
        let runner = self.runner.as_ref().map(|runner| runner.client);
        let of = (interest, self.epoch);
        let mut selected = None;
        let known = match self.clients.get(lock, seen.client, of) {
            Some(known) => Some(known),
            None => {
                selected = self.selected;
                if seen.origin == Origin::Client {
                    seen.origin = match runner {
                        Some(_) => Origin::Script,
                        None => Origin::Module,
                    };
                }
                // Of a module that works for nobody there is no client at all.
                seen.client = runner.unwrap_or(seen.client);
                runner.and_then(|runner| self.clients.get(lock, runner, of))
            }
        };
        let wants = known.map_or_else(|| interest.of_client(b"", None, true), |known| known.wants);
        let sinks = wanted.and(wants.sinks).or(always.and(wants.config_sinks));
        if sinks.is_empty() {
            return;
        }
        if known.is_some_and(|known| known.is_internal) {
            seen.origin = Origin::Replication;
        }
        let at_us = seen.at_us;
        let database = selected.or(known.map(|known| known.database));
        let client = known.map(|known| known.client(seen.client));
        let shown = described(facts, words, seen, interest.payload_max_bytes());
        let event = Event::Command(Command { database, ..shown });
        self.trail.push(sinks, at_us, client.as_ref(), &event);
    }
}

/// Who wants a command, and who wants it whatever they want of its client.
fn wanted(interest: &Interest, facts: &Facts, seen: &Seen<'_>) -> (SinkSet, SinkSet) {
    let always = match facts.category {
        // Log-ins tell more of these.
        Category::Auth => return (SinkSet::NONE, SinkSet::NONE),
        Category::Config => interest.always_config(),
        _ => SinkSet::NONE,
    };
    let needs_success = matches!(facts.category, Category::Keys | Category::Other)
        && matches!(seen.result, CommandResult::Success | CommandResult::Unknown);
    let sinks = if needs_success {
        facts.sinks.and(interest.successes())
    } else {
        facts.sinks
    };
    (sinks, always)
}

/// A command with what of it may be seen, cut to `most` bytes of arguments.
fn described<'a>(
    facts: &'a Facts,
    words: &Words<'a>,
    mut seen: Seen<'a>,
    most: usize,
) -> Command<'a> {
    let hidden = hidden(facts, words);
    if let CommandResult::Denied(denial, Some(object)) = seen.result
        && is_hidden(hidden, words, object)
    {
        seen.result = CommandResult::Denied(denial, Some(Argument::Redacted));
    }
    let (arguments, left_out) = arguments(facts, words, hidden, most);
    let key = (facts.first_key > 0)
        .then(|| words.get(facts.first_key))
        .flatten();
    Command {
        category: facts.category,
        name: &facts.name,
        origin: seen.origin,
        database: None,
        key: key.map(|key| shown(hidden, facts.first_key, key, KEY_BYTES)),
        arguments,
        left_out,
        result: seen.result,
        duration_us: seen.duration_us,
        keys_modified: seen.keys_modified,
    }
}

/// What of a command must not be seen.
fn hidden(facts: &Facts, words: &Words<'_>) -> Hidden {
    if facts.redaction.is_plain() {
        return Hidden::NONE;
    }
    let words: SmallVec<[&[u8]; 16]> = words.iter().collect();
    facts.redaction.hidden(&words)
}

/// Whether what the ACL denied is an argument that must not be seen.
fn is_hidden(hidden: Hidden, words: &Words<'_>, object: Argument<'_>) -> bool {
    let (Argument::Plain(object) | Argument::Cut(object, _)) = object else {
        return true;
    };
    let mut places = words.iter().enumerate();
    places.any(|(place, word)| hidden.hides(place) && word.starts_with(object))
}

fn shown(hidden: Hidden, place: usize, word: &[u8], most: usize) -> Argument<'_> {
    if hidden.hides(place) {
        Argument::Redacted
    } else {
        cut(word, most)
    }
}

/// Everything after the name but the first key, at most so many bytes; and how many arguments
/// were left out.
fn arguments<'a>(
    facts: &Facts,
    words: &Words<'a>,
    hidden: Hidden,
    most: usize,
) -> (SmallVec<[Argument<'a>; 6]>, u32) {
    let names = 1 + usize::from(facts.name.contains(&b'|'));
    let count = words.len();
    let mut left = most;
    let mut shown = SmallVec::new();
    for place in names..count {
        if place == facts.first_key {
            continue;
        }
        if left == 0 || shown.len() == MOST_ARGUMENTS {
            let rest = count - place;
            let has_key = usize::from(facts.first_key > place);
            return (shown, u32::try_from(rest - has_key).unwrap_or(u32::MAX));
        }
        let Some(word) = words.get(place) else {
            break;
        };
        shown.push(self::shown(hidden, place, word, left));
        if !hidden.hides(place) {
            left = left.saturating_sub(word.len());
        }
    }
    (shown, 0)
}
