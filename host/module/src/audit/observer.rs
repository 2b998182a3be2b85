//! What the main thread sees of commands, connections and sessions.
//!
//! In: every command that arrives or ends, clients that come and go, sessions that end. Out: a
//! record each, for whom it is wanted. The cheapest questions first: is anybody interested, who
//! is it, which command is it.

use std::sync::Arc;

use smallvec::SmallVec;
use warden_audit::event::{Argument, Command, CommandResult, Denial, Origin, Session, SessionEnd};
use warden_audit::redact::shown_error;
use warden_audit::{Category, Client, Event, Hidden, Interest, Roster, SinkSet};
use warden_core::{ClientId, Now};
use warden_session::SessionView;

use super::authentication::Passed;
use super::changes::{Changes, Look};
use super::clients::{Clients, Known};
use super::commands::{Commands, Effect, Facts};
use super::refusing::{self, Transactions};
use super::subscriptions;
use super::trail::Trail;
use crate::ffi::{
    self, ClientInfo, Context, Ended, Finished, MainThread, ServerLock, Words, as_module,
    cached_microseconds, microseconds,
};
use crate::shared::Shared;

/// The observer of this load; nothing while no sink wants anything.
static OBSERVER: MainThread<Option<Observer>> = MainThread::new(None);

/// Most arguments of one command that a record holds.
const MOST_ARGUMENTS: usize = 128;

/// Longest part of a key that a record holds, in bytes.
const KEY_BYTES: usize = 4096;

/// What the main thread knows.
pub(super) struct Observer {
    pub(super) trail: Arc<Trail>,
    pub(super) roster: Arc<Roster>,
    epoch: u64,
    /// Whether this server tells how commands end.
    tells_results: bool,
    /// Whether it tells of every command that ends well.
    hears_successes: bool,
    /// Whether those of administrators are wanted all the same.
    hears_administration: bool,
    /// Whether it tells of the one that runs now.
    hears_this: bool,
    pub(super) clients: Clients,
    pub(super) commands: Commands,
    /// Which state of the server's commands these are.
    listed: u64,
    pub(super) changes: Changes,
    /// Whose command arrived last.
    running: Option<ClientId>,
    /// Who runs a command that runs others, until that one ends.
    runner: Option<Runner>,
    /// Who did before, for when that command is refused.
    runner_before: Option<Runner>,
    /// Whether the command that runs is a transaction.
    runs_transaction: bool,
    /// Whose command may just have made another of it.
    doubtful: Option<ClientId>,
    /// Log-ins that others decide about, on a server that does not tell how.
    pub(super) passed: Vec<Passed>,
    pub(super) transactions: Transactions,
}

/// In each slice: takes what sinks want now into force, if it is not what it was, and looks at
/// what the last command may have changed, where the server does not tell.
pub(crate) fn look(shared: &Shared, lock: &ServerLock) {
    let epoch = shared.trail.epoch();
    let is_current = with(lock, |observer| {
        observer.settle(lock);
        observer.rest(lock);
        observer.epoch == epoch
    });
    if is_current == Some(true) {
        return;
    }
    as_module(lock, |ctx| adopt(shared, ctx));
}

/// Takes what sinks want now into force.
pub(crate) fn adopt(shared: &Shared, ctx: &Context<'_>) {
    let trail = &shared.trail;
    let epoch = trail.epoch();
    let roster = trail.wanted();
    let wants = subscriptions::wants(&roster);
    if let Err(error) = subscriptions::set(ctx, wants) {
        let line = format!("audit: the server does not tell what sinks want: {error}");
        ffi::log(ffi::Level::Warning, &line);
    }
    OBSERVER.with(ctx.lock(), |cell| {
        let observer = cell.get_or_insert_with(|| Observer::new(Arc::clone(trail)));
        observer.roster = roster;
        observer.epoch = epoch;
        observer.hears_successes = wants.successes;
        observer.hears_administration = wants.administration;
        if !wants.clients {
            // Nobody tells of those that leave from now on.
            observer.clients = Clients::default();
        }
        let commands = trail.commands();
        if observer.listed != commands {
            observer.listed = commands;
            observer.commands.list(ctx);
        }
        observer.commands.forget();
        let digests = observer.trail.digests().clone();
        observer
            .changes
            .watch(ctx, &digests, (wants.settings, wants.acl));
    });
}

