//! Where in a file something is wrong, in Cedar's words.
//!
//! In: a diagnostic of Cedar's and the text it is about. Out: line, column, and what it
//! says with its causes and its advice, on one line.

use miette::Diagnostic;

/// Line and column, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Where the first thing that a diagnostic points at stands in this text; its
    /// beginning where it points at nothing.
    pub(crate) fn of(diagnostic: &dyn Diagnostic, text: &str) -> Self {
        let first = diagnostic.labels().and_then(|mut labels| labels.next());
        Self::at(first.map_or(0, |label| label.offset()), text)
    }

    fn at(offset: usize, text: &str) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + line.chars().count(),
        }
    }
}

/// What a diagnostic says, with what caused it and what it advises.
pub(crate) fn told(diagnostic: &dyn Diagnostic) -> String {
    let mut text = diagnostic.to_string();
    let mut cause = diagnostic.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    let label = diagnostic.labels().and_then(|mut labels| labels.next());
    if let Some(label) = label.as_ref().and_then(|label| label.label()) {
        text = format!("{text}, {label}");
    }
    if let Some(help) = diagnostic.help() {
        text = format!("{text} ({help})");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_and_in_characters() {
        let text = "ab\ncé!\n";
        let at = |offset| {
            let Place { line, column } = Place::at(offset, text);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(6), (2, 3));
        assert_eq!(at(text.len()), (3, 1));
        // Beyond the text is its end, and so is the middle of a character.
        assert_eq!(at(100), (3, 1));
        assert_eq!(at(5), (3, 1));
    }
}
