//! What settings and users of the server's own ACL were, and are now.
//!
//! In: word that some may have changed. Out: what did, with before and after. What a user was
//! is asked before the command that may change it, what it is afterwards; secrets are digests
//! under a key of this node.

use std::collections::{BTreeMap, BTreeSet};

use warden_audit::Redactor;
use warden_audit::event::{Argument, Change};
use warden_core::ClientId;

use super::trail::Digests;
use crate::ffi::{
    ClientInfo, Context, Detached, Reply, ServerLock, Words, local_rules, microseconds,
};

/// Most users that one command may name, or that are remembered while others are not.
const MOST_USERS: usize = 1000;

/// Most users that the commands of one transaction may name, and most commands that wait to be
/// looked at.
const MOST_QUEUED: usize = 100;

/// Longest name, in bytes, that is remembered of nobody: anybody can send any.
const NAME_BYTES: usize = 256;

/// Looking at all users takes no more than one part in so many of the time: anybody can send
/// `ACL LOAD`.
const REST: u64 = 20;

/// The rules of users; none of those who are not there.
type Users = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Settings and users as they were last seen.
#[derive(Default)]
pub(super) struct Changes {
    digests: Option<Digests>,
    settings: Option<BTreeMap<String, Vec<u8>>>,
    watches_users: bool,
    users: Users,
    /// Whether those are all that there are: they are kept as they change.
    knows_all: bool,
    /// When all may be looked at again: microseconds since 1970.
    rested_us: u64,
    /// Users that each of some commands may have changed, and whose it was.
    expected: Vec<(Option<ClientId>, BTreeSet<Vec<u8>>)>,
    /// Whose command may have changed any of them, and whether it did run.
    all_expected: Option<(Option<ClientId>, bool)>,
    /// Users that each client named since its last EXEC: the command may have been queued, and
    /// runs with it.
    queued: BTreeMap<ClientId, Expected>,
}

/// When to look at what a command of the ACL is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Now, because it runs next.
    pub(super) before: bool,
    /// At the next opportunity, because it may have run then.
    pub(super) after: bool,
}

#[derive(Debug)]
enum Expected {
    Users(BTreeSet<Vec<u8>>),
    Everybody,
}

/// A change, on its own.
#[derive(Debug)]
pub(super) struct OwnedChange {
    name: Vec<u8>,
    before: Option<Value>,
    after: Option<Value>,
}

/// A value that may be a secret.
#[derive(Debug)]
enum Value {
    Shown(Vec<u8>),
    Digest([u8; 16]),
}

impl Value {
    fn borrow(&self) -> Argument<'_> {
        match self {
            Self::Shown(bytes) => Argument::Plain(bytes),
            Self::Digest(digest) => Argument::Digest(*digest),
        }
    }
}

impl OwnedChange {
    /// As records tell it.
    pub(super) fn borrow(&self) -> Change<'_> {
        Change {
            name: &self.name,
            before: self.before.as_ref().map(Value::borrow),
            after: self.after.as_ref().map(Value::borrow),
        }
    }
}

impl Changes {
    /// Watches settings, users, both or neither from now on.
    pub(super) fn watch(
        &mut self,
        ctx: &Context<'_>,
        digests: &Digests,
        (settings, users): (bool, bool),
    ) {
        self.digests = Some(digests.clone());
        if settings && self.settings.is_none() {
            self.settings = Some(all_settings(ctx));
        } else if !settings {
            self.settings = None;
        }
        self.watches_users = users;
        if !users {
            self.users.clear();
            self.knows_all = false;
            self.queued.clear();
            self.expected.clear();
            self.all_expected = None;
        }
    }

    /// Modules came, with settings of theirs.
    pub(super) fn learn_settings(&mut self, ctx: &Context<'_>) {
        if let Some(known) = &mut self.settings {
            for (name, value) in all_settings(ctx) {
                known.entry(name).or_insert(value);
            }
        }
    }

    /// Whether the server has a setting of this name, as far as that is known.
    pub(super) fn has_setting(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        let known = self.settings.as_ref().zip(String::from_utf8(name).ok());
        known.is_some_and(|(settings, name)| settings.contains_key(&name))
    }

