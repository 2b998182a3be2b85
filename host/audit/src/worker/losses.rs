//! What a worker could not write: counted, told in a record, kept for the next start.

use std::time::Duration;

use super::{ENDED, Worker};

impl Worker {
    /// The destination is away, and nothing is kept for it.
    pub(super) fn lose_what_came(&mut self) {
        self.discard();
        while let Some(chunk) = self.chunks.pop_front() {
            let records = chunk.records_for(self.lane.place());
            let records = records.saturating_sub(self.formatted as u64);
            self.formatted = 0;
            self.lane.done(&chunk);
            self.lose(records);
        }
    }

    /// Gives up lines that were not written.
    pub(super) fn discard(&mut self) {
        let given_up = self.lines.give_up();
        for loss in given_up.untold {
            // They were counted when they were lost.
            let to = if loss.cause == ENDED {
                &mut self.lost_before
            } else {
                &mut self.lost
            };
            *to = to.saturating_add(loss.records);
        }
        self.lose(given_up.records);
    }

    pub(super) fn lose(&mut self, records: u64) {
        self.lost = self.lost.saturating_add(records);
        self.voice.lost(records);
    }

    /// At the end: keeps how many were not written, for the next start to record.
    pub(super) fn give_up(&mut self) {
        let batch = self.lane.take(Duration::ZERO, 0);
        self.chunks.extend(batch.chunks);
        self.lost = self.lost.saturating_add(batch.lost);
        self.lose_what_came();
        let lost = self.lost.saturating_add(self.lost_before);
        if lost == 0 {
            return;
        }
        let kept = self.ledger.keep(lost);
        let then = match &kept {
            Ok(()) => "; the next start records that".to_owned(),
            Err(why) => format!(": {why}"),
        };
        let line = format!("{lost} records were not written before its end{then}");
        self.voice.say(true, &line);
    }
}
