//! `[[redact]]`: what operators want hidden besides.

use std::collections::BTreeSet;

use glob::Pattern as Glob;
use warden_settings::Section;

use crate::redact::{MAX_PATTERN_BYTES, Pattern};

/// Most tables.
const MAX_TABLES: usize = 100;

/// The last argument that can be named.
const LAST_ARGUMENT: usize = 60;

/// Reads every table. After a fault the patterns are not to be used.
pub(super) fn read(section: &mut Section) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for mut table in section.tables("redact", MAX_TABLES).unwrap_or_default() {
        let keys = ["command", "key", "value", "arguments"];
        if !keys.iter().any(|key| table.has(key)) {
            table.fault("", "takes command, key, value or arguments, at least one");
        }
        let [command, key, value] =
            ["command", "key", "value"].map(|name| pattern(&mut table, name));
        let arguments = arguments(&mut table);
        patterns.push(Pattern::new(command, key, value, arguments));
        section.close(table);
    }
    patterns
}

fn pattern(table: &mut Section, key: &str) -> Option<Glob> {
    let text: String = table.optional(key, "a pattern such as json.*")?;
    if text.is_empty() || text.len() > MAX_PATTERN_BYTES {
        table.fault(key, format!("takes 1 to {MAX_PATTERN_BYTES} bytes"));
        return None;
    }
    Glob::new(&text)
        .map_err(|error| table.fault(key, format!("is no pattern: {}", error.msg)))
        .ok()
}

fn arguments(table: &mut Section) -> BTreeSet<usize> {
    const KEY: &str = "arguments";
    let expected = format!("a list of whole numbers from 1 to {LAST_ARGUMENT}");
    let given: Option<Vec<usize>> = table.optional(KEY, &expected);
    let Some(given) = given else {
        return BTreeSet::new();
    };
    if given.is_empty() || !given.iter().all(|one| (1..=LAST_ARGUMENT).contains(one)) {
        table.fault(KEY, format!("must be {expected}"));
    }
    given.into_iter().collect()
}
