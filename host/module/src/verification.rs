//! A credential on its way from the connections that wait for it to their answers.
//!
//! In: a credential that is not remembered. Out: an answer for each connection of its flight. A worker
//! [computes](computed) what proves itself; where somebody else is [asked](asked) the network's thread does, which goes
//! on as soon as there is an answer and hands over what policies must be asked about. Never: a flight that ends with
//! somebody who waits.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use warden_authn::{CacheKey, Cached, Chain, Outcome, Presented};
use warden_core::{Now, Reason, ReasonKind};

use crate::ffi::{guard, rest_if_crashing};
use crate::pending::Landed;
use crate::shared::Shared;
use crate::waiter::Waiter;
use crate::workers::Job;

/// A credential to verify.
pub(crate) struct Verify {
    /// Its flight.
    pub(crate) key: CacheKey,
    /// The generation of the chain whose cache it was not in.
    pub(crate) chain: u64,
    /// The credential and its connection.
    pub(crate) presented: Presented,
}

/// What a credential came to, for those who still wait for it.
pub(crate) struct Landing {
    flight: Flight,
    outcome: Outcome,
    /// The generation of the chain it came to that under.
    chain: u64,
}

/// Verifies once, remembers the outcome, and answers all who wait for it. For a worker, which goes on with something else
/// where somebody must be asked after all.
pub(crate) async fn computed(shared: Arc<Shared>, job: Verify) {
    let chain = shared.chain.load_full();
    let flight = Flight::new(shared, &job);
    verify(flight, chain, job).await.answer();
}

/// The same for the network's thread, under the chain that had it asked, but that a worker answers where there is more to
/// do than to look something up.
pub(crate) fn asked(
    shared: Arc<Shared>,
    chain: Arc<Chain>,
    job: Verify,
) -> impl Future<Output = ()> + Send {
    // From now on nobody is left waiting, whatever becomes of the rest.
    let flight = Flight::new(Arc::clone(&shared), &job);
    async move {
        let mut asking = pin!(async {
            let landing = verify(flight, chain, job).await;
            if let Some(left) = landing.answer_some() {
                shared.hand_over(Job::Land(left));
            }
        });
        // A panic ends the verification: whoever waits for it is refused.
        let guarded = poll_fn(|context| {
            rest_if_crashing();
            guard("a verification", Poll::Ready(()), || {
                asking.as_mut().poll(context)
            })
        });
        guarded.await;
        shared.bell.answers_wait();
    }
}

async fn verify(flight: Flight, chain: Arc<Chain>, job: Verify) -> Landing {
    let (outcome, chain) = outcome(&flight.shared, &chain, &job).await;
    Landing {
        flight,
        outcome,
        chain,
    }
}

impl Landing {
    /// On a worker: answers all of them.
    pub(crate) fn answer(mut self) {
        while let Some(waiters) = self.flight.next() {
            for (deadline, waiter) in waiters {
                let now = self.flight.shared.now();
                if let Some(waiter) = self.in_time(deadline, waiter, now) {
                    waiter.answer(&self.flight.shared, (&self.outcome, self.chain), now);
                }
            }
        }
    }

    /// Answers the first of them, but for those about whom policies must be asked; for a worker if somebody is left.
    fn answer_some(mut self) -> Option<Self> {
        let mut left = Vec::new();
        for (deadline, waiter) in self.flight.first() {
            let now = self.flight.shared.now();
            let Some(waiter) = self.in_time(deadline, waiter, now) else {
                continue;
            };
            let came_to = (&self.outcome, self.chain);
            let waiter = waiter.answer_at_once(&self.flight.shared, came_to, now);
            left.extend(waiter.map(|waiter| (deadline, waiter)));
        }
        // They are still told when their time is over.
        self.flight.put_back(left);
        self.flight.is_waited_for().then_some(self)
    }

    /// Deciding for those before may have taken a while: who waited too long is refused.
    fn in_time(&self, deadline: Duration, waiter: Waiter, now: Now) -> Option<Waiter> {
        if deadline > now.monotonic {
            return Some(waiter);
        }
        let shared = &self.flight.shared;
        waiter.refuse(shared, timed_out(shared));
        None
    }
}

/// A flight under way. However it ends, nobody is left waiting for it: those not answered
/// are refused as their handles are dropped.
struct Flight {
    shared: Arc<Shared>,
    key: CacheKey,
    is_over: bool,
}

impl Flight {
    fn new(shared: Arc<Shared>, job: &Verify) -> Self {
        Self {
            shared,
            key: job.key,
            is_over: false,
        }
    }

    /// The next of those who wait; `None` when all have been given.
    fn next(&mut self) -> Option<Vec<(Duration, Waiter)>> {
        if self.is_over {
            return None;
        }
        Some(match self.shared.pending.land(&self.key) {
            Landed::More(waiters) => waiters,
            Landed::Last(waiters) => {
                self.is_over = true;
                waiters
            }
        })
    }

    /// The first of those who wait.
    fn first(&self) -> Vec<(Duration, Waiter)> {
        self.shared.pending.first(&self.key)
    }

    fn put_back(&self, waiters: Vec<(Duration, Waiter)>) {
        if !waiters.is_empty() {
            self.shared.pending.put_back(&self.key, waiters);
        }
    }

    /// Whether somebody waits; it is over when nobody does.
    fn is_waited_for(&mut self) -> bool {
        self.is_over = self.shared.pending.end(&self.key);
        !self.is_over
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

/// What a credential comes to, and under which generation of the chain. Another
/// flight may have verified it meanwhile.
async fn outcome(shared: &Shared, chain: &Chain, job: &Verify) -> (Outcome, u64) {
    let now = shared.now();
    if chain.generation() == job.chain {
        match shared.cache.load().get(&job.key, now) {
            Some(Cached::Verified(principal)) => return (Outcome::Verified(principal), job.chain),
            Some(Cached::Refused(reason)) => return (Outcome::Refused(reason), job.chain),
            None => {}
        }
    }
    shared.counters.verifications.add_one();
    let generation = chain.generation();
    let outcome = chain.authenticate(&job.presented, shared.clock()).await;
    let end = shared.now();
    let took = end.monotonic.saturating_sub(now.monotonic);
    shared.counters.latencies.verification.record(took);
    let cache = shared.cache.load();
    // Of another generation by now: keys were withdrawn, or an authenticator changed.
    if generation == job.chain && generation == chain.generation() {
        cache.put(job.key, &outcome, end);
    }
    if cache.is_sweep_due(end) {
        shared.hand_over(Job::Sweep);
    }
    (outcome, generation)
}

/// Counts and words a log-in that waited too long.
pub(crate) fn timed_out(shared: &Shared) -> Reason {
    shared.counters.timed_out.add_one();
    Reason::new(
        ReasonKind::TimedOut,
        "auth_timeout_ms passed before there was an answer",
    )
}

/// There is no valid generation yet.
pub(crate) fn no_policies() -> Reason {
    Reason::new(
        ReasonKind::NoPolicies,
        "no valid generation of policies: see WARDEN.POLICIES",
    )
}
