//! What a check says.
//!
//! Everything that goes in here may hold text of the server's, of files or of
//! users' names: it is made harmless for terminals in one place, [`plain`].

use super::facts::Facts;

/// One check: a name that stays, why it matters, and what it does.
pub(crate) struct Check {
    /// Stable, for machines.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) why: &'static str,
    /// Looks at the facts; an error is a warning that nothing is known.
    pub(crate) look: fn(&Facts) -> Result<Outcome, Untold>,
}

/// From good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// As it should be.
    Ok,
    /// Worth a look, or not to be seen from here.
    Warning,
    /// To be mended.
    Problem,
}

impl Rank {
    /// As it is printed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What one check saw, line by line, with what to do about it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) rank: Rank,
    pub(crate) seen: Vec<String>,
    pub(crate) advice: Vec<String>,
}

impl Outcome {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            rank: Rank::Ok,
            seen: Vec::new(),
            advice: Vec::new(),
        }
    }

    /// All is well; `seen` says what was looked at.
    pub(crate) fn good(seen: impl AsRef<str>) -> Self {
        let mut outcome = Self::new();
        outcome.see(Rank::Ok, seen.as_ref(), "");
        outcome
    }

    /// A single warning.
    pub(crate) fn warning(seen: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        let mut outcome = Self::new();
        outcome.warn(seen, advice);
        outcome
    }

    /// A single problem.
    pub(crate) fn problem(seen: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        let mut outcome = Self::new();
        outcome.object(seen, advice);
        outcome
    }

    /// Adds a warning.
    pub(crate) fn warn(&mut self, seen: impl AsRef<str>, advice: impl AsRef<str>) {
        self.see(Rank::Warning, seen.as_ref(), advice.as_ref());
    }

    /// Adds a problem.
    pub(crate) fn object(&mut self, seen: impl AsRef<str>, advice: impl AsRef<str>) {
        self.see(Rank::Problem, seen.as_ref(), advice.as_ref());
    }

    /// Adds something that could not be found out.
    pub(crate) fn miss(&mut self, untold: &Untold) {
        self.warn(format!("not checked: {}", untold.why), &untold.advice);
    }

    /// Says what was looked at when nothing else was said.
    #[must_use]
    pub(crate) fn or_good(mut self, seen: impl AsRef<str>) -> Self {
        if self.seen.is_empty() {
            self.see(Rank::Ok, seen.as_ref(), "");
        }
        self
    }

    fn see(&mut self, rank: Rank, seen: &str, advice: &str) {
        self.rank = self.rank.max(rank);
        self.seen.push(plain(seen));
        let advice = plain(advice);
        if !advice.is_empty() && !self.advice.contains(&advice) {
            self.advice.push(advice);
        }
    }
}

/// Something that could not be found out: never taken for good.
#[derive(Clone, Debug)]
pub(crate) struct Untold {
    why: String,
    advice: String,
}

impl Untold {
    pub(crate) fn new(why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            advice: advice.into(),
        }
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::new();
        outcome.miss(self);
        outcome
    }
}

/// A check with what came of it.
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) outcome: Outcome,
}

impl Check {
    /// Looks.
    pub(crate) fn finding(&self, facts: &Facts) -> Finding {
        Finding {
            name: self.name,
            why: self.why,
            outcome: (self.look)(facts).unwrap_or_else(|untold| untold.outcome()),
        }
    }
}

/// Text of others, on one line and without anything a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => plain.push(character),
            _ => plain.extend(character.escape_debug()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_command_a_terminal_or_begin_a_line() {
        assert_eq!(
            plain("a\x1b[31m\r\nb\u{202e}c"),
            "a\\u{1b}[31m\\r\\nb\\u{202e}c"
        );
        assert_eq!(plain("\"/etc/x\" né 'y' \\z"), "\"/etc/x\" né 'y' \\z");
    }

    #[test]
    fn the_worst_of_several_things_counts() {
        let mut outcome = Outcome::new();
        outcome.object("bad", "mend it");
        outcome.warn("odd", "mend it");
        assert_eq!(outcome.rank, Rank::Problem);
        assert_eq!(outcome.seen, ["bad", "odd"]);
        assert_eq!(outcome.advice, ["mend it"], "said once");
        assert_eq!(outcome.or_good("fine").seen, ["bad", "odd"]);
        assert_eq!(Outcome::new().or_good("fine").rank, Rank::Ok);
    }
}
