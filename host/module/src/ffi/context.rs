//! The running call.
//!
//! In: the context pointer the server gave a callback. Out: questions about the client and the server, and marks in ACL
//! LOG. Never: a context that outlives its callback.

use super::client::ClientInfo;
use super::error::Error;
use super::lock::{MainThread, ServerLock};
use super::string::ServerString;
use std::cell::OnceCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use valkey_module::raw;
use warden_core::ClientId;

/// The call the server is making to us right now.
#[derive(Debug)]
pub(crate) struct Context<'call> {
    raw: NonNull<raw::ValkeyModuleCtx>,
    lock: ServerLock,
    /// What the server says of the client, once it was asked.
    info: OnceCell<Option<ClientInfo>>,
    /// What it says of the call, once it was asked.
    flags: OnceCell<u32>,
    _call: PhantomData<&'call raw::ValkeyModuleCtx>,
}

impl Context<'_> {
    /// Wraps the context of the running callback; `None` for null.
    ///
    /// # Safety
    /// As [`ServerLock::assume_held`]; and `raw` must be null or the context the server gave that callback.
    pub(super) unsafe fn from_callback(raw: *mut raw::ValkeyModuleCtx) -> Option<Self> {
        let raw = NonNull::new(raw)?;
        // SAFETY: the caller promises just this.
        let lock = unsafe { ServerLock::assume_held() };
        Some(Self {
            raw,
            lock,
            info: OnceCell::new(),
            flags: OnceCell::new(),
            _call: PhantomData,
        })
    }

    /// The proof that goes with this call.
    pub(crate) fn lock(&self) -> &ServerLock {
        &self.lock
    }

    pub(super) fn as_ptr(&self) -> *mut raw::ValkeyModuleCtx {
        self.raw.as_ptr()
    }

    /// The client of this call; `None` when there is none, as in most events.
    pub(crate) fn client(&self) -> Option<ClientId> {
        let ask = api!(ValkeyModule_GetClientId).ok()?;
        // SAFETY: the context is live for `self`.
        let id = unsafe { ask(self.as_ptr()) };
        (id != 0).then_some(ClientId(id))
    }

    /// Where the client of this call comes from and what it has entered, as of the first time it is asked for in this
    /// call; `None` when there is no client.
    pub(crate) fn client_info(&self) -> Option<&ClientInfo> {
        let ask = || ClientInfo::of(self.lock(), self.client()?);
        self.info.get_or_init(ask).as_ref()
    }

    /// As of the first time it is asked in this call: nothing that a callback of ours does changes any of them.
    fn has(&self, flag: u32) -> bool {
        let ask = || {
            let Ok(ask) = api!(ValkeyModule_GetContextFlags) else {
                return raw::VALKEYMODULE_CTX_FLAGS_DENY_BLOCKING;
            };
            // SAFETY: the context is live for `self`.
            unsafe { ask(self.as_ptr()) }.cast_unsigned()
        };
        self.flags.get_or_init(ask) & flag != 0
    }

    /// The client may not be made to wait: MULTI, a script, another module's call.
    pub(crate) fn denies_blocking(&self) -> bool {
        self.has(
            raw::VALKEYMODULE_CTX_FLAGS_DENY_BLOCKING
                | raw::VALKEYMODULE_CTX_FLAGS_MULTI
                | raw::VALKEYMODULE_CTX_FLAGS_LUA,
        )
    }

    /// A script or a function runs.
    pub(crate) fn is_in_script(&self) -> bool {
        self.has(raw::VALKEYMODULE_CTX_FLAGS_LUA)
    }

    /// The server is reading its data from disk or from its primary: it answers some
    /// commands meanwhile, but lets nobody go on who was made to wait.
    pub(crate) fn is_loading(&self) -> bool {
        self.has(raw::VALKEYMODULE_CTX_FLAGS_LOADING | raw::VALKEYMODULE_CTX_FLAGS_ASYNC_LOADING)
    }

    /// This server is a replica.
    pub(crate) fn is_replica(&self) -> bool {
        self.has(raw::VALKEYMODULE_CTX_FLAGS_REPLICA)
    }

    /// The certificate with which the client of this call proved itself in the TLS handshake, as PEM; `None` when it has
    /// none, or the server does not tell.
    pub(crate) fn client_certificate(&self) -> Option<Vec<u8>> {
        let ask = api!(ValkeyModule_GetClientCertificate).ok()?;
        if !self.client_info()?.tls {
            return None;
        }
        let client = self.client()?;
        // SAFETY: the context is live for `self`; the client is looked up by its number.
        let answer = unsafe { ask(self.as_ptr(), client.0) };
        // SAFETY: the server leaves the string to us, and no automatic memory is turned on.
        let pem = unsafe { ServerString::adopt(answer) }?;
        Some(pem.bytes().to_vec())
    }

    /// The name of the user a client runs as; `None` when the client is gone or has none.
    pub(crate) fn user_name(&self, client: ClientId) -> Option<Vec<u8>> {
        let ask = api!(ValkeyModule_GetClientUserNameById).ok()?;
        // SAFETY: the context is live for `self`; the client is looked up by its number.
        let answer = unsafe { ask(self.as_ptr(), client.0) };
        // SAFETY: the server leaves the string to us, and no automatic memory is turned on.
        let name = unsafe { ServerString::adopt(answer) }?;
        Some(name.bytes().to_vec())
    }

    /// The user of a connection, where there is such a connection at all. Clients of scripts and modules are none:
    /// [`ClientInfo::of`] must not be asked about those, for 9.1 reads the address of a connection they do not have.
    pub(crate) fn connection(&self, client: ClientId) -> Connection {
        let Ok(ask) = api!(ValkeyModule_GetClientUserNameById) else {
            return Connection::None;
        };
        // SAFETY: the context is live for `self`; the client is looked up by its number.
        let answer = unsafe { ask(self.as_ptr(), client.0) };
        // The server says why it answers nothing.
        let why = std::io::Error::last_os_error().raw_os_error();
        // SAFETY: the server leaves the string to us, and no automatic memory is turned on.
        match unsafe { ServerString::adopt(answer) } {
            Some(name) => Connection::Of(name.bytes().to_vec()),
            None if why == Some(libc::ENOTSUP) => Connection::Internal,
            None => Connection::None,
        }
    }

    /// What CLIENT SETNAME called a client; `None` when the client is gone or has no name.
    pub(crate) fn client_name(&self, client: ClientId) -> Option<Vec<u8>> {
        let ask = api!(ValkeyModule_GetClientNameById).ok()?;
        // SAFETY: the context is live for `self`; the client is looked up by its number.
        let answer = unsafe { ask(self.as_ptr(), client.0) };
        // SAFETY: the server leaves the string to us, and no automatic memory is turned on.
        let name = unsafe { ServerString::adopt(answer) }?;
        Some(name.bytes().to_vec())
    }

    /// Adds an entry with reason `auth` to ACL LOG, for the client of this call.
    ///
    /// `object` is what the log shows as the object: never a credential.
    ///
    /// # Errors
    /// Without a client, or when the server refuses; then there is no entry.
    pub(crate) fn log_denied_auth(&self, user: &[u8], object: &[u8]) -> Result<(), Error> {
        let add = api!(ValkeyModule_ACLAddLogEntryByUserName)?;
        if self.client().is_none() {
            return Err(Error::Refused("ValkeyModule_ACLAddLogEntryByUserName"));
        }
        let user = ServerString::new(&self.lock, user)?;
        let object = ServerString::new(&self.lock, object)?;
        let reason = raw::ValkeyModuleACLLogEntryReason_VALKEYMODULE_ACL_LOG_AUTH;
        // SAFETY: the context is live and has a client; both strings live across the call, which copies them.
        unsafe { add(self.as_ptr(), user.as_ptr(), object.as_ptr(), reason) };
        Ok(())
    }
}

