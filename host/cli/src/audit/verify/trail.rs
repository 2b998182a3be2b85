//! The records so far, each right behind the one before it.
//!
//! In: entries in their order. Out: whether each follows; counts, and how far signatures
//! vouch. Never more in memory than the last record's number and chain value.

use std::collections::BTreeSet;

use warden_audit::chain;
use warden_audit::checkpoint::{Place as Vouched, PublicKey};

use super::entry::{Entry, Kind, Record};
use super::problem::{self, Problem};
use crate::audit::lines::Place;

/// What is known from elsewhere.
#[derive(Default)]
pub(super) struct Known {
    /// Who may have signed; none where nobody said.
    pub(super) keys: Vec<PublicKey>,
    pub(super) node: Option<String>,
    /// A record that was there before.
    pub(super) seen: Option<Before>,
}

/// Number and chain value of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) sequence: u64,
    pub(super) value: chain::Value,
}

/// Why an entry is not right.
pub(super) enum Wrong {
    /// It does not follow: what happened is to be judged.
    Chain,
    /// This is.
    Told(Problem),
}

/// How far a signature vouches.
#[derive(Clone, Debug)]
pub(super) struct VouchedTo {
    pub(super) sequence: u64,
    pub(super) time: String,
}

/// What was found up to here.
pub(super) struct Trail {
    pub(super) known: Known,
    before: Option<Before>,
    last_place: Place,
    /// Numbers and times of the first and the last record.
    pub(super) first: Option<(u64, String)>,
    pub(super) last: Option<(u64, String)>,
    /// The chain value of the first record.
    pub(super) first_value: chain::Value,
    pub(super) records: u64,
    /// Whether the first record follows what is known, and was verified itself.
    pub(super) has_beginning: bool,
    pub(super) ends_with_stop: bool,
    pub(super) starts: u64,
    pub(super) losses: u64,
    pub(super) lost: u64,
    pub(super) checkpoints: u64,
    pub(super) signers: BTreeSet<String>,
    pub(super) vouched: Option<VouchedTo>,
}

/// Most keys that are named.
const MAX_SIGNERS: usize = 16;

impl Trail {
    pub(super) fn new(known: Known) -> Self {
        Self {
            known,
            before: None,
            last_place: Place::default(),
            first: None,
            last: None,
            first_value: chain::BEGINNING,
            records: 0,
            has_beginning: true,
            ends_with_stop: false,
            starts: 0,
            losses: 0,
            lost: 0,
            checkpoints: 0,
            signers: BTreeSet::new(),
            vouched: None,
        }
    }

    /// The record that the next one must follow; none where that is not known.
    pub(super) const fn before(&self) -> Option<Before> {
        self.before
    }

    /// Takes the next entry.
    pub(super) fn step(&mut self, entry: &Entry, is_last: bool) -> Result<(), Wrong> {
        let Ok(record) = &entry.record else {
            return Err(Wrong::Chain);
        };
        let before = match self.before {
            Some(before) => Some(before),
            None if record.sequence == 1 => Some(Before {
                sequence: 0,
                value: chain::BEGINNING,
            }),
            // What it follows was seen before, or is not there and it is taken as it is.
            None => {
                let seen = self.known.seen;
                seen.filter(|seen| seen.sequence.checked_add(1) == Some(record.sequence))
            }
        };
        self.before = before;
        match before {
            Some(before) if !entry.follows(&before.value, before.sequence.saturating_add(1)) => {
                return Err(Wrong::Chain);
            }
            Some(_) => {}
            None => self.has_beginning = false,
        }
        let told = |kind, what| {
            Err(Wrong::Told(Problem {
                kind,
                place: entry.place.clone(),
                sequence: record.sequence,
                what,
            }))
        };
        if !entry.has_end {
            let which = if is_last {
                ""
            } else {
                ", though another file follows"
            };
            let what = format!("record {} has no line end{which}", record.sequence);
            return told(problem::Kind::Cut, what);
        }
        if let Err(what) = self.check_node(record) {
            return told(problem::Kind::Node, what);
        }
        let number = record.sequence;
        if let Some(seen) = self.known.seen
            && (seen.sequence == number && seen.value != record.value)
        {
            let what = format!("record {number} is not the one that an earlier run saw");
            return told(problem::Kind::Changed, what);
        }
        if let Err(what) = self.check_signature(record, before) {
            return told(problem::Kind::Checkpoint, what);
        }
        self.take(record, &entry.place);
        Ok(())
    }

