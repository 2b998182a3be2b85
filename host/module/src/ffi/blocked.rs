//! Clients that wait for another thread: in a log-in, or in a command of ours.
//!
//! In: the context of the call. Out: a [`Blocked`] that any thread may complete with a payload, once.
//! Never: a client that waits for ever: dropping the handle completes it without a payload, which is a refusal.
//!
//! Where the payload goes: `complete` puts it away under a ticket and gives the ticket to the server. The server then
//! calls the reply callback, which takes it, and the free callback, which finds nothing; or, when the client has left,
//! the free callback alone, which drops it. Where a client goes after it was unblocked and before the server runs its
//! command again, the server loses the ticket, refuses unloads from then on, and the payload stays.

use super::context::Context;
use super::error::Error;
use super::guard::callback;
use super::lock::{MainThread, ServerLock};
use super::tickets::{Moment, Ticket, Tickets};
use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use valkey_module::raw;
use warden_core::ClientId;

static PAYLOADS: Tickets<Box<dyn Any + Send>> = Tickets::new();

/// A client that waits. Completing it, or dropping it, ends the wait; a client that left in the meantime is no error.
#[derive(Debug)]
pub(crate) struct Blocked<P> {
    raw: NonNull<raw::ValkeyModuleBlockedClient>,
    _payload: PhantomData<fn(P)>,
}

// SAFETY: the handle is used for `UnblockClient` alone, which the server allows from any thread, and by its owner alone.
unsafe impl<P> Send for Blocked<P> {}

impl<P: Send + 'static> Blocked<P> {
    /// Ends the wait, from any thread. The payload reaches the call's second half on the main thread, or is dropped
    /// there when the client has left.
    pub(crate) fn complete(self, payload: P) {
        let ticket = PAYLOADS.put(Box::new(payload));
        let raw = self.raw;
        // The destructor would end the wait a second time.
        std::mem::forget(self);
        unblock(raw, ticket.as_void());
    }
}

impl<P> Drop for Blocked<P> {
    fn drop(&mut self) {
        unblock(self.raw, std::ptr::null_mut());
    }
}

fn unblock(raw: NonNull<raw::ValkeyModuleBlockedClient>, private: *mut c_void) {
    if let Ok(unblock) = api!(ValkeyModule_UnblockClient) {
        // SAFETY: a handle lives until it is unblocked; its two ways to here, `complete` and `drop`, exclude each other.
        // The private data is a number and never followed.
        unsafe { unblock(raw.as_ptr(), private) };
    }
}

/// The moments of the last two slices.
static CAME_ROUND: MainThread<(Moment, Moment)> =
    MainThread::new((Moment::BEFORE_ALL, Moment::BEFORE_ALL));

/// A slice begins: what the server was given before the one before it has gone through it, or is lost to it.
pub(crate) fn came_round(lock: &ServerLock) {
    CAME_ROUND.with(lock, |(before, last)| {
        *before = std::mem::replace(last, Moment::now());
    });
}

/// How many payloads the server has that it has not gone through, those of commands included. Where a client goes before its
/// log-in is run again, the server loses its payload, and while clients are paused it keeps them: neither
/// counts for longer than two slices.
pub(crate) fn under_way(lock: &ServerLock) -> usize {
    let before = CAME_ROUND.with(lock, |(before, _)| *before);
    PAYLOADS.since(before.unwrap_or(Moment::BEFORE_ALL))
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
    let payload = PAYLOADS.take(Ticket::from_void(private)?)?;
    payload.downcast().ok().map(|payload| *payload)
}

unsafe extern "C" fn on_free(_ctx: *mut raw::ValkeyModuleCtx, private: *mut c_void) {
    callback("end of a wait", (), || {
        if let Some(ticket) = Ticket::from_void(private) {
            drop(PAYLOADS.take(ticket));
        }
    });
}

/// Drops payloads the server lost. Called at load and unload.
pub(super) fn forget_payloads() {
    PAYLOADS.clear();
}
