//! Connections to one server that are kept for the next request.
//!
//! In comes the wish for one; out goes a [`Lease`]: the right to one, and an idle one if
//! there is any that is still open. Given back it serves the next; dropped, the connection
//! is closed and the right is the next one's. Never: more than `size` at once; a wait
//! without end; a connection that is not quiet.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::connection::Pooled;
use super::failure::Failure;
use crate::endpoint::{Full, Gate, Place, Turn};

/// Most requests of low priority that wait: as of `[endpoint]`.
const MAX_LOW: usize = 1000;

/// The connections.
pub(super) struct Pool<C> {
    size: usize,
    places: Gate,
    idle: Mutex<Vec<Idle<C>>>,
}

struct Idle<C> {
    connection: C,
    since: Duration,
}

/// The right to one connection.
pub(super) struct Lease<'a, C> {
    pool: &'a Pool<C>,
    _place: Place,
}

impl<C: Pooled> Pool<C> {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            places: Gate::new(size, MAX_LOW),
            idle: Mutex::new(Vec::with_capacity(size)),
        }
    }

    /// Waits for the right to a connection; with an idle one.
    ///
    /// # Errors
    /// [`Failure::Busy`] when it does not come within `limit`; [`Failure::Unwanted`].
    pub(super) async fn lease(
        &self,
        turn: &Turn,
        limit: Duration,
    ) -> Result<(Lease<'_, C>, Option<C>), Failure> {
        let place = match self.places.at_once() {
            Some(place) => place,
            None => match timeout(limit, self.places.place(turn.priority)).await {
                Ok(Ok(place)) => place,
                Ok(Err(Full)) | Err(_) => return Err(Failure::Busy),
            },
        };
        if !(turn.is_wanted)() {
            return Err(Failure::Unwanted);
        }
        let lease = Lease {
            pool: self,
            _place: place,
        };
        Ok((lease, self.idle_one()))
    }

    /// The one that was used last, so that others may grow old.
    fn idle_one(&self) -> Option<C> {
        loop {
            let mut idle = self.lock().pop()?;
            if idle.connection.is_quiet() {
                return Some(idle.connection);
            }
        }
    }

    /// Takes leave of those that have been idle since before `oldest`.
    pub(super) fn retire(&self, oldest: Duration) {
        let old: Vec<_> = self
            .lock()
            .extract_if(.., |idle| idle.since < oldest)
            .collect();
        for idle in old {
            idle.connection.part();
        }
    }

    /// Closes all that are idle: their server is gone.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How many are in use, and how many wait for one; waits for nobody to tell.
    pub(super) fn load(&self) -> Option<(usize, usize)> {
        let (free, waiting) = self.places.state()?;
        Some((self.size.saturating_sub(free), waiting))
    }

    /// How many are open and unused; waits for nobody to tell.
    pub(super) fn idle(&self) -> Option<usize> {
        self.idle.try_lock().ok().map(|idle| idle.len())
    }

    /// Held for an operation on the list alone.
    fn lock(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Pooled> Lease<'_, C> {
    /// Gives a connection back that ended in good order.
    pub(super) fn give_back(self, connection: C, now: Duration) {
        self.pool.lock().push(Idle {
            connection,
            since: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    /// A connection that counts how often one took leave.
    struct Fake {
        is_quiet: bool,
        parted: Arc<AtomicUsize>,
    }

    impl Pooled for Fake {
        fn is_quiet(&mut self) -> bool {
            self.is_quiet
        }

        fn part(self) {
            self.parted.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn no_more_are_leased_than_there_may_be_and_a_wait_has_an_end() {
        let pool: Pool<Fake> = Pool::new(2);
        runtime().block_on(async {
            let turn = Turn::default();
            let first = pool.lease(&turn, LIMIT).await.unwrap();
            let _second = pool.lease(&turn, LIMIT).await.unwrap();
            assert_eq!(pool.load(), Some((2, 0)));
            let third = pool.lease(&turn, LIMIT).await;
            assert_eq!(third.err(), Some(Failure::Busy));
            drop(first);
            assert!(pool.lease(&turn, LIMIT).await.is_ok());
            assert_eq!(pool.load(), Some((1, 0)));
        });
    }

    #[test]
    fn only_what_was_given_back_and_is_quiet_is_used_again() {
        let pool = Pool::new(3);
        let parted = Arc::default();
        let fake = |is_quiet| Fake {
            is_quiet,
            parted: Arc::clone(&parted),
        };
        runtime().block_on(async {
            let turn = Turn::default();
            let leases = [true, false].map(|is_quiet| {
                let place = pool.places.at_once().unwrap();
                let lease = Lease {
                    pool: &pool,
                    _place: place,
                };
                (lease, fake(is_quiet))
            });
            for (lease, connection) in leases {
                lease.give_back(connection, second(1));
            }
            assert_eq!(pool.idle(), Some(2));
            let (lease, idle) = pool.lease(&turn, LIMIT).await.unwrap();
            assert!(idle.unwrap().is_quiet);
            // It failed: it is not given back.
            drop(lease);
            assert_eq!(pool.idle(), Some(0));
            let (_lease, idle) = pool.lease(&turn, LIMIT).await.unwrap();
            assert!(idle.is_none());
        });
    }

    #[test]
    fn what_nobody_has_used_for_a_while_takes_leave() {
        let pool = Pool::new(3);
        let parted = Arc::default();
        for age in [1, 5, 9] {
            let lease = Lease {
                pool: &pool,
                _place: pool.places.at_once().unwrap(),
            };
            let connection = Fake {
                is_quiet: true,
                parted: Arc::clone(&parted),
            };
            lease.give_back(connection, second(age));
        }
        pool.retire(second(5));
        assert_eq!(parted.load(Ordering::Relaxed), 1);
        assert_eq!(pool.idle(), Some(2));
        pool.clear();
        assert_eq!(parted.load(Ordering::Relaxed), 1);
        assert_eq!(pool.idle(), Some(0));
    }

    #[test]
    fn what_is_not_wanted_any_more_takes_no_connection() {
        let pool: Pool<Fake> = Pool::new(1);
        let turn = Turn {
            is_wanted: Box::new(|| false),
            ..Turn::default()
        };
        let result = runtime().block_on(pool.lease(&turn, LIMIT));
        assert_eq!(result.err(), Some(Failure::Unwanted));
        assert_eq!(pool.load(), Some((0, 0)));
    }
}
