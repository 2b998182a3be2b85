//! Both answers to requests, and what changes from one to the other: asked once for all
//! requests that are the same to both directories, and compared once for all answers that
//! grant the same.
//!
//! In: two generations, and requests. Out: changes. What either
//! generation remembers, counts or writes is left as it is.

use std::collections::HashMap;
use std::sync::Arc;

use warden_core::permissions::Permissions;
use warden_core::{Decision, Now, Reason, Timestamp};
use warden_policy::{Change, Generation, Inputs};

use crate::policy::principal::Asked;
use crate::policy::record;

/// When so many different requests have been answered, a snapshot of each policy, as a server
/// takes it, costs less time than it saves.
const WORTH_SNAPSHOTS: usize = 64;

/// What one directory answers.
pub(super) type Answer = Result<Arc<Decision>, Reason>;

/// Two generations, and what they have answered.
pub(super) struct Memory<'g> {
    generations: [&'g Generation; 2],
    /// What either reads.
    inputs: Inputs,
    answers: HashMap<(String, Option<Timestamp>), [Answer; 2]>,
    /// By the rights before and after; a refusal has none.
    changes: HashMap<[Option<Permissions>; 2], Option<Change>>,
}

impl<'g> Memory<'g> {
    pub(super) fn of(before: &'g Generation, after: &'g Generation) -> Self {
        Self {
            generations: [before, after],
            inputs: before.inputs().clone().or(after.inputs()),
            answers: HashMap::new(),
            changes: HashMap::new(),
        }
    }

    /// What both answer.
    pub(super) fn answers(&mut self, asked: &Asked, now: Now) -> [Answer; 2] {
        if self.answers.len() == WORTH_SNAPSHOTS {
            for generation in self.generations {
                while generation.take_snapshot().is_some() {}
            }
        }
        let client = asked.client();
        let said = record::projected(&asked.principal, &client, &self.inputs);
        let time = self.inputs.clock.then_some(now.wall);
        let answers = self.answers.entry((said, time));
        let answers = answers.or_insert_with(|| {
            let of = |generation: &Generation| {
                generation.preview_made_up(&asked.principal, &client, now)
            };
            self.generations.map(of)
        });
        answers.clone()
    }

    /// What changes; `None` when nothing does.
    pub(super) fn change(&mut self, answers: &[Answer; 2]) -> Option<Change> {
        let [before, after] = answers;
        let granted = |answer: &Answer| {
            let decision = answer.as_ref().ok();
            decision.map(|decision| decision.permissions.clone())
        };
        let [_, generation] = self.generations;
        let server = &generation.frame().server;
        let change = self.changes.entry([granted(before), granted(after)]);
        let change =
            change.or_insert_with(|| Change::between(before.as_deref(), after.as_deref(), server));
        Some(Change {
            // The same rights may be refused for different reasons.
            reason: after.as_ref().err().cloned(),
            ..change.clone()?
        })
    }
}