/// Whose a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// There is none of this number.
    None,
    /// The server's own, without a user: a replication link, say.
    Internal,
    /// This user's.
    Of(Vec<u8>),
}

/// The server's version as `0x00MMmmpp`; 0 when it does not say.
pub(crate) fn server_version() -> u32 {
    let Ok(ask) = api!(ValkeyModule_GetServerVersion) else {
        return 0;
    };
    // SAFETY: the call takes nothing and answers a constant.
    unsafe { ask() }.cast_unsigned()
}

/// The module's own context, for calls that only a module may make: subscriptions, filters.
static MODULE: MainThread<Option<Owned>> = MainThread::new(None);

/// A context of ours, freed with its owner.
struct Owned(NonNull<raw::ValkeyModuleCtx>);

// SAFETY: the pointer is used and freed only by code that shows a `ServerLock`, on the main thread, which `MainThread`
// ensures.
unsafe impl Send for Owned {}

/// Keeps a context of the module. Called at load.
///
/// # Errors
/// Only when the server gives none.
pub(super) fn keep_module_context(ctx: &Context<'_>) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_GetDetachedThreadSafeContext";
    let make = api!(ValkeyModule_GetDetachedThreadSafeContext)?;
    // SAFETY: the context is live; the call makes another that belongs to the same module.
    let made = unsafe { make(ctx.as_ptr()) };
    let made = NonNull::new(made).ok_or(Error::Refused(CALL))?;
    MODULE.with(ctx.lock(), |module| *module = Some(Owned(made)));
    Ok(())
}

