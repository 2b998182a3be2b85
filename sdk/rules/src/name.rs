//! Names of commands and categories.
//!
//! In comes text of any case; out come lower-case names that hold nothing a
//! rule string could trip over. Whether they exist is the server's to say.

use std::fmt;

/// Longest command, subcommand or category, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A command or subcommand: `get`, `config|get`. Lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandName(String);

impl CommandName {
    /// From text of any case; `None` unless it is `command` or
    /// `command|subcommand` in letters, digits, `.`, `_` and `-`.
    ///
    /// ```
    /// use warden_rules::CommandName;
    /// assert_eq!(CommandName::new("Config|GET").unwrap().as_str(), "config|get");
    /// assert!(CommandName::new("config|get|x").is_none());
    /// ```
    pub fn new(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '|');
        let command = parts.next()?;
        let sound = is_word(command) && parts.next().is_none_or(is_word) && parts.next().is_none();
        sound.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The whole name: `config|get`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The command without its subcommand: `config`.
    pub fn command(&self) -> &str {
        self.0
            .split_once('|')
            .map_or(&*self.0, |(command, _)| command)
    }

    /// The subcommand: `get`.
    pub fn subcommand(&self) -> Option<&str> {
        self.0.split_once('|').map(|(_, subcommand)| subcommand)
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A category of commands without its `@`: `read`. Lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryName(String);

impl CategoryName {
    /// From text of any case, without `@`; `None` unless it is a word.
    pub fn new(text: &str) -> Option<Self> {
        is_word(text).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The name without `@`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `all`, which is not a category but every command.
    pub fn is_all(&self) -> bool {
        self.0 == "all"
    }
}

impl fmt::Display for CategoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
