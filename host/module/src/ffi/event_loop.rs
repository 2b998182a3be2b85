//! From any thread to the main thread.
//!
//! In: a closure, or the end of a client's wait. Out: on the server's main thread, between commands, the closure runs
//! once, and the client is given to the server. Never: a lock that the main thread shares with others, for whoever holds it
//! may have been put off the processor; more than [`A_TURN`] clients that the server has not gone through yet, but for one with each slice.
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
use arc_swap::ArcSwapOption;
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use valkey_module::raw;

/// Clients that the server is given in one turn of its event loop. Bounds how long a storm of log-ins keeps it from its
/// other clients.
const A_TURN: u64 = 24;

type Work = Box<dyn FnOnce(&ServerLock) + Send>;

/// What any thread knows of the way; nothing while the module is not loaded.
static WAY: ArcSwapOption<Way> = ArcSwapOption::const_empty();

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
            self.ring_loudly();
        }
    }

    /// Rings also where another thread is about to, and may have been put off.
    fn ring_loudly(&self) {
        // A counter that is full rings, too.
        let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
    }

    /// Whoever puts something in from now on rings again: called before it is looked what is there.
    fn answer(&self) {
        let _ = rustix::io::read(&self.eventfd, &mut [0; size_of::<u64>()]);
        // After the reading: what rings between would be read away.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

/// Has the server listen to the bell. Called at load.
///
/// # Errors
/// When the system has no file descriptor, or the server listens to no more of them.
pub(super) fn listen(lock: &ServerLock) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_EventLoopAdd";
    let add = api!(ValkeyModule_EventLoopAdd)?;
    let bell = Bell::new()?;
    // SAFETY: the descriptor is open until `stop_listening` has taken it away from the server; the callback is a function of
    // this library, which stays mapped; there is no data.
    let status = unsafe {
        add(
            bell.eventfd.as_raw_fd(),
            READABLE,
            Some(on_bell),
            std::ptr::null_mut(),
        )
    };
    if !is_ok(status) {
        return Err(Error::Refused(CALL));
    }
    let (works, next_works) = mailbox();
    let (ends, next_ends) = mailbox();
    ARRIVALS.with(lock, |arrivals| {
        *arrivals = Some(Arrivals {
            works: next_works,
            ends: next_ends,
        });
    });
    WAY.store(Some(Arc::new(Way { works, ends, bell })));
    Ok(())
}

/// Ends that, drops closures that have not run, and gives the server every client that waits. Called at load and unload.
pub(super) fn stop_listening(lock: &ServerLock) {
    let Some(way) = WAY.swap(None) else {
        return;
    };
    if let Ok(delete) = api!(ValkeyModule_EventLoopDel) {
        // SAFETY: the descriptor is open; that the server does not listen to it is no error.
        unsafe { delete(way.bell.eventfd.as_raw_fd(), READABLE) };
    }
    while let Some(end) = next_end(lock) {
        end.give(lock);
    }
    // Dropped when the cell is open again: a closure may hold anything.
    drop(ARRIVALS.with(lock, Option::take));
}

/// Has `work` run on the main thread. Callable from any thread. What is posted from within posted work runs right after
/// it: whoever wants to give the server room posts the next slice from another thread, after this one has run.
///
/// # Errors
/// When the module is being unloaded; then `work` is dropped without having run.
pub(crate) fn post(work: impl FnOnce(&ServerLock) + Send + 'static) -> Result<(), Error> {
    let way = WAY.load();
    let Some(way) = way.as_ref().filter(|_| is_active()) else {
        return Err(Error::Refused("the event loop"));
    };
    way.works.put(Box::new(work));
    way.bell.ring_loudly();
    Ok(())
}

/// Has the server take a client that waits no longer. Callable from any thread.
pub(super) fn send(end: End) {
    // Nobody waits where there is none: the server keeps a module for which a client waits.
    if let Some(way) = WAY.load().as_ref() {
        way.ends.put(end);
        way.bell.ring();
    }
}

unsafe extern "C" fn on_bell(_eventfd: c_int, _data: *mut c_void, _mask: c_int) {
    // SAFETY: the server calls its event loop's callbacks on its main thread, holding its lock.
    let lock = unsafe { ServerLock::assume_held() };
    let Some(way) = WAY.load_full() else {
        return;
    };
    way.bell.answer();
    let mut has_worked = false;
    while let Some(work) = next_work(&lock) {
        has_worked = true;
        callback("posted work", (), || {
            if is_active() {
                work(&lock);
            }
        });
    }
    if callback("answers", true, || give_some(&lock, has_worked)) {
        way.bell.ring();
    }
}

/// Gives the server the next clients that wait no longer, as many as it may have; answers whether to come again in the
/// next turn.
fn give_some(lock: &ServerLock, is_slice: bool) -> bool {
    let room = room(under_way(lock), is_slice);
    for _ in 0..room {
        let Some(end) = next_end(lock) else {
            return false;
        };
        end.give(lock);
    }
    // Where there was none, the server goes through nothing just now, as in a long script: the next slice looks again.
    room > 0
}

/// How many more clients the server may be given that has not gone through so many of those before. One with each slice
/// in any case, whatever became of those.
fn room(under_way: u64, is_slice: bool) -> u64 {
    A_TURN.saturating_sub(under_way).max(u64::from(is_slice))
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

#[cfg(test)]
mod tests {
    use super::{A_TURN, room};

    #[test]
    fn the_server_is_given_so_many_clients_in_a_turn_and_no_more() {
        assert_eq!(room(0, false), A_TURN);
        assert_eq!(room(A_TURN - 1, true), 1);
        assert_eq!(room(A_TURN, false), 0);
        assert_eq!(room(A_TURN, true), 1, "whatever became of those before");
    }
}
