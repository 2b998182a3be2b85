//! Who runs commands whose end matters: those that run others (scripts, functions, EXEC, those
//! of other modules), and those of administrators.
//!
//! In: such commands as they arrive and, where the server tells, as they end. Out: for whom the
//! others run, and who changes what changes. Mostly there is one. There are several where the
//! server has put some off (CLIENT PAUSE, FAILOVER), and runs them later in their order, or
//! answers others while a script is slow.

use warden_core::ClientId;

use crate::ffi::{ClientInfo, ServerLock};

/// Most that are remembered.
const MOST: usize = 100;

/// How long one may neither wait nor end before its end was missed: the server does not tell of
/// each (a redirection in a cluster), and runs what was put off within one turn.
const MISSED_US: u64 = 100_000;

/// Those that have not ended, oldest first.
#[derive(Default)]
pub(super) struct Runners(Vec<Runner>);

struct Runner {
    client: ClientId,
    /// The command's name; empty where it has another one here.
    command: Vec<u8>,
    /// Whether it may run others.
    runs: bool,
    /// Whether it was seen to wait.
    was_put_off: bool,
    /// Since when it was seen not to wait, in microseconds; 0: not yet.
    idle_since_us: u64,
}

impl Runners {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A client's command arrives.
    pub(super) fn begins(&mut self, client: ClientId, command: Vec<u8>, runs: bool) {
        self.leaves(client);
        if self.0.len() < MOST {
            self.0.push(Runner {
                client,
                command,
                runs,
                was_put_off: false,
                idle_since_us: 0,
            });
        }
    }

    /// A command has ended; answers whether it was one of these.
    pub(super) fn ended(&mut self, client: ClientId, command: &[u8]) -> bool {
        let before = self.0.len();
        let is_it = |runner: &Runner| {
            let is_named = runner.command == command || runner.command.is_empty();
            runner.client == client && is_named
        };
        self.0.retain(|runner| !is_it(runner));
        self.0.len() < before
    }

    /// Another command comes, on a server that does not tell of ends: what does not wait has
    /// ended.
    pub(super) fn ended_unless_put_off(&mut self, lock: &ServerLock) {
        self.0.retain(|runner| is_blocked(lock, runner.client));
    }

    /// Between commands: forgets those whose end was missed, or is not told.
    pub(super) fn look(&mut self, lock: &ServerLock, now_us: u64, tells_ends: bool) {
        self.0.retain_mut(|runner| {
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
    }

    /// It is gone, or goes on with another command.
    pub(super) fn leaves(&mut self, client: ClientId) {
        self.0.retain(|runner| runner.client != client);
    }

    /// For whom what runs now runs: the first that does not wait.
    pub(super) fn current(&self, lock: &ServerLock) -> Option<ClientId> {
        first(lock, self.0.iter().filter(|runner| runner.runs))
    }

    /// Whose command changes the settings that change now.
    pub(super) fn sets(&self, lock: &ServerLock) -> Option<ClientId> {
        let may_set = |runner: &&Runner| runner.runs || runner.command.starts_with(b"config|");
        first(lock, self.0.iter().filter(may_set))
    }

    /// Whether a client's transaction runs.
    pub(super) fn is_in_exec(&self, client: ClientId) -> bool {
        let of_it = |runner: &Runner| runner.client == client && runner.command == b"exec";
        self.0.iter().any(of_it)
    }
}

/// The first that does not wait, or the only one.
fn first<'r>(lock: &ServerLock, mut runners: impl Iterator<Item = &'r Runner>) -> Option<ClientId> {
    let only = runners.next()?;
    let Some(second) = runners.next() else {
        return Some(only.client);
    };
    let mut all = [only, second].into_iter().chain(runners);
    let current = all.find(|runner| !is_blocked(lock, runner.client))?;
    Some(current.client)
}

fn is_blocked(lock: &ServerLock, client: ClientId) -> bool {
    ClientInfo::of(lock, client).is_some_and(|info| info.is_blocked)
}