    /// What became of settings of these names.
    pub(super) fn take_settings(
        &mut self,
        ctx: &Context<'_>,
        redactor: &Redactor,
        names: &[String],
    ) -> Vec<OwnedChange> {
        let (Some(known), Some(digests)) = (&mut self.settings, &self.digests) else {
            return Vec::new();
        };
        // Of all: some have two names, and the server tells of one.
        let all = all_settings(ctx);
        let were = std::mem::replace(known, all);
        let mut changes = Vec::new();
        for name in names {
            let (before, now) = (were.get(name), known.get(name));
            if before == now {
                continue;
            }
            // What CONFIG SET would not show.
            let value = |value: &Vec<u8>| {
                let words: [&[u8]; 4] = [b"config", b"set", name.as_bytes(), value];
                let hidden = redactor.of_command(b"config|set", true).hidden(&words);
                // What is not set is nobody's secret.
                if hidden.hides(3) && !value.is_empty() {
                    Value::Digest(digests.of(value))
                } else {
                    Value::Shown(value.clone())
                }
            };
            changes.push(OwnedChange {
                name: name.clone().into_bytes(),
                before: before.map(value),
                after: now.map(value),
            });
        }
        changes
    }

    /// A command of the ACL arrives, or has run.
    pub(super) fn expect(
        &mut self,
        lock: &ServerLock,
        client: Option<ClientId>,
        words: &Words<'_>,
        look: Look,
    ) {
        if !self.watches_users {
            return;
        }
        let named: BTreeSet<Vec<u8>> = match words.get(1) {
            Some(word) if word.eq_ignore_ascii_case(b"setuser") => {
                words.get(2).map(<[u8]>::to_vec).into_iter().collect()
            }
            Some(word) if word.eq_ignore_ascii_case(b"deluser") && words.len() <= MOST_USERS => {
                words.iter().skip(2).map(<[u8]>::to_vec).collect()
            }
            _ => {
                self.look_at_all(lock);
                if look.after {
                    let has_run = !look.before;
                    self.all_expected = Some((client, has_run));
                }
                return;
            }
        };
        if self.users.len() > MOST_USERS && !self.knows_all {
            self.users.clear();
        }
        for name in &named {
            let is_missing = !self.knows_all && !self.users.contains_key(name);
            if look.before || is_missing {
                let rules = local_rules(lock, name).unwrap_or_default();
                self.keep(name, rules);
            }
        }
        if look.before
            && look.after
            && let Some(client) = client
            && ClientInfo::of(lock, client).is_some_and(|info| info.is_queueing)
        {
            self.queue(client, &named);
        }
        if look.after {
            self.awaits_end(client, named);
        }
    }

    /// A command may change these, or has.
    fn awaits_end(&mut self, client: Option<ClientId>, named: BTreeSet<Vec<u8>>) {
        if self.expected.len() < MOST_QUEUED {
            self.expected.push((client, named));
        } else {
            self.all_expected = Some((None, false));
        }
    }

    /// Answers what was known before.
    fn keep(&mut self, name: &[u8], rules: Option<Vec<u8>>) -> Option<Vec<u8>> {
        if rules.is_none() && (self.knows_all || name.len() > NAME_BYTES) {
            return self.users.remove(name).flatten();
        }
        self.users.insert(name.to_vec(), rules).flatten()
    }

    /// Remembers what a transaction is about; beyond a bound, that it may be about anybody.
    fn queue(&mut self, client: ClientId, named: &BTreeSet<Vec<u8>>) {
        let nobody = || Expected::Users(BTreeSet::new());
        let queued = self.queued.entry(client).or_insert_with(nobody);
        if let Expected::Users(users) = queued {
            let is_too_long = named.iter().any(|name| name.len() > NAME_BYTES);
            if is_too_long || users.len() >= MOST_QUEUED {
                *queued = Expected::Everybody;
            } else {
                users.extend(named.iter().cloned());
            }
        }
    }

    /// Looks at all users, unless they are known already, or were looked at just now.
    fn look_at_all(&mut self, lock: &ServerLock) {
        if !self.knows_all
            && let Some(users) = self.everybody(lock, false)
        {
            self.users = users;
            self.knows_all = true;
        }
    }

    /// Every user; `None` where they were looked at too short a time ago, unless it must be.
    fn everybody(&mut self, lock: &ServerLock, must: bool) -> Option<Users> {
        let start = microseconds();
        if start < self.rested_us && !must {
            return None;
        }
        let users = everybody(lock);
        let end = microseconds();
        let took = end.saturating_sub(start);
        self.rested_us = end.saturating_add(took.saturating_mul(REST));
        Some(users)
    }

    /// A transaction runs: what was queued in one may change users now.
    pub(super) fn expect_queued(&mut self, client: ClientId) {
        match self.queued.remove(&client) {
            Some(Expected::Users(users)) => self.awaits_end(Some(client), users),
            Some(Expected::Everybody) => self.all_expected = Some((Some(client), false)),
            None => {}
        }
    }

    /// Whether what this client did is still to be looked at.
    pub(super) fn awaits(&self, client: ClientId) -> bool {
        matches!(self.all_expected, Some((Some(one), _)) if one == client)
    }

