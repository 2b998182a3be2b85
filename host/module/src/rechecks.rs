//! Live sessions whose credential is asked about again.
//!
//! ```text
//! admitted ──→ waits ── recheck_seconds ──→ asked ── as before ──→ waits
//!                                              ├─ refused, or other rights ──→ its sessions end
//!                                              └─ unavailable ──→ again soon; too long ──→ its sessions end
//! ```
//!
//! In: the proof of an admission and its credential, sealed. Out: proofs whose sessions
//! must end, for the main thread's slices. One proof is asked about once, however many
//! sessions were made with it, and no more when the last of them is gone. Nothing here
//! runs on the main thread but one operation on a map, and the look whether a name has
//! become a local user's: whoever spares those is not shown it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use warden_authn::{Outcome, Presented, Sealed};
use warden_core::{
    AuthenticatorId, ClientFacts, Principal, Reason, ReasonKind, Recheck, Verified, Walk,
};
use warden_session::Proof;

use crate::ffi::{Level, log};
use crate::shared::Shared;
use crate::slices::glance;
use crate::spread;

/// How soon an authenticator that could not be asked is asked again, at most.
const SOON: Duration = Duration::from_secs(10);

/// Proofs that each new one looks at, whether their sessions are gone.
const SWEPT: usize = 4;

/// Proofs taken out at once: the others follow at the clock's next tick.
const A_TIME: usize = 64;

/// How much earlier a credential may end than was known before, for clocks and rounding.
const TOLERANCE: Duration = Duration::from_secs(5);

impl Entry {
    /// The name its credential was given under.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Says whether the server itself lets somebody in under that name.
    pub(crate) fn look(&mut self, is_local: bool) {
        self.is_local = is_local;
    }
}

/// All proofs that are asked about again.
#[derive(Default)]
pub(crate) struct Rechecks {
    waiting: Mutex<Waiting>,
    ended: Mutex<Vec<Proof>>,
}

#[derive(Default)]
struct Waiting {
    /// By the address of the proof, which is not used again as long as the entry is here.
    entries: BTreeMap<usize, Entry>,
    /// The sweep of those without a session.
    swept: Walk<usize>,
    due: BTreeSet<(Duration, usize)>,
    /// Proofs that are being asked about.
    asked: BTreeSet<usize>,
}

/// A proof that is asked about again.
pub(crate) struct Entry {
    proof: Weak<Verified<Principal>>,
    credential: Sealed,
    /// The name it was given under.
    user: Box<str>,
    /// Whether the server itself lets somebody in under that name, as of the last look.
    is_local: bool,
    client: ClientFacts,
    recheck: Recheck,
    /// When it is due, on the monotonic clock.
    at: Duration,
    /// Since when nobody could be asked, on the monotonic clock.
    failing: Option<Duration>,
}

impl Rechecks {
    /// A session was made with this proof. `seal` seals its credential; with `None` from
    /// it the proof is not watched, which the caller must take for a failure.
    pub(crate) fn watch(
        &self,
        proof: &Proof,
        (user, client): (&str, &ClientFacts),
        now: Duration,
        seal: impl FnOnce() -> Option<Sealed>,
    ) -> Option<()> {
        let Some(recheck) = proof.get().recheck else {
            return Some(());
        };
        let address = Arc::as_ptr(proof).addr();
        let mut waiting = lock(&self.waiting);
        waiting.sweep();
        if waiting.entries.contains_key(&address) || waiting.asked.contains(&address) {
            return Some(());
        }
        let entry = Entry {
            proof: Arc::downgrade(proof),
            credential: seal()?,
            user: user.into(),
            is_local: false,
            client: client.clone(),
            recheck,
            at: now,
            failing: None,
        };
        waiting.put(
            address,
            entry,
            now.saturating_add(spread::earlier(recheck.every, address)),
        );
        Some(())
    }

    /// On the main thread: the next proofs to ask about, none while another thread is at them.
    /// Those without a session any more are forgotten.
    pub(crate) fn due(&self, now: Duration) -> Vec<Entry> {
        let mut due = Vec::new();
        let Some(mut waiting) = glance(&self.waiting) else {
            return due;
        };
        while due.len() < A_TIME
            && let Some((at, address)) = waiting.due.first().copied()
            && at <= now
        {
            waiting.due.remove(&(at, address));
            if let Some(entry) = waiting.entries.remove(&address)
                && entry.proof.strong_count() > 0
            {
                waiting.asked.insert(address);
                due.push(entry);
            }
        }
        due
    }

