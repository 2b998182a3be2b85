//! Values that wait inside the server.
//!
//! In: a value that a later callback shall receive. Out: a ticket, a number that fits the server's `void *`; the callback
//! hands it in and gets the value, once. Never: a pointer to our memory in the server's hands. A ticket of another time,
//! for example from before a reload, finds nothing; numbers are never given twice.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers start at one: the server takes a null `void *` for "nothing".
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// A table of waiting values.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    waiting: Mutex<Option<BTreeMap<usize, T>>>,
}

/// The number under which one value waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(usize);

/// Between two tickets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(usize);

impl Moment {
    /// Before every ticket.
    pub(super) const BEFORE_ALL: Self = Self(0);

    /// Now: every ticket that is made from now on comes after it.
    pub(super) fn now() -> Self {
        Self(NEXT.load(Ordering::Relaxed))
    }
}

impl Ticket {
    /// The ticket as the server carries it. It is a number, not an address.
    pub(super) fn as_void(self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.0)
    }

    /// The ticket the server brought back; `None` for its null.
    pub(super) fn from_void(carried: *mut c_void) -> Option<Self> {
        let number = carried.addr();
        (number != 0).then_some(Self(number))
    }
}

impl<T> Tickets<T> {
    /// An empty table.
    pub(super) const fn new() -> Self {
        Self {
            waiting: Mutex::new(None),
        }
    }

    /// Puts a value away.
    pub(super) fn put(&self, value: T) -> Ticket {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.lock()
            .get_or_insert_with(BTreeMap::new)
            .insert(number, value);
        Ticket(number)
    }

    /// Takes the value of a ticket out; `None` when it was taken before or never put here.
    pub(super) fn take(&self, ticket: Ticket) -> Option<T> {
        self.lock().as_mut()?.remove(&ticket.0)
    }

    /// How many values wait that were put away since `start`.
    pub(super) fn since(&self, start: Moment) -> usize {
        let waiting = self.lock();
        let since = waiting.as_ref().map(|all| all.range(start.0..).count());
        since.unwrap_or(0)
    }

    /// Drops all that waits and answers how many there were.
    pub(super) fn clear(&self) -> usize {
        // Bound to a name so that the values are dropped after the table is open again.
        let all = self.lock().take();
        all.map_or(0, |all| all.len())
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<usize, T>>> {
        // No code of a value runs under this lock, so a poisoned table is still whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Ticket, Tickets};

    #[test]
    fn a_value_is_handed_out_once() {
        let table = Tickets::new();
        let ticket = table.put("value");
        let carried = Ticket::from_void(ticket.as_void()).expect("not null");
        assert_eq!(table.take(carried), Some("value"));
        assert_eq!(table.take(carried), None);
    }

    #[test]
    fn what_was_put_away_since_a_moment_is_counted_until_it_is_taken() {
        let table = Tickets::new();
        table.put("before");
        let moment = Moment::now();
        assert_eq!(table.since(moment), 0);
        let ticket = table.put("after");
        assert_eq!(table.since(moment), 1);
        assert_eq!(table.since(Moment::BEFORE_ALL), 2);
        table.take(ticket);
        assert_eq!(table.since(moment), 0);
    }

    #[test]
    fn null_is_no_ticket() {
        assert_eq!(Ticket::from_void(std::ptr::null_mut()), None);
    }

    #[test]
    fn a_ticket_from_before_a_clearing_finds_nothing() {
        let table = Tickets::new();
        let old = table.put(1);
        assert_eq!(table.clear(), 1);
        let new = table.put(2);
        assert_ne!(old, new);
        assert_eq!(table.take(old), None);
        assert_eq!(table.take(new), Some(2));
    }
}
