//! Rights of test files: what `can` and `cannot` say is what a server answers.
//!
//! For each call of each command the right to it is spelled out and asked of the
//! permissions; the server, given their rendered rules, has the last word.

use proptest::prelude::*;
use warden_core::permissions::{Held, Right};
use warden_tests::Line;

use crate::calls::{Call, Touched};

/// The right to make a call in this database.
fn right(call: &Call, current: u32, line: Line) -> Right {
    let mut words = vec![format!("+{}", call.name)];
    words.extend(call.keys.iter().map(|(key, reads, writes)| {
        let access = match (reads, writes) {
            (true, false) => "%R~",
            (false, true) => "%W~",
            // The server asks for either; a right can only ask for both.
            (false, false) | (true, true) => "~",
        };
        format!("{access}{key}")
    }));
    words.extend(call.channels.iter().map(|(name, _)| format!("&{name}")));
    let mut databases = vec![current];
    if let Touched::Named(numbers, with_current) = &call.databases {
        databases.truncate(usize::from(*with_current));
        databases.extend(numbers);
    }
    if line.has_databases() {
        let numbers: Vec<String> = databases.iter().map(u32::to_string).collect();
        words.push(format!("db={}", numbers.join(",")));
    }
    let text = words.join(" ");
    Right::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Holds one call against the server's answer.
pub(crate) fn judge(
    held: &Held<'_>,
    call: &Call,
    current: u32,
    line: Line,
    server_allows: bool,
    context: &str,
) -> Result<(), TestCaseError> {
    let right = right(call, current, line);
    let can = held.lacking(&right).is_empty();
    let cannot = held.having(&right).is_empty();
    let key = |has: fn(bool, bool) -> bool| call.keys.iter().any(|(_, r, w)| has(*r, *w));
    let several = matches!(&call.databases, Touched::Named(numbers, with_current)
        if numbers.len() + usize::from(*with_current) > 1);
    prop_assert!(server_allows || !can, "can {right} is a lie: {context}");
    prop_assert!(
        !server_allows || !cannot,
        "cannot {right} is a lie: {context}"
    );
    prop_assert!(
        can || !server_allows || key(|reads, writes| !reads && !writes),
        "can {right} is too strict: {context}"
    );
    prop_assert!(
        cannot || server_allows || several || key(|reads, writes| reads && writes),
        "cannot {right} is too strict: {context}"
    );
    Ok(())
}
