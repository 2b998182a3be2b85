//! What of a command may be seen.
//!
//! In: a command's name and arguments, as they were sent. Out: which arguments are shown, and
//! what of its name and of the server's refusal. Every record goes through here before it
//! leaves the main thread, so that no sink can show what another hides. Never: a secret that
//! the command's form tells, whatever the arguments' number and order; an allocation, unless
//! the operator's patterns meet bytes that are not text.
//!
//! ```text
//! once a command   name ─→ Redactor::of_command ─→ Redaction ─ is_plain: everything is shown
//! once a record    arguments ─→ Redaction::hidden ─→ Hidden::hides(place)
//! ```
//!
//! What is secret: docs/audit/redaction.md.

mod error;
mod form;
mod hidden;
mod names;
mod pattern;
mod rules;
mod table;

use std::sync::Arc;

use smallvec::SmallVec;

pub use error::shown_error;
pub use hidden::Hidden;
pub use names::is_sensitive;
pub(crate) use pattern::MAX_PATTERN_BYTES;
pub use pattern::Pattern;

use form::Form;

/// What is shown for a name that may be a secret.
const UNKNOWN: &[u8] = b"(unknown)";

/// How deep a command may stand within others before nothing of it is shown.
const MAX_DEPTH: usize = 3;

/// What may be seen, for all sinks: the server's commands, and what operators want hidden
/// besides.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    patterns: Arc<[Pattern]>,
}

/// What may be seen of one command. Made once a command, kept by whoever asks.
#[derive(Clone, Debug)]
pub struct Redaction {
    form: Form,
    /// Words of the command's name.
    name_words: usize,
    patterns: SmallVec<[Pattern; 1]>,
    redactor: Redactor,
}

/// What may be seen of a command's name: all of one that the server knows; one that it does
/// not know only if it looks like one. What was sent as a command may be a password.
pub fn shown_name(name: &[u8], known: bool) -> &[u8] {
    if known || names::is_harmless_name(name) {
        name
    } else {
        UNKNOWN
    }
}

/// Whether somebody decided what may be seen of a command of the server, or of warden.
/// Of others, see [`Redactor::of_command`].
pub fn is_decided(name: &[u8]) -> bool {
    table::form(name).is_some()
}

impl Redactor {
    /// With what the operator wants hidden besides, of all sinks together.
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        Self {
            patterns: patterns.into_iter().collect(),
        }
    }

    /// What may be seen of a command: its full name, `config|set`, in capitals or not.
    ///
    /// `known` says whether the server knows it; of one that it does not, no argument is shown.
    /// Commands of modules are shown but for what follows a word that names a secret, and but
    /// for those whose own name does.
    pub fn of_command(&self, name: &[u8], known: bool) -> Redaction {
        let name_words = if known { words(name) } else { 1 };
        let form = match table::form(name) {
            _ if !known => Form::From(1),
            Some(form) => form,
            None if is_sensitive(name) => Form::From(name_words),
            None => Form::Words(name_words),
        };
        Redaction {
            form,
            name_words,
            patterns: self.concerning(name).cloned().collect(),
            redactor: self.clone(),
        }
    }

    fn concerning<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Pattern> {
        self.patterns
            .iter()
            .filter(move |pattern| pattern.concerns(name))
    }

    /// What must not be seen of a command that is an argument of another.
    fn inner(&self, argv: &[&[u8]], depth: usize) -> Hidden {
        let mut hidden = Hidden::NONE;
        let Some(first) = argv.first() else {
            return hidden;
        };
        if depth > MAX_DEPTH {
            hidden.hide_from(0);
            return hidden;
        }
        let mut name: SmallVec<[u8; 64]> = SmallVec::from_slice(first);
        if let (true, Some(second)) = (table::is_container(first), argv.get(1)) {
            name.push(b'|');
            name.extend_from_slice(second);
        }
        let Some(form) = table::form(&name) else {
            hidden.hide_from(usize::from(names::is_harmless_name(first)));
            return hidden;
        };
        self.add(form, argv, depth, &mut hidden);
        for pattern in self.concerning(&name) {
            pattern.hide(argv, words(&name), &mut hidden);
        }
        hidden
    }

    fn add(&self, form: Form, argv: &[&[u8]], depth: usize, hidden: &mut Hidden) {
        form.hide(argv, hidden);
        if let Some(first) = form.inner(argv) {
            let inner = argv.get(first..).unwrap_or_default();
            hidden.hide_inner(first, self.inner(inner, depth + 1));
        }
    }
}

impl Redaction {
    /// Whether every argument may be seen, whatever they are.
    pub fn is_plain(&self) -> bool {
        self.form == Form::Plain && self.patterns.is_empty()
    }

    /// Which arguments must not be seen. `argv` is what was sent, the command's name at place
    /// 0 and a subcommand's at place 1; keys, and what the ACL denied, are judged by their
    /// places too.
    pub fn hidden(&self, argv: &[&[u8]]) -> Hidden {
        let mut hidden = Hidden::NONE;
        if self.is_plain() {
            return hidden;
        }
        self.redactor.add(self.form, argv, 0, &mut hidden);
        for pattern in &self.patterns {
            pattern.hide(argv, self.name_words, &mut hidden);
        }
        hidden
    }

    /// The same on a server that has just these settings: names of others, which may be secret
    /// ones mistyped, must not be seen, nor their values.
    ///
    /// `name` is the command's, which may have been sent under another.
    pub fn hidden_among(
        &self,
        name: &[u8],
        argv: &[&[u8]],
        has_setting: impl Fn(&[u8]) -> bool,
    ) -> Hidden {
        let mut hidden = self.hidden(argv);
        form::unknown_settings(name, argv, has_setting, &mut hidden);
        hidden
    }
}

/// How many words of a request are the command's name.
fn words(name: &[u8]) -> usize {
    name.split(|byte| *byte == b'|').count()
}

#[cfg(test)]
mod tests;
