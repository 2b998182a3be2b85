//! What a generation answered, remembered for as long as its policies stand by it.
//!
//! In: answers by the class of sessions they are about. Out: the same, while they hold by
//! either clock. Failures are remembered too, for a second.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use warden_core::{ClassKey, Decision, Now, Reason, Timestamp};

/// How long an answer is remembered at least, failures among them: bounds what a policy
/// that fails, or says its answer holds for no time, costs per class.
const SHORTEST_MEMORY: Duration = Duration::from_secs(1);

/// Rules of up to so many bytes take one place among the remembered: bounds the memory
/// that a policy with long answers can take.
const USUAL_RULES: usize = 4096;

/// What policies answered to a request.
pub(crate) type Answer = Result<Arc<Decision>, Reason>;

/// The answers of one generation.
pub(crate) struct Answers(Cache<ClassKey, Remembered, Places>);

/// An answer and when it stops to hold, by either clock.
#[derive(Clone)]
struct Remembered {
    answer: Answer,
    until: Option<(Timestamp, Duration)>,
}

/// How many places an answer takes among the remembered.
#[derive(Clone, Copy)]
struct Places;

impl Weighter<ClassKey, Remembered> for Places {
    fn weight(&self, _: &ClassKey, remembered: &Remembered) -> u64 {
        let rules = remembered.answer.as_ref();
        places(rules.map_or(0, |decision| decision.rendered.rules.len()))
    }
}

/// How many places something with rules of so many bytes takes where it is remembered.
pub(crate) fn places(rules: usize) -> u64 {
    u64::try_from(rules / USUAL_RULES).map_or(u64::MAX, |more| more.saturating_add(1))
}

impl Remembered {
    /// A wall clock set back does not prolong an answer.
    fn holds(&self, now: Now) -> bool {
        self.until
            .is_none_or(|(wall, monotonic)| now.wall < wall && now.monotonic < monotonic)
    }
}

impl Answers {
    /// Room for so many.
    pub(crate) fn new(most: u64) -> Self {
        let expected = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(expected, most, Places))
    }

    /// What was answered about this class, while it holds.
    pub(crate) fn get(&self, class: &ClassKey, now: Now) -> Option<Answer> {
        current(self.0.get(class), now)
    }

    /// The same for the main thread: where a worker is putting something in, nothing is
    /// remembered.
    pub(crate) fn glance(&self, class: &ClassKey, now: Now) -> Option<Answer> {
        current(self.0.try_get(class).ok()?, now)
    }

    /// Remembers an answer that holds for so long; `None`: for ever.
    pub(crate) fn put(&self, class: ClassKey, answer: Answer, held: Option<Duration>, now: Now) {
        let held = held.map(|held| held.max(SHORTEST_MEMORY));
        let until = held.map(|held| (now.wall.plus(held), now.monotonic.saturating_add(held)));
        self.0.insert(class, Remembered { answer, until });
    }
}

fn current(remembered: Option<Remembered>, now: Now) -> Option<Answer> {
    remembered
        .filter(|remembered| remembered.holds(now))
        .map(|remembered| remembered.answer)
}
