//! What users of the server's own ACL were, and are now.
//!
//! In: commands that may change some, before they run and after; slices, for those that may
//! change any. Out: those that did, with before and after.

use std::collections::{BTreeMap, BTreeSet};

use warden_audit::Redactor;
use warden_core::ClientId;

use super::super::trail::Digests;
use super::{OwnedChange, Value};
use crate::ffi::{ClientInfo, Detached, Reply, ServerLock, Words, local_rules, microseconds};

/// Looking at all users takes no more than one part in so many of the time: anybody can send
/// `ACL LOAD`, and 8.0 does not tell whether it did run.
const REST: u64 = 5;

/// Users that are looked at in one go.
const FEW: usize = 16;

/// Most users that the commands of one connection may name, for more are all looked at; and most
/// commands that wait to be looked at.
const MOST: usize = 100;

/// Longest name, in bytes, that a transaction may name: anybody can send any.
const NAME_BYTES: usize = 256;

/// Users as they were last seen.
pub(in super::super) struct Users {
    digests: Digests,
    is_watched: bool,
    /// Rules of all users, as far as they were looked at.
    rules: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether those are all that there are: they are kept as they change.
    knows_all: bool,
    /// All that are still to be looked at, some at a time.
    pass: Option<Pass>,
    /// Users that each of some commands may have changed, and whose it was.
    expected: Vec<(Option<ClientId>, BTreeSet<Vec<u8>>)>,
    /// Whose command may have changed any of them; nobody's where it may be one of several.
    all_expected: Option<Option<ClientId>>,
    /// When all may be looked at again: microseconds since 1970.
    rested_us: u64,
    /// Users that each client named since its last EXEC: the command may have been queued, and
    /// runs with it.
    queued: BTreeMap<ClientId, Expected>,
}

/// A look at all users.
struct Pass {
    /// Whose command may have changed them.
    client: Option<ClientId>,
    names: Vec<Vec<u8>>,
    began_us: u64,
}

/// When to look at what a command of the ACL is about.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Look {
    /// Now, because it runs next.
    pub(in super::super) before: bool,
    /// At the next opportunity, because it may have run then.
    pub(in super::super) after: bool,
}

#[derive(Clone, Debug)]
enum Expected {
    Users(BTreeSet<Vec<u8>>),
    Everybody,
}

impl Users {
    /// Of which nobody wants to know yet.
    pub(in super::super) fn new(digests: Digests) -> Self {
        Self {
            digests,
            is_watched: false,
            rules: BTreeMap::new(),
            knows_all: false,
            pass: None,
            expected: Vec::new(),
            all_expected: None,
            rested_us: 0,
            queued: BTreeMap::new(),
        }
    }

    /// Watches them from now on, or no longer.
    pub(in super::super) fn watch(&mut self, is_wanted: bool) {
        if is_wanted == self.is_watched {
            return;
        }
        *self = Self::new(self.digests.clone());
        self.is_watched = is_wanted;
        if is_wanted {
            // With the next slice: a server that starts reads its file of users after us.
            self.all_expected = Some(None);
        }
    }

    /// A command of the ACL arrives, or has run.
    pub(in super::super) fn expect(
        &mut self,
        lock: &ServerLock,
        client: Option<ClientId>,
        words: &Words<'_>,
        look: Look,
    ) {
        if !self.is_watched {
            return;
        }
        // Where the server does not tell what runs with EXEC.
        let is_queueing = || {
            let info = || ClientInfo::of(lock, client?);
            look.before && look.after && info().is_some_and(|info| info.is_queueing)
        };
        let is = |subcommand: &[u8]| {
            let word = words.get(1).unwrap_or_default();
            word.eq_ignore_ascii_case(subcommand)
        };
        let names = match words.len().saturating_sub(2) {
            count if is(b"setuser") => count.min(1),
            count if is(b"deluser") && count <= MOST => count,
            _ if !(is(b"load") || is(b"deluser")) => return,
            _ if is_queueing() => {
                if let Some(client) = client {
                    self.queued.insert(client, Expected::Everybody);
                }
                return;
            }
            _ => {
                if look.after {
                    self.expect_all(client);
                }
                return;
            }
        };
        let named = words.iter().skip(2).take(names);
        let named: BTreeSet<Vec<u8>> = named.map(<[u8]>::to_vec).collect();
        if look.before && !self.knows_all {
            for name in &named {
                if !self.rules.contains_key(name) {
                    let rules = local_rules(lock, name).unwrap_or_default();
                    self.keep(name, rules);
                }
            }
        }
        if let Some(client) = client
            && is_queueing()
        {
            self.queue(client, &named);
        }
        if look.after {
            self.awaits_end(client, named);
        }
    }

    /// Something else than a command of the ACL has changed a user.
    pub(in super::super) fn changed(&mut self, client: Option<ClientId>, name: &[u8]) {
        if self.is_watched {
            self.awaits_end(client, BTreeSet::from([name.to_vec()]));
        }
    }

    /// A command may change any, or has.
    fn expect_all(&mut self, client: Option<ClientId>) {
        let others = [
            self.all_expected,
            self.pass.as_ref().map(|pass| pass.client),
        ];
        let is_of_one = others.into_iter().flatten().all(|other| other == client);
        let client = client.filter(|_| is_of_one);
        self.all_expected = Some(client);
        if let Some(pass) = &mut self.pass {
            pass.client = client;
        }
    }

    /// A command may change these, or has.
    fn awaits_end(&mut self, client: Option<ClientId>, named: BTreeSet<Vec<u8>>) {
        if self.expected.len() < MOST {
            self.expected.push((client, named));
        } else {
            self.expect_all(None);
        }
    }

