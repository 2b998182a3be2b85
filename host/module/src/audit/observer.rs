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
use super::changes::Changes;
use super::clients::{Clients, Known};
use super::commands::{Commands, Effect, Facts};
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
    wants_administration: bool,
    /// Whether it tells of the one that runs now.
    hears_this: bool,
    pub(super) clients: Clients,
    commands: Commands,
    /// Which state of the server's commands these are.
    listed: u64,
    pub(super) changes: Changes,
    /// Whose command arrived last.
    running: Option<ClientId>,
    /// Who ran the last command that runs others.
    runner: Option<Runner>,
    /// Who did before, for when that command is refused.
    runner_before: Option<Runner>,
    /// Whose command may just have made another of it.
    doubtful: Option<ClientId>,
    /// Log-ins that others decide about, on a server that does not tell how.
    pub(super) passed: Vec<Passed>,
}

/// In each slice: takes what sinks want now into force, if it is not what it was, and looks at
/// what the last command may have changed, where the server does not tell.
pub(crate) fn look(shared: &Shared, lock: &ServerLock) {
    let epoch = shared.trail.epoch();
    let is_current = with(lock, |observer| {
        observer.settle(lock);
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
        observer.wants_administration = wants.administration;
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
            wants_administration: false,
            hears_this: false,
            clients: Clients::default(),
            commands: Commands::default(),
            listed: 0,
            changes: Changes::default(),
            running: None,
            runner: None,
            runner_before: None,
            doubtful: None,
            passed: Vec::new(),
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
        // While it is still known who it was. A subscription must not end within an event.
        let leaver = matches!(event, Event::Closed).then_some(client);
        super::authentication::settle(self, ctx.lock(), leaver);
        self.settle_users(ctx.lock());
        let of = (&self.roster.interest, self.epoch);
        let known = match event {
            Event::Closed => self.clients.remove(client),
            _ => None,
        };
        let sinks = self.roster.interest.of_category(Category::Connections);
        if sinks.is_empty() {
            return;
        }
        let known = known.unwrap_or_else(|| Known::from_info(ctx, client, info, of));
        self.push(&known, client, sinks, microseconds(), event);
    }

    /// A command arrives.
    pub(super) fn arrived(&mut self, lock: &ServerLock, client: ClientId, words: &Words<'_>) {
        self.settle(lock);
        self.running = Some(client);
        let roster = Arc::clone(&self.roster);
        let of = (&roster.interest, &roster.redactor);
        let Some(facts) = self.commands.of_words(words, of) else {
            return;
        };
        let is_administration = matches!(
            facts.category,
            Category::Config | Category::Acl | Category::Admin
        ) || facts.name == b"exec";
        if self.wants_administration && is_administration && !self.hears_successes {
            subscriptions::begin_successes(lock);
            self.hears_this = true;
        }
        match facts.effect {
            Effect::None => {}
            Effect::Client | Effect::Links => {
                // As it was before this command.
                self.clients
                    .get(lock, client, (&roster.interest, self.epoch));
                self.doubtful = Some(client);
                if facts.effect == Effect::Links {
                    self.clients.suspect(client);
                } else if !self.tells_results {
                    let sinks = roster.interest.of_category(Category::Auth);
                    super::authentication::arrived(&mut self.passed, lock, client, words, sinks);
                }
            }
            Effect::Runs => {
                let known = self
                    .clients
                    .get(lock, client, (&roster.interest, self.epoch));
                if known.is_some() {
                    let runner = Runner {
                        client,
                        is_transaction: facts.name == b"exec",
                    };
                    self.runner_before = self.runner.replace(runner);
                    self.doubtful = Some(client);
                }
            }
            Effect::Acl => {
                let look = !self.tells_results;
                self.changes.expect(lock, Some(client), words, look);
            }
        }
        if !self.tells_results {
            let facts = self.commands.of_words(words, of);
            if let Some(facts) = facts {
                let seen = Seen {
                    client,
                    origin: Origin::Client,
                    result: CommandResult::Unknown,
                    duration_us: None,
                    keys_modified: None,
                    at_us: microseconds(),
                };
                record(
                    (&self.trail, &roster, self.epoch),
                    (&mut self.clients, lock, None),
                    facts,
                    words,
                    seen,
                );
            }
        }
    }

    /// A command has ended.
    pub(super) fn finished(&mut self, ctx: &Context<'_>, finished: &Finished<'_>) {
        let lock = ctx.lock();
        let roster = Arc::clone(&self.roster);
        let of = (&roster.interest, &roster.redactor);
        let facts = match finished.name {
            Some(name) => self.commands.at((finished.name_at, name), of),
            None => self.commands.of_words(&finished.words, of),
        };
        let Some(facts) = facts else {
            return;
        };
        // Failures alone do not tell what came before them in the transaction.
        let own = self.runner.filter(|one| one.client == finished.client);
        if !self.hears_successes && own.is_some_and(|one| one.is_transaction) {
            self.clients.doubt(finished.client);
        }
        let waits = facts.may_wait
            && self
                .clients
                .get(lock, finished.client, (&roster.interest, self.epoch))
                .is_some()
            && ClientInfo::of(lock, finished.client).is_some_and(|info| info.is_blocked);
        let result = match finished.ended {
            // It has only begun to wait.
            Ended::Success if waits => CommandResult::Unknown,
            Ended::Success => CommandResult::Success,
            Ended::Failure => CommandResult::Failure,
            Ended::Rejected(error) => CommandResult::Rejected(shown_error(error)),
            Ended::Denied(what, object) => denied(what, object),
        };
        let seen = Seen {
            client: finished.client,
            origin: if finished.by_module {
                Origin::Module
            } else {
                Origin::Client
            },
            result,
            duration_us: (!waits).then_some(finished.duration_us),
            keys_modified: (!waits).then_some(finished.keys_modified),
            at_us: cached_microseconds(),
        };
        let has_changed = matches!(finished.ended, Ended::Success);
        let (effect, is_select) = (facts.effect, facts.name == b"select");
        let is_exec = facts.name == b"exec";
        record(
            (&self.trail, &roster, self.epoch),
            (&mut self.clients, lock, self.runner),
            facts,
            &finished.words,
            seen,
        );
        if has_changed && is_select {
            let number = finished
                .words
                .get(1)
                .and_then(|word| std::str::from_utf8(word).ok());
            if let Some(number) = number.and_then(|text| text.parse().ok()) {
                self.clients.select(finished.client, number);
            }
        }
        // Also within a transaction.
        if has_changed && effect == Effect::Client && !is_select {
            self.clients.doubt(finished.client);
        }
        // One that was refused, because another's script was running, has run nothing.
        let is_refused = matches!(finished.ended, Ended::Rejected(_) | Ended::Denied(..));
        if let Some(own) = own.filter(|_| effect == Effect::Runs) {
            if is_refused {
                self.runner = self.runner_before.take();
            } else if is_exec || !own.is_transaction {
                self.runner = None;
            }
        }
        if has_changed && effect == Effect::Acl {
            let client = Some(finished.client);
            self.changes.expect(lock, client, &finished.words, true);
            self.settle_users(lock);
        }
    }

    /// What the command before has changed. Not from within an event: a subscription may end.
    pub(super) fn settle(&mut self, lock: &ServerLock) {
        if std::mem::take(&mut self.hears_this) && !self.hears_successes {
            subscriptions::end_successes(lock);
        }
        if let Some(client) = self.doubtful.take() {
            self.clients.doubt(client);
        }
        super::authentication::settle(self, lock, None);
        self.settle_users(lock);
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
                    Category::Config => known.config_sinks,
                    _ => SinkSet::NONE,
                };
                (Some(known.client(id)), sinks.and(known.sinks).or(always))
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
                Some(known) => known.sinks,
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
            .push(sinks.and(known.sinks), at_us, Some(&client), &event);
    }
}

/// A connection whose command runs others.
#[derive(Clone, Copy, Debug)]
struct Runner {
    client: ClientId,
    /// Whether that command is EXEC, which runs scripts, too.
    is_transaction: bool,
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
    (clients, lock, runner): (&mut Clients, &ServerLock, Option<Runner>),
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
    if clients.get(lock, seen.client, of).is_none()
        && let Some(runner) = runner
    {
        seen.client = runner.client;
        if seen.origin == Origin::Client {
            seen.origin = Origin::Script;
        }
    }
    let known = clients.get(lock, seen.client, of);
    let wants = match known {
        Some(known) => (known.sinks, known.config_sinks),
        // A module by itself, for nobody.
        None if seen.origin == Origin::Module => {
            let nobody = interest.of_client(b"", None, true);
            (nobody.sinks, nobody.config_sinks)
        }
        None => return,
    };
    let sinks = wanted.and(wants.0).or(always.and(wants.1));
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
