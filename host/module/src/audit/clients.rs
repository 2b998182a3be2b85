//! Who is behind a connection, remembered from one command to the next.
//!
//! In: a client's number. Out: its user, address, session and which sinks its records are for.
//! What is known is asked of the server once, and again after whatever may have changed it. A
//! number the server does not know is a script's or a module's: it is known by whoever runs it.

use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use warden_audit::event::Session;
use warden_audit::{Client, Interest, Wants};
use warden_core::ClientId;

use super::commands::Facts;
use crate::ffi::{ClientInfo, Connection, Context, Detached, Reply, ServerLock};
use crate::sessions;

/// All connections of which something was recorded, or could have been.
#[derive(Default)]
pub(super) struct Clients {
    /// Boxed: where the map grows, all of it is moved at once.
    known: FxHashMap<u64, Box<Known>>,
    /// Numbers that are no connections': of scripts and modules. No number is given twice.
    strangers: FxHashSet<u64>,
    /// Those that may be links to other nodes of the cluster.
    suspects: FxHashSet<u64>,
}

/// The next version of a connection. None is ever given twice, also by another load: what was
/// written of one is written again for records of the same.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// Numbers of no connection that are remembered.
const MOST_STRANGERS: usize = 1000;

/// What of the names of users and clients a record holds, in bytes: clients choose them, and
/// each record carries them.
const NAME_BYTES: usize = 256;

/// A connection.
#[derive(Clone)]
pub(super) struct Known {
    user: Vec<u8>,
    address: String,
    port: u16,
    tls: bool,
    name: Vec<u8>,
    session: Option<Held>,
    /// The database it has selected.
    pub(super) database: u32,
    /// A replication link, or another client without a user.
    pub(super) is_internal: bool,
    /// What sinks want of the data that it brings, where it says that it moves slots here:
    /// anybody with the right to that command can say so.
    imports: Option<Wants>,
    /// Sinks that want records of it.
    pub(super) wants: Wants,
    /// Of which epoch all this is; another one means: ask again.
    epoch: u64,
    /// No other was known by this number; 0 where it was not asked for to be remembered.
    version: u64,
}

/// A session of ours.
#[derive(Clone)]
struct Held {
    id: u64,
    authenticator: String,
    principal: String,
    decision: String,
    generation: u64,
}

impl Clients {
    /// What is known of a connection, asked anew where that may be out of date; `None` when the
    /// server knows no such client.
    pub(super) fn get(
        &mut self,
        lock: &ServerLock,
        client: ClientId,
        (interest, epoch): (&Interest, u64),
    ) -> Option<&Known> {
        let entry = match self.known.entry(client.0) {
            Entry::Occupied(known) if known.get().epoch == epoch => return Some(known.into_mut()),
            entry => entry,
        };
        if self.strangers.contains(&client.0) {
            return None;
        }
        let ctx = Detached::new(lock).ok()?;
        let is_suspect = self.suspects.contains(&client.0);
        let is_import = is_suspect && is_slot_import(&ctx, client);
        let Some(mut known) = Known::ask(&ctx, client, is_import, (interest, epoch)) else {
            if self.strangers.len() >= MOST_STRANGERS {
                self.strangers.clear();
            }
            self.strangers.insert(client.0);
            return None;
        };
        known.version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        Some(entry.insert_entry(Box::new(known)).into_mut())
    }

    /// It may be a link to another node of the cluster: asked with the rest.
    pub(super) fn suspect(&mut self, client: ClientId) {
        self.suspects.insert(client.0);
    }

    /// Whether it is one that was asked about before: not a script's or module's.
    pub(super) fn is_connection(&self, client: ClientId) -> bool {
        self.known.contains_key(&client.0)
    }

    /// What may have changed is asked again the next time.
    pub(super) fn doubt(&mut self, client: ClientId) {
        if let Some(known) = self.known.get_mut(&client.0) {
            known.epoch = 0;
        }
    }

    /// It has selected another database.
    pub(super) fn select(&mut self, client: ClientId, database: Option<u32>) {
        if let (Some(known), Some(database)) = (self.known.get_mut(&client.0), database) {
            known.database = database;
        }
    }

    /// It is gone.
    pub(super) fn remove(&mut self, client: ClientId) -> Option<Known> {
        self.suspects.remove(&client.0);
        self.known.remove(&client.0).map(|known| *known)
    }
}

