//! The one guard around every callback.
//!
//! In: the name of a callback, what to answer if it fails, and its body. Out: the body's answer, or the refusal.
//! Never: a panic that unwinds into the server, which would abort it; the text of a panic, which may hold a secret.

use super::log::{Level, log};
use super::stopwatch::timed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many panics the guard has caught since the library was mapped.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// The outermost guard of a callback on the main thread: [`guard`], and its time is taken.
pub(super) fn callback<T>(name: &'static str, refusal: T, body: impl FnOnce() -> T) -> T {
    let (answer, _) = measured(name, refusal, |_| body());
    answer
}

/// The same for a body that wants to know when it began, on the monotonic clock, and a caller that wants to know how
/// long it took: neither reads the clock again.
pub(super) fn measured<T>(
    name: &'static str,
    refusal: T,
    body: impl FnOnce(Duration) -> T,
) -> (T, Duration) {
    timed(name, |began| guard(name, refusal, || body(began)))
}

/// Runs `body`; a panic in it is caught, counted and logged, and `refusal` is the answer.
pub(crate) fn guard<T>(callback: &'static str, refusal: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer,
        Err(payload) => {
            // Dropping a payload can panic again, outside the guard: a few leaked bytes are the better end.
            std::mem::forget(payload);
            PANICS.fetch_add(1, Ordering::Relaxed);
            log(
                Level::Warning,
                &format!("internal error: panic in {callback}; the answer was a refusal"),
            );
            refusal
        }
    }
}

/// Makes panics of this library tell the log where they happened, and nothing else anywhere.
pub(super) fn install_panic_log() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| {
            format!("{}:{}", place.file(), place.line())
        });
        log(
            Level::Warning,
            &format!("internal error: panic at {place:?}"),
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::{guard, panics};

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload that panics when dropped");
        }
    }

    #[test]
    fn a_panic_becomes_the_refusal_and_is_counted() {
        let before = panics();
        assert_eq!(guard("test", "refused", || panic!("boom")), "refused");
        assert!(panics() > before);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        let answer = guard("test", 7, || std::panic::panic_any(Bomb));
        assert_eq!(answer, 7);
    }

    #[test]
    fn without_a_panic_the_answer_is_the_bodys() {
        assert_eq!(guard("test", 0, || 3), 3);
    }
}
