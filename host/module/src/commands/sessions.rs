//! `WARDEN.SESSIONS [COUNT n]`: who is connected.

use warden_session::SessionView;

use crate::ffi::{ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context, Reply};
use crate::sessions;

/// The command.
pub(super) struct Sessions;

/// Sessions listed without COUNT, and at most: bounds one command's turn.
const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: usize = 1000;

impl CommandHandler for Sessions {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.sessions",
        flags: c"readonly admin allow-loading allow-stale",
        categories: c"admin dangerous slow",
        arity: -1,
        summary: c"Returns live sessions in the order of their client ids.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of sessions returned",
        arguments: &[CommandArgument {
            name: c"count",
            kind: ArgumentKind::Integer,
            token: Some(c"COUNT"),
            optional: true,
            multiple: false,
        }],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Reply, String> {
        let count = count(arguments)?;
        let listed = sessions::with_registry(ctx.lock(), |registry| {
            registry
                .sessions(None)
                .take(count)
                .map(|session| describe(&session))
                .collect()
        });
        Ok(Reply::Array(listed.unwrap_or_default()))
    }
}

/// The number after COUNT.
fn count(arguments: &[&[u8]]) -> Result<usize, String> {
    match arguments {
        [] => Ok(DEFAULT_COUNT),
        [word, number] if word.eq_ignore_ascii_case(b"count") => std::str::from_utf8(number)
            .ok()
            .and_then(|number| number.parse().ok())
            .filter(|number| (1..=MAX_COUNT).contains(number))
            .ok_or_else(|| format!("ERR COUNT takes a whole number from 1 to {MAX_COUNT}")),
        _ => Err("ERR syntax error: WARDEN.SESSIONS [COUNT count]".to_owned()),
    }
}

/// A session as an operator sees it.
fn describe(session: &SessionView<'_>) -> Reply {
    let principal = session.principal;
    super::map([
        ("client", super::number(session.client.0)),
        ("user", Reply::text(session.user.as_str())),
        (
            "authenticator",
            Reply::text(principal.authenticator.as_str()),
        ),
        ("method", Reply::text(principal.method.as_str())),
        ("address", super::optional(session.address)),
        ("since", super::seconds(Some(session.since))),
        ("expires", super::seconds(session.expires)),
        ("class", Reply::text(session.class_key.to_string())),
        ("generation", super::number(session.generation)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_bounded() {
        assert_eq!(count(&[]), Ok(DEFAULT_COUNT));
        assert_eq!(count(&[b"CoUnT", b"7"]), Ok(7));
        for bad in [
            &[b"count" as &[u8], b"0"][..],
            &[b"count", b"1001"],
            &[b"count", b"-1"],
            &[b"count"],
            &[b"x", b"1"],
        ] {
            assert!(count(bad).is_err());
        }
    }
}
