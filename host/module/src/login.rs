//! One AUTH, from the server's callback to its answer.
//!
//! ```text
//!            ┌ native or local user, nobody's credential ─────→ Valkey's own check
//! AUTH ──────┼ cached and decided ──────────────→ settle ─┐
//!            └ else: block, others verify and decide ─────┴→ session or refusal
//! ```
//!
//! Everything here runs on the main thread and neither waits nor verifies. A
//! credential warden cannot decide about is refused: never a yes.

mod credential;
mod outcomes;
mod remembered;

use std::sync::Arc;
use std::time::Duration;

use warden_authn::{Claim, Presented};
use warden_core::{ClientFacts, ClientId, Now, Principal, Reason, ReasonKind, Verified};
use warden_session::{Admission, Rights};

use crate::audit::{self, Outcome};
use crate::ffi::{self, AuthOutcome, Authentication, Entered, ServerLock};
use crate::local;
use crate::refusals::looks_like_a_token;
use crate::sessions;
use crate::shared::Shared;
use crate::verification::{Verify, no_policies};
use crate::waiter::Waiter;
pub(crate) use credential::{cache_key, claimed, seen};
use outcomes::{granted, passed, refuse, refuse_whom, unclaimed};
use remembered::answer_inline;

/// The context of a log-in.
pub(crate) type AuthContext<'call> = ffi::AuthContext<'call, Login>;

/// Our side of the server's authentication callbacks.
pub(crate) struct Login;

impl Authentication for Login {
    type Payload = Answer;

    fn begin(
        ctx: &AuthContext<'_>,
        user: &[u8],
        password: &[u8],
        now: Now,
    ) -> (AuthOutcome, impl FnOnce(Duration) + use<>) {
        let shared = crate::state::shared();
        let (outcome, source) = match &shared {
            Some(shared) => {
                if shared.answers.count() > 0 {
                    // They are taken along, and nobody needs to be woken for them.
                    shared.give_answers(ctx.lock());
                }
                arrive(shared, ctx, (user, password), now)
            }
            None => (AuthOutcome::NotHandled, Source::Else),
        };
        let remembered = shared.filter(|_| source == Source::Memory);
        (outcome, |took| {
            if let Some(shared) = remembered {
                shared.counters.latencies.cached.record(took);
            }
        })
    }

    fn finish(
        ctx: &AuthContext<'_>,
        user: &[u8],
        password: &[u8],
        answer: Option<Answer>,
    ) -> AuthOutcome {
        match crate::state::shared() {
            Some(shared) => come_back(&shared, ctx, (user, password), answer),
            None => AuthOutcome::NotHandled,
        }
    }

    fn user_changed(lock: &ServerLock, client: ClientId) {
        if let Some(shared) = crate::state::shared() {
            sessions::taken_over(lock, client, shared.now());
        }
    }
}

/// What others found out for one connection.
pub(crate) enum Answer {
    /// No authenticator vouches for or against it.
    NotMine,
    /// Refused, or undecided; and who it is, where that is proved.
    Refused(Reason, Option<Arc<Verified<Principal>>>),
    /// Verified and decided.
    Settled(Settled),
}

/// A verified principal with what it may do.
pub(crate) struct Settled {
    /// The generation of the chain that verified it.
    pub(crate) chain: u64,
    pub(crate) principal: Arc<Verified<Principal>>,
    pub(crate) facts: ClientFacts,
    /// What the connection had entered when the credential arrived.
    pub(crate) entered: Option<Entered>,
    pub(crate) rights: Rights,
}

/// Where an answer comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// What is remembered of the credential and its decision.
    Memory,
    /// Anything else.
    Else,
}

/// A credential arrives.
fn arrive(
    shared: &Arc<Shared>,
    ctx: &AuthContext<'_>,
    (user, secret): (&[u8], &[u8]),
    now: Now,
) -> (AuthOutcome, Source) {
    let settings = shared.settings.load();
    if settings.is_native(user) {
        return (passed(shared, ctx, user), Source::Else);
    }
    if let Some(reason) = audit::refusal(shared) {
        return (refuse(shared, ctx, user, &reason), Source::Else);
    }
    if looks_like_a_token(user) {
        // Passed on, it would stand in ACL LOG, signature and all.
        let reason = Reason::new(ReasonKind::Credential, "a token was given as the user name");
        return (refuse(shared, ctx, user, &reason), Source::Else);
    }
    let chain = shared.chain.load();
    let cache = shared.cache.load();
    // What is remembered was claimed: whether this one is need not be asked first, which
    // would take as long as the rest.
    let is_local = local::is_local(&chain, ctx.lock(), user);
    let client = seen(&chain, ctx, secret, is_local);
    let key = cache.key(chain.generation(), user, secret, &client);
    if let Some(cached) = cache.glance(&key, now).filter(|_| !shared.is_draining())
        && let Some(outcome) = answer_inline(
            shared,
            ctx,
            (user, secret),
            cached,
            (chain.generation(), now),
        )
    {
        shared.counters.cache_hits.add_one();
        return (outcome, Source::Memory);
    }
    let verify = |credential| Verify {
        key,
        chain: chain.generation(),
        presented: Presented {
            credential,
            client: crate::facts::of_client(ctx),
            is_local,
        },
    };
    let outcome = match claimed(&chain, (user, secret), is_local) {
        None => unclaimed(shared, ctx, user),
        Some((claim, credential)) => match may_wait(shared, ctx) {
            Err(reason) => refuse(shared, ctx, user, &reason),
            Ok(()) => block(shared, ctx, user, (claim, verify(credential)), now),
        },
    };
    (outcome, Source::Else)
}