/// Forgets everything, at unload.
pub(crate) fn forget(lock: &ServerLock) {
    subscriptions::forget(lock);
    OBSERVER.with(lock, Option::take);
}

/// Borrows the observer; not from within a call that it makes itself.
pub(super) fn with<T>(lock: &ServerLock, work: impl FnOnce(&mut Observer) -> T) -> Option<T> {
    OBSERVER
        .with(lock, |observer| observer.as_mut().map(work))
        .flatten()
}

/// A session has ended.
pub(crate) fn session_ended(lock: &ServerLock, view: &SessionView<'_>, cause: &str, now: Now) {
    with(lock, |observer| {
        observer.session_ended(lock, view, cause, now)
    });
}

impl Observer {
    fn new(trail: Arc<Trail>) -> Self {
        Self {
            trail,
            roster: Arc::default(),
            epoch: 0,
            tells_results: ffi::results::tells_results(),
            hears_successes: false,
            hears_administration: false,
            hears_this: false,
            clients: Clients::default(),
            commands: Commands::default(),
            listed: 0,
            changes: Changes::default(),
            running: None,
            runner: None,
            runner_before: None,
            runs_transaction: false,
            doubtful: None,
            passed: Vec::new(),
            transactions: Transactions::default(),
        }
    }

    /// Settings have changed.
    pub(super) fn settings_changed(&mut self, ctx: &Context<'_>, names: &[String]) {
        let changes = self.changes.take_settings(ctx, names);
        let interest = &self.roster.interest;
        let sinks = interest.of_category(Category::Config);
        let client = self.running;
        for change in changes {
            self.of_client(ctx.lock(), client, sinks, &Event::Setting(change.borrow()));
        }
    }

    /// A client has connected or is about to be gone.
    pub(super) fn connection(
        &mut self,
        ctx: &Context<'_>,
        client: ClientId,
        info: &ClientInfo,
        event: Event<'_>,
    ) {
        // While it is still known who it was.
        let leaver = matches!(event, Event::Closed).then_some(client);
        super::authentication::settle(self, ctx.lock(), leaver);
        self.settle_users(ctx.lock());
        let of = (&self.roster.interest, self.epoch);
        let known = match event {
            Event::Closed => {
                self.transactions.remove(client);
                self.changes.remove(client);
                self.clients.remove(client)
            }
            _ => None,
        };
        let sinks = self.roster.interest.of_category(Category::Connections);
        let logins = self.roster.interest.of_category(Category::Auth);
        if sinks.or(logins).is_empty() && !self.roster.may_refuse() {
            return;
        }
        // What is in doubt is not what it was.
        let is_doubted = self.doubtful == Some(client);
        let known = known.filter(|known| known.is_of(self.epoch) && !is_doubted);
        let known = known.unwrap_or_else(|| Known::from_info(ctx, client, info, of));
        let is_opened = event == Event::Opened;
        self.push(&known, client, sinks, microseconds(), event);
        if is_opened && known.is_somebody() {
            // By its certificate, as `tls-auth-clients-user` has it.
            super::authentication::at_connection(self, ctx.lock(), client, known.user());
        }
    }

