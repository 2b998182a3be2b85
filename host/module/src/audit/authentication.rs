//! Log-ins, whoever decides about them.
//!
//! In: what became of a log-in of ours; from 9.1 on what others decided; on 8.0 what the
//! connection is after somebody else was asked. Out: a record each. A user name that may be a
//! secret in the wrong place is not shown.

use std::borrow::Cow;

use warden_audit::event::{Attempt, Authentication, Grant};
use warden_audit::{Category, Event, SinkSet};
use warden_core::{ClientId, Principal, Reason};

use super::observer::{self, Observer};
use super::refusing;
use crate::ffi::{
    ClientInfo, Context, Detached, LoggedIn, ServerLock, Words, deauthenticate_and_close, results,
};
use crate::refusals::shown;
use crate::shared::Shared;
use crate::{sessions, state};

/// What a log-in of ours came to.
pub(crate) enum Outcome<'a> {
    /// Somebody must look at the credential first.
    Begun,
    /// A session.
    Granted(&'a Principal),
    /// No session; and for whom, where that is proved.
    Refused(&'a Reason, Option<&'a Principal>),
    /// Not ours: others decide.
    Passed,
}

/// A log-in that others may decide about, on a server that does not tell how.
pub(super) struct Passed {
    client: ClientId,
    user: Vec<u8>,
    /// Whom the connection ran as before.
    before: Vec<u8>,
}

/// Records what a log-in of ours has come to so far.
pub(crate) fn attempted(shared: &Shared, ctx: &Context<'_>, user: &[u8], outcome: &Outcome<'_>) {
    let Some(client) = ctx.client() else {
        return;
    };
    let is_wanted = observer::with(ctx.lock(), |observer| {
        let sinks = observer.roster.interest.of_category(Category::Auth);
        // Whoever it is now, it may be another one next.
        if matches!(outcome, Outcome::Granted(_)) {
            observer.clients.doubt(client);
        }
        if !matches!(outcome, Outcome::Passed) {
            observer.passed.retain(|passed| passed.client != client);
            if !sinks.is_empty() {
                observer.attempts.insert(client);
            }
        }
        !sinks.is_empty()
    });
    if is_wanted != Some(true) {
        return;
    }
    let given = user;
    let user = shown(given);
    match outcome {
        Outcome::Begun => tell(ctx, client, &of(Attempt::Begun, &user)),
        Outcome::Refused(reason, principal) => tell(
            ctx,
            client,
            &Authentication {
                reason: reason.detail(),
                issuer: &issuer_of(*principal),
                ..vouched(of(Attempt::Failure, &user), *principal)
            },
        ),
        Outcome::Granted(principal) => granted(shared, ctx, client, (&user, principal)),
        Outcome::Passed => {
            if !results::tells_results() {
                let before = ctx.user_name(client).unwrap_or_default();
                observer::with(ctx.lock(), |observer| {
                    if observer.is_in_exec(client) {
                        // One that came before it in its transaction is decided.
                        settle(observer, ctx.lock(), Whose::Of(client));
                    }
                    let passed = Passed {
                        client,
                        user: given.to_vec(),
                        before,
                    };
                    expect(&mut observer.passed, passed);
                });
            }
        }
    }
}

/// AUTH or HELLO arrives on a server that does not tell how log-ins end: another module may
/// decide before warden is asked. In a transaction it does not run yet.
pub(super) fn arrived(
    pending: &mut Vec<Passed>,
    lock: &ServerLock,
    client: ClientId,
    words: &Words<'_>,
    sinks: SinkSet,
) {
    if sinks.is_empty() {
        return;
    }
    let (Some(user), Ok(ctx)) = (user_of(words), Detached::new(lock)) else {
        return;
    };
    if ClientInfo::of(lock, client).is_none_or(|info| info.is_queueing) {
        return;
    }
    let passed = Passed {
        client,
        user: user.to_vec(),
        before: ctx.user_name(client).unwrap_or_default(),
    };
    expect(pending, passed);
}

/// Whom a command logs in, if it does.
fn user_of<'a>(words: &Words<'a>) -> Option<&'a [u8]> {
    let is = |place: usize, name: &[u8]| {
        words
            .get(place)
            .is_some_and(|word| word.eq_ignore_ascii_case(name))
    };
    if is(0, b"auth") {
        return match words.len() {
            2 => Some(b"default"),
            3 => words.get(1),
            _ => None,
        };
    }
    if !is(0, b"hello") {
        return None;
    }
    let mut place = 2;
    while place < words.len() {
        if is(place, b"auth") {
            // With its password.
            words.get(place + 2)?;
            return words.get(place + 1);
        }
        place += if is(place, b"setname") { 2 } else { 1 };
    }
    None
}

/// One for each connection: it waits until its log-in is decided.
fn expect(pending: &mut Vec<Passed>, passed: Passed) {
    if pending.iter().all(|one| one.client != passed.client) {
        pending.push(passed);
    }
}

fn granted(
    shared: &Shared,
    ctx: &Context<'_>,
    client: ClientId,
    (user, principal): (&str, &Principal),
) {
    let view = sessions::with_registry(ctx.lock(), |registry| {
        let view = registry.session(client)?;
        let rules = Some(view.rules).filter(|rules| !rules.are_of_acl_user());
        Some((
            rules
                .map(|rules| rules.as_str().to_owned())
                .unwrap_or_default(),
            view.generation.unwrap_or(0),
            view.expires,
        ))
    });
    let (rules, generation, expires) = view.flatten().unwrap_or_default();
    let (policies, digest) = shared.policies_in_short(generation);
    tell(
        ctx,
        client,
        &Authentication {
            grant: Some(Grant {
                policies: &policies,
                generation,
                digest: &digest,
                rules: &rules,
                expires_us: expires.map(|at| at.as_unix_millis().saturating_mul(1000)),
            }),
            issuer: &issuer_of(Some(principal)),
            ..vouched(of(Attempt::Success, user), Some(principal))
        },
    );
}

