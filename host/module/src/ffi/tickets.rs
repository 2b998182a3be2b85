//! Values that wait inside the server.
//!
//! In: a value that a later callback shall receive. Out: a ticket, a number that fits the server's `void *`; the callback
//! hands it in and gets the value, once. Never: a pointer to our memory in the server's hands. A ticket of another time,
//! for example from before a reload, finds nothing; numbers are never given twice.

use std::collections::BTreeMap;
use std::ffi::c_void;

/// A table of waiting values.
#[derive(Debug)]
pub(super) struct Tickets<T> {
    waiting: BTreeMap<usize, T>,
    /// The ticket given last. They start at one: the server takes a null `void *` for "nothing".
    given: usize,
    /// The highest that came back.
    back: usize,
}

/// The number under which one value waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(usize);

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
            waiting: BTreeMap::new(),
            given: 0,
            back: 0,
        }
    }

    /// Puts a value away.
    pub(super) fn put(&mut self, value: T) -> Ticket {
        self.given += 1;
        self.waiting.insert(self.given, value);
        Ticket(self.given)
    }

    /// Takes the value of a ticket out; `None` when it was taken before or never put here.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<T> {
        self.back = self.back.max(ticket.0);
        self.waiting.remove(&ticket.0)
    }

    /// How many of those given last have not come back, none of them. The server brings them back in order, but for one
    /// that it loses now and then.
    pub(super) fn outstanding(&self) -> usize {
        self.given - self.back
    }

    /// Takes all that waits out; nothing is outstanding then.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.back = self.given;
        std::mem::take(&mut self.waiting).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticket, Tickets};

    #[test]
    fn a_value_is_handed_out_once() {
        let mut table = Tickets::new();
        let ticket = table.put("value");
        let carried = Ticket::from_void(ticket.as_void()).expect("not null");
        assert_eq!(table.take(carried), Some("value"));
        assert_eq!(table.take(carried), None);
    }

    /// The server keeps some for ever: those of clients that leave at a wrong moment.
    #[test]
    fn a_ticket_that_never_comes_back_is_outstanding_only_until_a_later_one_does() {
        let mut table = Tickets::new();
        let _lost = table.put("lost");
        let next = table.put("next");
        assert_eq!(table.outstanding(), 2);
        table.take(next);
        assert_eq!(table.outstanding(), 0);
        table.put("another");
        assert_eq!(table.outstanding(), 1);
    }

    #[test]
    fn null_is_no_ticket() {
        assert_eq!(Ticket::from_void(std::ptr::null_mut()), None);
    }

    #[test]
    fn a_ticket_from_before_a_clearing_finds_nothing() {
        let mut table = Tickets::new();
        let old = table.put(1);
        assert_eq!(table.take_all().collect::<Vec<_>>(), [1]);
        let new = table.put(2);
        assert_ne!(old, new);
        assert_eq!(table.take(old), None);
        assert_eq!(table.take(new), Some(2));
    }
}