    /// A command arrives.
    pub(super) fn arrived(&mut self, lock: &ServerLock, client: ClientId, words: &Words<'_>) {
        let known = (&self.roster.interest, self.epoch);
        // What scripts and modules call comes here, too, while their caller's command runs.
        let is_a_clients = self.clients.get(lock, client, known).is_some();
        if is_a_clients {
            self.settle(lock);
            self.running = Some(client);
            if !self.tells_results {
                // Its end is not told: the next command of a connection is.
                self.runner = None;
            }
        }
        let is_renamed = is_a_clients
            && words
                .get(0)
                .is_some_and(|word| self.commands.may_be_renamed(word));
        if is_renamed {
            let look = Look {
                before: true,
                after: !self.tells_results,
            };
            self.changes.expect(lock, Some(client), words, look);
        }
        let of = (&self.roster.interest, &self.roster.redactor);
        let known = (&self.roster.interest, self.epoch);
        let Some(facts) = self.commands.of_words(words, of) else {
            return;
        };
        let is_heard = match facts.effect {
            Effect::None => false,
            Effect::Client | Effect::Links => {
                // As it was before this command.
                self.clients.get(lock, client, known);
                self.doubtful = self.doubtful.or(Some(client).filter(|_| is_a_clients));
                if facts.effect == Effect::Links {
                    self.clients.suspect(client);
                } else if !self.tells_results && is_a_clients {
                    let sinks = self.roster.interest.of_category(Category::Auth);
                    super::authentication::arrived(&mut self.passed, lock, client, words, sinks);
                }
                false
            }
            Effect::Runs => {
                if is_a_clients {
                    // A client can end only what was its first command.
                    let runner = Runner {
                        client,
                        command: facts.name.clone(),
                    };
                    self.runner_before = self.runner.replace(runner);
                    self.doubtful = Some(client);
                    if !self.tells_results && facts.name == b"exec" {
                        self.changes.expect_queued(client);
                    }
                }
                // Its end is the end of what it runs; and it may run an administrator's.
                is_a_clients
            }
            Effect::Acl => {
                let look = Look {
                    before: true,
                    after: !self.tells_results,
                };
                let client = if is_a_clients {
                    Some(client)
                } else {
                    self.runner.as_ref().map(|runner| runner.client)
                };
                self.changes.expect(lock, client, words, look);
                true
            }
        };
        if is_a_clients {
            self.runs_transaction = facts.name == b"exec";
        }
        let is_heard = is_heard || is_renamed || facts.is_administration();
        let is_heard = is_heard && is_a_clients;
        if self.hears_administration && is_heard && !self.hears_successes && !self.hears_this {
            subscriptions::begin_successes(lock);
            self.hears_this = true;
        }
        if !self.tells_results {
            let seen = Seen {
                client,
                origin: Origin::Client,
                result: CommandResult::Unknown,
                duration_us: None,
                keys_modified: None,
                at_us: microseconds(),
            };
            let clients = (
                &mut self.clients,
                lock,
                self.runner.as_ref().map(|runner| runner.client),
            );
            record(
                (&self.trail, &self.roster, self.epoch),
                clients,
                facts,
                words,
                seen,
            );
        }
    }

    /// A command was refused because a sink cannot write; others may.
    pub(super) fn refused(&mut self, lock: &ServerLock, client: ClientId, words: &Words<'_>) {
        let of = (&self.roster.interest, &self.roster.redactor);
        let Some(facts) = self.commands.of_words(words, of) else {
            return;
        };
        let seen = Seen {
            client,
            origin: Origin::Client,
            result: CommandResult::Rejected(b"TRYAGAIN audit sink cannot write"),
            duration_us: None,
            keys_modified: None,
            at_us: microseconds(),
        };
        record(
            (&self.trail, &self.roster, self.epoch),
            (
                &mut self.clients,
                lock,
                self.runner.as_ref().map(|runner| runner.client),
            ),
            facts,
            words,
            seen,
        );
    }

