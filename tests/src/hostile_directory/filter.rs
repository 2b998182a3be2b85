//! A search filter as it was read, and whom it is true of.

use std::fmt;

use lber::structure::{PL, StructureTag};

use super::message::text;
use crate::ldap::Entry;

/// A filter; shown as RFC 4515 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    And(Vec<Self>),
    /// One of them.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// An attribute has this value.
    Equal(String, String),
    /// An attribute's value has these pieces; the first and the last are the value's own
    /// beginning and end, or empty.
    Substrings(String, Vec<String>),
    /// An attribute is there.
    Present(String),
    /// A rule of this identifier holds between an attribute and a value.
    Extensible(String, String, String),
    /// A comparison of another kind, which is never true here.
    Other(u64),
}

impl Filter {
    /// None when it is not a filter.
    pub(super) fn of(tag: StructureTag) -> Option<Self> {
        let id = tag.id;
        let payload = match tag.payload {
            PL::P(name) if id == 7 => {
                return Some(Self::Present(String::from_utf8_lossy(&name).into_owned()));
            }
            PL::P(_) => return None,
            PL::C(parts) => parts,
        };
        let mut parts = payload.into_iter();
        match id {
            0 => Some(Self::And(parts.map(Self::of).collect::<Option<_>>()?)),
            1 => Some(Self::Or(parts.map(Self::of).collect::<Option<_>>()?)),
            2 => Some(Self::Not(Box::new(Self::of(parts.next()?)?))),
            3 => Some(Self::Equal(text(parts.next()?)?, text(parts.next()?)?)),
            4 => {
                let name = text(parts.next()?)?;
                let pieces = parts.next()?.expect_constructed()?;
                Some(Self::Substrings(name, substrings(pieces)?))
            }
            9 => {
                let mut extensible = [const { String::new() }; 3];
                for part in parts {
                    let place = match part.id {
                        2 => 0,
                        1 => 1,
                        3 => 2,
                        _ => continue,
                    };
                    extensible[place] = text(part)?;
                }
                let [attribute, rule, value] = extensible;
                Some(Self::Extensible(attribute, rule, value))
            }
            other => Some(Self::Other(other)),
        }
    }

    /// Whether it is true of an entry; of rules it asks. Nothing minds case.
    pub(super) fn is_true_of(
        &self,
        entry: &Entry,
        rule: &dyn Fn(&Entry, &str, &str, &str) -> bool,
    ) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.is_true_of(entry, rule)),
            Self::Or(any) => any.iter().any(|one| one.is_true_of(entry, rule)),
            Self::Not(one) => !one.is_true_of(entry, rule),
            Self::Equal(name, wanted) => {
                let values = entry.values(name);
                values
                    .iter()
                    .any(|value| value.eq_ignore_ascii_case(wanted))
            }
            Self::Substrings(name, pieces) => {
                let values = entry.values(name);
                values.iter().any(|value| has_pieces(value, pieces))
            }
            Self::Present(name) => !entry.values(name).is_empty(),
            Self::Extensible(name, identifier, value) => rule(entry, name, identifier, value),
            Self::Other(_) => false,
        }
    }
}

/// Beginning, pieces, end.
fn substrings(pieces: Vec<StructureTag>) -> Option<Vec<String>> {
    let ends_open = pieces.last()?.id != 2;
    let mut texts = Vec::new();
    for piece in pieces {
        if texts.is_empty() && piece.id != 0 {
            texts.push(String::new());
        }
        texts.push(text(piece)?);
    }
    if ends_open {
        texts.push(String::new());
    }
    Some(texts)
}

fn has_pieces(value: &str, pieces: &[String]) -> bool {
    let value = value.to_lowercase();
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let Some(mut rest) = value.strip_prefix(&first.to_lowercase()) else {
        return false;
    };
    for piece in middle {
        match rest.split_once(&piece.to_lowercase()) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(&last.to_lowercase())
}

impl fmt::Display for Filter {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |to: &mut fmt::Formatter<'_>, sign: char, all: &[Self]| {
            write!(to, "({sign}")?;
            all.iter().try_for_each(|one| one.fmt(to))?;
            write!(to, ")")
        };
        match self {
            Self::And(all) => list(to, '&', all),
            Self::Or(any) => list(to, '|', any),
            Self::Not(one) => write!(to, "(!{one})"),
            Self::Equal(name, value) => write!(to, "({name}={})", escaped(value)),
            Self::Substrings(name, pieces) => {
                let pieces: Vec<String> = pieces.iter().map(|piece| escaped(piece)).collect();
                write!(to, "({name}={})", pieces.join("*"))
            }
            Self::Present(name) => write!(to, "({name}=*)"),
            Self::Extensible(name, rule, value) => {
                write!(to, "({name}:{rule}:={})", escaped(value))
            }
            Self::Other(kind) => write!(to, "(a comparison of kind {kind})"),
        }
    }
}

fn escaped(value: &str) -> String {
    value
        .chars()
        .map(|one| match one {
            '*' | '(' | ')' | '\\' | '\0' => format!("\\{:02x}", u32::from(one)),
            _ => one.to_string(),
        })
        .collect()
}
