//! What the main thread sees of commands, connections and sessions.
//!
//! In: every command that arrives or ends, clients that come and go, sessions that end. Out: a
//! record each, for whom it is wanted. The cheapest questions first: is anybody interested, who
//! is it, which command is it.

mod record;
mod runners;
mod running;
mod told;

use std::sync::Arc;

use rustc_hash::FxHashSet;
use warden_audit::{Entry, Roster};
use warden_core::{ClientId, Now};
use warden_session::SessionView;

use super::authentication::{Passed, Whose};
use super::changes::{Settings, Users};
use super::clients::{Clients, Known};
use super::commands::Commands;
use super::refusing::Transactions;
use super::subscriptions;
use super::trail::Trail;
use crate::ffi::{self, Context, Detached, MainThread, ServerLock, as_module, microseconds};
use crate::shared::Shared;
use runners::{Behind, Runners};

/// The observer of this load; nothing before the first slice.
static OBSERVER: MainThread<Option<Observer>> = MainThread::new(None);

/// What the main thread knows.
pub(super) struct Observer {
    pub(super) trail: Arc<Trail>,
    pub(super) roster: Arc<Roster>,
    epoch: u64,
    /// Whether a sink could come to refuse log-ins and changes.
    pub(super) may_refuse: bool,
    /// Whether this server tells how commands end.
    tells_results: bool,
    /// Whether it tells of every command that ends well.
    hears_successes: bool,
    /// Whether those of administrators are wanted all the same.
    hears_administration: bool,
    /// Whether it tells of the one that runs now.
    hears_this: bool,
    pub(super) clients: Clients,
    /// One that is gone, and of which something is still to be told.
    departed: Option<(ClientId, Known)>,
    pub(super) commands: Commands,
    /// Which state of the server's commands these are.
    listed: u64,
    pub(super) settings: Settings,
    pub(super) users: Users,
    /// Whose EXEC was made one that fails, because it would change what nobody records.
    spoiled: Option<ClientId>,
    /// Who runs commands that run others, or that change what the audit is about.
    runners: Runners,
    /// The database that what it runs has selected, if that did.
    selected: Option<u32>,
    /// Whose command may just have made another of it.
    doubtful: Option<ClientId>,
    /// Log-ins that others decide about, on a server that does not tell how.
    pub(super) passed: Vec<Passed>,
    pub(super) transactions: Transactions,
    /// Whose log-in was told, until its command has ended.
    pub(super) attempts: FxHashSet<ClientId>,
}

/// In each slice: takes what sinks want now into force, if it is not what it was, and looks at
/// what the last command may have changed, where the server does not tell. Answers whether there
/// is more to look at.
pub(crate) fn look(shared: &Shared, lock: &ServerLock) -> bool {
    let epoch = shared.trail.epoch();
    let looked = with(lock, |observer| {
        observer.settle(lock, Whose::All);
        observer.rest(lock);
        (observer.look_at_users(lock), observer.epoch == epoch)
    });
    let (more, is_current) = looked.unwrap_or_default();
    if !is_current {
        as_module(lock, |ctx| adopt(shared, ctx));
    }
    more || !is_current
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
        observer.may_refuse = roster.may_refuse();
        if !observer.may_refuse {
            // What is queued from now on is not watched.
            observer.transactions = Transactions::default();
        }
        observer.roster = roster;
        observer.epoch = epoch;
        observer.hears_successes = wants.successes;
        observer.hears_administration = wants.administration;
        if !wants.clients {
            // Nobody tells of those that leave from now on.
            observer.clients = Clients::default();
            observer.runners = Runners::default();
            observer.attempts = FxHashSet::default();
            observer.passed = Vec::new();
        }
        let commands = trail.commands();
        if observer.listed != commands {
            observer.listed = commands;
            observer.commands.list(ctx);
            observer.settings.learn(ctx);
        }
        observer.commands.forget();
        observer.settings.watch(ctx, wants.settings);
        observer.users.watch(wants.acl);
    });
    trail.adopted(epoch);
}

/// Modules came or went: what the server's memory says of commands is no longer so.
pub(crate) fn forget_commands(lock: &ServerLock) {
    with(lock, |observer| observer.commands.forget());
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

/// Whether a script runs: the server answers others meanwhile where it is slow.
fn is_in_script(lock: &ServerLock) -> bool {
    Detached::new(lock).is_ok_and(|ctx| ctx.is_in_script())
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
            settings: Settings::new(trail.digests().clone()),
            users: Users::new(trail.digests().clone()),
            trail,
            roster: Arc::default(),
            epoch: 0,
            may_refuse: false,
            tells_results: ffi::results::tells_results(),
            hears_successes: false,
            hears_administration: false,
            hears_this: false,
            clients: Clients::default(),
            departed: None,
            commands: Commands::default(),
            listed: 0,
            spoiled: None,
            runners: Runners::default(),
            selected: None,
            doubtful: None,
            passed: Vec::new(),
            transactions: Transactions::default(),
            attempts: FxHashSet::default(),
        }
    }

    /// What the command before has changed.
    pub(super) fn settle(&mut self, lock: &ServerLock, whose: Whose) {
        if let Some(client) = self.doubtful.take() {
            self.clients.doubt(client);
        }
        super::authentication::settle(self, lock, whose);
        self.settle_users(lock);
    }

    /// A sink for whose sake changes are refused just now.
    pub(super) fn refusing(&self) -> Option<&Entry> {
        self.roster.refusing(self.trail.now())
    }

    /// Whether a connection is a link to another server.
    pub(super) fn is_internal(&mut self, lock: &ServerLock, client: ClientId) -> bool {
        let of = (&self.roster.interest, self.epoch);
        let known = self.clients.get(lock, client, of);
        known.is_some_and(|known| known.is_internal)
    }

    /// For whom what no connection does itself is done now.
    fn behind(&self, lock: &ServerLock) -> Behind {
        self.runners.current(lock, self.tells_results)
    }

    /// Whether a client's transaction runs.
    pub(super) fn is_in_exec(&self, client: ClientId) -> bool {
        self.runners.is_in_exec(client)
    }

    /// Between commands, but for one that lets the server look after others meanwhile: what was
    /// subscribed for one command is over.
    fn rest(&mut self, lock: &ServerLock) {
        if !self.runners.is_empty() && !is_in_script(lock) {
            self.runners.look(lock, microseconds(), self.tells_results);
        }
        if !self.runners.is_empty() {
            return;
        }
        self.selected = None;
        if std::mem::take(&mut self.hears_this) && !self.hears_successes {
            subscriptions::end_successes(lock);
        }
    }
}