    /// A command has ended.
    pub(super) fn finished(&mut self, ctx: &Context<'_>, finished: &Finished<'_>) {
        let lock = ctx.lock();
        let of = (&self.roster.interest, &self.roster.redactor);
        let facts = match finished.name {
            Some(name) => self.commands.at((finished.name_at, name), of),
            None => self.commands.of_words(&finished.words, of),
        };
        let Some(facts) = facts else {
            return;
        };
        // Failures alone do not tell what came before them in the transaction.
        if self.runs_transaction && !self.hears_successes && self.doubtful == Some(finished.client)
        {
            self.clients.doubt(finished.client);
        }
        // Its place was taken by this one: it is recorded already. And what an append-only file
        // holds was recorded when it was done.
        let is_nobodys = self.runner.is_none() && !self.clients.is_connection(finished.client);
        if facts.name == refusing::COMMAND.as_bytes() || (is_nobodys && ctx.is_loading()) {
            return;
        }
        let mut seen = Seen::of(finished);
        if facts.may_wait && is_waiting(lock, finished.client, &self.clients) {
            // It runs again when what it waits for is there.
            seen.result = CommandResult::Unknown;
            seen.keys_modified = None;
        }
        record(
            (&self.trail, &self.roster, self.epoch),
            (
                &mut self.clients,
                lock,
                self.runner.as_ref().map(|runner| runner.client),
            ),
            facts,
            &finished.words,
            seen,
        );
        let is_success = matches!(finished.ended, Ended::Success);
        match facts.effect {
            Effect::None => {}
            Effect::Runs => {
                let is_refused = matches!(finished.ended, Ended::Rejected(_) | Ended::Denied(..));
                let ends = |runner: &mut Runner| {
                    runner.client == finished.client && runner.command == facts.name
                };
                // What it ran is at its end, too. One that was refused, because another's script
                // was running, has run nothing.
                if self.runner.take_if(ends).is_some() && is_refused {
                    self.runner = self.runner_before.take();
                }
            }
            Effect::Client if is_success && facts.name == b"select" => {
                if let Some(number) = database(&finished.words) {
                    self.clients.select(finished.client, number);
                }
            }
            // Also within a transaction.
            Effect::Client if is_success => self.clients.doubt(finished.client),
            Effect::Client | Effect::Links => {}
            Effect::Acl if is_success => {
                let runner = self.runner.as_ref().map(|runner| runner.client);
                let client = runner.or(Some(finished.client));
                let look = Look {
                    before: false,
                    after: true,
                };
                self.changes.expect(lock, client, &finished.words, look);
                self.settle_users(lock);
            }
            Effect::Acl => {}
        }
    }

    /// What the command before has changed.
    pub(super) fn settle(&mut self, lock: &ServerLock) {
        if let Some(client) = self.doubtful.take() {
            self.clients.doubt(client);
        }
        super::authentication::settle(self, lock, None);
        self.settle_users(lock);
    }

    /// Between commands, but for one that lets the server look after others meanwhile: what was
    /// subscribed for one command is over.
    fn rest(&mut self, lock: &ServerLock) {
        if !self.tells_results {
            self.runner = None;
        }
        if self.runner.is_none() && std::mem::take(&mut self.hears_this) && !self.hears_successes {
            subscriptions::end_successes(lock);
        }
    }

    /// What became of users of the ACL.
    fn settle_users(&mut self, lock: &ServerLock) {
        if self.changes.is_expecting() {
            let (client, changed) = self.changes.take_users(lock);
            let sinks = self.roster.interest.of_category(Category::Acl);
            for change in changed {
                self.of_client(lock, client, sinks, &Event::AclUser(change.borrow()));
            }
        }
    }

    /// Records something that a connection did, whoever it is.
    pub(super) fn of_client(
        &mut self,
        lock: &ServerLock,
        client: Option<ClientId>,
        sinks: SinkSet,
        event: &Event<'_>,
    ) {
        if sinks.is_empty() {
            return;
        }
        let at_us = microseconds();
        let of = (&self.roster.interest, self.epoch);
        let known = client.and_then(|client| Some((client, self.clients.get(lock, client, of)?)));
        let (client, wanted) = match known {
            Some((id, known)) => {
                let always = match event.category() {
                    Category::Config => known.wants.config_sinks,
                    _ => SinkSet::NONE,
                };
                (
                    Some(known.client(id)),
                    sinks.and(known.wants.sinks).or(always),
                )
            }
            None => (None, sinks),
        };
        self.trail.push(wanted, at_us, client.as_ref(), event);
    }

