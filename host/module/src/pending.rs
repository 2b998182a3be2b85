//! Credentials waiting to be verified.
//!
//! One *flight* is one credential on its way through a worker or the network's thread; however many
//! connections present the same credential at once, they wait on one flight and
//! it is verified once. The main thread puts them down at the door ([`Pending::arrive`]) and
//! waits for nobody: those who verify, and the clock's thread, come under a mutex and take them in from there. However
//! many wait, no operation gives more than [`A_TIME`] of them out.
//!
//! Bounds: at most `max_pending` connections and as many flights that nobody has
//! begun (against log-in storms), and `auth_timeout_ms` for each connection. Those that
//! wait for somebody else's answer are bounded by the chain, for each authenticator: one
//! provider that does not answer leaves the queue to the others.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use warden_authn::{CacheKey, Claim};

use crate::ffi::mailbox::{Reader, Slot, mailbox};

/// Waiting connections given out by one operation, so that nobody has very many to answer at
/// once.
const A_TIME: usize = 64;

/// Connections waiting for one credential each, by flight.
///
/// `W` is what waits: a blocked client and what is known about it. `J` is what whoever verifies
/// needs for a flight.
pub(crate) struct Pending<W, J> {
    door: Slot<Arrival<W, J>>,
    inner: Mutex<Inner<W, J>>,
    queued: Queued,
    /// How many connections wait.
    count: AtomicUsize,
    /// Set at unload: nobody comes any more.
    closed: AtomicBool,
}

/// A connection at the door.
struct Arrival<W, J> {
    key: CacheKey,
    waiter: W,
    deadline: Duration,
    job: J,
    claim: Claim,
}

struct Inner<W, J> {
    arrivals: Reader<Arrival<W, J>>,
    flights: FxHashMap<CacheKey, Flight<W>>,
    /// Flights that nobody has begun, in the order in which they came.
    queues: Queues<J>,
    /// Every waiting connection by its deadline on the monotonic clock.
    deadlines: BTreeMap<(Duration, u64), CacheKey>,
    next: u64,
}

/// One for workers, one for the network's thread.
struct Queues<J> {
    computed: VecDeque<(CacheKey, J)>,
    asked: VecDeque<(CacheKey, J)>,
}

impl<J> Queues<J> {
    fn of(&mut self, claim: Claim) -> &mut VecDeque<(CacheKey, J)> {
        match claim {
            Claim::Computed => &mut self.computed,
            Claim::Asked => &mut self.asked,
        }
    }
}

struct Flight<W> {
    /// Each apart: most flights have one, and a leaf of the tree has room for eleven.
    waiters: BTreeMap<u64, (Duration, Box<W>)>,
    /// Somebody has begun it.
    begun: bool,
}

/// Flights, and connections of them, that nobody has begun; who is at the door counts as
/// both. Changed under the mutex, but for those who arrive.
#[derive(Debug, Default)]
struct Queued {
    flights: AtomicUsize,
    connections: AtomicUsize,
}

/// Some of those who waited for a flight.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Landed<W> {
    /// There are more.
    More(Vec<(Duration, W)>),
    /// The flight is over.
    Last(Vec<(Duration, W)>),
}

impl<W> Flight<W> {
    /// It is in no queue from now on.
    fn leave(&mut self, queued: &Queued) {
        if !self.begun {
            self.begun = true;
            queued.flights.fetch_sub(1, Ordering::Relaxed);
            let connections = self.waiters.len();
            queued.connections.fetch_sub(connections, Ordering::Relaxed);
        }
    }

    fn new() -> Self {
        Self {
            waiters: BTreeMap::new(),
            begun: false,
        }
    }
}

