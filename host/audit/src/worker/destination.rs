//! A worker's destination: opened, written to, left alone while it refuses.

use std::io;
use std::time::Duration;

use super::lines::Lines;
use super::{Beginning, FOR_GOOD, TENDED, Worker};
use crate::checkpoint::SigningKey;
use crate::event::Loss;
use crate::sink::file::Resumed;
use crate::sink::{self, Again, Sink};

impl Worker {
    /// Opens the destination if it is not open, and lets it look after itself; false when it
    /// cannot be written to now.
    pub(super) fn tend(&mut self) -> bool {
        if !self.reads_key() || self.sink.is_none() && !self.busily(Self::open) {
            return false;
        }
        let tended = self.with_sink(|sink, _| sink.tend());
        self.tell(tended)
    }

    /// Has its destination do something, if it is open. How long that takes is seen from
    /// outside.
    pub(super) fn with_sink<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Sink, &Lines) -> T,
    ) -> Option<T> {
        self.busily(|worker| {
            let sink = worker.sink.as_deref_mut()?;
            Some(act(sink, &worker.lines))
        })
    }

    fn busily<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.voice.busy(Some(self.now()));
        let done = act(self);
        self.voice.busy(None);
        done
    }

    /// Tells why its destination did not do what it was to; answers whether it did.
    pub(super) fn tell(&self, done: Option<io::Result<()>>) -> bool {
        if let Some(Err(why)) = &done {
            self.voice.refused(&why.to_string());
        }
        matches!(done, Some(Ok(())))
    }

    /// Reads the key that signs, if it is not there and one shall.
    fn reads_key(&mut self) -> bool {
        let Some(signing) = self
            .settings
            .signing
            .as_ref()
            .filter(|_| self.signing.is_none())
        else {
            return true;
        };
        match SigningKey::read(&signing.key_file) {
            Ok(key) => {
                self.signing = Some(key);
                true
            }
            Err(why) => {
                self.voice.refused(&why.to_string());
                false
            }
        }
    }

    fn open(&mut self) -> bool {
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
        self.lines.resume(resumed.sequence, resumed.chain);
        self.signed = (self.now(), resumed.sequence);
        self.beginning = Some(Beginning {
            resumed: resumed.sequence > 0,
            cut_bytes: resumed.cut_bytes,
        });
    }

    /// Whether the destination is away, and not only slow, and nothing is kept for it.
    pub(super) fn loses_now(&self) -> bool {
        let is_slow = || self.again() == Some(Again::After(Duration::ZERO));
        self.settings.loses_while_away() && !is_slow()
    }

    /// When an open destination may be offered something again.
    pub(super) fn again(&self) -> Option<Again> {
        self.sink.as_ref().map(|sink| sink.again())
    }

    /// How long a destination that refuses is left alone.
    pub(super) fn pause(&mut self) -> Duration {
        match self.again() {
            Some(Again::After(pause)) => pause.max(Duration::from_millis(10)).min(TENDED),
            Some(Again::Never) => {
                // It says that this is for good only when it is asked again.
                self.tend();
                self.voice.gave_up();
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
        let written = self.with_sink(|sink, lines| {
            let (lines, heads) = lines.waiting();
            sink.write(lines, heads)
        });
        let Some(written) = written else {
            return false;
        };
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
            self.ledger.clear_if_due(self.now());
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
        let flushed = self.with_sink(|sink, _| sink.flush());
        if !self.tell(flushed) {
            return false;
        }
        self.flushed = now;
        self.voice.works();
        let trouble = self.sink.as_ref().and_then(|sink| sink.trouble());
        let trouble = trouble.or(self.ledger.trouble());
        self.voice.trouble(trouble.unwrap_or_default());
        true
    }
}
