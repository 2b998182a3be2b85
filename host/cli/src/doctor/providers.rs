//! Whoever the authenticators depend on, asked from this machine.
//!
//! In: the authenticator directory of a server that runs here. Out: what came of asking
//! for published documents, by the module's own code: its certificates, its time-outs,
//! its rules about addresses. Never: a credential.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use warden_authn::{Notices, PluginRegistry, Services, Surveyed, survey};
use warden_core::AuthenticatorId;
use warden_core::clock::SystemClock;
use warden_policy::{Engine, EngineSettings};

use super::finding::Untold;
use super::machine::Machine;
use super::server::Told;

/// Longest wait for all of them together.
const LIMIT: Duration = Duration::from_secs(10);

/// Nothing runs in the background that could tell anything.
struct Nobody;

impl Notices for Nobody {
    fn keys_withdrawn(&self, _id: &AuthenticatorId) {}
    fn warn(&self, _id: &AuthenticatorId, _line: &str) {}
}

/// Asks all of them at once.
pub(crate) fn ask(directory: Told<&str>, machine: &Machine) -> Told<Vec<Surveyed>> {
    let directory = directory?;
    if directory.is_empty() {
        return Ok(Vec::new());
    }
    machine.user()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Untold::new(format!("no network here: {error}"), ""))?;
    let handle = runtime.handle().clone();
    let clock = Arc::new(SystemClock::new());
    // Plugins depend on nobody, but their files must not count as wrong.
    let engine = Engine::new(EngineSettings::default())
        .map_err(|error| Untold::new(error.to_string(), ""))?;
    let services = Services::online(handle, clock, None, Arc::new(Nobody))
        .with_plugins(PluginRegistry::new(Arc::new(engine)));
    let surveyed = runtime.block_on(survey(Path::new(directory), &services, LIMIT));
    // Names may still be looked up for those who were given up.
    runtime.shutdown_background();
    surveyed.map_err(|error| {
        Untold::new(
            format!("{directory:?} {error}"),
            "run warden doctor as root or as the server's user",
        )
    })
}
