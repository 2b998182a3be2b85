//! `WARDEN.AUTHENTICATORS`: who vouches for identities, and what is wrong in
//! their directory.

use warden_authn::{PoolStatus, ServerStatus};

use crate::ffi::{Answer, CommandHandler, CommandSpec, Context, Reply};

/// The command.
pub(super) struct Authenticators;

impl CommandHandler for Authenticators {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.authenticators",
        flags: c"readonly admin allow-loading allow-stale",
        categories: c"admin dangerous slow",
        arity: 1,
        summary: c"Returns the authenticators in force and the errors found in their directory.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of authenticators",
        arguments: &[],
        secrets: &[],
    };

    fn run(_ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        let shared = super::shared()?;
        let chain = shared.chain.load();
        let listed = chain.authenticators().map(|status| {
            super::map([
                ("id", Reply::text(status.id.as_str())),
                ("type", Reply::text(status.method.as_str())),
                ("file", Reply::text(status.file.to_string_lossy())),
                ("attach", Reply::text(status.coexistence.attach.as_str())),
                ("status", Reply::text(status.health())),
                (
                    "trouble",
                    status.trouble.clone().map_or(Reply::Null, Reply::text),
                ),
                (
                    "waiting",
                    super::number(u64::try_from(status.waiting).unwrap_or(u64::MAX)),
                ),
                ("keys_changed", super::seconds(status.keys_changed)),
                ("verified", super::number(status.verified)),
                ("refused", super::number(status.refused)),
                ("unavailable", super::number(status.unavailable)),
                ("throttled", super::number(status.throttled)),
                (
                    "servers",
                    Reply::Array(status.servers.iter().map(server).collect()),
                ),
            ])
        });
        Ok(Answer::Now(super::map([
            ("authenticators", Reply::Array(listed.collect())),
            (
                "errors",
                super::texts(shared.authenticator_errors.load().iter()),
            ),
        ])))
    }
}

fn server(status: &ServerStatus) -> Reply {
    let text = if status.is_up { "up" } else { "down" };
    let ping = status.ping.map(|ping| ping.as_micros());
    super::map([
        ("host", Reply::text(&status.host)),
        ("status", Reply::text(text)),
        (
            "error",
            status.error.as_ref().map_or(Reply::Null, Reply::text),
        ),
        (
            "ping_usec",
            ping.map_or(Reply::Null, |ping| {
                super::number(u64::try_from(ping).unwrap_or(u64::MAX))
            }),
        ),
        ("binds", pool(&status.binds)),
        ("searches", pool(&status.searches)),
    ])
}

fn pool(status: &PoolStatus) -> Reply {
    let count = |count: usize| super::number(u64::try_from(count).unwrap_or(u64::MAX));
    let maybe = |some: Option<usize>| some.map_or(Reply::Null, count);
    super::map([
        ("connections", count(status.size)),
        ("in_use", maybe(status.in_use)),
        ("idle", maybe(status.idle)),
        ("waiting", maybe(status.waiting)),
        ("answered", super::number(status.answered)),
        ("failed", super::number(status.failed)),
        ("latency_usec", Reply::text(&status.latency_usec)),
    ])
}
