//! The one queue between the main thread and the sinks.
//!
//! Records are encoded one behind the other into a chunk. A chunk that is full, or that a sink
//! comes for, is sealed and shared: each sink has a *lane*, a queue of the chunks that hold
//! something for it, bounded in bytes.
//!
//! ```text
//! push ─→ open chunk ─ full, or taken ─→ sealed ─┬→ lane 0 (≤ its bytes) ─→ sink 0
//!                                                └→ lane 1: full ─→ counted as lost
//! ```
//!
//! The lock is held to encode one record, or to exchange a few pointers: never across a
//! format, a file or a socket. What does not fit into a lane is counted, record by record, and
//! the sink hears of it with the next batch.

mod chunk;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use chunk::Chunk;

use crate::event::{Client, Event, Loss, SinkSet};
use chunk::Open;

/// How long a sink that was here leaves what is little: to wake one costs whoever makes records.
const REST: Duration = Duration::from_millis(10);

/// The queue. Shared by whoever makes records and the sinks' lanes.
#[derive(Debug, Default)]
pub struct Journal {
    state: Mutex<State>,
    /// Records that no chunk could hold.
    oversized: AtomicU64,
}

#[derive(Debug)]
struct State {
    open: Open,
    /// Sinks that wait for what is little, and from how many bytes in the open chunk on they are
    /// woken.
    waiting: SinkSet,
    wakes_at: usize,
    lanes: Vec<Option<Arc<Shared>>>,
    /// Where the search for a free place goes on: one that was given back is not given to
    /// another before all others were, for records may still be made for whoever had it.
    next: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            open: Open::default(),
            waiting: SinkSet::NONE,
            wakes_at: usize::MAX,
            lanes: Vec::new(),
            next: 0,
        }
    }
}

#[derive(Debug)]
struct Shared {
    bound_bytes: AtomicU64,
    queue: Mutex<Queue>,
    arrived: Condvar,
    buffered_bytes: AtomicU64,
    lost: AtomicU64,
    is_losing: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Arc<Chunk>>,
    bytes: u64,
    /// Lost since the sink last heard of it.
    lost: u64,
    is_closed: bool,
    /// Somebody wants its sink to look up.
    is_nudged: bool,
    /// There is as much in the open chunk as its sink waits for.
    is_due: bool,
}

/// What a sink finds in its lane.
#[derive(Debug, Default)]
pub struct Batch {
    /// Chunks with records for it, oldest first; those of others are in them too.
    pub chunks: Vec<Arc<Chunk>>,
    /// Records for it that did not fit, all younger than those of `chunks`.
    pub lost: u64,
    /// Nothing will come any more.
    pub is_last: bool,
}

/// One sink's end of the journal.
#[derive(Debug)]
pub struct Lane {
    journal: Arc<Journal>,
    place: usize,
    shared: Arc<Shared>,
}

impl Journal {
    /// An empty one, without lanes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a lane that holds at most `bound_bytes`; `None` when [`SinkSet::MOST`] are open.
    pub fn open(self: &Arc<Self>, bound_bytes: u64) -> Option<Lane> {
        let shared = Arc::new(Shared {
            bound_bytes: AtomicU64::new(bound_bytes),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            buffered_bytes: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_losing: AtomicBool::new(false),
        });
        let mut state = self.lock();
        // What is in the open chunk was not meant for the new lane, whatever its place.
        state.seal();
        if state.lanes.is_empty() {
            state.lanes.resize(SinkSet::MOST, None);
        }
        let start = state.next;
        let places = (start..SinkSet::MOST).chain(0..start);
        let mut free = places.filter(|place| matches!(state.lanes.get(*place), Some(None)));
        let place = free.next()?;
        drop(free);
        state.next = (place + 1) % SinkSet::MOST;
        if let Some(slot) = state.lanes.get_mut(place) {
            *slot = Some(Arc::clone(&shared));
        }
        drop(state);
        Some(Lane {
            journal: Arc::clone(self),
            place,
            shared,
        })
    }

    /// Puts a record of these parts into the lanes of `sinks`. Never waits for a sink.
    pub fn push(&self, sinks: SinkSet, at_us: u64, client: Option<&Client<'_>>, event: &Event<'_>) {
        if sinks.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.open.push(sinks, at_us, client, event) {
            if state.open.used() >= state.wakes_at {
                state.wake();
            }
            return;
        }
        state.seal();
        if !state.open.push_alone(sinks, at_us, client, event) {
            self.oversized.fetch_add(1, Ordering::Relaxed);
            // In its place: no other is lost with it.
            let loss = Event::Loss(Loss::ONE_TOO_LARGE);
            state.open.push(sinks, at_us, None, &loss);
        }
        if state.open.is_large() {
            state.seal();
        }
    }

