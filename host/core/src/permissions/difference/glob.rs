//! A pattern that is compared with very many others.
//!
//! In: a pattern. Out: the same, with what can be told of it worked out once, and cheap to
//! copy; and whether one of them covers another.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use warden_rules::{Pattern, Shape, Tail};

/// A pattern and its shape; in the order of patterns.
#[derive(Clone, Debug)]
pub(super) struct Glob(Arc<(Pattern, Shape)>);

impl Glob {
    fn pattern(&self) -> &Pattern {
        &self.0.0
    }

    fn shape(&self) -> &Shape {
        &self.0.1
    }

    pub(super) fn is_any(&self) -> bool {
        self.pattern().is_any()
    }

    /// Whether everything that another matches is surely matched by this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self == other || self.is_any() {
            return true;
        }
        // `*` alone is no pattern to a server but the absence of a list.
        if other.is_any() {
            return false;
        }
        let (outer, inner) = (self.shape(), other.shape());
        match outer.tail {
            Tail::Any => inner.literal.starts_with(&outer.literal),
            Tail::Exact => inner == outer,
            Tail::Glob => inner.tail == Tail::Exact && self.pattern().matches(&inner.literal),
        }
    }
}

impl From<Pattern> for Glob {
    fn from(pattern: Pattern) -> Self {
        let shape = pattern.shape();
        Self(Arc::new((pattern, shape)))
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.pattern() == other.pattern()
    }
}

impl Eq for Glob {}

impl PartialOrd for Glob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Glob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pattern().cmp(other.pattern())
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern().fmt(f)
    }
}