    fn check_node(&mut self, record: &Record) -> Result<(), String> {
        let node = self.known.node.get_or_insert_with(|| record.node.clone());
        if *node == record.node {
            return Ok(());
        }
        Err(format!(
            "record {} is of server {:?}, not of {node:?}",
            record.sequence, record.node
        ))
    }

    /// Whether a checkpoint is signed by one of the given keys, or by its own where none is.
    fn check_signature(&mut self, record: &Record, before: Option<Before>) -> Result<(), String> {
        let Kind::Checkpoint { key, signature } = &record.kind else {
            return Ok(());
        };
        // Without the record before it nobody can tell what it signs.
        let Some(before) = before else { return Ok(()) };
        let number = record.sequence;
        let named = PublicKey::from_hex(key)
            .ok_or_else(|| format!("checkpoint {number} names no public key"))?;
        if !self.known.keys.is_empty() && !self.known.keys.contains(&named) {
            return Err(format!(
                "checkpoint {number} is signed by the key {key}, which is none of those given"
            ));
        }
        let place = Vouched {
            node: &record.node,
            sequence: before.sequence,
            chain: before.value,
        };
        if !named.verifies(&place, signature) {
            let since = match &self.vouched {
                Some(vouched) => format!("behind record {}", vouched.sequence),
                None => "before it".to_owned(),
            };
            return Err(format!(
                "the signature of checkpoint {number} is not of what stands before it: something \
                 {since} was changed and the chain written anew, or the signature was changed"
            ));
        }
        if self.signers.len() < MAX_SIGNERS {
            self.signers.insert(key.clone());
        }
        self.checkpoints = self.checkpoints.saturating_add(1);
        self.vouched = Some(VouchedTo {
            sequence: before.sequence,
            time: record.time.clone(),
        });
        Ok(())
    }

    fn take(&mut self, record: &Record, place: &Place) {
        self.records = self.records.saturating_add(1);
        match record.kind {
            Kind::Loss(lost) => {
                self.losses = self.losses.saturating_add(1);
                self.lost = self.lost.saturating_add(lost);
            }
            Kind::Start => self.starts = self.starts.saturating_add(1),
            _ => {}
        }
        // A checkpoint may come behind the stop, and vouches for it.
        self.ends_with_stop = match record.kind {
            Kind::Stop => true,
            Kind::Checkpoint { .. } => self.ends_with_stop,
            _ => false,
        };
        let seen = (record.sequence, record.time.clone());
        if self.first.is_none() {
            self.first = Some(seen.clone());
            self.first_value = record.value;
        }
        self.last = Some(seen);
        self.before = Some(Before {
            sequence: record.sequence,
            value: record.value,
        });
        self.last_place.clone_from(place);
    }

    /// What is wrong although each record follows the one before it.
    pub(super) fn end(&self) -> Option<Problem> {
        let last = self.last.as_ref().map_or(0, |(last, _)| *last);
        let first = self.first.as_ref().map_or(1, |(first, _)| *first);
        let (kind, sequence, what) = if let Some(seen) = self.known.seen
            && !(first.saturating_sub(1)..=last).contains(&seen.sequence)
        {
            let number = seen.sequence;
            let what = format!("record {number}, which an earlier run saw, is not there");
            (problem::Kind::Missing, number, what)
        } else if self.records == 0 {
            let what = "there is no record".to_owned();
            (problem::Kind::Missing, 1, what)
        } else if !self.known.keys.is_empty() && self.checkpoints == 0 {
            let what = "no checkpoint by a given key stands in these files: whoever can write to \
                        them may have written everything anew";
            (problem::Kind::Checkpoint, last, what.to_owned())
        } else {
            return None;
        };
        Some(Problem {
            kind,
            place: self.last_place.clone(),
            sequence,
            what,
        })
    }
}
