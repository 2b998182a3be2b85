//! What of a grant did not reach the server, and why.

use std::fmt;

/// Longest part of a dropped rule that is kept for showing.
const SHOWN_CHARACTERS: usize = 200;

/// A rule of a grant, or a whole grant, that was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dropped {
    /// The rule, or the grant's rules with spaces between them; shortened.
    pub rule: String,
    /// Why it was left out.
    pub why: Why,
}

/// Why a rule was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Its keys, channels or databases lie outside a bound, or may not be cut to it.
    OutsideBounds,
    /// The server has no such command or category (yet).
    UnknownHere,
    /// A grant for some databases, on a server that cannot tell them apart.
    NoDatabases,
    /// A grant that allows no command, or whose keys and channels were all dropped.
    NothingLeft,
}

impl Dropped {
    pub(super) fn new(rule: impl fmt::Display, why: Why) -> Self {
        let mut rule = rule.to_string();
        if let Some((end, _)) = rule.char_indices().nth(SHOWN_CHARACTERS) {
            rule.truncate(end);
            rule.push('…');
        }
        Self { rule, why }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutsideBounds => "outside the bounds of a restriction",
            Self::UnknownHere => "unknown to this server",
            Self::NoDatabases => "this server cannot bound databases",
            Self::NothingLeft => "nothing is left of this grant",
        })
    }
}
