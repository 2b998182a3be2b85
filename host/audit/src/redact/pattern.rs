//! What an operator wants hidden besides: one `[[redact]]` of a sink's file.
//!
//! In: globs and places. Out: arguments that must not be seen. A pattern that cannot be tried
//! on an argument, because that is too long, hides it.

use std::collections::BTreeSet;

use glob::{MatchOptions, Pattern as Glob};

use super::hidden::Hidden;

/// Longest pattern, and longest argument a pattern is tried on, in bytes: bounds the work of
/// matching on the main thread.
pub(crate) const MAX_PATTERN_BYTES: usize = 1024;

/// Hides arguments of some commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    command: Option<Glob>,
    key: Option<Glob>,
    value: Option<Glob>,
    arguments: BTreeSet<usize>,
}

impl Pattern {
    /// Of commands whose full name, `json.set` or `config|set`, is like `command`; where `key`
    /// is there, only of those with an argument like that, which stays; where `value` is
    /// there, only arguments like that; where `arguments` are there, only at these places,
    /// counted from 1 behind the name. Nothing given means all of it.
    pub fn new(
        command: Option<Glob>,
        key: Option<Glob>,
        value: Option<Glob>,
        arguments: BTreeSet<usize>,
    ) -> Self {
        Self {
            command,
            key,
            value,
            arguments,
        }
    }

    /// Whether it has to do with a command of that full name.
    pub(super) fn concerns(&self, name: &[u8]) -> bool {
        let options = MatchOptions {
            case_sensitive: false,
            ..MatchOptions::new()
        };
        self.command
            .as_ref()
            .is_none_or(|glob| is_like(glob, name, options))
    }

    /// Hides arguments of a command whose name has so many words.
    pub(super) fn hide(&self, argv: &[&[u8]], name_words: usize, hidden: &mut Hidden) {
        let is_like = |glob: &Glob, text: &[u8]| is_like(glob, text, MatchOptions::new());
        let arguments = || argv.iter().enumerate().skip(name_words);
        let is_key = |text: &[u8]| self.key.as_ref().is_some_and(|glob| is_like(glob, text));
        if self.key.is_some() && !arguments().any(|(_, argument)| is_key(argument)) {
            return;
        }
        for (place, argument) in arguments() {
            let is_there =
                self.arguments.is_empty() || self.arguments.contains(&(place + 1 - name_words));
            let is_it = self
                .value
                .as_ref()
                .is_none_or(|glob| is_like(glob, argument));
            let is_shown_key = is_key(argument) && self.value.is_none();
            if is_there && is_it && !is_shown_key {
                hidden.hide(place);
            }
        }
    }
}

fn is_like(glob: &Glob, text: &[u8], options: MatchOptions) -> bool {
    text.len() > MAX_PATTERN_BYTES || glob.matches_with(&String::from_utf8_lossy(text), options)
}
