//! Who would lose or gain what: gathered class by class, and bounded.
//!
//! In: portions of live classes, and the candidate. Out: counts of all, and the gravest
//! changes one by one, always in the same order. Two sessions of one class are told apart
//! only where the candidate answers them differently.

mod kept;
mod memory;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;

use warden_core::permissions::Rendered;
use warden_core::{Decision, Principal, Reason, UserName, Verified};
use warden_policy::{Change, Digest, Outcome};
use warden_session::{Alike, ClassId, Portion};

use kept::Kept;
pub(crate) use memory::Memory;
use memory::{Answer, Compared};
pub(crate) use told::Told;
use told::{bounded, cut};

/// The order of changes of one class: the gravest first, then by what they would have.
type Rank = (Outcome, Digest);

/// The order of all changes: the gravest first, then by name.
type Place = (Outcome, UserName, ClassId, Digest);

/// Sessions, by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// All that were looked at.
    pub(crate) all: usize,
    /// They would be refused.
    pub(crate) refused: usize,
    /// They would lose something.
    pub(crate) losing: usize,
    /// They would only gain.
    pub(crate) gaining: usize,
}

/// What the candidate says of members that are alike, as they are known now.
pub(crate) struct Answered {
    pub(crate) principal: Arc<Verified<Principal>>,
    pub(crate) answer: Answer,
}

/// All of it.
pub(crate) struct Account {
    count: usize,
    /// Whether everybody was looked at.
    pub(crate) complete: bool,
    /// Classes that were looked at.
    pub(crate) classes: usize,
    /// Those of which no session changes.
    pub(crate) unchanged: usize,
    /// The sessions of all.
    pub(crate) sessions: Sessions,
    /// How many changes are not told one by one.
    pub(crate) left_out: usize,
    told: Kept<Place>,
    current: Option<Current>,
    memory: Memory,
}

/// The class under way.
struct Current {
    class: ClassId,
    told: Kept<Rank>,
    /// Changes of it that are not told, each once however many sessions it is met with.
    /// No more than there are sessions in the class, of which each takes more than this.
    left_out: BTreeSet<Rank>,
}

impl Account {
    /// Of nobody yet; tells at most `count` changes.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            complete: true,
            classes: 0,
            unchanged: 0,
            sessions: Sessions::default(),
            left_out: 0,
            told: Kept::new(count),
            current: None,
            memory: Memory::new(),
        }
    }

    /// The changes that are told, the gravest first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Told> {
        self.told.iter()
    }

    /// Takes what the candidate answers to members of a class, until it is too late: then
    /// the account is no longer `complete`.
    ///
    /// # Errors
    /// When the account is not wanted any more.
    pub(crate) fn add(
        &mut self,
        portion: &Portion,
        is_late: &dyn Fn() -> Result<bool, String>,
        ask: &dyn Fn(&Alike, &mut Memory) -> Answered,
    ) -> Result<(), String> {
        self.enter(portion.class);
        for alike in &portion.alike {
            if is_late()? {
                self.complete = false;
                return Ok(());
            }
            let answered = ask(alike, &mut self.memory);
            self.note(portion, alike.sessions(), answered);
        }
        Ok(())
    }

    fn enter(&mut self, class: ClassId) {
        if self.current.as_ref().is_some_and(|at| at.class == class) {
            return;
        }
        self.close();
        self.classes += 1;
        self.current = Some(Current {
            class,
            told: Kept::new(self.count),
            left_out: BTreeSet::new(),
        });
    }

    fn note(
        &mut self,
        portion: &Portion,
        sessions: usize,
        Answered { principal, answer }: Answered,
    ) {
        self.sessions.all += sessions;
        let Some((change, next)) = self.compare(&portion.present, &answer) else {
            return;
        };
        match change.outcome {
            Outcome::Refused => self.sessions.refused += sessions,
            Outcome::Loses => self.sessions.losing += sessions,
            // Whoever is connected was let in: nobody of them comes in by it.
            Outcome::Gains | Outcome::Admitted => self.sessions.gaining += sessions,
        }
        let rank = (change.outcome, next);
        let Some(current) = &mut self.current else {
            return;
        };
        if let Some(told) = current.told.get_mut(&rank) {
            told.sessions += sessions;
            return;
        }
        if current.told.is_beyond(&rank) {
            current.left_out.insert(rank);
            return;
        }
        let told = Told {
            user: portion.user.clone(),
            authenticator: principal.get().authenticator.as_str().to_owned(),
            class: portion.key,
            sessions,
            change,
            before: cut(&portion.present.rendered.rules),
            after: answer.ok().map(|decision| cut(&decision.rendered.rules)),
        };
        current.left_out.extend(current.told.put(rank, told));
    }

    /// What changes from one answer to the other, its texts bounded, and what tells the
    /// second from others. Many classes share both, and comparing takes its time.
    fn compare(&mut self, present: &Decision, answer: &Answer) -> Option<(Change, Digest)> {
        let next = answer.as_ref().ok();
        let texts = (
            Arc::clone(&present.rendered),
            next.map(|next| Arc::clone(&next.rendered)),
        );
        let address = |text: &Arc<Rendered>| Arc::as_ptr(text).addr();
        let key = (address(&texts.0), texts.1.as_ref().map(address));
        let told = |compared: &Compared| {
            let reason = answer.as_ref().err();
            let refused = || Digest::of(reason.map_or("", Reason::detail).as_bytes());
            let digest = compared.after.unwrap_or_else(refused);
            let change = Change {
                reason: reason.cloned(),
                ..compared.change.clone()?
            };
            Some((change, digest))
        };
        if let Some(compared) = self.memory.comparisons.get(&key) {
            return told(compared);
        }
        let server = next.map_or(&present.server, |next| &next.server);
        let change = Change::between(Ok(present), answer.as_deref(), server);
        let compared = Compared {
            change: change.map(bounded),
            after: next.map(|next| Digest::of(next.rendered.rules.as_bytes())),
            texts,
        };
        let found = told(&compared);
        self.memory.comparisons.insert(key, compared);
        found
    }

    /// The class under way is complete.
    pub(crate) fn close(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        self.left_out += current.left_out.len();
        let mut is_unchanged = current.left_out.is_empty();
        for ((outcome, digest), told) in current.told.into_ranked() {
            is_unchanged = false;
            let place = (outcome, told.user.clone(), current.class, digest);
            self.left_out += self.told.put(place, told).len();
        }
        // Of a class that was left in the middle that is not known.
        self.unchanged += usize::from(is_unchanged && self.complete);
    }
}

#[cfg(test)]
mod tests;
