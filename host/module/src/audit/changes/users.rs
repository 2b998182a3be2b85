//! What users of the server's own ACL were, and are now.
//!
//! In: commands that may change some, before they run and after; slices, for those that may
//! change any. Out: those that did, with before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

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
    /// Whose command may have changed any of them, nobody's where it may be one of several; and
    /// whether it is over.
    all_expected: Option<(Option<ClientId>, bool)>,
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
    /// The last one of those that were known, which may be gone: they come behind `names`.
    looked_at: Option<Vec<u8>>,
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
            self.all_expected = Some((None, true));
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
                    self.expect_all(client, !look.before);
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
    fn expect_all(&mut self, client: Option<ClientId>, is_over: bool) {
        let is_of_one = self.all_pending().all(|other| other == client);
        let client = client.filter(|_| is_of_one);
        self.all_expected = Some((client, is_over));
        if let Some(pass) = &mut self.pass {
            pass.client = client;
        }
    }

    /// Whose commands may have changed any, and are still to be looked at.
    fn all_pending(&self) -> impl Iterator<Item = Option<ClientId>> {
        let expected = self.all_expected.map(|(client, _)| client);
        let looks = self.pass.as_ref().map(|pass| pass.client);
        [expected, looks].into_iter().flatten()
    }

    /// A client's next command arrives: the one before is over.
    pub(in super::super) fn goes_on(&mut self, client: ClientId) {
        if let Some((Some(one), is_over)) = &mut self.all_expected {
            *is_over |= *one == client;
        }
    }

    /// A command may change these, or has.
    fn awaits_end(&mut self, client: Option<ClientId>, named: BTreeSet<Vec<u8>>) {
        if self.expected.len() < MOST {
            self.expected.push((client, named));
        } else {
            self.expect_all(None, true);
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
            Some(Expected::Everybody) => self.expect_all(Some(client), false),
            None => {}
        }
    }

    /// Whether what this client did is still to be looked at.
    pub(in super::super) fn awaits(&self, client: ClientId) -> bool {
        self.all_pending().any(|one| one == Some(client))
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
        let is_of_any = self.knows_all && self.all_pending().any(|other| other != client);
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
            && now_us >= self.rested_us
            && let Some((client, is_past)) = self.all_expected
            && (is_past || is_over(lock, client))
        {
            self.all_expected = None;
            // One call of the server's.
            self.pass = Some(Pass {
                client,
                names: all_names(lock),
                looked_at: None,
                began_us: now_us,
            });
        }
        let Some(pass) = &mut self.pass else {
            return (None, Vec::new());
        };
        let (client, began_us) = (pass.client, pass.began_us);
        let mut names = pass.names.split_off(pass.names.len().saturating_sub(FEW));
        if names.is_empty() {
            let from = match &pass.looked_at {
                Some(last) => Bound::Excluded(last.as_slice()),
                None => Bound::Unbounded,
            };
            let were = self.rules.range::<[u8], _>((from, Bound::Unbounded));
            names = were.take(FEW).map(|(name, _)| name.clone()).collect();
            pass.looked_at = names.last().cloned();
        }
        let is_last = names.is_empty();
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
