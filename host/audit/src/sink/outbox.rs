//! Messages on their way over a connection that acknowledges nothing.
//!
//! In: whole messages. Out: the bytes to send next; after a connection broke, all messages
//! that may not have arrived, from their beginning; and what those count that no connection
//! ever took. Never: part of a message at the beginning of a connection.
//!
//! ```text
//! forgotten │ kept: sent, may be lost with the connection │ not sent
//!           └ bytes[start]                          start+sent ┘
//! ```
//!
//! What was sent lies in this system's buffer or in the collector's until the collector reads
//! it, and goes with the connection. So a message is forgotten only when [`KEPT_BYTES`] were
//! sent after it: more than both buffers hold.

use std::collections::VecDeque;

use super::Untaken;

/// Bytes sent after a message before it counts as read. A Linux with the settings it comes with
/// holds at most 6 MiB for a receiver (`tcp_rmem`), and that only for one that has read very
/// fast before; the sender's own buffer is [`SEND_BUFFER_BYTES`], doubled.
pub(crate) const KEPT_BYTES: usize = 8 << 20;

/// Size asked for of this system's buffer; Linux doubles it for its own book-keeping.
pub(crate) const SEND_BUFFER_BYTES: usize = 256 << 10;

/// See above.
pub(crate) struct Outbox {
    kept_bytes: usize,
    bytes: Vec<u8>,
    /// Where the first message kept begins in `bytes`.
    start: usize,
    /// Where the messages kept end in `bytes`.
    ends: VecDeque<usize>,
    /// Of the last messages kept: those that no connection ever took whole.
    untaken: VecDeque<Untaken>,
    /// What the connection took, in bytes from `start`.
    sent: usize,
}

impl Outbox {
    /// Empty; messages are forgotten when so many bytes were sent after them.
    pub(crate) fn new(kept_bytes: usize) -> Self {
        Self {
            kept_bytes,
            bytes: Vec::new(),
            start: 0,
            ends: VecDeque::new(),
            untaken: VecDeque::new(),
            sent: 0,
        }
    }

    /// Adds one message, which `write` appends and which counts so much.
    pub(crate) fn add(&mut self, counts: Untaken, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push_back(self.bytes.len());
        self.untaken.push_back(counts);
    }

    /// What is to be sent next.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes
            .get(self.start.saturating_add(self.sent)..)
            .unwrap_or_default()
    }

    /// The connection took so many bytes of that.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes).min(self.len());
        let sent_to = self.start.saturating_add(self.sent);
        while let Some(&end) = self.ends.get(self.taken())
            && end <= sent_to
        {
            self.untaken.pop_front();
        }
        while let Some(&end) = self.ends.front()
            && end.saturating_add(self.kept_bytes) <= sent_to
        {
            self.ends.pop_front();
            self.sent = self.sent.saturating_sub(end.saturating_sub(self.start));
            self.start = end;
        }
        // Often enough for memory, seldom enough for time.
        if self.start > self.kept_bytes / 4 {
            self.compact();
        }
    }

    /// The connection is gone: everything kept is to be sent again. Says how many messages
    /// that were sent, wholly or partly, this is.
    pub(crate) fn again(&mut self) -> usize {
        let sent_to = self.start.saturating_add(self.sent);
        let mut begin = self.start;
        let mut messages = 0;
        for &end in &self.ends {
            if begin >= sent_to {
                break;
            }
            begin = end;
            messages += 1;
        }
        self.sent = 0;
        messages
    }

    /// How many messages are kept.
    pub(crate) fn messages(&self) -> usize {
        self.ends.len()
    }

    /// What no connection ever took whole: it cannot have arrived.
    pub(crate) fn untaken(&self) -> Untaken {
        self.untaken.iter().copied().sum()
    }

    /// The collector confirmed that it read all there was.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.kept_bytes);
    }

    /// How many of the messages kept a connection took whole.
    fn taken(&self) -> usize {
        self.ends.len().saturating_sub(self.untaken.len())
    }

    fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        for end in &mut self.ends {
            *end = end.saturating_sub(self.start);
        }
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(messages: &[&str], kept_bytes: usize) -> Outbox {
        let mut outbox = Outbox::new(kept_bytes);
        for message in messages {
            outbox.add(ONE, |bytes| bytes.extend_from_slice(message.as_bytes()));
        }
        outbox
    }

    const ONE: Untaken = Untaken {
        records: 1,
        untold: 0,
    };

    #[test]
    fn what_any_connection_took_whole_is_not_untaken_however_often_it_is_sent_again() {
        let mut outbox = with(&["one\n", "two\n", "three\n"], 6);
        let mut untaken_after = |bytes| {
            outbox.took(bytes);
            outbox.untaken().records
        };
        assert_eq!(untaken_after(0), 3);
        assert_eq!(untaken_after(7), 2, "of the second a byte is missing");
        outbox.again();
        outbox.took(3);
        assert_eq!(outbox.untaken().records, 2);
        outbox.took(8);
        assert_eq!(outbox.untaken().records, 1, "the first is forgotten");
        let loss = Untaken {
            records: 0,
            untold: 17,
        };
        outbox.add(loss, |bytes| bytes.extend_from_slice(b"lost\n"));
        let both = Untaken {
            records: 1,
            untold: 17,
        };
        assert_eq!(outbox.untaken(), both);
        outbox.clear();
        assert_eq!(outbox.untaken(), Untaken::default());
    }

    #[test]
    fn a_message_cut_by_the_end_of_its_connection_is_sent_again_from_its_beginning() {
        let mut outbox = with(&["one\n", "two\n", "three\n"], 100);
        outbox.took(6);
        assert_eq!(outbox.unsent(), b"o\nthree\n");
        assert_eq!(outbox.again(), 2, "one was sent, two was begun");
        assert_eq!(outbox.unsent(), b"one\ntwo\nthree\n");
        assert_eq!(outbox.again(), 0, "nothing was sent since");
    }

    #[test]
    fn a_message_is_forgotten_only_when_enough_was_sent_after_it() {
        let mut outbox = with(&["one\n", "two\n", "three\n"], 6);
        outbox.took(9);
        assert_eq!(outbox.again(), 3, "five bytes were sent after the first");
        assert_eq!(outbox.unsent(), b"one\ntwo\nthree\n");
        outbox.took(10);
        assert_eq!(outbox.again(), 2);
        assert_eq!(outbox.unsent(), b"two\nthree\n");
    }

    #[test]
    fn it_holds_no_more_than_what_is_kept_and_two_messages() {
        let mut outbox = Outbox::new(1000);
        for number in 0..10_000 {
            outbox.add(ONE, |bytes| {
                bytes.extend_from_slice(format!("{number:09}\n").as_bytes());
            });
            outbox.took(7);
            outbox.took(3);
            assert!(outbox.unsent().is_empty());
            assert!(outbox.len() <= 1010 && outbox.bytes.len() <= 2 * 1020);
        }
        outbox.again();
        assert_eq!(outbox.unsent().len(), 1000);
        assert!(outbox.unsent().starts_with(b"000009900\n"));
    }
}
