//! Commands as they arrive and as they end: whose they are, what they may change, what is
//! recorded of them.

use warden_audit::Category;
use warden_audit::event::{CommandResult, Origin};
use warden_core::ClientId;

use super::super::authentication::Whose;
use super::super::changes::Look;
use super::super::clients::Clients;
use super::super::commands::{CommandId, Effect};
use super::super::{authentication, refusing, subscriptions};
use super::record::Seen;
use super::{Observer, is_in_script};
use crate::ffi::{ClientInfo, Context, Ended, Finished, ServerLock, Words, microseconds};

/// Where the server does not tell how commands end, what they do is looked at when the next one
/// comes.
const fn around(tells_results: bool) -> Look {
    Look {
        before: true,
        after: !tells_results,
    }
}

impl Observer {
    /// A command arrives.
    pub(in super::super) fn arrived(
        &mut self,
        lock: &ServerLock,
        client: ClientId,
        words: &Words<'_>,
    ) {
        let known = (&self.roster.interest, self.epoch);
        // What scripts and modules call comes here, too, while their caller's command runs.
        let is_a_clients = self.clients.get(lock, client, known).is_some();
        // While a script is slow, others are answered that it is.
        let takes_turn = is_a_clients && (self.runners.is_empty() || !is_in_script(lock));
        if takes_turn {
            self.settle(lock, Whose::Of(client));
            self.users.goes_on(client);
            self.runners.arrives(lock, client, self.tells_results);
            if !self.tells_results {
                self.selected = None;
            }
        } else if !is_a_clients
            && !self.tells_results
            && let Some(client) = self.behind(lock).known()
            && self.is_in_exec(client)
        {
            // What else the transaction runs is not told, and may have made another of its client.
            self.clients.doubt(client);
            authentication::settle(self, lock, Whose::Of(client));
        }
        if takes_turn
            && let Some(word) = words.get(0)
            && self.commands.may_be_renamed(word)
        {
            self.runners.begins(client, word.to_ascii_lowercase(), true);
            self.hear_this(lock);
            self.doubtful = Some(client);
            let look = around(self.tells_results);
            self.users.expect(lock, Some(client), words, look);
            if !self.tells_results && words.len() == 1 {
                // It may be EXEC.
                self.users.expect_queued(client, false);
            }
        }
        let of = (&self.roster.interest, &self.roster.redactor);
        let Some(command) = self.commands.of_words(words, of) else {
            return;
        };
        self.expect(lock, (client, is_a_clients), command, words);
        if takes_turn {
            self.begins(lock, client, command);
        }
        if !self.tells_results {
            let seen = Seen::arriving(client, CommandResult::Unknown, microseconds());
            self.record(lock, command, words, seen);
        }
    }

    /// Remembers what a command may come to change.
    fn expect(
        &mut self,
        lock: &ServerLock,
        (client, is_a_clients): (ClientId, bool),
        command: CommandId,
        words: &Words<'_>,
    ) {
        let Some(facts) = self.commands.facts(command) else {
            return;
        };
        let is_exec = facts.name == b"exec";
        match facts.effect {
            Effect::None => {}
            Effect::Client | Effect::Links => {
                // As it was before this command.
                let known = (&self.roster.interest, self.epoch);
                self.clients.get(lock, client, known);
                self.doubtful = self.doubtful.or(Some(client).filter(|_| is_a_clients));
                self.attempts.remove(&client);
                if !self.tells_results && !is_a_clients && facts.name == b"select" {
                    self.selected = database(words);
                }
                if facts.effect == Effect::Links {
                    self.clients.suspect(client);
                } else if !self.tells_results && is_a_clients {
                    let sinks = self.roster.interest.of_category(Category::Auth);
                    authentication::arrived(&mut self.passed, lock, client, words, sinks);
                }
            }
            Effect::Runs => {
                if is_a_clients && is_exec && !self.tells_results {
                    self.users.expect_queued(client, true);
                }
            }
            Effect::Acl => {
                let teller = if is_a_clients {
                    Some(client)
                } else {
                    self.behind(lock).known()
                };
                // What nobody runs for a client ends unheard.
                let is_told = self.hears_successes || self.hears_this || is_a_clients;
                let look = around(self.tells_results && is_told);
                self.users.expect(lock, teller, words, look);
            }
        }
    }

    /// A client's command arrives whose end is wanted, whatever sinks want of others: it may run
    /// others, or change what the audit is about.
    fn begins(&mut self, lock: &ServerLock, client: ClientId, command: CommandId) {
        let Some(facts) = self.commands.facts(command) else {
            return;
        };
        let runs = facts.effect == Effect::Runs;
        let changes =
            facts.is_administration() && (self.hears_administration || !self.tells_results);
        let is_now = || facts.name == b"exec" || !is_queueing(lock, client);
        if (runs || changes) && is_now() {
            self.runners.begins(client, facts.name.clone(), runs);
            self.hear_this(lock);
            if runs {
                self.doubtful = Some(client);
            }
        }
    }

