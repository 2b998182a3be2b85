//! What policies may know about a connection and this server, gathered on the
//! main thread.
//!
//! All of it is gathered whatever the policies of the moment read: those of a
//! later generation decide about the same sessions.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::client::Certificate;
use warden_core::plugin::Reads;
use warden_core::{ClientFacts, Server};

use crate::ffi::{ClientInfo, Context, Entered, Error, Level, Reply, log, server_version};

/// The facts about the connection that is authenticating.
pub(crate) fn of_client(ctx: &Context<'_>) -> ClientFacts {
    let certificate = true;
    read_of_client(
        ctx,
        Reads {
            certificate,
            ..Reads::default()
        },
    )
}

/// The same, without a certificate that nobody reads: to parse one takes a while.
pub(crate) fn read_of_client(ctx: &Context<'_>, reads: Reads) -> ClientFacts {
    let info = ctx.client_info();
    ClientFacts {
        tls: info.is_some_and(|info| info.tls),
        address: info.map(address),
        certificate: reads.certificate.then(|| certificate(ctx)).flatten(),
        replica: ctx.is_replica(),
    }
}

/// The certificate with which the client proved itself. One that cannot be read counts as
/// none: nothing is granted by it then.
fn certificate(ctx: &Context<'_>) -> Option<Certificate> {
    let pem = ctx.client_certificate()?;
    let pem = std::str::from_utf8(&pem).ok()?;
    let read = warden_authn::parse_certificate(pem);
    read.inspect_err(|error| {
        log(
            Level::Notice,
            &format!("a client's certificate counts as none: it {error}"),
        );
    })
    .ok()
}

/// What the connection that is authenticating has entered.
pub(crate) fn entered(ctx: &Context<'_>) -> Option<Entered> {
    ctx.client_info().map(|info| info.entered)
}

/// The address of the client of this call, without the port; `unix` for a socket.
pub(crate) fn address_of(ctx: &Context<'_>) -> Option<String> {
    ctx.client_info().map(address)
}

fn address(info: &ClientInfo) -> String {
    if info.unix_socket {
        "unix".to_owned()
    } else {
        info.address.clone()
    }
}

/// What this server understands: its commands, categories and abilities.
///
/// `COMMAND` and not `ACL CAT NAME`: on 8.0 the latter leaves out the commands of
/// modules.
///
/// # Errors
/// When the server does not answer `COMMAND` or `ACL CAT` as documented.
pub(crate) fn of_server(ctx: &Context<'_>) -> Result<Server, Error> {
    let mut commands = BTreeMap::new();
    collect(ctx.call("COMMAND", &[])?, &mut commands);
    if commands.is_empty() {
        return Err(Error::Refused("COMMAND"));
    }
    let [_, major, minor, patch] = server_version().to_be_bytes();
    Ok(Server {
        commands: commands.into(),
        categories: ctx
            .call("ACL", &[b"CAT"])?
            .into_texts()
            .into_iter()
            .collect(),
        has_databases: (major, minor) >= (9, 1),
        version: format!("{major}.{minor}.{patch}"),
    })
}

/// How many words a command takes, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arity(i64);

impl Arity {
    /// Whether a command of so many words is complete: `-n` stands for at least n.
    pub(crate) fn admits(self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.0 < 0 {
            words >= self.0.saturating_neg()
        } else {
            words == self.0
        }
    }
}

/// The arity of the command these words are; `None` when there is no such command.
///
/// # Errors
/// When the server does not answer `COMMAND INFO` as documented.
pub(crate) fn arity(ctx: &Context<'_>, words: &[Vec<u8>]) -> Result<Option<Arity>, Error> {
    let (Some(name), second) = (words.first(), words.get(1)) else {
        return Ok(None);
    };
    // `config|get` is a name to COMMAND INFO, and no command.
    if name.contains(&b'|') {
        return Ok(None);
    }
    let (Reply::Array(entries) | Reply::Set(entries)) = ctx.call("COMMAND", &[b"INFO", name])?
    else {
        return Err(Error::Refused("COMMAND INFO"));
    };
    let Some(Reply::Array(fields)) = entries.into_iter().next() else {
        return Ok(None);
    };
    let subcommands = match fields.get(SUBCOMMANDS) {
        Some(Reply::Array(subcommands) | Reply::Set(subcommands)) => subcommands.as_slice(),
        _ => &[],
    };
    match second.filter(|_| !subcommands.is_empty()) {
        None => Ok(arity_of(&fields)),
        Some(second) => Ok(subcommands.iter().find_map(|entry| match entry {
            Reply::Array(fields) if is_subcommand(fields, second) => arity_of(fields),
            _ => None,
        })),
    }
}

fn arity_of(fields: &[Reply]) -> Option<Arity> {
    match fields.get(ARITY) {
        Some(Reply::Integer(arity)) => Some(Arity(*arity)),
        _ => None,
    }
}

fn is_subcommand(fields: &[Reply], word: &[u8]) -> bool {
    match fields.get(NAME) {
        Some(Reply::Bulk(name)) => {
            let place = name.iter().position(|byte| *byte == b'|');
            let own = place.and_then(|place| name.get(place + 1..));
            own.is_some_and(|own| own.eq_ignore_ascii_case(word))
        }
        _ => false,
    }
}

/// Places in an entry of `COMMAND`'s reply.
const NAME: usize = 0;
const ARITY: usize = 1;
const CATEGORIES: usize = 6;
const SUBCOMMANDS: usize = 9;

/// Adds every entry of `COMMAND`'s reply, subcommands included.
fn collect(reply: Reply, commands: &mut BTreeMap<String, BTreeSet<String>>) {
    let (Reply::Array(entries) | Reply::Set(entries)) = reply else {
        return;
    };
    for entry in entries {
        let Reply::Array(mut fields) = entry else {
            continue;
        };
        if fields.len() > SUBCOMMANDS {
            collect(fields.swap_remove(SUBCOMMANDS), commands);
        }
        let mut fields = fields.into_iter();
        let name = fields
            .nth(NAME)
            .map(Reply::into_texts)
            .and_then(|mut texts| texts.pop());
        let categories = fields
            .nth(CATEGORIES - NAME - 1)
            .map(Reply::into_texts)
            .unwrap_or_default();
        if let Some(name) = name {
            let categories = categories
                .iter()
                .map(|name| name.trim_start_matches('@').to_owned());
            commands
                .entry(name.to_ascii_lowercase())
                .or_default()
                .extend(categories);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_arity_is_the_least() {
        assert!(Arity(2).admits(2) && !Arity(2).admits(1) && !Arity(2).admits(3));
        assert!(Arity(-2).admits(2) && Arity(-2).admits(9) && !Arity(-2).admits(1));
    }

    #[test]
    fn a_subcommand_is_named_by_its_last_word() {
        let entry = [Reply::text("config|get"), Reply::Integer(-3)];
        assert!(is_subcommand(&entry, b"GET"));
        assert!(!is_subcommand(&entry, b"config|get"));
        assert_eq!(arity_of(&entry), Some(Arity(-3)));
    }
}
