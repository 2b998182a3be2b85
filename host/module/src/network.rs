//! The thread on which warden speaks with others: identity providers and services.
//!
//! In: calls and timers of the authenticators. Out: answers, to whichever worker goes on
//! with the log-in. It runs at nice +10 and touches nothing of the server; a call that is
//! under way when the module is unloaded is given up. Never: an end before the last worker's,
//! who may be in the midst of a call.

use std::convert::Infallible;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use warden_authn::Notices;
use warden_core::AuthenticatorId;

use crate::ffi::{Level, log, rest_if_crashing};

/// Most threads for what the system offers no other way: looking up names, writing to disk. A
/// look-up that hangs keeps one, of a directory server no more than that.
const BLOCKING_THREADS: usize = 16;

/// The runtime before its thread runs.
pub(crate) struct Network {
    runtime: Runtime,
    callers: mpsc::Receiver<Infallible>,
}

/// Held by a thread that calls.
#[derive(Clone)]
pub(crate) struct Caller {
    _present: mpsc::Sender<Infallible>,
}

impl Network {
    /// A runtime, which ends with the last of its callers.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub(crate) fn new() -> io::Result<(Self, Caller)> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("warden-net-io")
            .on_thread_unpark(rest_if_crashing)
            .build()?;
        let (present, callers) = mpsc::channel(1);
        Ok((Self { runtime, callers }, Caller { _present: present }))
    }

    /// Where tasks are given to it.
    pub(crate) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// The thread's life.
    pub(crate) fn run(mut self) {
        // Nobody ever says anything: it is `None` when they are gone.
        let _ = self.runtime.block_on(self.callers.recv());
        // A name that is being looked up is not waited for.
        self.runtime.shutdown_background();
    }
}

/// What authenticators have to say, in the server's log.
pub(crate) struct LoggedNotices;

impl Notices for LoggedNotices {
    fn keys_withdrawn(&self, id: &AuthenticatorId) {
        if let Some(shared) = crate::state::shared() {
            shared.chain.load().forget();
        }
        log(
            Level::Notice,
            &format!(
                "authenticator {id}: its issuer has withdrawn a key; credentials are verified anew"
            ),
        );
    }

    fn warn(&self, id: &AuthenticatorId, line: &str) {
        log(Level::Warning, &format!("authenticator {id}: {line}"));
    }
}
