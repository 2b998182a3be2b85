//! Who waits for a credential to be verified: a log-in, or an operator's question.
//!
//! In: the outcome of a verification, on a worker or the network's thread. Out: an answer for the one that
//! waits, whoever it is. All of them share one flight, one queue and one limit of
//! time, so a question costs what an attempt costs and counts as one.

use std::sync::Arc;
use std::time::Duration;

use warden_authn::Outcome;
use warden_core::{Attach, ClientFacts, Decision, Now, Principal, Reason, Verified};
use warden_policy::{Generation, Request};
use warden_session::Rights;

use crate::ffi::{Blocked, Entered};
use crate::inquiry::Inquiry;
use crate::login::{Answer, Settled};
use crate::shared::Shared;
use crate::verification::no_policies;

/// A connection that waits.
pub(crate) struct Waiter {
    asks: Asks,
    facts: ClientFacts,
    /// When it came, on the monotonic clock.
    since: Duration,
}

enum Asks {
    LogIn(Blocked<Answer>, Option<Entered>),
    Question(Inquiry),
}

impl Waiter {
    /// A connection that logs in. `facts` are what policies may ask about it, `entered` is
    /// what it has entered.
    pub(crate) fn to_log_in(
        blocked: Blocked<Answer>,
        facts: ClientFacts,
        entered: Option<Entered>,
        now: Now,
    ) -> Self {
        Self {
            asks: Asks::LogIn(blocked, entered),
            facts,
            since: now.monotonic,
        }
    }

    /// A connection that wants to know; `facts` are its own.
    pub(crate) fn to_know(inquiry: Inquiry, facts: ClientFacts, now: Now) -> Self {
        Self {
            asks: Asks::Question(inquiry),
            facts,
            since: now.monotonic,
        }
    }

    /// Ends the wait with a refusal. From any thread.
    pub(crate) fn refuse(self, shared: &Shared, reason: Reason) {
        match self.asks {
            Asks::LogIn(blocked, _) => {
                let refused = Answer::Refused(reason, None);
                shared.answer(blocked, refused, shared.monotonic());
            }
            Asks::Question(inquiry) => inquiry.refuse(reason),
        }
    }

    /// On a worker: ends the wait with what the credential came to under this
    /// generation of the chain. `now` is a reading just before.
    pub(crate) fn answer(self, shared: &Shared, came_to: (&Outcome, u64), now: Now) {
        let ask =
            |generation: &Generation, request: &Request| Some(generation.decide(request, now));
        let left = self.end(shared, came_to, now, ask);
        if let Some(Self { asks, facts, .. }) = left
            && let (Asks::Question(inquiry), Outcome::Verified(principal)) = (asks, came_to.0)
        {
            inquiry.answer(shared, principal, facts);
        }
    }

    /// The same on the network's thread, unless policies must be asked: then it still waits.
    pub(crate) fn answer_at_once(
        self,
        shared: &Shared,
        came_to: (&Outcome, u64),
        now: Now,
    ) -> Option<Self> {
        let ask = |generation: &Generation, request: &Request| generation.remembered(request);
        self.end(shared, came_to, now, ask)
    }

    /// Ends the wait, unless it is a question about somebody, or `ask` has no answer.
    fn end(
        self,
        shared: &Shared,
        (outcome, chain): (&Outcome, u64),
        now: Now,
        ask: impl FnOnce(&Generation, &Request) -> Option<Result<Arc<Decision>, Reason>>,
    ) -> Option<Self> {
        let (blocked, entered) = match self.asks {
            Asks::LogIn(blocked, entered) => (blocked, entered),
            Asks::Question(inquiry) => {
                match outcome {
                    Outcome::Verified(_) => {
                        let asks = Asks::Question(inquiry);
                        return Some(Self { asks, ..self });
                    }
                    Outcome::NotMine => inquiry.unclaimed(),
                    Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
                        inquiry.refuse(reason.clone());
                    }
                }
                return None;
            }
        };
        let answer = match outcome {
            Outcome::NotMine => Answer::NotMine,
            Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
                Answer::Refused(reason.clone(), None)
            }
            Outcome::Verified(principal) => {
                let (generation, facts) = shared.in_force(self.facts);
                let generation = generation.as_deref();
                match rights(shared, generation, (principal, &facts), now, ask) {
                    Some(Ok(rights)) => Answer::Settled(Settled {
                        principal: Arc::clone(principal),
                        chain,
                        facts,
                        entered,
                        rights,
                    }),
                    Some(Err(reason)) => Answer::Refused(reason, Some(Arc::clone(principal))),
                    None => {
                        let asks = Asks::LogIn(blocked, entered);
                        return Some(Self {
                            asks,
                            facts,
                            ..self
                        });
                    }
                }
            }
        };
        let end = shared.monotonic();
        let took = end.saturating_sub(self.since);
        shared.counters.latencies.waited.record(took);
        shared.answer(blocked, answer, end);
        None
    }
}

/// What policies say to one connection of a verified principal, where they are asked about it; `None` where `ask`
/// has no answer.
fn rights(
    shared: &Shared,
    generation: Option<&Generation>,
    (principal, facts): (&Arc<Verified<Principal>>, &ClientFacts),
    now: Now,
    ask: impl FnOnce(&Generation, &Request) -> Option<Result<Arc<Decision>, Reason>>,
) -> Option<Result<Rights, Reason>> {
    if principal.get().attach == Attach::AclUser {
        return Some(Ok(Rights::OfAclUser));
    }
    let Some(generation) = generation else {
        return Some(Err(no_policies()));
    };
    let answer = ask(generation, &generation.project(principal, facts, now))?;
    let took = shared.monotonic().saturating_sub(now.monotonic);
    shared.counters.latencies.decision.record(took);
    Some(answer.map(Rights::Decided))
}
