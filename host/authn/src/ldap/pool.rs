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
