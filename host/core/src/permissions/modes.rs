//! Modes a client stays in after the command that began them.
//!
//! The server checks a right when a command runs. A client that monitors,
//! replicates, listens or tracks needs no further command, so rights lost later
//! must be looked for by mode.

/// The modes some rules allow a client to enter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// `MONITOR`.
    pub monitor: bool,
    /// `SYNC` or `PSYNC`: a replica, or what poses as one.
    pub sync: bool,
    /// Any of the subscribe commands.
    pub subscribe: bool,
    /// `CLIENT TRACKING`.
    pub tracking: bool,
}

impl Modes {
    /// The modes that are begun by commands that somebody has.
    pub(super) fn of(has: impl Fn(&str) -> bool) -> Self {
        let any = |names: &[&str]| names.iter().any(|name| has(name));
        Self {
            monitor: any(&["monitor"]),
            sync: any(&["sync", "psync"]),
            subscribe: any(&["subscribe", "psubscribe", "ssubscribe"]),
            tracking: any(&["client|tracking"]),
        }
    }

    /// The modes allowed here and no longer in `now`.
    #[must_use]
    pub fn lost(self, now: Self) -> Self {
        Self {
            monitor: self.monitor && !now.monitor,
            sync: self.sync && !now.sync,
            subscribe: self.subscribe && !now.subscribe,
            tracking: self.tracking && !now.tracking,
        }
    }

    /// The modes of both.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self {
            monitor: self.monitor && other.monitor,
            sync: self.sync && other.sync,
            subscribe: self.subscribe && other.subscribe,
            tracking: self.tracking && other.tracking,
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_lost_when_no_command_begins_it_any_more() {
        let of = |commands: &[&str]| Modes::of(|name| commands.contains(&name));
        let before = of(&["monitor", "psubscribe", "ssubscribe"]);
        let now = of(&["ssubscribe", "client|tracking"]);
        assert_eq!(
            before.lost(now),
            Modes {
                monitor: true,
                ..Modes::default()
            }
        );
        assert!(before.lost(before).is_empty());
    }
}
