//! What a sink's thread tells operators: its state and numbers for INFO, and a line in the
//! server's log whenever something changes, once.

use std::sync::Arc;
use std::time::Duration;

use warden_core::Now;

use super::Notices;
use super::lines::Amount;
use crate::status::SinkStatus;

/// A sink's voice.
pub(super) struct Voice {
    name: String,
    status: Arc<SinkStatus>,
    notices: Arc<dyn Notices>,
    /// What was last told of what does not work although lines are written.
    trouble: String,
    /// When the rate was last worked out, and how many records had been written then.
    measured: (Duration, u64),
}

impl Voice {
    /// Of the sink of this name.
    pub(super) fn new(name: &str, status: Arc<SinkStatus>, notices: Arc<dyn Notices>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            notices,
            trouble: String::new(),
            measured: (Duration::ZERO, 0),
        }
    }

    /// It has another name from now on.
    pub(super) fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// One line in the log, with the sink's name before it.
    pub(super) fn say(&self, is_bad: bool, what: &str) {
        let line = format!("audit sink {}: {what}", self.name);
        self.notices.notice(is_bad, &line);
    }

    /// The destination did not take something.
    pub(super) fn refused(&self, why: &str) {
        if self.status.failed(why) {
            self.say(true, &format!("cannot write: {why}"));
        }
    }

    /// It begins to give something to its destination, or has come back from that.
    pub(super) fn busy(&self, since: Option<Duration>) {
        self.status.set_busy(since);
    }

    /// Everything is as it should be.
    pub(super) fn works(&self) {
        if self.status.is_failing() {
            self.say(false, "writes again");
        }
        self.status.succeeded();
    }

    /// What does not work although lines are written; empty when nothing does not.
    pub(super) fn trouble(&mut self, trouble: &str) {
        if trouble != self.trouble && !trouble.is_empty() {
            self.say(true, trouble);
        }
        trouble.clone_into(&mut self.trouble);
    }

    /// So much was written, the youngest of it at `youngest_us`.
    pub(super) fn wrote(&self, amount: Amount, youngest_us: u64, now_us: u64) {
        let lag = Duration::from_micros(now_us.saturating_sub(youngest_us));
        let Amount { records, bytes } = amount;
        self.status.wrote(records, bytes as u64, lag);
    }

    /// So many records were lost on this side of the lane.
    pub(super) fn lost(&self, records: u64) {
        self.status.dropped_more(records);
    }

    /// Works out the rate, once a second.
    pub(super) fn measure(&mut self, now: Now) {
        let (since, before) = self.measured;
        let elapsed = now.monotonic.saturating_sub(since);
        if elapsed >= Duration::from_secs(1) {
            let records = self.status.records();
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let rate = records.saturating_sub(before).saturating_mul(1000) / millis.max(1);
            self.status.set_rate(rate);
            self.measured = (now.monotonic, records);
        }
    }

    /// It writes nothing until somebody wakes it.
    pub(super) fn gave_up(&self) {
        self.status.set_rate(0);
    }
}
