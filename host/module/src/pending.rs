//! Credentials waiting to be verified.
//!
//! One *flight* is one credential on its way through a worker; however many
//! connections present the same credential at once, they wait on one flight and
//! it is verified once. Everything here is a short map operation under a mutex
//! that is never held across anything else, so the main thread may take it. However
//! many wait, no operation takes more than [`A_TIME`] of them out.
//!
//! Bounds: at most `max_pending` connections and as many flights that no worker has
//! reached (against log-in storms), and `auth_timeout_ms` for each connection. Those that
//! wait for somebody else's answer are bounded by the chain, for each authenticator: one
//! provider that does not answer leaves the queue to the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use warden_authn::CacheKey;

/// Waiting connections taken out by one operation: bounds how long another thread,
/// the main thread among them, may wait for the map.
const A_TIME: usize = 64;

/// Connections waiting for one credential each, by flight.
///
/// `W` is what waits: a blocked client and what is known about it.
pub(crate) struct Pending<W> {
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    flights: HashMap<CacheKey, Flight<W>>,
    /// Flights, and connections of them, that no worker has reached.
    queued: Queued,
    /// Every waiting connection by its deadline on the monotonic clock.
    deadlines: BTreeMap<(Duration, u64), CacheKey>,
    next: u64,
    /// Set at unload: nothing joins any more.
    closed: bool,
}

struct Flight<W> {
    waiters: BTreeMap<u64, (Duration, W)>,
    /// A worker has reached it.
    begun: bool,
}

#[derive(Debug, Default)]
struct Queued {
    flights: usize,
    connections: usize,
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
    /// It is in no worker's queue from now on.
    fn leave(&mut self, queued: &mut Queued) {
        if !self.begun {
            self.begun = true;
            queued.flights -= 1;
            queued.connections -= self.waiters.len();
        }
    }

    fn new() -> Self {
        Self {
            waiters: BTreeMap::new(),
            begun: false,
        }
    }
}

/// What joining a flight means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The first of its flight: hand the credential to a worker.
    First,
    /// The flight is under way: nothing to do.
    Later,
}

