//! The one walk over a record: what it says, field by field.
//!
//! In: a record. Out: (field, value) pairs, in the order of [`Field`], to whoever writes them.
//! An absent value is no pair; an empty name is absent. What a sink does not want to see of
//! arguments is left out here, for all formats alike.

use std::net::IpAddr;

use super::class::class;
use super::{Field, Numbered};
use crate::event::{
    Argument, Attempt, Authentication, Change, Client, Command, CommandResult, Event, Origin,
    Record, Reload,
};
use crate::settings::Payload;

/// Takes pairs, in the order of [`Field`], each field at most once.
pub(super) trait Pairs {
    fn time(&mut self, field: Field, at_us: u64);
    fn number(&mut self, field: Field, number: u64);
    fn flag(&mut self, field: Field, is_so: bool);
    /// A word of our own, which no format must quote.
    fn word(&mut self, field: Field, word: &str);
    /// Any bytes, but never none.
    fn bytes(&mut self, field: Field, value: &[u8]);
    fn argument(&mut self, field: Field, argument: Argument<'_>);
    /// Never an empty one.
    fn list<'a>(&mut self, field: Field, items: impl Iterator<Item = Argument<'a>>);
    /// What only JSON says: after the time.
    fn class(&mut self, class: &'static str) {
        let _ = class;
    }
    /// Whether everything from [`Field::User`] to [`Field::ClientName`] is told already, as it
    /// was told of this version of a client before.
    fn is_told(&mut self, version: u64) -> bool {
        let _ = version;
        false
    }
    /// It is told now.
    fn told(&mut self) {}
}

/// What all events have, each in its own way.
struct Head<'a> {
    action: &'a [u8],
    outcome: &'static str,
    failure: &'static str,
    reason: &'a str,
    error: &'a [u8],
}

/// Tells what a record says.
pub(super) fn walk(pairs: &mut impl Pairs, numbered: &Numbered<'_, '_>, payload: Payload) {
    let record = numbered.record;
    let head = head(&record.event);
    pairs.time(Field::Time, record.at_us);
    pairs.class(class(&record.event));
    pairs.number(Field::Sequence, numbered.sequence);
    if !numbered.node.is_empty() {
        pairs.word(Field::Node, numbered.node);
    }
    pairs.word(Field::Category, record.event.category().as_str());
    bytes(pairs, Field::Action, head.action);
    pairs.word(Field::Outcome, head.outcome);
    if !head.failure.is_empty() {
        pairs.word(Field::Failure, head.failure);
    }
    bytes(pairs, Field::Reason, head.reason.as_bytes());
    bytes(pairs, Field::Error, head.error);
    match version(record) {
        Some(version) if pairs.is_told(version) => {}
        Some(_) => {
            who(pairs, record);
            pairs.told();
        }
        None => who(pairs, record),
    }
    what(pairs, &record.event, payload);
}

/// The version of a record's client, where that alone tells everything from `user` to
/// `client_name`.
fn version(record: &Record<'_>) -> Option<u64> {
    let is_its_own = matches!(record.event, Event::Authentication(_) | Event::Reload(_));
    let version = record.client.as_ref().map(|client| client.version);
    version.filter(|version| *version != 0 && !is_its_own)
}

/// An empty value is an absent one.
fn bytes(pairs: &mut impl Pairs, field: Field, value: &[u8]) {
    if !value.is_empty() {
        pairs.bytes(field, value);
    }
}

/// Numbers of things are never 0.
fn number(pairs: &mut impl Pairs, field: Field, number: u64) {
    if number > 0 {
        pairs.number(field, number);
    }
}

