//! Log-ins, whoever decides about them.
//!
//! In: what became of a log-in of ours; from 9.1 on what others decided; on 8.0 what the
//! connection is after somebody else was asked. Out: a record each. A user name that may be a
//! secret in the wrong place is not shown.

use warden_audit::event::{Attempt, Authentication, Grant};
use warden_audit::{Category, Event};
use warden_core::{ClientId, Principal, Reason};

use super::observer::{self, Observer};
use crate::ffi::{Context, Detached, LoggedIn, ServerLock, results};
use crate::refusals::shown;
use crate::sessions;
use crate::shared::Shared;

/// What a log-in of ours came to.
pub(crate) enum Outcome<'a> {
    /// Somebody must look at the credential first.
    Begun,
    /// A session.
    Granted(&'a Principal),
    /// No session.
    Refused(&'a Reason),
    /// Not ours: others decide.
    Passed,
}

/// A log-in that others decide about, on a server that does not tell how.
pub(super) struct Passed {
    client: ClientId,
    user: String,
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
        !sinks.is_empty()
    });
    if is_wanted != Some(true) {
        return;
    }
    let user = shown(user);
    match outcome {
        Outcome::Begun => tell(ctx, client, &of(Attempt::Begun, &user)),
        Outcome::Refused(reason) => tell(
            ctx,
            client,
            &Authentication {
                reason: reason.detail(),
                ..of(Attempt::Failure, &user)
            },
        ),
        Outcome::Granted(principal) => granted(shared, ctx, client, (&user, principal)),
        Outcome::Passed => {
            if !results::tells_results() {
                let before = ctx.user_name(client).unwrap_or_default();
                observer::with(ctx.lock(), |observer| {
                    observer.passed = Some(Passed {
                        client,
                        user,
                        before,
                    });
                });
            }
        }
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
    let (policies, digest) = shared.policies_in_short();
    let issuer = principal.claims.get("iss");
    let issuer = issuer.and_then(|value| value.as_str()).unwrap_or_default();
    tell(
        ctx,
        client,
        &Authentication {
            method: principal.method.as_str(),
            authenticator: principal.authenticator.as_str(),
            issuer,
            principal: principal.name.as_str(),
            grant: Some(Grant {
                policies: &policies,
                generation,
                digest: &digest,
                rules: &rules,
                expires_us: expires.map(|at| at.as_unix_millis().saturating_mul(1000)),
            }),
            ..of(Attempt::Success, user)
        },
    );
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
        observer.clients.doubt(attempt.client)
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

/// Somebody was let in when the connection was made.
pub(super) fn at_connection(
    observer: &mut Observer,
    lock: &ServerLock,
    client: ClientId,
    user: &[u8],
) {
    let user = shown(user);
    let event = Event::Authentication(Authentication {
        method: "certificate",
        ..of(Attempt::Success, &user)
    });
    let sinks = observer.roster.interest.of_category(Category::Auth);
    observer.of_client(lock, Some(client), sinks, &event);
}

/// Looks, on a server that does not tell, what has become of a log-in that others decided about.
pub(super) fn settle(observer: &mut Observer, lock: &ServerLock) {
    let Some(passed) = observer.passed.take() else {
        return;
    };
    let Ok(ctx) = Detached::new(lock) else {
        return;
    };
    observer.clients.doubt(passed.client);
    let now = ctx.user_name(passed.client).unwrap_or_default();
    let is_it = now == passed.user.as_bytes();
    let was_it = passed.before == passed.user.as_bytes();
    let (attempt, reason) = match (was_it, is_it) {
        (false, true) => (Attempt::Success, ""),
        // It stays who it was when it is refused, too.
        (true, true) => (Attempt::Unknown, "this server does not tell"),
        (_, false) => (Attempt::Failure, "refused by the server or another module"),
    };
    let event = Event::Authentication(Authentication {
        method: "password",
        reason,
        ..of(attempt, &passed.user)
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