/// Whether a credential that is not remembered can be verified now.
fn may_wait(shared: &Shared, ctx: &AuthContext<'_>) -> Result<(), Reason> {
    if shared.is_draining() {
        return Err(unloading());
    }
    shared.counters.cache_misses.add_one();
    if ctx.denies_blocking() {
        return Err(Reason::new(
            ReasonKind::InTransaction,
            "AUTH inside MULTI with a credential that is not cached",
        ));
    }
    if ctx.is_loading() {
        return Err(Reason::new(
            ReasonKind::Loading,
            "AUTH while the server loads, with a credential that is not cached",
        ));
    }
    Ok(())
}

/// Nobody is let in any more: also what keeps a connection from waiting, and the server
/// from unloading.
fn unloading() -> Reason {
    Reason::new(ReasonKind::Internal, "the module is being unloaded")
}

/// The answer for a connection that waited.
fn come_back(
    shared: &Arc<Shared>,
    ctx: &AuthContext<'_>,
    (user, secret): (&[u8], &[u8]),
    answer: Option<Answer>,
) -> AuthOutcome {
    match answer {
        Some(Answer::Settled(settled)) => {
            settle(shared, ctx, (user, secret), settled, shared.now())
        }
        Some(Answer::Refused(reason, principal)) => {
            let principal = principal.as_ref().map(|principal| principal.get());
            refuse_whom(shared, ctx, (user, principal), &reason)
        }
        Some(Answer::NotMine) => unclaimed(shared, ctx, user),
        None => {
            let reason = Reason::new(ReasonKind::Internal, "the verification was abandoned");
            refuse(shared, ctx, user, &reason)
        }
    }
}

/// Blocks the client and hands its credential to whoever verifies it.
fn block(
    shared: &Arc<Shared>,
    ctx: &AuthContext<'_>,
    user: &[u8],
    (claim, verify): (Claim, Verify),
    now: Now,
) -> AuthOutcome {
    if shared.generation.load().is_none() {
        return refuse(shared, ctx, user, &no_policies());
    }
    let settings = shared.settings.load();
    if shared.pending.is_full(settings.max_pending) {
        shared.counters.busy.add_one();
        let reason = Reason::new(
            ReasonKind::Busy,
            format!("max_pending ({}) credentials wait", settings.max_pending),
        );
        return refuse(shared, ctx, user, &reason);
    }
    let Ok(blocked) = ctx.block() else {
        let reason = Reason::new(
            ReasonKind::InTransaction,
            "the server does not let this client wait",
        );
        return refuse(shared, ctx, user, &reason);
    };
    let deadline = now.monotonic.saturating_add(settings.auth_timeout);
    let facts = verify.presented.client.clone();
    let waiter = Waiter::to_log_in(blocked, facts, crate::facts::entered(ctx), now);
    shared.hand_in((claim, verify), waiter, deadline);
    audit::attempted(shared, ctx, user, &Outcome::Begun);
    AuthOutcome::Blocked
}

/// Makes the session, or refuses after all.
fn settle(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    (user, secret): (&[u8], &[u8]),
    settled: Settled,
    now: Now,
) -> AuthOutcome {
    let whom = Arc::clone(&settled.principal);
    let refuse = |reason: &Reason| refuse_whom(shared, ctx, (user, Some(whom.get())), reason);
    if let Some(reason) = audit::refusal(shared) {
        return refuse(&reason);
    }
    let chain = shared.chain.load();
    let principal = settled.principal.get();
    let settings = shared.settings.load();
    if let Err(reason) = local::check(&settings, &chain, ctx.lock(), user, principal) {
        return refuse(&reason);
    }
    if settled.chain != chain.generation() {
        // A removal closes sessions, and one verified just before must not slip in
        // behind it; keys may have changed, too. The next attempt sees the new chain.
        let reason = Reason::new(
            ReasonKind::Internal,
            "the authenticators changed while the credential was verified",
        );
        return refuse(&reason);
    }
    if settled.principal.is_withdrawn() {
        let reason = Reason::new(
            ReasonKind::Unavailable,
            "the credential, or its account, was found to be no good while it was verified",
        );
        return refuse(&reason);
    }
    let Some(client) = ctx.client() else {
        let reason = Reason::new(ReasonKind::Internal, "a log-in without a client");
        return refuse(&reason);
    };
    let name = String::from_utf8_lossy(user);
    let seal = || shared.seal.close(&name, secret);
    let watched = shared.rechecks.watch(
        &settled.principal,
        (&name, &settled.facts),
        now.monotonic,
        seal,
    );
    if watched.is_none() {
        let reason = Reason::new(ReasonKind::Internal, "the credential cannot be kept sealed");
        return refuse(&reason);
    }
    shared.refreshes.watch(&settled.principal, now.monotonic);
    let admission = Admission {
        client,
        principal: settled.principal,
        facts: settled.facts,
        rights: settled.rights,
    };
    match sessions::admit(ctx, (admission, settled.entered), now) {
        Ok(()) => granted(shared, ctx, user, whom.get()),
        Err(reason) => refuse(&reason),
    }
}
