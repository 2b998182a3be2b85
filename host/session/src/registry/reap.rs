//! Freeing the users of classes nobody is in.
//!
//! In: the clock's reading and a limit. Out: `FreeUser` actions, longest idle
//! first. Never the user of a class with a member: a class is in the index of
//! idle classes only while it is empty.

use warden_core::Now;

use super::Registry;
use crate::Action;
use crate::agenda::{Instant, millis};

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
        while actions.len() < limit {
            let Some((since, class)) = self.classes.longest_idle() else {
                break;
            };
            let overdue = since.saturating_add(patience) <= now.monotonic_ms;
            if !overdue && self.classes.idle_len() <= self.settings.idle_classes_max {
                break;
            }
            self.classes.remove(class);
            self.totals.users_freed += 1;
            actions.push(Action::FreeUser { class });
        }
        actions
    }
}
