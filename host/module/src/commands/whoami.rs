//! `WARDEN.WHOAMI`: the caller's own session.

use crate::ffi::{Answer, CommandHandler, CommandSpec, Context, Reply};
use crate::sessions;

/// The command.
pub(super) struct Whoami;

impl CommandHandler for Whoami {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.whoami",
        flags: c"readonly fast allow-loading allow-stale deny-script",
        categories: c"connection fast",
        arity: 1,
        summary: c"Returns who this connection is, what it may do and until when.",
        since: super::SINCE,
        complexity: c"O(1)",
        arguments: &[],
        secrets: &[],
    };

    fn run(ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        let client = ctx.client().ok_or("ERR no connection")?;
        let session = sessions::with_registry(ctx.lock(), |registry| {
            registry.session(client).map(|session| describe(&session))
        });
        if let Some(session) = session.flatten() {
            return Ok(Answer::Now(session));
        }
        let user = ctx.user_name(client).unwrap_or_default();
        Ok(Answer::Now(super::map([
            ("user", Reply::Bulk(user)),
            ("authenticator", Reply::Null),
            ("method", Reply::text("acl")),
        ])))
    }
}

/// A session as its owner sees it.
fn describe(session: &warden_session::SessionView<'_>) -> Reply {
    let principal = session.principal;
    // The operator's own say more than their owner may know.
    let rules = Some(session.rules).filter(|rules| !rules.are_of_acl_user());
    super::map([
        ("user", Reply::text(session.user.as_str())),
        (
            "authenticator",
            Reply::text(principal.authenticator.as_str()),
        ),
        ("method", Reply::text(principal.method.as_str())),
        ("session", super::number(session.session.as_u64())),
        ("principal", Reply::text(principal.name.as_str())),
        ("groups", super::texts(&principal.groups)),
        ("scopes", super::texts(&principal.scopes)),
        ("since", super::seconds(Some(session.since))),
        ("expires", super::seconds(session.expires)),
        ("attach", Reply::text(principal.attach.as_str())),
        (
            "class",
            super::optional(session.class_key.map(|key| key.to_string())),
        ),
        (
            "generation",
            session.generation.map_or(Reply::Null, super::number),
        ),
        ("rules", super::optional(rules.map(|rules| rules.as_str()))),
    ])
}
