//! A sink's thread: from its lane to its destination.
//!
//! ```text
//! lane ─ take ─→ chunk ─ for each record: format, chain ─→ lines ─ threshold, interval ─→ sink
//!                  └ done: its room is free again              └ refused: kept, tried again
//! ```
//!
//! While a sink refuses, nothing is taken from the lane, whose bound is then the bound of what
//! waits. Sequence numbers and chain follow what is written, so what was lost leaves no gap but
//! a record that says how many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use warden_core::Clock;

use crate::chain::{self, Chain};
use crate::checkpoint::{Place, SigningKey};
use crate::event::{Category, Checkpoint, Event, Loss, Record, Start};
use crate::format::Numbered;
use crate::journal::{Chunk, Lane};
use crate::settings::SinkSettings;
use crate::sink::file::Resumed;
use crate::sink::{self, Again, Head, Sink, Stop};
use crate::status::SinkStatus;

/// How often a sink looks after itself while nothing comes.
const TENDED: Duration = Duration::from_secs(1);

/// How long a sink waits that will not try again by itself: until it is nudged.
const FOR_GOOD: Duration = Duration::from_hours(1);

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
}

/// A sink's thread.
pub(crate) struct Worker {
    lane: Arc<Lane>,
    orders: Receiver<Order>,
    settings: SinkSettings,
    status: Arc<SinkStatus>,
    surroundings: Surroundings,
    stop: Stop,
    sink: Option<Box<dyn Sink>>,
    /// Lines that wait to be written, each with its end, and what is to be known of each.
    lines: Vec<u8>,
    heads: Vec<Head>,
    /// Where the next line stands.
    next: Position,
    /// Where the line after the last written one stands.
    written: Position,
    /// When the youngest record in `lines` happened.
    youngest_us: u64,
    /// Taken from the lane and not yet formatted: from this record of the first on.
    chunks: VecDeque<Arc<Chunk>>,
    formatted: usize,
    /// Lost after all of `chunks`, and not yet recorded.
    lost: u64,
    /// How this destination was found, until the record of that is written.
    beginning: Option<Beginning>,
    /// Losses in `lines`: which record tells of each, and of how many.
    told: Vec<(u64, u64)>,
    /// Who signs, if anybody does, and when that was done last.
    signing: Option<SigningKey>,
    signed: (Duration, u64),
    trouble: String,
    /// When what was written was last made to last.
    flushed: Duration,
    measured: (Duration, u64),
}

/// How a destination was found.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    resumed: bool,
    cut_bytes: u64,
}

