//! The server's users, one for each class of sessions.
//!
//! In: a class and its rules. Out: a module user that has exactly these rules, or
//! none at all: what the server did not take is freed, and its clients closed with
//! it. Nothing here knows a session.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use warden_core::permissions::Modes;
use warden_core::{ClientId, Decision, Reason, ReasonKind, UserName};
use warden_session::{ClassId, Rules};

use crate::ffi::{MainThread, ModuleUser, Permission, ServerLock, user_exists};
use crate::login::AuthContext;
use crate::modes;

static USERS: MainThread<Users> = MainThread::new(Users {
    held: BTreeMap::new(),
    swept: None,
    sweep_began: Duration::ZERO,
});

/// A sweep begins no sooner than this after the one before.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// Rules that a user was seen to have after they were set: the same commands of the
/// server make the same of them again.
static PROVEN: MainThread<BTreeSet<String>> = MainThread::new(BTreeSet::new());

/// The most of them.
const MOST_PROVEN: usize = 64;

struct Users {
    held: BTreeMap<ClassId, Held>,
    /// Where the next sweep goes on.
    swept: Option<ClassId>,
    /// When the last sweep began, on the monotonic clock.
    sweep_began: Duration,
}

struct Held {
    user: ModuleUser,
    name: UserName,
    modes: Modes,
}

/// Creates a class's user with its rules.
///
/// # Errors
/// When the server does not create it or does not take the rules; there is then
/// no user.
pub(crate) fn create(
    lock: &ServerLock,
    class: ClassId,
    name: UserName,
    rules: &Rules,
) -> Result<(), Reason> {
    let user = ModuleUser::create(lock, name.as_str()).map_err(internal)?;
    if let Err(reason) = set(lock, &user, rules) {
        user.free(lock);
        return Err(reason);
    }
    let held = Held {
        user,
        name,
        modes: modes::of(rules),
    };
    USERS.with(lock, |users| users.held.insert(class, held));
    Ok(())
}

/// Replaces a class's rules and answers the modes its clients may be in and no
/// longer enter.
///
/// # Errors
/// When the server does not take the rules: the caller must free the user, for it
/// may still have the old ones.
pub(crate) fn set_rules(lock: &ServerLock, class: ClassId, rules: &Rules) -> Result<Modes, Reason> {
    let replaced = USERS.with(lock, |users| {
        users.held.get_mut(&class).map(|held| {
            set(lock, &held.user, rules)?;
            let now = modes::of(rules);
            Ok(std::mem::replace(&mut held.modes, now).lost(now))
        })
    });
    replaced
        .flatten()
        .unwrap_or_else(|| Err(internal("a class without a user")))
}

/// Makes the client that is authenticating run as its class's user.
///
/// # Errors
/// When the server refuses; the client's identity is what it was.
pub(crate) fn attach(ctx: &AuthContext<'_>, class: ClassId) -> Result<(), Reason> {
    let attached = USERS.with(ctx.lock(), |users| {
        users
            .held
            .get(&class)
            .map(|held| ctx.authenticate(&held.user))
    });
    match attached.flatten() {
        Some(attached) => attached.map_err(internal),
        None => Err(internal("a class without a user")),
    }
}

/// Frees a class's user and answers the clients that the server closes with it.
pub(crate) fn free(lock: &ServerLock, class: ClassId) -> Vec<ClientId> {
    let held = USERS
        .with(lock, |users| users.held.remove(&class))
        .flatten();
    held.map(|held| held.user.free(lock)).unwrap_or_default()
}

/// The server's commands have changed: what it makes of rules is seen anew.
pub(crate) fn server_changed(lock: &ServerLock) {
    PROVEN.with(lock, BTreeSet::clear);
}

/// Forgets where the sweeps are and what was proven, at unload.
pub(crate) fn forget(lock: &ServerLock) {
    server_changed(lock);
    USERS.with(lock, |users| {
        users.swept = None;
        users.sweep_began = Duration::ZERO;
    });
}

/// What a sweep found.
#[derive(Default)]
pub(crate) struct Swept {
    /// Users whose name is now also that of a user in the server's own ACL.
    pub(crate) taken: Vec<(ClassId, UserName)>,
    /// There are more users to look at.
    pub(crate) unfinished: bool,
}

/// Looks at the next `limit` users for names that the server's own ACL has taken:
/// `ACL LOAD` would hand their clients that user's rights. Of very many slices in a row
/// only some begin a sweep.
pub(crate) fn sweep(lock: &ServerLock, limit: usize, now: Duration) -> Swept {
    let sweep = |users: &mut Users| {
        if users.swept.is_none() {
            if now < users.sweep_began.saturating_add(SWEEP_PAUSE) {
                return Swept::default();
            }
            users.sweep_began = now;
        }
        let start = users.swept.map_or(Bound::Unbounded, Bound::Excluded);
        let seen: Vec<_> = users
            .held
            .range((start, Bound::Unbounded))
            .take(limit)
            .collect();
        let unfinished = seen.len() == limit;
        // At the end the next sweep begins anew.
        users.swept = seen.last().filter(|_| unfinished).map(|(class, _)| **class);
        let is_taken =
            |held: &Held| user_exists(lock, held.name.as_str().as_bytes()).unwrap_or(true);
        let taken = seen.into_iter().filter(|(_, held)| is_taken(held));
        Swept {
            taken: taken
                .map(|(class, held)| (*class, held.name.clone()))
                .collect(),
            unfinished,
        }
    };
    USERS.with(lock, sweep).unwrap_or_default()
}

/// Whether a user with a decision's rules may run a command. The user is there for
/// the question alone; no client ever has it.
///
/// # Errors
/// When the server does not create it, does not take the rules, or does not answer.
pub(crate) fn may_run(
    lock: &ServerLock,
    name: &UserName,
    decision: &Decision,
    database: i32,
    words: &[Vec<u8>],
) -> Result<Permission, Reason> {
    let user = ModuleUser::create(lock, name.as_str()).map_err(internal)?;
    let rendered = &decision.rendered;
    let answer = set_and_compare(lock, &user, &rendered.rules, |now| rendered.matches(now))
        .and_then(|()| user.may_run(lock, database, words).map_err(internal));
    user.free(lock);
    answer
}

fn set(lock: &ServerLock, user: &ModuleUser, rules: &Rules) -> Result<(), Reason> {
    set_and_compare(lock, user, rules.as_str(), |now| rules.matches(now))
}

/// Sets rules and reads them back, unless that was done with the same before: the server
/// answers OK and changes nothing on an unbalanced quote.
fn set_and_compare(
    lock: &ServerLock,
    user: &ModuleUser,
    rules: &str,
    matches: impl FnOnce(&str) -> bool,
) -> Result<(), Reason> {
    user.set_rules(lock, rules).map_err(internal)?;
    let is_proven = PROVEN.with(lock, |proven| proven.contains(rules));
    if is_proven == Some(true) {
        return Ok(());
    }
    let now = user.rules(lock).map_err(internal)?;
    if !matches(&now) {
        return Err(internal("the server does not have the rules that were set"));
    }
    PROVEN.with(lock, |proven| {
        if proven.len() >= MOST_PROVEN {
            proven.clear();
        }
        proven.insert(rules.to_owned());
    });
    Ok(())
}

/// Something of ours, or of the server, did not do as asked.
pub(crate) fn internal(error: impl std::fmt::Display) -> Reason {
    Reason::new(ReasonKind::Internal, format!("internal error: {error}"))
}
