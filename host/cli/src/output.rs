//! What a verb answers.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::json;

use crate::error::Error;

/// For standard output, and the exit status.
pub(crate) struct Output {
    /// For standard output, newline included.
    pub(crate) text: String,
    /// Whether the exit status is 0.
    pub(crate) is_valid: bool,
}

impl Output {
    /// The text as it is written: see [`shown`].
    pub(crate) fn shown(&self) -> String {
        shown(&self.text)
    }

    /// An answer with exit status 0.
    pub(crate) fn good(text: String) -> Self {
        Self {
            text,
            is_valid: true,
        }
    }
}

/// The answer when there is nothing to go by: each error on a line of standard error.
///
/// # Errors
/// When standard error cannot be written to.
pub(crate) fn complain(errors: &[String], as_json: bool) -> Result<Output, Error> {
    let mut text = String::new();
    if as_json {
        text = format!("{:#}\n", json!({ "errors": errors }));
    } else {
        let mut out = io::stderr().lock();
        for error in errors {
            writeln!(out, "{error}")?;
        }
    }
    Ok(Output {
        text,
        is_valid: false,
    })
}

/// Text as it is written: what JSON leaves as it is but a terminal acts on, or shows in
/// another place than it stands, is written `\u009b`, as JSON allows.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_deceptive(character) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Delete, the second set of control characters, and what reverses or hides text. The first
/// set is escaped in JSON, and here ends lines and begins colours.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_moves_the_cursor_or_turns_text_around() {
        let output = Output::good("{\"a\":\"\u{9b}2J \u{202e}x é 日本\"}\n".to_owned());
        assert_eq!(output.shown(), "{\"a\":\"\\u009b2J \\u202ex é 日本\"}\n");
    }
}
