//! A sink's thread: from its lane to its destination.
//!
//! ```text
//! lane ─ take ─→ chunk ─ for each record: format, chain ─→ lines ─ threshold, interval ─→ sink
//!                  └ done: its room is free again              └ refused: kept, tried again
//! ```
//!
//! While a sink refuses, nothing is taken from the lane, whose bound is then the bound of what
//! waits. What was lost leaves no gap but a record that says how many: in its place where
//! records come after it, at the next start where none did.

mod ledger;
mod lines;
mod voice;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use warden_core::Clock;
use warden_state::PrivateDir;

use crate::checkpoint::{Place, SigningKey};
use crate::event::{Checkpoint, Event, Loss, Record, Start};
use crate::journal::{Chunk, Lane};
use crate::settings::SinkSettings;
use crate::sink::file::Resumed;
use crate::sink::{self, Again, Sink, Stop};
use crate::status::SinkStatus;
use ledger::Ledger;
use lines::Lines;
use voice::Voice;

/// How often a sink looks after itself while nothing comes.
const TENDED: Duration = Duration::from_secs(1);

/// How long a sink waits that will not try again by itself: until it is nudged.
const FOR_GOOD: Duration = Duration::from_hours(1);

/// What is written in one go, where so much came together.
const PORTION: usize = 64 * 1024;

/// Why records were lost.
const BUFFER_FULL: &str = "buffer full";
const DISCONNECTED: &str = "disconnected";
const ENDED: &str = "not written before the end";

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
    /// Lost at the end before, and not yet recorded.
    lost_before: u64,
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
            lost_before: 0,
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
            Ok(records) => self.lost_before = records,
            Err(why) => self.voice.say(true, &why),
        }
        loop {
            self.obey();
            let is_up = self.tend() && self.go_on();
            self.voice.measure(self.surroundings.clock.now());
            if !is_up && !self.loses_now() {
                // What comes waits in the lane.
                if self.lane.rest(self.pause()) {
                    break;
                }
                continue;
            }
            let flush = self.settings.flush;
            let patience = (flush.interval / 2).min(TENDED);
            let batch = self.lane.take(patience, flush.threshold_bytes);
            self.chunks.extend(batch.chunks);
            self.lost = self.lost.saturating_add(batch.lost);
            if !is_up {
                self.lose_what_came();
            }
            if batch.is_last {
                break;
            }
        }
        self.end();
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
        let Some(sink) = &mut self.sink else {
            return;
        };
        if sink.again() == Again::Never {
            self.discard();
            self.sink = None;
            return;
        }
        if let Err(why) = sink.reopen() {
            self.voice.refused(&why.to_string());
        }
    }

    fn reconfigure(&mut self, settings: SinkSettings) {
        self.write();
        let stays = self.settings.describes_the_same_place(&settings)
            && self.settings.signing == settings.signing;
        if !stays {
            if self.sink.is_some() && self.lines.is_empty() {
                self.farewell();
            } else {
                self.close();
            }
            // What the former destination did not take is not the next one's.
            self.discard();
            self.sink = None;
        }
        self.settings = settings;
    }

    /// The last words to a destination.
    fn farewell(&mut self) {
        self.note(&Event::Stop);
        self.checkpoint();
        self.write();
        self.close();
    }

    /// Closes the destination, which may have to say what did not arrive.
    fn close(&mut self) {
        if let Some(sink) = &mut self.sink
            && let Err(why) = sink.close()
        {
            self.voice.refused(&why.to_string());
        }
    }

    fn end(&mut self) {
        if self.tend() && self.go_on() {
            self.farewell();
        } else {
            self.close();
        }
        self.give_up();
        // Closes the destination first.
        self.sink = None;
        self.voice.ended();
    }
}

