//! Records in a row, encoded.
//!
//! ```text
//! client │ event, for sinks 0, 2 │ event, for sink 0 │ client │ event, for sink 0 │ …
//! ```
//!
//! Each part is its length and its sinks, eight bytes each, and what it holds in postcard's
//! encoding. A client is for no sink: it is whose records come after it, for there are many of
//! one connection in a row. Nothing of it leaves the process: what a record is may change from
//! build to build.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::event::{Client, Event, Record, SinkSet};

/// What a chunk holds before it is sealed.
const CHUNK_BYTES: usize = 256 * 1024;

/// The largest chunk that is made for one record alone.
const LARGEST_BYTES: usize = 16 * 1024 * 1024;

/// Length and sinks.
const HEAD_BYTES: usize = 16;

/// A record but for whose it is.
#[derive(Debug, Serialize, Deserialize)]
struct Rest<E> {
    at_us: u64,
    /// Whether it is the client's before it, or nobody's.
    is_a_clients: bool,
    event: E,
}

/// A chunk that is being filled.
#[derive(Debug, Default)]
pub(super) struct Open {
    bytes: Vec<u8>,
    used: usize,
    /// The version of the last client in it; 0 for none, or one of which nobody knows.
    version: u64,
    counts: Vec<u64>,
    spares: Spares,
}

/// Records that do not change any more.
#[derive(Debug)]
pub struct Chunk {
    bytes: Vec<u8>,
    used: usize,
    counts: Vec<u64>,
    spares: Spares,
}

/// Buffers of chunks that were read, for the next ones: to make one costs the main thread more
/// than to fill it.
#[derive(Clone, Debug, Default)]
pub(super) struct Spares(Arc<Mutex<Vec<Vec<u8>>>>);

/// Most buffers that are kept.
const MOST_SPARES: usize = 8;

impl Spares {
    fn take(&self) -> Vec<u8> {
        let spare = self.lock().pop();
        spare.unwrap_or_else(|| vec![0; CHUNK_BYTES])
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut spares = self.lock();
        if spares.len() < MOST_SPARES {
            spares.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.bytes.len() == CHUNK_BYTES {
            self.spares.give(std::mem::take(&mut self.bytes));
        }
    }
}

impl Open {
    /// Bytes in it.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Adds a record; false when there is no room for it.
    pub(super) fn push(
        &mut self,
        sinks: SinkSet,
        at_us: u64,
        client: Option<&Client<'_>>,
        event: &Event<'_>,
    ) -> bool {
        if self.bytes.is_empty() {
            self.bytes = self.spares.take();
        }
        let before = (self.used, self.version);
        let rest = Rest {
            at_us,
            is_a_clients: client.is_some(),
            event,
        };
        if !(client.is_none_or(|client| self.tell(client)) && self.add(sinks, &rest)) {
            (self.used, self.version) = before;
            return false;
        }
        for place in sinks.places() {
            if self.counts.len() <= place {
                self.counts.resize(place + 1, 0);
            }
            if let Some(count) = self.counts.get_mut(place) {
                *count += 1;
            }
        }
        true
    }

    /// Says whose the next records are, where that is not said already.
    fn tell(&mut self, client: &Client<'_>) -> bool {
        if client.version != 0 && client.version == self.version {
            return true;
        }
        self.version = client.version;
        self.add(SinkSet::NONE, client)
    }

    /// Adds one part; false when there is no room for it.
    fn add(&mut self, sinks: SinkSet, part: &impl Serialize) -> bool {
        let room = self.bytes.get_mut(self.used..).unwrap_or_default();
        let Some((head, body)) = room.split_at_mut_checked(HEAD_BYTES) else {
            return false;
        };
        let Ok(written) = postcard::to_slice(part, body) else {
            return false;
        };
        let length = written.len();
        let (first, second) = head.split_at_mut(HEAD_BYTES / 2);
        first.copy_from_slice(&(length as u64).to_le_bytes());
        second.copy_from_slice(&sinks.bits().to_le_bytes());
        self.used += HEAD_BYTES + length;
        true
    }

    /// Adds a record to a chunk that is empty, which grows until it has room for it.
    pub(super) fn push_alone(
        &mut self,
        sinks: SinkSet,
        at_us: u64,
        client: Option<&Client<'_>>,
        event: &Event<'_>,
    ) -> bool {
        let mut size = CHUNK_BYTES;
        while !self.push(sinks, at_us, client, event) {
            size = size.saturating_mul(4);
            if size > LARGEST_BYTES {
                self.bytes = Vec::new();
                return false;
            }
            self.bytes = vec![0; size];
        }
        true
    }

    /// Whether it grew for one record, which is to be all that is in it.
    pub(super) fn is_large(&self) -> bool {
        self.bytes.len() > CHUNK_BYTES
    }

    /// What was gathered; `None` when that is nothing. A chunk that waits takes no more memory
    /// than it needs, but for a usual one that is half full.
    pub(super) fn seal(&mut self) -> Option<Chunk> {
        if self.used == 0 {
            return None;
        }
        self.version = 0;
        let used = std::mem::take(&mut self.used);
        let counts = std::mem::take(&mut self.counts);
        let bytes = if self.is_large() {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.truncate(used);
            bytes.shrink_to_fit();
            bytes
        } else if used < CHUNK_BYTES / 2 {
            self.bytes.get(..used).unwrap_or_default().to_vec()
        } else {
            std::mem::take(&mut self.bytes)
        };
        Some(Chunk {
            bytes,
            used,
            counts,
            spares: self.spares.clone(),
        })
    }
}

impl Chunk {
    /// The memory it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// How many of its records are for the sink at a place.
    pub fn records_for(&self, place: usize) -> u64 {
        self.counts.get(place).copied().unwrap_or(0)
    }

    /// Its records for the sink at a place, oldest first.
    pub fn records(&self, place: usize) -> impl Iterator<Item = Record<'_>> {
        let mut left = self.bytes.get(..self.used).unwrap_or_default();
        let mut client = None;
        std::iter::from_fn(move || {
            loop {
                let (sinks, body) = part(&mut left)?;
                if sinks.is_empty() {
                    client = postcard::from_bytes::<Client<'_>>(body).ok();
                } else if sinks.has(place) {
                    let rest: Rest<Event<'_>> = postcard::from_bytes(body).ok()?;
                    return Some(Record {
                        at_us: rest.at_us,
                        client: client.filter(|_| rest.is_a_clients),
                        event: rest.event,
                    });
                }
            }
        })
    }
}

/// Takes the first part off.
fn part<'a>(left: &mut &'a [u8]) -> Option<(SinkSet, &'a [u8])> {
    let (head, rest) = left.split_first_chunk::<HEAD_BYTES>()?;
    let (length, sinks) = head.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let sinks = SinkSet::from_bits(u64::from_le_bytes(sinks.try_into().ok()?));
    let (body, rest) = rest.split_at_checked(length)?;
    *left = rest;
    Some((sinks, body))
}
