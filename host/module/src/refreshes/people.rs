//! Who is looked up again, and when.
//!
//! In: the proof of an admission, and what asking about somebody came to. Out: who is due,
//! the proofs whose sessions must end, and for the main thread pairs of proofs, the former
//! and what stands in its place. Every operation holds a map for a bounded time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use warden_core::{AuthenticatorId, Principal, Recheck, UserName, Verified, Walk};
use warden_session::Proof;

use crate::slices::glance;
use crate::spread;

/// How soon somebody whose directory did not answer is asked about again, at most.
const SOON: Duration = Duration::from_secs(10);

/// Most people of one directory who are asked about at a time, and so most whom a log-in
/// waits behind.
const AT_ONCE: usize = 4;

/// People taken out of the map by one operation: the others follow soon.
const A_TIME: usize = 64;

/// People that each new one looks at, whether their sessions are gone.
const SWEPT: usize = 4;

/// Proofs that are renewed in one step of the main thread.
const A_STEP: usize = 256;

/// All people who are looked up again.
#[derive(Default)]
pub(crate) struct Refreshes {
    directories: Mutex<BTreeMap<AuthenticatorId, Directory>>,
    renewed: Mutex<VecDeque<Vec<(Proof, Proof)>>>,
}

/// Those of one directory.
#[derive(Default)]
struct Directory {
    people: BTreeMap<Arc<Key>, Person>,
    /// Those who are not being asked about.
    due: BTreeSet<(Duration, Arc<Key>)>,
    /// How many are.
    asked: usize,
    /// Since when nobody could be looked up, on the monotonic clock.
    failing: Option<Duration>,
    /// The sweep of those without a session.
    swept: Walk<Arc<Key>>,
}

/// One principal, with one account.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    authenticator: AuthenticatorId,
    user: UserName,
    name: String,
    identity: String,
}

struct Person {
    /// By the address of the proof that sessions were made with, which is not used again as
    /// long as it is here.
    proofs: BTreeMap<usize, Held>,
    /// The sweep of those without a session: one who logs in again and again may have a new
    /// one each time.
    swept: Walk<usize>,
    refresh: Recheck,
    /// When it is due, on the monotonic clock.
    at: Duration,
    /// Since when it is due without an answer.
    since: Option<Duration>,
}

/// A proof that sessions were made with, and what stands in its place.
#[derive(Clone)]
struct Held {
    first: Weak<Verified<Principal>>,
    newest: Option<Proof>,
}

/// Somebody to ask about.
pub(crate) struct Entry {
    directory: AuthenticatorId,
    key: Arc<Key>,
    proofs: Vec<Held>,
}

/// What asking came to.
pub(super) enum Found {
    /// Nobody's sessions are left.
    Nothing,
    /// What stands in the place of each proof from now on.
    There(Vec<(Proof, Proof)>),
    /// No account, or one that may not be used.
    Gone(String),
    /// Nobody answered.
    Undecided(String),
}

impl Key {
    fn of(proof: &Proof) -> Option<(AuthenticatorId, Self, Recheck)> {
        let principal = proof.get();
        let account = principal.account.as_ref()?;
        let key = Self {
            authenticator: principal.authenticator.clone(),
            user: principal.user_name(),
            name: account.name.clone(),
            identity: account.identity.clone(),
        };
        Some((account.directory.clone(), key, account.refresh))
    }
}

impl Entry {
    pub(super) fn user(&self) -> &UserName {
        &self.key.user
    }

    /// Each proof that sessions were made with, and what stands in its place by now.
    pub(super) fn proofs(&self) -> impl Iterator<Item = (Proof, Proof)> {
        self.proofs.iter().filter_map(|held| {
            let first = held.first.upgrade()?;
            let newest = held.newest.clone().unwrap_or_else(|| Arc::clone(&first));
            Some((first, newest))
        })
    }
}

impl Held {
    fn is_over(&self) -> bool {
        self.first.strong_count() == 0
    }
}

