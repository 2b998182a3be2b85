//! `WARDEN.RELOAD [ALLOW-OLDER revision]`: reads policies, authenticators and audit sinks again
//! now, has the sinks open their files anew, and tells what changed.
//!
//! The files are read by their loaders, off the main thread; the reply comes when all
//! have finished. A directory in error keeps what was in force, as at any reload. A
//! `generation` that did not change means that nothing did. With `ALLOW-OLDER` this one load
//! takes signed policies of that very revision, although this server has run others: who
//! asked for it stands in the log.

use std::sync::{Arc, Mutex, PoisonError};

use warden_policy::Manifest;

use super::{map, number, texts};
use crate::ffi::{
    Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context, Level, Reply,
    Waiting, log,
};
use crate::loader::{Allowed, Changes, Load};

/// The command.
pub(super) struct Reload;

impl CommandHandler for Reload {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.reload",
        flags: c"admin allow-loading allow-stale deny-script",
        categories: c"admin dangerous slow",
        arity: -1,
        summary: c"Reads policies, authenticators and audit sinks again and returns what changed.",
        since: super::SINCE,
        complexity: c"O(N) with N the size of the directories; outside the main thread",
        arguments: &[&[CommandArgument::option(
            c"ALLOW-OLDER",
            c"revision",
            ArgumentKind::Integer,
        )]],
        secrets: &[],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let allowed = allowed(arguments)?;
        let shared = super::shared()?;
        if let Some(revision) = allowed {
            log(
                Level::Warning,
                &format!(
                    "{} allows revision {revision} of the signed policies, for one reload",
                    who(ctx)
                ),
            );
        }
        Ok(Answer::Later(Box::new(move |_lock, waiting| {
            let asked = Asked::new(waiting, allowed);
            // The channels are closed only at unload; then the last holder refuses.
            let _ = shared.policy_loads.send(Load::Asked(asked.clone()));
            let _ = shared.authenticator_loads.send(Load::Asked(asked.clone()));
            let _ = shared.sink_loads.send(Load::Asked(asked));
        })))
    }
}

/// The revision behind `ALLOW-OLDER`.
fn allowed(arguments: &[&[u8]]) -> Result<Allowed, String> {
    let revision = match arguments {
        [] => return Ok(None),
        [option, revision] if option.eq_ignore_ascii_case(b"allow-older") => revision,
        _ => return Err("ERR syntax error: WARDEN.RELOAD [ALLOW-OLDER revision]".to_owned()),
    };
    let digits = std::str::from_utf8(revision).ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let revision = digits.and_then(|text| text.parse().ok());
    let revision = revision.filter(|number| (1..=Manifest::MAX_REVISION).contains(number));
    revision
        .map(Some)
        .ok_or_else(|| "ERR ALLOW-OLDER takes the revision that is to be allowed".to_owned())
}

/// Who asks, for the log.
fn who(ctx: &Context<'_>) -> String {
    let user = ctx.client().and_then(|client| ctx.user_name(client));
    let user = user.map(|name| String::from_utf8_lossy(&name).into_owned());
    let address = ctx.client_info().map(|info| info.address.clone());
    format!(
        "{:?} from {:?}",
        user.unwrap_or_default(),
        address.unwrap_or_default()
    )
}

/// Somebody who waits for all loaders.
#[derive(Clone)]
pub(crate) struct Asked {
    parts: Arc<Mutex<Parts>>,
    allowed: Allowed,
}

struct Parts {
    waiting: Option<Waiting>,
    policies: Option<Changes>,
    authenticators: Option<Changes>,
    sinks: Option<Changes>,
}

/// Which of them a loader has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `policy_dir`.
    Policies,
    /// `authenticator_dir`.
    Authenticators,
    /// `audit_dir`.
    Sinks,
}

impl Asked {
    fn new(waiting: Waiting, allowed: Allowed) -> Self {
        let parts = Parts {
            waiting: Some(waiting),
            policies: None,
            authenticators: None,
            sinks: None,
        };
        Self {
            parts: Arc::new(Mutex::new(parts)),
            allowed,
        }
    }

    /// What is taken whatever was run before.
    pub(crate) fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// On a loader: this part has been read. The last part ends the wait.
    pub(crate) fn tell(&self, part: Part, changes: Changes) {
        // Held for moves of values; a poisoned lock holds whole ones.
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        match part {
            Part::Policies => parts.policies = Some(changes),
            Part::Authenticators => parts.authenticators = Some(changes),
            Part::Sinks => parts.sinks = Some(changes),
        }
        if let Parts {
            policies: Some(policies),
            authenticators: Some(authenticators),
            sinks: Some(sinks),
            waiting,
        } = &mut *parts
            && let Some(waiting) = waiting.take()
        {
            let reply = map([
                ("policies", describe(policies)),
                ("authenticators", describe(authenticators)),
                ("sinks", describe(sinks)),
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
