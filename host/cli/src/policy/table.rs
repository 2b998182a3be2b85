//! What rules allow, as a table a person can read.
//!
//! In: the rows of [`warden_core::permissions::Permissions::table`]. Out: lines. Many
//! commands are told by category, with those that are missing; it shows and decides nothing.

use std::collections::BTreeSet;

use warden_core::Server;
use warden_core::permissions::{Row, Summary};

use crate::style::{Paint, WIDTH, wrapped};

/// The rows under a head, each column as wide as it must be; commands come last.
pub(super) fn lines(rows: &[Row<'_>], server: &Server, all: bool, paint: Paint) -> Vec<String> {
    let cells: Vec<[Vec<String>; 3]> = rows.iter().map(places).collect();
    let heads = ["keys", "channels", "databases"];
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let texts = cells.iter().flat_map(|row| row.get(column)).flatten();
            let widest = texts.map(|text| text.chars().count()).max();
            widest.unwrap_or_default().max(head.len())
        })
        .collect();
    let indent: usize = widths.iter().map(|width| width + 2).sum();
    let room = WIDTH.saturating_sub(indent).max(40);
    let line = |places: [&str; 3], commands: &str| {
        let places = places.iter().zip(&widths);
        let places: String = places
            .map(|(text, &width)| format!("{text:width$}  "))
            .collect();
        format!("{places}{commands}").trim_end().to_owned()
    };
    let mut lines = vec![paint.head(&line(heads, "commands"))];
    for (row, places) in rows.iter().zip(&cells) {
        let words = commands(row, server, all);
        let commands = wrapped(words.iter().map(String::as_str), room);
        let height = places.iter().map(Vec::len).chain([commands.len()]).max();
        for number in 0..height.unwrap_or_default() {
            let cell = |texts: &Vec<String>| texts.get(number).cloned().unwrap_or_default();
            let [keys, channels, databases] = places.each_ref().map(cell);
            let commands = commands.get(number).map_or("", String::as_str);
            lines.push(line([&keys, &channels, &databases], commands));
        }
    }
    lines
}

fn places(row: &Row<'_>) -> [Vec<String>; 3] {
    let listed = |texts: &[String]| match texts {
        [] => vec!["none".to_owned()],
        texts => texts.to_vec(),
    };
    let databases = row.databases.to_string();
    let databases = databases.strip_prefix("db=").unwrap_or("all").to_owned();
    [listed(&row.keys), listed(&row.channels), vec![databases]]
}

/// The words of a row: its commands, or categories and what they leave.
fn commands(row: &Row<'_>, server: &Server, all: bool) -> Vec<String> {
    let told = if all {
        Summary {
            others: row.commands.clone(),
            ..Summary::default()
        }
    } else {
        Summary::of(&row.commands, &BTreeSet::new(), server)
    };
    let categories = told.categories.iter().map(|name| format!("@{name}"));
    let mut words: Vec<String> = categories.collect();
    words.extend(told.others.iter().map(|&name| name.to_owned()));
    if !told.missing.is_empty() {
        words.push("without".to_owned());
        words.extend(told.missing.iter().map(|&name| name.to_owned()));
    }
    if words.is_empty() {
        words.push("none".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::permissions::{BaseRules, Grant, Permissions};

    fn words(rules: &[&str], all: bool) -> String {
        let server = Server::of_release("9.1").unwrap();
        let grant = Grant::parse(rules).unwrap();
        let permissions = Permissions::compose(&BaseRules::none(), vec![grant], vec![]);
        let rows = permissions.table(&server);
        commands(&rows[1], &server, all).join(" ")
    }

    #[test]
    fn a_category_stands_for_its_commands_and_names_what_it_lacks() {
        assert_eq!(words(&["+@read"], false), "@read");
        assert_eq!(
            words(&["+@read", "-keys", "-scan"], false),
            "@read without keys scan"
        );
        assert_eq!(words(&["+@read", "+set"], false), "@read set");
        assert_eq!(words(&["+get", "+set"], false), "get set");
    }

    #[test]
    fn all_commands_can_be_had_by_name() {
        let all = words(&["+@read"], true);
        assert!(all.split(' ').count() > 50 && !all.contains('@'), "{all}");
        assert_eq!(words(&["+@all", "-@all", "+get"], true), "get");
    }
}
