//! Messages to the operator: they end in the server's log with the bundle's name.
//!
//! The host bounds what one evaluation may write and drops the rest. Never log a
//! claim as it came: it is the user's text. In a native build nothing is written;
//! the messages are kept for [`take`], so that a test can read them.

use crate::bindings::warden::policy::log as host;

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the policy's author.
    Debug,
    /// For the curious operator.
    Info,
    /// Something looks wrong, and was decided nevertheless.
    Warning,
    /// Something is wrong.
    Error,
}

/// Writes a message for the policy's author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a message for the operator.
///
/// ```
/// use warden_sdk::log;
/// log::info("3 roles in 1 file");
/// assert_eq!(log::take(), [(log::Level::Info, "3 roles in 1 file".to_owned())]);
/// ```
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a message about something that looks wrong.
pub fn warning(message: &str) {
    write(Level::Warning, message);
}

/// Writes a message about something that is wrong.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str) {
    host::write(level.into(), message);
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static KEPT: std::cell::RefCell<Vec<(Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    KEPT.with_borrow_mut(|kept| kept.push((level, message.to_owned())));
}

/// Takes the messages this thread wrote since the last call. Native builds only.
#[cfg(not(target_arch = "wasm32"))]
pub fn take() -> Vec<(Level, String)> {
    KEPT.take()
}

impl From<Level> for host::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}