impl Refreshes {
    /// A session was made with this proof.
    pub(crate) fn watch(&self, proof: &Proof, now: Duration) {
        let Some((directory, key, refresh)) = Key::of(proof) else {
            return;
        };
        let address = Arc::as_ptr(proof).addr();
        let held = || Held {
            first: Arc::downgrade(proof),
            newest: None,
        };
        let mut directories = lock(&self.directories);
        let directory = directories.entry(directory).or_default();
        directory.sweep();
        if let Some(person) = directory.people.get_mut(&key) {
            person.sweep();
            person.proofs.entry(address).or_insert_with(held);
            return;
        }
        let key = Arc::new(key);
        let at = now.saturating_add(spread::earlier(refresh.every, Arc::as_ptr(&key).addr()));
        let person = Person {
            proofs: BTreeMap::from([(address, held())]),
            swept: Walk::default(),
            refresh,
            at,
            since: None,
        };
        directory.due.insert((at, Arc::clone(&key)));
        directory.people.insert(key, person);
    }

    /// The next people to ask about, and the proofs of those about whom nobody could be asked
    /// for too long. Those without a session any more are forgotten.
    pub(super) fn due(&self, now: Duration) -> (Vec<Entry>, Vec<(UserName, Vec<Proof>)>) {
        let (mut due, mut late) = (Vec::new(), Vec::new());
        let mut directories = lock(&self.directories);
        for (id, directory) in &mut *directories {
            for _ in 0..A_TIME {
                let Some((at, key)) = directory.due.first().cloned() else {
                    break;
                };
                if at > now {
                    break;
                }
                let Some(person) = directory.people.get_mut(&key) else {
                    directory.due.remove(&(at, key));
                    continue;
                };
                person.proofs.retain(|_, held| !held.is_over());
                if person.proofs.is_empty() {
                    directory.due.remove(&(at, Arc::clone(&key)));
                    directory.people.remove(&key);
                    continue;
                }
                let since = *person.since.get_or_insert(at);
                let grace = person.refresh.grace;
                let has_waited = |since: Duration| now.saturating_sub(since) > grace;
                if directory.failing.is_some_and(has_waited) && has_waited(since) {
                    late.push((key.user.clone(), person.firsts()));
                    directory.due.remove(&(at, Arc::clone(&key)));
                    directory.people.remove(&key);
                } else if directory.asked < AT_ONCE {
                    due.push(Entry {
                        directory: id.clone(),
                        key: Arc::clone(&key),
                        proofs: person.proofs.values().cloned().collect(),
                    });
                    directory.due.remove(&(at, key));
                    directory.asked += 1;
                } else {
                    break;
                }
            }
        }
        directories.retain(|_, directory| !directory.people.is_empty() || directory.asked > 0);
        (due, late)
    }

    /// These authenticators changed: whoever they vouched for, or know, is asked about now.
    /// In parts, for the main thread may want the map meanwhile.
    pub(crate) fn hasten(&self, of: &[AuthenticatorId], now: Duration) {
        let all: Vec<_> = lock(&self.directories)
            .iter()
            .flat_map(|(id, directory)| {
                let keys = directory.people.keys();
                let keys = keys.filter(|key| of.contains(id) || of.contains(&key.authenticator));
                keys.map(|key| (id.clone(), Arc::clone(key)))
            })
            .collect();
        for some in all.chunks(A_TIME) {
            let mut directories = lock(&self.directories);
            for (id, key) in some {
                if let Some(directory) = directories.get_mut(id) {
                    directory.hasten(key, now);
                }
            }
        }
    }

    /// How many wait or are asked about; `None` when another thread is at it just now.
    pub(crate) fn count(&self) -> Option<usize> {
        let directories = self.directories.try_lock().ok()?;
        let people = directories.values().map(|directory| directory.people.len());
        Some(people.sum())
    }

    /// On the main thread: the next proofs in whose place others stand. None while a worker is
    /// just putting some in: it asks for another slice.
    pub(crate) fn next_renewed(&self) -> Option<Vec<(Proof, Proof)>> {
        glance(&self.renewed)?.pop_front()
    }