    /// These authenticators changed: whatever they vouched for is asked about now. In
    /// parts, for the main thread may want the map meanwhile.
    pub(crate) fn hasten(&self, of: &[AuthenticatorId], now: Duration) {
        let all: Vec<usize> = lock(&self.waiting).entries.keys().copied().collect();
        for some in all.chunks(A_TIME) {
            let mut waiting = lock(&self.waiting);
            for address in some {
                let proof = waiting
                    .entries
                    .get(address)
                    .and_then(|entry| entry.proof.upgrade());
                if proof.is_some_and(|proof| of.contains(&proof.get().authenticator)) {
                    waiting.hasten(*address, now);
                }
            }
        }
    }

    /// How many wait; `None` when another thread is at it just now.
    pub(crate) fn count(&self) -> Option<usize> {
        self.waiting
            .try_lock()
            .ok()
            .map(|waiting| waiting.entries.len())
    }

    /// On the main thread: proofs whose sessions must end. None while another thread is just
    /// putting some in: it asks for another slice.
    pub(crate) fn take_ended(&self) -> Vec<Proof> {
        glance(&self.ended).map_or_else(Vec::new, |mut ended| std::mem::take(&mut *ended))
    }

    /// Sessions made with these must end, and nobody is let in with them any more, not even
    /// whose decision is being made.
    pub(crate) fn put_ended(&self, proofs: Vec<Proof>) {
        for proof in &proofs {
            proof.withdraw();
        }
        lock(&self.ended).extend(proofs);
    }

    fn go_on(&self, address: usize, entry: Option<(Entry, Duration)>) {
        let mut waiting = lock(&self.waiting);
        waiting.asked.remove(&address);
        if let Some((entry, at)) = entry {
            waiting.put(address, entry, at);
        }
    }
}

impl Waiting {
    /// Forgets some of those without a session: each that comes looks at a few, so that
    /// those who are gone never outnumber those who are there by much.
    fn sweep(&mut self) {
        for address in self.swept.next(&self.entries, SWEPT) {
            let is_over = |entry: &Entry| entry.proof.strong_count() == 0;
            if self.entries.get(&address).is_some_and(is_over)
                && let Some(entry) = self.entries.remove(&address)
            {
                self.due.remove(&(entry.at, address));
            }
        }
    }

    fn put(&mut self, address: usize, mut entry: Entry, at: Duration) {
        entry.at = at;
        self.due.insert((at, address));
        self.entries.insert(address, entry);
    }

    fn hasten(&mut self, address: usize, now: Duration) {
        if let Some(entry) = self.entries.get_mut(&address) {
            self.due.remove(&(entry.at, address));
            entry.at = now;
            self.due.insert((now, address));
        }
    }
}

/// Asks about one proof again. As every verification, polled on workers.
pub(crate) async fn ask_again(shared: Arc<Shared>, entry: Entry) {
    let address = entry.proof.as_ptr().addr();
    let mut asked = Asked {
        shared: Arc::clone(&shared),
        proof: Weak::clone(&entry.proof),
        is_answered: false,
    };
    let next = ask(&shared, entry).await;
    shared.rechecks.go_on(address, next);
    asked.is_answered = true;
}

/// A proof that is being asked about. Should that panic, its sessions end: they would
/// never be asked about again, nor those of the next proof at its address.
struct Asked {
    shared: Arc<Shared>,
    proof: Weak<Verified<Principal>>,
    is_answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.is_answered || self.shared.is_stopping() {
            return;
        }
        let address = self.proof.as_ptr().addr();
        self.shared.rechecks.go_on(address, None);
        if let Some(proof) = self.proof.upgrade() {
            end(&self.shared, proof, "asking about it failed");
        }
    }
}

async fn ask(shared: &Shared, mut entry: Entry) -> Option<(Entry, Duration)> {
    let proof = entry.proof.upgrade()?;
    let Some(credential) = shared.seal.open(&entry.credential) else {
        end(shared, proof, "its credential cannot be read any more");
        return None;
    };
    let presented = Presented {
        credential,
        client: entry.client.clone(),
        is_local: entry.is_local,
    };
    let chain = shared.chain.load_full();
    let outcome = chain.authenticate(&presented, shared.clock()).await;
    shared.counters.rechecks.add_one();
    let now = shared.monotonic();
    let refused = match outcome {
        Outcome::Verified(again) if is_as_before(shared, &proof, &again, &entry.client) => {
            entry.failing = None;
            let address = Arc::as_ptr(&proof).addr();
            let at = now.saturating_add(spread::earlier(entry.recheck.every, address));
            return Some((entry, at));
        }
        Outcome::Verified(_) => "it stands for other rights now".to_owned(),
        Outcome::Refused(reason) => reason.to_string(),
        Outcome::NotMine => "no authenticator claims it any more".to_owned(),
        Outcome::Unavailable(reason) => {
            let since = *entry.failing.get_or_insert(now);
            if now.saturating_sub(since) < entry.recheck.grace {
                let at = now.saturating_add(entry.recheck.every.min(SOON));
                return Some((entry, at));
            }
            format!("nobody could be asked for recheck_grace_seconds: {reason}")
        }
    };
    forget(shared, &presented, &refused);
    end(shared, proof, &refused);
    None
}

