//! Services with a network, a clock that tests move and an ear that remembers.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use warden_core::{AuthenticatorId, Clock, Now};
use warden_state::PrivateDir;

use super::{NOW, at};
use crate::services::{Notices, Services};

/// A clock that stands until it is moved.
pub(crate) struct ManualClock(Mutex<Now>);

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// What was told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) withdrawn: Mutex<usize>,
    pub(crate) warnings: Mutex<Vec<String>>,
}

impl Notices for Heard {
    fn keys_withdrawn(&self, _id: &AuthenticatorId) {
        *self.withdrawn.lock().unwrap() += 1;
    }

    fn warn(&self, _id: &AuthenticatorId, line: &str) {
        self.warnings.lock().unwrap().push(line.to_owned());
    }
}

/// A runtime with the services on it.
pub(crate) struct Online {
    pub(crate) runtime: Runtime,
    pub(crate) services: Services,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) heard: Arc<Heard>,
}

impl Online {
    pub(crate) fn new() -> Self {
        Self::with_state(None)
    }

    pub(crate) fn with_state(state: Option<&Path>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = Arc::new(ManualClock(Mutex::new(at(NOW))));
        let heard = Arc::new(Heard::default());
        let state = state.map(|path| PrivateDir::open(path).unwrap());
        let services = Services::online(
            runtime.handle().clone(),
            clock.clone(),
            state,
            heard.clone(),
        );
        Self {
            runtime,
            services,
            clock,
            heard,
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, duration: Duration) {
        let mut now = self.clock.0.lock().unwrap();
        now.wall = now.wall.plus(duration);
        now.monotonic += duration;
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}
