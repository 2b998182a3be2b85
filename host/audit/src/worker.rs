//! A sink's thread: from its lane to its destination.
//!
//! ```text
//! lane ─ take ─→ chunk ─ for each record: format, chain ─→ lines ─ threshold, interval ─→ sink
//!                  └ done: its room is free again              └ refused: kept, tried again
//! ```
//!
//! While a sink refuses, nothing is taken from the lane, whose bound is then the bound of what
//! waits; one that shall keep nothing while its destination is away takes it, and counts it as
//! lost. What was lost leaves no gap but a record that says how many: in its place where
//! records come after it, at the next start where none did.

mod destination;
mod ledger;
mod lines;
mod losses;
mod records;
mod voice;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use warden_core::Clock;
use warden_state::PrivateDir;

use crate::checkpoint::SigningKey;
use crate::event::{Event, Loss};
use crate::journal::{Chunk, Lane};
use crate::settings::SinkSettings;
use crate::sink::{Again, Sink, Stop, Untaken};
use crate::status::SinkStatus;
use ledger::Ledger;
pub(crate) use ledger::of_nobody;
use lines::Lines;
use voice::Voice;

/// How often a sink looks after itself while nothing comes.
const TENDED: Duration = Duration::from_secs(1);

/// How long a sink waits that will not try again by itself: until it is nudged.
const FOR_GOOD: Duration = Duration::from_hours(1);

/// What is written in one go, where so much came together.
const PORTION: usize = 64 * 1024;

/// What a sink's thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Go on with these settings.
    Reconfigure(Box<SinkSettings>),
    /// Open the destination anew: somebody moved the file away.
    Reopen,
}

/// Whom a sink tells of what operators should know.
pub trait Notices: Send + Sync {
    /// One line. `is_bad`: somebody has to do something.
    fn notice(&self, is_bad: bool, line: &str);
}

/// What all sinks of a server share.
#[derive(Clone)]
pub struct Surroundings {
    /// The server's node id: 40 hexadecimal digits.
    pub node: Arc<str>,
    /// Its version.
    pub server: Arc<str>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whom to tell.
    pub notices: Arc<dyn Notices>,
    /// Where is kept what a sink could not write at its end.
    pub state: Arc<PrivateDir>,
}

/// A sink's thread.
pub(crate) struct Worker {
    lane: Arc<Lane>,
    orders: Receiver<Order>,
    settings: SinkSettings,
    surroundings: Surroundings,
    stop: Stop,
    voice: Voice,
    sink: Option<Box<dyn Sink>>,
    lines: Lines,
    /// Taken from the lane and not yet formatted: from this record of the first on.
    chunks: VecDeque<Arc<Chunk>>,
    formatted: usize,
    /// Lost after all of `chunks`, and not yet recorded.
    lost: u64,
    /// Losses from before `chunks`, not yet recorded.
    untold: Vec<Loss<'static>>,
    ledger: Ledger,
    /// How this destination was found, until the record of that is written.
    beginning: Option<Beginning>,
    /// Who signs, if anybody does; when that was done last, and up to which record.
    signing: Option<SigningKey>,
    signed: (Duration, u64),
    /// When what was written was last made to last.
    flushed: Duration,
}

/// How a destination was found.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    resumed: bool,
    cut_bytes: u64,
}

impl Worker {
    /// A worker that has opened nothing yet.
    pub(crate) fn new(
        lane: Arc<Lane>,
        orders: Receiver<Order>,
        settings: SinkSettings,
        status: Arc<SinkStatus>,
        surroundings: Surroundings,
        stop: Stop,
    ) -> Self {
        let notices = Arc::clone(&surroundings.notices);
        Self {
            voice: Voice::new(&settings.name, status, notices),
            ledger: Ledger::new(Arc::clone(&surroundings.state), &settings.name),
            lane,
            orders,
            settings,
            surroundings,
            stop,
            sink: None,
            lines: Lines::default(),
            chunks: VecDeque::new(),
            formatted: 0,
            lost: 0,
            untold: Vec::new(),
            beginning: None,
            signing: None,
            signed: (Duration::ZERO, 0),
            flushed: Duration::ZERO,
        }
    }

