//! What the process that loads a chain lends to its authenticators.
//!
//! In: a runtime for what calls out, the clock, a place on disk, an ear. Out: tasks of
//! that runtime. Authenticators never start a thread, and never wait on a thread that
//! is not the runtime's.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use warden_core::clock::SystemClock;
use warden_core::{AuthenticatorId, Clock, Now};
use warden_state::PrivateDir;

use crate::plugin::PluginRegistry;

/// What is told without being asked. From the runtime's thread; must not wait.
pub trait Notices: Send + Sync {
    /// Keys that an authenticator verified with are gone: nothing that was verified
    /// before may be remembered.
    fn keys_withdrawn(&self, id: &AuthenticatorId);

    /// Something an operator should read: one line without secrets.
    fn warn(&self, id: &AuthenticatorId, line: &str);
}

/// The services. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    runtime: Option<Handle>,
    clock: Arc<dyn Clock>,
    state: Option<Arc<PrivateDir>>,
    notices: Arc<dyn Notices>,
    plugins: Option<Arc<PluginRegistry>>,
}

/// Tells nobody: for processes that end when they have asked.
#[derive(Debug, Default)]
pub struct Silent;

impl Notices for Silent {
    fn keys_withdrawn(&self, _id: &AuthenticatorId) {}

    fn warn(&self, _id: &AuthenticatorId, _line: &str) {}
}

impl Services {
    /// Without a network: whatever calls out is unavailable. For checking files, and
    /// for authenticators that need nobody else.
    pub fn offline() -> Self {
        Self {
            runtime: None,
            clock: Arc::new(SystemClock),
            state: None,
            notices: Arc::new(Silent),
            plugins: None,
        }
    }

    /// With a network: calls and timers run on this runtime.
    pub fn online(
        runtime: Handle,
        clock: Arc<dyn Clock>,
        state: Option<PrivateDir>,
        notices: Arc<dyn Notices>,
    ) -> Self {
        Self {
            runtime: Some(runtime),
            clock,
            state: state.map(Arc::new),
            notices,
            plugins: None,
        }
    }

    /// With somebody who runs plugins; without, files of `type = "plugin"` are in error.
    #[must_use]
    pub fn with_plugins(mut self, plugins: PluginRegistry) -> Self {
        self.plugins = Some(Arc::new(plugins));
        self
    }

    pub(crate) fn plugins(&self) -> Option<&PluginRegistry> {
        self.plugins.as_deref()
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn state(&self) -> Option<&PrivateDir> {
        self.state.as_deref()
    }

    pub(crate) fn notices(&self) -> &dyn Notices {
        self.notices.as_ref()
    }

    /// Writes to the state directory, where there is one, on a thread for such work.
    pub(crate) fn write(&self, work: impl FnOnce(&Self, &PrivateDir) + Send + 'static) {
        let (Some(runtime), Some(state)) = (&self.runtime, &self.state) else {
            return;
        };
        let (services, state) = (self.clone(), Arc::clone(state));
        runtime.spawn_blocking(move || work(&services, &state));
    }

    /// Does work that calls out on the thread of whoever awaits it; the runtime only says
    /// when to go on. `None` without a network. The runtime must outlive the wait.
    pub(crate) async fn attend<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let runtime = self.runtime.as_ref()?;
        let mut work = pin!(work);
        let done = poll_fn(|context| {
            let _inside = runtime.enter();
            work.as_mut().poll(context)
        });
        Some(done.await)
    }

    /// Starts a task that ends with the value this returns; `None` without a network.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<Task<T>> {
        self.runtime
            .as_ref()
            .map(|runtime| Task(runtime.spawn(work)))
    }
}

/// A task of the runtime, ended when this is dropped.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// What it came to; `None` when it panicked or the runtime is gone. May be awaited
    /// on any thread.
    pub(crate) async fn outcome(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits, on the runtime only.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}
