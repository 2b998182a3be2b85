//! Messages to the operator: they end in the server's log with the bundle's name.
//!
//! The host bounds what one evaluation may write and drops the rest. Never log a
//! claim as it came: it is the user's text. In a native build nothing is written;
//! the messages are kept for [`take`], so that a test can read them.

#[cfg(target_arch = "wasm32")]
use crate::bindings::warden::policy::log as host;

pub use warden_guest::log::Level;
#[cfg(not(target_arch = "wasm32"))]
pub use warden_guest::log::take;

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
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warning => host::Level::Warning,
        Level::Error => host::Level::Error,
    };
    host::write(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str) {
    warden_guest::log::keep(level, message);
}
