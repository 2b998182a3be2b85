//! Carries out what the session room decides: users, rules, attached and closed
//! clients.
//!
//! The registry is only borrowed to compute actions, never while the server is
//! called: the server calls back into [`left`] from within some of those calls.

use std::sync::Arc;

use warden_core::permissions::Modes;
use warden_core::{ClientFacts, ClientId, Now, Principal, Reason, Verified};
use warden_session::{Action, Admission, ClassId, EndCause, Registry, Rules, SessionId};

use crate::audit;
use crate::ffi::{Detached, Entered, Level, MainThread, ServerLock, deauthenticate_and_close, log};
use crate::login::AuthContext;
use crate::shared::Shared;
use crate::users::internal;
use crate::{modes, searches, users};

/// Who is connected and with which class.
static REGISTRY: MainThread<Option<Registry>> = MainThread::new(None);

/// Starts with nobody connected.
pub(crate) fn start(lock: &ServerLock, registry: Registry) {
    REGISTRY.with(lock, |cell| *cell = Some(registry));
}

/// Lets nobody in any more; slices close every session and free every user.
pub(crate) fn begin_drain(lock: &ServerLock) {
    with_registry(lock, Registry::begin_drain);
}

/// What an unload would still have to do: sessions and users.
pub(crate) fn remaining(lock: &ServerLock) -> (usize, usize) {
    with_registry(lock, |registry| {
        let counts = registry.counts();
        (counts.sessions, counts.classes)
    })
    .unwrap_or_default()
}

