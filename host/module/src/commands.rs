//! `WARDEN.*`: what a session may ask about itself, and what an operator may ask
//! about all.
//!
//! One file a command. Maps are sent as maps; the server flattens them for RESP2.

mod authenticators;
pub(crate) mod dryrun;
pub(crate) mod explain;
mod filters;
mod help;
mod kill;
mod policies;
pub(crate) mod preview;
pub(crate) mod reload;
mod sessions;
mod whoami;

use std::sync::Arc;

use crate::ffi::{self, Context, Error, Reply};
use crate::shared::Shared;

/// The version that brought the first commands.
const SINCE: &std::ffi::CStr = c"0.1.0";

/// Registers every command.
///
/// # Errors
/// When the server refuses one.
pub(crate) fn register(ctx: &Context<'_>) -> Result<(), Error> {
    ffi::command::register::<whoami::Whoami>(ctx)?;
    ffi::command::register::<help::Help>(ctx)?;
    ffi::command::register::<sessions::Sessions>(ctx)?;
    ffi::command::register::<policies::Policies>(ctx)?;
    ffi::command::register::<authenticators::Authenticators>(ctx)?;
    ffi::command::register::<kill::Kill>(ctx)?;
    ffi::command::register::<reload::Reload>(ctx)?;
    ffi::command::register::<explain::Explain>(ctx)?;
    ffi::command::register::<dryrun::DryRun>(ctx)?;
    ffi::command::register::<crate::audit::Refused>(ctx)
}

fn shared() -> Result<Arc<Shared>, String> {
    crate::state::shared().ok_or_else(|| "ERR warden is being loaded or unloaded".to_owned())
}

/// A map with text keys.
fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Reply)>) -> Reply {
    Reply::Map(
        fields
            .into_iter()
            .map(|(name, value)| (Reply::text(name), value))
            .collect(),
    )
}

/// The word for it in replies and in INFO.
pub(crate) fn yes_or_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn number(value: u64) -> Reply {
    Reply::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Reply {
    Reply::Array(items.into_iter().map(Reply::text).collect())
}

/// A text that may be absent.
fn optional(value: Option<impl AsRef<str>>) -> Reply {
    value.map_or(Reply::Null, Reply::text)
}

/// A time as unix seconds; null when there is none.
fn seconds(value: Option<warden_core::Timestamp>) -> Reply {
    value.map_or(Reply::Null, |at| number(at.as_unix_seconds()))
}
