//! Clients, seen from outside.
//!
//! In: a client id. Out: where it comes from; or its end.
//! Never: a pointer to a client, which could go away at any time; ids are never given twice.

use super::api::is_ok;
use super::auth;
use super::context::server_version;
use super::lock::ServerLock;
use std::ffi::{CStr, c_char};
use valkey_module::raw;
use warden_core::ClientId;
use warden_core::permissions::Modes;

/// What the server says about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientInfo {
    /// Peer address without the port; for a unix socket its path, cut at 45 bytes, or empty.
    pub(crate) address: String,
    /// Port of the peer; 0 for a unix socket.
    pub(crate) port: u16,
    /// The number of the database it has selected.
    pub(crate) database: u32,
    /// It is this server's primary; told from 9.1 on.
    pub(crate) is_primary: bool,
    /// The connection is encrypted.
    pub(crate) tls: bool,
    /// The connection is a unix socket.
    pub(crate) unix_socket: bool,
    /// It waits for something: for data, or for whoever looks at its log-in.
    pub(crate) is_blocked: bool,
    /// Its commands are queued until EXEC.
    pub(crate) is_queueing: bool,
    /// What it has entered.
    pub(crate) entered: Entered,
}

/// What a connection has entered. While it waits for its log-in it enters nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entered {
    /// As far as this server tells: monitoring and replicating from 9.1 on.
    pub(crate) modes: Modes,
    /// Whether the server tells all of it.
    pub(crate) is_all: bool,
}

/// Flags of a client that the bindings do not know; `valkeymodule.h` of 9.1 says that older servers never set them.
const PRIMARY: u32 = 1 << 7;
const REPLICA: u32 = 1 << 8;
const MONITOR: u32 = 1 << 9;

/// The first version with these: 9.1.0.
const TELLING: u32 = 0x0009_0100;

impl ClientInfo {
    /// Asks the server about a client; `None` when it is gone.
    pub(crate) fn of(_lock: &ServerLock, client: ClientId) -> Option<Self> {
        let ask = api!(ValkeyModule_GetClientInfoById).ok()?;
        let mut answer = raw::ValkeyModuleClientInfoV1 {
            version: u64::from(raw::VALKEYMODULE_CLIENTINFO_VERSION),
            flags: 0,
            id: 0,
            addr: [0; 46],
            port: 0,
            db: 0,
        };
        // SAFETY: the structure carries its version, so the server fills exactly this layout; it is a local.
        let status = unsafe { ask((&raw mut answer).cast(), client.0) };
        is_ok(status).then(|| Self::from_raw(&answer))
    }

    pub(super) fn from_raw(info: &raw::ValkeyModuleClientInfoV1) -> Self {
        let bytes = info.addr.map(c_char::to_ne_bytes);
        let bytes = bytes.as_flattened();
        let address = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
        let has = |flag: u32| info.flags & u64::from(flag) != 0;
        Self {
            address: String::from_utf8_lossy(address).into_owned(),
            port: info.port,
            database: u32::from(info.db),
            is_primary: has(PRIMARY),
            tls: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_SSL),
            unix_socket: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_UNIXSOCKET),
            is_blocked: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_BLOCKED),
            is_queueing: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_MULTI),
            entered: Entered {
                modes: Modes {
                    monitor: has(MONITOR),
                    // To the server a monitor is a replica, too.
                    sync: has(REPLICA) && !has(MONITOR),
                    subscribe: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_PUBSUB),
                    tracking: has(raw::VALKEYMODULE_CLIENTINFO_FLAG_TRACKING),
                },
                is_all: server_version() >= TELLING,
            },
        }
    }
}

/// Takes a client's identity away at once and has the server close it; false when it is gone already.
///
/// The close itself is only queued, and all queued closes are done in one go: ask for at most 50 in one slice.
/// `Authentication::user_changed` is not called for it: this call is the notice.
pub(crate) fn deauthenticate_and_close(lock: &ServerLock, client: ClientId) -> bool {
    let Ok(close) = api!(ValkeyModule_DeauthenticateAndCloseClient) else {
        return false;
    };
    let (status, _changed) = auth::collect_changes(lock, || {
        // SAFETY: the call looks the client up by its number, does not use the context, and runs on the main thread.
        unsafe { close(std::ptr::null_mut(), client.0) }
    });
    is_ok(status)
}