    /// Answers what was known before.
    fn keep(&mut self, name: &[u8], rules: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match rules {
            Some(rules) => self.rules.insert(name.to_vec(), rules),
            None => self.rules.remove(name),
        }
    }

    /// Remembers what a transaction is about; beyond a bound, that it may be about anybody.
    fn queue(&mut self, client: ClientId, named: &BTreeSet<Vec<u8>>) {
        let nobody = || Expected::Users(BTreeSet::new());
        let queued = self.queued.entry(client).or_insert_with(nobody);
        if let Expected::Users(users) = queued {
            let is_too_long = named.iter().any(|name| name.len() > NAME_BYTES);
            if is_too_long || users.len().saturating_add(named.len()) > MOST {
                *queued = Expected::Everybody;
            } else {
                users.extend(named.iter().cloned());
            }
        }
    }

    /// A transaction runs, or may: what was queued in it may change users now.
    pub(in super::super) fn expect_queued(&mut self, client: ClientId, is_sure: bool) {
        let queued = self.queued.remove(&client);
        if !is_sure && let Some(queued) = queued.clone() {
            self.queued.insert(client, queued);
        }
        match queued {
            Some(Expected::Users(users)) => self.awaits_end(Some(client), users),
            Some(Expected::Everybody) => self.expect_all(Some(client)),
            None => {}
        }
    }

    /// Whether what this client did is still to be looked at.
    pub(in super::super) fn awaits(&self, client: ClientId) -> bool {
        let looks = self.pass.as_ref().and_then(|pass| pass.client);
        looks == Some(client) || self.all_expected == Some(Some(client))
    }

    /// The users that a command has changed, and whose it was; `None` when there is nothing
    /// more, or what may change them was put off.
    pub(in super::super) fn take(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
    ) -> Option<(Option<ClientId>, Vec<OwnedChange>)> {
        let mut expected = self.expected.iter();
        let place = expected.position(|(client, _)| is_over(lock, *client))?;
        let (client, names) = self.expected.remove(place);
        // What several have named may be of either.
        let is_of_another = |(other, named): &(Option<ClientId>, BTreeSet<Vec<u8>>)| {
            *other != client && !named.is_disjoint(&names)
        };
        let pass = self.pass.as_ref().map(|pass| pass.client);
        let all = [self.all_expected, pass].into_iter().flatten();
        let is_of_any = self.knows_all && all.into_iter().any(|other| other != client);
        let is_of_one = !is_of_any && !self.expected.iter().any(is_of_another);
        let client = client.filter(|_| is_of_one);
        Some((client, self.compare(lock, redactor, names)))
    }

    /// Looks at some users where any of them may have changed; answers those that did, and whose
    /// command it was.
    pub(in super::super) fn look_at_some(
        &mut self,
        lock: &ServerLock,
        redactor: &Redactor,
    ) -> (Option<ClientId>, Vec<OwnedChange>) {
        let now_us = microseconds();
        if self.pass.is_none()
            && let Some(expected) = self
                .all_expected
                .take_if(|client| now_us >= self.rested_us && is_over(lock, *client))
        {
            self.begin_pass(lock, expected, now_us);
        }
        let Some(pass) = &mut self.pass else {
            return (None, Vec::new());
        };
        let left = pass.names.len().saturating_sub(FEW);
        let names = pass.names.split_off(left);
        let (client, began_us, is_last) = (pass.client, pass.began_us, pass.names.is_empty());
        let (known, unknown): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.knows_all || self.rules.contains_key(name));
        for name in unknown {
            // Nobody knows what it was.
            let rules = local_rules(lock, &name).unwrap_or_default();
            self.keep(&name, rules);
        }
        let changes = self.compare(lock, redactor, known);
        if is_last {
            let took = now_us.saturating_sub(began_us);
            self.rested_us = now_us.saturating_add(took.saturating_mul(REST));
            self.pass = None;
            self.knows_all = true;
        }
        (client, changes)
    }

    /// Whether there are users to be looked at now.
    pub(in super::super) fn is_looking(&self) -> bool {
        self.pass.is_some()
    }

    /// Begins a look at all users: those that there are, and those that there were. One call of
    /// the server's.
    fn begin_pass(&mut self, lock: &ServerLock, client: Option<ClientId>, began_us: u64) {
        let mut names: BTreeSet<Vec<u8>> = all_names(lock).into_iter().collect();
        names.extend(self.rules.keys().cloned());
        let names = names.into_iter().collect();
        self.pass = Some(Pass {
            client,
            names,
            began_us,
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
                    name: shown_user(redactor, name),
                    before: before.map(|rules| self.shown(redactor, &rules)),
                    after: after.map(|rules| self.shown(redactor, &rules)),
                });
            }
        }
        changes
    }

    /// It is gone, with what it has queued.
    pub(in super::super) fn remove(&mut self, client: ClientId) {
        self.queued.remove(&client);
    }

    /// Rules as ACL SETUSER would show them, with digests in the place of the server's digests
    /// of passwords.
    fn shown(&self, redactor: &Redactor, rules: &[u8]) -> Value {
        let redaction = redactor.of_command(b"acl|setuser", true);
        let words = rules.split(|byte| *byte == b' ');
        let words = words.map(|word| match word {
            [b'#', ..] => {
                let mut shown = b"#".to_vec();
                for byte in self.digests.of(word) {
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
fn shown_user(redactor: &Redactor, name: Vec<u8>) -> Vec<u8> {
    let redaction = redactor.of_command(b"acl|setuser", true);
    if redaction.hidden(&[b"acl", b"setuser", &name]).hides(2) {
        b"(redacted)".to_vec()
    } else {
        name
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
