//! A question about a credential that makes no session: `WARDEN.EXPLAIN`,
//! `WARDEN.DRYRUN`.
//!
//! In: a user name and a credential, as `AUTH` would take them, and what is asked. Out:
//! a reply to the operator. It takes the way of a log-in (the same queue, cache,
//! workers, policies and refusals), so it tells what a log-in would come to, and
//! counts as an attempt. It never attaches a client, and never shows the credential.

use std::sync::Arc;

use warden_authn::Presented;
use warden_core::{Attach, ClientFacts, Principal, Reason, ReasonKind, UserName, Verified};

use crate::commands::{dryrun, explain};
use crate::ffi::{Answer, Context, ServerLock, Waiting, user_exists};
use crate::local;
use crate::login::{claimed, seen};
use crate::refusals::{self, Attempt, looks_like_a_token};
use crate::shared::Shared;
use crate::verification::{Verify, no_policies};
use crate::waiter::Waiter;

/// What is asked about a credential.
pub(crate) enum Question {
    /// All that is known of it: identity, verdicts, rules.
    Explain,
    /// Whether it may run this command in this database.
    MayRun {
        /// The number of the database.
        database: i32,
        /// The command and its arguments.
        words: Vec<Vec<u8>>,
    },
}

/// A connection that waits for the answer to a question.
pub(crate) struct Inquiry {
    waiting: Waiting,
    question: Question,
    /// The user name the question gave.
    user: Vec<u8>,
}

/// Hands a question to whoever verifies its credential. Runs on the main thread.
///
/// # Errors
/// When nothing of warden would decide about this credential, or too many wait.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    ctx: &Context<'_>,
    (user, secret): (&[u8], &[u8]),
    question: Question,
) -> Result<Answer, String> {
    let settings = shared.settings.load();
    if settings.is_native(user) {
        return Err(
            "ERR the user is one of native_users: Valkey's own ACL decides, see ACL GETUSER and ACL DRYRUN"
                .to_owned(),
        );
    }
    if looks_like_a_token(user) {
        return Err("ERR the user name looks like a token: write token TOKEN".to_owned());
    }
    let chain = shared.chain.load();
    let is_local = local::is_local(&chain, ctx.lock(), user);
    let Some((claim, credential)) = claimed(&chain, (user, secret), is_local) else {
        return Err(unclaimed(shared));
    };
    if shared.generation.load().is_none() {
        return Err(refuse(shared, ctx, user, &no_policies()));
    }
    if shared.pending.is_full(settings.max_pending) {
        shared.counters.busy.add_one();
        let reason = Reason::new(
            ReasonKind::Busy,
            format!("max_pending ({}) credentials wait", settings.max_pending),
        );
        return Err(refuse(shared, ctx, user, &reason));
    }
    let client = seen(&chain, ctx, secret, is_local);
    let key = shared
        .cache
        .load()
        .key(chain.generation(), user, secret, &client);
    let now = shared.now();
    let deadline = now.monotonic.saturating_add(settings.auth_timeout);
    let facts = crate::facts::of_client(ctx);
    let job = Verify {
        key,
        chain: chain.generation(),
        presented: Presented {
            credential,
            client: facts.clone(),
            is_local,
        },
    };
    let (shared, user) = (Arc::clone(shared), user.to_vec());
    Ok(Answer::Later(Box::new(move |_lock, waiting| {
        let inquiry = Inquiry {
            waiting,
            question,
            user,
        };
        let waiter = Waiter::to_know(inquiry, facts, now);
        shared.hand_in((claim, job), waiter, deadline);
    })))
}

impl Inquiry {
    /// A log-in would be refused.
    pub(crate) fn refuse(self, reason: Reason) {
        self.waiting.complete(move |ctx| {
            let reply = recorded(ctx, &self.user, &reason)?;
            Ok(match self.question {
                Question::Explain => explain::refused(None, &reason, &reply),
                Question::MayRun { .. } => dryrun::refused(&reason),
            })
        });
    }

    /// No authenticator vouches for or against it.
    pub(crate) fn unclaimed(self) {
        self.waiting.complete(|_ctx| {
            let shared = crate::state::shared().ok_or_else(stopped)?;
            Err(unclaimed(&shared))
        });
    }

