//! Patterns with places for values: `{tenant}:*`.
//!
//! In: glob text as an author wrote it, later a value for each place. Out: a
//! [`Pattern`]. A value is escaped by itself and put between parts that are whole
//! globs each, so there is no text that a value could close, open or continue.
//!
//! INVARIANT: no name matches one template filled with two different values. On one
//! side of a place there are no wildcards, so in a name a value begins, or ends, at
//! one place only; and it holds no character that stands where it would go on.

use std::fmt;

use crate::error::shown;
use crate::pattern::after_class;
use crate::{FillError, Pattern, PatternError, TemplateError};

/// Longest name of a place, in bytes.
const MAX_PLACE_BYTES: usize = 64;

/// A glob with places for values: `{tenant}:*`, `cart:{user}`.
///
/// `{NAME}` is a place, `{{NAME}}` a place in a hash tag (`{acme}` once it is filled),
/// `\{` and `\}` are braces. Right beside a place stands no wildcard and no other
/// place, and wildcards stand on one side of it only.
///
/// ```
/// use warden_rules::PatternTemplate;
/// let template = PatternTemplate::parse("{tenant}:cart:*")?;
/// let fill = |tenant: &str| template.fill(|_| Some(tenant));
/// assert_eq!(fill("acme")?.as_str(), "acme:cart:*");
/// assert_eq!(fill("*")?.as_str(), r"\*:cart:*", "a value is literal text");
/// assert!(fill("acme:eu").is_err(), "or it would live inside acme");
/// assert!(PatternTemplate::parse("{tenant}*").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternTemplate {
    text: String,
    parts: Vec<Part>,
}

/// What is put into a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceValue<'a> {
    /// Somebody's text: it stands for itself, whatever it holds.
    Text(&'a str),
    /// A pattern, whose wildcards are meant. Let its place be the last of its
    /// template: for values before it nothing changes.
    Pattern(&'a Pattern),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Glob(Glob),
    Place(Place),
}

/// Glob text that is whole by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    text: String,
    /// Its first and last character, where these are no wildcards.
    first: Option<char>,
    last: Option<char>,
    wild: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    name: String,
    /// Characters a value must not hold, for there it would go on into another's.
    separators: Vec<char>,
}

impl PatternTemplate {
    /// Reads glob text with places.
    ///
    /// # Errors
    /// When it is no pattern, when a brace belongs to no place, and when what two
    /// values reach could meet.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Pattern::parse(text)?;
        let mut reader = Reader::default();
        reader
            .read(text)
            .ok_or_else(|| TemplateError::Brace { text: shown(text) })?;
        Ok(Self {
            text: text.to_owned(),
            parts: reader.separate(text)?,
        })
    }

    /// Its places' names, in their order; one may stand there twice.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.all_places().map(|place| place.name.as_str())
    }

    /// The characters that no value may hold.
    pub fn separators(&self) -> impl Iterator<Item = char> {
        self.all_places()
            .flat_map(|place| place.separators.iter().copied())
    }

    /// The bytes every match begins with, whatever its values are.
    pub fn beginning(&self) -> Vec<u8> {
        match self.parts.first() {
            Some(Part::Glob(glob)) => Pattern::parse(&glob.text).map_or_else(
                |_| Vec::new(), // Never: parts are whole globs.
                |pattern| pattern.shape().literal,
            ),
            _ => Vec::new(),
        }
    }

    /// The pattern for these values.
    ///
    /// # Errors
    /// When a place has no value, or one that is empty, may not stand in a rule
    /// (white space, control characters, quotes, parentheses), or would run into
    /// another's; and when all together are too long.
    pub fn fill<'v, V: Into<PlaceValue<'v>>>(
        &self,
        value: impl Fn(&str) -> Option<V>,
    ) -> Result<Pattern, FillError> {
        let mut text = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Glob(glob) => text.push_str(&glob.text),
                Part::Place(place) => {
                    let missing = || FillError::Missing {
                        place: place.name.clone(),
                    };
                    let value = value(&place.name).ok_or_else(missing)?.into();
                    text.push_str(place.take(value)?.as_str());
                }
            }
        }
        Pattern::parse(&text).map_err(FillError::Pattern)
    }

    fn all_places(&self) -> impl Iterator<Item = &Place> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place),
            Part::Glob(_) => None,
        })
    }
}

