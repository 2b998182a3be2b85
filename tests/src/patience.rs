//! Waiting for what happens elsewhere.
//!
//! Every wait has a deadline and asks for an effect; no test takes a pause for
//! proof that something happened.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a test grants an effect that takes part of a second on an idle machine:
/// generous, because both cores may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks every few milliseconds until there is an answer.
///
/// # Panics
/// When [`PATIENCE`] runs out: `what` did not happen.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, &mut ask)
        .unwrap_or_else(|| panic!("did not happen within {PATIENCE:?}: {what}"))
}

/// As [`eventually`], with a time limit of the caller's and `None` when it runs out.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The wall clock in seconds since the epoch, as tokens count.
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970")
        .as_secs()
}

/// A deadline before which nothing may have happened, and the time left until it.
///
/// The wall clock is read, since that is what a token's `exp` is compared with.
pub fn until(unix_seconds: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    Duration::from_secs(unix_seconds).saturating_sub(now)
}
