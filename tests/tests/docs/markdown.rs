//! The little of Markdown that the tests read: fenced blocks and tables.

use std::fs;

use warden_tests::parts::workspace;

/// A document of this repository, by its path in it.
pub(crate) fn document(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The text between two lines that begin with these words, without them.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text
        .find(start)
        .unwrap_or_else(|| panic!("no {start:?} in the document"));
    let rest = &text[from + start.len()..];
    let to = rest
        .find(end)
        .unwrap_or_else(|| panic!("no {end:?} behind {start:?}"));
    &rest[..to]
}

/// The content of every fenced block of one language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(word), None) => {
                open = Some(word == language);
                if word == language {
                    blocks.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => {
                let block = blocks.last_mut().expect("one was begun");
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// The rows of the table whose heading row begins with this cell, as cells.
pub(crate) fn table(text: &str, first_heading: &str, headings: usize) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let escaped = line.replace("\\|", "\u{0}");
        escaped
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('\u{0}', "|"))
            .collect()
    };
    let rows: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| {
            !line.starts_with(&format!("| {first_heading} |")) || cells(line).len() != headings
        })
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(
        !rows.is_empty(),
        "no table of {headings} columns that begins with {first_heading:?}"
    );
    for row in &rows {
        assert_eq!(row.len(), headings, "{row:?}");
    }
    rows
}

/// The text of a cell that is code: `` `x` `` without its ticks.
pub(crate) fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}
