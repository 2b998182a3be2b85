//! Says plainly that a log-in was refused: counters, one log line, one entry in
//! ACL LOG.
//!
//! No secret passes here: the functions are not given any. The name a client
//! gave may itself be a secret in the wrong place (a token given as user name),
//! so a long or token-shaped name is not shown.

use warden_core::{Reason, ReasonKind};

use crate::facts::address_of;
use crate::ffi::{Level, log};
use crate::login::AuthContext;
use crate::shared::Shared;

/// What ACL LOG shows as the object of a refused log-in.
const OBJECT: &[u8] = b"warden";

/// Longest user name that is shown.
const SHOWN_BYTES: usize = 128;

/// Records one refusal.
pub(crate) fn record(shared: &Shared, ctx: &AuthContext<'_>, user: &[u8], reason: &Reason) {
    if reason.reply().is_about_the_credential() {
        shared.counters.refused.add_one();
    } else {
        shared.counters.undecided.add_one();
    }
    let name = shown(user);
    if shared.settings.load().log_level <= level(reason) {
        let address = address_of(ctx).unwrap_or_else(|| "?".to_owned());
        log(
            level(reason),
            &format!("refused {name:?} from {address:?}: {reason}"),
        );
    }
    // Without a client there is nobody to log; nothing else can fail here.
    let _ = ctx.log_denied_auth(name.as_bytes(), OBJECT);
}

/// A client that sends a bad token is the client's business; what warden could
/// not decide is the operator's.
fn level(reason: &Reason) -> Level {
    match reason.kind() {
        ReasonKind::NoPolicies
        | ReasonKind::PolicyFailed
        | ReasonKind::Internal
        | ReasonKind::Unavailable => Level::Warning,
        _ => Level::Notice,
    }
}

/// The name a client gave, unless it may be a secret in the wrong place.
fn shown(user: &[u8]) -> String {
    let looks_like_a_token =
        user.iter().filter(|byte| **byte == b'.').count() >= 2 && user.starts_with(b"ey");
    if user.len() > SHOWN_BYTES || looks_like_a_token {
        return "(redacted)".to_owned();
    }
    String::from_utf8_lossy(user).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_given_as_user_name_is_not_shown() {
        assert_eq!(shown(b"eyJhbGciOiJub25lIn0.e30.c2ln"), "(redacted)");
        assert_eq!(shown(&[b'x'; 129]), "(redacted)");
        assert_eq!(shown(b"alice"), "alice");
    }
}
