//! From a command to its record: who wants it, who ran it, what of it may be seen.

use smallvec::SmallVec;
use warden_audit::event::{Argument, Command, CommandResult, Denial, Origin};
use warden_audit::redact::shown_error;
use warden_audit::{Category, Event, Hidden, Interest, SinkSet};
use warden_core::ClientId;

use super::super::changes::Settings;
use super::super::commands::{CommandId, Facts};
use super::Observer;
use super::runners::Behind;
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
    /// Whether it failed, and if it is a log-in nobody else tells of it.
    pub(super) is_unheard: bool,
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
            is_unheard: false,
            at_us: cached_microseconds(),
        }
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
        let of = (interest, self.epoch);
        let mut selected = None;
        let (known, wants) = match self.clients.get(lock, seen.client, of) {
            Some(known) => (Some(known), known.wants_of(facts)),
            None => {
                // A connection that the server does not find any more works for nobody else.
                let behind = if self.clients.is_connection(seen.client) {
                    Behind::Nobody
                } else {
                    self.behind(lock)
                };
                let runner = behind.known();
                selected = self.selected;
                if seen.origin == Origin::Client {
                    seen.origin = match behind {
                        Behind::One(_) | Behind::Several => Origin::Script,
                        Behind::Nobody => Origin::Module,
                    };
                }
                // Of a module that works for nobody there is no client at all.
                seen.client = runner.unwrap_or(seen.client);
                let known = runner.and_then(|runner| self.clients.get(lock, runner, of));
                let wants = match known {
                    Some(known) => known.wants_of(facts),
                    // A client's, and nobody knows whose.
                    None if matches!(behind, Behind::Several) => {
                        interest.of_client(b"", None, false)
                    }
                    None => interest.of_client(b"", None, true),
                };
                (known, wants)
            }
        };
        if wants.sinks.or(wants.config_sinks).is_empty() {
            return;
        }
        let (wanted, always) = wanted(interest, facts, &seen);
        let sinks = wanted.and(wants.sinks).or(always.and(wants.config_sinks));
        if sinks.is_empty() {
            return;
        }
        if known.is_some_and(|known| known.is_replicating(facts)) {
            seen.origin = Origin::Replication;
        }
        let hidden = hidden(facts, words, &self.settings);
        let shown = Shown {
            facts,
            words,
            hidden,
        };
        let mut arguments = SmallVec::new();
        let left_out = shown.arguments(interest.payload_max_bytes(), &mut arguments);
        let event = Event::Command(Command {
            category: facts.category,
            name: &facts.name,
            origin: seen.origin,
            database: selected.or(known.map(|known| known.database)),
            key: shown.key(),
            arguments,
            left_out,
            result: shown.result(seen.result),
            duration_us: seen.duration_us,
            keys_modified: seen.keys_modified,
        });
        let client = known.map(|known| known.client(seen.client));
        self.trail.push(sinks, seen.at_us, client.as_ref(), &event);
    }
}

/// Who wants a command, and who wants it whatever they want of its client.
fn wanted(interest: &Interest, facts: &Facts, seen: &Seen<'_>) -> (SinkSet, SinkSet) {
    let always = match facts.category {
        // Log-ins tell more of these.
        Category::Auth if !seen.is_unheard => return (SinkSet::NONE, SinkSet::NONE),
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

/// What of a command must not be seen.
fn hidden(facts: &Facts, words: &Words<'_>, settings: &Settings) -> Hidden {
    if facts.redaction.is_plain() {
        return Hidden::NONE;
    }
    let words: SmallVec<[&[u8]; 16]> = words.iter().collect();
    let has = |name: &[u8]| settings.has(name);
    facts.redaction.hidden_among(&facts.name, &words, has)
}

/// What of a command is shown.
struct Shown<'f, 'w> {
    facts: &'f Facts,
    words: &'f Words<'w>,
    hidden: Hidden,
}

impl<'w> Shown<'_, 'w> {
    fn argument(&self, place: usize, word: &'w [u8], most: usize) -> Argument<'w> {
        if self.hidden.hides(place) {
            Argument::Redacted
        } else {
            cut(word, most)
        }
    }

    /// Its first key.
    fn key(&self) -> Option<Argument<'w>> {
        let place = self.facts.first_key;
        if place == 0 {
            return None;
        }
        let key = self.words.get(place)?;
        Some(self.argument(place, key, KEY_BYTES))
    }

    /// Everything after the name but the first key, at most `most` bytes of it; answers how many
    /// arguments were left out.
    fn arguments(&self, most: usize, shown: &mut SmallVec<[Argument<'w>; 4]>) -> u32 {
        let (facts, count) = (self.facts, self.words.len());
        let names = 1 + usize::from(facts.name.contains(&b'|'));
        let mut left = most;
        for place in names..count {
            if place == facts.first_key {
                continue;
            }
            if left == 0 || shown.len() == MOST_ARGUMENTS {
                let has_key = usize::from(facts.first_key > place);
                return u32::try_from(count - place - has_key).unwrap_or(u32::MAX);
            }
            let Some(word) = self.words.get(place) else {
                break;
            };
            shown.push(self.argument(place, word, left));
            if !self.hidden.hides(place) {
                left = left.saturating_sub(word.len());
            }
        }
        0
    }

    /// How it ended. What the ACL denied may be an argument that must not be seen.
    fn result(&self, result: CommandResult<'w>) -> CommandResult<'w> {
        match result {
            CommandResult::Denied(denial, Some(object)) if self.is_hidden(object) => {
                CommandResult::Denied(denial, Some(Argument::Redacted))
            }
            other => other,
        }
    }

    fn is_hidden(&self, object: Argument<'_>) -> bool {
        let (Argument::Plain(object) | Argument::Cut(object, _)) = object else {
            return true;
        };
        let mut places = self.words.iter().enumerate();
        places.any(|(place, word)| self.hidden.hides(place) && word.starts_with(object))
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