/// A place in what a sink has written.
#[derive(Clone, Debug, Default)]
struct Position {
    /// Of the record before.
    sequence: u64,
    chain: Chain,
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
        Self {
            stop,
            heads: Vec::new(),
            signing: None,
            signed: (Duration::ZERO, 0),
            trouble: String::new(),
            flushed: Duration::ZERO,
            lane,
            orders,
            settings,
            status,
            surroundings,
            sink: None,
            lines: Vec::new(),
            next: Position::default(),
            written: Position::default(),
            youngest_us: 0,
            chunks: VecDeque::new(),
            formatted: 0,
            lost: 0,
            beginning: None,
            told: Vec::new(),
            measured: (Duration::ZERO, 0),
        }
    }

    /// Its life: ends when its lane is closed and, as far as the destination takes it,
    /// everything is written.
    pub(crate) fn run(mut self) {
        loop {
            self.obey();
            let is_up = self.tend() && self.go_on();
            self.measure();
            if !is_up && !self.loses_now() {
                // What comes waits in the lane.
                if self.lane.rest(self.pause()) {
                    break;
                }
                continue;
            }
            let patience = (self.settings.flush.interval / 2).min(TENDED);
            let batch = self.lane.take(patience);
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
            self.refused(&why.to_string());
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
            self.refused(&why.to_string());
        }
    }

    /// Opens the destination if it is not open, and lets it look after itself; false when it
    /// cannot be written to now.
    fn tend(&mut self) -> bool {
        if self.sink.is_none() && !self.open() {
            return false;
        }
        match self.sink.as_mut().map(|sink| sink.tend()) {
            Some(Ok(())) => true,
            Some(Err(why)) => {
                self.refused(&why.to_string());
                false
            }
            None => false,
        }
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

    /// The destination is away, and nothing is kept for it.
    fn lose_what_came(&mut self) {
        self.discard();
        while let Some(chunk) = self.chunks.pop_front() {
            let records = chunk.records_for(self.lane.place());
            let records = records.saturating_sub(self.formatted as u64);
            self.formatted = 0;
            self.lane.done(&chunk);
            self.lost = self.lost.saturating_add(records);
            self.status.dropped_more(records);
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
        self.status.ended();
    }

    /// Writes all that is there; false when the destination does not take it.
    fn go_on(&mut self) -> bool {
        if !self.write() {
            return false;
        }
        self.note_start();
        while let Some(chunk) = self.chunks.front().map(Arc::clone) {
            for record in chunk.records(self.lane.place()).skip(self.formatted) {
                self.formatted += 1;
                self.note_record(&record);
                let is_full = self.lines.len() >= self.settings.flush.threshold_bytes;
                if is_full && !self.write() {
                    return false;
                }
            }
            self.formatted = 0;
            self.chunks.pop_front();
            self.lane.done(&chunk);
        }
        if self.lost > 0 {
            let records = std::mem::take(&mut self.lost);
            let cause = if self.settings.loses_while_away() {
                "disconnected"
            } else {
                "buffer full"
            };
            self.note(&Event::Loss(Loss { records, cause }));
            self.told.push((self.next.sequence, records));
        }
        self.checkpoint_if_due();
        self.write() && self.flush_if_due()
    }

    /// Makes what was written last, once in a flush interval: under load there is a batch every
    /// few milliseconds.
    fn flush_if_due(&mut self) -> bool {
        let now = self.surroundings.clock.now().monotonic;
        if now.saturating_sub(self.flushed) < self.settings.flush.interval / 2 {
            self.tell(None);
            return true;
        }
        self.flushed = now;
        self.flush()
    }

    fn open(&mut self) -> bool {
        let signing = self.settings.signing.as_ref();
        match signing
            .map(|signing| SigningKey::read(&signing.key_file))
            .transpose()
        {
            Ok(key) => self.signing = key,
            Err(why) => {
                self.refused(&why.to_string());
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
                self.refused(&why);
                false
            }
        }
    }

    fn begin(&mut self, resumed: &Resumed) {
        let position = Position {
            sequence: resumed.sequence,
            chain: Chain::resume(resumed.chain),
        };
        self.next = position.clone();
        self.written = position;
        if let Some((path, why)) = &resumed.aside {
            let name = &self.settings.name;
            let line = format!("audit sink {name}: what was there is now {path:?}: {why}");
            self.surroundings.notices.notice(true, &line);
        }
        self.signed = (self.surroundings.clock.now().monotonic, resumed.sequence);
        self.beginning = Some(Beginning {
            resumed: resumed.sequence > 0,
            cut_bytes: resumed.cut_bytes,
        });
    }

    /// A sink's first record, again where the former was given up before it was written.
    fn note_start(&mut self) {
        let Some(Beginning { resumed, cut_bytes }) = self.beginning else {
            return;
        };
        let server = Arc::clone(&self.surroundings.server);
        self.note(&Event::Start(Start {
            version: env!("CARGO_PKG_VERSION"),
            server: &server,
            resumed,
            cut_bytes,
        }));
    }

    /// Adds a record of the sink's own.
    fn note(&mut self, event: &Event<'_>) {
        let at_us = self.now_us();
        self.note_record(&Record {
            at_us,
            client: None,
            event: event.clone(),
        });
    }

    fn note_record(&mut self, record: &Record<'_>) {
        let start = self.lines.len();
        self.next.sequence += 1;
        let numbered = Numbered {
            sequence: self.next.sequence,
            node: &self.surroundings.node,
            record,
        };
        let (format, payload) = (self.settings.format, self.settings.payload);
        format.write(&mut self.lines, numbered, payload);
        if self.settings.chain {
            self.next.chain.seal(format, &mut self.lines, start);
        }
        self.lines.push(b'\n');
        let bytes = self.lines.len() - start;
        self.heads.push(Head::of(&numbered, bytes));
        self.youngest_us = record.at_us;
    }

    /// Offers the lines; false when some were refused.
    fn write(&mut self) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let Some(sink) = &mut self.sink else {
            return false;
        };
        match sink.write(&self.lines, &self.heads) {
            Ok(()) => {
                let records = self.next.sequence - self.written.sequence;
                self.wrote(records, self.lines.len());
                self.written = self.next.clone();
                self.lines.clear();
                self.heads.clear();
                self.told.clear();
                self.beginning = None;
                true
            }
            Err(refused) => {
                self.took(refused.taken);
                self.refused(&refused.why.to_string());
                false
            }
        }
    }

    /// The destination took only the first lines, so many bytes of them.
    fn took(&mut self, taken: usize) {
        let mut bytes = 0;
        let mut count = 0;
        for head in &self.heads {
            if bytes + head.bytes > taken {
                break;
            }
            let line = self
                .lines
                .get(bytes..bytes + head.bytes)
                .unwrap_or_default();
            if self.settings.chain {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let sealed = chain::split(self.settings.format, line);
                let value = sealed.map_or(chain::BEGINNING, |sealed| sealed.value);
                self.written.chain = Chain::resume(value);
            }
            self.written.sequence = head.sequence;
            bytes += head.bytes;
            count += 1;
        }
        self.wrote(count, bytes);
        if count > 0 {
            self.beginning = None;
        }
        let written = self.written.sequence;
        self.told.retain(|(sequence, _)| *sequence > written);
        self.lines.drain(..bytes);
        self.heads.drain(..usize::try_from(count).unwrap_or(0));
    }

    /// Signs what was written since the last time, if it is time.
    fn checkpoint_if_due(&mut self) {
        let Some(signing) = &self.settings.signing else {
            return;
        };
        let (at, sequence) = self.signed;
        let now = self.surroundings.clock.now().monotonic;
        if self.next.sequence > sequence && now.saturating_sub(at) >= signing.interval {
            self.checkpoint();
        }
    }

    fn checkpoint(&mut self) {
        let Some(key) = &self.signing else {
            return;
        };
        let signature = key.sign(&Place {
            node: &self.surroundings.node,
            sequence: self.next.sequence,
            chain: self.next.chain.value(),
        });
        let key = key.public().hex();
        self.note(&Event::Checkpoint(Checkpoint {
            key: &key,
            signature: &signature,
        }));
        self.signed = (self.surroundings.clock.now().monotonic, self.next.sequence);
    }

    fn wrote(&self, records: u64, bytes: usize) {
        let lag = Duration::from_micros(self.now_us().saturating_sub(self.youngest_us));
        self.status.wrote(records, bytes as u64, lag);
    }

    fn flush(&mut self) -> bool {
        let Some(sink) = &mut self.sink else {
            return false;
        };
        match sink.flush() {
            Ok(()) => {
                let trouble = sink.trouble().unwrap_or_default().to_owned();
                self.tell(None);
                self.tell_trouble(trouble);
                true
            }
            Err(why) => {
                self.refused(&why.to_string());
                false
            }
        }
    }

    fn refused(&mut self, why: &str) {
        self.tell(Some(why.to_owned()));
    }

    /// Keeps the state, and says once what changed.
    fn tell(&self, error: Option<String>) {
        let name = &self.settings.name;
        match error {
            Some(why) => {
                if self.status.failed(&why) {
                    let line = format!("audit sink {name}: cannot write: {why}");
                    self.surroundings.notices.notice(true, &line);
                }
            }
            None => {
                if self.status.is_failing() {
                    let line = format!("audit sink {name}: writes again");
                    self.surroundings.notices.notice(false, &line);
                }
                self.status.succeeded();
            }
        }
    }

    /// Says once what does not work although lines are written.
    fn tell_trouble(&mut self, trouble: String) {
        if trouble != self.trouble && !trouble.is_empty() {
            let line = format!("audit sink {}: {trouble}", self.settings.name);
            self.surroundings.notices.notice(true, &line);
        }
        self.trouble = trouble;
    }

    /// Gives up lines that were not written: they are lost, and what comes next stands where
    /// they would have stood.
    fn discard(&mut self) {
        // What a sink says about itself is nobody's loss, but for the losses it tells of.
        let own = |head: &&Head| head.category == Category::Audit;
        let records = self.heads.len() - self.heads.iter().filter(own).count();
        let records = records as u64;
        let told: u64 = self.told.drain(..).map(|(_, records)| records).sum();
        self.lost = self.lost.saturating_add(told);
        self.next = self.written.clone();
        self.lines.clear();
        self.heads.clear();
        self.lost = self.lost.saturating_add(records);
        self.status.dropped_more(records);
    }

    /// At the end: says what was not written.
    fn give_up(&mut self) {
        self.discard();
        let waiting: u64 = self
            .chunks
            .iter()
            .map(|chunk| chunk.records_for(self.lane.place()))
            .sum();
        let waiting = waiting.saturating_sub(self.formatted as u64);
        let batch = self.lane.take(Duration::ZERO);
        let more = batch.chunks.iter();
        let more: u64 = more.map(|chunk| chunk.records_for(self.lane.place())).sum();
        self.status.dropped_more(waiting.saturating_add(more));
        let lost = waiting
            .saturating_add(more)
            .saturating_add(batch.lost)
            .saturating_add(self.lost);
        if lost > 0 {
            let line = format!(
                "audit sink {}: {lost} records were not written before its end",
                self.settings.name
            );
            self.surroundings.notices.notice(true, &line);
        }
    }

    fn measure(&mut self) {
        let now = self.surroundings.clock.now().monotonic;
        let (since, before) = self.measured;
        let elapsed = now.saturating_sub(since);
        if elapsed >= Duration::from_secs(1) {
            let records = self.status.records();
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let rate = records.saturating_sub(before).saturating_mul(1000) / millis.max(1);
            self.status.set_rate(rate);
            self.measured = (now, records);
        }
    }

    fn now_us(&self) -> u64 {
        let now = self.surroundings.clock.now().wall;
        now.as_unix_millis().saturating_mul(1000)
    }
}
