//! Carries out what the session room decides: users, rules, attached and closed
//! clients.
//!
//! The registry is only borrowed to compute actions, never while the server is
//! called: the server calls back into [`left`] from within some of those calls.

use std::collections::HashMap;

use warden_core::{ClientId, Now, Reason, ReasonKind};
use warden_session::{Action, Admission, ClassId, Registry, Rules};

use crate::ffi::{
    Detached, Level, MainThread, ModuleUser, ServerLock, deauthenticate_and_close, log,
};
use crate::loader::Load;
use crate::login::AuthContext;
use crate::shared::Shared;

/// Who is connected and with which class.
static REGISTRY: MainThread<Option<Registry>> = MainThread::new(None);

/// The server's users, by class.
static USERS: MainThread<Option<HashMap<ClassId, ModuleUser>>> = MainThread::new(None);

/// Starts with nobody connected.
pub(crate) fn start(lock: &ServerLock, registry: Registry) {
    REGISTRY.with(lock, |cell| *cell = Some(registry));
    USERS.with(lock, |cell| *cell = Some(HashMap::new()));
}

/// Ends every session: the server closes the clients of a user that is freed.
pub(crate) fn stop(lock: &ServerLock) {
    REGISTRY.with(lock, Option::take);
    let users = USERS.with(lock, Option::take).flatten().unwrap_or_default();
    for user in users.into_values() {
        user.free(lock);
    }
}

/// Borrows the registry; `None` before the module is loaded.
pub(crate) fn with_registry<T>(
    lock: &ServerLock,
    work: impl FnOnce(&mut Registry) -> T,
) -> Option<T> {
    REGISTRY
        .with(lock, |registry| registry.as_mut().map(work))
        .flatten()
}

/// The server says: this client has left, or runs as another user now.
pub(crate) fn left(lock: &ServerLock, client: ClientId, now: Now) {
    with_registry(lock, |registry| {
        if let Some(session) = registry.session(client).map(|view| view.session) {
            registry.left(client, session, now);
        }
    });
}

/// Makes a verified and decided log-in a session.
///
/// # Errors
/// When the registry refuses, or the server does not do as asked: the client's
/// identity is then what it was before, or it is closed.
pub(crate) fn admit(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    admission: Admission,
) -> Result<(), Reason> {
    let now = shared.now();
    let client = admission.client;
    let before = with_registry(ctx.lock(), |registry| {
        registry.session(client).map(|view| view.session)
    });
    let actions = with_registry(ctx.lock(), |registry| registry.admit(admission, now))
        .unwrap_or_else(|| Err(internal("no registry")))?;
    let session = actions.iter().find_map(|action| match action {
        Action::Attach { session, .. } => Some(*session),
        _ => None,
    });
    for action in actions {
        let done = match action {
            Action::Attach { class, .. } => attach(ctx, class),
            other => perform_one(ctx.lock(), other, now),
        };
        if let Err(reason) = done {
            let undone = with_registry(ctx.lock(), |registry| {
                session.map(|session| registry.abandon(client, session, now))
            });
            perform(ctx.lock(), undone.flatten().unwrap_or_default(), now);
            return Err(reason);
        }
    }
    // The server has ended the session the connection had before.
    if let Some(before) = before.flatten() {
        with_registry(ctx.lock(), |registry| registry.left(client, before, now));
    }
    Ok(())
}

/// Carries out actions that belong to no log-in.
pub(crate) fn perform(lock: &ServerLock, actions: Vec<Action>, now: Now) {
    for action in actions {
        if let Err(reason) = perform_one(lock, action, now) {
            log(Level::Warning, reason.detail());
        }
    }
}

fn perform_one(lock: &ServerLock, action: Action, now: Now) -> Result<(), Reason> {
    match action {
        Action::CreateUser { class, name, rules } => {
            let user = ModuleUser::create(lock, name.as_str()).map_err(internal)?;
            match set_rules(lock, &user, &rules) {
                Ok(()) => {
                    users(lock, |users| users.insert(class, user));
                    Ok(())
                }
                Err(reason) => {
                    user.free(lock);
                    Err(reason)
                }
            }
        }
        Action::SetRules { class, rules } => replace_rules(lock, class, &rules, now),
        Action::Close { client, cause, .. } => {
            log(
                Level::Verbose,
                &format!("closing client {}: {cause}", client.0),
            );
            deauthenticate_and_close(lock, client);
            Ok(())
        }
        Action::FreeUser { class } => {
            free_user(lock, class, now);
            Ok(())
        }
        Action::Attach { .. } => Err(internal("a client to attach outside a log-in")),
    }
}

/// Replaces a class's rules; when the server does not take them, the user goes,
/// and its clients with it: nobody keeps rights that were to be taken away.
fn replace_rules(lock: &ServerLock, class: ClassId, rules: &Rules, now: Now) -> Result<(), Reason> {
    let done = users(lock, |users| {
        users.get(&class).map(|user| set_rules(lock, user, rules))
    });
    let done = done
        .flatten()
        .unwrap_or_else(|| Err(internal("a class without a user")));
    if done.is_err() {
        with_registry(lock, |registry| registry.condemn(class));
        free_user(lock, class, now);
    }
    done
}

/// Frees a class's user; the server closes the clients that still run as it.
fn free_user(lock: &ServerLock, class: ClassId, now: Now) {
    let user = users(lock, |users| users.remove(&class)).flatten();
    for client in user.map(|user| user.free(lock)).unwrap_or_default() {
        left(lock, client, now);
    }
}

/// Sets rules and reads them back: the server answers OK and changes nothing on
/// an unbalanced quote.
fn set_rules(lock: &ServerLock, user: &ModuleUser, rules: &Rules) -> Result<(), Reason> {
    user.set_rules(lock, rules.as_str()).map_err(internal)?;
    let now = user.rules(lock).map_err(internal)?;
    if rules.matches(&now) {
        Ok(())
    } else {
        Err(internal("the server does not have the rules that were set"))
    }
}

/// Makes the client that is authenticating run as its class's user.
fn attach(ctx: &AuthContext<'_>, class: ClassId) -> Result<(), Reason> {
    let done = users(ctx.lock(), |users| {
        users.get(&class).map(|user| ctx.authenticate(user))
    });
    match done.flatten() {
        Some(Ok(_authenticated)) => Ok(()),
        Some(Err(error)) => Err(internal(error)),
        None => Err(internal("a class without a user")),
    }
}

/// Asks the server anew what it understands, when modules have come or gone, and
/// has the policies rendered for that. Answers whether it did.
pub(crate) fn refresh_server(shared: &Shared, lock: &ServerLock) -> bool {
    if !shared.take_server_change() {
        return false;
    }
    match Detached::new(lock).and_then(|ctx| crate::facts::of_server(&ctx)) {
        Ok(server) => {
            shared.server.store(std::sync::Arc::new(server));
            // The channel is closed only at unload.
            let _ = shared.loads.send(Load::Now);
        }
        Err(error) => log(
            Level::Warning,
            &format!("the server's commands are not known: {error}"),
        ),
    }
    true
}

fn users<T>(
    lock: &ServerLock,
    work: impl FnOnce(&mut HashMap<ClassId, ModuleUser>) -> T,
) -> Option<T> {
    USERS.with(lock, |users| users.as_mut().map(work)).flatten()
}

fn internal(error: impl std::fmt::Display) -> Reason {
    Reason::new(ReasonKind::Internal, format!("internal error: {error}"))
}
