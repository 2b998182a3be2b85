//! The ways in which an `AUTH` ends, or is left to Valkey.
//!
//! In: what was decided. Out: the server's answer, and the same told to the log, to ACL LOG and to the audit's sinks, to each in its own
//! words. Never: the credential in any of them.

use warden_core::{Principal, Reason, ReasonKind};

use super::AuthContext;
use crate::audit::{self, Outcome};
use crate::ffi::AuthOutcome;
use crate::refusals::{self, Attempt};
use crate::settings::Fallback;
use crate::shared::Shared;

/// Nobody vouches for or against this credential: `fallback` decides.
pub(super) fn unclaimed(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8]) -> AuthOutcome {
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

/// Not ours to decide.
pub(super) fn passed(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8]) -> AuthOutcome {
    audit::attempted(shared, ctx, user, &Outcome::Passed);
    AuthOutcome::NotHandled
}

/// A session.
pub(super) fn granted(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    user: &[u8],
    principal: &Principal,
) -> AuthOutcome {
    audit::attempted(shared, ctx, user, &Outcome::Granted(principal));
    AuthOutcome::Granted
}

/// Refuses, and says so in the log, in ACL LOG and to the client: each its own words.
pub(super) fn refuse(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    user: &[u8],
    reason: &Reason,
) -> AuthOutcome {
    refuse_whom(shared, ctx, (user, None), reason)
}

/// The same, of somebody who has proved who it is.
pub(super) fn refuse_whom(
    shared: &Shared,
    ctx: &AuthContext<'_>,
    (user, principal): (&[u8], Option<&Principal>),
    reason: &Reason,
) -> AuthOutcome {
    refusals::record(shared, ctx, Attempt::LogIn, user, reason);
    audit::attempted(shared, ctx, user, &Outcome::Refused(reason, principal));
    AuthOutcome::Refused(reason.reply().as_str().to_owned().into())
}
