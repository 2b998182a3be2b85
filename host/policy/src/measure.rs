//! How long decisions take and what they use, for tools of policy authors.
//!
//! In: a generation, and somebody whom nobody verified. Out: times and memory of one
//! decision, made as a log-in's is: each policy in a fresh instance, then composition and
//! rendering. Nothing is remembered or counted.

use std::sync::Arc;
use std::time::Duration;

use warden_core::{ClientFacts, Decision, Now, Principal, Reason};

use crate::budget;
use crate::bundle::Bundle;
use crate::compose::compose;
use crate::error::Failure;
use crate::generation::{Generation, usable};
use crate::log::Ear;
use crate::request::Request;
use crate::verdict::Opinion;

/// One decision.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What each policy took, in the order of [`Generation::bundles`].
    pub policies: Vec<Effort>,
    /// All of it, from the projected request to the rendered rules, on the wall clock.
    pub whole: Duration,
    /// What was decided.
    pub answer: Result<Arc<Decision>, Reason>,
}

/// What one evaluation of one policy took.
#[derive(Clone, Debug)]
pub struct Effort {
    /// From the making of its instance to its end, on the wall clock.
    pub took: Duration,
    /// Processor time, which `policy_timeout_ms` bounds; nothing when it did not start.
    pub cpu: Option<Duration>,
    /// What its memories held at the end, which `policy_memory_mb` bounds.
    pub memory_bytes: Option<usize>,
    /// How it failed.
    pub failure: Option<Failure>,
}

impl Generation {
    /// Decides once, with a watch in hand. Needs 1 MiB of stack.
    pub fn measure(&self, principal: &Principal, client: &ClientFacts, now: Now) -> Measured {
        let request = self.made_up(principal, client, now);
        let started = budget::now();
        let mut policies = Vec::with_capacity(self.bundles().len());
        let mut opinions = Vec::with_capacity(self.bundles().len());
        for bundle in self.bundles() {
            let (effort, opinion) = self.effort(bundle, &request, now);
            policies.push(effort);
            opinions.push(usable(bundle, opinion));
        }
        let opinions: Result<Vec<_>, _> = opinions.into_iter().collect();
        let answer = opinions.and_then(|opinions| {
            let composed = compose(opinions, self.on(), request.key(), self.number(), now);
            composed.answer.map(Arc::new)
        });
        Measured {
            policies,
            whole: budget::now().saturating_sub(started),
            answer,
        }
    }

    fn effort(
        &self,
        bundle: &Bundle,
        request: &Request,
        now: Now,
    ) -> (Effort, Result<Opinion, Failure>) {
        let (mut cpu, mut memory_bytes) = (None, None);
        let (took, opinion) = self.evaluate(bundle, request, now, Ear::Open, |instance| {
            cpu = Some(instance.budget().cpu());
            memory_bytes = Some(instance.memory_bytes());
        });
        let effort = Effort {
            took,
            cpu,
            memory_bytes,
            failure: opinion.as_ref().err().cloned(),
        };
        (effort, opinion)
    }
}
