//! A credential that is remembered, with the decision about it: answered at once, by the main thread.
//!
//! In: what the cache has. Out: a session, the one that is there already, or the refusal of before; nothing where the decision is
//! not remembered. Never: a policy asked.

use std::sync::Arc;

use warden_authn::Cached;
use warden_core::{Attach, Now, Reason};
use warden_session::Rights;

use super::outcomes::{granted, refuse, refuse_whom};
use super::{AuthContext, Settled, settle};
use crate::ffi::AuthOutcome;
use crate::sessions;
use crate::shared::Shared;
use crate::verification::no_policies;

/// The answer to a credential that is remembered; `None` where its decision is not.
pub(super) fn answer_inline(
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