    fn session_ended(&mut self, lock: &ServerLock, view: &SessionView<'_>, cause: &str, now: Now) {
        let client = view.client;
        let sinks = self.roster.interest.of_category(Category::Session);
        let at_us = now.wall.as_unix_millis().saturating_mul(1000);
        let since_us = view.since.as_unix_millis().saturating_mul(1000);
        let end = Event::SessionEnd(SessionEnd {
            cause,
            lasted_us: at_us.saturating_sub(since_us),
        });
        if !sinks.is_empty() {
            // The server may have another user there already, and the session is being taken out.
            let of = (&self.roster.interest, self.epoch);
            let wants = match self.clients.get(lock, client, of) {
                Some(known) => known.wants.sinks,
                None => {
                    self.roster
                        .interest
                        .of_client(view.user.as_str().as_bytes(), None, false)
                        .sinks
                }
            };
            let decision = view
                .class_key
                .map(|key| key.to_string())
                .unwrap_or_default();
            let known = self
                .clients
                .get(lock, client, of)
                .map(|known| known.client(client));
            let teller = Client {
                id: client.0,
                user: view.user.as_str().as_bytes(),
                session: Some(Session {
                    id: view.session.as_u64(),
                    authenticator: view.principal.authenticator.as_str(),
                    principal: view.principal.name.as_str(),
                    decision: &decision,
                    generation: view.generation.unwrap_or(0),
                }),
                address: known
                    .map_or_else(|| view.address.unwrap_or_default(), |known| known.address),
                ..known.unwrap_or_default()
            };
            self.trail
                .push(sinks.and(wants), at_us, Some(&teller), &end);
        }
        self.clients.doubt(client);
    }

    fn push(&self, known: &Known, client: ClientId, sinks: SinkSet, at_us: u64, event: Event<'_>) {
        let client = known.client(client);
        self.trail
            .push(sinks.and(known.wants.sinks), at_us, Some(&client), &event);
    }
}

/// Who runs a command that runs others.
struct Runner {
    client: ClientId,
    command: Vec<u8>,
}

/// What is known of a command besides its words.
struct Seen<'a> {
    client: ClientId,
    origin: Origin,
    result: CommandResult<'a>,
    duration_us: Option<u64>,
    keys_modified: Option<u64>,
    at_us: u64,
}

impl<'a> Seen<'a> {
    fn of(finished: &Finished<'a>) -> Self {
        Self {
            client: finished.client,
            origin: if finished.by_module {
                Origin::Module
            } else {
                Origin::Client
            },
            result: match finished.ended {
                Ended::Success => CommandResult::Success,
                Ended::Failure => CommandResult::Failure,
                Ended::Rejected(error) => CommandResult::Rejected(shown_error(error)),
                Ended::Denied(what, object) => denied(what, object),
            },
            duration_us: Some(finished.duration_us),
            keys_modified: Some(finished.keys_modified),
            at_us: cached_microseconds(),
        }
    }
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

/// What the ACL denied. The key or channel is one of the arguments, and shown as they are.
fn denied(what: u64, object: Option<&[u8]>) -> CommandResult<'_> {
    let denial = match what {
        0 => Denial::Authentication,
        2 => Denial::Key,
        3 => Denial::Channel,
        4 => Denial::Database,
        _ => Denial::Command,
    };
    CommandResult::Denied(denial, object.map(|object| cut(object, KEY_BYTES)))
}

fn cut(bytes: &[u8], most: usize) -> Argument<'_> {
    match bytes.get(..most) {
        Some(start) if bytes.len() > most => Argument::Cut(start, bytes.len() as u64),
        _ => Argument::Plain(bytes),
    }
}