impl Known {
    /// Whether it runs as a user that it must have logged in as.
    pub(super) fn is_somebody(&self) -> bool {
        !self.is_internal && !self.user.is_empty() && self.user != b"default"
    }

    /// Sinks that want this command of it.
    pub(super) fn wants_of(&self, facts: &Facts) -> Wants {
        match self.imports {
            Some(wants) if facts.is_data() => wants,
            _ => self.wants,
        }
    }

    /// Whether this command of it is another server's.
    pub(super) fn is_replicating(&self, facts: &Facts) -> bool {
        self.is_internal || self.imports.is_some() && facts.is_data()
    }

    /// The user it runs as.
    pub(super) fn user(&self) -> &[u8] {
        &self.user
    }

    /// Whether it was learnt in this epoch, and nothing has changed it since.
    pub(super) fn is_of(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }

    /// Asks the server; `None` when it knows no such client.
    fn ask(
        ctx: &Context<'_>,
        client: ClientId,
        is_import: bool,
        of: (&Interest, u64),
    ) -> Option<Self> {
        let user = match ctx.connection(client) {
            Connection::None => return None,
            Connection::Internal => None,
            Connection::Of(user) => Some(user),
        };
        let info = ClientInfo::of(ctx.lock(), client)?;
        Some(Self::new(ctx, client, user, (&info, is_import), of))
    }

    /// The same, where the server has said already what it says of connections.
    pub(super) fn from_info(
        ctx: &Context<'_>,
        client: ClientId,
        info: &ClientInfo,
        of: (&Interest, u64),
    ) -> Self {
        Self::new(ctx, client, ctx.user_name(client), (info, false), of)
    }

    fn new(
        ctx: &Context<'_>,
        client: ClientId,
        user: Option<Vec<u8>>,
        (info, is_import): (&ClientInfo, bool),
        (interest, epoch): (&Interest, u64),
    ) -> Self {
        let is_internal = user.is_none() || info.is_primary;
        let user = user.unwrap_or_default();
        let address: Option<IpAddr> = info.address.parse().ok();
        let session = sessions::with_registry(ctx.lock(), |registry| {
            registry.session(client).map(|view| Held {
                id: view.session.as_u64(),
                authenticator: view.principal.authenticator.as_str().to_owned(),
                principal: view.principal.name.as_str().to_owned(),
                decision: view
                    .class_key
                    .map(|key| key.to_string())
                    .unwrap_or_default(),
                generation: view.generation.unwrap_or(0),
            })
        });
        Self {
            address: if info.unix_socket && info.address.is_empty() {
                "unix".to_owned()
            } else {
                info.address.clone()
            },
            port: info.port,
            tls: info.tls,
            name: cut(ctx.client_name(client).unwrap_or_default()),
            session: session.flatten(),
            database: info.database,
            is_internal,
            wants: interest.of_client(&user, address, is_internal),
            imports: is_import.then(|| interest.of_client(&user, address, true)),
            epoch,
            version: 0,
            user: cut(user),
        }
    }

    /// As records tell it.
    pub(super) fn client(&self, id: ClientId) -> Client<'_> {
        Client {
            id: id.0,
            version: self.version,
            user: &self.user,
            address: &self.address,
            port: self.port,
            tls: self.tls,
            name: &self.name,
            session: self.session.as_ref().map(|held| Session {
                id: held.id,
                authenticator: &held.authenticator,
                principal: &held.principal,
                decision: &held.decision,
                generation: held.generation,
            }),
        }
    }
}

fn cut(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(NAME_BYTES);
    name
}

/// Whether another node sends slots by this connection. It has logged in as somebody, and only
/// CLIENT LIST tells.
fn is_slot_import(ctx: &Context<'_>, client: ClientId) -> bool {
    let number = client.0.to_string();
    let reply = ctx.call("CLIENT", &[b"LIST", b"ID", number.as_bytes()]);
    let Ok(Reply::Bulk(line)) = reply else {
        return false;
    };
    let flags = line
        .split(|byte| *byte == b' ')
        .find_map(|field| field.strip_prefix(b"flags="));
    flags.is_some_and(|flags| flags.contains(&b'i'))
}