impl<W, J> Inner<W, J> {
    /// Takes in who is at the door.
    fn take_in(&mut self, queued: &Queued)
    where
        W: Send,
        J: Send,
    {
        while let Some(arrival) = self.arrivals.take() {
            let Arrival {
                key,
                waiter,
                deadline,
                job,
                claim,
            } = arrival;
            let number = self.next;
            self.next = number.wrapping_add(1);
            self.deadlines.insert((deadline, number), key);
            let flight = match self.flights.entry(key) {
                Entry::Occupied(flight) => {
                    queued.flights.fetch_sub(1, Ordering::Relaxed);
                    flight.into_mut()
                }
                Entry::Vacant(none) => {
                    self.queues.of(claim).push_back((key, job));
                    none.insert(Flight::new())
                }
            };
            flight.waiters.insert(number, (deadline, Box::new(waiter)));
            if flight.begun {
                queued.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Ends a flight unless somebody waits for it; whether it is over.
    fn end(&mut self, key: &CacheKey) -> bool {
        let is_over = |flight: &Flight<W>| flight.waiters.is_empty();
        let is_over = self.flights.get(key).is_none_or(is_over);
        if is_over {
            self.flights.remove(key);
        }
        is_over
    }
}

impl<W: Send, J: Send> Pending<W, J> {
    /// Nothing waits.
    pub(crate) fn new() -> Self {
        let (door, arrivals) = mailbox();
        Self {
            door,
            inner: Mutex::new(Inner {
                arrivals,
                flights: FxHashMap::default(),
                queues: Queues {
                    computed: VecDeque::new(),
                    asked: VecDeque::new(),
                },
                deadlines: BTreeMap::new(),
                next: 0,
            }),
            queued: Queued::default(),
            count: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether `max` connections wait until somebody begins, or as many flights: the next one is
    /// refused before it is blocked. Waits for nobody.
    pub(crate) fn is_full(&self, max: usize) -> bool {
        self.closed.load(Ordering::Acquire)
            || self.queued.connections.load(Ordering::Relaxed) >= max
            || self.queued.flights.load(Ordering::Relaxed) >= max
    }

    /// Adds a waiting connection, and what is to be done for its credential unless a flight
    /// is under way; then whoever verifies must be woken. Waits for nobody.
    pub(crate) fn arrive(
        &self,
        (key, waiter, deadline): (CacheKey, W, Duration),
        (claim, job): (Claim, J),
    ) {
        self.queued.connections.fetch_add(1, Ordering::Relaxed);
        // Until it is taken in it may be one.
        self.queued.flights.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.door.put(Arrival {
            key,
            waiter,
            deadline,
            job,
            claim,
        });
    }

    /// For whoever verifies: the next flight that somebody still waits for. Those nobody waits for
    /// are forgotten.
    pub(crate) fn begin(&self, claim: Claim) -> Option<J> {
        let mut inner = self.lock();
        while let Some((key, job)) = inner.queues.of(claim).pop_front() {
            // One that ended before anybody began it, and perhaps came anew.
            let queued = inner.flights.get_mut(&key).filter(|flight| !flight.begun);
            let Some(flight) = queued else {
                continue;
            };
            flight.leave(&self.queued);
            if !flight.waiters.is_empty() {
                return Some(job);
            }
            inner.flights.remove(&key);
        }
        None
    }

    /// Gives the next of those who wait for a flight, each with its deadline, and ends
    /// the flight with the last of them: whoever comes then begins another one, which is
    /// somebody else's to land.
    pub(crate) fn land(&self, key: &CacheKey) -> Landed<W> {
        let mut inner = self.lock();
        let landed = self.some_of(&mut inner, key);
        match inner.end(key) {
            true => Landed::Last(landed),
            false => Landed::More(landed),
        }
    }

    /// Ends a flight unless somebody waits for it; whether it is over.
    pub(crate) fn end(&self, key: &CacheKey) -> bool {
        self.lock().end(key)
    }

    /// Gives the first of those who wait for a flight, which goes on whoever is left.
    pub(crate) fn first(&self, key: &CacheKey) -> Vec<(Duration, W)> {
        let mut inner = self.lock();
        self.some_of(&mut inner, key)
    }

    /// They wait on.
    pub(crate) fn put_back(&self, key: &CacheKey, waiters: Vec<(Duration, W)>) {
        let mut inner = self.lock();
        let Inner {
            flights,
            deadlines,
            next,
            ..
        } = &mut *inner;
        // After an unload there is none: they are refused as they are dropped.
        if let Some(flight) = flights.get_mut(key) {
            self.count.fetch_add(waiters.len(), Ordering::Relaxed);
            for (deadline, waiter) in waiters {
                let number = *next;
                *next = number.wrapping_add(1);
                deadlines.insert((deadline, number), *key);
                flight.waiters.insert(number, (deadline, Box::new(waiter)));
            }
        }
    }

    fn some_of(&self, inner: &mut Inner<W, J>, key: &CacheKey) -> Vec<(Duration, W)> {
        let mut some = Vec::new();
        if let Some(flight) = inner.flights.get_mut(key) {
            flight.leave(&self.queued);
            while some.len() < A_TIME
                && let Some((number, (deadline, waiter))) = flight.waiters.pop_first()
            {
                inner.deadlines.remove(&(deadline, number));
                some.push((deadline, *waiter));
            }
            self.count.fetch_sub(some.len(), Ordering::Relaxed);
        }
        some
    }

    /// Takes the next of those whose deadline has passed. Call it until nobody is
    /// left. Their flight goes on: its answer is remembered for the next attempt.
    pub(crate) fn overdue(&self, now: Duration) -> Vec<W> {
        let mut inner = self.lock();
        let mut late = Vec::new();
        while let Some((&(deadline, number), _)) = inner.deadlines.first_key_value() {
            if deadline > now || late.len() >= A_TIME {
                break;
            }
            if let Some(key) = inner.deadlines.remove(&(deadline, number))
                && let Some(flight) = inner.flights.get_mut(&key)
                && let Some((_, waiter)) = flight.waiters.remove(&number)
            {
                if !flight.begun {
                    self.queued.connections.fetch_sub(1, Ordering::Relaxed);
                }
                late.push(*waiter);
            }
        }
        self.count.fetch_sub(late.len(), Ordering::Relaxed);
        late
    }

    /// Lets nobody come any more and takes everybody who waits. For the main thread, which
    /// is also where they come from.
    pub(crate) fn close(&self) -> Vec<W> {
        self.closed.store(true, Ordering::Release);
        let mut inner = self.lock();
        inner.deadlines.clear();
        inner.queues.computed.clear();
        inner.queues.asked.clear();
        let flights = std::mem::take(&mut inner.flights);
        self.queued.connections.store(0, Ordering::Relaxed);
        self.queued.flights.store(0, Ordering::Relaxed);
        self.count.store(0, Ordering::Relaxed);
        flights
            .into_values()
            .flat_map(|flight| flight.waiters.into_values())
            .map(|(_, waiter)| *waiter)
            .collect()
    }

    /// How many connections wait. Waits for nobody.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W, J>> {
        // Every operation above leaves the maps consistent at each step, so a
        // poisoned lock is still usable.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.take_in(&self.queued);
        inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_authn::{Cache, CacheSettings};

    /// The job of a flight is the secret of its credential.
    type Waiting = Pending<u64, &'static str>;

    fn key(secret: &str) -> CacheKey {
        thread_local! {
            static CACHE: Cache = Cache::new(CacheSettings::default()).unwrap();
        }
        CACHE.with(|cache| cache.key(1, b"alice", secret.as_bytes(), b""))
    }

    fn arrive(pending: &Waiting, secret: &'static str, waiter: u64, deadline: Duration) {
        pending.arrive((key(secret), waiter, deadline), (Claim::Computed, secret));
    }

    fn begin(pending: &Waiting) -> Option<&'static str> {
        pending.begin(Claim::Computed)
    }

    fn count(landed: &Landed<u64>) -> usize {
        match landed {
            Landed::More(some) | Landed::Last(some) => some.len(),
        }
    }

    const SOON: Duration = Duration::from_secs(1);

    #[test]
    fn one_credential_is_one_flight() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        arrive(&pending, "a", 2, SOON);
        arrive(&pending, "b", 3, SOON);
        assert_eq!(pending.count(), 3);
        assert_eq!(begin(&pending), Some("a"));
        assert_eq!(
            pending.land(&key("a")),
            Landed::Last(vec![(SOON, 1), (SOON, 2)])
        );
        assert_eq!(pending.count(), 1);
        assert_eq!(begin(&pending), Some("b"));
        assert_eq!(begin(&pending), None);
    }

    #[test]
    fn what_is_computed_and_what_is_asked_about_wait_apart_and_both_count() {
        let pending = Pending::new();
        let asked = (Claim::Asked, "asked");
        pending.arrive((key("asked"), 1, SOON), asked);
        arrive(&pending, "computed", 2, SOON);
        assert!(pending.is_full(2));
        assert_eq!(begin(&pending), Some("computed"));
        assert_eq!(begin(&pending), None);
        assert!(!pending.is_full(2));
        pending.arrive((key("asked"), 3, SOON), asked);
        assert_eq!(pending.begin(Claim::Asked), Some("asked"));
        assert_eq!(pending.begin(Claim::Asked), None);
        let both = vec![(SOON, 1), (SOON, 3)];
        assert_eq!(pending.land(&key("asked")), Landed::Last(both));
    }

    #[test]
    fn those_put_back_wait_on_with_their_deadlines() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        arrive(&pending, "a", 2, SOON + SOON);
        assert_eq!(begin(&pending), Some("a"));
        let mut some = pending.first(&key("a"));
        assert_eq!(some.remove(0), (SOON, 1));
        assert_eq!(pending.count(), 0);
        arrive(&pending, "a", 3, SOON);
        pending.put_back(&key("a"), some);
        assert_eq!(pending.count(), 2);
        assert_eq!(begin(&pending), None, "the flight has gone on");
        assert_eq!(pending.overdue(SOON), [3]);
        let left = vec![(SOON + SOON, 2)];
        assert_eq!(pending.land(&key("a")), Landed::Last(left));
        pending.put_back(&key("a"), vec![(SOON, 4)]);
        assert_eq!(pending.count(), 0, "nobody lands it any more");
    }

    #[test]
    fn a_flight_whose_waiters_were_put_back_is_joined_and_ends_with_the_last() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        assert_eq!(begin(&pending), Some("a"));
        let some = pending.first(&key("a"));
        pending.put_back(&key("a"), some);
        assert!(!pending.end(&key("a")));
        assert_eq!(pending.overdue(SOON), [1]);
        arrive(&pending, "a", 2, SOON);
        assert_eq!(begin(&pending), None, "it joins what goes on");
        let left = vec![(SOON, 2)];
        assert_eq!(pending.land(&key("a")), Landed::Last(left));
        arrive(&pending, "a", 3, SOON);
        assert_eq!(begin(&pending), Some("a"), "it begins anew");
    }

    #[test]
    fn of_very_many_the_first_are_given_and_the_rest_wait_on() {
        let pending = Pending::new();
        for number in 0..=A_TIME as u64 {
            arrive(&pending, "a", number, SOON);
        }
        assert_eq!(begin(&pending), Some("a"));
        assert_eq!(pending.first(&key("a")).len(), A_TIME);
        assert_eq!(pending.count(), 1);
        assert!(!pending.end(&key("a")));
        assert_eq!(pending.close(), [A_TIME as u64]);
        assert!(pending.end(&key("a")));
    }

    #[test]
    fn a_full_queue_says_so() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        assert!(pending.is_full(1), "also before anybody has taken it in");
        assert!(!pending.is_full(2));
    }