/// The destination.
impl Worker {
    /// Opens the destination if it is not open, and lets it look after itself; false when it
    /// cannot be written to now.
    fn tend(&mut self) -> bool {
        if self.sink.is_none() && !self.open() {
            return false;
        }
        match self.sink.as_mut().map(|sink| sink.tend()) {
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
        self.lines.resume(resumed.sequence, resumed.chain);
        if let Some((path, why)) = &resumed.aside {
            let line = format!("what was there is now {path:?}: {why}");
            self.voice.say(true, &line);
        }
        self.signed = (self.now(), resumed.sequence);
        self.beginning = Some(Beginning {
            resumed: resumed.sequence > 0,
            cut_bytes: resumed.cut_bytes,
        });
    }

    /// Whether the destination is away, and not only slow, and nothing is kept for it.
    fn loses_now(&self) -> bool {
        let is_slow = || {
            let again = self.sink.as_ref().map(|sink| sink.again());
            again == Some(Again::After(Duration::ZERO))
        };
        self.settings.loses_while_away() && !is_slow()
    }

    /// How long a destination that refuses is left alone.
    fn pause(&self) -> Duration {
        match self.sink.as_ref().map(|sink| sink.again()) {
            Some(Again::After(pause)) => pause.max(Duration::from_millis(10)).min(TENDED),
            Some(Again::Never) => FOR_GOOD,
            None => TENDED,
        }
    }

    /// Offers the lines; false when some were refused.
    fn write(&mut self) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let Some(sink) = &mut self.sink else {
            return false;
        };
        let (lines, heads) = self.lines.waiting();
        let (amount, refused) = match sink.write(lines, heads) {
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
        if self.lost_before == 0
            && let Err(why) = self.ledger.clear()
        {
            self.voice.say(true, &why);
        }
        true
    }

    /// Makes what was written last, once in a flush interval: under load there is a batch every
    /// few milliseconds.
    fn flush_if_due(&mut self) -> bool {
        let now = self.now();
        if now.saturating_sub(self.flushed) < self.settings.flush.interval / 2 {
            self.voice.works();
            return true;
        }
        self.flushed = now;
        let Some(sink) = &mut self.sink else {
            return false;
        };
        match sink.flush() {
            Ok(()) => {
                self.voice.works();
                self.voice.trouble(sink.trouble().unwrap_or_default());
                true
            }
            Err(why) => {
                self.voice.refused(&why.to_string());
                false
            }
        }
    }
}

/// Records.
impl Worker {
    /// Writes all that is there; false when the destination does not take it.
    fn go_on(&mut self) -> bool {
        if !self.write() {
            return false;
        }
        self.note_start();
        while let Some(chunk) = self.chunks.front().map(Arc::clone) {
            for record in chunk.records(self.lane.place()).skip(self.formatted) {
                self.formatted += 1;
                self.add(&record);
                let (lines, _) = self.lines.waiting();
                if lines.len() >= PORTION && !self.write() {
                    return false;
                }
            }
            self.formatted = 0;
            self.chunks.pop_front();
            self.lane.done(&chunk);
        }
        let cause = if self.settings.loses_while_away() {
            DISCONNECTED
        } else {
            BUFFER_FULL
        };
        let records = std::mem::take(&mut self.lost);
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
        let records = std::mem::take(&mut self.lost_before);
        self.note_loss(Loss {
            records,
            cause: ENDED,
        });
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

    fn checkpoint(&mut self) {
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
    fn note(&mut self, event: &Event<'_>) {
        let at_us = self.now_us();
        self.add(&Record {
            at_us,
            client: None,
            event: event.clone(),
        });
    }

    fn add(&mut self, record: &Record<'_>) {
        let node = &self.surroundings.node;
        self.lines.add(&self.settings, node, record);
    }

    fn now(&self) -> Duration {
        self.surroundings.clock.now().monotonic
    }

    fn now_us(&self) -> u64 {
        let now = self.surroundings.clock.now().wall;
        now.as_unix_millis().saturating_mul(1000)
    }
}

/// Losses.
impl Worker {
    /// The destination is away, and nothing is kept for it.
    fn lose_what_came(&mut self) {
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
    fn discard(&mut self) {
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

    fn lose(&mut self, records: u64) {
        self.lost = self.lost.saturating_add(records);
        self.voice.lost(records);
    }

    /// At the end: keeps how many were not written, for the next start to record.
    fn give_up(&mut self) {
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
