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

use std::sync::Arc;
use std::time::Duration;

use warden_authn::{Cache, CacheKey, Cached, Chain, Claim, Presented};
use warden_core::{
    Attach, ClientFacts, ClientId, Credential, Now, Principal, Reason, ReasonKind, UserArgument,
    Verified,
};
use warden_session::{Admission, Rights};

use crate::audit::{self, Outcome};
use crate::ffi::{self, AuthOutcome, Authentication, Context, Entered, ServerLock};
use crate::local;
use crate::refusals::{self, Attempt, looks_like_a_token};
use crate::sessions;
use crate::settings::Fallback;
use crate::shared::Shared;
use crate::verification::{Verify, no_policies};
use crate::waiter::Waiter;

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

/// Nobody vouches for or against this credential: `fallback` decides.
fn unclaimed(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8]) -> AuthOutcome {
    match shared.settings.load().fallback {
        Fallback::Acl => passed(shared, ctx, user),
        Fallback::Deny => {
            let reason = Reason::new(
                ReasonKind::Credential,
                "no authenticator claims the credential and fallback is deny",
            );
            refuse(shared, ctx, user, &reason)
        }
    }
}

/// The answer to a credential that is remembered; `None` where its decision is not.
fn answer_inline(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    (user, secret): (&[u8], &[u8]),
    cached: Cached,
    (chain, now): (u64, Now),
) -> Option<AuthOutcome> {
    let principal = match cached {
        Cached::Refused(reason) => return Some(refuse(shared, ctx, user, &reason)),
        Cached::Verified(principal) => principal,
    };
    let generation = shared.generation.load();
    let refuse_them = |reason: &Reason| {
        let whom = (user, Some(principal.get()));
        refuse_whom(shared, ctx, whom, reason)
    };
    let Some(generation) = generation.as_ref() else {
        return Some(refuse_them(&no_policies()));
    };
    if let Some(repeated) = sessions::repeat(ctx, &principal, generation.number(), now) {
        return Some(match repeated {
            Ok(()) => granted(shared, ctx, user, principal.get()),
            Err(reason) => refuse_them(&reason),
        });
    }
    let (facts, entered) = match sessions::facts_of(ctx) {
        // Nobody asks what a connection has entered that has a session.
        Some(known) => (known, None),
        None => (crate::facts::of_client(ctx), crate::facts::entered(ctx)),
    };
    if principal.get().attach == Attach::AclUser {
        let settled = Settled {
            chain,
            principal,
            facts,
            entered,
            rights: Rights::OfAclUser,
        };
        return Some(settle(shared, ctx, (user, secret), settled, now));
    }
    let request = generation.project(&principal, &facts, now);
    Some(match generation.remembered(&request)? {
        Ok(decision) => settle(
            shared,
            ctx,
            (user, secret),
            Settled {
                chain,
                principal: Arc::clone(&principal),
                facts,
                entered,
                rights: Rights::Decided(decision),
            },
            now,
        ),
        Err(reason) => refuse_them(&reason),
    })
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

/// Not ours to decide.
fn passed(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8]) -> AuthOutcome {
    audit::attempted(shared, ctx, user, &Outcome::Passed);
    AuthOutcome::NotHandled
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

/// A session.
fn granted(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    user: &[u8],
    principal: &Principal,
) -> AuthOutcome {
    audit::attempted(shared, ctx, user, &Outcome::Granted(principal));
    AuthOutcome::Granted
}

/// A credential that some authenticator wants, and how it is judged.
pub(crate) fn claimed(
    chain: &Chain,
    (user, secret): (&[u8], &[u8]),
    is_local: bool,
) -> Option<(Claim, Credential)> {
    let credential = Credential::new(user, secret)?;
    let claim = chain.claims(&credential, is_local)?;
    Some((claim, credential))
}

/// What the outcome depends on besides the credential. Mostly nothing, and then nothing is
/// asked of the server.
pub(crate) fn seen(chain: &Chain, ctx: &Context<'_>, secret: &[u8], is_local: bool) -> Vec<u8> {
    let mut seen = Vec::from_iter(local::distinction(chain, is_local));
    let reads = chain.reads(secret);
    if reads.anything() {
        seen.extend(reads.seen(&crate::facts::read_of_client(ctx, reads)));
    }
    seen
}

/// Under what a credential is remembered by the chain in force.
pub(crate) fn cache_key(shared: &Shared, cache: &Cache, presented: &Presented) -> CacheKey {
    let credential = &presented.credential;
    let user = match credential.user() {
        UserArgument::Default => b"default",
        UserArgument::Named(name) => name.as_bytes(),
    };
    let chain = shared.chain.load();
    let secret = credential.secret().expose();
    let mut seen = Vec::from_iter(local::distinction(&chain, presented.is_local));
    seen.extend(chain.reads(secret).seen(&presented.client));
    cache.key(chain.generation(), user, secret, &seen)
}

/// Refuses, and says so in the log, in ACL LOG and to the client: each its own words.
fn refuse(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8], reason: &Reason) -> AuthOutcome {
    refuse_whom(shared, ctx, (user, None), reason)
}

/// The same, of somebody who has proved who it is.
fn refuse_whom(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    (user, principal): (&[u8], Option<&Principal>),
    reason: &Reason,
) -> AuthOutcome {
    refusals::record(shared, ctx, Attempt::LogIn, user, reason);
    audit::attempted(shared, ctx, user, &Outcome::Refused(reason, principal));
    AuthOutcome::Refused(reason.reply().as_str().to_owned().into())
}
