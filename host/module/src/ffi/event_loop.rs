//! From any thread to the main thread.
//!
//! In: a closure. Out: it runs once on the server's main thread, between commands. Never: twice, or after an unload.
//!
//! Closures posted from inside a posted closure run in the same drain: whoever wants to give the server room must post
//! the next slice from another thread, after this one has run.

use super::api::is_ok;
use super::entry::is_active;
use super::error::Error;
use super::guard::callback;
use super::lock::ServerLock;
use super::tickets::{Ticket, Tickets};
use std::ffi::c_void;

type Work = Box<dyn FnOnce(&ServerLock) + Send>;

static POSTED: Tickets<Work> = Tickets::new();

/// Has `work` run on the main thread. Callable from any thread.
///
/// # Errors
/// When the module is being unloaded or the server does not take it; then `work` is dropped without having run.
pub(crate) fn post(work: impl FnOnce(&ServerLock) + Send + 'static) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_EventLoopAddOneShot";
    let add = api!(ValkeyModule_EventLoopAddOneShot)?;
    if !is_active() {
        return Err(Error::Refused(CALL));
    }
    let ticket = POSTED.put(Box::new(work));
    // SAFETY: the call is thread-safe; the callback is a function of this library, which stays mapped; the data is a
    // number and never followed.
    let status = unsafe { add(Some(on_one_shot), ticket.as_void()) };
    if is_ok(status) {
        return Ok(());
    }
    drop(POSTED.take(ticket));
    Err(Error::Refused(CALL))
}

unsafe extern "C" fn on_one_shot(ticket: *mut c_void) {
    // SAFETY: the server drains one-shots on its main thread, holding its lock.
    let lock = unsafe { ServerLock::assume_held() };
    callback("posted work", (), || {
        // After an unload the server may still bring a ticket: what a straggling thread put there is dropped unrun.
        let work = Ticket::from_void(ticket).and_then(|ticket| POSTED.take(ticket));
        if let Some(work) = work.filter(|_| is_active()) {
            work(&lock);
        }
    });
}

/// Drops what has not run. Called at load and unload.
pub(super) fn forget_posts() {
    POSTED.clear();
}
