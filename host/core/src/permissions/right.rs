//! A right spelled out: what somebody should, or should not, be able to call.
//!
//! In comes text in the grammar of rules, `+get %R~reports:q1 db=0`; out comes
//! what it names. Keys and channels are names here, never patterns: a right is a
//! question about one call, not a grant.

use std::collections::BTreeSet;
use std::fmt;

use warden_rules::{Access, AclRule, Databases, Sign};

use super::PermissionError;
use super::commands::{Target, callable};
use super::grant::MAX_RULES;
use crate::server::Server;

/// Commands, and the keys, channels and databases they are called with.
///
/// ```
/// use warden_core::permissions::Right;
///
/// let right = Right::parse("+GET %R~reports:* db=0")?;
/// assert_eq!(right.to_string(), "+get %R~reports:* db=0");
/// assert!(Right::parse("~reports:q1").is_err());
/// # Ok::<(), warden_core::permissions::PermissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub(super) targets: BTreeSet<Target>,
    /// Called with all of them together.
    pub(super) keys: Vec<(Access, String)>,
    /// Called with all of them together.
    pub(super) channels: Vec<String>,
    /// In each of them; in any one when absent.
    pub(super) databases: Option<Databases>,
}

impl Right {
    /// From words with white space between them: at least one of `+command`,
    /// `+command|subcommand` and `+@category`, then `~key`, `%R~key`, `%W~key`,
    /// `&channel`, `db=0,1` and `alldbs`, in any order.
    ///
    /// # Errors
    /// When a word is none of these, or there is no command.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let mut right = Self {
            targets: BTreeSet::new(),
            keys: Vec::new(),
            channels: Vec::new(),
            databases: None,
        };
        for (count, word) in text.split_whitespace().enumerate() {
            if count >= MAX_RULES {
                return Err(PermissionError::TooManyRules);
            }
            right.add(word)?;
        }
        if right.targets.is_empty() {
            return Err(PermissionError::NoCommand);
        }
        Ok(right)
    }

    fn add(&mut self, word: &str) -> Result<(), PermissionError> {
        let no_right = || PermissionError::NotARight {
            word: word.chars().take(80).collect(),
        };
        // Names are taken as they are: as patterns some of them would be refused.
        if let Some(channel) = word.strip_prefix('&') {
            self.channels.push(named(channel).ok_or_else(no_right)?);
            return Ok(());
        }
        if let Some((flags, key)) = word.split_once('~').filter(|_| !word.starts_with('+')) {
            let access = match flags.strip_prefix('%') {
                Some(flags) => Access::parse(flags),
                None => flags.is_empty().then_some(Access::ReadWrite),
            };
            let key = access.zip(named(key)).ok_or_else(no_right)?;
            self.keys.push(key);
            return Ok(());
        }
        match AclRule::parse(word)? {
            AclRule::Command(Sign::Allow, command) => {
                self.targets.insert(Target::Command(command));
            }
            AclRule::Category(Sign::Allow, category) => {
                self.targets.insert(Target::Category(category));
            }
            AclRule::Databases(more) => {
                let all = self.databases.take();
                self.databases = Some(all.map_or(more.clone(), |some| some.unite(&more)));
            }
            _ => return Err(no_right()),
        }
        Ok(())
    }

    /// The commands and categories in it that this server does not have.
    pub fn unknown_to(&self, server: &Server) -> Vec<String> {
        let unknown = self
            .targets
            .iter()
            .filter(|target| !target.known_to(server));
        unknown.map(|target| format!("+{target}")).collect()
    }

    /// Every command of this server it names: of a category all that carry it, of
    /// a command with subcommands all of these.
    pub(super) fn commands<'s>(&self, server: &'s Server) -> BTreeSet<&'s str> {
        let targets = self.targets.iter();
        targets
            .flat_map(|target| callable(server, target))
            .collect()
    }
}

/// An empty name is no name: a right without one says what it means.
fn named(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = self.targets.iter().map(|target| format!("+{target}"));
        let keys = self
            .keys
            .iter()
            .map(|(access, key)| format!("{access}{key}"));
        let channels = self.channels.iter().map(|channel| format!("&{channel}"));
        let databases = self.databases.iter().map(ToString::to_string);
        let words: Vec<String> = commands
            .chain(keys)
            .chain(channels)
            .chain(databases)
            .collect();
        f.write_str(&words.join(" "))
    }
}
