//! A way in for the fuzz targets (fuzz/); no other build has it.

use warden_core::{ClassKey, Decision, Now, Reason};

pub use crate::bindings::policy::warden::policy::types as contract;
use crate::compose;
use crate::error::{BundleError, Failure};
use crate::generation::Frame;
use crate::manifest::{PolicyKeys, SignedManifest};
use crate::renderings::Renderings;
use crate::snapshot::aside;
use crate::verdict;

/// A policy's answer, as the guest's bytes were read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The bundle's name.
    pub bundle: String,
    /// Whether the policy reads the clock.
    pub reads_clock: bool,
    /// The verdict, unchecked.
    pub verdict: contract::Verdict,
}

/// What [`crate::Generation::decide`] does with the answers of its policies: checks
/// each, then composes them.
///
/// # Errors
/// The outer: a verdict that is taken by nobody. The inner: the refusal.
pub fn decide(
    answers: &[Answer],
    frame: &Frame,
    now: Now,
) -> Result<Result<Decision, Reason>, Failure> {
    let opinions = answers
        .iter()
        .map(|answer| {
            let opinion = verdict::check(answer.verdict.clone(), answer.reads_clock)?;
            Ok((answer.bundle.as_str(), opinion))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(compose::compose(
        opinions,
        (frame, &Renderings::default()),
        ClassKey::new([0; 32]),
        1,
        now,
    )
    .answer)
}

/// What a load does with `MANIFEST` and `MANIFEST.minisig`, once their bytes are read.
///
/// # Errors
/// The refusal.
pub fn verify_manifest(
    keys: &PolicyKeys,
    manifest: &[u8],
    signature: &[u8],
) -> Result<SignedManifest, BundleError> {
    SignedManifest::verify(keys, manifest, signature)
}

/// What taking a snapshot does with a component's bytes, once its data is read; `None`
/// where nothing is set aside.
pub fn move_out(component: &[u8]) -> Option<Vec<u8>> {
    aside::move_out(component).map(|moved| moved.component)
}
