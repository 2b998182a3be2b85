//! Many opinions, one answer, in any order.
//!
//! Any denial refuses; grants are united; every restriction applies to all of
//! it; times are the shortest anyone set; no grant means refused. This is the
//! one place that makes a [`Decision`].

use std::sync::Arc;
use std::time::Duration;

use warden_core::permissions::Permissions;
use warden_core::{ClassKey, Decision, Now, Reason, ReasonKind};

use crate::generation::Frame;
use crate::renderings::Renderings;
use crate::verdict::Opinion;

/// An answer and how long it may be remembered.
pub(crate) struct Composed {
    pub(crate) answer: Result<Decision, Reason>,
    pub(crate) valid_for: Option<Duration>,
}

/// Composes the opinions of all bundles, each with its bundle's name, under a frame whose
/// renderings are remembered.
pub(crate) fn compose(
    mut opinions: Vec<(&str, Opinion)>,
    on: (&Frame, &Renderings),
    class: ClassKey,
    generation: u64,
    now: Now,
) -> Composed {
    // Only what is *told* depends on an order, so that order is the names'.
    opinions.sort_by(|a, b| a.0.cmp(b.0));
    let valid_for = opinions
        .iter()
        .filter_map(|(_, opinion)| opinion.valid_for)
        .min();
    let answer = match denied(&opinions) {
        Some(reason) => Err(reason),
        None => united(opinions, on, class, generation).map(|decision| Decision {
            valid_until: valid_for.map(|duration| now.wall.plus(duration)),
            ..decision
        }),
    };
    Composed { answer, valid_for }
}

/// The refusal, when any policy denies.
fn denied(opinions: &[(&str, Opinion)]) -> Option<Reason> {
    let denials: Vec<_> = opinions
        .iter()
        .filter_map(|(name, opinion)| opinion.denial.as_ref().map(|denial| (name, denial)))
        .collect();
    if denials.is_empty() {
        return None;
    }
    let details: Vec<String> = denials
        .iter()
        .map(|(name, denial)| match &denial.internal {
            Some(internal) => format!("policy {name:?} denies: {internal}"),
            None => format!("policy {name:?} denies"),
        })
        .collect();
    let reason = Reason::new(ReasonKind::Denied, details.join("; "));
    Some(
        match denials
            .iter()
            .find_map(|(_, denial)| denial.public.as_ref())
        {
            Some(public) => reason.told(public),
            None => reason,
        },
    )
}

fn united(
    opinions: Vec<(&str, Opinion)>,
    on: (&Frame, &Renderings),
    class: ClassKey,
    generation: u64,
) -> Result<Decision, Reason> {
    let session_ttl = opinions
        .iter()
        .filter_map(|(_, opinion)| opinion.session_ttl)
        .min();
    let mut grants = Vec::new();
    let (frame, renderings) = on;
    let mut restrictions = vec![frame.ceiling.clone()];
    let mut labels = Vec::new();
    for (_, opinion) in opinions {
        grants.extend(opinion.grants);
        restrictions.extend(opinion.restrictions);
        labels.extend(opinion.labels);
    }
    labels.sort();
    labels.dedup();
    if grants.is_empty() {
        return Err(Reason::new(
            ReasonKind::NoGrant,
            "no policy grants anything",
        ));
    }
    let permissions = Permissions::compose(&frame.base, grants, restrictions);
    let rendered = renderings.of(&permissions, &frame.server).map_err(|e| {
        Reason::new(
            ReasonKind::PolicyFailed,
            format!("the rules cannot be applied here: {e}"),
        )
    })?;
    if rendered.grants_nothing() {
        return Err(Reason::new(
            ReasonKind::NoGrant,
            "nothing of what policies grant is left under restrictions and ceiling on this server",
        ));
    }
    Ok(Decision {
        class,
        generation,
        permissions,
        rendered,
        server: Arc::clone(&frame.server),
        valid_until: None,
        session_ttl,
        labels,
    })
}

#[cfg(test)]
mod tests;
