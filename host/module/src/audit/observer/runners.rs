//! Who runs commands that run others: scripts, functions, EXEC, those of other modules.
//!
//! In: such commands as they arrive and, where the server tells, as they end. Out: for whom the
//! others run. Mostly there is one. There are several where the server has put some off (CLIENT
//! PAUSE, FAILOVER), and runs them later in their order, or answers others while a script is
//! slow.

use warden_core::ClientId;

use crate::ffi::{ClientInfo, ServerLock};

/// Most that are remembered.
const MOST: usize = 100;

/// Those that have not ended, oldest first.
#[derive(Default)]
pub(super) struct Runners(Vec<Runner>);

struct Runner {
    client: ClientId,
    /// The command's name; empty where it has another one here.
    command: Vec<u8>,
}

impl Runners {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A client's command arrives.
    pub(super) fn begins(&mut self, client: ClientId, command: Vec<u8>) {
        self.leaves(client);
        if self.0.len() < MOST {
            self.0.push(Runner { client, command });
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

    /// It is gone.
    pub(super) fn leaves(&mut self, client: ClientId) {
        self.0.retain(|runner| runner.client != client);
    }

    /// For whom what runs now runs: the first that does not wait.
    pub(super) fn current(&self, lock: &ServerLock) -> Option<ClientId> {
        let current = match self.0.as_slice() {
            [only] => Some(only),
            several => several
                .iter()
                .find(|runner| !is_blocked(lock, runner.client)),
        };
        current.map(|runner| runner.client)
    }

    /// Whether a client's transaction runs.
    pub(super) fn is_in_exec(&self, client: ClientId) -> bool {
        let of_it = |runner: &Runner| runner.client == client && runner.command == b"exec";
        self.0.iter().any(of_it)
    }
}

fn is_blocked(lock: &ServerLock, client: ClientId) -> bool {
    ClientInfo::of(lock, client).is_some_and(|info| info.is_blocked)
}
