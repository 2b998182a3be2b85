//! Unload: everything of ours is ended, or the server keeps us.
//!
//! In: `MODULE UNLOAD`, or a load that failed half-way. Out: no session, nobody who waits,
//! and threads that were told to end; or why that has to be asked for again. What does not
//! fit between two commands is ended by slices.

use std::sync::Arc;

use super::threads::{PATIENCE, join, join_idle};
use crate::ffi::{self, Context, Reply, ServerLock};
use crate::shared::Shared;
use crate::{audit, default_user, loader, sessions, settings, state};

/// Unloads the module.
///
/// # Errors
/// While a user of the server's own ACL has a rule about one of our commands, for 8.0
/// fails an assertion of its own when the command of such a rule goes; while policies are
/// being read or compiled, which may take longer than a server should stand still; while there is more to be ended than fits between two commands, which is
/// then begun; and while a thread of ours has not ended, for what it runs would be gone.
pub(crate) fn unload(ctx: &Context<'_>) -> Result<(), String> {
    if let Some(shared) = state::shared() {
        // A server that finds fault with our settings takes no refusal.
        if shared.has_begun_loading()
            && let Some(user) = named_by_users(ctx).map_err(|error| error.to_string())?
        {
            return Err(format!(
                "ACL user {user} has a rule about a command of warden: take it away first"
            ));
        }
        may_end(ctx.lock(), &shared)?;
        end(ctx.lock(), &shared);
        if !shared.has_begun_loading() {
            join_idle(ctx.lock());
        }
    }
    let threads = join(ctx.lock(), PATIENCE);
    if threads == 0 {
        loader::sinks::await_end(PATIENCE);
    }
    match threads.saturating_add(loader::sinks::running()) {
        0 => Ok(()),
        threads => Err(format!(
            "{threads} threads of warden still end: repeat MODULE UNLOAD until it succeeds"
        )),
    }
}

/// A user of the server's own ACL with a rule about a command of ours.
///
/// # Errors
/// When the server does not answer `ACL LIST`.
fn named_by_users(ctx: &Context<'_>) -> Result<Option<String>, ffi::Error> {
    let (Reply::Array(users) | Reply::Set(users)) = ctx.call("ACL", &[b"LIST"])? else {
        return Err(ffi::Error::Refused("ACL LIST"));
    };
    let names_ours = |rule: &str| {
        let rule = rule.trim_start_matches(['(', '+', '-']);
        let start = rule.get(..settings::PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(settings::PREFIX))
    };
    // `user NAME RULE…`
    let named = users.into_iter().find_map(|user| {
        let Reply::Bulk(user) = user else {
            return None;
        };
        let user = String::from_utf8_lossy(&user);
        let mut words = user.split_whitespace().skip(1);
        let name = words.next()?;
        words.any(names_ours).then(|| name.to_owned())
    });
    Ok(named)
}

/// Sessions that an unload closes at once: the server frees their clients in one go.
const SESSIONS_AT_ONCE: usize = 50;

/// Users that an unload frees at once: each is a walk over every client.
const USERS_AT_ONCE: usize = 8;

/// Credentials in the cache that an unload frees at once.
const REMEMBERED_AT_ONCE: u64 = 1000;

fn may_end(lock: &ServerLock, shared: &Shared) -> Result<(), String> {
    if !shared.compilations.close() {
        return Err("policies are being loaded just now: try again in a moment".to_owned());
    }
    let (sessions, users) = sessions::remaining(lock);
    let is_little = sessions <= SESSIONS_AT_ONCE
        && users <= USERS_AT_ONCE
        && shared.remembered() <= REMEMBERED_AT_ONCE;
    if is_little {
        return Ok(());
    }
    if !shared.is_draining() {
        shared.begin_drain()?;
        sessions::begin_drain(lock);
    }
    Err(format!(
        "{sessions} sessions and {users} users are being ended first, some at a time, and log-ins are refused: \
         repeat MODULE UNLOAD until it succeeds"
    ))
}

/// Ends everything but the threads, which are told to.
pub(super) fn end(lock: &ServerLock, shared: &Arc<Shared>) {
    state::set(None);
    shared.stop();
    // A dropped handle refuses its client.
    drop(shared.pending.close());
    sessions::stop(lock, shared.now());
    default_user::forget(lock);
    audit::forget(lock);
    shared.trail.fleet().close();
}
