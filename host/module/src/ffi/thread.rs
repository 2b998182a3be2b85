//! Threads of ours.
//!
//! In: a name, a priority, work. Out: a running thread that takes none of the server's signals.
//! Never: a blocked signal of the kind a fault raises, so that the server's crash report still comes.

use super::allocator::apart;
use super::log::{Level, log};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How much a thread steps back for the server, as a nice value (0–19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priority(pub(crate) i32);

impl Priority {
    /// As the server itself: the clock, and the network's thread.
    pub(crate) const NORMAL: Self = Self(0);
    /// Verification and evaluation.
    pub(crate) const WORKER: Self = Self(10);
    /// Compiling, with memory that is [apart].
    pub(crate) const COMPILER: Self = Self(19);
}

/// Signals a fault in the thread itself raises: blocked, they would kill the process without a word.
const FAULTS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Starts a thread. `name` is cut at 15 bytes by the system.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn spawn(
    name: &str,
    priority: Priority,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    // A thread starts with the mask of its maker: set here, there is no moment in which it takes a signal.
    without_signals(|| {
        Builder::new().name(name.to_owned()).spawn(move || {
            step_back(priority);
            if priority == Priority::COMPILER {
                apart(work);
            } else {
                work();
            }
        })
    })?
}

/// The server is writing a crash report.
static CRASHING: AtomicBool = AtomicBool::new(false);

/// How long a crash report waits for our threads to rest: longer than any of them sleeps.
const TO_REST: Duration = Duration::from_millis(250);

/// Has the threads of ours that only wait rest for good before the server goes on with its crash report: its memory test
/// writes over all memory there is, and a thread that woke meanwhile would crash inside the report. One that compiles or
/// evaluates policies longer than this is not waited for: the report before the memory test is complete by then.
#[expect(
    clippy::disallowed_methods,
    reason = "the process is dying, and there is nothing that could wake this thread"
)]
pub(super) fn let_threads_rest() {
    if !CRASHING.swap(true, Ordering::AcqRel) {
        std::thread::sleep(TO_REST);
    }
}

/// Never returns once the server writes a crash report. Threads call it whenever they wake.
pub(crate) fn rest_if_crashing() {
    while CRASHING.load(Ordering::Acquire) {
        std::thread::park();
    }
}

/// Runs `work` with the server's signals held back: threads that a library starts
/// meanwhile take none of them either.
///
/// # Errors
/// When the system refuses; then `work` has not run.
pub(crate) fn without_signals<T>(work: impl FnOnce() -> T) -> std::io::Result<T> {
    let before = set_signal_mask(&all_but_faults())?;
    let done = work();
    set_signal_mask(&before)?;
    Ok(done)
}

/// Sets the nice value of the calling thread; Linux keeps one for each.
fn step_back(priority: Priority) {
    if priority == Priority::NORMAL {
        return;
    }
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), priority.0) {
        log(
            Level::Verbose,
            &format!("cannot lower the priority of a thread: {error}"),
        );
    }
}

fn all_but_faults() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call fills the whole set, which is a local.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: `sigfillset` cannot fail for a valid pointer and has filled the set.
    let mut set = unsafe { set.assume_init() };
    for fault in FAULTS {
        // SAFETY: the set is initialised and a local, the signal numbers are the system's own.
        unsafe { libc::sigdelset(&raw mut set, fault) };
    }
    set
}

/// Sets the calling thread's signal mask and answers the one before.
fn set_signal_mask(mask: &libc::sigset_t) -> std::io::Result<libc::sigset_t> {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets live across the call, the first is initialised.
    let status = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, before.as_mut_ptr()) };
    if status != 0 {
        return Err(std::io::Error::from_raw_os_error(status));
    }
    // SAFETY: the call succeeded, so it has written the old mask.
    Ok(unsafe { before.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::{Priority, spawn};
    use std::fs::read_to_string;
    use std::sync::mpsc::channel;

    /// A field of the calling thread's status, as a number in base 16.
    fn mask(field: &str) -> u64 {
        let status = read_to_string("/proc/thread-self/status").expect("linux");
        let line = status.lines().find(|line| line.starts_with(field));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        u64::from_str_radix(value.expect("a value"), 16).expect("a number")
    }

    fn bit(signal: libc::c_int) -> u64 {
        1 << (signal - 1)
    }

    #[test]
    fn a_thread_takes_no_signals_but_faults_and_its_maker_keeps_its_mask() {
        let before = mask("SigBlk:");
        let (tell, told) = channel();
        let thread = spawn("signals", Priority::WORKER, move || {
            let stat = read_to_string("/proc/thread-self/stat").expect("linux");
            let nice = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split(' ').nth(17));
            tell.send((mask("SigBlk:"), nice.map(str::to_owned)))
                .expect("a listener");
        });
        thread.expect("a thread").join().expect("no panic");
        let (inside, nice) = told.recv().expect("an answer");
        assert_ne!(inside & bit(libc::SIGTERM), 0);
        assert_ne!(inside & bit(libc::SIGUSR2), 0);
        assert_eq!(inside & bit(libc::SIGSEGV), 0);
        assert_eq!(nice.as_deref(), Some("10"));
        assert_eq!(mask("SigBlk:"), before);
    }
}
