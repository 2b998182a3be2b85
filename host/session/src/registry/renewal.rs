//! Live sessions whose principal is not what it was: their directory says otherwise now.
//!
//! In: for each proof of one person another. Out: nothing at once; the classes of that
//! person are reviewed, as after a reload, and every answer is about the new proofs. About a
//! user of the server's own ACL no policy is asked: there a session's end follows by itself. A
//! session keeps the proof it was made with, which stands for the newest in its place, so
//! that however many sessions have it, all change at once. Costs O(log n) for each proof
//! and each class.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Weak};

use warden_core::{Principal, UserName, Verified, Walk};

use super::{Registry, Rights};
use crate::ClassId;
use crate::session::Member;

/// Classes that are marked for review in one call, and sessions that get another end.
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
    /// The sweep of those without a session.
    swept: Walk<usize>,
    /// Whose classes wait to be marked, and how far that has come.
    unmarked: VecDeque<(UserName, Option<ClassId>)>,
    /// Classes whose sessions wait for another end, and how far that has come.
    unended: VecDeque<(ClassId, Option<Member>)>,
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

    fn replace(&mut self, former: &Proof, newest: Proof) -> Option<Proof> {
        let address = Arc::as_ptr(former).addr();
        let value = (Arc::downgrade(former), newest);
        self.newest.insert(address, value).map(|(_, before)| before)
    }

    /// Forgets some of those without a session: each that comes looks at a few, so that
    /// those who are gone never outnumber those who are there by much.
    fn sweep(&mut self) -> Vec<Proof> {
        let mut gone = Vec::new();
        for address in self.swept.next(&self.newest, SWEPT) {
            let is_over = |(former, _): &(Weak<_>, _)| former.strong_count() == 0;
            if self.newest.get(&address).is_some_and(is_over) {
                gone.extend(self.newest.remove(&address).map(|(_, newest)| newest));
            }
        }
        gone
    }
}

impl Registry {
    /// Sessions made with the first of each pair are of the second from now on: the same
    /// person, of whom other things are known. The caller admits nobody with the first any
    /// more. [`mark_renewed`](Self::mark_renewed) has them decided anew. Answers what stood
    /// in that place before, to be freed where it is nobody's time.
    pub fn renew_proofs(
        &mut self,
        renewed: impl IntoIterator<Item = (Proof, Proof)>,
    ) -> Vec<Proof> {
        let mut left = Vec::new();
        for (former, newest) in renewed {
            let user = newest.get().user_name();
            if former.get().user_name() != user {
                continue;
            }
            left.extend(self.renewals.sweep());
            left.extend(self.renewals.replace(&former, newest));
            left.push(former);
            let last = self.renewals.unmarked.back();
            if last.is_none_or(|(waiting, done)| *waiting != user || done.is_some()) {
                self.renewals.unmarked.push_back((user, None));
            }
        }
        left
    }

    /// Marks some classes of those who were renewed for review. Answers whether there are
    /// more.
    pub fn mark_renewed(&mut self) -> bool {
        if let Some((class, after)) = self.renewals.unended.pop_front() {
            self.end_renewed(class, after);
        } else if let Some((user, after)) = self.renewals.unmarked.pop_front() {
            self.mark_classes(user, after);
        }
        !self.renewals.unmarked.is_empty() || !self.renewals.unended.is_empty()
    }

    fn mark_classes(&mut self, user: UserName, after: Option<ClassId>) {
        let classes = self.classes.of_user(&user, after, CLASSES);
        for class in &classes {
            let is_decided = self.classes.edit(*class, |class| {
                // Answers under way are about what was known before.
                class.progress = None;
                class.reviewed = None;
                !class.rules.are_of_acl_user()
            });
            if is_decided == Some(false) {
                self.renewals.unended.push_back((*class, None));
            }
        }
        if classes.len() == CLASSES {
            let after = classes.last().copied();
            self.renewals.unmarked.push_front((user, after));
        }
    }

    /// Gives some sessions of a class about which no policy is asked the end that their
    /// newest proof has.
    fn end_renewed(&mut self, class: ClassId, after: Option<Member>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members: Vec<Member> = self
            .classes
            .get(class)
            .map(|class| class.members.range((start, Bound::Unbounded)))
            .map(|members| members.take(CLASSES).copied().collect())
            .unwrap_or_default();
        for member in &members {
            let Some(session) = self.sessions.get(&member.client) else {
                continue;
            };
            if session.id != member.session || session.closing {
                continue;
            }
            let newest = self.renewals.newest(&session.principal).get();
            let deadline = self.deadline(session.since, newest, &Rights::OfAclUser);
            let since = session.since;
            self.set_term(member.client, since, deadline);
        }
        if members.len() == CLASSES {
            let after = members.last().copied();
            self.renewals.unended.push_front((class, after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::principal;

    #[test]
    fn proofs_without_a_session_do_not_pile_up() {
        let mut renewals = Renewals::default();
        let lasting: Vec<Proof> = (0..100).map(|_| principal("alice", None)).collect();
        for proof in &lasting {
            renewals.replace(proof, principal("alice", None));
        }
        for _ in 100..5000 {
            renewals.sweep();
            // Its session ends without a word.
            renewals.replace(&principal("bob", None), principal("bob", None));
        }
        let kept = renewals.newest.len();
        assert!((100..400).contains(&kept), "{kept}");
        assert!(
            lasting
                .iter()
                .all(|proof| !Arc::ptr_eq(renewals.newest(proof), proof))
        );
        for proof in lasting {
            renewals.leave(&proof);
        }
        renewals.swept = Walk::default();
        while !renewals.newest.is_empty() && !renewals.sweep().is_empty() {}
        assert!(renewals.newest.is_empty());
    }
}
