//! What a worker could not write: counted, told in a record, kept for the next start.

use super::Worker;
use crate::event::Loss;

impl Worker {
    /// The destination is away, and nothing is kept for it.
    pub(super) fn lose_what_came(&mut self) {
        self.discard(Loss::DISCONNECTED);
        while let Some(chunk) = self.chunks.pop_front() {
            let records = chunk.records_for(self.lane.place());
            let records = records.saturating_sub(self.formatted as u64);
            self.formatted = 0;
            self.lane.done(&chunk);
            self.voice.lost(records);
            self.untold(records, Loss::DISCONNECTED);
        }
        let before_what_comes = std::mem::take(&mut self.lost);
        self.untold(before_what_comes, Loss::BUFFER_FULL);
    }

    /// Gives up lines that were not written.
    pub(super) fn discard(&mut self, cause: &'static str) {
        let given_up = self.lines.give_up();
        // A checkpoint among them signs nothing.
        self.signed.1 = self.signed.1.min(self.lines.sequence());
        for loss in given_up.untold {
            // Those were counted when they were lost.
            self.untold(loss.records, loss.cause);
        }
        self.voice.lost(given_up.records);
        self.untold(given_up.records, cause);
    }

    /// A loss is to be recorded before all that waits.
    pub(super) fn untold(&mut self, records: u64, cause: &'static str) {
        let known = self.untold.iter_mut().find(|loss| loss.cause == cause);
        match known {
            Some(loss) => loss.records = loss.records.saturating_add(records),
            None if records > 0 => self.untold.push(Loss { records, cause }),
            None => {}
        }
    }

    /// At the end: keeps how many were not written, for the next start to record.
    pub(super) fn give_up(&mut self) {
        self.lose_what_came();
        let untold = self.untold.iter().map(|loss| loss.records);
        let lost = untold.fold(0, u64::saturating_add);
        if lost == 0 {
            return;
        }
        let then = match self.ledger.keep(lost) {
            Ok(()) => "; the next start records that".to_owned(),
            Err(why) => format!(": {why}"),
        };
        let line = format!("{lost} records were not written before its end{then}");
        self.voice.say(true, &line);
    }
}
