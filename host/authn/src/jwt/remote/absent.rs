//! Keys that the issuer was asked for and does not have.
//!
//! Bounded in number and time: it saves fetches for a client that goes on with a token
//! of a key that is gone, and never delays a key that is published.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a key is taken for absent without asking again.
const HOLDS: Duration = Duration::from_secs(30);

/// Most names remembered: others are asked for again, once a cool-down.
const MOST: usize = 1000;

/// Names of absent keys, each with the end of its time on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Absent(Mutex<HashMap<Box<str>, Duration>>);

impl Absent {
    /// The issuer has no key of this name.
    pub(super) fn remember(&self, name: &str, now: Duration) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST {
            names.retain(|_, until| *until > now);
        }
        if names.len() < MOST {
            names.insert(name.into(), now.saturating_add(HOLDS));
        }
    }

    /// Whether it was found absent a moment ago.
    pub(super) fn holds(&self, name: &str, now: Duration) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_key_is_asked_for_again_after_a_while() {
        let absent = Absent::default();
        absent.remember("k", Duration::from_secs(10));
        assert!(absent.holds("k", Duration::from_secs(39)));
        assert!(!absent.holds("k", Duration::from_secs(40)));
        assert!(!absent.holds("other", Duration::from_secs(10)));
    }

    #[test]
    fn names_by_the_thousand_do_not_pile_up() {
        let absent = Absent::default();
        for number in 0..5000 {
            absent.remember(&format!("k{number}"), Duration::ZERO);
        }
        assert_eq!(absent.0.lock().unwrap().len(), MOST);
        absent.remember("late", HOLDS);
        assert!(absent.holds("late", HOLDS), "what has ended makes room");
    }
}
