//! Sessions that wait to be closed, each with its cause.
//!
//! In: a session and why it must end. Out: the next one to close, and whether all
//! that an order means have been. The first cause stays; a later order waits for the
//! session as well. Costs O(log n) for each change.

use std::collections::BTreeMap;

use crate::session::Member;
use crate::{EndCause, KillId};

/// Marked sessions, in the order of connections.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    marks: BTreeMap<Member, Mark>,
    /// How many each order waits for; none where it is absent.
    awaited: BTreeMap<KillId, usize>,
}

#[derive(Debug)]
struct Mark {
    cause: EndCause,
    /// The orders that wait for this session.
    orders: Vec<KillId>,
}

impl Doomed {
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn contains(&self, member: Member) -> bool {
        self.marks.contains_key(&member)
    }

    /// Whether this order waits for any session.
    pub(super) fn is_awaited(&self, kill: KillId) -> bool {
        self.awaited.contains_key(&kill)
    }

    pub(super) fn insert(&mut self, member: Member, cause: &EndCause) {
        let mark = self.marks.entry(member).or_insert_with(|| Mark {
            cause: cause.clone(),
            orders: Vec::new(),
        });
        if let EndCause::Killed(kill) = cause {
            mark.orders.push(*kill);
            *self.awaited.entry(*kill).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, member: Member) {
        if let Some(mark) = self.marks.remove(&member) {
            self.settle(&mark.orders);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Member, EndCause)> {
        let (member, mark) = self.marks.pop_first()?;
        self.settle(&mark.orders);
        Some((member, mark.cause))
    }

    pub(super) fn clear(&mut self) {
        self.marks.clear();
        self.awaited.clear();
    }

    fn settle(&mut self, orders: &[KillId]) {
        for kill in orders {
            if let Some(count) = self.awaited.get_mut(kill) {
                *count -= 1;
                if *count == 0 {
                    self.awaited.remove(kill);
                }
            }
        }
    }
}
