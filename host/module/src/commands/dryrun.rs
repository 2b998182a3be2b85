//! `WARDEN.DRYRUN user credential [DB n] command [arg …]`: whether a session of this
//! credential could run a command, without running it.
//!
//! The server's own ACL engine answers, about a user that exists only for the
//! question and has the rules a log-in would get. The reply is `OK`, or a text that says
//! what is not allowed, as that of `ACL DRYRUN`.

use warden_core::{Decision, Reason, UserName};

use crate::ffi::{
    Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context, Permission, Reply,
};
use crate::inquiry::{self, Question};
use crate::{facts, users};

/// The command.
pub(super) struct DryRun;

impl CommandHandler for DryRun {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.dryrun",
        flags: c"readonly admin no-monitor no-slowlog deny-script",
        categories: c"admin dangerous slow",
        arity: -4,
        summary:
            c"Returns whether a session of a credential could run a command, without running it.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of policies; evaluated outside the main thread",
        arguments: &[&[
            CommandArgument::word(c"user"),
            CommandArgument::word(c"credential"),
            CommandArgument::option(c"DB", c"database", ArgumentKind::Integer),
            CommandArgument::word(c"command"),
            CommandArgument {
                optional: true,
                multiple: true,
                ..CommandArgument::word(c"arg")
            },
        ]],
        secrets: &[2],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let [user, credential, rest @ ..] = arguments else {
            return Err(SYNTAX.to_owned());
        };
        let (database, words) = database(rest)?;
        if words.is_empty() {
            return Err(SYNTAX.to_owned());
        }
        let question = Question::MayRun {
            database,
            words: words.iter().map(|word| word.to_vec()).collect(),
        };
        let shared = super::shared()?;
        inquiry::begin(&shared, ctx, (user, credential), question)
    }
}

const SYNTAX: &str = "ERR syntax error: WARDEN.DRYRUN user credential [DB n] command [arg ...]";

/// The number behind `DB`, 0 without it, and the command. No command is named `DB`.
fn database<'a, 'w>(words: &'a [&'w [u8]]) -> Result<(i32, &'a [&'w [u8]]), String> {
    match words {
        [word, number, command @ ..] if word.eq_ignore_ascii_case(b"db") => {
            let number = std::str::from_utf8(number)
                .ok()
                .and_then(|number| number.parse::<i32>().ok())
                .filter(|number| *number >= 0)
                .ok_or("ERR DB takes the number of a database")?;
            Ok((number, command))
        }
        command => Ok((0, command)),
    }
}

/// There would be no session.
pub(crate) fn refused(reason: &Reason) -> Reply {
    Reply::text(format!("the log-in is refused: {reason}"))
}

/// On the main thread: asks the server.
///
/// # Errors
/// When there is no such command, its number of arguments is wrong, or the server
/// cannot be asked.
pub(crate) fn may_run(
    ctx: &Context<'_>,
    name: &UserName,
    decision: &Decision,
    database: i32,
    words: &[Vec<u8>],
) -> Result<Reply, String> {
    let shown = words.first().map(|word| word.escape_ascii().to_string());
    let shown = shown.unwrap_or_default();
    // The server's check reads the places of keys without looking whether they are there.
    let arity = facts::arity(ctx, words).map_err(|error| format!("ERR {error}"))?;
    match arity {
        None => return Err(format!("ERR unknown command or subcommand '{shown}'")),
        Some(arity) if !arity.admits(words.len()) => {
            return Err(format!(
                "ERR wrong number of arguments for '{shown}' command"
            ));
        }
        Some(_) => {}
    }
    let permission = users::may_run(ctx.lock(), name, decision, database, words)
        .map_err(|reason| format!("ERR {reason}"))?;
    Ok(Reply::text(match permission {
        Permission::Granted => "OK".to_owned(),
        Permission::Denied(what) => format!("User {name} has no permissions to {what} '{shown}'"),
        Permission::NoDatabase => return Err("ERR DB index is out of range".to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_stands_before_the_command() {
        let command: &[&[u8]] = &[b"get", b"a"];
        assert_eq!(database(command), Ok((0, command)));
        assert_eq!(database(&[b"Db", b"3", b"get", b"a"]), Ok((3, command)));
        for bad in [b"-1" as &[u8], b"x", b"99999999999"] {
            assert!(database(&[b"DB", bad, b"get"]).is_err());
        }
    }
}
