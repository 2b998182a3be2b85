//! Sessions that wait to be closed, each with its cause.
//!
//! In: a session and why it must end. Out: the next one to close, and whether all
//! of one order have been. The first cause stays. Costs O(log n) for each change.

use std::collections::BTreeMap;

use crate::session::Member;
use crate::{EndCause, KillId};

/// Marked sessions, in the order of connections.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    causes: BTreeMap<Member, EndCause>,
    /// How many of each order wait; none where it is absent.
    of_kill: BTreeMap<KillId, usize>,
}

impl Doomed {
    pub(super) fn len(&self) -> usize {
        self.causes.len()
    }

    pub(super) fn contains(&self, member: Member) -> bool {
        self.causes.contains_key(&member)
    }

    /// Whether any session of this order waits.
    pub(super) fn has(&self, kill: KillId) -> bool {
        self.of_kill.contains_key(&kill)
    }

    /// Marks a session and says whether it was not marked before.
    pub(super) fn insert(&mut self, member: Member, cause: EndCause) -> bool {
        if self.causes.contains_key(&member) {
            return false;
        }
        if let EndCause::Killed(kill) = cause {
            *self.of_kill.entry(kill).or_default() += 1;
        }
        self.causes.insert(member, cause);
        true
    }

    pub(super) fn remove(&mut self, member: Member) {
        if let Some(cause) = self.causes.remove(&member) {
            self.forget(&cause);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Member, EndCause)> {
        let (member, cause) = self.causes.pop_first()?;
        self.forget(&cause);
        Some((member, cause))
    }

    pub(super) fn clear(&mut self) {
        self.causes.clear();
        self.of_kill.clear();
    }

    fn forget(&mut self, cause: &EndCause) {
        if let EndCause::Killed(kill) = cause
            && let Some(count) = self.of_kill.get_mut(kill)
        {
            *count -= 1;
            if *count == 0 {
                self.of_kill.remove(kill);
            }
        }
    }
}