    /// Whether users may have changed.
    pub(super) fn is_expecting(&self) -> bool {
        !self.expected.is_empty() || self.all_expected.is_some()
    }

    /// The users that did, and whose command it was; `None` when there is nothing more, or what
    /// may change them was put off.
    pub(super) fn take_users(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
    ) -> Option<(Option<ClientId>, Vec<OwnedChange>)> {
        let is_over = |client: Option<ClientId>| !client.is_some_and(|one| is_put_off(lock, one));
        let mut expected = self.expected.iter();
        if let Some(place) = expected.position(|(client, _)| is_over(*client)) {
            let (client, names) = self.expected.remove(place);
            let rules = |name: &Vec<u8>| local_rules(lock, name).unwrap_or_default();
            let now = names.into_iter().map(|name| (rules(&name), name));
            let now = now.map(|(rules, name)| (name, rules)).collect();
            return Some((client, self.compare(redactor, now)));
        }
        let (client, has_run) = self.all_expected.filter(|(client, _)| is_over(*client))?;
        // Or later, where they were looked at just now.
        let mut now = self.everybody(lock, has_run)?;
        self.all_expected = None;
        if !self.knows_all {
            // Nobody knows what they were.
            self.users = now;
            self.knows_all = true;
            return Some((client, Vec::new()));
        }
        for name in self.users.keys() {
            now.entry(name.clone()).or_insert(None);
        }
        Some((client, self.compare(redactor, now)))
    }

    fn compare(&mut self, redactor: &Redactor, now: Users) -> Vec<OwnedChange> {
        let mut changes = Vec::new();
        for (name, after) in now {
            let before = self.keep(&name, after.clone());
            if before != after {
                changes.push(OwnedChange {
                    name: shown_user(name),
                    before: before.map(|rules| self.rules(redactor, &rules)),
                    after: after.map(|rules| self.rules(redactor, &rules)),
                });
            }
        }
        if self.users.len() > MOST_USERS && !self.knows_all {
            self.users.clear();
        }
        changes
    }

    /// It is gone, with what it has queued.
    pub(super) fn remove(&mut self, client: ClientId) {
        self.queued.remove(&client);
    }

    /// Rules as ACL SETUSER would show them, with digests in the place of the server's digests
    /// of passwords.
    fn rules(&self, redactor: &Redactor, rules: &[u8]) -> Value {
        let redaction = redactor.of_command(b"acl|setuser", true);
        let words = rules.split(|byte| *byte == b' ');
        let words = words.map(|word| match (word, &self.digests) {
            ([b'#', ..], Some(digests)) => {
                let mut shown = b"#".to_vec();
                for byte in digests.of(word) {
                    shown.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
                shown
            }
            _ if redaction.hidden(&[b"acl", b"setuser", b"-", word]).hides(3) => {
                b"(redacted)".to_vec()
            }
            _ => word.to_vec(),
        });
        Value::Shown(words.collect::<Vec<_>>().join(&b' '))
    }
}

/// Whether a connection's command waits for its turn (CLIENT PAUSE, FAILOVER).
fn is_put_off(lock: &ServerLock, client: ClientId) -> bool {
    ClientInfo::of(lock, client).is_some_and(|info| info.is_blocked)
}

/// The name of a user, unless it is a password in the wrong place.
fn shown_user(name: Vec<u8>) -> Vec<u8> {
    if name.first().is_some_and(|first| b"><#!".contains(first)) {
        b"(redacted)".to_vec()
    } else {
        name
    }
}

fn all_settings(ctx: &Context<'_>) -> BTreeMap<String, Vec<u8>> {
    let Ok(Reply::Map(pairs)) = ctx.call("CONFIG", &[b"GET", b"*"]) else {
        return BTreeMap::new();
    };
    pairs.into_iter().filter_map(pair).collect()
}

fn pair(pair: (Reply, Reply)) -> Option<(String, Vec<u8>)> {
    match pair {
        (Reply::Bulk(name), Reply::Bulk(value)) => Some((String::from_utf8(name).ok()?, value)),
        _ => None,
    }
}

/// Every user of the server's own ACL: one call of the server's.
fn everybody(lock: &ServerLock) -> Users {
    let names = Detached::new(lock).and_then(|ctx| ctx.call("ACL", &[b"USERS"]));
    let Ok(Reply::Array(names) | Reply::Set(names)) = names else {
        return BTreeMap::new();
    };
    let names = names.into_iter().filter_map(|name| match name {
        Reply::Bulk(name) => Some(name),
        _ => None,
    });
    names
        .map(|name| {
            let rules = local_rules(lock, &name).unwrap_or_default();
            (name, rules)
        })
        .collect()
}
