//! Work on bytes that may have been made to hurt the libraries that take them apart.
//!
//! In: such work. Out: what it comes to; a panic in there is a fault of what is taken
//! apart, and not the end of the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the work; `malformed` says what its panic comes to. Nothing shared may be left
/// half-changed by it: what it makes is built aside and published whole.
///
/// # Errors
/// As the work, and `malformed`.
pub(crate) fn contained<T, E>(
    malformed: impl FnOnce() -> E,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        // Dropping a payload can panic again; a few leaked bytes are the better end.
        std::mem::forget(payload);
        Err(malformed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_like_another() {
        let run = |work: fn() -> Result<u8, &'static str>| contained(|| "malformed", work);
        assert_eq!(run(|| Ok(7)), Ok(7));
        assert_eq!(run(|| Err("too large")), Err("too large"));
        assert_eq!(run(|| panic!("of a library")), Err("malformed"));
    }
}
