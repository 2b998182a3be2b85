//! What the running server understands.
//!
//! Rules are rendered for one server: what is unknown to it cannot stand in a
//! rule string, and what it knows decides how "everything except" is spelled.
//! The module reads this from `COMMAND` and `ACL CAT` at load and again
//! whenever a module is loaded or unloaded.

mod commands;
mod known;

use std::collections::BTreeSet;

pub(crate) use commands::CommandSet;
pub use commands::Commands;
pub use known::is_built_in;

/// The commands, categories and abilities of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its commands and subcommands with their categories.
    pub commands: Commands,
    /// Every category, without `@`.
    pub categories: BTreeSet<String>,
    /// Whether selectors can name databases (`db=`): Valkey 9.1 and later.
    pub has_databases: bool,
    /// For messages and policies: `9.1.2`.
    pub version: String,
}
