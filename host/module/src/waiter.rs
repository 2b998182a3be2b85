//! Who waits for a credential to be verified: a log-in, or an operator's question.
//!
//! In: the outcome of a verification, on a worker. Out: an answer for the one that
//! waits, whoever it is. All of them share one flight, one queue and one limit of
//! time, so a question costs what an attempt costs and counts as one.

use std::sync::Arc;

use warden_authn::Outcome;
use warden_core::{ClientFacts, Principal, Reason, Verified};

use crate::ffi::Blocked;
use crate::inquiry::Inquiry;
use crate::login::{Answer, Settled};
use crate::shared::Shared;
use crate::workers::no_policies;

/// A connection that waits for a worker.
pub(crate) struct Waiter {
    asks: Asks,
    facts: ClientFacts,
}

enum Asks {
    LogIn(Blocked<Answer>),
    Question(Inquiry),
}

impl Waiter {
    /// A connection that logs in. `facts` are what policies may ask about it.
    pub(crate) fn to_log_in(blocked: Blocked<Answer>, facts: ClientFacts) -> Self {
        Self {
            asks: Asks::LogIn(blocked),
            facts,
        }
    }

    /// A connection that wants to know; `facts` are its own.
    pub(crate) fn to_know(inquiry: Inquiry, facts: ClientFacts) -> Self {
        Self {
            asks: Asks::Question(inquiry),
            facts,
        }
    }

    /// Ends the wait with a refusal. From any thread.
    pub(crate) fn refuse(self, reason: Reason) {
        match self.asks {
            Asks::LogIn(blocked) => blocked.complete(Answer::Refused(reason)),
            Asks::Question(inquiry) => inquiry.refuse(reason),
        }
    }

    /// On a worker: ends the wait with what the credential came to under this
    /// generation of the chain.
    pub(crate) fn answer(self, shared: &Shared, outcome: &Outcome, chain: u64) {
        match (outcome, self.asks) {
            (Outcome::Refused(reason) | Outcome::Unavailable(reason), Asks::LogIn(blocked)) => {
                blocked.complete(Answer::Refused(reason.clone()));
            }
            (Outcome::Refused(reason) | Outcome::Unavailable(reason), Asks::Question(inquiry)) => {
                inquiry.refuse(reason.clone());
            }
            (Outcome::NotMine, Asks::LogIn(blocked)) => blocked.complete(Answer::NotMine),
            (Outcome::NotMine, Asks::Question(inquiry)) => inquiry.unclaimed(),
            (Outcome::Verified(principal), Asks::LogIn(blocked)) => {
                blocked.complete(decide(shared, principal, chain, self.facts));
            }
            (Outcome::Verified(principal), Asks::Question(inquiry)) => {
                inquiry.answer(shared, principal, &self.facts);
            }
        }
    }
}

/// Asks the policies for one connection of a verified principal.
fn decide(
    shared: &Shared,
    principal: &Arc<Verified<Principal>>,
    chain: u64,
    facts: ClientFacts,
) -> Answer {
    let Some(generation) = shared.generation.load_full() else {
        return Answer::Refused(no_policies());
    };
    let now = shared.now();
    let request = generation.project(principal, &shared.facts_now(&facts), now);
    match generation.decide(&request, now) {
        Ok(decision) => Answer::Settled(Settled {
            principal: Arc::clone(principal),
            chain,
            facts,
            decision,
        }),
        Err(reason) => Answer::Refused(reason),
    }
}
