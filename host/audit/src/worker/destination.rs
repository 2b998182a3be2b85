//! A worker's destination: opened, written to, left alone while it refuses.

use std::time::Duration;

use super::{Beginning, FOR_GOOD, TENDED, Worker};
use crate::checkpoint::SigningKey;
use crate::event::Loss;
use crate::settings::Destination;
use crate::sink::file::Resumed;
use crate::sink::{self, Again};

impl Worker {
    /// Opens the destination if it is not open, and lets it look after itself; false when it
    /// cannot be written to now.
    pub(super) fn tend(&mut self) -> bool {
        self.voice.busy(Some(self.now()));
        let is_open = self.sink.is_some() || self.open();
        let tended = self.sink.as_mut().map(|sink| sink.tend());
        self.voice.busy(None);
        match tended.filter(|_| is_open) {
            Some(Ok(())) => true,
            Some(Err(why)) => {
                self.voice.refused(&why.to_string());
                false
            }
            None => false,
        }
    }

    fn open(&mut self) -> bool {
        let signing = self.settings.signing.as_ref();
        let key = signing.map(|signing| SigningKey::read(&signing.key_file));
        match key.transpose() {
            Ok(key) => self.signing = key,
            Err(why) => {
                self.voice.refused(&why.to_string());
                return false;
            }
        }
        match sink::open(&self.settings, &self.stop) {
            Ok((sink, resumed)) => {
                self.sink = Some(sink);
                self.begin(&resumed);
                true
            }
            Err(why) => {
                self.voice.refused(&why);
                false
            }
        }
    }

    fn begin(&mut self, resumed: &Resumed) {
        if let Some((path, why)) = &resumed.aside {
            let line = format!("what was there is now {path:?}: {why}");
            self.voice.say(true, &line);
        }
        if std::mem::take(&mut self.goes_on) {
            let is_file = matches!(self.settings.destination, Destination::File(_));
            if !is_file || self.lines.follow(resumed.sequence, resumed.chain) {
                return;
            }
            // Somebody put something else there meanwhile.
            self.discard(Loss::DESTINATION_CHANGED);
        }
        self.lines.resume(resumed.sequence, resumed.chain);
        self.signed = (self.now(), resumed.sequence);
        self.beginning = Some(Beginning {
            resumed: resumed.sequence > 0,
            cut_bytes: resumed.cut_bytes,
        });
    }

    /// Whether the destination is away, and not only slow, and nothing is kept for it.
    pub(super) fn loses_now(&self) -> bool {
        let is_slow = || {
            let again = self.sink.as_ref().map(|sink| sink.again());
            again == Some(Again::After(Duration::ZERO))
        };
        self.settings.loses_while_away() && !is_slow()
    }

    /// How long a destination that refuses is left alone.
    pub(super) fn pause(&mut self) -> Duration {
        match self.sink.as_ref().map(|sink| sink.again()) {
            Some(Again::After(pause)) => pause.max(Duration::from_millis(10)).min(TENDED),
            Some(Again::Never) => {
                // It says that this is for good only when it is asked again.
                self.tend();
                FOR_GOOD
            }
            None => TENDED,
        }
    }

    /// Offers the lines; false when some were refused.
    pub(super) fn write(&mut self) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let now = self.now();
        let Some(sink) = &mut self.sink else {
            return false;
        };
        let (lines, heads) = self.lines.waiting();
        self.voice.busy(Some(now));
        let written = sink.write(lines, heads);
        self.voice.busy(None);
        let (amount, refused) = match written {
            Ok(()) => (self.lines.all_taken(), None),
            Err(refused) => {
                let amount = self.lines.taken(&self.settings, refused.taken);
                (amount, Some(refused.why))
            }
        };
        let now_us = self.now_us();
        self.voice.wrote(amount, self.lines.youngest_us(), now_us);
        if amount.records > 0 {
            self.beginning = None;
        }
        if let Some(why) = refused {
            self.voice.refused(&why.to_string());
            return false;
        }
        let is_recorded = self.untold.iter().all(|loss| loss.cause != Loss::ENDED);
        if is_recorded {
            self.ledger.clear_if_due(now);
        }
        true
    }

    /// Makes what was written last, once in a flush interval: under load there is a batch every
    /// few milliseconds.
    pub(super) fn flush_if_due(&mut self) -> bool {
        let now = self.now();
        if now.saturating_sub(self.flushed) < self.settings.flush.interval / 2 {
            self.voice.works();
            return true;
        }
        let Some(sink) = &mut self.sink else {
            return false;
        };
        self.voice.busy(Some(now));
        let flushed = sink.flush();
        self.voice.busy(None);
        match flushed {
            Ok(()) => {
                self.flushed = now;
                self.voice.works();
                let trouble = sink.trouble().or(self.ledger.trouble());
                self.voice.trouble(trouble.unwrap_or_default());
                true
            }
            Err(why) => {
                self.voice.refused(&why.to_string());
                false
            }
        }
    }
}
