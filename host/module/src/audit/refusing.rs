//! `on_loss = "refuse"`: nobody logs in and nothing is changed that could not be recorded.
//!
//! In: commands as they arrive, log-ins, and whether a sink that asks for it cannot write. Out:
//! refusals that say which sink. `native_users` are let in: somebody must be able to mend it.

use crate::ffi::{Answer, CommandHandler, CommandSpec, Context, ServerLock, Words};
use crate::shared::Shared;
use warden_core::{Reason, ReasonKind};

use super::observer;

/// The command that takes the place of one that is refused.
pub(super) const COMMAND: &str = "warden.refused";

/// Commands that change what the audit is about.
const CHANGES: [&[u8]; 3] = [b"config", b"acl", b"module"];

/// Subcommands of them that change nothing.
const HARMLESS: [&[u8]; 10] = [
    b"get", b"help", b"list", b"users", b"whoami", b"cat", b"getuser", b"genpass", b"dryrun",
    b"log",
];

/// Why nobody may log in just now; `None` when they may.
pub(crate) fn refusal(shared: &Shared) -> Option<Reason> {
    if !shared.trail.is_enabled() {
        return None;
    }
    let roster = shared.trail.roster();
    let sink = roster.refusing()?;
    Some(Reason::new(
        ReasonKind::Unaudited,
        format!(
            "audit sink {} cannot write, and its on_loss is refuse",
            sink.name
        ),
    ))
}

/// Whether a command must not run now.
pub(super) fn refuses(lock: &ServerLock, words: &Words<'_>) -> bool {
    let Some(first) = words.get(0) else {
        return false;
    };
    let is_change = CHANGES.iter().any(|name| first.eq_ignore_ascii_case(name));
    if !is_change {
        return false;
    }
    let second = words.get(1).unwrap_or_default();
    if HARMLESS
        .iter()
        .any(|name| second.eq_ignore_ascii_case(name))
    {
        return false;
    }
    observer::with(lock, |observer| observer.roster.refusing().is_some()) == Some(true)
}

/// The command: what is run in the place of one that is refused.
pub(crate) struct Refused;

impl CommandHandler for Refused {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.refused",
        flags: c"readonly fast allow-loading allow-stale",
        categories: c"connection fast",
        arity: -1,
        summary: c"Runs in the place of a change that could not be recorded, and refuses it.",
        since: c"0.1.0",
        complexity: c"O(1)",
        arguments: &[],
        secrets: &[],
    };

    fn run(ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        let name = observer::with(ctx.lock(), |observer| {
            observer.roster.refusing().map(|sink| sink.name.clone())
        });
        let name = name.flatten().unwrap_or_default();
        Err(format!(
            "TRYAGAIN audit sink {name:?} cannot write: no change is made that could not be recorded"
        ))
    }
}