/// Frees it. Called at unload.
pub(super) fn forget_module_context(lock: &ServerLock) {
    if let Some(Owned(raw)) = MODULE.with(lock, Option::take).flatten()
        && let Ok(free) = api!(ValkeyModule_FreeThreadSafeContext)
    {
        // SAFETY: the context was made by `keep_module_context` and is given up here, once.
        unsafe { free(raw.as_ptr()) };
    }
}

/// Runs `work` with the module's own context; `None` outside a load.
pub(crate) fn as_module<R>(lock: &ServerLock, work: impl FnOnce(&Context<'_>) -> R) -> Option<R> {
    let raw = MODULE.with(lock, |module| module.as_ref().map(|module| module.0));
    // SAFETY: the lock proves that we are in a callback on the main thread; the context is ours until unload.
    let ctx = unsafe { Context::from_callback(raw.flatten()?.as_ptr()) }?;
    Some(work(&ctx))
}

/// A context without a client, for code that has only the lock. Freed with its owner.
#[derive(Debug)]
pub(crate) struct Detached<'lock> {
    context: Context<'lock>,
}

impl<'lock> Detached<'lock> {
    /// Makes one.
    ///
    /// # Errors
    /// Only when the server gives none.
    pub(crate) fn new(_lock: &'lock ServerLock) -> Result<Self, Error> {
        const CALL: &str = "ValkeyModule_GetThreadSafeContext";
        let make = api!(ValkeyModule_GetThreadSafeContext)?;
        // SAFETY: without a blocked client the call makes a context with a client of its own.
        let raw = unsafe { make(std::ptr::null_mut()) };
        // SAFETY: the lock borrowed for `'lock` proves that we are in a callback on the main thread; the context is ours
        // until dropped.
        let context = unsafe { Context::from_callback(raw) }.ok_or(Error::Refused(CALL))?;
        Ok(Self { context })
    }
}

impl<'lock> Deref for Detached<'lock> {
    type Target = Context<'lock>;

    fn deref(&self) -> &Self::Target {
        &self.context
    }
}

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        if let Ok(free) = api!(ValkeyModule_FreeThreadSafeContext) {
            // SAFETY: the context was made by `new` and is given up here, once.
            unsafe { free(self.context.as_ptr()) };
        }
    }
}
