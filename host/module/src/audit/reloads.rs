//! Reloads, told by the loaders.

use warden_audit::event::Reload;
use warden_audit::{Category, Event};

use crate::loader::Changes;
use crate::shared::Shared;

/// Records what reading a directory came to. From any thread.
pub(crate) fn reloaded(shared: &Shared, what: &str, digest: &str, changes: &Changes) {
    if changes.is_nothing() {
        return;
    }
    let at_us = shared.now().wall.as_unix_millis().saturating_mul(1000);
    let event = Event::Reload(Reload {
        what,
        generation: changes.generation,
        digest,
        added: texts(&changes.added),
        changed: texts(&changes.changed),
        removed: texts(&changes.removed),
        errors: texts(&changes.errors),
    });
    shared.trail.record(Category::Policy, at_us, &event);
    // What is known of sessions names the generation before.
    shared.trail.touch();
    shared.wake_clock();
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