    /// Its life: ends when its lane is closed and, as far as the destination takes it,
    /// everything is written.
    pub(crate) fn run(mut self) {
        match self.ledger.read() {
            Ok(records) => self.untold(records, Loss::ENDED),
            Err(why) => self.voice.say(true, &why),
        }
        loop {
            self.obey();
            let is_up = self.tend() && self.go_on();
            self.voice.measure(self.surroundings.clock.now());
            if !is_up && !self.loses_now() {
                // What comes waits in the lane.
                let pause = self.pause();
                if self.lane.rest(pause) {
                    break;
                }
                continue;
            }
            let flush = self.settings.flush;
            let patience = (flush.interval / 2).min(TENDED);
            let is_last = self.take(patience, flush.threshold_bytes);
            if !is_up {
                self.lose_what_came();
            }
            if is_last {
                break;
            }
        }
        self.end();
    }

    /// Takes what is in its lane; answers whether that is the last.
    fn take(&mut self, patience: Duration, threshold_bytes: usize) -> bool {
        let batch = self.lane.take(patience, threshold_bytes);
        self.chunks.extend(batch.chunks);
        self.lost = self.lost.saturating_add(batch.lost);
        batch.is_last
    }

    fn obey(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Reopen => self.reopen(),
                Order::Reconfigure(settings) => self.reconfigure(*settings),
            }
        }
    }

    fn reopen(&mut self) {
        if self.again() == Some(Again::Never) {
            self.close(Loss::DISCONNECTED);
            self.discard(Loss::DISCONNECTED);
            return;
        }
        let reopened = self.with_sink(|sink, _| sink.reopen());
        self.tell(reopened);
    }

    fn reconfigure(&mut self, settings: SinkSettings) {
        if self.settings.describes_the_same_place(&settings) {
            self.adjust(&settings);
        } else {
            self.leave();
        }
        if self.settings.name != settings.name {
            self.rename(&settings.name);
        }
        self.settings = settings;
    }

    /// The place stays: everything goes on where it is, in another way.
    fn adjust(&mut self, settings: &SinkSettings) {
        if self.again() == Some(Again::Never) {
            self.reopen();
        }
        if self.settings.signing != settings.signing {
            if self.sink.is_some() {
                self.checkpoint();
            }
            self.signing = None;
        }
        if self.settings.destination != settings.destination {
            let adjusted = self.with_sink(|sink, _| sink.adjust(settings));
            self.tell(adjusted);
        }
    }

    /// Its records go elsewhere from now on.
    fn leave(&mut self) {
        self.try_now();
        self.write();
        if self.sink.is_some() && self.lines.is_empty() {
            self.farewell(Loss::DESTINATION_CHANGED);
        } else {
            self.close(Loss::DESTINATION_CHANGED);
        }
        // What the former place did not take is not the next one's.
        self.discard(Loss::DESTINATION_CHANGED);
        self.signing = None;
    }

    /// Its file has another name: what was kept under either is this sink's.
    fn rename(&mut self, name: &str) {
        self.voice.rename(name);
        match self.ledger.rename(name) {
            Ok(records) => self.untold(records, Loss::ENDED),
            Err(why) => self.voice.say(true, &why),
        }
    }

    /// The last words to a destination; `cause` is why what it does not take is lost.
    fn farewell(&mut self, cause: &'static str) {
        self.note(&Event::Stop);
        self.checkpoint();
        self.write();
        self.close(cause);
    }

    /// The destination's last chance is now, and not when it would have tried again.
    fn try_now(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.try_now();
        }
    }

    /// Closes the destination, which may have to say what did not arrive. What it took for
    /// nothing is lost.
    fn close(&mut self, cause: &'static str) {
        let closed = self.with_sink(|sink, _| sink.close());
        self.tell(closed);
        let Some(sink) = self.sink.take() else {
            return;
        };
        let Untaken { records, untold } = sink.untaken();
        self.voice.lost(records);
        self.untold(records.saturating_add(untold), cause);
    }

    fn end(&mut self) {
        self.take(Duration::ZERO, 0);
        self.try_now();
        if self.tend() && self.go_on() {
            self.farewell(Loss::DISCONNECTED);
        } else {
            self.close(Loss::DISCONNECTED);
        }
        self.give_up();
    }
}

#[cfg(test)]
mod tests;
