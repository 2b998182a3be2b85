//! `WARDEN.SESSIONS [filter value …] [AFTER client-id] [COUNT n]`: who is connected.

use warden_core::ClientId;
use warden_session::SessionView;

use super::filters;
use crate::ffi::{
    Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context, Reply,
};
use crate::searches;

/// The command.
pub(super) struct Sessions;

/// Sessions listed without COUNT, and at most: bounds one reply.
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
        complexity: c"O(N) with N the number of sessions looked at, over many turns of the server",
        arguments: &[
            &filters::ARGUMENTS,
            &[
                CommandArgument::option(c"AFTER", c"client-id", ArgumentKind::Integer),
                CommandArgument::option(c"COUNT", c"count", ArgumentKind::Integer),
            ],
        ],
        secrets: &[],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let filters = filters::parse(arguments, &["after", "count"])?;
        let (after, count) = place(&filters.others)?;
        let shared = super::shared()?;
        let meant = (filters.selection, after, count);
        Ok(searches::list(shared, ctx, meant, describe))
    }
}

/// Where the list begins, and how long it may be.
fn place(others: &[(String, &str)]) -> Result<(Option<ClientId>, usize), String> {
    let value = |name: &str| {
        let found = others.iter().find(|(word, _)| word == name);
        found.map(|(_, value)| *value)
    };
    let after = match value("after") {
        None => None,
        Some(id) => Some(ClientId(
            id.parse().map_err(|_| "ERR AFTER takes a client id")?,
        )),
    };
    let count = match value("count") {
        None => DEFAULT_COUNT,
        Some(count) => count
            .parse()
            .ok()
            .filter(|count| (1..=MAX_COUNT).contains(count))
            .ok_or_else(|| format!("ERR COUNT takes a whole number from 1 to {MAX_COUNT}"))?,
    };
    Ok((after, count))
}

/// A session as an operator sees it.
fn describe(session: &SessionView<'_>) -> Reply {
    let principal = session.principal;
    super::map([
        ("client", super::number(session.client.0)),
        ("session", super::number(session.session.as_u64())),
        ("user", Reply::text(session.user.as_str())),
        (
            "authenticator",
            Reply::text(principal.authenticator.as_str()),
        ),
        ("method", Reply::text(principal.method.as_str())),
        ("address", super::optional(session.address())),
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
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_list_is_bounded() {
        let place_of = |name: &str, value| place(&[(name.to_owned(), value)]);
        assert_eq!(place(&[]), Ok((None, DEFAULT_COUNT)));
        assert_eq!(place_of("count", "7"), Ok((None, 7)));
        assert_eq!(
            place_of("after", "7"),
            Ok((Some(ClientId(7)), DEFAULT_COUNT))
        );
        for bad in ["0", "1001", "-1", "x"] {
            assert!(place_of("count", bad).is_err());
        }
        assert!(place_of("after", "x").is_err());
    }
}
