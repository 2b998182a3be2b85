//! Colours and lines for people.
//!
//! Colours are for terminals alone, and there only where `NO_COLOR`, `CLICOLOR` and
//! `TERM` let us.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Width that lists are wrapped to.
pub(crate) const WIDTH: usize = 100;

/// Whether words are coloured.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// As standard output wants it.
    pub(crate) fn of_stdout() -> Self {
        let out = io::stdout();
        Self(out.is_terminal() && AutoStream::choice(&out) != ColorChoice::Never)
    }

    pub(crate) fn good(self, word: &str) -> String {
        self.with(AnsiColor::Green.on_default(), word)
    }

    pub(crate) fn doubtful(self, word: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), word)
    }

    pub(crate) fn bad(self, word: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), word)
    }

    pub(crate) fn head(self, word: &str) -> String {
        self.with(Style::new().bold(), word)
    }

    fn with(self, style: Style, word: &str) -> String {
        if self.0 {
            format!("{style}{word}{style:#}")
        } else {
            word.to_owned()
        }
    }
}

/// Words with spaces between them, in lines of at most this width; a longer word
/// stands alone.
pub(crate) fn wrapped<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// `1 test`, `2 tests`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_full_as_they_may_be() {
        let lines = wrapped(["aa", "bb", "cc", "longest", "d"], 5);
        assert_eq!(lines, ["aa bb", "cc", "longest", "d"]);
        assert_eq!(wrapped([], 5), [""]);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = Paint(true).bad("no");
        assert_ne!(coloured, "no");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), "no");
        assert_eq!(Paint(false).bad("no"), "no");
    }
}
