//! The thread on which warden speaks with others: identity providers and services.
//!
//! In: calls and timers of the authenticators. Out: answers, to whichever worker goes on
//! with the log-in. It runs at nice +10 and touches nothing of the server; a call that is
//! under way when the module is unloaded is given up.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use warden_authn::Notices;
use warden_core::AuthenticatorId;

use crate::ffi::{Level, log, rest_if_crashing};

/// Threads for what the system offers no other way: looking up names, writing to disk.
const BLOCKING_THREADS: usize = 4;

/// The runtime before its thread runs, and what ends it.
pub(crate) struct Network {
    runtime: Runtime,
    stopped: watch::Receiver<bool>,
}

impl Network {
    /// A runtime, and the word that ends it: `true`, or a sender that is dropped.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub(crate) fn new() -> io::Result<(Self, watch::Sender<bool>)> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("warden-net-io")
            .on_thread_unpark(rest_if_crashing)
            .build()?;
        let (stop, stopped) = watch::channel(false);
        Ok((Self { runtime, stopped }, stop))
    }

    /// Where tasks are given to it.
    pub(crate) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// The thread's life.
    pub(crate) fn run(mut self) {
        // An error: whoever could have said stop is gone.
        let _ = self.runtime.block_on(self.stopped.wait_for(|stop| *stop));
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
