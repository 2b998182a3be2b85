//! Clients that wait for a worker: in a log-in, or in a command of ours.
//!
//! In: the context of the call. Out: a [`Blocked`] that any thread may complete with a payload, once.
//! Never: a client that waits for ever: dropping the handle completes it without a payload, which is a refusal.
//!
//! Only the main thread unblocks clients ([`event_loop`](super::event_loop)). The server allows it to others, but holds a
//! lock then while it wakes the main thread, which would be the first to wait for that lock.
//!
//! Where the payload goes: it is put away under a ticket, and the ticket is given to the server. The server then
//! calls the reply callback, which takes it, and the free callback, which finds nothing; or, when the client has left,
//! the free callback alone, which drops it. A server that frees the client between the two loses the ticket: its payload stays
//! until the unload.

use super::context::Context;
use super::error::Error;
use super::event_loop::send;
use super::guard::callback;
use super::lock::{MainThread, ServerLock};
use super::tickets::{Ticket, Tickets};
use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use valkey_module::raw;
use warden_core::ClientId;

type Payload = Box<dyn Any + Send>;

/// Of clients that the server was given, and has not gone through: nothing where a handle was dropped.
static PAYLOADS: MainThread<Tickets<Option<Payload>>> = MainThread::new(Tickets::new());

/// A client that waits. Completing it, or dropping it, ends the wait; a client that left in the meantime is no error.
#[derive(Debug)]
pub(crate) struct Blocked<P> {
    raw: NonNull<raw::ValkeyModuleBlockedClient>,
    _payload: PhantomData<fn(P)>,
}

// SAFETY: the handle is used for `UnblockClient` alone, and by its owner alone.
unsafe impl<P> Send for Blocked<P> {}

impl<P: Send + 'static> Blocked<P> {
    /// Ends the wait, from any thread. The payload reaches the call's second half on the main thread, or is dropped
    /// there when the client has left.
    pub(crate) fn complete(self, payload: P) {
        let raw = self.raw;
        // The destructor would end the wait a second time.
        std::mem::forget(self);
        send(End {
            raw,
            payload: Some(Box::new(payload)),
        });
    }
}

impl<P> Drop for Blocked<P> {
    fn drop(&mut self) {
        send(End {
            raw: self.raw,
            payload: None,
        });
    }
}

/// The end of a wait, on its way to the main thread.
pub(super) struct End {
    raw: NonNull<raw::ValkeyModuleBlockedClient>,
    payload: Option<Payload>,
}

// SAFETY: as for `Blocked`, of which there is none any more.
unsafe impl Send for End {}

impl End {
    /// Gives the client to the server, which goes on with it after this callback.
    pub(super) fn give(self, lock: &ServerLock) {
        let ticket = PAYLOADS.with(lock, |payloads| payloads.put(self.payload));
        let private = ticket.map_or(std::ptr::null_mut(), Ticket::as_void);
        if let Ok(unblock) = api!(ValkeyModule_UnblockClient) {
            // SAFETY: a handle lives until it is unblocked, and becomes one `End`, which is consumed here. The private
            // data is a number and never followed.
            unsafe { unblock(self.raw.as_ptr(), private) };
        }
    }
}

/// How many clients the server was given last and has not gone through.
pub(super) fn under_way(lock: &ServerLock) -> u64 {
    let outstanding = PAYLOADS.with(lock, |payloads| payloads.outstanding());
    outstanding.map_or(0, |outstanding| outstanding as u64)
}

/// Makes the client of a log-in wait.
///
/// # Errors
/// Where the client cannot be made to wait.
pub(super) fn block_log_in<P: Send + 'static>(
    ctx: &Context<'_>,
    finish: raw::ValkeyModuleAuthCallback,
) -> Result<Blocked<P>, Error> {
    let block = api!(ValkeyModule_BlockClientOnAuth)?;
    check_may_block(ctx)?;
    // SAFETY: the context is live and of an auth callback; both callbacks are functions of this library, which stays
    // mapped, and the server refuses to unload us while a client is blocked.
    let raw = unsafe { block(ctx.as_ptr(), finish, Some(on_free)) };
    handle(raw)
}

/// Makes the client of a command wait, without a limit of time, and says which client that is: whoever takes the
/// handle answers, when it is dropped at the latest.
///
/// # Errors
/// Where the client cannot be made to wait.
pub(super) fn block_command<P: Send + 'static>(
    ctx: &Context<'_>,
    finish: raw::ValkeyModuleCmdFunc,
) -> Result<(Blocked<P>, ClientId), Error> {
    let block = api!(ValkeyModule_BlockClient)?;
    let client = check_may_block(ctx)?;
    // SAFETY: the context is live and of a command callback; the callbacks are functions of this library, which stays
    // mapped, and the server refuses to unload us while a client is blocked. Without a limit of time the server never
    // asks for the callback that is not there.
    let raw = unsafe { block(ctx.as_ptr(), finish, None, Some(on_free), 0) };
    Ok((handle(raw)?, client))
}

/// The client that may be made to wait. A server's refusal to block writes a reply and keeps the handle counted, so it is never provoked.
fn check_may_block(ctx: &Context<'_>) -> Result<ClientId, Error> {
    let is_reply = api!(ValkeyModule_IsBlockedReplyRequest)?;
    // SAFETY: the context is live.
    let in_finish = unsafe { is_reply(ctx.as_ptr()) } != 0;
    let client = ctx.client();
    let client = client.filter(|_| !in_finish && !ctx.denies_blocking());
    client.ok_or(Error::CannotBlock)
}

fn handle<P>(raw: *mut raw::ValkeyModuleBlockedClient) -> Result<Blocked<P>, Error> {
    Ok(Blocked {
        raw: NonNull::new(raw).ok_or(Error::CannotBlock)?,
        _payload: PhantomData,
    })
}

/// The payload of the wait whose reply callback is running.
pub(super) fn payload_of<P: 'static>(ctx: &Context<'_>) -> Option<P> {
    let ask = api!(ValkeyModule_GetBlockedClientPrivateData).ok()?;
    // SAFETY: the context is live.
    let private = unsafe { ask(ctx.as_ptr()) };
    let payload = take(ctx.lock(), private)?;
    payload.downcast().ok().map(|payload| *payload)
}

unsafe extern "C" fn on_free(_ctx: *mut raw::ValkeyModuleCtx, private: *mut c_void) {
    // SAFETY: the server frees private data on its main thread, when it has gone through the client.
    let lock = unsafe { ServerLock::assume_held() };
    callback("end of a wait", (), || drop(take(&lock, private)));
}

fn take(lock: &ServerLock, private: *mut c_void) -> Option<Payload> {
    let ticket = Ticket::from_void(private)?;
    let waiting = PAYLOADS.with(lock, |payloads| payloads.take(ticket));
    waiting.flatten().flatten()
}

/// Drops payloads the server lost. Called at load and unload.
pub(super) fn forget_payloads(lock: &ServerLock) {
    // Dropped when the table is open again.
    let lost = PAYLOADS.with(lock, Tickets::take_all);
    drop(lost.map(Vec::from_iter));
}
