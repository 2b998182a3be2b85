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
    super::map([
        ("user", Reply::text(session.user.as_str())),
        (
            "authenticator",
            Reply::text(principal.authenticator.as_str()),
        ),
        ("method", Reply::text(principal.method.as_str())),
        ("principal", Reply::text(principal.name.as_str())),
        ("groups", super::texts(&principal.groups)),
        ("scopes", super::texts(&principal.scopes)),
        ("since", super::seconds(Some(session.since))),
        ("expires", super::seconds(session.expires)),
        ("class", Reply::text(session.class_key.to_string())),
        ("generation", super::number(session.generation)),
        ("rules", Reply::text(session.rules.as_str())),
    ])
}
