//! `on_loss = "refuse"`: nobody logs in and nothing is changed that could not be recorded.
//!
//! In: commands as they arrive, log-ins, and whether a sink that asks for it cannot write. Out:
//! refusals that say which sink. `native_users` are let in: somebody must be able to mend it.

use rustc_hash::FxHashMap;

use crate::ffi::{
    Answer, ClientInfo, CommandHandler, CommandSpec, Context, Passage, ServerLock, Words,
};
use crate::shared::Shared;
use warden_core::{ClientId, Reason, ReasonKind};

use super::observer::{self, Observer};

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
    let sink = roster.refusing(shared.monotonic())?;
    Some(Reason::new(
        ReasonKind::Unaudited,
        format!(
            "audit sink {} cannot write, and its on_loss is refuse",
            sink.name
        ),
    ))
}

/// Transactions that hold a change, while a sink could refuse it.
#[derive(Default)]
pub(super) struct Transactions {
    /// Clients in MULTI, and whether they have queued a change.
    open: FxHashMap<u64, bool>,
}

/// Most transactions that are watched; of more, every one may hold a change.
const MOST_OPEN: usize = 100_000;

impl Transactions {
    /// A command arrives; answers whether it is the EXEC of a transaction that holds a change.
    fn arrived(
        &mut self,
        lock: &ServerLock,
        client: ClientId,
        words: &Words<'_>,
        is_change: bool,
    ) -> bool {
        let Some(first) = words.get(0) else {
            return false;
        };
        if first.eq_ignore_ascii_case(b"multi") {
            if self.open.len() < MOST_OPEN {
                // One that was not seen from its beginning may hold a change.
                let is_open = || ClientInfo::of(lock, client).is_none_or(|info| info.is_queueing);
                self.open.entry(client.0).or_insert_with(is_open);
            }
            return false;
        }
        if is_change && let Some(holds) = self.open.get_mut(&client.0) {
            *holds = true;
        }
        let ends = [&b"exec"[..], b"discard", b"reset"];
        if !ends.iter().any(|name| first.eq_ignore_ascii_case(name)) {
            return false;
        }
        let holds = self.open.remove(&client.0) != Some(false);
        holds && first.eq_ignore_ascii_case(b"exec")
    }

    /// It is gone.
    pub(super) fn remove(&mut self, client: ClientId) {
        self.open.remove(&client.0);
    }
}

/// What becomes of a command. A change that is queued already is given up with its transaction.
pub(super) fn passage(
    observer: &mut Observer,
    lock: &ServerLock,
    client: ClientId,
    words: &Words<'_>,
) -> Passage {
    if !observer.may_refuse {
        return Passage::Unchanged;
    }
    let is_change = is_change(words)
        || words
            .get(0)
            .is_some_and(|word| observer.commands.may_be_renamed(word));
    let executes = observer
        .transactions
        .arrived(lock, client, words, is_change);
    if !(is_change || executes)
        || observer.refusing().is_none()
        // What a primary sends has happened: a replica that leaves it out is no replica.
        || observer.is_internal(lock, client)
    {
        Passage::Unchanged
    } else if executes {
        Passage::Spoiled
    } else {
        Passage::Replaced(COMMAND)
    }
}

fn is_change(words: &Words<'_>) -> bool {
    let Some(first) = words.get(0) else {
        return false;
    };
    if !CHANGES.iter().any(|name| first.eq_ignore_ascii_case(name)) {
        return false;
    }
    let second = words.get(1).unwrap_or_default();
    let argument = words.get(2).unwrap_or_default();
    let empties_the_log =
        second.eq_ignore_ascii_case(b"log") && argument.eq_ignore_ascii_case(b"reset");
    let is_harmless = |name: &&[u8]| second.eq_ignore_ascii_case(name);
    empties_the_log || !HARMLESS.iter().any(is_harmless)
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
            observer.refusing().map(|sink| sink.name.clone())
        });
        let Some(name) = name.flatten() else {
            return Err(
                "ERR warden puts this in the place of a change that could not be recorded".into(),
            );
        };
        Err(format!(
            "TRYAGAIN audit sink {name:?} cannot write: no change is made that could not be recorded"
        ))
    }
}