fn head<'a>(event: &Event<'a>) -> Head<'a> {
    let mut head = Head {
        action: b"",
        outcome: "success",
        failure: "",
        reason: "",
        error: b"",
    };
    head.action = match event {
        Event::Opened => b"connect",
        Event::Closed => b"disconnect",
        Event::Authentication(authentication) => {
            head.reason = authentication.reason;
            head.outcome = match authentication.attempt {
                Attempt::Success => "success",
                Attempt::Failure => "failure",
                Attempt::Begun | Attempt::Unknown => "unknown",
            };
            match authentication.attempt {
                Attempt::Begun => b"login-attempt",
                _ => b"login",
            }
        }
        Event::SessionEnd(end) => {
            head.reason = end.cause;
            b"session-end"
        }
        Event::Command(command) => {
            (head.outcome, head.failure, head.error) = ending(command.result);
            command.name
        }
        Event::Setting(_) => b"setting-change",
        Event::AclUser(change) => match (change.before, change.after) {
            (None, _) => b"acl-user-create",
            (Some(_), Some(_)) => b"acl-user-change",
            (Some(_), None) => b"acl-user-delete",
        },
        Event::Reload(reload) => {
            if !reload.errors.is_empty() {
                head.outcome = "failure";
            }
            b"reload"
        }
        Event::Start(_) => b"audit-start",
        Event::Stop => b"audit-stop",
        Event::Loss(loss) => {
            head.outcome = "failure";
            head.reason = loss.cause;
            b"audit-loss"
        }
        Event::Checkpoint(_) => b"audit-checkpoint",
    };
    head
}

/// Outcome, failure and error of a command.
fn ending(result: CommandResult<'_>) -> (&'static str, &'static str, &[u8]) {
    match result {
        CommandResult::Unknown => ("unknown", "", b""),
        CommandResult::Success => ("success", "", b""),
        CommandResult::Failure => ("failure", "failed", b""),
        CommandResult::Rejected(error) => ("failure", "rejected", error),
        CommandResult::Denied(..) => ("failure", "denied", b""),
    }
}

/// From `user` to `client_name`.
fn who(pairs: &mut impl Pairs, record: &Record<'_>) {
    let client = record.client.unwrap_or_default();
    let session = client.session;
    let known = session.map_or(("", "", 0), |session| {
        (session.authenticator, session.principal, session.generation)
    });
    let (mut authenticator, mut principal, mut generation) = known;
    match &record.event {
        Event::Authentication(told) => {
            bytes(pairs, Field::User, told.user);
            bytes(pairs, Field::RunningAs, client.user);
            // About this log-in, not about the session that was there before.
            authenticator = told.authenticator;
            principal = told.principal;
            generation = told.grant.map_or(0, |grant| grant.generation);
        }
        Event::Reload(reload) => {
            bytes(pairs, Field::User, client.user);
            generation = reload.generation;
        }
        _ => bytes(pairs, Field::User, client.user),
    }
    bytes(pairs, Field::Authenticator, authenticator.as_bytes());
    bytes(pairs, Field::Principal, principal.as_bytes());
    if let Some(session) = session {
        pairs.number(Field::Session, session.id);
        bytes(pairs, Field::Decision, session.decision.as_bytes());
    }
    number(pairs, Field::Generation, generation);
    if let Some(client) = &record.client {
        connection(pairs, client);
    }
}

/// From `connection` to `client_name`.
fn connection(pairs: &mut impl Pairs, client: &Client<'_>) {
    pairs.number(Field::Connection, client.id);
    let is_ip = client.address.parse::<IpAddr>().is_ok();
    let field = if is_ip { Field::Address } else { Field::Socket };
    bytes(pairs, field, client.address.as_bytes());
    number(pairs, Field::Port, u64::from(client.port));
    pairs.flag(Field::Tls, client.tls);
    bytes(pairs, Field::ClientName, client.name);
}

/// What the event alone has.
fn what(pairs: &mut impl Pairs, event: &Event<'_>, payload: Payload) {
    match event {
        Event::Opened | Event::Closed | Event::Stop => {}
        Event::Authentication(told) => authentication(pairs, told),
        Event::SessionEnd(end) => {
            pairs.number(Field::Duration, end.lasted_us.saturating_mul(1000));
        }
        Event::Command(told) => command(pairs, told, payload),
        Event::Setting(told) => change(pairs, Field::Setting, told),
        Event::AclUser(told) => change(pairs, Field::AclUser, told),
        Event::Reload(told) => reload(pairs, told),
        Event::Start(start) => {
            bytes(pairs, Field::Version, start.version.as_bytes());
            bytes(pairs, Field::Server, start.server.as_bytes());
            pairs.flag(Field::Resumed, start.resumed);
            number(pairs, Field::CutBytes, start.cut_bytes);
        }
        Event::Loss(loss) => pairs.number(Field::Lost, loss.records),
        Event::Checkpoint(checkpoint) => {
            bytes(pairs, Field::PublicKey, checkpoint.key.as_bytes());
            bytes(pairs, Field::Signature, checkpoint.signature.as_bytes());
        }
    }
}

