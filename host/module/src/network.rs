//! The thread on which warden speaks with others: identity providers, services, directories.
//!
//! In: credentials that others are asked about, calls and timers of the authenticators. Out: what the
//! credentials come to ([`verification`](crate::verification)), and answers to whichever worker goes on with another
//! log-in. It runs at nice 0, for it does little at a time and nobody else can; it touches nothing of the
//! server but to call its main thread and to answer a command that waits. A call that is under way when the module is unloaded is given up. Never: an end before the last worker's,
//! who may be in the midst of a call; a policy or a plugin asked.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use atomic_waker::AtomicWaker;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use warden_authn::{Claim, Notices, Presented};
use warden_core::AuthenticatorId;

use crate::ffi::{Level, guard, log, rest_if_crashing};
use crate::shared::Shared;
use crate::verification;
use crate::workers::Job;

/// Most threads for what the system offers no other way: looking up names, writing to disk. A
/// look-up that hangs keeps one, of a directory server no more than that.
const BLOCKING_THREADS: usize = 16;

/// Tasks after which the runtime looks whether somebody has answered or called.
const TASKS: u32 = 8;

/// Credentials begun before the runtime looks after those begun earlier.
const BEGUN: usize = 8;

/// The runtime before its thread runs.
pub(crate) struct Network {
    runtime: Runtime,
    callers: mpsc::Receiver<Infallible>,
}

/// For others, and for those who work on the thread: there is something to do.
#[derive(Default)]
pub(crate) struct Bell {
    thread: AtomicWaker,
    arrivals: Notify,
    answers: Notify,
}

impl Bell {
    /// After something has been put down at the door. Waits for nobody.
    pub(crate) fn ring(&self) {
        self.thread.wake();
    }

    /// On the thread: after an answer has been put in.
    pub(crate) fn answers_wait(&self) {
        self.answers.notify_one();
    }
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
            .event_interval(TASKS)
            .global_queue_interval(TASKS)
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
    pub(crate) fn run(mut self, shared: &Arc<Shared>) {
        self.runtime.spawn(begin(Arc::clone(shared)));
        self.runtime.spawn(send(Arc::clone(shared)));
        let mut callers = pin!(self.callers.recv());
        self.runtime.block_on(poll_fn(|context| {
            // First: whoever rings from now on is heard.
            shared.bell.thread.register(context.waker());
            shared.bell.arrivals.notify_one();
            // Nobody ever says anything: it is ready when they are gone.
            callers.as_mut().poll(context).map(|_| ())
        }));
        // A name that is being looked up is not waited for.
        self.runtime.shutdown_background();
    }
}

/// Begins with credentials that have arrived, a few at a time: those begun earlier are gone on with in between.
async fn begin(shared: Arc<Shared>) {
    loop {
        shared.bell.arrivals.notified().await;
        while guard("a beginning", true, || begin_some(&shared)) {
            yield_now().await;
        }
    }
}

/// Answers whether there may be more.
fn begin_some(shared: &Arc<Shared>) -> bool {
    rest_if_crashing();
    for _ in 0..BEGUN {
        let Some(job) = shared.pending.begin(Claim::Asked) else {
            return false;
        };
        let chain = shared.chain.load_full();
        let Presented {
            credential,
            is_local,
            ..
        } = &job.presented;
        // Others may judge since it came.
        let is_ours = chain.generation() == job.chain
            || chain.claims(credential, *is_local) == Some(Claim::Asked);
        if is_ours {
            tokio::spawn(verification::asked(Arc::clone(shared), chain, *job));
        } else {
            shared.hand_over(Job::Verify(job));
        }
    }
    true
}

/// Sends answers when the thread has done what it had to do as the first was put in.
async fn send(shared: Arc<Shared>) {
    loop {
        shared.bell.answers.notified().await;
        shared.send_answers();
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
