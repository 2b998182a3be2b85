//! Which databases a rule is about.

use std::collections::BTreeSet;
use std::fmt;

/// Largest number of a database a server accepts.
const MAX_DATABASE: u32 = i32::MAX as u32;

/// Databases by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Databases {
    /// Every database: `alldbs`.
    All,
    /// These and no other: `db=0,1`.
    Only(BTreeSet<u32>),
}

impl Databases {
    /// From the list behind `db=`: numbers with commas between them, no spaces,
    /// no signs, none missing.
    pub(crate) fn parse_list(text: &str) -> Option<Self> {
        text.split(',')
            .map(|number| {
                let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                let number = number.parse().ok().filter(|n| *n <= MAX_DATABASE);
                number.filter(|_| digits)
            })
            .collect::<Option<BTreeSet<u32>>>()
            .map(Self::Only)
    }

    /// These databases; `None` when one has a number no server accepts.
    pub fn only(numbers: impl IntoIterator<Item = u32>) -> Option<Self> {
        numbers
            .into_iter()
            .map(|n| (n <= MAX_DATABASE).then_some(n))
            .collect::<Option<_>>()
            .map(Self::Only)
    }

    /// What both name.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, rest) | (rest, Self::All) => rest.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(a.intersection(b).copied().collect()),
        }
    }

    /// What either names.
    #[must_use]
    pub fn unite(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a.union(b).copied().collect()),
            _ => Self::All,
        }
    }

    /// Whether no database is left.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(numbers) if numbers.is_empty())
    }
}

impl fmt::Display for Databases {
    /// The rule's text; no databases at all are `resetdbs`, which is no rule of
    /// a policy but what a server understands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only(numbers) = self else {
            return f.write_str("alldbs");
        };
        if numbers.is_empty() {
            return f.write_str("resetdbs");
        }
        for (place, number) in numbers.iter().enumerate() {
            f.write_str(if place == 0 { "db=" } else { "," })?;
            write!(f, "{number}")?;
        }
        Ok(())
    }
}
