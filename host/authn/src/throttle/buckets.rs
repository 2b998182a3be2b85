//! How often each of very many has failed lately, in bounded memory.
//!
//! In come keys and the monotonic time; out goes whether one has used up what it may fail.
//! When there is no room the one that has failed least recently is forgotten: never is
//! anybody refused for want of room.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A keyed digest of whoever failed.
pub(super) type Key = [u8; 16];

/// What a bucket holds and how fast it fills.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Time that brings one failure back.
    step: Duration,
    /// Time that brings all of them back.
    window: Duration,
}

impl Rate {
    /// `failures` (at least 1) within `window`.
    pub(super) fn new(failures: u32, window: Duration) -> Self {
        let step = window / failures.max(1);
        Self {
            step,
            window: step * failures.max(1),
        }
    }
}

/// The buckets; absent ones are full.
pub(super) struct Buckets {
    rate: Rate,
    capacity: usize,
    held: HashMap<Key, Bucket>,
    /// Keys in the order of their latest failure.
    order: BTreeMap<u64, Key>,
    /// Given to the next failure.
    number: u64,
}

struct Bucket {
    /// When it will be full again.
    full_at: Duration,
    /// Its place in the order.
    number: u64,
    failed_at: Duration,
}

impl Buckets {
    pub(super) fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            rate,
            capacity,
            held: HashMap::new(),
            order: BTreeMap::new(),
            number: 0,
        }
    }

    /// Whether it may not fail once more.
    pub(super) fn is_spent(&self, key: &Key, now: Duration) -> bool {
        self.held.get(key).is_some_and(|bucket| {
            bucket.full_at.saturating_sub(now) + self.rate.step > self.rate.window
        })
    }

    /// It has failed. However often it does, it is full again after twice the window.
    pub(super) fn fail(&mut self, key: Key, now: Duration) {
        let before = self.remove(&key).unwrap_or(now).max(now);
        let full_at = (before + self.rate.step).min(now + 2 * self.rate.window);
        self.tidy(now);
        self.number += 1;
        let bucket = Bucket {
            full_at,
            number: self.number,
            failed_at: now,
        };
        self.order.insert(self.number, key);
        self.held.insert(key, bucket);
    }

    /// It has not failed lately. When it would have been full.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Duration> {
        let bucket = self.held.remove(key)?;
        self.order.remove(&bucket.number);
        Some(bucket.full_at)
    }

    /// Makes room for one, and forgets what is certainly full.
    fn tidy(&mut self, now: Duration) {
        while let Some((number, key)) = self.order.first_key_value() {
            let (number, key) = (*number, *key);
            let is_full = self
                .held
                .get(&key)
                .is_none_or(|bucket| bucket.failed_at + 2 * self.rate.window <= now);
            if !is_full && self.held.len() < self.capacity {
                return;
            }
            self.order.remove(&number);
            self.held.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(number: u8) -> Key {
        [number; 16]
    }

    fn buckets(failures: u32, seconds: u32, capacity: usize) -> Buckets {
        Buckets::new(Rate::new(failures, SECOND * seconds), capacity)
    }

    #[test]
    fn what_was_used_up_comes_back_one_by_one() {
        for (failures, seconds) in [(1, 1), (3, 60), (7, 60), (1000, 1), (1000, 3600)] {
            let mut buckets = buckets(failures, seconds, 10);
            let mut now = 1000 * SECOND;
            for failure in 0..failures {
                assert!(!buckets.is_spent(&key(1), now), "{failure} of {failures}");
                buckets.fail(key(1), now);
            }
            assert!(buckets.is_spent(&key(1), now));
            now += SECOND * seconds / failures;
            assert!(!buckets.is_spent(&key(1), now), "{failures}");
            buckets.fail(key(1), now);
            assert!(buckets.is_spent(&key(1), now));
            assert!(!buckets.is_spent(&key(2), now));
        }
    }

    #[test]
    fn however_often_one_fails_the_end_is_near() {
        let mut buckets = buckets(3, 60, 10);
        let now = 1000 * SECOND;
        for _ in 0..1000 {
            buckets.fail(key(1), now);
        }
        assert!(buckets.is_spent(&key(1), now + 79 * SECOND));
        assert!(!buckets.is_spent(&key(1), now + 80 * SECOND));
    }

    #[test]
    fn when_full_the_one_that_failed_least_recently_goes() {
        let mut buckets = buckets(1, 60, 3);
        let now = 1000 * SECOND;
        for number in [1, 2, 3, 1, 4] {
            buckets.fail(key(number), now);
        }
        let spent = [1, 2, 3, 4].map(|number| buckets.is_spent(&key(number), now));
        assert_eq!(spent, [true, false, true, true]);
        assert_eq!((buckets.held.len(), buckets.order.len()), (3, 3));
    }

    #[test]
    fn what_is_full_again_takes_no_room() {
        let mut buckets = buckets(2, 60, 100);
        for number in 0..50 {
            buckets.fail(key(number), 1000 * SECOND);
        }
        buckets.remove(&key(7));
        buckets.fail(key(99), 1120 * SECOND);
        assert_eq!((buckets.held.len(), buckets.order.len()), (1, 1));
    }
}
