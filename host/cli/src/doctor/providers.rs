//! Whoever the authenticators depend on, asked from this machine.
//!
//! In: the authenticator directory of a server that runs here. Out: what came of asking
//! for published documents, and of visiting servers of directories, by the module's own
//! code: its certificates, its time-outs, its rules about addresses. Never: a credential,
//! but for the service account's to its directory.

use std::path::Path;
use std::time::Duration;

use warden_authn::{Surveyed, survey};
use warden_policy::{Engine, EngineSettings};

use super::finding::Untold;
use super::machine::Machine;
use super::server::Told;
use crate::network::Network;

/// Longest wait for all of them together.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks all of them at once.
pub(crate) fn ask(directory: Told<&str>, machine: &Machine) -> Told<Vec<Surveyed>> {
    let directory = directory?;
    if directory.is_empty() {
        return Ok(Vec::new());
    }
    machine.user()?;
    let unable = |error: String| Untold::new(error, "");
    // Plugins depend on nobody, but their files must not count as wrong.
    let engine = Engine::new(EngineSettings::default()).map_err(|e| unable(e.to_string()))?;
    let network = Network::new(engine).map_err(|e| unable(format!("no network here: {e}")))?;
    let services = network.services().clone();
    let surveyed = network.wait(survey(Path::new(directory), &services, LIMIT));
    surveyed.map_err(|error| {
        Untold::new(
            format!("{directory:?} {error}"),
            "run warden doctor as root or as the server's user",
        )
    })
}