/// Records a command, if a sink wants it.
fn record(
    (trail, roster, epoch): (&Trail, &Roster, u64),
    (clients, lock, runner): (&mut Clients, &ServerLock, Option<ClientId>),
    facts: &Facts,
    words: &Words<'_>,
    mut seen: Seen<'_>,
) {
    let interest: &Interest = &roster.interest;
    let always = match facts.category {
        // Log-ins tell more of these.
        Category::Auth => return,
        Category::Config => interest.always_config(),
        _ => SinkSet::NONE,
    };
    let needs_success = matches!(facts.category, Category::Keys | Category::Other)
        && matches!(seen.result, CommandResult::Success | CommandResult::Unknown);
    let wanted = if needs_success {
        facts.sinks.and(interest.successes())
    } else {
        facts.sinks
    };
    if wanted.or(always).is_empty() {
        return;
    }
    let of = (interest, epoch);
    let known = match clients.get(lock, seen.client, of) {
        Some(known) => Some(known),
        None => {
            if seen.origin == Origin::Client {
                seen.origin = match runner {
                    Some(_) => Origin::Script,
                    None => Origin::Module,
                };
            }
            // Of a module that works for nobody there is no client at all.
            seen.client = runner.unwrap_or(seen.client);
            runner.and_then(|runner| clients.get(lock, runner, of))
        }
    };
    let wants = known.map_or_else(|| interest.of_client(b"", None, true), |known| known.wants);
    let sinks = wanted.and(wants.sinks).or(always.and(wants.config_sinks));
    if sinks.is_empty() {
        return;
    }
    if known.is_some_and(|known| known.is_internal) {
        seen.origin = Origin::Replication;
    }
    let hidden = hidden(facts, words);
    if let CommandResult::Denied(denial, Some(object)) = seen.result
        && is_hidden(hidden, words, object)
    {
        seen.result = CommandResult::Denied(denial, Some(Argument::Redacted));
    }
    let (arguments, left_out) = arguments(facts, words, hidden, interest.payload_max_bytes());
    let key = (facts.first_key > 0)
        .then(|| words.get(facts.first_key))
        .flatten();
    let command = Command {
        category: facts.category,
        name: &facts.name,
        origin: seen.origin,
        database: known.map(|known| known.database),
        key: key.map(|key| shown(hidden, facts.first_key, key, KEY_BYTES)),
        arguments,
        left_out,
        result: seen.result,
        duration_us: seen.duration_us,
        keys_modified: seen.keys_modified,
    };
    let client = known.map(|known| known.client(seen.client));
    trail.push(sinks, seen.at_us, client.as_ref(), &Event::Command(command));
}

/// What of a command must not be seen.
fn hidden(facts: &Facts, words: &Words<'_>) -> Hidden {
    if facts.redaction.is_plain() {
        return Hidden::NONE;
    }
    let words: SmallVec<[&[u8]; 16]> = words.iter().collect();
    facts.redaction.hidden(&words)
}

/// Whether what the ACL denied is an argument that must not be seen.
fn is_hidden(hidden: Hidden, words: &Words<'_>, object: Argument<'_>) -> bool {
    let (Argument::Plain(object) | Argument::Cut(object, _)) = object else {
        return true;
    };
    let mut places = words.iter().enumerate();
    places.any(|(place, word)| hidden.hides(place) && word.starts_with(object))
}

fn shown(hidden: Hidden, place: usize, word: &[u8], most: usize) -> Argument<'_> {
    if hidden.hides(place) {
        Argument::Redacted
    } else {
        cut(word, most)
    }
}

/// Everything after the name but the first key, at most so many bytes; and how many arguments
/// were left out.
fn arguments<'a>(
    facts: &Facts,
    words: &Words<'a>,
    hidden: Hidden,
    most: usize,
) -> (SmallVec<[Argument<'a>; 6]>, u32) {
    let names = 1 + usize::from(facts.name.contains(&b'|'));
    let count = words.len();
    let mut left = most;
    let mut shown = SmallVec::new();
    for place in names..count {
        if place == facts.first_key {
            continue;
        }
        if left == 0 || shown.len() == MOST_ARGUMENTS {
            let rest = count - place;
            let has_key = usize::from(facts.first_key > place);
            return (shown, u32::try_from(rest - has_key).unwrap_or(u32::MAX));
        }
        let Some(word) = words.get(place) else {
            break;
        };
        shown.push(self::shown(hidden, place, word, left));
        if !hidden.hides(place) {
            left = left.saturating_sub(word.len());
        }
    }
    (shown, 0)
}
