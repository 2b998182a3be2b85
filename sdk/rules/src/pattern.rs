//! Patterns of keys and channels: glob text that cannot break out of its rule.
//!
//! In comes glob text, or a literal value (a claim, a name) to be escaped; out
//! comes text without white space, control characters, quotes or parentheses.
//! A value that holds one is refused, never repaired: two different values must
//! not become one pattern.

use std::ffi::c_char;
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

    /// Whether it matches a name, byte for byte as the server judges it: an empty
    /// name is matched by nothing, not even by `*`. (`~*` and `&*` as whole rules
    /// are no patterns to a server but the absence of a list.)
    ///
    /// Takes at most the product of both lengths in time, whatever the pattern.
    ///
    /// ```
    /// use warden_rules::Pattern;
    /// let reports = Pattern::parse("reports:*:[0-9]")?;
    /// assert!(reports.matches(b"reports:eu:7"));
    /// assert!(!reports.matches(b"reports:eu:x"));
    /// # Ok::<(), warden_rules::PatternError>(())
    /// ```
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), name);
        if rest.is_empty() {
            return pattern.is_empty();
        }
        // Behind the last star: the pattern, and the name from where it is tried.
        let mut star: Option<(&[u8], &[u8])> = None;
        loop {
            if let [b'*', after @ ..] = pattern {
                if after.is_empty() {
                    return true;
                }
                star = Some((after, rest));
                pattern = after;
                continue;
            }
            let Some((byte, after)) = rest.split_first() else {
                return pattern.is_empty();
            };
            match matches_one(pattern, *byte) {
                Some(behind) => (pattern, rest) = (behind, after),
                // Where an earlier star would have to take more, this one can take it.
                None => {
                    let Some((behind, [_, later @ ..])) = star else {
                        return false;
                    };
                    star = Some((behind, later));
                    (pattern, rest) = (behind, later);
                }
            }
        }
    }
}

/// What follows the first part of a pattern that is not a star, when it matches a byte.
fn matches_one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'[', class @ ..] => matches_class(class, byte),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

/// What follows a class, when it holds the byte. A range may be written backwards,
/// and its bounds are compared as the platform's C compares characters.
fn matches_class(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let order = |byte: &u8| *byte as c_char;
    let mut found = false;
    loop {
        rest = match rest {
            [b'\\', literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [b']', after @ ..] => return (found != negated).then_some(after),
            [from, b'-', to, after @ ..] => {
                let (from, to) = (order(from), order(to));
                found |= (from.min(to)..=from.max(to)).contains(&order(&byte));
                after
            }
            [literal, after @ ..] => {
                found |= *literal == byte;
                after
            }
            [] => return (found != negated).then_some(rest),
        };
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
pub(crate) fn after_class(class: &[u8]) -> Option<&[u8]> {
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

#[cfg(test)]
mod tests;