impl<W> Pending<W> {
    /// Nothing waits.
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                flights: HashMap::new(),
                queued: Queued::default(),
                deadlines: BTreeMap::new(),
                next: 0,
                closed: false,
            }),
        }
    }

    /// Whether `max` connections wait for a worker, or as many flights: the next one is
    /// refused before it is blocked.
    pub(crate) fn is_full(&self, max: usize) -> bool {
        let inner = self.lock();
        inner.closed || inner.queued.connections >= max || inner.queued.flights >= max
    }

    /// Adds a waiting connection.
    pub(crate) fn join(&self, key: CacheKey, waiter: W, deadline: Duration) -> Joined {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next = number.wrapping_add(1);
        inner.deadlines.insert((deadline, number), key);
        let Inner {
            flights, queued, ..
        } = &mut *inner;
        let joined = if flights.contains_key(&key) {
            Joined::Later
        } else {
            queued.flights += 1;
            Joined::First
        };
        let flight = flights.entry(key).or_insert_with(Flight::new);
        flight.waiters.insert(number, (deadline, waiter));
        if !flight.begun {
            queued.connections += 1;
        }
        joined
    }

    /// A worker has reached this flight: whether anybody still waits for it. One nobody
    /// waits for is forgotten.
    pub(crate) fn begin(&self, key: &CacheKey) -> bool {
        let mut inner = self.lock();
        let Inner {
            flights, queued, ..
        } = &mut *inner;
        let Some(flight) = flights.get_mut(key) else {
            return false;
        };
        flight.leave(queued);
        let is_wanted = !flight.waiters.is_empty();
        if !is_wanted {
            flights.remove(key);
        }
        is_wanted
    }

    /// Gives the next of those who wait for a flight, each with its deadline, and ends
    /// the flight with the last of them: whoever comes then begins another one, which is
    /// somebody else's to land.
    pub(crate) fn land(&self, key: &CacheKey) -> Landed<W> {
        let mut inner = self.lock();
        let Inner {
            flights,
            deadlines,
            queued,
            ..
        } = &mut *inner;
        let mut landed = Vec::new();
        let Some(flight) = flights.get_mut(key) else {
            return Landed::Last(landed);
        };
        flight.leave(queued);
        let waiters = &mut flight.waiters;
        while landed.len() < A_TIME
            && let Some((number, (deadline, waiter))) = waiters.pop_first()
        {
            deadlines.remove(&(deadline, number));
            landed.push((deadline, waiter));
        }
        if waiters.is_empty() {
            flights.remove(key);
            return Landed::Last(landed);
        }
        Landed::More(landed)
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
                let is_queued = !flight.begun;
                inner.queued.connections -= usize::from(is_queued);
                late.push(waiter);
            }
        }
        late
    }

    /// Lets nothing join any more and takes everybody who waits.
    pub(crate) fn close(&self) -> Vec<W> {
        let mut inner = self.lock();
        inner.closed = true;
        inner.deadlines.clear();
        inner.queued = Queued::default();
        let flights = std::mem::take(&mut inner.flights);
        flights
            .into_values()
            .flat_map(|flight| flight.waiters.into_values())
            .map(|(_, waiter)| waiter)
            .collect()
    }

    /// How many connections wait; `None` when another thread is at it just now
    /// (INFO must not wait).
    pub(crate) fn count(&self) -> Option<usize> {
        self.inner
            .try_lock()
            .ok()
            .map(|inner| inner.deadlines.len())
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // Every operation above leaves the maps consistent at each step, so a
        // poisoned lock is still usable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_authn::{Cache, CacheSettings};

    fn key(secret: &str) -> CacheKey {
        thread_local! {
            static CACHE: Cache = Cache::new(CacheSettings::default()).unwrap();
        }
        CACHE.with(|cache| cache.key(1, b"alice", secret.as_bytes(), b""))
    }

    fn count<W>(landed: &Landed<W>) -> usize {
        match landed {
            Landed::More(some) | Landed::Last(some) => some.len(),
        }
    }

    const SOON: Duration = Duration::from_secs(1);

    #[test]
    fn one_credential_is_one_flight() {
        let pending = Pending::new();
        assert_eq!(pending.join(key("a"), 1, SOON), Joined::First);
        assert_eq!(pending.join(key("a"), 2, SOON), Joined::Later);
        assert_eq!(pending.join(key("b"), 3, SOON), Joined::First);
        assert_eq!(
            pending.land(&key("a")),
            Landed::Last(vec![(SOON, 1), (SOON, 2)])
        );
        assert_eq!(pending.count(), Some(1));
        assert!(!pending.begin(&key("a")));
    }

    #[test]
    fn a_full_queue_says_so() {
        let pending = Pending::new();
        assert_eq!(pending.join(key("a"), 1, SOON), Joined::First);
        assert!(pending.is_full(1));
        assert!(!pending.is_full(2));
    }

    #[test]
    fn those_a_worker_has_reached_leave_the_queue_to_others() {
        let pending = Pending::new();
        for number in 0..3 {
            pending.join(key("a"), number, SOON);
        }
        assert!(pending.is_full(3));
        assert!(pending.begin(&key("a")));
        assert!(!pending.is_full(1));
        assert_eq!(pending.join(key("a"), 3, SOON), Joined::Later);
        assert!(!pending.is_full(1), "it joins what is under way");
        assert_eq!(pending.count(), Some(4));
        assert_eq!(count(&pending.land(&key("a"))), 4);
        assert_eq!(pending.join(key("a"), 4, SOON), Joined::First);
        assert!(pending.is_full(1));
    }

    #[test]
    fn a_flight_nobody_waits_for_still_counts_until_a_worker_reaches_it() {
        let pending = Pending::new();
        assert_eq!(pending.join(key("a"), 1, SOON), Joined::First);
        assert_eq!(pending.overdue(SOON), [1]);
        assert!(pending.is_full(1), "the queue holds a job");
        assert!(!pending.begin(&key("a")));
        assert!(!pending.is_full(1));
    }

    #[test]
    fn only_those_past_their_deadline_are_overdue() {
        let pending = Pending::new();
        let later = Duration::from_secs(2);
        assert_eq!(pending.join(key("a"), 1, SOON), Joined::First);
        assert_eq!(pending.join(key("a"), 2, later), Joined::Later);
        assert!(pending.overdue(Duration::ZERO).is_empty());
        assert_eq!(pending.overdue(SOON), [1]);
        assert_eq!(pending.land(&key("a")), Landed::Last(vec![(later, 2)]));
    }

    /// Whoever comes when the last of a flight has its answer must be verified anew.
    #[test]
    fn a_flight_ends_with_the_last_of_those_who_waited() {
        let pending = Pending::new();
        pending.join(key("a"), 1, SOON);
        assert_eq!(pending.land(&key("a")), Landed::Last(vec![(SOON, 1)]));
        assert_eq!(pending.join(key("a"), 2, SOON), Joined::First);
    }

    #[test]
    fn very_many_are_taken_out_a_few_at_a_time() {
        let pending = Pending::new();
        for number in 0..2 * A_TIME + 1 {
            pending.join(key("a"), number, SOON);
        }
        assert_eq!(pending.overdue(SOON).len(), A_TIME);
        assert_eq!(count(&pending.land(&key("a"))), A_TIME);
        assert_eq!(pending.join(key("a"), 999, SOON), Joined::Later);
        assert_eq!(count(&pending.land(&key("a"))), 2);
        assert!(count(&pending.land(&key("a"))) == 0);
        assert!(!pending.begin(&key("a")));
        assert_eq!(pending.count(), Some(0));
    }

    #[test]
    fn after_closing_nothing_joins() {
        let pending = Pending::new();
        assert_eq!(pending.join(key("a"), 1, SOON), Joined::First);
        assert_eq!(pending.close(), [1]);
        assert!(pending.is_full(9));
    }
}
