//! What policies may know about a connection and this server, gathered on the
//! main thread.
//!
//! Only what some policy of the generation in force declared is asked for: the
//! server's answer costs a lookup, a certificate costs a copy.

use std::collections::{BTreeMap, BTreeSet};

use warden_core::{ClientFacts, Server};
use warden_policy::Inputs;

use crate::ffi::{ClientInfo, Context, Error, server_version};

/// The facts about the connection that is authenticating.
pub(crate) fn of_client(ctx: &Context<'_>, inputs: &Inputs) -> ClientFacts {
    let mut facts = ClientFacts::default();
    if (inputs.client_address || inputs.client_tls)
        && let Some(info) = client_info(ctx)
    {
        facts.tls = info.tls;
        facts.address = Some(address(info));
    }
    if inputs.server_role {
        facts.replica = ctx.is_replica();
    }
    facts
}

/// The address of the client of this call, without the port; `unix` for a socket.
pub(crate) fn address_of(ctx: &Context<'_>) -> Option<String> {
    client_info(ctx).map(address)
}

fn client_info(ctx: &Context<'_>) -> Option<ClientInfo> {
    ClientInfo::of(ctx.lock(), ctx.client()?)
}

fn address(info: ClientInfo) -> String {
    if info.unix_socket { "unix".to_owned() } else { info.address }
}

/// What this server understands: its commands, categories and abilities.
///
/// # Errors
/// When the server does not answer `COMMAND LIST` or `ACL CAT` as documented.
pub(crate) fn of_server(ctx: &Context<'_>) -> Result<Server, Error> {
    let mut commands: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in ctx.call("COMMAND", &[b"LIST"])?.into_texts() {
        commands.entry(name.to_ascii_lowercase()).or_default();
    }
    let categories: BTreeSet<String> = ctx.call("ACL", &[b"CAT"])?.into_texts().into_iter().collect();
    for category in &categories {
        for name in ctx.call("ACL", &[b"CAT", category.as_bytes()])?.into_texts() {
            commands.entry(name.to_ascii_lowercase()).or_default().insert(category.clone());
        }
    }
    let [_, major, minor, patch] = server_version().to_be_bytes();
    Ok(Server {
        commands,
        categories,
        has_databases: (major, minor) >= (9, 1),
        version: format!("{major}.{minor}.{patch}"),
    })
}
