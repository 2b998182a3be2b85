//! A worker's records: those of its lane, and those it makes about itself.

use std::sync::Arc;
use std::time::Duration;

use super::{Beginning, PORTION, Worker};
use crate::checkpoint::Place;
use crate::event::{Checkpoint, Event, Loss, Record, Start};

/// Bytes of lines, some thirty, after which the server's main thread comes first, if it waits
/// for this processor.
const TURN: usize = 8 * 1024;

impl Worker {
    /// Writes all that is there; false when the destination does not take it.
    pub(super) fn go_on(&mut self) -> bool {
        if !self.write() {
            return false;
        }
        self.note_start();
        let mut turn = 0;
        while let Some(chunk) = self.chunks.front().map(Arc::clone) {
            for record in chunk.records(self.lane.place()).skip(self.formatted) {
                self.formatted += 1;
                let before = self.lines.waiting().0.len();
                let is_whole = self.add(&record);
                if !is_whole || matches!(record.event, Event::Loss(_)) {
                    self.lines.tells_of(Loss::ONE_TOO_LARGE);
                    self.voice.lost(1);
                }
                let (lines, _) = self.lines.waiting();
                turn += lines.len().saturating_sub(before);
                if lines.len() >= PORTION && !self.write() {
                    return false;
                }
                if turn >= TURN {
                    turn = 0;
                    std::thread::yield_now();
                }
            }
            // Whatever could not be read is counted, too.
            let all = chunk.records_for(self.lane.place());
            let unread = all.saturating_sub(self.formatted as u64);
            self.voice.lost(unread);
            self.lost = self.lost.saturating_add(unread);
            self.formatted = 0;
            self.chunks.pop_front();
            self.lane.done(&chunk);
        }
        let records = std::mem::take(&mut self.lost);
        let cause = Loss::BUFFER_FULL;
        self.note_loss(Loss { records, cause });
        self.checkpoint_if_due();
        self.write() && self.flush_if_due()
    }

    /// A sink's first record, again where the former was given up before it was written; and
    /// what was lost before it.
    fn note_start(&mut self) {
        if let Some(Beginning { resumed, cut_bytes }) = self.beginning {
            let server = Arc::clone(&self.surroundings.server);
            self.note(&Event::Start(Start {
                version: env!("CARGO_PKG_VERSION"),
                server: &server,
                resumed,
                cut_bytes,
            }));
        }
        for loss in std::mem::take(&mut self.untold) {
            self.note_loss(loss);
        }
    }

    fn note_loss(&mut self, loss: Loss<'static>) {
        if loss.records > 0 {
            self.note(&Event::Loss(loss));
            self.lines.tells_of(loss);
        }
    }

    /// Signs what was written since the last time, if it is time.
    fn checkpoint_if_due(&mut self) {
        let Some(signing) = &self.settings.signing else {
            return;
        };
        let (at, sequence) = self.signed;
        let is_time = self.now().saturating_sub(at) >= signing.interval;
        if self.lines.sequence() > sequence && is_time {
            self.checkpoint();
        }
    }

    pub(super) fn checkpoint(&mut self) {
        let Some(key) = &self.signing else {
            return;
        };
        let signature = key.sign(&Place {
            node: &self.surroundings.node,
            sequence: self.lines.sequence(),
            chain: self.lines.chain(),
        });
        let key = key.public().hex();
        self.note(&Event::Checkpoint(Checkpoint {
            key: &key,
            signature: &signature,
        }));
        self.signed = (self.now(), self.lines.sequence());
    }

    /// Adds a record of the sink's own.
    pub(super) fn note(&mut self, event: &Event<'_>) {
        let at_us = self.now_us();
        self.add(&Record {
            at_us,
            client: None,
            event: event.clone(),
        });
    }

    /// Adds a record; false when one that says that it was too large stands in its place.
    fn add(&mut self, record: &Record<'_>) -> bool {
        let node = &self.surroundings.node;
        self.lines.add(&self.settings, node, record)
    }

    pub(super) fn now(&self) -> Duration {
        self.surroundings.clock.now().monotonic
    }

    pub(super) fn now_us(&self) -> u64 {
        let now = self.surroundings.clock.now().wall;
        now.as_unix_millis().saturating_mul(1000)
    }
}
