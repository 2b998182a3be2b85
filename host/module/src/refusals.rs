//! Says plainly that a log-in was, or would be, refused: counters, one log line, one entry in
//! ACL LOG.
//!
//! No secret passes here: the functions are not given any. The name a client
//! gave may itself be a secret in the wrong place (a token given as user name),
//! so a long or token-shaped name is not shown.

use warden_authn::is_jws_shaped;
use warden_core::{Reason, ReasonKind};

use crate::facts::address_of;
use crate::ffi::{Context, Level, MainThread, log};
use crate::quota::Quota;
use crate::shared::Shared;

/// What ACL LOG shows as the object of a refused log-in.
const OBJECT: &[u8] = b"warden";

/// Longest user name that is shown.
const SHOWN_BYTES: usize = 128;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// `AUTH` or `HELLO`.
    LogIn,
    /// `WARDEN.EXPLAIN` or `WARDEN.DRYRUN`: what a log-in would have come to.
    Inquiry,
}

/// Records one refusal.
pub(crate) fn record(
    shared: &Shared,
    ctx: &Context<'_>,
    attempt: Attempt,
    user: &[u8],
    reason: &Reason,
) {
    if reason.reply().is_about_the_credential() {
        shared.counters.refused.add_one();
    } else {
        shared.counters.undecided.add_one();
    }
    if reason.kind() == ReasonKind::Throttled {
        shared.counters.throttled.add_one();
    }
    let name = shown(user);
    let level = level(reason);
    let now = shared.monotonic();
    let quota = QUOTAS
        .with(ctx.lock(), |quotas| quotas.of(level).take(now))
        .unwrap_or_default();
    if quota.omitted > 0 {
        log(
            Level::Notice,
            &format!("{} more refusals were not written here", quota.omitted),
        );
    }
    if quota.granted {
        let address = address_of(ctx).unwrap_or_else(|| "?".to_owned());
        log(
            level,
            &match attempt {
                Attempt::LogIn => format!("refused {name:?} from {address:?}: {reason}"),
                Attempt::Inquiry => {
                    format!("would refuse {name:?}, as {address:?} asked: {reason}")
                }
            },
        );
    }
    // Without a client there is nobody to log; nothing else can fail here.
    let _ = ctx.log_denied_auth(name.as_bytes(), OBJECT);
}

/// Lines about refusals of one level in one second: bounds what somebody without a
/// credential can write to the operator's disk.
const LINES_A_SECOND: u32 = 20;

/// What may be written in the current second: a flood of bad tokens does not
/// hide the policy that fails.
static QUOTAS: MainThread<Quotas> = MainThread::new(Quotas {
    of_clients: Quota::of(LINES_A_SECOND),
    of_operators: Quota::of(LINES_A_SECOND),
});

struct Quotas {
    of_clients: Quota,
    of_operators: Quota,
}

impl Quotas {
    fn of(&mut self, level: Level) -> &mut Quota {
        match level {
            Level::Warning => &mut self.of_operators,
            _ => &mut self.of_clients,
        }
    }
}

/// A client that sends a bad token is the client's business; what warden could
/// not decide is the operator's.
fn level(reason: &Reason) -> Level {
    match reason.kind() {
        ReasonKind::NoPolicies
        | ReasonKind::PolicyFailed
        | ReasonKind::Internal
        | ReasonKind::Unavailable
        | ReasonKind::Unaudited => Level::Warning,
        _ => Level::Notice,
    }
}

/// The name a client gave, unless it may be a secret in the wrong place.
pub(crate) fn shown(user: &[u8]) -> String {
    if user.len() > SHOWN_BYTES || looks_like_a_token(user) {
        return "(redacted)".to_owned();
    }
    String::from_utf8_lossy(user).into_owned()
}

/// Whether a user name, or a word of it, is a JSON Web Token or what is left of one: `{"`
/// in base64url, and two dots.
pub(crate) fn looks_like_a_token(user: &[u8]) -> bool {
    let is_a_rest = |word: &[u8]| {
        word.starts_with(b"eyJ") && word.iter().filter(|byte| **byte == b'.').count() >= 2
    };
    user.split(|byte| byte.is_ascii_whitespace())
        .any(|word| is_a_rest(word) || is_jws_shaped(word))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let mut quotas = Quotas {
            of_clients: Quota::of(LINES_A_SECOND),
            of_operators: Quota::of(LINES_A_SECOND),
        };
        let quota = quotas.of(Level::Notice);
        let granted = (0..100)
            .filter(|_| quota.take(Duration::from_secs(1)).granted)
            .count();
        assert_eq!(granted, 20);
        // What concerns the operator is written all the same.
        assert!(
            quotas
                .of(Level::Warning)
                .take(Duration::from_secs(1))
                .granted
        );
    }

    #[test]
    fn a_token_given_as_user_name_is_not_shown() {
        assert_eq!(shown(b"eyJhbGciOiJub25lIn0.e30.c2ln"), "(redacted)");
        assert_eq!(shown(b"Bearer eyJhbGciOiJub25lIn0.e30.c2ln"), "(redacted)");
        // A header that begins with a space or a line end.
        assert_eq!(shown(b"eyAiYWxnIjoibm9uZSJ9.e30.c2ln"), "(redacted)");
        assert_eq!(shown(&[b'x'; 129]), "(redacted)");
        assert_eq!(shown(b"alice"), "alice");
        assert_eq!(shown(b"eyal.ben.levi"), "eyal.ben.levi");
    }
}