    /// On a worker: a verified principal; asks the policies as a log-in would.
    pub(crate) fn answer(
        self,
        shared: &Shared,
        principal: &Arc<Verified<Principal>>,
        facts: ClientFacts,
    ) {
        if let Err(reason) = principal.get().check_binding(&facts) {
            return self.refuse(reason);
        }
        if principal.get().attach == Attach::AclUser {
            return self.answer_attached(principal);
        }
        let (Some(generation), facts) = shared.in_force(facts) else {
            return self.refuse(no_policies());
        };
        let now = shared.now();
        let request = generation.project(principal, &facts, now);
        let name = principal.get().user_name();
        match self.question {
            Question::Explain => {
                let told = explain::Told {
                    principal,
                    facts: &facts,
                    generation: &generation,
                    explanation: &generation.explain(&request, now),
                };
                let (granted, reason) = match &told.explanation.answer {
                    Ok(_) => (Some(explain::granted(&told)), name_taken(&name)),
                    Err(reason) => (None, reason.clone()),
                };
                let refused = explain::refused(Some(&told), &reason, reason.reply().as_str());
                self.waiting.complete(move |ctx| {
                    match granted.filter(|_| is_free(ctx.lock(), &name)) {
                        Some(reply) => Ok(reply),
                        None => recorded(ctx, &self.user, &reason).map(|_| refused),
                    }
                });
            }
            Question::MayRun { database, words } => {
                let answer = generation.decide(&request, now);
                self.waiting.complete(move |ctx| {
                    let free = is_free(ctx.lock(), &name);
                    let free = free.then_some(()).ok_or_else(|| name_taken(&name));
                    match answer.and_then(|decision| free.map(|()| decision)) {
                        Ok(decision) => dryrun::may_run(ctx, &name, &decision, database, &words),
                        Err(reason) => {
                            recorded(ctx, &self.user, &reason).map(|_| dryrun::refused(&reason))
                        }
                    }
                });
            }
        }
    }
}

impl Inquiry {
    /// The same where no policy is asked: the principal becomes a user of the server's own
    /// ACL.
    fn answer_attached(self, principal: &Arc<Verified<Principal>>) {
        let principal = Arc::clone(principal);
        self.waiting.complete(move |ctx| {
            let shared = crate::state::shared().ok_or_else(stopped)?;
            let (settings, chain) = (shared.settings.load(), shared.chain.load());
            let checked = local::check(
                &settings,
                &chain,
                ctx.lock(),
                &self.user,
                principal.get(),
            );
            if let Err(reason) = checked {
                let reply = recorded(ctx, &self.user, &reason)?;
                return Ok(match self.question {
                    Question::Explain => explain::refused(None, &reason, &reply),
                    Question::MayRun { .. } => dryrun::refused(&reason),
                });
            }
            match self.question {
                Question::Explain => Ok(explain::attached(principal.get())),
                Question::MayRun { .. } => Err(format!(
                    "ERR the session becomes the user {} of Valkey's own ACL, which decides: see ACL GETUSER and ACL DRYRUN",
                    principal.get().user_name()
                )),
            }
        });
    }
}

/// The refusal of a name that a user of the server's own ACL has.
pub(crate) fn name_taken(name: &UserName) -> Reason {
    Reason::new(
        ReasonKind::Name,
        format!("a user named {name} exists in the server's own ACL"),
    )
}

/// Whether no user of the server's own ACL has this name; in doubt no.
fn is_free(lock: &ServerLock, name: &UserName) -> bool {
    !user_exists(lock, name.as_str().as_bytes()).unwrap_or(true)
}

/// As [`refuse`], from a command that waited: unless warden is gone by now.
fn recorded(ctx: &Context<'_>, user: &[u8], reason: &Reason) -> Result<String, String> {
    let shared = crate::state::shared().ok_or_else(stopped)?;
    Ok(refuse(&shared, ctx, user, reason))
}

/// Records the refusal as that of an attempt, and answers what a client would read.
fn refuse(shared: &Shared, ctx: &Context<'_>, user: &[u8], reason: &Reason) -> String {
    refusals::record(shared, ctx, Attempt::Inquiry, user, reason);
    reason.reply().as_str().to_owned()
}

fn unclaimed(shared: &Shared) -> String {
    use crate::settings::Fallback;
    let what = match shared.settings.load().fallback {
        Fallback::Acl => "Valkey's own password check decides (fallback acl)",
        Fallback::Deny => "it is refused (fallback deny)",
    };
    format!("ERR no authenticator claims this credential: {what}")
}

fn stopped() -> String {
    "ERR warden is being unloaded".to_owned()
}
