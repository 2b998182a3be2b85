//! Freeing the users of classes nobody is in.
//!
//! In: the clock's reading and a limit. Out: `FreeUser` actions, longest idle
//! first; a class of a user of the server's own ACL is only forgotten. Never the user of a class with a member: a class is in the index of
//! idle classes only while it is empty.

use warden_core::Now;

use super::Registry;
use crate::Action;
use crate::agenda::{Instant, millis};

/// Classes of users of the server's own ACL that are forgotten in one call: nobody is freed
/// with them.
const FORGOTTEN: usize = 64;

impl Registry {
    /// Up to `limit` users to free: of classes empty for
    /// [`idle_class`](crate::Settings::idle_class), and, when there are more than
    /// [`idle_classes_max`](crate::Settings::idle_classes_max), of the longest empty;
    /// after [`begin_drain`](Registry::begin_drain) of every empty one.
    pub fn reap(&mut self, now: Now, limit: usize) -> Vec<Action> {
        let now = Instant::from(now);
        let patience = if self.draining {
            0
        } else {
            millis(self.settings.idle_class)
        };
        let mut actions = Vec::new();
        let mut forgotten = 0;
        while actions.len() < limit && forgotten < FORGOTTEN {
            let Some((since, class)) = self.classes.longest_idle() else {
                break;
            };
            let overdue = since.saturating_add(patience) <= now.monotonic_ms;
            if !overdue && self.classes.idle_len() <= self.settings.idle_classes_max {
                break;
            }
            match self.free(class) {
                Some(action) => actions.push(action),
                None => forgotten += 1,
            }
        }
        actions
    }
}
