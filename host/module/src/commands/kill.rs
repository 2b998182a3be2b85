//! `WARDEN.KILL filter value [filter value …] [SKIPME yes|no]`: ends sessions.
//!
//! Sessions are looked for and closed over slices of the main thread; the reply, how
//! many were ended, comes after the last of them. A token that is still good may log in
//! again.

use super::filters;
use crate::ffi::{Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context};
use crate::searches;

/// The command.
pub(super) struct Kill;

impl CommandHandler for Kill {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.kill",
        flags: c"admin allow-loading allow-stale deny-script",
        categories: c"admin dangerous slow",
        arity: -3,
        summary: c"Ends the sessions that all filters mean and returns how many.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of sessions, over many turns of the server",
        arguments: &[
            &filters::ARGUMENTS,
            &[CommandArgument::option(
                c"SKIPME",
                c"yes/no",
                ArgumentKind::Text,
            )],
        ],
        secrets: &[],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let filters = filters::parse(arguments, &["skipme"])?;
        let mut selection = filters.selection;
        if selection == warden_session::Selection::default() {
            return Err("ERR WARDEN.KILL takes at least one filter".to_owned());
        }
        let skips = match filters
            .others
            .first()
            .map(|(_, value)| value.to_ascii_lowercase())
        {
            None => true,
            Some(value) if value == "yes" => true,
            Some(value) if value == "no" => false,
            Some(_) => return Err("ERR SKIPME takes yes or no".to_owned()),
        };
        if skips {
            selection.except = ctx.client();
        }
        let shared = super::shared()?;
        Ok(searches::kill(shared, selection))
    }
}