    /// Hears of the end of the command that arrives, also where it ends well.
    fn hear_this(&mut self, lock: &ServerLock) {
        if self.tells_results && !self.hears_successes && !self.hears_this {
            subscriptions::begin_successes(lock);
            self.hears_this = true;
        }
    }

    /// A command was refused because a sink cannot write; others may.
    pub(in super::super) fn refused(
        &mut self,
        lock: &ServerLock,
        client: ClientId,
        words: &Words<'_>,
    ) {
        let of = (&self.roster.interest, &self.roster.redactor);
        if let Some(command) = self.commands.of_words(words, of) {
            let result = CommandResult::Rejected(b"TRYAGAIN audit sink cannot write");
            let seen = Seen::arriving(client, result, microseconds());
            self.record(lock, command, words, seen);
        }
    }

    /// Its transaction is given up for the same reason.
    pub(in super::super) fn spoiled(
        &mut self,
        lock: &ServerLock,
        client: ClientId,
        words: &Words<'_>,
    ) {
        self.refused(lock, client, words);
        self.spoiled = Some(client);
    }

    /// A command has ended.
    pub(in super::super) fn finished(&mut self, ctx: &Context<'_>, finished: &Finished<'_>) {
        let lock = ctx.lock();
        let of = (&self.roster.interest, &self.roster.redactor);
        let command = match finished.name {
            Some(name) => Some(self.commands.at((finished.name_at, name), of)),
            None => self.commands.of_words(&finished.words, of),
        };
        let facts = command.and_then(|command| self.commands.facts(command));
        let (Some(command), Some(facts)) = (command, facts) else {
            return;
        };
        // What it stands for is recorded already.
        let is_refusal = match &*facts.name {
            b"exec" => self.spoiled.take() == Some(finished.client),
            name => name == refusing::COMMAND.as_bytes(),
        };
        if is_refusal {
            return;
        }
        // What an append-only file holds was recorded when it was done.
        let is_nobodys = self.runners.is_empty() && !self.clients.is_connection(finished.client);
        if is_nobodys && ctx.is_loading() {
            return;
        }
        let mut seen = Seen::of(finished);
        if facts.may_wait && is_waiting(lock, finished.client, &self.clients) {
            // It runs again when what it waits for is there.
            seen.result = CommandResult::Unknown;
            seen.keys_modified = None;
        }
        // One that was refused before anybody looked at the credential is told by nobody else.
        let is_told = facts.category == Category::Auth && self.attempts.remove(&finished.client);
        seen.is_unheard = !is_told && seen.result.is_failure();
        let effect = facts.effect;
        self.record(lock, command, &finished.words, seen);
        if effect != Effect::None {
            self.conclude(lock, command, finished);
        }
        self.ended(command, finished);
    }

    /// What a command that has ended has changed.
    fn conclude(&mut self, lock: &ServerLock, command: CommandId, finished: &Finished<'_>) {
        let Some(facts) = self.commands.facts(command) else {
            return;
        };
        let is_success = matches!(finished.ended, Ended::Success);
        match facts.effect {
            Effect::Client if is_success && facts.name == b"select" => {
                let number = database(&finished.words);
                if self.clients.is_connection(finished.client) {
                    self.clients.select(finished.client, number);
                } else {
                    self.selected = number;
                }
            }
            // Also within a transaction.
            Effect::Client | Effect::Runs if is_success => self.clients.doubt(finished.client),
            Effect::Acl if is_success => {
                let client = if self.clients.is_connection(finished.client) {
                    Some(finished.client)
                } else {
                    self.behind(lock).known()
                };
                let look = Look {
                    before: false,
                    after: true,
                };
                self.users.expect(lock, client, &finished.words, look);
                self.settle_users(lock);
            }
            Effect::None | Effect::Client | Effect::Links | Effect::Runs | Effect::Acl => {}
        }
    }

    /// What it ran is at its end, too.
    fn ended(&mut self, command: CommandId, finished: &Finished<'_>) {
        if self.runners.is_empty() {
            return;
        }
        if let Some(facts) = self.commands.facts(command)
            && let word = finished.words.get(0).unwrap_or_default()
            && self.runners.ended(finished.client, &facts.name, word)
        {
            self.selected = None;
        }
    }
}

impl<'a> Seen<'a> {
    /// Of a command that has not run.
    fn arriving(client: ClientId, result: CommandResult<'a>, at_us: u64) -> Self {
        Self {
            client,
            origin: Origin::Client,
            result,
            duration_us: None,
            keys_modified: None,
            is_unheard: false,
            at_us,
        }
    }
}

/// Whether what a connection sends is kept for its EXEC.
fn is_queueing(lock: &ServerLock, client: ClientId) -> bool {
    ClientInfo::of(lock, client).is_some_and(|info| info.is_queueing)
}

/// Whether a connection waits for something just now.
fn is_waiting(lock: &ServerLock, client: ClientId, clients: &Clients) -> bool {
    clients.is_connection(client)
        && ClientInfo::of(lock, client).is_some_and(|info| info.is_blocked)
}

/// The database that SELECT names.
fn database(words: &Words<'_>) -> Option<u32> {
    std::str::from_utf8(words.get(1)?).ok()?.parse().ok()
}