/// Whether policies would be told the same, and for as long.
fn is_as_before(shared: &Shared, before: &Proof, again: &Proof, client: &ClientFacts) -> bool {
    let chain = shared.chain.load();
    // What a directory says is looked up for itself, and may change.
    let (before, again) = (chain.alone(before), chain.alone(again));
    let (old, new) = (before.get(), again.get());
    let (Some(generation), facts) = shared.in_force(client.clone()) else {
        return true;
    };
    let now = shared.now();
    let told = |proof: &Proof| generation.project(proof, &facts, now).key();
    let ends_earlier = match (old.expires, new.expires) {
        (Some(old), Some(new)) => new.plus(TOLERANCE) < old,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    old.user_name() == new.user_name()
        && old.bound_to == new.bound_to
        && !ends_earlier
        && told(&before) == told(&again)
}

/// What is remembered of the credential must not let it in again.
fn forget(shared: &Shared, presented: &Presented, why: &str) {
    let cache = shared.cache.load();
    let key = crate::login::cache_key(shared, &cache, presented);
    let reason = Reason::new(ReasonKind::Credential, why.to_owned());
    cache.put(key, &Outcome::Refused(reason), shared.now());
}

fn end(shared: &Shared, proof: Proof, why: &str) {
    let name = proof.get().user_name();
    log(
        Level::Notice,
        &format!("sessions of {name} end, for their credential was asked about again: {why}"),
    );
    shared.rechecks.put_ended(vec![proof]);
    shared.wake_clock();
}

/// Each critical section is one operation on a collection, so a poisoned lock is usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_authn::Seal;
    use warden_core::{Method, PrincipalName};

    fn proof(number: usize) -> Proof {
        Arc::new(Verified::attest(Principal {
            authenticator: AuthenticatorId::new("corp").unwrap(),
            name: PrincipalName::new(&format!("user-{number}")).unwrap(),
            method: Method::Introspection,
            groups: Vec::new(),
            scopes: Vec::new(),
            sole_authenticator: true,
            claims: warden_core::Claims::default(),
            expires: None,
            remembered_for: None,
            bound_to: None,
            recheck: Some(Recheck {
                every: Duration::from_secs(3600),
                grace: Duration::from_secs(300),
            }),
            attach: warden_core::Attach::default(),
            account: None,
        }))
    }

    #[test]
    fn a_credential_that_is_no_good_lets_nobody_in_whose_decision_is_being_made() {
        let (rechecks, ended, other) = (Rechecks::default(), proof(1), proof(2));
        rechecks.put_ended(vec![Arc::clone(&ended)]);
        assert!(ended.is_withdrawn() && !other.is_withdrawn());
        assert!(Arc::ptr_eq(&rechecks.take_ended()[0], &ended));
    }

    #[test]
    fn proofs_without_a_session_do_not_pile_up() {
        let (rechecks, seal) = (Rechecks::default(), Seal::new().unwrap());
        let watch = |proof: &Proof| {
            let client = ClientFacts::default();
            let sealed = || seal.close("token", b"a secret");
            rechecks
                .watch(proof, ("token", &client), Duration::ZERO, sealed)
                .unwrap();
        };
        let lasting: Vec<Proof> = (0..100).map(proof).collect();
        lasting.iter().for_each(watch);
        for number in 100..5000 {
            // Its session ends at once.
            watch(&proof(number));
        }
        let kept = rechecks.count().unwrap();
        assert!((100..400).contains(&kept), "{kept}");
        let waiting = lock(&rechecks.waiting);
        assert_eq!(waiting.due.len(), waiting.entries.len());
        let there = |proof: &Proof| waiting.entries.contains_key(&Arc::as_ptr(proof).addr());
        assert!(lasting.iter().all(there));
    }
}
