//! How long each stage of a log-in takes.

use warden_core::Latency;

/// The stages of a log-in.
#[derive(Default)]
pub(crate) struct Latencies {
    /// From `AUTH` to its answer, where that was remembered.
    pub(crate) cached: Latency,
    /// From `AUTH` until an answer that had to be waited for is there.
    pub(crate) waited: Latency,
    /// One verification by the authenticators.
    pub(crate) verification: Latency,
    /// One decision by the policies, remembered ones included.
    pub(crate) decision: Latency,
}
