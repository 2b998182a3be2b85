//! A TOML file read key by key, so that all its errors are told together.
//!
//! In comes a table; out come typed values and a list of [`Fault`]s with key
//! paths. Every key is taken exactly once: what is left at the end is unknown and
//! a fault too. A value's text never enters a message.

use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use warden_core::line_at;

use crate::FileError;
use crate::quote::quoted;

/// Longest list a key may hold: bounds what checking one token can cost.
const MAX_LIST: usize = 1000;

/// One thing wrong, at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    key: String,
    message: String,
    passes: bool,
}

impl Fault {
    /// A fault of the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self {
            key: String::new(),
            message: message.into(),
            passes: false,
        }
    }

    /// The fault with the file it is in.
    pub fn in_file(self, file: &std::path::Path) -> FileError {
        FileError {
            file: file.to_owned(),
            key: self.key,
            message: self.message,
            passes: self.passes,
        }
    }
}

/// A table being taken apart, and what was wrong so far.
#[derive(Debug)]
pub struct Section {
    path: String,
    table: Table,
    faults: Vec<Fault>,
}

impl Section {
    /// Parses a file.
    ///
    /// # Errors
    /// One fault with the line when it is not UTF-8 or not TOML.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::of_file("is not UTF-8"))?;
        let table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = line_at(bytes, start);
            Fault::of_file(format!(
                "is not TOML, line {line}: {}",
                error.message().escape_debug()
            ))
        })?;
        Ok(Self {
            path: String::new(),
            table,
            faults: Vec::new(),
        })
    }

    /// Takes a key that may be absent. `expected` says what its value must be.
    pub fn optional<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Option<T> {
        let value = self.table.remove(key)?;
        let taken = value.try_into().ok();
        if taken.is_none() {
            self.fault(key, format!("must be {expected}"));
        }
        taken
    }

    /// Takes a key that must be there.
    pub fn mandatory<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.fault(key, format!("is missing; it must be {expected}"));
        }
        self.optional(key, expected)
    }

    /// Takes a whole number within bounds; `default` when it is absent or at fault.
    pub fn whole(&mut self, key: &str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match self.optional(key, &expected) {
            Some(value) if bounds.contains(&value) => value,
            Some(_) => {
                self.fault(key, format!("must be {expected}"));
                default
            }
            None => default,
        }
    }

    /// Whether a key is there and not yet taken.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether a key's value is one string.
    pub fn is_string(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Value::is_str)
    }

    /// Takes a list of 1 to 1,000 non-empty strings.
    pub fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        let list: Vec<String> = self.optional(key, "a list of strings")?;
        self.check_list(key, list)
    }

    /// As [`Section::strings`], and absence is a fault.
    pub fn mandatory_strings(&mut self, key: &str) -> Option<Vec<String>> {
        let list: Vec<String> = self.mandatory(key, "a list of strings")?;
        self.check_list(key, list)
    }

    fn check_list(&mut self, key: &str, list: Vec<String>) -> Option<Vec<String>> {
        if list.is_empty() || list.len() > MAX_LIST || list.iter().any(String::is_empty) {
            self.fault(
                key,
                format!("takes 1 to {MAX_LIST} strings, none of them empty"),
            );
            return None;
        }
        Some(list)
    }

    /// Takes a table; an absent one is empty. Give it back with [`Section::close`].
    pub fn section(&mut self, key: &str) -> Self {
        let table = self.optional(key, "a table").unwrap_or_default();
        Self {
            path: self.path_of(key),
            table,
            faults: Vec::new(),
        }
    }

    /// Takes a list of at most `limit` tables; `None` when it is absent or no such
    /// list. Give each back with [`Section::close`].
    pub fn tables(&mut self, key: &str, limit: usize) -> Option<Vec<Self>> {
        let expected = format!("a list of 1 to {limit} tables");
        let tables: Vec<Table> = self.optional(key, &expected)?;
        if tables.is_empty() || tables.len() > limit {
            self.fault(key, format!("must be {expected}"));
            return None;
        }
        let path = self.path_of(key);
        let sections = tables.into_iter().enumerate();
        let sections = sections.map(|(index, table)| Self {
            path: format!("{path}[{index}]"),
            table,
            faults: Vec::new(),
        });
        Some(sections.collect())
    }

    /// Ends a table of this one: its faults become this one's.
    pub fn close(&mut self, inner: Self) {
        self.faults.extend(inner.finish());
    }

    /// Takes every key that is left.
    pub fn rest(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.table).into_iter().collect()
    }

    /// Notes something wrong with a key's value.
    pub fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.note(key, message.into(), false);
    }

    /// Notes that what a key names is not ready yet.
    pub fn not_ready(&mut self, key: &str, message: impl Into<String>) {
        self.note(key, message.into(), true);
    }

    fn note(&mut self, key: &str, message: String, passes: bool) {
        self.faults.push(Fault {
            key: self.path_of(key),
            message,
            passes,
        });
    }

    /// Whether nothing was wrong and no key is left: nothing will be found wrong any more.
    pub fn is_faultless(&self) -> bool {
        self.is_good() && self.table.is_empty()
    }

    /// Whether nothing was wrong so far. Keys not yet taken do not count.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// All faults, unknown keys included. Empty means that the file is good.
    pub fn finish(mut self) -> Vec<Fault> {
        for (key, _) in std::mem::take(&mut self.table) {
            self.fault(&key, "is not a known key");
        }
        self.faults
    }

    fn path_of(&self, key: &str) -> String {
        if key.is_empty() && (self.path.is_empty() || self.path.ends_with(']')) {
            return self.path.clone();
        }
        let bare = !key.is_empty()
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let key = if bare { key.to_owned() } else { quoted(key) };
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_file_are_told_together_with_key_paths() {
        let mut section =
            Section::parse(b"a = 1\nb = 'x'\nlist = []\nother = 3\n[in]\nc = true\n'd\\n' = 1")
                .unwrap();
        assert_eq!(section.optional::<u32>("a", "a number"), Some(1));
        assert_eq!(section.optional::<u32>("b", "a number"), None);
        assert_eq!(section.strings("list"), None);
        assert_eq!(section.mandatory::<String>("e", "a string"), None);
        let mut inner = section.section("in");
        assert_eq!(inner.optional::<String>("c", "a string"), None);
        section.close(inner);
        let mut keys: Vec<_> = section
            .finish()
            .into_iter()
            .map(|fault| fault.key)
            .collect();
        keys.sort();
        assert_eq!(keys, ["b", "e", "in.\"d\\\\n\"", "in.c", "list", "other"]);
    }

    #[test]
    fn a_value_never_enters_a_message() {
        let mut section = Section::parse(b"audience = 'hunter2'\nsecret = 'hunter2'").unwrap();
        section.strings("audience");
        for fault in section.finish() {
            assert!(!fault.message.contains("hunter2"), "{}", fault.message);
        }
        for broken in [
            "secret = 'hunter2",
            "secret = hunter2",
            "a='hunter2'\na='hunter2'",
        ] {
            let fault = Section::parse(broken.as_bytes()).unwrap_err();
            assert!(!fault.message.contains("hunter2"), "{}", fault.message);
        }
    }
}
