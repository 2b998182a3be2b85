//! What policies may know about a connection and this server, gathered on the
//! main thread.
//!
//! All of it is gathered whatever the policies of the moment read: those of a
//! later generation decide about the same sessions.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::{ClientFacts, Server};

use crate::ffi::{ClientInfo, Context, Error, Reply, server_version};

/// The facts about the connection that is authenticating.
pub(crate) fn of_client(ctx: &Context<'_>) -> ClientFacts {
    let info = client_info(ctx);
    ClientFacts {
        tls: info.as_ref().is_some_and(|info| info.tls),
        address: info.map(address),
        certificate: None,
        replica: ctx.is_replica(),
    }
}

/// The address of the client of this call, without the port; `unix` for a socket.
pub(crate) fn address_of(ctx: &Context<'_>) -> Option<String> {
    client_info(ctx).map(address)
}

fn client_info(ctx: &Context<'_>) -> Option<ClientInfo> {
    ClientInfo::of(ctx.lock(), ctx.client()?)
}

fn address(info: ClientInfo) -> String {
    if info.unix_socket {
        "unix".to_owned()
    } else {
        info.address
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
        commands,
        categories: ctx
            .call("ACL", &[b"CAT"])?
            .into_texts()
            .into_iter()
            .collect(),
        has_databases: (major, minor) >= (9, 1),
        version: format!("{major}.{minor}.{patch}"),
    })
}

/// Places in an entry of `COMMAND`'s reply.
const NAME: usize = 0;
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
