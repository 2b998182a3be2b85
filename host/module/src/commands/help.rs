//! `WARDEN.HELP`: one line a command.

use crate::ffi::{Answer, CommandHandler, CommandSpec, Context};

/// The command.
pub(super) struct Help;

const LINES: [&str; 26] = [
    "WARDEN.WHOAMI",
    "    Who this connection is, what it may do and until when.",
    "WARDEN.SESSIONS [USER user] [AUTHENTICATOR id] [GROUP group] [CLASS class] [ADDRESS address]",
    "    [ID client-id] [EXPIRES-BEFORE unix-time-seconds] [AFTER client-id] [COUNT count]",
    "    Live sessions that all filters mean, in the order of their client ids.",
    "WARDEN.KILL filter value [filter value ...] [SKIPME yes|no]",
    "    Ends the sessions that all filters mean (those of WARDEN.SESSIONS), and returns how many.",
    "WARDEN.EXPLAIN user credential",
    "    What a log-in would come to, and why: identity, verdicts, rules. Counts as an attempt.",
    "WARDEN.DRYRUN user credential [DB n] command [arg ...]",
    "    Whether a session of this credential could run a command. Counts as an attempt.",
    "WARDEN.POLICIES",
    "    The policies in force, and why a newer set was not taken.",
    "WARDEN.POLICIES PREVIEW name [COUNT count]",
    "    Who would lose or gain what under the policies of this directory of preview_dir.",
    "WARDEN.AUTHENTICATORS",
    "    The authenticators in force, and what is wrong in their directory.",
    "WARDEN.RELOAD [ALLOW-OLDER revision]",
    "    Reads policies, authenticators and audit sinks again now, opens the sinks' files anew, and",
    "    returns what changed. ALLOW-OLDER takes signed policies of that revision once, although this",
    "    server has run others.",
    "WARDEN.REFUSED",
    "    Not to be called: runs in the place of a change that could not be recorded.",
    "WARDEN.HELP",
    "    Prints this help.",
    "Times are seconds since 1970. See docs/commands.md.",
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
        secrets: &[],
    };

    fn run(_ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        Ok(super::texts(LINES).into())
    }
}
