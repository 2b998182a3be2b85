//! From any thread to the main thread, without a lock.
//!
//! In: a closure. Out: it runs once on the server's main thread, when no command of a client does but a script that takes
//! long, in the order in which it was posted; what is posted meanwhile, in the event loop's next turn.
//! Never: twice, or after an unload; a main thread that waits for whoever posts and has been put off the processor.
//!
//! What is posted goes into a mailbox, and a descriptor of ours in the server's event loop wakes the main thread. The server's
//! one-shots (`ValkeyModule_EventLoopAddOneShot`) would do the same, but they are put on a list under a lock which the main
//! thread then needs.
//!
//! Mailbox and descriptor are made at the first load and stay, as the library does: a thread that still posts after an unload
//! touches nothing that is gone.

use super::api::is_ok;
use super::entry::is_active;
use super::error::Error;
use super::guard::callback;
use super::lock::{MainThread, ServerLock};
use super::mailbox::{Reader, Slot, mailbox};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use valkey_module::raw;

type Work = Box<dyn FnOnce(&ServerLock) + Send>;

/// Closures that run in one turn of the event loop: the server's other clients are not to wait for more.
const A_TURN: u64 = 8;

/// What makes the descriptor readable; it counts how often: eventfd(2).
const ONE_MORE: [u8; 8] = 1_u64.to_ne_bytes();

const READABLE: c_int = raw::VALKEYMODULE_EVENTLOOP_READABLE.cast_signed();

static POSTED: OnceLock<Posted> = OnceLock::new();

struct Posted {
    slot: Slot<Work>,
    reader: MainThread<Reader<Work>>,
    /// Closures that the main thread was woken for and that have not run.
    owed: MainThread<u64>,
    descriptor: OwnedFd,
}

impl Posted {
    fn new() -> Result<Self, Error> {
        let (slot, reader) = mailbox();
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self {
            slot,
            reader: MainThread::new(reader),
            owed: MainThread::new(0),
            descriptor: eventfd(0, flags).map_err(|_| Error::Refused("eventfd"))?,
        })
    }

    /// Wakes the main thread.
    fn ring(&self) -> Result<(), Error> {
        match rustix::io::write(&self.descriptor, &ONE_MORE) {
            // Full: it is readable.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(_) => Err(Error::Refused("eventfd")),
        }
    }

    /// How often it was woken since this was last asked.
    fn rung(&self) -> u64 {
        let mut count = [0; 8];
        match rustix::io::read(&self.descriptor, &mut count) {
            Ok(_) => u64::from_ne_bytes(count),
            Err(_) => 0,
        }
    }

    /// Hands out what it was woken for, at most [`A_TURN`]; wakes itself for the rest.
    fn turn(&self, lock: &ServerLock, mut run: impl FnMut(Work)) {
        let rung = self.rung();
        let owed = self.owe(lock, |owed| owed.saturating_add(rung));
        for _ in 0..owed.min(A_TURN) {
            // Where whoever puts one in has been put off, it and those after it are still owed when that goes on.
            let Some(work) = self.take(lock) else {
                return;
            };
            self.owe(lock, |owed| owed.saturating_sub(1));
            run(work);
        }
        if owed > A_TURN {
            // One of them is rung for again.
            self.owe(lock, |owed| owed.saturating_sub(1));
            let _ = self.ring();
        }
    }

    fn owe(&self, lock: &ServerLock, change: impl FnOnce(u64) -> u64) -> u64 {
        let changed = self.owed.with(lock, |owed| {
            *owed = change(*owed);
            *owed
        });
        changed.unwrap_or_default()
    }

    fn take(&self, lock: &ServerLock) -> Option<Work> {
        self.reader.with(lock, Reader::take).flatten()
    }
}

/// Has `work` run on the main thread. Callable from any thread.
///
/// # Errors
/// When the module is not loaded; then `work` is dropped without having run. Or when the main thread cannot be woken, which no
/// system does; then it runs with what is posted next.
pub(crate) fn post(work: impl FnOnce(&ServerLock) + Send + 'static) -> Result<(), Error> {
    let posted = POSTED.get().filter(|_| is_active());
    let posted = posted.ok_or(Error::Refused("post"))?;
    posted.slot.put(Box::new(work));
    // After it: whoever is put off the processor before has not let the main thread look in vain for the last time.
    posted.ring()
}

