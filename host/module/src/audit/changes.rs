//! What settings and users of the server's own ACL were, and are now.
//!
//! In: word that some may have changed. Out: what did, with before and after. What a user was
//! is asked before the command that may change it, what it is afterwards; secrets are digests
//! under a key of this node.

use std::collections::{BTreeMap, BTreeSet};

use warden_audit::event::{Argument, Change};
use warden_audit::redact::is_sensitive;
use warden_core::ClientId;

use super::trail::Digests;
use crate::ffi::{Context, Detached, Reply, ServerLock, Words, local_rules};

/// Most users whose rules are remembered at a time, but for those of one `ACL LOAD`.
const MOST_USERS: usize = 1000;

/// Settings and users as they were last seen.
#[derive(Default)]
pub(super) struct Changes {
    digests: Option<Digests>,
    settings: Option<BTreeMap<String, Vec<u8>>>,
    watches_users: bool,
    users: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Users that a command may have changed, and whose it was.
    expected: Option<(Option<ClientId>, Expected)>,
    /// Users that each client named since its last EXEC: the command may have been queued, and
    /// runs with it.
    queued: BTreeMap<ClientId, BTreeSet<Vec<u8>>>,
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
            self.queued.clear();
            self.expected = None;
        }
    }

    /// What became of settings of these names.
    pub(super) fn take_settings(
        &mut self,
        ctx: &Context<'_>,
        names: &[String],
    ) -> Vec<OwnedChange> {
        let (Some(known), Some(digests)) = (&mut self.settings, &self.digests) else {
            return Vec::new();
        };
        let mut changes = Vec::new();
        for name in names {
            let now = setting(ctx, name);
            let before = match &now {
                Some(value) => known.insert(name.clone(), value.clone()),
                None => known.remove(name),
            };
            let value = |value: Vec<u8>| {
                // What is not set is nobody's secret.
                if is_sensitive(name.as_bytes()) && !value.is_empty() {
                    Value::Digest(digests.of(&value))
                } else {
                    Value::Shown(value)
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
            Some(word) if word.eq_ignore_ascii_case(b"deluser") => {
                words.iter().skip(2).map(<[u8]>::to_vec).collect()
            }
            _ => {
                // Whoever is new afterwards was not there before.
                if look.before || self.users.is_empty() {
                    self.users = everybody(lock);
                }
                if look.after {
                    self.expected = Some((client, Expected::Everybody));
                }
                return;
            }
        };
        if self.users.len() > MOST_USERS {
            self.users.clear();
        }
        for name in &named {
            if look.before || !self.users.contains_key(name) {
                let rules = local_rules(lock, name).unwrap_or_default();
                self.users.insert(name.clone(), rules);
            }
        }
        if look.after {
            if let Some(client) = client
                && self.queued.len() < MOST_USERS
            {
                let queued = self.queued.entry(client).or_default();
                queued.extend(named.iter().take(MOST_USERS).cloned());
            }
            self.expected = Some((client, Expected::Users(named)));
        }
    }

    /// A transaction runs: what was queued in one may change users now.
    pub(super) fn expect_queued(&mut self, client: ClientId) {
        if let Some(queued) = self.queued.remove(&client) {
            self.expected = Some((Some(client), Expected::Users(queued)));
        }
    }

    /// Whether users may have changed.
    pub(super) fn is_expecting(&self) -> bool {
        self.expected.is_some()
    }

    /// The users that did, and whose command it was.
    pub(super) fn take_users(&mut self, lock: &ServerLock) -> (Option<ClientId>, Vec<OwnedChange>) {
        let Some((client, expected)) = self.expected.take() else {
            return (None, Vec::new());
        };
        let now: BTreeMap<Vec<u8>, Option<Vec<u8>>> = match expected {
            Expected::Users(names) => names
                .into_iter()
                .map(|name| {
                    let rules = local_rules(lock, &name).unwrap_or_default();
                    (name, rules)
                })
                .collect(),
            Expected::Everybody => {
                let mut now = everybody(lock);
                for name in self.users.keys() {
                    now.entry(name.clone()).or_insert(None);
                }
                now
            }
        };
        let mut changes = Vec::new();
        for (name, after) in now {
            let before = self.users.insert(name.clone(), after.clone()).flatten();
            if before != after {
                changes.push(OwnedChange {
                    name: shown_user(name),
                    before: before.map(|rules| self.rules(&rules)),
                    after: after.map(|rules| self.rules(&rules)),
                });
            }
        }
        if self.users.len() > MOST_USERS {
            self.users.clear();
        }
        (client, changes)
    }

    /// It is gone, with what it has queued.
    pub(super) fn remove(&mut self, client: ClientId) {
        self.queued.remove(&client);
    }

    /// Rules with digests in the place of the server's digests of passwords.
    fn rules(&self, rules: &[u8]) -> Value {
        let words = rules.split(|byte| *byte == b' ');
        let words = words.map(|word| match (word, &self.digests) {
            ([b'#', ..], Some(digests)) => {
                let mut shown = b"#".to_vec();
                for byte in digests.of(word) {
                    shown.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
                shown
            }
            _ => word.to_vec(),
        });
        Value::Shown(words.collect::<Vec<_>>().join(&b' '))
    }
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

fn setting(ctx: &Context<'_>, name: &str) -> Option<Vec<u8>> {
    let Ok(Reply::Map(pairs)) = ctx.call("CONFIG", &[b"GET", name.as_bytes()]) else {
        return None;
    };
    let mut pairs = pairs.into_iter().filter_map(pair);
    pairs
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

fn pair(pair: (Reply, Reply)) -> Option<(String, Vec<u8>)> {
    match pair {
        (Reply::Bulk(name), Reply::Bulk(value)) => Some((String::from_utf8(name).ok()?, value)),
        _ => None,
    }
}

/// Every user of the server's own ACL: one call of the server's.
fn everybody(lock: &ServerLock) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
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
