//! The server's own default user: with an open one nobody needs to authenticate, the
//! most common way to believe oneself protected.

use std::time::Duration;

use warden_core::Now;

use crate::ffi::{Detached, Level, MainThread, Reply, ServerLock, log};

/// How often it is looked at. Not while the module is being loaded: the server reads its
/// ACL file later.
const LOOK_EVERY: Duration = Duration::from_secs(10);

static WATCH: MainThread<Watch> = MainThread::new(Watch {
    next: Duration::ZERO,
    was_open: false,
});

struct Watch {
    next: Duration,
    was_open: bool,
}

/// In a slice: says so in the log when it has been opened to everybody.
pub(crate) fn look(lock: &ServerLock, now: Now) {
    let is_due = WATCH.with(lock, |watch| {
        let is_due = now.monotonic >= watch.next;
        if is_due {
            watch.next = now.monotonic.saturating_add(LOOK_EVERY);
        }
        is_due
    });
    if is_due != Some(true) {
        return;
    }
    let Some(open) = is_open(lock) else {
        return;
    };
    let was_open = WATCH.with(lock, |watch| std::mem::replace(&mut watch.was_open, open));
    if open && was_open == Some(false) {
        log(
            Level::Warning,
            "the default user is on and needs no password: authentication is OPTIONAL on this server. \
             Close it with: ACL SETUSER default off",
        );
    }
}

/// Forgets what was seen, at unload.
pub(crate) fn forget(lock: &ServerLock) {
    WATCH.with(lock, |watch| {
        *watch = Watch {
            next: Duration::ZERO,
            was_open: false,
        };
    });
}

/// `None` when the server does not tell.
fn is_open(lock: &ServerLock) -> Option<bool> {
    let ctx = Detached::new(lock).ok()?;
    let Ok(Reply::Map(fields)) = ctx.call("ACL", &[b"GETUSER", b"default"]) else {
        return None;
    };
    let flags = fields
        .into_iter()
        .find(|(name, _)| *name == Reply::text("flags"))
        .map(|(_, flags)| flags.into_texts())?;
    let has = |flag: &str| flags.iter().any(|word| word == flag);
    Some(has("on") && has("nopass"))
}
