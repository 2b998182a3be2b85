//! What is told of one change: its texts are bounded.
//!
//! In: whom it is about, and the change. Out: the same in texts of which what is left out
//! is counted or marked.

use warden_core::{ClassKey, UserName};
use warden_policy::Change;

/// Rules of one list that are told one by one, and bytes of one of them.
const MAX_RULES: usize = 64;
const MAX_RULE_BYTES: usize = 2048;

/// What becomes of sessions of one class.
#[derive(Debug)]
pub(crate) struct Told {
    /// Their user.
    pub(crate) user: UserName,
    /// Who vouches for them.
    pub(crate) authenticator: String,
    /// What `WARDEN.SESSIONS` shows as their class.
    pub(crate) class: ClassKey,
    /// How many they are.
    pub(crate) sessions: usize,
    /// What changes; its texts are bounded.
    pub(crate) change: Change,
    /// Their rules now, bounded.
    pub(crate) before: String,
    /// Those they would have; `None`: none.
    pub(crate) after: Option<String>,
}

impl Told {
    /// Of its texts.
    pub(super) fn bytes(&self) -> usize {
        let after = self.after.as_ref().map_or(0, String::len);
        bytes(&self.change) + self.before.len() + after
    }
}

/// Of the texts of a change.
pub(super) fn bytes(change: &Change) -> usize {
    let lists = change.loses.iter().chain(&change.gains);
    let reason = change.reason.as_ref();
    let rules: usize = lists.map(String::len).sum();
    rules + reason.map_or(0, |reason| reason.detail().len())
}

/// A change whose lists and texts are bounded: what is left out is counted.
pub(super) fn bounded(change: Change) -> Change {
    let list = |rules: Vec<String>| {
        let more = rules.len().saturating_sub(MAX_RULES);
        let mut told: Vec<String> = rules.iter().take(MAX_RULES).map(|rule| cut(rule)).collect();
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        told
    };
    Change {
        loses: list(change.loses),
        gains: list(change.gains),
        ..change
    }
}

/// A text, shortened.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MAX_RULE_BYTES {
        return text.to_owned();
    }
    let mut end = MAX_RULE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (start, _) = text.split_at(end);
    format!("{start}…")
}
