//! Patterns of keys and channels: glob text that cannot break out of its rule.
//!
//! In comes glob text, or a literal value (a claim, a name) to be escaped; out
//! comes text without white space, control characters, quotes or parentheses.
//! A value that holds one is refused, never repaired: two different values must
//! not become one pattern.

use std::fmt;

use crate::PatternError;

/// Longest pattern, in bytes: bounds what one claim can cost on every command.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// A glob as the server matches it: `*`, `?`, `[a-z]`, `[^x]`, `\` escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

/// What can be told of a pattern without matching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The bytes every match begins with, unescaped.
    pub literal: Vec<u8>,
    /// What may follow them.
    pub tail: Tail,
}

/// What follows a pattern's literal beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: the pattern is one name.
    Exact,
    /// Anything: the pattern is `literal*`.
    Any,
    /// Further wildcards.
    Glob,
}

impl Pattern {
    /// Glob text as an author wrote it.
    ///
    /// # Errors
    /// When it is empty, too long, holds a character that would end the rule,
    /// ends in a lone backslash, or opens a class it does not close.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_characters(text)?;
        check_glob(text.as_bytes())?;
        Ok(Self(text.to_owned()))
    }

    /// The pattern that matches this value and nothing else: glob characters are
    /// escaped with a backslash.
    ///
    /// # Errors
    /// When the value is empty, too long or holds a refused character.
    pub fn literal(value: &str) -> Result<Self, PatternError> {
        check_characters(value)?;
        let mut text = String::with_capacity(value.len() + 1);
        for character in value.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        check_length(&text)?;
        Ok(Self(text))
    }

    /// The pattern of everything that begins with this value.
    ///
    /// # Errors
    /// As [`Pattern::literal`]; an empty value is refused because it would match
    /// everything.
    pub fn prefix(value: &str) -> Result<Self, PatternError> {
        let Self(mut text) = Self::literal(value)?;
        text.push('*');
        check_length(&text)?;
        Ok(Self(text))
    }

    /// The glob text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*`, for which a server keeps no list at all.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Its literal beginning and what may follow.
    ///
    /// ```
    /// use warden_rules::{Pattern, Tail};
    /// let shape = Pattern::parse(r"a\*b*")?.shape();
    /// assert_eq!((shape.literal.as_slice(), shape.tail), (b"a*b".as_slice(), Tail::Any));
    /// assert_eq!(Pattern::parse("a*b")?.shape().tail, Tail::Glob);
    /// # Ok::<(), warden_rules::PatternError>(())
    /// ```
    pub fn shape(&self) -> Shape {
        let mut literal = Vec::with_capacity(self.0.len());
        let mut bytes = self.0.bytes();
        let tail = loop {
            match bytes.next() {
                None => break Tail::Exact,
                Some(b'*') if bytes.all(|b| b == b'*') => break Tail::Any,
                Some(b'*' | b'?' | b'[') => break Tail::Glob,
                Some(b'\\') => literal.extend(bytes.next()),
                Some(byte) => literal.push(byte),
            }
        };
        Shape { literal, tail }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_length(text: &str) -> Result<(), PatternError> {
    match text.len() {
        0 => Err(PatternError::Empty),
        length if length > MAX_PATTERN_BYTES => Err(PatternError::TooLong),
        _ => Ok(()),
    }
}

fn check_characters(text: &str) -> Result<(), PatternError> {
    check_length(text)?;
    let refused =
        |c: &char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '(' | ')');
    text.chars()
        .find(refused)
        .map_or(Ok(()), |c| Err(PatternError::Forbidden(c)))
}

fn check_glob(text: &[u8]) -> Result<(), PatternError> {
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [_, after @ ..]) => after,
            (b'\\', []) => return Err(PatternError::LoneBackslash),
            (b'[', class) => after_class(class).ok_or(PatternError::UnclosedClass)?,
            _ => after,
        };
    }
    Ok(())
}

/// What follows a class's `]`, read exactly as the server reads it: a range
/// takes three bytes, even when the third is a bracket.
fn after_class(class: &[u8]) -> Option<&[u8]> {
    let mut rest = class.strip_prefix(b"^").unwrap_or(class);
    loop {
        rest = match rest {
            [b'\\', _, after @ ..] => after,
            [b']', after @ ..] => return Some(after),
            [_, b'-', _, after @ ..] | [_, after @ ..] => after,
            [] => return None,
        };
    }
}