/// Lets the server's event loop run what is posted. Called at load.
///
/// # Errors
/// When the system has no descriptor left, or the server takes none.
pub(super) fn watch_posts(_lock: &ServerLock) -> Result<(), Error> {
    let add = api!(ValkeyModule_EventLoopAdd)?;
    let watch = |posted: &Posted| {
        let descriptor = posted.descriptor.as_raw_fd();
        // SAFETY: the lock proves this is the main thread; the descriptor stays open for as long as it is watched, the
        // callback is a function of this library, which stays mapped, and it looks at no data.
        let status = unsafe { add(descriptor, READABLE, Some(on_readable), ptr::null_mut()) };
        match is_ok(status) {
            true => Ok(()),
            false => Err(Error::Refused("ValkeyModule_EventLoopAdd")),
        }
    };
    if let Some(posted) = POSTED.get() {
        return watch(posted);
    }
    let posted = Posted::new()?;
    // Only one that the server takes is kept: it may find the number of a descriptor too large.
    watch(&posted)?;
    POSTED.get_or_init(|| posted);
    Ok(())
}

/// Drops what has not run, and takes the descriptor out of the event loop, if it is there. Called at load and unload.
pub(super) fn forget_posts(lock: &ServerLock) {
    let Some(posted) = POSTED.get() else {
        return;
    };
    while let Some(work) = posted.take(lock) {
        drop(work);
    }
    posted.owe(lock, |_| 0);
    if let Ok(delete) = api!(ValkeyModule_EventLoopDel) {
        // SAFETY: the lock proves this is the main thread; of a descriptor that is not there the server does nothing.
        unsafe { delete(posted.descriptor.as_raw_fd(), READABLE) };
    }
}

unsafe extern "C" fn on_readable(_: c_int, _: *mut c_void, _: c_int) {
    // SAFETY: the server's event loop runs on its main thread, holding its lock.
    let lock = unsafe { ServerLock::assume_held() };
    let Some(posted) = POSTED.get() else {
        return;
    };
    posted.turn(&lock, |work| {
        callback("posted work", (), || {
            // What a straggling thread puts in after an unload is dropped unrun.
            if is_active() {
                work(&lock);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A work that says its number when it is run.
    fn put(posted: &Posted, number: u64, ran: &Arc<Mutex<Vec<u64>>>) {
        let ran = Arc::clone(ran);
        posted
            .slot
            .put(Box::new(move |_| ran.lock().unwrap().push(number)));
    }

    #[test]
    fn a_turn_runs_what_was_rung_for_by_then_and_so_many_at_most() {
        // SAFETY: this test has no server, and the mailbox is local to its one thread.
        let lock = unsafe { ServerLock::assume_held() };
        let posted = Posted::new().unwrap();
        let ran: Arc<Mutex<Vec<u64>>> = Arc::default();
        let turn = || {
            posted.turn(&lock, |work| work(&lock));
            std::mem::take(&mut *ran.lock().unwrap())
        };
        assert!(turn().is_empty(), "nothing is posted");
        for number in 0..A_TURN + 2 {
            put(&posted, number, &ran);
            posted.ring().unwrap();
        }
        put(&posted, 99, &ran);
        assert_eq!(turn(), Vec::from_iter(0..A_TURN));
        assert_eq!(turn(), [A_TURN, A_TURN + 1]);
        assert!(turn().is_empty(), "nobody has rung for the last");
        posted.ring().unwrap();
        assert_eq!(turn(), [99]);
        // One that was put off before it was put in: rung for, and not there.
        posted.ring().unwrap();
        assert!(turn().is_empty());
        put(&posted, 1, &ran);
        put(&posted, 2, &ran);
        posted.ring().unwrap();
        assert_eq!(turn(), [1, 2]);
    }

    #[test]
    fn what_is_posted_in_a_turn_runs_in_the_next() {
        // SAFETY: as above.
        let lock = unsafe { ServerLock::assume_held() };
        let posted = Arc::new(Posted::new().unwrap());
        let ran: Arc<Mutex<Vec<u64>>> = Arc::default();
        let (again, told) = (Arc::clone(&posted), Arc::clone(&ran));
        posted.slot.put(Box::new(move |_| {
            put(&again, 2, &told);
            again.ring().unwrap();
        }));
        posted.ring().unwrap();
        posted.turn(&lock, |work| work(&lock));
        assert!(ran.lock().unwrap().is_empty());
        posted.turn(&lock, |work| work(&lock));
        assert_eq!(*ran.lock().unwrap(), [2]);
    }
}
