//! Lines that wait to be written, and where in a sink's log they stand.
//!
//! In: records, formatted, numbered and chained one after the other; what the destination took
//! of them. Out: the bytes to offer. Numbers and chain follow what is written: lines that are
//! given up leave no gap, for the next ones stand where they would have stood. No line is longer
//! than [`MAX_LINE_BYTES`]: one that says so stands in its place.

use crate::MAX_LINE_BYTES;
use crate::chain::{self, Chain};
use crate::event::{Category, Event, Loss, Record};
use crate::format::{Numbered, Remembered};
use crate::settings::SinkSettings;
use crate::sink::Head;

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// One behind the other, each with its end.
    bytes: Vec<u8>,
    remembered: Remembered,
    /// What is to be known of each.
    heads: Vec<Head>,
    /// Where the next line stands.
    next: Position,
    /// Where the line after the last written one stands.
    written: Position,
    /// When the youngest record happened.
    youngest_us: u64,
    /// Losses that lines tell of, each with the number of its line.
    told: Vec<(u64, Loss<'static>)>,
}

/// A place in what a sink has written.
#[derive(Clone, Debug, Default)]
struct Position {
    /// Of the record before.
    sequence: u64,
    chain: Chain,
}

/// How much a destination took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) records: u64,
    pub(super) bytes: usize,
}

/// What is lost with lines that are given up.
#[derive(Debug)]
pub(super) struct GivenUp {
    /// Records that are lost now.
    pub(super) records: u64,
    /// Losses of before that no line tells of any more.
    pub(super) untold: Vec<Loss<'static>>,
}

impl Lines {
    /// Goes on after the record of this number, whose chain has this value.
    pub(super) fn resume(&mut self, sequence: u64, chain: chain::Value) {
        let position = Position {
            sequence,
            chain: Chain::resume(chain),
        };
        self.next = position.clone();
        self.written = position;
    }

    /// The last number given.
    pub(super) fn sequence(&self) -> u64 {
        self.next.sequence
    }

    /// The chain's value after the last line.
    pub(super) fn chain(&self) -> chain::Value {
        self.next.chain.value()
    }

    /// When the youngest record happened.
    pub(super) fn youngest_us(&self) -> u64 {
        self.youngest_us
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What waits, and what is to be known of each line of it.
    pub(super) fn waiting(&self) -> (&[u8], &[Head]) {
        (&self.bytes, &self.heads)
    }

    /// Adds a record; false when its line would be too long, and one that says so stands in its
    /// place.
    pub(super) fn add(&mut self, settings: &SinkSettings, node: &str, record: &Record<'_>) -> bool {
        let fits = self.put(settings, node, record);
        if !fits {
            let instead = Record {
                at_us: record.at_us,
                client: None,
                event: Event::Loss(Loss::ONE_TOO_LARGE),
            };
            self.put(settings, node, &instead);
        }
        fits
    }

    /// Adds a line, unless it is longer than anybody reads.
    fn put(&mut self, settings: &SinkSettings, node: &str, record: &Record<'_>) -> bool {
        let start = self.bytes.len();
        let before = self.next.clone();
        self.next.sequence += 1;
        let numbered = Numbered {
            sequence: self.next.sequence,
            node,
            record,
        };
        let format = settings.format;
        let remembered = &mut self.remembered;
        format.write_on(&mut self.bytes, numbered, settings.payload, remembered);
        if settings.chain {
            self.next.chain.seal(format, &mut self.bytes, start);
        }
        if self.bytes.len() - start > MAX_LINE_BYTES {
            self.bytes.truncate(start);
            self.next = before;
            return false;
        }
        self.bytes.push(b'\n');
        let bytes = self.bytes.len() - start;
        self.heads.push(Head::of(&numbered, bytes));
        self.youngest_us = record.at_us;
        true
    }

    /// The last line tells of this loss.
    pub(super) fn tells_of(&mut self, loss: Loss<'static>) {
        self.told.push((self.next.sequence, loss));
    }

    /// The destination took all of them.
    pub(super) fn all_taken(&mut self) -> Amount {
        let amount = Amount {
            records: self.next.sequence - self.written.sequence,
            bytes: self.bytes.len(),
        };
        self.written = self.next.clone();
        self.bytes.clear();
        self.heads.clear();
        self.told.clear();
        amount
    }

    /// The destination took only the first ones, so many bytes of them.
    pub(super) fn taken(&mut self, settings: &SinkSettings, taken: usize) -> Amount {
        let mut bytes = 0;
        let mut count = 0;
        for head in &self.heads {
            if bytes + head.bytes > taken {
                break;
            }
            let line = self.bytes.get(bytes..bytes + head.bytes);
            if settings.chain {
                let line = line.unwrap_or_default();
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let sealed = chain::split(settings.format, line);
                let value = sealed.map_or(chain::BEGINNING, |sealed| sealed.value);
                self.written.chain = Chain::resume(value);
            }
            self.written.sequence = head.sequence;
            bytes += head.bytes;
            count += 1;
        }
        let written = self.written.sequence;
        self.told.retain(|(sequence, _)| *sequence > written);
        self.bytes.drain(..bytes);
        self.heads.drain(..count);
        Amount {
            records: count as u64,
            bytes,
        }
    }

    /// Gives up what waits.
    pub(super) fn give_up(&mut self) -> GivenUp {
        // What a sink says about itself is nobody's loss, but for the losses it tells of.
        let of_others = self.heads.iter();
        let of_others = of_others.filter(|head| head.category != Category::Audit);
        let records = of_others.count() as u64;
        let untold = self.told.drain(..).map(|(_, loss)| loss).collect();
        self.next = self.written.clone();
        self.bytes.clear();
        self.heads.clear();
        GivenUp { records, untold }
    }
}
