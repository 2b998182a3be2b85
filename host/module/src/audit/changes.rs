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
use crate::ffi::{ClientInfo, Context, Detached, Reply, ServerLock, Words, local_rules};

/// Most users that one command may name; for more, all are looked at.
const MOST_USERS: usize = 1000;

/// Users that are looked at in one go.
const FEW: usize = 16;

/// Most users that the commands of one transaction may name, and most commands that wait to be
/// looked at.
const MOST_QUEUED: usize = 100;

/// Longest name, in bytes, that a transaction may name: anybody can send any.
const NAME_BYTES: usize = 256;

/// What a record holds of a value, in bytes: escaped, it still fits into a line.
const VALUE_BYTES: usize = 64 * 1024;

/// Settings and users as they were last seen.
#[derive(Default)]
pub(super) struct Changes {
    digests: Option<Digests>,
    settings: Option<BTreeMap<String, Vec<u8>>>,
    watches_users: bool,
    /// Rules of all users, as far as they were looked at.
    users: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether those are all that there are: they are kept as they change.
    knows_all: bool,
    /// All that are still to be looked at, some at a time.
    pass: Option<Pass>,
    /// Users that each of some commands may have changed, and whose it was.
    expected: Vec<(Option<ClientId>, BTreeSet<Vec<u8>>)>,
    /// Whose command may have changed any of them, and whether it did run.
    all_expected: Option<(Option<ClientId>, bool)>,
    /// Users that each client named since its last EXEC: the command may have been queued, and
    /// runs with it.
    queued: BTreeMap<ClientId, Expected>,
}

/// A look at all users.
struct Pass {
    /// Whose command may have changed them.
    client: Option<ClientId>,
    names: Vec<Vec<u8>>,
    /// Whether it is worth the time: anybody can send `ACL LOAD`, and 8.0 does not tell whether
    /// it did run.
    is_due: bool,
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
            Self::Shown(bytes) => match bytes.get(..VALUE_BYTES) {
                Some(start) if bytes.len() > VALUE_BYTES => {
                    Argument::Cut(start, bytes.len() as u64)
                }
                _ => Argument::Plain(bytes),
            },
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
        if users && !self.watches_users {
            // With the next slice: a server that starts reads its file of users after us.
            self.all_expected = Some((None, true));
        } else if !users {
            self.users.clear();
            self.knows_all = false;
            self.pass = None;
            self.queued.clear();
            self.expected.clear();
            self.all_expected = None;
        }
        self.watches_users = users;
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
        let is = |subcommand: &[u8]| {
            let word = words.get(1).unwrap_or_default();
            word.eq_ignore_ascii_case(subcommand)
        };
        let names = match words.len().saturating_sub(2) {
            count if is(b"setuser") => count.min(1),
            count if is(b"deluser") && count <= MOST_USERS => count,
            _ => {
                if look.after && (is(b"load") || is(b"deluser")) {
                    self.all_expected = Some((client, !look.before));
                }
                return;
            }
        };
        let named = words.iter().skip(2).take(names);
        let named: BTreeSet<Vec<u8>> = named.map(<[u8]>::to_vec).collect();
        if look.before {
            for name in &named {
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
            self.all_expected = Some((None, true));
        }
    }

    /// Answers what was known before.
    fn keep(&mut self, name: &[u8], rules: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match rules {
            Some(rules) => self.users.insert(name.to_vec(), rules),
            None => self.users.remove(name),
        }
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
        let looks = self.pass.as_ref().and_then(|pass| pass.client);
        looks == Some(client) || matches!(self.all_expected, Some((Some(one), _)) if one == client)
    }

    /// The users that a command has changed, and whose it was; `None` when there is nothing
    /// more, or what may change them was put off.
    pub(super) fn take_users(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
    ) -> Option<(Option<ClientId>, Vec<OwnedChange>)> {
        let mut expected = self.expected.iter();
        let place = expected.position(|(client, _)| is_over(lock, *client))?;
        let (client, names) = self.expected.remove(place);
        Some((client, self.compare(lock, redactor, names)))
    }

    /// Looks at some users where any of them may have changed; answers those that did, and whose
    /// command it was.
    pub(super) fn look_at_some(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
    ) -> (Option<ClientId>, Vec<OwnedChange>) {
        if self.pass.is_none()
            && let Some(expected) = self
                .all_expected
                .take_if(|(client, _)| is_over(lock, *client))
        {
            self.begin_pass(lock, expected);
        }
        let Some(pass) = &mut self.pass else {
            return (None, Vec::new());
        };
        let rest = pass.names.split_off(pass.names.len().min(FEW));
        let names = std::mem::replace(&mut pass.names, rest);
        let (client, is_last) = (pass.client, pass.names.is_empty());
        let (known, unknown): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.knows_all || self.users.contains_key(name));
        for name in unknown {
            // Nobody knows what it was.
            let rules = local_rules(lock, &name).unwrap_or_default();
            self.keep(&name, rules);
        }
        let changes = self.compare(lock, redactor, known);
        if is_last {
            self.pass = None;
            self.knows_all = true;
        }
        (client, changes)
    }

    /// Whether there are users to be looked at soon.
    pub(super) fn is_looking(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.is_due)
    }

    /// Begins a look at all users: those that there are, and those that there were. One call of
    /// the server's.
    fn begin_pass(&mut self, lock: &ServerLock, (client, is_due): (Option<ClientId>, bool)) {
        let mut names: BTreeSet<Vec<u8>> = all_names(lock).into_iter().collect();
        names.extend(self.users.keys().cloned());
        let names = names.into_iter().collect();
        self.pass = Some(Pass {
            client,
            names,
            is_due,
        });
    }

    fn compare(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
        names: impl IntoIterator<Item = Vec<u8>>,
    ) -> Vec<OwnedChange> {
        let mut changes = Vec::new();
        for name in names {
            let after = local_rules(lock, &name).unwrap_or_default();
            let before = self.keep(&name, after.clone());
            if before != after {
                changes.push(OwnedChange {
                    name: shown_user(name),
                    before: before.map(|rules| self.rules(redactor, &rules)),
                    after: after.map(|rules| self.rules(redactor, &rules)),
                });
            }
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

/// Whether a connection's command has had its turn: it may have been put off (CLIENT PAUSE,
/// FAILOVER).
fn is_over(lock: &ServerLock, client: Option<ClientId>) -> bool {
    let info = client.and_then(|client| ClientInfo::of(lock, client));
    !info.is_some_and(|info| info.is_blocked)
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

/// The names of all users of the server's own ACL.
fn all_names(lock: &ServerLock) -> Vec<Vec<u8>> {
    let names = Detached::new(lock).and_then(|ctx| ctx.call("ACL", &[b"USERS"]));
    let Ok(Reply::Array(names) | Reply::Set(names)) = names else {
        return Vec::new();
    };
    let names = names.into_iter().filter_map(|name| match name {
        Reply::Bulk(name) => Some(name),
        _ => None,
    });
    names.collect()
}
