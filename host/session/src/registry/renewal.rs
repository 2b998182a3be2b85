//! Live sessions whose principal is not what it was: their directory says otherwise now.
//!
//! In: for each proof of one person another. Out: nothing at once; the classes of that
//! person are reviewed, as after a reload, and every answer is about the new proofs. A
//! session keeps the proof it was made with, which stands for the newest in its place, so
//! that however many sessions have it, all change at once. Costs O(log n) for each proof
//! and each class.

use std::collections::VecDeque;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Weak};

use warden_core::{Principal, UserName, Verified};

use super::Registry;
use crate::ClassId;

/// Classes that are marked for review in one call.
const CLASSES: usize = 128;

/// Proofs that each renewal looks at, whether their sessions are gone.
const SWEPT: usize = 4;

/// A proof.
pub type Proof = Arc<Verified<Principal>>;

/// Proofs in whose place others stand.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    /// By the address of the former, which is not used again as long as it is here.
    newest: BTreeMap<usize, (Weak<Verified<Principal>>, Proof)>,
    /// Where the sweep of those without a session goes on.
    swept: usize,
    /// Whose classes wait to be marked, and how far that has come.
    unmarked: VecDeque<(UserName, Option<ClassId>)>,
}

impl Renewals {
    /// The proof that stands in the place of one.
    pub(super) fn newest<'a>(&'a self, of: &'a Proof) -> &'a Proof {
        self.newest
            .get(&Arc::as_ptr(of).addr())
            .map_or(of, |(_, newest)| newest)
    }

    /// A session with this proof has ended; `proof` is the last thing it left behind.
    pub(super) fn leave(&mut self, proof: &Proof) {
        if !self.newest.is_empty() && Arc::strong_count(proof) == 1 {
            self.newest.remove(&Arc::as_ptr(proof).addr());
        }
    }

    fn sweep(&mut self) {
        let next: Vec<usize> = self
            .newest
            .range((Bound::Included(self.swept), Bound::Unbounded))
            .take(SWEPT)
            .map(|(address, _)| *address)
            .collect();
        self.swept = match next.last() {
            Some(last) if next.len() == SWEPT => last.saturating_add(1),
            _ => 0,
        };
        for address in next {
            let is_over = |(former, _): &(Weak<_>, _)| former.strong_count() == 0;
            if self.newest.get(&address).is_some_and(is_over) {
                self.newest.remove(&address);
            }
        }
    }
}

impl Registry {
    /// Sessions made with the first of each pair are of the second from now on: the same
    /// person, of whom other things are known. The caller admits nobody with the first any
    /// more. [`mark_renewed`](Self::mark_renewed) has them decided anew.
    pub fn renew_proofs(&mut self, renewed: impl IntoIterator<Item = (Proof, Proof)>) {
        for (former, newest) in renewed {
            let user = newest.get().user_name();
            if former.get().user_name() != user {
                continue;
            }
            self.renewals.sweep();
            let address = Arc::as_ptr(&former).addr();
            let value = (Arc::downgrade(&former), newest);
            self.renewals.newest.insert(address, value);
            let last = self.renewals.unmarked.back();
            if last.is_none_or(|(waiting, done)| *waiting != user || done.is_some()) {
                self.renewals.unmarked.push_back((user, None));
            }
        }
    }

    /// Marks some classes of those who were renewed for review. Answers whether there are
    /// more.
    pub fn mark_renewed(&mut self) -> bool {
        let Some((user, after)) = self.renewals.unmarked.pop_front() else {
            return false;
        };
        let classes = self.classes.of_user(&user, after, CLASSES);
        for class in &classes {
            self.classes.edit(*class, |class| {
                // Answers under way are about what was known before.
                class.progress = None;
                class.reviewed = None;
            });
        }
        if classes.len() == CLASSES {
            let after = classes.last().copied();
            self.renewals.unmarked.push_front((user, after));
        }
        !self.renewals.unmarked.is_empty()
    }
}