    /// Notes what asking came to. Answers the proofs whose sessions must end, and why.
    /// `is_current`: the authenticators are still those that were asked.
    pub(super) fn go_on(
        &self,
        entry: &Entry,
        (found, is_current): (Found, bool),
        now: Duration,
    ) -> Option<(Vec<Proof>, String)> {
        if let Found::There(pairs) = &found {
            // Before anybody asks about the person again: what is found later comes later.
            self.put_renewed(pairs);
        }
        let mut directories = lock(&self.directories);
        let directory = directories.get_mut(&entry.directory)?;
        directory.asked = directory.asked.saturating_sub(1);
        let key = &entry.key;
        let person = directory.people.get_mut(key)?;
        match found {
            Found::Nothing => {
                // Somebody may have come meanwhile.
                person.since = None;
                person.at = now;
            }
            Found::There(pairs) => {
                directory.failing = None;
                let is_watched = |(_, newest): &(_, Proof)| newest.get().account.is_some();
                if !pairs.iter().all(is_watched) {
                    directory.people.remove(key);
                    return None;
                }
                person.since = None;
                person.take(pairs);
                person.at = now.saturating_add(spread::earlier(
                    person.refresh.every,
                    Arc::as_ptr(key).addr(),
                ));
            }
            Found::Gone(why) => {
                directory.failing = None;
                let firsts = person.firsts();
                directory.people.remove(key);
                return Some((firsts, why));
            }
            Found::Undecided(why) => {
                directory.failing.get_or_insert(now);
                let since = *person.since.get_or_insert(now);
                if now.saturating_sub(since) >= person.refresh.grace {
                    let firsts = person.firsts();
                    directory.people.remove(key);
                    let why = format!("nobody answered for refresh_grace_seconds: {why}");
                    return Some((firsts, why));
                }
                person.at = now.saturating_add(person.refresh.every.min(SOON));
            }
        }
        if !is_current {
            person.at = now;
        }
        directory.due.insert((person.at, Arc::clone(key)));
        None
    }

    /// For the main thread, and whoever would be let in with one of the former is not.
    fn put_renewed(&self, pairs: &[(Proof, Proof)]) {
        for (former, _) in pairs {
            former.withdraw();
        }
        let mut renewed = lock(&self.renewed);
        renewed.extend(pairs.chunks(A_STEP).map(<[_]>::to_vec));
    }
}

impl Directory {
    /// Forgets some of those without a session: each that comes looks at a few, so that
    /// those who are gone never outnumber those who are there by much.
    fn sweep(&mut self) {
        for key in self.swept.next(&self.people, SWEPT) {
            let is_over = |person: &Person| person.proofs.values().all(Held::is_over);
            // One that is being asked about is not in the agenda, and stays.
            if let Some(person) = self.people.get(&key).filter(|person| is_over(person))
                && self.due.remove(&(person.at, Arc::clone(&key)))
            {
                self.people.remove(&key);
            }
        }
    }

    fn hasten(&mut self, key: &Arc<Key>, now: Duration) {
        if let Some(person) = self.people.get_mut(key)
            && self.due.remove(&(person.at, Arc::clone(key)))
        {
            person.at = person.at.min(now);
            self.due.insert((person.at, Arc::clone(key)));
        }
    }
}

impl Person {
    /// Forgets some proofs without a session, as [`Directory::sweep`] does people.
    fn sweep(&mut self) {
        for address in self.swept.next(&self.proofs, SWEPT) {
            if self.proofs.get(&address).is_some_and(Held::is_over) {
                self.proofs.remove(&address);
            }
        }
    }

    /// The proofs that sessions were made with.
    fn firsts(&self) -> Vec<Proof> {
        let proofs = self.proofs.values();
        proofs.filter_map(|held| held.first.upgrade()).collect()
    }

    fn take(&mut self, pairs: Vec<(Proof, Proof)>) {
        for (first, newest) in pairs {
            if let Some(account) = &newest.get().account {
                self.refresh = account.refresh;
            }
            if let Some(held) = self.proofs.get_mut(&Arc::as_ptr(&first).addr()) {
                held.newest = Some(newest);
            }
        }
    }
}

/// Each critical section is one operation on a collection, so a poisoned lock is usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
