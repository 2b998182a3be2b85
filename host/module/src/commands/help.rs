//! `WARDEN.HELP`: one line a command.

use crate::ffi::{CommandHandler, CommandSpec, Context, Reply};

/// The command.
pub(super) struct Help;

const LINES: [&str; 10] = [
    "WARDEN.WHOAMI",
    "    Who this connection is, what it may do and until when.",
    "WARDEN.SESSIONS [COUNT count]",
    "    Live sessions, in the order of their client ids.",
    "WARDEN.POLICIES",
    "    The policies in force, and why a newer set was not taken.",
    "WARDEN.AUTHENTICATORS",
    "    The authenticators in force, and what is wrong in their directory.",
    "WARDEN.HELP",
    "    Prints this help.",
];

impl CommandHandler for Help {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.help",
        flags: c"readonly fast allow-loading allow-stale",
        categories: c"connection fast",
        arity: 1,
        summary: c"Prints a line about each command of warden.",
        since: super::SINCE,
        complexity: c"O(1)",
        arguments: &[],
    };

    fn run(_ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Reply, String> {
        Ok(super::texts(LINES))
    }
}