    #[test]
    fn those_a_worker_has_reached_leave_the_queue_to_others() {
        let pending = Pending::new();
        for number in 0..3 {
            arrive(&pending, "a", number, SOON);
        }
        assert!(pending.is_full(3));
        assert_eq!(begin(&pending), Some("a"));
        assert!(!pending.is_full(1));
        arrive(&pending, "a", 3, SOON);
        assert_eq!(begin(&pending), None, "it joins what is under way");
        assert!(!pending.is_full(1));
        assert_eq!(pending.count(), 4);
        assert_eq!(count(&pending.land(&key("a"))), 4);
        arrive(&pending, "a", 4, SOON);
        assert!(pending.is_full(1));
        assert_eq!(begin(&pending), Some("a"));
    }

    #[test]
    fn a_flight_nobody_waits_for_still_counts_until_it_is_begun() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        assert_eq!(pending.overdue(SOON), [1]);
        assert_eq!(pending.count(), 0);
        assert!(pending.is_full(1), "the queue holds a job");
        assert_eq!(begin(&pending), None);
        assert!(!pending.is_full(1));
    }

    #[test]
    fn only_those_past_their_deadline_are_overdue() {
        let pending = Pending::new();
        let later = Duration::from_secs(2);
        arrive(&pending, "a", 1, SOON);
        arrive(&pending, "a", 2, later);
        assert!(pending.overdue(Duration::ZERO).is_empty());
        assert_eq!(pending.overdue(SOON), [1]);
        assert_eq!(pending.land(&key("a")), Landed::Last(vec![(later, 2)]));
    }

    /// Whoever comes when the last of a flight has its answer must be verified anew.
    #[test]
    fn a_flight_ends_with_the_last_of_those_who_waited() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        assert_eq!(begin(&pending), Some("a"));
        assert_eq!(pending.land(&key("a")), Landed::Last(vec![(SOON, 1)]));
        arrive(&pending, "a", 2, SOON);
        assert_eq!(begin(&pending), Some("a"));
    }

    #[test]
    fn very_many_are_given_out_a_few_at_a_time() {
        let pending = Pending::new();
        for number in 0..2 * A_TIME as u64 + 1 {
            arrive(&pending, "a", number, SOON);
        }
        assert_eq!(pending.overdue(SOON).len(), A_TIME);
        assert_eq!(count(&pending.land(&key("a"))), A_TIME);
        arrive(&pending, "a", 999, SOON);
        assert_eq!(count(&pending.land(&key("a"))), 2);
        assert_eq!(count(&pending.land(&key("a"))), 0);
        assert_eq!(begin(&pending), None);
        assert_eq!(pending.count(), 0);
        assert!(!pending.is_full(1));
    }

    #[test]
    fn after_closing_nobody_comes() {
        let pending = Pending::new();
        arrive(&pending, "a", 1, SOON);
        assert_eq!(pending.close(), [1]);
        assert!(pending.is_full(9));
        assert_eq!(begin(&pending), None);
    }

    /// The main thread must not wait for a worker that was put off the processor.
    #[test]
    fn whoever_arrives_waits_for_nobody() {
        let pending = Pending::new();
        let held = pending.lock();
        arrive(&pending, "a", 1, SOON);
        assert!(pending.is_full(1));
        assert_eq!(pending.count(), 1);
        drop(held);
        assert_eq!(begin(&pending), Some("a"));
    }
}