/// Ends every session and frees every user, at once: for a few.
pub(crate) fn stop(lock: &ServerLock, now: Now) {
    let actions = with_registry(lock, Registry::drain).unwrap_or_default();
    perform(lock, actions, now);
    modes::forget(lock);
    searches::forget(lock);
    users::forget(lock);
    REGISTRY.with(lock, Option::take);
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
pub(crate) fn taken_over(lock: &ServerLock, client: ClientId, now: Now) {
    let rules = with_registry(lock, |registry| {
        registry.session(client).map(|view| view.rules.clone())
    });
    if let Some(rules) = rules.flatten() {
        left(lock, client, "left", now);
        modes::left(lock, client, modes::entered_under(&rules));
    }
}

/// This client's session is over.
fn left(lock: &ServerLock, client: ClientId, cause: &str, now: Now) {
    with_registry(lock, |registry| {
        let Some(view) = registry.session(client) else {
            return;
        };
        let session = view.session;
        audit::session_ended(lock, &view, cause, now);
        registry.left(client, session, now);
    });
}

/// What is known of the connection by the session it has: only what can change is looked
/// at again, for to ask the server takes a system call. `None` without a session, and with
/// a certificate, of which a session does not keep all.
pub(crate) fn facts_of(ctx: &AuthContext<'_>) -> Option<ClientFacts> {
    let client = ctx.client()?;
    let known = with_registry(ctx.lock(), |registry| {
        registry.session(client).map(|view| view.facts())
    });
    let known = known.flatten()?;
    known.certificate.is_none().then(|| ClientFacts {
        replica: ctx.is_replica(),
        ..known
    })
}

/// The credential a connection's session was admitted with, presented again: `None` where
/// more than its time is to be decided.
///
/// # Errors
/// When the server does not do as asked: the client's identity is then what it was.
pub(crate) fn repeat(
    ctx: &AuthContext<'_>,
    principal: &Arc<Verified<Principal>>,
    generation: u64,
    now: Now,
) -> Option<Result<(), Reason>> {
    let client = ctx.client()?;
    let class = with_registry(ctx.lock(), |registry| {
        registry.repeat(client, principal, generation, now)
    });
    class.flatten().map(|class| users::attach(ctx, class))
}

/// Makes a verified and decided log-in a session; `entered` is what the connection had
/// entered when its credential arrived.
///
/// # Errors
/// When the registry refuses, or the server does not do as asked: the client's
/// identity is then what it was before, or it is closed.
pub(crate) fn admit(
    ctx: &AuthContext<'_>,
    (admission, entered): (Admission, Option<Entered>),
    now: Now,
) -> Result<(), Reason> {
    let client = admission.client;
    let before = with_registry(ctx.lock(), |registry| {
        registry
            .session(client)
            .map(|view| (view.session, view.class, view.rules.clone()))
    })
    .flatten();
    let stays_in_a_mode = before.is_none() && may_be_in_a_mode(ctx, client, entered);
    let actions = with_registry(ctx.lock(), |registry| registry.admit(admission, now))
        .unwrap_or_else(|| Err(internal("no registry")))?;
    let session = actions.iter().find_map(|action| match action {
        Action::Attach { session, .. } | Action::AttachToAclUser { session, .. } => Some(*session),
        _ => None,
    });
    for action in actions {
        let done = match action {
            Action::Attach { class, .. } => users::attach(ctx, class),
            Action::AttachToAclUser { user, .. } => users::attach_to_local(ctx, &user),
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
    if let Some((before, class, rules)) = before {
        // The server has ended the session the connection had before.
        with_registry(ctx.lock(), |registry| {
            if let Some(view) = registry.replaced(client) {
                audit::session_ended(ctx.lock(), &view, "replaced", now);
            }
            registry.left(client, before, now);
        });
        end_kept_modes(ctx.lock(), client, (class, &rules), now);
    } else if stays_in_a_mode {
        end_former_modes(ctx.lock(), client, now);
    }
    Ok(())
}

/// Whether a connection may have entered a mode before it authenticates. Where the server
/// does not tell all of them, whoever runs as `default` is taken for one that has not
/// authenticated: asking about every log-in would cost more than the log-in.
fn may_be_in_a_mode(ctx: &AuthContext<'_>, client: ClientId, entered: Option<Entered>) -> bool {
    let Some(entered) = entered else {
        return true;
    };
    let is_somebody = || ctx.user_name(client).is_none_or(|user| user != b"default");
    !entered.modes.is_empty() || (!entered.is_all && is_somebody())
}

/// A connection that was of the server's own ACL stays in the modes it was in. Where its
/// rules would not let it enter one of them, it is closed; a subscriber is in any case.
fn end_former_modes(lock: &ServerLock, client: ClientId, now: Now) {
    end_modes(lock, client, modes::EVERY, now);
}

/// A connection that authenticated again stays in the modes it was in. Where its new
/// rules would not let it enter one of them, it is closed; where rules differ at
/// all, a subscriber is, for its channels may no longer be granted. What another user of the
/// server's own ACL may is not known here: it counts as other rules.
fn end_kept_modes(
    lock: &ServerLock,
    client: ClientId,
    (class, rules): (ClassId, &Rules),
    now: Now,
) {
    let is_other = with_registry(lock, |registry| {
        let view = registry.session(client)?;
        let is_another_user = rules.are_of_acl_user() && view.class != class;
        Some(is_another_user || view.rules != rules)
    });
    if is_other.flatten() == Some(true) {
        end_modes(lock, client, modes::entered_under(rules), now);
    }
}

/// Closes a session in one of these modes which its rules would not let it enter, or in
/// which it may have subscribed to what they do not grant.
fn end_modes(lock: &ServerLock, client: ClientId, had: Modes, now: Now) {
    let after = with_registry(lock, |registry| {
        registry
            .session(client)
            .map(|view| (view.session, modes::of(view.rules)))
    });
    let Some((session, after)) = after.flatten() else {
        return;
    };
    let lost = Modes {
        subscribe: had.subscribe,
        ..had.lost(after)
    };
    if modes::in_mode(lock, &[client], lost).contains(&client) {
        log(
            Level::Verbose,
            &format!(
                "closing client {}: it stays in a mode its new rights do not allow",
                client.0
            ),
        );
        close(lock, client, session, "mode-lost", now);
    }
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
        Action::CreateUser { class, name, rules } => users::create(lock, class, name, &rules),
        Action::SetRules { class, rules } => replace_rules(lock, class, &rules, now),
        Action::Close {
            client,
            session,
            cause,
        } => {
            log(
                Level::Verbose,
                &format!("closing client {}: {cause}", client.0),
            );
            close(lock, client, session, cause.as_str(), now);
            Ok(())
        }
        Action::FreeUser { class } => {
            free_user(lock, class, now);
            Ok(())
        }
        Action::Attach { .. } | Action::AttachToAclUser { .. } => {
            Err(internal("a client to attach outside a log-in"))
        }
    }
}

/// Closes a client. The server tells nobody of a session that ends by our own
/// call, and one that was gone already has told us before.
fn close(lock: &ServerLock, client: ClientId, session: SessionId, cause: &str, now: Now) {
    with_registry(lock, |registry| {
        let view = registry
            .session(client)
            .filter(|view| view.session == session);
        if let Some(view) = view {
            audit::session_ended(lock, &view, cause, now);
        }
    });
    deauthenticate_and_close(lock, client);
    with_registry(lock, |registry| registry.left(client, session, now));
}

/// Replaces a class's rules; when the server does not take them, the user goes,
/// and its clients with it: nobody keeps rights that were to be taken away.
fn replace_rules(lock: &ServerLock, class: ClassId, rules: &Rules, now: Now) -> Result<(), Reason> {
    let replaced = users::set_rules(lock, class, rules);
    match replaced {
        Ok(lost) => {
            modes::lost(lock, class, lost);
            Ok(())
        }
        Err(reason) => {
            with_registry(lock, |registry| {
                registry.condemn(class, &EndCause::RulesNotSet)
            });
            free_user(lock, class, now);
            Err(reason)
        }
    }
}

/// Frees a class's user; the server closes the clients that still run as it.
fn free_user(lock: &ServerLock, class: ClassId, now: Now) {
    for client in users::free(lock, class) {
        left(lock, client, "class-freed", now);
    }
}

/// Ends the sessions of users whose name has become that of a user in the server's
/// own ACL, looking at `limit` of ours. Answers whether there are more to look at.
pub(crate) fn end_collisions(lock: &ServerLock, limit: usize, now: Now) -> bool {
    let swept = users::sweep(lock, limit, now.monotonic);
    for (class, name) in swept.taken {
        let actions = with_registry(lock, |registry| {
            registry.condemn(class, &EndCause::NameTaken)
        });
        let actions = actions.unwrap_or_default();
        if !actions.is_empty() {
            log(
                Level::Warning,
                &format!(
                    "a user named {name} exists now in the server's own ACL: closing its sessions"
                ),
            );
        }
        perform(lock, actions, now);
    }
    swept.unfinished
}

/// Closes clients that stay in a mode their class has lost the right to, looking
/// at a few and at most `limit`. Answers how many it closed; `None` when there was
/// nothing to look at.
pub(crate) fn end_lost_modes(lock: &ServerLock, limit: usize, now: Now) -> Option<usize> {
    let clients = modes::next(lock, limit)?;
    let closed = clients.len();
    for client in clients {
        let session = with_registry(lock, |registry| {
            registry.session(client).map(|view| view.session)
        });
        if let Some(session) = session.flatten() {
            log(
                Level::Verbose,
                &format!(
                    "closing client {}: it stays in a mode its policies no longer allow",
                    client.0
                ),
            );
            close(lock, client, session, "mode-lost", now);
        }
    }
    Some(closed)
}

/// Closes connections that stay in a mode they had entered in a session that is over,
/// looking at a few and at most `limit`. Answers how many it closed; `None` when there
/// was nothing to look at.
pub(crate) fn end_outlived_modes(lock: &ServerLock, limit: usize) -> Option<usize> {
    let clients = modes::next_left(lock, limit)?;
    for client in &clients {
        log(
            Level::Verbose,
            &format!(
                "closing client {}: it stays in a mode it had entered in a session that is over",
                client.0
            ),
        );
        deauthenticate_and_close(lock, *client);
    }
    Some(clients.len())
}

/// Asks the server anew what it understands, when modules have come or gone, and
/// has the policies rendered for that. Answers whether it did.
pub(crate) fn refresh_server(shared: &Shared, lock: &ServerLock) -> bool {
    let Ok(ctx) = Detached::new(lock) else {
        return false;
    };
    shared.set_replica(ctx.is_replica());
    if !shared.take_server_change() {
        return false;
    }
    users::server_changed(lock);
    match crate::facts::of_server(&ctx) {
        Ok(server) => {
            if **shared.server.load() != server {
                shared.server.store(Arc::new(server));
                shared.publish(None);
            }
        }
        Err(error) => log(
            Level::Warning,
            &format!("the server's commands are not known: {error}"),
        ),
    }
    true
}
