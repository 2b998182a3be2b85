//! Policy bundles: found, compiled, run and composed into decisions.
//!
//! In comes a directory of bundles and, per log-in, a verified principal with the
//! facts about its connection. Out goes a [`Decision`](warden_core::Decision) or
//! a [`Reason`](warden_core::Reason). This is the only crate that names
//! wasmtime; it never speaks to the server, and what a guest does (loop, grow,
//! trap, lie) ends as a refusal that names the bundle.
//!
//! ```text
//! directory → signed manifest, where policy_keys wants one → the bytes of every file
//! bytes → bundle → lift → artefact | compile → configure → describe → Generation
//! Generation + NAME.tests.toml → TestReport: it comes into force only when all tests hold
//! Verified<Principal> + ClientFacts → project → Request → evaluate each → compose → Decision
//! ```

#![deny(unsafe_code)]

mod answers;
mod artefact;
mod bindings;
mod budget;
mod bundle;
mod change;
mod component;
mod compose;
mod contained;
mod contract;
mod digest;
mod engine;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod generation;
mod instance;
mod lift;
mod load;
mod log;
mod manifest;
mod measure;
mod metadata;
mod outline;
mod plugin;
mod prepare;
mod renderings;
mod request;
mod sandbox;
mod schema;
mod snapshot;
mod ticker;
mod verdict;

pub use bundle::directory::{companions, is_bundle_name};
pub use bundle::root::Root;
pub use bundle::unloaded::{Unloaded, UnloadedFile};
pub use bundle::{Bundle, DataFile, LoadTimes, Statistics};
pub use change::{Change, Outcome};
pub use digest::Digest;
pub use engine::{Engine, EngineSettings, Limits};
pub use error::{BundleError, Error, Failure, Fault, LoadError};
pub use gate::{Failing, Problem, Rehearsal, TestReport, read_moment};
pub use generation::{Explanation, Frame, Generation};
pub use log::{Ear, GuestLog, Level, Silent, Speaker};
pub use manifest::{
    Distrust, KeyId, MANIFEST, Manifest, PolicyKey, PolicyKeys, SIGNATURE, SignedManifest,
    Standing, read_manifest, verify_directory,
};
pub use measure::{Effort, Measured};
pub use prepare::is_pointer;
pub use request::{Inputs, Request};
pub use schema::data_schema;
pub use snapshot::SnapshotState;
pub use verdict::{Denial, Opinion};
