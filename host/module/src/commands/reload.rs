//! `WARDEN.RELOAD`: reads policies and authenticators again now, and tells what changed.
//!
//! The files are read by their loaders, off the main thread; the reply comes when both
//! have finished. A directory in error keeps what was in force, as at any reload. A
//! `generation` that did not change means that nothing did.

use std::sync::{Arc, Mutex, PoisonError};

use super::{map, number, texts};
use crate::ffi::{Answer, CommandHandler, CommandSpec, Context, Reply, Waiting};
use crate::loader::{Changes, Load};

/// The command.
pub(super) struct Reload;

impl CommandHandler for Reload {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.reload",
        flags: c"admin allow-loading allow-stale deny-script",
        categories: c"admin dangerous slow",
        arity: 1,
        summary: c"Reads policies and authenticators again and returns what changed.",
        since: super::SINCE,
        complexity: c"O(N) with N the size of the directories; outside the main thread",
        arguments: &[],
        secrets: &[],
    };

    fn run(_ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        let shared = super::shared()?;
        Ok(Answer::Later(Box::new(move |_lock, waiting| {
            let asked = Asked::new(waiting);
            // The channels are closed only at unload; then the last holder refuses.
            let _ = shared.policy_loads.send(Load::Asked(asked.clone()));
            let _ = shared.authenticator_loads.send(Load::Asked(asked));
        })))
    }
}

/// Somebody who waits for both loaders.
#[derive(Clone)]
pub(crate) struct Asked(Arc<Mutex<Parts>>);

struct Parts {
    waiting: Option<Waiting>,
    policies: Option<Changes>,
    authenticators: Option<Changes>,
}

/// Which of the two a loader has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `policy_dir`.
    Policies,
    /// `authenticator_dir`.
    Authenticators,
}

impl Asked {
    fn new(waiting: Waiting) -> Self {
        Self(Arc::new(Mutex::new(Parts {
            waiting: Some(waiting),
            policies: None,
            authenticators: None,
        })))
    }

    /// On a loader: this part has been read. The second part ends the wait.
    pub(crate) fn tell(&self, part: Part, changes: Changes) {
        // Held for moves of values; a poisoned lock holds whole ones.
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match part {
            Part::Policies => parts.policies = Some(changes),
            Part::Authenticators => parts.authenticators = Some(changes),
        }
        if let Parts {
            policies: Some(policies),
            authenticators: Some(authenticators),
            waiting,
        } = &mut *parts
            && let Some(waiting) = waiting.take()
        {
            let reply = map([
                ("policies", describe(policies)),
                ("authenticators", describe(authenticators)),
            ]);
            waiting.complete(move |_ctx| Ok(reply));
        }
    }
}

fn describe(changes: &Changes) -> Reply {
    map([
        ("generation", number(changes.generation)),
        ("added", texts(&changes.added)),
        ("changed", texts(&changes.changed)),
        ("removed", texts(&changes.removed)),
        ("errors", texts(&changes.errors)),
    ])
}