impl Part {
    fn glob(&self) -> Option<&Glob> {
        match self {
            Self::Glob(glob) => Some(glob),
            Self::Place(_) => None,
        }
    }
}

impl fmt::Display for PatternTemplate {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'a> From<&'a str> for PlaceValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Pattern> for PlaceValue<'a> {
    fn from(pattern: &'a Pattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl Place {
    /// The value as glob text.
    fn take(&self, value: PlaceValue<'_>) -> Result<Pattern, FillError> {
        let text = match value {
            PlaceValue::Pattern(pattern) => return Ok(pattern.clone()),
            PlaceValue::Text(text) => text,
        };
        if let Some(separator) = self.separators.iter().find(|c| text.contains(**c)) {
            return Err(FillError::Separator {
                place: self.name.clone(),
                separator: *separator,
            });
        }
        Pattern::literal(text).map_err(|error: PatternError| FillError::Value {
            place: self.name.clone(),
            error,
        })
    }
}

/// Divides glob text into parts.
#[derive(Default)]
struct Reader {
    parts: Vec<Part>,
}

impl Reader {
    /// `None` for a brace that belongs to no place.
    fn read(&mut self, text: &str) -> Option<()> {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            // How long the next element is, and the character it stands for.
            let (length, literal) = match first {
                '{' => {
                    rest = self.place(rest)?;
                    continue;
                }
                '}' => return None,
                '\\' => {
                    let escaped = rest.chars().nth(1)?;
                    (1 + escaped.len_utf8(), Some(escaped))
                }
                // A brace in a class is one of its characters.
                '[' => {
                    let after = after_class(rest.as_bytes().get(1..)?)?;
                    (rest.len() - after.len(), None)
                }
                '*' | '?' => (1, None),
                _ => (first.len_utf8(), Some(first)),
            };
            let (element, after) = rest.split_at_checked(length)?;
            self.glob(element, literal);
            rest = after;
        }
        Some(())
    }

    /// Takes `{NAME}` or `{{NAME}}` and gives what follows.
    fn place<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let inner = text.strip_prefix('{')?;
        let tagged = inner.strip_prefix('{');
        let (name, after) = tagged.unwrap_or(inner).split_once('}')?;
        if !is_place_name(name) {
            return None;
        }
        if tagged.is_some() {
            self.glob("{", Some('{'));
        }
        self.parts.push(Part::Place(Place {
            name: name.to_owned(),
            separators: Vec::new(),
        }));
        if tagged.is_none() {
            return Some(after);
        }
        self.glob("}", Some('}'));
        after.strip_prefix('}')
    }

    fn glob(&mut self, element: &str, literal: Option<char>) {
        if let Some(Part::Glob(glob)) = self.parts.last_mut() {
            glob.text.push_str(element);
            glob.last = literal;
            glob.wild |= literal.is_none();
        } else {
            self.parts.push(Part::Glob(Glob {
                text: element.to_owned(),
                first: literal,
                last: literal,
                wild: literal.is_none(),
            }));
        }
    }

    /// Finds where the value of each place ends, or why that cannot be told.
    fn separate(mut self, text: &str) -> Result<Vec<Part>, TemplateError> {
        let parts = self.parts.clone();
        for (index, part) in self.parts.iter_mut().enumerate() {
            let Part::Place(place) = part else { continue };
            let before = parts.get(..index).unwrap_or_default();
            let after = parts.get(index.saturating_add(1)..).unwrap_or_default();
            let last = before.last().map(|part| part.glob().and_then(|g| g.last));
            let first = after.first().map(|part| part.glob().and_then(|g| g.first));
            let (text, name) = (shown(text), place.name.clone());
            if last == Some(None) || first == Some(None) {
                return Err(TemplateError::NoSeparator { text, place: name });
            }
            let wild = |parts: &[Part]| parts.iter().filter_map(Part::glob).any(|g| g.wild);
            if wild(before) && wild(after) {
                return Err(TemplateError::Between { text, place: name });
            }
            let before = last.flatten().filter(|_| wild(before));
            place.separators = first.flatten().into_iter().chain(before).collect();
        }
        Ok(self.parts)
    }
}

fn is_place_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    (1..=MAX_PLACE_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
