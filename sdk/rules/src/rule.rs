//! One rule: parsed by one function, written by one function.

use std::fmt;

use crate::error::shown;
use crate::{CategoryName, CommandName, Databases, Pattern, RuleError};

/// One permission.
///
/// ```
/// use warden_rules::AclRule;
/// for rule in ["+get", "-config|set", "+@read", "~a:*", "%R~b:*", "&news.*", "db=0,1", "alldbs"] {
///     assert_eq!(AclRule::parse(rule)?.to_string(), rule);
/// }
/// # Ok::<(), warden_rules::RuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AclRule {
    /// `+@read`, `-@dangerous`; `+@all` is every command of the server.
    Category(Sign, CategoryName),
    /// `+get`, `-config|set`.
    Command(Sign, CommandName),
    /// `~a:*`, `%R~a:*`, `%W~a:*`.
    Keys(Access, Pattern),
    /// `&news.*`.
    Channels(Pattern),
    /// `db=0,1` or `alldbs`.
    Databases(Databases),
}

/// Whether commands are added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// `+`
    Allow,
    /// `-`
    Deny,
}

/// What may be done with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `%R~`
    Read,
    /// `%W~`
    Write,
    /// `~`
    ReadWrite,
}

impl AclRule {
    /// Reads one rule. Names of commands and categories may be in any case.
    ///
    /// # Errors
    /// For everything that is not one permission, including white space around it.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let rule = || shown(text);
        let mut characters = text.chars();
        let first = characters.next().ok_or(RuleError::Empty)?;
        let rest = characters.as_str();
        match first {
            '+' => parse_commands(Sign::Allow, rest, text),
            '-' => parse_commands(Sign::Deny, rest, text),
            '~' => parse_keys(Access::ReadWrite, rest, text),
            '%' => {
                let (flags, keys) = rest
                    .split_once('~')
                    .ok_or_else(|| RuleError::Access { rule: rule() })?;
                let access =
                    Access::parse(flags).ok_or_else(|| RuleError::Access { rule: rule() })?;
                parse_keys(access, keys, text)
            }
            '&' => match Pattern::parse(rest) {
                Ok(channels) => Ok(Self::Channels(channels)),
                Err(error) => Err(RuleError::Pattern {
                    rule: rule(),
                    error,
                }),
            },
            '>' | '<' | '#' | '!' => Err(RuleError::Password),
            '(' | ')' => Err(RuleError::Selector { rule: rule() }),
            _ => parse_word(text),
        }
    }

    /// Whether it gives a command or a category.
    pub fn gives_commands(&self) -> bool {
        matches!(
            self,
            Self::Category(Sign::Allow, _) | Self::Command(Sign::Allow, _)
        )
    }

    /// Whether it takes something away.
    pub fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::Category(Sign::Deny, _) | Self::Command(Sign::Deny, _)
        )
    }
}

impl fmt::Display for AclRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(sign, category) => write!(f, "{sign}@{category}"),
            Self::Command(sign, command) => write!(f, "{sign}{command}"),
            Self::Keys(access, pattern) => write!(f, "{access}{pattern}"),
            Self::Channels(pattern) => write!(f, "&{pattern}"),
            Self::Databases(databases) => databases.fmt(f),
        }
    }
}

impl std::str::FromStr for AclRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::parse(text)
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "+",
            Self::Deny => "-",
        })
    }
}

impl Access {
    /// Reads what stands between `%` and `~`, in any case and order.
    pub fn parse(flags: &str) -> Option<Self> {
        match flags {
            "R" | "r" => Some(Self::Read),
            "W" | "w" => Some(Self::Write),
            "RW" | "rw" | "Rw" | "rW" | "WR" | "wr" | "Wr" | "wR" => Some(Self::ReadWrite),
            _ => None,
        }
    }

    /// Whether keys may be read.
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether keys may be written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }

    fn of(reads: bool, writes: bool) -> Option<Self> {
        match (reads, writes) {
            (true, true) => Some(Self::ReadWrite),
            (true, false) => Some(Self::Read),
            (false, true) => Some(Self::Write),
            (false, false) => None,
        }
    }

    /// What both allow.
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::of(
            self.reads() && other.reads(),
            self.writes() && other.writes(),
        )
    }

    /// What either allows.
    #[must_use]
    pub fn unite(self, other: Self) -> Self {
        Self::of(
            self.reads() || other.reads(),
            self.writes() || other.writes(),
        )
        .unwrap_or(self)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "%R~",
            Self::Write => "%W~",
            Self::ReadWrite => "~",
        })
    }
}

fn parse_commands(sign: Sign, name: &str, text: &str) -> Result<AclRule, RuleError> {
    if let Some(category) = name.strip_prefix('@') {
        return CategoryName::new(category)
            .map(|category| AclRule::Category(sign, category))
            .ok_or_else(|| RuleError::Category { rule: shown(text) });
    }
    CommandName::new(name)
        .map(|command| AclRule::Command(sign, command))
        .ok_or_else(|| RuleError::Command { rule: shown(text) })
}

fn parse_keys(access: Access, pattern: &str, text: &str) -> Result<AclRule, RuleError> {
    match Pattern::parse(pattern) {
        Ok(pattern) => Ok(AclRule::Keys(access, pattern)),
        Err(error) => Err(RuleError::Pattern {
            rule: shown(text),
            error,
        }),
    }
}

/// Rules that are words. Only databases are permissions; the others get a hint.
fn parse_word(text: &str) -> Result<AclRule, RuleError> {
    let rule = shown(text);
    if let Some(list) = text.strip_prefix("db=") {
        return Databases::parse_list(list)
            .map(AclRule::Databases)
            .ok_or(RuleError::Databases { rule });
    }
    Err(match text.to_ascii_lowercase().as_str() {
        "alldbs" => return Ok(AclRule::Databases(Databases::All)),
        "allkeys" => RuleError::Alias {
            rule,
            instead: "~*",
        },
        "allchannels" => RuleError::Alias {
            rule,
            instead: "&*",
        },
        "allcommands" => RuleError::Alias {
            rule,
            instead: "+@all",
        },
        "nocommands" => RuleError::Alias {
            rule,
            instead: "-@all",
        },
        "on"
        | "off"
        | "nopass"
        | "reset"
        | "resetpass"
        | "resetkeys"
        | "resetchannels"
        | "resetdbs"
        | "clearselectors"
        | "sanitize-payload"
        | "skip-sanitize-payload" => RuleError::NotPermission { rule },
        _ => RuleError::Unknown { rule },
    })
}

#[cfg(test)]
mod tests;
