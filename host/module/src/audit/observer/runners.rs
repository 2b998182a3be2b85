//! Who runs commands whose end matters: those that run others (scripts, functions, EXEC, those
//! of other modules), and those of administrators.
//!
//! In: such commands as they arrive and, where the server tells, as they end. Out: for whom the
//! others run, and who changes what changes. Mostly there is one. There are several where the
//! server has put some off (CLIENT PAUSE, FAILOVER), and runs them later in their order, or
//! answers others while a script is slow.

use smallvec::SmallVec;
use warden_core::ClientId;

use crate::ffi::{ClientInfo, ServerLock, microseconds};

/// Most that are remembered. Of more, those that were put off first are forgotten.
const MOST: usize = 1000;

/// How long one may neither wait nor end before its end was missed: the server does not tell of
/// each (a redirection in a cluster), and runs what was put off within one turn.
const MISSED_US: u64 = 100_000;

/// Those that have not ended.
#[derive(Default)]
pub(super) struct Runners {
    /// Oldest first.
    all: Vec<Runner>,
    /// Whose command arrived last: it runs, unless it has ended or was put off.
    last: Option<ClientId>,
    /// Whether some were forgotten that have not ended.
    has_forgotten: bool,
}

struct Runner {
    client: ClientId,
    /// The command's name; where it has another one here, the word that was sent.
    command: Vec<u8>,
    /// Whether it may run others.
    runs: bool,
    /// Whether it was seen to wait.
    was_put_off: bool,
    /// Since when it was seen not to wait, in microseconds; 0: not yet.
    idle_since_us: u64,
}

/// For whom something runs.
#[derive(Clone, Copy)]
pub(super) enum Behind {
    One(ClientId),
    /// One of several: the server does not tell which.
    Several,
    Nobody,
}

impl Behind {
    /// Who that is, if it is known.
    pub(super) fn known(self) -> Option<ClientId> {
        match self {
            Self::One(client) => Some(client),
            Self::Several | Self::Nobody => None,
        }
    }
}

impl Runner {
    /// Whether something may be done for it while it waits: by a module, whose command it is. A
    /// script waits because it was put off.
    fn works_blocked(&self) -> bool {
        let command = std::str::from_utf8(&self.command);
        self.runs && !command.is_ok_and(warden_core::server::is_built_in)
    }
}

impl Runners {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A client's command arrives, and no script runs: its former one is over, also where the
    /// server has not told of the end; where it never does, so are all that were not put off.
    pub(super) fn arrives(&mut self, lock: &ServerLock, client: ClientId, tells_ends: bool) {
        self.last = Some(client);
        if self.all.is_empty() {
            return;
        }
        self.leaves(client);
        if tells_ends {
            self.see_who_waits(lock);
        } else {
            self.look(lock, microseconds(), false);
        }
    }

    /// It is one whose end is wanted.
    pub(super) fn begins(&mut self, client: ClientId, command: Vec<u8>, runs: bool) {
        self.leaves(client);
        if self.all.len() >= MOST {
            self.all.remove(0);
            self.has_forgotten = true;
        }
        self.all.push(Runner {
            client,
            command,
            runs,
            was_put_off: false,
            idle_since_us: 0,
        });
    }

    /// A command has ended, of this name and sent by this word; answers whether it was one of
    /// these.
    pub(super) fn ended(&mut self, client: ClientId, name: &[u8], word: &[u8]) -> bool {
        let before = self.all.len();
        let is_it = |runner: &Runner| {
            let command = runner.command.as_slice();
            runner.client == client && (command == name || command.eq_ignore_ascii_case(word))
        };
        self.all.retain(|runner| !is_it(runner));
        self.all.len() < before
    }

    fn see_who_waits(&mut self, lock: &ServerLock) {
        for runner in self.all.iter_mut().filter(|runner| !runner.was_put_off) {
            runner.was_put_off = is_blocked(lock, runner.client);
        }
    }

    /// Forgets those whose end was missed, or is not told.
    pub(super) fn look(&mut self, lock: &ServerLock, now_us: u64, tells_ends: bool) {
        self.all.retain_mut(|runner| {
            if is_blocked(lock, runner.client) {
                (runner.was_put_off, runner.idle_since_us) = (true, 0);
                return true;
            }
            if runner.idle_since_us == 0 {
                runner.idle_since_us = now_us;
            }
            let idle_us = now_us.saturating_sub(runner.idle_since_us);
            (tells_ends || runner.was_put_off) && idle_us < MISSED_US
        });
        self.has_forgotten &= !self.all.is_empty();
    }

    /// It is gone, or goes on with another command.
    pub(super) fn leaves(&mut self, client: ClientId) {
        self.all.retain(|runner| runner.client != client);
    }

    /// For whom what a script, a function or a module does now is done.
    pub(super) fn current(&self, lock: &ServerLock, tells_ends: bool) -> Behind {
        self.behind(lock, tells_ends, |runner| runner.runs)
    }

    /// Whose command changes the settings that change now.
    pub(super) fn sets(&self, lock: &ServerLock, tells_ends: bool) -> Behind {
        self.behind(lock, tells_ends, |runner| {
            runner.runs || runner.command.starts_with(b"config|")
        })
    }

    /// Whose command runs of those that are one of these. Where the server tells of ends, that is
    /// the one that came last, unless it was put off, too; or the first of those that were. Where
    /// it does not, any that does not wait may be it.
    fn behind(
        &self,
        lock: &ServerLock,
        tells_ends: bool,
        is_one: impl Fn(&Runner) -> bool,
    ) -> Behind {
        let those = self.all.iter().filter(|runner| is_one(runner));
        let running: SmallVec<[&Runner; 4]> = those
            .filter(|runner| runner.works_blocked() || !is_blocked(lock, runner.client))
            .collect();
        match running.as_slice() {
            [] => self.nobody(),
            [only] if !self.has_forgotten => Behind::One(only.client),
            _ if !tells_ends => Behind::Several,
            [first, ..] => {
                let mut came_now = running.iter().filter(|runner| !runner.was_put_off);
                match (came_now.next(), came_now.next()) {
                    (Some(one), None) if Some(one.client) == self.last => Behind::One(one.client),
                    (None, _) if !self.has_forgotten => Behind::One(first.client),
                    _ => Behind::Several,
                }
            }
        }
    }

    fn nobody(&self) -> Behind {
        if self.has_forgotten {
            Behind::Several
        } else {
            Behind::Nobody
        }
    }

    /// Whether a client's transaction runs.
    pub(super) fn is_in_exec(&self, client: ClientId) -> bool {
        let of_it = |runner: &Runner| runner.client == client && runner.command == b"exec";
        self.all.iter().any(of_it)
    }
}

fn is_blocked(lock: &ServerLock, client: ClientId) -> bool {
    ClientInfo::of(lock, client).is_some_and(|info| info.is_blocked)
}