    /// Records that no chunk could hold: an [`Event::Loss`] stands in the place of each.
    pub fn oversized(&self) -> u64 {
        self.oversized.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands the open chunk to the lanes it holds something for.
    fn seal(&mut self) {
        let Some(chunk) = self.open.seal() else {
            return;
        };
        let chunk = Arc::new(chunk);
        for (place, lane) in self.lanes.iter().enumerate() {
            let records = chunk.records_for(place);
            if let (Some(lane), true) = (lane, records > 0) {
                lane.take(&chunk, records);
            }
        }
    }

    /// Has those come that wait.
    fn wake(&mut self) {
        self.wakes_at = usize::MAX;
        for place in std::mem::take(&mut self.waiting).places() {
            if let Some(Some(lane)) = self.lanes.get(place) {
                lane.lock().is_due = true;
                lane.arrived.notify_one();
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, chunk: &Arc<Chunk>, records: u64) {
        let mut queue = self.lock();
        let bytes = queue.bytes.saturating_add(chunk.bytes());
        // What comes after a loss is lost with it: the sink is told of one gap, at its place.
        if queue.lost > 0 || bytes > self.bound_bytes.load(Ordering::Relaxed) {
            self.lose(&mut queue, records);
        } else {
            queue.bytes = bytes;
            queue.chunks.push_back(Arc::clone(chunk));
            self.buffered_bytes.store(bytes, Ordering::Relaxed);
        }
        drop(queue);
        self.arrived.notify_one();
    }

    fn lose(&self, queue: &mut Queue, records: u64) {
        queue.lost = queue.lost.saturating_add(records);
        self.is_losing.store(true, Ordering::Release);
        self.lost.fetch_add(records, Ordering::Relaxed);
    }
}

impl Lane {
    /// The place by which a [`SinkSet`] names it.
    pub fn place(&self) -> usize {
        self.place
    }

    /// Bytes that wait in it. Takes no lock.
    pub fn buffered_bytes(&self) -> u64 {
        self.shared.buffered_bytes.load(Ordering::Relaxed)
    }

    /// Records that did not fit into it since it was opened. Takes no lock.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Whether records are being lost: the sink has not come for what is in it since the last
    /// one was. Takes no lock.
    pub fn is_losing(&self) -> bool {
        self.shared.is_losing.load(Ordering::Acquire)
    }

    /// Changes how many bytes may wait in it.
    pub fn set_bound(&self, bound_bytes: u64) {
        self.shared
            .bound_bytes
            .store(bound_bytes, Ordering::Relaxed);
    }

    /// Waits until a chunk was sealed for it, or the open one holds `threshold_bytes` or more,
    /// or somebody nudges it, at most `patience`; then takes everything there is, the open chunk
    /// included. Comes for the open chunk no more than a hundred times a second. The bytes
    /// count as waiting until [`Lane::done`].
    pub fn take(&self, patience: Duration, threshold_bytes: usize) -> Batch {
        let is_there = |queue: &Queue| !queue.chunks.is_empty() || queue.lost > 0 || queue.is_due;
        self.wait(patience.min(REST), is_there);
        let mut state = self.journal.lock();
        let is_enough = state.open.used() >= threshold_bytes;
        if !is_enough {
            state.wakes_at = state.wakes_at.min(threshold_bytes);
            state.waiting = state.waiting.or(SinkSet::only(self.place));
        }
        drop(state);
        if !is_enough {
            self.wait(patience.saturating_sub(REST), is_there);
        }
        self.journal.lock().seal();
        let mut queue = self.shared.lock();
        queue.is_nudged = false;
        queue.is_due = false;
        self.shared.is_losing.store(false, Ordering::Release);
        Batch {
            chunks: std::mem::take(&mut queue.chunks).into(),
            lost: std::mem::take(&mut queue.lost),
            is_last: queue.is_closed,
        }
    }

    /// Waits for a nudge or the end, whatever arrives meanwhile; answers whether it is the end.
    pub fn rest(&self, patience: Duration) -> bool {
        self.wait(patience, |_| false);
        let mut queue = self.shared.lock();
        queue.is_nudged = false;
        queue.is_closed
    }

    fn wait(&self, patience: Duration, is_enough: impl Fn(&Queue) -> bool) {
        let queue = self.shared.lock();
        let idle = |queue: &mut Queue| !is_enough(queue) && !queue.is_closed && !queue.is_nudged;
        drop(
            self.shared
                .arrived
                .wait_timeout_while(queue, patience, idle),
        );
    }

    /// Ends a wait.
    pub fn nudge(&self) {
        self.shared.lock().is_nudged = true;
        self.shared.arrived.notify_one();
    }

    /// Gives back the room of a chunk that was taken.
    pub fn done(&self, chunk: &Chunk) {
        let mut queue = self.shared.lock();
        queue.bytes = queue.bytes.saturating_sub(chunk.bytes());
        self.shared
            .buffered_bytes
            .store(queue.bytes, Ordering::Relaxed);
    }

    /// Ends it: the next batch is the last. From any thread.
    pub fn close(&self) {
        let mut state = self.journal.lock();
        state.seal();
        if let Some(slot) = state.lanes.get_mut(self.place) {
            *slot = None;
        }
        drop(state);
        self.shared.lock().is_closed = true;
        self.shared.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests;
