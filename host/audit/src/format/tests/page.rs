//! docs/audit/records.md, held against the table of fields and what is really written.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::examples::examples;
use super::samples::{USUAL, every};
use super::*;
use crate::event::{Category, Event};

/// A file of this repository.
pub(super) fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn page() -> String {
    file("docs/audit/records.md")
}

/// Every fenced block of one language.
pub(super) fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let parts = text.split(begin.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// What stands under a heading, up to the next one of the same depth.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    let depth = heading.split(' ').next().unwrap();
    rest.split(&format!("\n{depth} ")).next().unwrap()
}

fn rows(section: &str) -> Vec<&str> {
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.skip(2).collect()
}

#[test]
fn the_page_has_every_field_with_its_names_its_value_and_its_meaning() {
    let expected: Vec<String> = Field::ALL
        .iter()
        .map(|field| {
            format!(
                "| `{}` | `{}` | {} | {} |",
                field.name(),
                field.json_name(),
                field.kind().as_str(),
                field.meaning()
            )
        })
        .collect();
    assert_eq!(rows(section(&page(), "## Fields")), expected);
}

#[test]
fn the_page_has_the_fields_that_only_json_has() {
    let expected: Vec<String> = ECS_FIELDS
        .iter()
        .map(|(name, meaning)| format!("| `{name}` | {meaning} |"))
        .collect();
    assert_eq!(rows(section(&page(), "## Only in JSON")), expected);
}

#[test]
fn the_page_has_every_action_that_is_no_command() {
    let records = every(USUAL);
    let others = records
        .iter()
        .filter(|record| !matches!(record.event, Event::Command(_)));
    let real: BTreeSet<(String, String)> = others
        .map(|record| {
            let read = Format::Text
                .read(&line(Format::Text, record, WHOLE))
                .unwrap();
            let text = |field| String::from_utf8(read.bytes(field).unwrap().to_vec()).unwrap();
            (text(Field::Category), text(Field::Action))
        })
        .collect();
    let page = page();
    let told: BTreeSet<(String, String)> = rows(section(&page, "## Actions"))
        .into_iter()
        .map(|row| {
            let cells: Vec<&str> = row
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            (cells[2].to_owned(), cells[1].to_owned())
        })
        .collect();
    assert_eq!(told, real);
}

#[test]
fn the_page_shows_each_category_in_each_format_as_it_is_written() {
    let page = page();
    let shown = section(&page, "## Examples");
    for category in Category::CHOSEN.into_iter().chain([Category::Audit]) {
        let all = examples();
        let of_it = all.iter().filter(|example| example.category == category);
        let mut lines = [const { String::new() }; 3];
        for example in of_it {
            for (lines, format) in lines.iter_mut().zip(ALL) {
                writeln!(lines, "{}", line_text(format, &example.record)).unwrap();
            }
        }
        let under = section(shown, &format!("### {}", category.as_str()));
        for (expected, language) in lines.iter().zip(["text", "json", "csv"]) {
            assert_eq!(blocks(under, language), [expected], "{language}");
        }
    }
}

#[test]
fn the_page_shows_the_header_of_csv() {
    let header = format!("{}\n", Format::Csv.header(true).unwrap());
    let page = page();
    let shown = blocks(section(&page, "## CSV"), "csv");
    assert_eq!(shown, [header.as_str()]);
}
