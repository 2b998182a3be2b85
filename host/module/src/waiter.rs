//! Who waits for a credential to be verified: a log-in, or an operator's question.
//!
//! In: the outcome of a verification, on a worker. Out: an answer for the one that
//! waits, whoever it is. All of them share one flight, one queue and one limit of
//! time, so a question costs what an attempt costs and counts as one.

use std::sync::Arc;
use std::time::Duration;

use warden_authn::Outcome;
use warden_core::{Attach, ClientFacts, Now, Principal, Reason, Verified};

use warden_session::Rights;

use crate::ffi::{Blocked, Entered};
use crate::inquiry::Inquiry;
use crate::login::{Answer, Settled};
use crate::shared::Shared;
use crate::workers::no_policies;

/// A connection that waits for a worker.
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
            Asks::LogIn(blocked, _) => shared.answer(blocked, Answer::Refused(reason, None)),
            Asks::Question(inquiry) => inquiry.refuse(reason),
        }
    }

    /// On a worker: ends the wait with what the credential came to under this
    /// generation of the chain.
    pub(crate) fn answer(self, shared: &Shared, outcome: &Outcome, chain: u64) {
        match self.asks {
            Asks::LogIn(blocked, entered) => {
                let answer = match outcome {
                    Outcome::NotMine => Answer::NotMine,
                    Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
                        Answer::Refused(reason.clone(), None)
                    }
                    Outcome::Verified(principal) => {
                        decide(shared, principal, chain, (self.facts, entered))
                    }
                };
                let took = shared.monotonic().saturating_sub(self.since);
                shared.counters.latencies.waited.record(took);
                shared.answer(blocked, answer);
            }
            Asks::Question(inquiry) => match outcome {
                Outcome::NotMine => inquiry.unclaimed(),
                Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
                    inquiry.refuse(reason.clone());
                }
                Outcome::Verified(principal) => inquiry.answer(shared, principal, &self.facts),
            },
        }
    }
}

/// Asks the policies for one connection of a verified principal, unless no policy applies.
fn decide(
    shared: &Shared,
    principal: &Arc<Verified<Principal>>,
    chain: u64,
    (facts, entered): (ClientFacts, Option<Entered>),
) -> Answer {
    if principal.get().attach == Attach::AclUser {
        return Answer::Settled(Settled {
            principal: Arc::clone(principal),
            chain,
            facts,
            entered,
            rights: Rights::OfAclUser,
        });
    }
    let Some(generation) = shared.generation.load_full() else {
        return Answer::Refused(no_policies(), Some(Arc::clone(principal)));
    };
    let now = shared.now();
    let request = generation.project(principal, &shared.facts_now(&facts), now);
    let answer = generation.decide(&request, now);
    let took = shared.monotonic().saturating_sub(now.monotonic);
    shared.counters.latencies.decision.record(took);
    match answer {
        Ok(decision) => Answer::Settled(Settled {
            principal: Arc::clone(principal),
            chain,
            facts,
            entered,
            rights: Rights::Decided(decision),
        }),
        Err(reason) => Answer::Refused(reason, Some(Arc::clone(principal))),
    }
}
