//! People with live sessions whose account in a directory is looked up again.
//!
//! ```text
//! admitted ──→ waits ── refresh_seconds ──→ asked ── as before ──────→ waits
//!                                              ├─ other groups ──→ decided anew, waits
//!                                              ├─ refused ───────→ their sessions end
//!                                              └─ unavailable ──→ again soon; too long ──→ they end
//! ```
//!
//! In: the proof of an admission. Out: pairs of proofs, the former and what stands in its
//! place, and proofs whose sessions must end, both for the main thread's slices. One person
//! is asked about once, however many proofs and sessions they have, and no credential is
//! needed for it. Of one directory few are asked about at a time. Nothing here runs on the
//! main thread but one operation on a map.

mod people;

use std::sync::Arc;

use warden_core::UserName;
use warden_session::Proof;

use crate::ffi::{Level, log};
use crate::shared::Shared;
use crate::workers::Job;
use people::Found;
pub(crate) use people::{Entry, Refreshes};

/// Hands out whoever is due to the workers. From any thread but the main one.
pub(crate) fn hand_out(shared: &Shared) {
    let (due, late) = shared.refreshes.due(shared.monotonic());
    for (user, proofs) in late {
        end(
            shared,
            &user,
            proofs,
            "nobody answered for refresh_grace_seconds",
        );
    }
    for entry in due {
        shared.hand_over(Job::Refresh(entry));
    }
}

/// Asks about somebody again. As every verification, polled on workers.
pub(crate) async fn ask_again(shared: Arc<Shared>, entry: Entry) {
    let mut asked = Asked {
        shared: Arc::clone(&shared),
        entry,
        is_answered: false,
    };
    let found = ask(&shared, &asked.entry).await;
    asked.is_answered = true;
    note(&shared, &asked.entry, found);
    hand_out(&shared);
}

/// Somebody who is being asked about. Should that panic, their sessions end: they would
/// never be asked about again.
struct Asked {
    shared: Arc<Shared>,
    entry: Entry,
    is_answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered && !self.shared.is_stopping() {
            let found = Found::Gone("asking about it failed".to_owned());
            note(&self.shared, &self.entry, (found, true));
        }
    }
}

/// What a person's account is now, and whether the authenticators are still those asked.
async fn ask(shared: &Shared, entry: &Entry) -> (Found, bool) {
    let (firsts, newest): (Vec<Proof>, Vec<Proof>) = entry.proofs().unzip();
    if firsts.is_empty() {
        return (Found::Nothing, true);
    }
    let chain = shared.chain.load_full();
    let generation = chain.generation();
    let answer = chain.look_again(&newest, shared.clock()).await;
    shared.counters.refreshes.add_one();
    let is_current = shared.chain.load().generation() == generation;
    let found = match answer {
        Ok(now) => {
            let changed = firsts.into_iter().zip(newest).zip(now);
            let changed = changed.filter(|((_, before), now)| !Arc::ptr_eq(before, now));
            Found::There(changed.map(|((first, _), now)| (first, now)).collect())
        }
        Err(reason) if reason.reply().is_about_the_credential() => Found::Gone(reason.to_string()),
        Err(reason) => Found::Undecided(reason.to_string()),
    };
    (found, is_current)
}

fn note(shared: &Shared, entry: &Entry, (found, is_current): (Found, bool)) {
    let is_renewed = matches!(&found, Found::There(pairs) if !pairs.is_empty());
    let now = shared.monotonic();
    let ended = shared.refreshes.go_on(entry, (found, is_current), now);
    if is_renewed {
        let user = entry.user();
        log(
            Level::Verbose,
            &format!("sessions of {user} are decided anew: their account has changed"),
        );
        shared.wake_clock();
    }
    if let Some((proofs, why)) = ended {
        end(shared, entry.user(), proofs, &why);
    }
}

fn end(shared: &Shared, user: &UserName, proofs: Vec<Proof>, why: &str) {
    log(
        Level::Notice,
        &format!("sessions of {user} end, for their account was looked up again: {why}"),
    );
    shared.rechecks.put_ended(proofs);
    shared.wake_clock();
}
