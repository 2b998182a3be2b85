//! From any thread to the main thread.
//!
//! In: a closure, or the end of a client's wait. Out: on the server's main thread, between commands, the closure runs
//! once, and the client is given to the server. Never: a lock that the main thread shares with others, for whoever holds it
//! may have been put off the processor; more than [`A_TURN`] clients at once.
//!
//! ```text
//! any thread ── put ──► mailbox ── ring ──► eventfd ──► the server's event loop ── on_bell ──► closures, then clients
//! ```
//!
//! The server goes through *all* clients it was given before it turns to others. So it gets some in each turn of its event
//! loop, those that have waited longest first, and the bell rings again while there are more.

use super::api::is_ok;
use super::blocked::{End, under_way};
use super::entry::is_active;
use super::error::Error;
use super::guard::callback;
use super::lock::{MainThread, ServerLock};
use super::mailbox::{Reader, Slot, mailbox};
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use valkey_module::raw;

/// Clients that the server is given in one turn of its event loop. Bounds how long a storm of log-ins keeps it from its
/// other clients.
const A_TURN: usize = 24;

type Work = Box<dyn FnOnce(&ServerLock) + Send>;

/// What any thread knows of the way. Made at the first load, and there as long as the library is.
static WAY: OnceLock<Way> = OnceLock::new();

/// The end of it.
static ARRIVALS: MainThread<Option<Arrivals>> = MainThread::new(None);

struct Way {
    works: Slot<Work>,
    ends: Slot<End>,
    bell: Bell,
}

struct Arrivals {
    works: Reader<Work>,
    ends: Reader<End>,
}

/// What wakes the server's event loop.
struct Bell {
    eventfd: OwnedFd,
    /// It has rung, and nobody has come yet: to ring again would be a system call for nothing.
    rung: AtomicBool,
}

impl Bell {
    /// # Errors
    /// When the system has no file descriptor for it.
    fn new() -> Result<Self, Error> {
        use rustix::event::{EventfdFlags, eventfd};
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self {
            eventfd: eventfd(0, flags).map_err(|_| Error::Refused("eventfd"))?,
            rung: AtomicBool::new(false),
        })
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A counter that is full rings, too.
            let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
        }
    }

    /// Whoever puts something in from now on rings again: called before it is looked what is there.
    fn answer(&self) {
        let _ = rustix::io::read(&self.eventfd, &mut [0; size_of::<u64>()]);
        // After the reading: what rings between would be read away.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

impl Way {
    /// # Errors
    /// Before the first load.
    fn get() -> Result<&'static Self, Error> {
        WAY.get().ok_or(Error::Refused("the event loop"))
    }
}

/// Has the server listen to the bell. Called at load.
///
/// # Errors
/// When the system has no file descriptor, or the server listens to no more of them.
pub(super) fn listen(lock: &ServerLock) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_EventLoopAdd";
    if WAY.get().is_none() {
        let (works, works_of_others) = mailbox();
        let (ends, ends_of_others) = mailbox();
        let bell = Bell::new()?;
        ARRIVALS.with(lock, |arrivals| {
            *arrivals = Some(Arrivals {
                works: works_of_others,
                ends: ends_of_others,
            });
        });
        // Only the main thread is here.
        let _ = WAY.set(Way { works, ends, bell });
    }
    let add = api!(ValkeyModule_EventLoopAdd)?;
    let eventfd = Way::get()?.bell.eventfd.as_raw_fd();
    // SAFETY: the descriptor stays open as long as the library is mapped; the callback is a function of this library,
    // which stays mapped; there is no data.
    let status = unsafe { add(eventfd, READABLE, Some(on_bell), std::ptr::null_mut()) };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

/// Ends that, drops closures that have not run, and gives the server every client that waits. Called at load and unload.
pub(super) fn stop_listening(lock: &ServerLock) {
    let Ok(way) = Way::get() else {
        return;
    };
    if let Ok(delete) = api!(ValkeyModule_EventLoopDel) {
        // SAFETY: the descriptor is open; that the server does not listen to it is no error.
        unsafe { delete(way.bell.eventfd.as_raw_fd(), READABLE) };
    }
    while next_work(lock).is_some() {}
    while let Some(end) = next_end(lock) {
        end.give(lock);
    }
}

/// Has `work` run on the main thread. Callable from any thread.
///
/// # Errors
/// When the module is being unloaded; then `work` is dropped without having run.
pub(crate) fn post(work: impl FnOnce(&ServerLock) + Send + 'static) -> Result<(), Error> {
    let way = Way::get()?;
    if !is_active() {
        return Err(Error::Refused("the event loop"));
    }
    way.works.put(Box::new(work));
    way.bell.ring();
    Ok(())
}

/// Has the server take a client that waits no longer. Callable from any thread.
pub(super) fn send(end: End) {
    // Nobody waits before a load.
    if let Ok(way) = Way::get() {
        way.ends.put(end);
        way.bell.ring();
    }
}

unsafe extern "C" fn on_bell(_eventfd: c_int, _data: *mut c_void, _mask: c_int) {
    // SAFETY: the server calls its event loop's callbacks on its main thread, holding its lock.
    let lock = unsafe { ServerLock::assume_held() };
    let Ok(way) = Way::get() else {
        return;
    };
    way.bell.answer();
    while let Some(work) = next_work(&lock) {
        callback("posted work", (), || {
            if is_active() {
                work(&lock);
            }
        });
    }
    let more = callback("answers", true, || give_some(&lock));
    if more {
        way.bell.ring();
    }
}

/// Gives the server the next clients that wait no longer, as many as it may have; answers whether there may be more.
fn give_some(lock: &ServerLock) -> bool {
    // One in any case, whatever became of those before.
    let room = A_TURN.saturating_sub(under_way(lock)).max(1);
    for _ in 0..room {
        let Some(end) = next_end(lock) else {
            return false;
        };
        end.give(lock);
    }
    true
}

fn next_work(lock: &ServerLock) -> Option<Work> {
    let next = |arrivals: &mut Option<Arrivals>| arrivals.as_mut()?.works.take();
    ARRIVALS.with(lock, next).flatten()
}

fn next_end(lock: &ServerLock) -> Option<End> {
    let next = |arrivals: &mut Option<Arrivals>| arrivals.as_mut()?.ends.take();
    ARRIVALS.with(lock, next).flatten()
}

const READABLE: c_int = raw::VALKEYMODULE_EVENTLOOP_READABLE as c_int;