fn authentication(pairs: &mut impl Pairs, told: &Authentication<'_>) {
    bytes(pairs, Field::Method, told.method.as_bytes());
    bytes(pairs, Field::Issuer, told.issuer.as_bytes());
    bytes(pairs, Field::Module, told.module.as_bytes());
    let Some(grant) = told.grant else {
        return;
    };
    bytes(pairs, Field::Policies, grant.policies.as_bytes());
    bytes(pairs, Field::Digest, grant.digest.as_bytes());
    bytes(pairs, Field::Rules, grant.rules.as_bytes());
    if let Some(expires_us) = grant.expires_us {
        pairs.time(Field::Expires, expires_us);
    }
}

fn command(pairs: &mut impl Pairs, told: &Command<'_>, payload: Payload) {
    if let Some(duration_us) = told.duration_us {
        pairs.number(Field::Duration, duration_us.saturating_mul(1000));
    }
    bytes(pairs, Field::Command, told.name);
    let origin = match told.origin {
        Origin::Client => "client",
        Origin::Script => "script",
        Origin::Module => "module",
        Origin::Replication => "replication",
    };
    pairs.word(Field::Origin, origin);
    if let Some(database) = told.database {
        pairs.number(Field::Database, u64::from(database));
    }
    if let Some(key) = told.key {
        pairs.argument(Field::Key, key);
    }
    arguments(pairs, told, payload);
    if let CommandResult::Denied(denial, object) = told.result {
        pairs.word(Field::Denied, denial.as_str());
        if let Some(object) = object {
            pairs.argument(Field::DeniedObject, object);
        }
    }
    if let Some(keys) = told.keys_modified {
        pairs.number(Field::KeysModified, keys);
    }
}

/// Shows as many arguments as there is room for; the last of them may be cut. Each takes at
/// least one byte of the room, so that very many empty ones are bounded too.
fn arguments(pairs: &mut impl Pairs, told: &Command<'_>, payload: Payload) {
    let mut room = if payload.disabled {
        0
    } else {
        payload.max_bytes
    };
    let (mut shown, mut room_of_last) = (0_usize, 0);
    for argument in &told.arguments {
        if room == 0 {
            break;
        }
        let bytes = match argument {
            Argument::Plain(bytes) | Argument::Cut(bytes, _) => bytes.len(),
            Argument::Redacted | Argument::Digest(_) => 0,
        };
        room_of_last = room;
        room = room.saturating_sub(bytes.max(1));
        shown += 1;
    }
    if shown > 0 {
        let items = told.arguments.iter().take(shown).enumerate();
        let items = items.map(|(place, argument)| {
            if place + 1 == shown {
                cut(*argument, room_of_last)
            } else {
                *argument
            }
        });
        pairs.list(Field::Arguments, items);
    }
    let hidden = told.arguments.len().saturating_sub(shown) as u64;
    let left_out = hidden.saturating_add(u64::from(told.left_out));
    number(pairs, Field::LeftOut, left_out);
}

fn cut(argument: Argument<'_>, room: usize) -> Argument<'_> {
    let (bytes, total) = match argument {
        Argument::Plain(bytes) => (bytes, bytes.len() as u64),
        Argument::Cut(bytes, total) => (bytes, total),
        other => return other,
    };
    match bytes.get(..room) {
        Some(beginning) if beginning.len() < bytes.len() => Argument::Cut(beginning, total),
        _ => argument,
    }
}

fn change(pairs: &mut impl Pairs, field: Field, told: &Change<'_>) {
    bytes(pairs, field, told.name);
    if let Some(before) = told.before {
        pairs.argument(Field::Before, before);
    }
    if let Some(after) = told.after {
        pairs.argument(Field::After, after);
    }
}

fn reload(pairs: &mut impl Pairs, told: &Reload<'_>) {
    bytes(pairs, Field::Digest, told.digest.as_bytes());
    bytes(pairs, Field::Reloaded, told.what.as_bytes());
    let lists = [
        (Field::Added, &told.added),
        (Field::Changed, &told.changed),
        (Field::Removed, &told.removed),
        (Field::Errors, &told.errors),
    ];
    for (field, names) in lists {
        if !names.is_empty() {
            let items = names.iter().map(|name| Argument::Plain(name.as_bytes()));
            pairs.list(field, items);
        }
    }
}