/// The issuer that a verified credential names.
fn issuer_of(principal: Option<&Principal>) -> Cow<'_, str> {
    principal
        .and_then(|principal| principal.claims.text_of("iss"))
        .unwrap_or_default()
}

/// With who was proved, and by which authenticator.
fn vouched<'a>(told: Authentication<'a>, principal: Option<&'a Principal>) -> Authentication<'a> {
    let Some(principal) = principal else {
        return told;
    };
    Authentication {
        method: principal.method.as_str(),
        authenticator: principal.authenticator.as_str(),
        principal: principal.name.as_str(),
        ..told
    }
}

/// What the server's own check, or another module, has decided: told from 9.1 on.
pub(super) fn decided_by_others(ctx: &Context<'_>, attempt: &LoggedIn<'_>) {
    if attempt.module == Some(b"warden") {
        return;
    }
    let user = shown(attempt.user);
    let module = attempt.module.map(String::from_utf8_lossy);
    let result = if attempt.granted {
        Attempt::Success
    } else {
        Attempt::Failure
    };
    observer::with(ctx.lock(), |observer| {
        observer.clients.doubt(attempt.client);
        if !observer
            .roster
            .interest
            .of_category(Category::Auth)
            .is_empty()
        {
            observer.attempts.insert(attempt.client);
        }
    });
    tell(
        ctx,
        attempt.client,
        &Authentication {
            method: if module.is_some() {
                "module"
            } else {
                "password"
            },
            module: module.as_deref().unwrap_or_default(),
            reason: if attempt.granted {
                ""
            } else {
                "refused by the server or another module"
            },
            ..of(result, &user)
        },
    );
}

/// Somebody was let in when the connection was made: out again, where that could not be recorded.
pub(super) fn at_connection(
    observer: &mut Observer,
    lock: &ServerLock,
    client: ClientId,
    user: &[u8],
) {
    let shared = state::shared();
    let refusal = shared
        .filter(|shared| !shared.settings.load().is_native(user))
        .and_then(|shared| refusing::refusal(&shared));
    let (attempt, reason) = match &refusal {
        Some(reason) => (Attempt::Failure, reason.detail()),
        None => (Attempt::Success, ""),
    };
    let user = shown(user);
    let event = Event::Authentication(Authentication {
        method: "certificate",
        reason,
        ..of(attempt, &user)
    });
    let sinks = observer.roster.interest.of_category(Category::Auth);
    observer.of_client(lock, Some(client), sinks, &event);
    if refusal.is_some() {
        deauthenticate_and_close(lock, client);
    }
}

/// So many log-ins that others decide about are looked at whenever a command arrives; of more,
/// those of whose command it is.
const FEW: usize = 16;

/// Whose log-ins to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Everybody's: once in a while.
    All,
    /// Those of a client that goes on, or leaves.
    Of(ClientId),
    Leaver(ClientId),
}

/// Looks, on a server that does not tell, what has become of log-ins that others decide about.
/// Those that they still look at are left for later, but for a client that leaves.
pub(super) fn settle(observer: &mut Observer, lock: &ServerLock, whose: Whose) {
    let whose = match whose {
        Whose::Of(_) if observer.passed.len() <= FEW => Whose::All,
        whose => whose,
    };
    if observer.passed.is_empty() {
        return;
    }
    let is_decided = |passed: &mut Passed| match whose {
        Whose::Of(client) | Whose::Leaver(client) if client != passed.client => false,
        Whose::Leaver(_) => true,
        Whose::All | Whose::Of(_) => {
            !ClientInfo::of(lock, passed.client).is_some_and(|info| info.is_blocked)
        }
    };
    let decided: Vec<Passed> = observer.passed.extract_if(.., is_decided).collect();
    for passed in decided {
        conclude(observer, lock, &passed);
    }
}

fn conclude(observer: &mut Observer, lock: &ServerLock, passed: &Passed) {
    let Ok(ctx) = Detached::new(lock) else {
        return;
    };
    observer.clients.doubt(passed.client);
    let now = ctx.user_name(passed.client).unwrap_or_default();
    let (is_it, was_it) = (now == passed.user, passed.before == passed.user);
    let (attempt, reason) = match (was_it, is_it) {
        (false, true) => (Attempt::Success, ""),
        // It stays who it was when it is refused, too.
        (true, true) => (Attempt::Unknown, "this server does not tell"),
        (_, false) => (Attempt::Failure, "refused by the server or another module"),
    };
    let user = shown(&passed.user);
    let event = Event::Authentication(Authentication {
        method: "password",
        reason,
        ..of(attempt, &user)
    });
    let sinks = observer.roster.interest.of_category(Category::Auth);
    observer.of_client(lock, Some(passed.client), sinks, &event);
}

fn of(attempt: Attempt, user: &str) -> Authentication<'_> {
    Authentication {
        attempt,
        method: "",
        user: user.as_bytes(),
        authenticator: "",
        issuer: "",
        principal: "",
        module: "",
        reason: "",
        grant: None,
    }
}

fn tell(ctx: &Context<'_>, client: ClientId, authentication: &Authentication<'_>) {
    observer::with(ctx.lock(), |observer| {
        let sinks = observer.roster.interest.of_category(Category::Auth);
        let event = Event::Authentication(*authentication);
        observer.of_client(ctx.lock(), Some(client), sinks, &event);
    });
}
