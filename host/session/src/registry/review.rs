//! Deciding again for live sessions.
//!
//! In: a new generation of policies, or a decision whose time is up. Out: reviews,
//! which workers answer; `settle` makes rules of the answers. Nothing is decided here.
//!
//! ```text
//!  begin_generation, valid_until ─▶ pending ──next_review──▶ awaited
//!                                      ▲                        │ apply_review
//!                                      └── more members, or ◀───┤
//!                                          joined meanwhile     ▼
//!                                                            reviewed
//! ```
//!
//! A class is reviewed in slices of its members, one slice at a time. Costs
//! O(m log n) for m members; each call looks at no more than `limit` of them. A
//! generation that begins in the middle starts the review of the class over.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use warden_core::{ClientFacts, Decision, Now, Principal, Reason, Verified};

use super::Registry;
use crate::ClassId;
use crate::agenda::{Deadline, Instant};
use crate::class::Progress;
use crate::session::Member;

/// How long an answer is awaited before the review is handed out again. Bounds
/// how long lost rights could live on if an answer were ever lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the policies now answer: a decision, or a refusal.
pub type Answer = Result<Arc<Decision>, Reason>;

/// Members of one class to be decided on again, under one generation.
#[derive(Debug)]
pub struct Review {
    /// Whose members.
    pub class: ClassId,
    /// The generation to decide under.
    pub generation: u64,
    /// The distinct requests among the members.
    pub alike: Vec<Alike>,
    /// What they have now; `None`: nothing.
    pub present: Option<Arc<Decision>>,
    pub(super) ticket: u64,
    pub(super) last: Member,
}

/// Members that no policy can tell apart: one principal, equal facts.
#[derive(Debug)]
pub struct Alike {
    /// Whom they belong to.
    pub principal: Arc<Verified<Principal>>,
    /// What the server knew when they were admitted.
    pub facts: ClientFacts,
    pub(crate) members: Vec<Member>,
}

impl Alike {
    /// How many sessions they are.
    pub fn sessions(&self) -> usize {
        self.members.len()
    }
}

impl Review {
    /// Whether these answers may take something away from a member; in doubt yes. Such
    /// reviews are to be applied before all others: rights lost are lost first.
    pub fn takes_away(&self, answers: &[Answer]) -> bool {
        let keeps = |answer: &Answer| match (answer, &self.present) {
            (Ok(_), None) => true,
            (Ok(next), Some(present)) => {
                present.server == next.server && present.permissions.is_within(&next.permissions)
            }
            (Err(_), _) => false,
        };
        answers.len() < self.alike.len() || !answers.iter().all(keeps)
    }
}

impl Registry {
    /// A new generation is in force: every class of an older one is to be reviewed.
    /// Costs nothing now. A number not above the current one changes nothing.
    pub fn begin_generation(&mut self, number: u64) {
        self.generation = self.generation.max(number);
    }

    /// Reviews to answer, with about `limit` members in all; empty when none is due.
    /// Each must come back to [`Registry::apply_review`], with `Err` for what could
    /// not be decided.
    pub fn next_review(&mut self, now: Now, limit: usize) -> Vec<Review> {
        let now = Instant::from(now);
        self.wake(now, limit);
        let mut reviews = Vec::new();
        let mut left = limit;
        while left > 0 {
            let Some(class) = self.classes.first_stale(self.generation) else {
                break;
            };
            let (visited, review) = self.hand_out(class, left, now);
            left = left.saturating_sub(visited.max(1));
            reviews.extend(review);
        }
        reviews
    }

    /// Queues classes whose decision's time is up, and reviews never answered.
    fn wake(&mut self, now: Instant, limit: usize) {
        for _ in 0..limit {
            let Some(class) = self.classes.pop_due(now) else {
                break;
            };
            self.classes.edit(class, |class| {
                match class
                    .progress
                    .as_mut()
                    .and_then(|progress| progress.awaited.take())
                {
                    Some(_) => {}
                    None => class.due = None,
                }
                class.reviewed = None;
            });
        }
    }

    /// The next slice of a class's members, and how many were looked at.
    fn hand_out(&mut self, id: ClassId, limit: usize, now: Instant) -> (usize, Option<Review>) {
        let generation = self.generation;
        let cursor = self.classes.edit(id, |class| {
            let key = class.key;
            let under_way = class
                .progress
                .take()
                .filter(|progress| progress.generation == generation);
            let progress = under_way.unwrap_or_else(|| Box::new(Progress::begin(generation, key)));
            class.progress.insert(progress).cursor
        });
        let start = cursor.flatten().map_or(Bound::Unbounded, Bound::Excluded);
        let slice: Vec<Member> = self
            .classes
            .get(id)
            .map(|class| {
                class
                    .members
                    .range((start, Bound::Unbounded))
                    .take(limit)
                    .copied()
                    .collect()
            })
            .unwrap_or_default();
        let alike = self.alike(&slice);
        let Some(last) = slice.last().copied() else {
            self.finish(id, now);
            return (0, None);
        };
        if alike.is_empty() {
            self.advance(id, last, now);
            return (slice.len(), None);
        }
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.classes.edit(id, |class| {
            if let Some(progress) = &mut class.progress {
                progress.awaited = Some((ticket, Deadline::earliest(now, None, Some(PATIENCE))));
            }
        });
        let review = Review {
            class: id,
            generation,
            alike,
            present: self
                .classes
                .get(id)
                .and_then(|class| class.rules.decision().cloned()),
            ticket,
            last,
        };
        (slice.len(), Some(review))
    }

    /// Groups live members by principal and facts, in the order of connections.
    pub(super) fn alike(&self, members: &[Member]) -> Vec<Alike> {
        // Looked up only, never walked: its order shows nowhere.
        let mut places = HashMap::new();
        let mut alike: Vec<Alike> = Vec::new();
        for member in members {
            if !self.stays(*member) {
                continue;
            }
            let Some(session) = self.sessions.get(&member.client) else {
                continue;
            };
            let identity = (Arc::as_ptr(&session.principal), session.distinction());
            let place = *places.entry(identity).or_insert(alike.len());
            match alike.get_mut(place) {
                Some(one) => one.members.push(*member),
                None => alike.push(Alike {
                    principal: Arc::clone(self.renewals.newest(&session.principal)),
                    facts: session.facts(),
                    members: vec![*member],
                }),
            }
        }
        alike
    }
}
