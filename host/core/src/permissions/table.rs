//! What permissions come to on one server, as a table a person can read.
//!
//! In: permissions and a server's commands. Out: a row for the base rules and one for
//! each grant that is left, with every command by name. It shows what
//! [`render`](super::Permissions::render) makes rules of and decides nothing.

use std::collections::BTreeSet;

use warden_rules::Databases;

use super::Permissions;
use super::render::Writer;
use crate::server::Server;

/// Commands, and everything one of them may touch at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'s> {
    /// Commands by name, subcommands as `config|get`; denials are taken off.
    pub commands: BTreeSet<&'s str>,
    /// Keys, as `~a:*` (read and write), `%R~b:*` (read), `%W~c:*` (write).
    pub keys: Vec<String>,
    /// Channels, as `&news.*`.
    pub channels: Vec<String>,
    /// Databases; all where the server cannot bound them.
    pub databases: Databases,
}

impl Permissions {
    /// The rows: first what needs no key, channel or database (the base rules), then
    /// one for each grant of which anything is left.
    pub fn table<'s>(&self, server: &'s Server) -> Vec<Row<'s>> {
        let writer = Writer::new(self, server);
        let base = Row {
            commands: writer.base_commands().names().collect(),
            keys: Vec::new(),
            channels: Vec::new(),
            databases: Databases::All,
        };
        // What is dropped is told by `render`.
        let mut dropped = BTreeSet::new();
        let grants = self.grants.iter().filter_map(|grant| {
            Some(Row {
                commands: writer
                    .grant_commands(grant, &mut dropped)?
                    .names()
                    .collect(),
                keys: grant
                    .keys
                    .iter()
                    .map(|(pattern, access)| format!("{access}{pattern}"))
                    .collect(),
                channels: grant
                    .channels
                    .iter()
                    .map(|pattern| format!("&{pattern}"))
                    .collect(),
                databases: grant.databases.clone(),
            })
        });
        std::iter::once(base).chain(grants).collect()
    }
}
