//! Bounds: exact names and literal beginnings, whose intersections are exact.
//!
//! In: patterns. Out: the part of one that lies inside another, where it can be
//! said exactly. Two bounds either exclude each other or one lies inside the other,
//! so any number of them, in any order, intersect to the same set.

use crate::{Pattern, PatternError, Shape, Tail};

/// An exact name, or everything that begins with a literal.
///
/// ```
/// use warden_rules::{Bound, Pattern};
/// let bound = Bound::new(&Pattern::parse("cache:*")?)?.ok_or("a bound")?;
/// let cut = |text| {
///     let pattern = Pattern::parse(text)?;
///     Ok::<_, warden_rules::PatternError>(bound.cut(&pattern, &pattern.shape()).cloned())
/// };
/// assert_eq!(cut("cache:*:x")?, Some(Pattern::parse("cache:*:x")?), "inside: kept");
/// assert_eq!(cut("*")?, Some(Pattern::parse("cache:*")?), "around it: narrowed");
/// assert_eq!(cut("orders:*")?, None, "outside");
/// assert_eq!(cut("*:x")?, None, "in part inside, which no pattern says");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bound {
    literal: Vec<u8>,
    any_tail: bool,
    /// The same as canonical text.
    pattern: Pattern,
}

impl Bound {
    /// `Ok(None)` for a pattern with other wildcards than one tail of `*`.
    ///
    /// # Errors
    /// When its canonical text would be too long.
    pub fn new(pattern: &Pattern) -> Result<Option<Self>, PatternError> {
        let Shape { literal, tail } = pattern.shape();
        // Only ASCII was taken out of UTF-8 text, so this holds for every pattern.
        let Ok(text) = std::str::from_utf8(&literal) else {
            return Ok(None);
        };
        let pattern = match tail {
            Tail::Glob => return Ok(None),
            Tail::Exact => Pattern::literal(text)?,
            Tail::Any if text.is_empty() => Pattern::parse("*")?,
            Tail::Any => Pattern::prefix(text)?,
        };
        Ok(Some(Self {
            any_tail: tail == Tail::Any,
            literal,
            pattern,
        }))
    }

    /// Whether it bounds nothing.
    pub fn is_any(&self) -> bool {
        self.any_tail && self.literal.is_empty()
    }

    /// The same as a pattern, in canonical text.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether everything of this shape lies inside.
    fn covers(&self, literal: &[u8], tail: Tail) -> bool {
        if self.any_tail {
            literal.starts_with(&self.literal)
        } else {
            tail == Tail::Exact && literal == self.literal
        }
    }

    /// What lies in both.
    pub fn intersect<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        let tail = |bound: &Self| {
            if bound.any_tail {
                Tail::Any
            } else {
                Tail::Exact
            }
        };
        if self.covers(&other.literal, tail(other)) {
            Some(other)
        } else if other.covers(&self.literal, tail(self)) {
            Some(self)
        } else {
            None
        }
    }

    /// Whether a part of such a pattern lies inside that [`Bound::cut`] cannot say.
    pub fn splits(&self, shape: &Shape) -> bool {
        let overlaps = self.literal.starts_with(&shape.literal)
            || (self.any_tail && shape.literal.starts_with(&self.literal));
        shape.tail == Tail::Glob && !self.covers(&shape.literal, shape.tail) && overlaps
    }

    /// The part of a pattern inside this bound, where it can be said exactly:
    /// the pattern itself when it lies inside, the bound when it lies inside a
    /// `literal*` pattern, and nothing in any other case.
    pub fn cut<'a>(&'a self, pattern: &'a Pattern, shape: &Shape) -> Option<&'a Pattern> {
        if self.covers(&shape.literal, shape.tail) {
            Some(pattern)
        } else if shape.tail == Tail::Any && self.literal.starts_with(&shape.literal) {
            Some(&self.pattern)
        } else {
            None
        }
    }
}
