//! What settings of the server were, and are now.
//!
//! In: word of the server that some have changed. Out: those that did, with before and after,
//! from a copy that each change brings up to date.

use std::collections::BTreeMap;

use warden_audit::Redactor;

use super::super::trail::Digests;
use super::{OwnedChange, Value};
use crate::ffi::{Context, Reply};

/// Longest name of a setting that is looked up, in bytes.
const NAME_BYTES: usize = 256;

/// Settings as they were last seen.
pub(in super::super) struct Settings {
    digests: Digests,
    /// None while nobody wants to know.
    known: Option<BTreeMap<String, Vec<u8>>>,
}

impl Settings {
    /// Of which nobody wants to know yet.
    pub(in super::super) fn new(digests: Digests) -> Self {
        Self {
            digests,
            known: None,
        }
    }

    /// Watches them from now on, or no longer.
    pub(in super::super) fn watch(&mut self, ctx: &Context<'_>, is_wanted: bool) {
        if !is_wanted {
            self.known = None;
        } else if self.known.is_none() {
            self.known = Some(all_settings(ctx, &[]));
        }
    }

    /// Modules came, with settings of theirs.
    pub(in super::super) fn learn(&mut self, ctx: &Context<'_>) {
        if let Some(known) = &mut self.known {
            for (name, value) in all_settings(ctx, &[]) {
                known.entry(name).or_insert(value);
            }
        }
    }

    /// Whether the server has a setting of this name, as far as that is known.
    pub(in super::super) fn has(&self, name: &[u8]) -> bool {
        if name.len() > NAME_BYTES {
            return false;
        }
        let name = name.to_ascii_lowercase();
        let known = self.known.as_ref().zip(String::from_utf8(name).ok());
        known.is_some_and(|(known, name)| known.contains_key(&name))
    }

    /// What became of settings of these names.
    pub(in super::super) fn take(
        &mut self,
        ctx: &Context<'_>,
        redactor: &Redactor,
        names: &[String],
    ) -> Vec<OwnedChange> {
        let Some(known) = &mut self.known else {
            return Vec::new();
        };
        // Of all: some have two names, and the server tells of one.
        let all = all_settings(ctx, names);
        if all.is_empty() {
            // The server does not answer: it has CONFIG under another name.
            let unknown = |name: &String| OwnedChange {
                name: name.clone().into_bytes(),
                before: None,
                after: None,
            };
            return names.iter().map(unknown).collect();
        }
        let were = std::mem::replace(known, all);
        let mut changes = Vec::new();
        for name in names {
            let (before, now) = (were.get(name), known.get(name));
            if before == now {
                continue;
            }
            // What CONFIG SET would not show.
            let value = |value: &Vec<u8>| {
                let words: [&[u8]; 4] = [b"config", b"set", name.as_bytes(), value];
                let hidden = redactor.of_command(b"config|set", true).hidden(&words);
                // What is not set is nobody's secret.
                if hidden.hides(3) && !value.is_empty() {
                    Value::Digest(self.digests.of(value))
                } else {
                    Value::Shown(value.clone())
                }
            };
            changes.push(OwnedChange {
                name: name.clone().into_bytes(),
                before: before.map(value),
                after: now.map(value),
            });
        }
        changes
    }
}

/// All settings, and these: some are shown only to who names them.
fn all_settings(ctx: &Context<'_>, names: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut arguments: Vec<&[u8]> = vec![b"GET", b"*"];
    arguments.extend(names.iter().map(String::as_bytes));
    let Ok(Reply::Map(pairs)) = ctx.call("CONFIG", &arguments) else {
        return BTreeMap::new();
    };
    pairs.into_iter().filter_map(pair).collect()
}

fn pair(pair: (Reply, Reply)) -> Option<(String, Vec<u8>)> {
    match pair {
        (Reply::Bulk(name), Reply::Bulk(value)) => Some((String::from_utf8(name).ok()?, value)),
        _ => None,
    }
}
