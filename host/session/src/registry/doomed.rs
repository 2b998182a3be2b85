//! Sessions that wait to be closed, each with its cause.
//!
//! In: a session and why it must end. Out: the next one to close, the hastiest first,
//! and whether all that an order means have been. The first cause stays; a later order
//! waits for the session as well. Costs O(log n) for each change.

use std::collections::{BTreeMap, BTreeSet};

use crate::session::Member;
use crate::{EndCause, KillId};

/// How soon a session must be closed, whatever waits before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    /// It has rights that were refused to it: those of its class.
    Highest,
    /// It was refused, and its class with it: nobody of it may do anything.
    High,
    /// It has no rights but its own.
    Usual,
}

/// Marked sessions.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    marks: BTreeMap<Member, Mark>,
    /// The same, the hastiest first, of each haste in the order of connections.
    order: BTreeSet<(Haste, Member)>,
    /// How many each order waits for; none where it is absent.
    awaited: BTreeMap<KillId, usize>,
}

#[derive(Debug)]
struct Mark {
    cause: EndCause,
    haste: Haste,
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

    pub(super) fn insert(&mut self, member: Member, cause: &EndCause, haste: Haste) {
        let mark = self.marks.entry(member).or_insert_with(|| Mark {
            cause: cause.clone(),
            haste,
            orders: Vec::new(),
        });
        self.order.remove(&(mark.haste, member));
        mark.haste = mark.haste.min(haste);
        self.order.insert((mark.haste, member));
        if let EndCause::Killed(kill) = cause {
            mark.orders.push(*kill);
            *self.awaited.entry(*kill).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, member: Member) {
        self.take(member);
    }

    /// One that was refused, if there is any.
    pub(super) fn pop_hasty(&mut self) -> Option<(Member, EndCause)> {
        let (haste, _) = self.order.first()?;
        if *haste == Haste::Usual {
            return None;
        }
        self.pop()
    }

    pub(super) fn pop(&mut self) -> Option<(Member, EndCause)> {
        let (_, member) = self.order.first().copied()?;
        self.take(member).map(|cause| (member, cause))
    }

    fn take(&mut self, member: Member) -> Option<EndCause> {
        let mark = self.marks.remove(&member)?;
        self.order.remove(&(mark.haste, member));
        self.settle(&mark.orders);
        Some(mark.cause)
    }

    pub(super) fn clear(&mut self) {
        self.marks.clear();
        self.order.clear();
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
