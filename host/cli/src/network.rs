//! What the module lends to its authenticators, for one run of the command line: a
//! network, a clock, and an engine for their plugins. Nothing is kept.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use warden_authn::{PluginRegistry, Services, Silent};
use warden_core::clock::SystemClock;
use warden_policy::Engine;

/// A network, and whatever is lent beside it.
pub(crate) struct Network {
    runtime: Runtime,
    services: Services,
}

impl Network {
    /// The network of this process; plugins run on the engine.
    ///
    /// # Errors
    /// When the operating system refuses it.
    pub(crate) fn new(engine: Engine) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let clock = Arc::new(SystemClock);
        // One run asks once: what would be told later is told to nobody.
        let services = Services::online(handle, clock, None, Arc::new(Silent))
            .with_plugins(PluginRegistry::new(Arc::new(engine)));
        Ok(Self { runtime, services })
    }

    /// What authenticators are lent.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Waits for what asks somebody, and ends whatever else is under way.
    pub(crate) fn wait<T>(self, asking: impl Future<Output = T>) -> T {
        let answer = self.runtime.block_on(asking);
        // Names may still be looked up for those who were given up.
        self.runtime.shutdown_background();
        answer
    }
}
