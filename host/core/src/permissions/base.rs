//! The keyless rights of every admitted session.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use warden_rules::{AclRule, Sign};

use super::PermissionError;
use super::commands::Target;
use super::grant::MAX_RULES;

/// What every session is given: talk about its own connection, find its
/// way in a cluster, use transactions, ask who it is.
const DEFAULT: &str = "+ping +echo +select +readonly +readwrite +asking +client|setinfo +client|setname +client|getname \
     +client|id +client|info +client|reply +command +cluster|slots +cluster|shards +cluster|nodes +cluster|myid \
     +multi +exec +discard +unwatch +warden.whoami";

/// Commands for every session, under the ceiling. Only additions, so their order
/// has no meaning; without keys, channels or databases, so only commands that
/// touch none of them can be used through it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseRules {
    /// Every decision has them.
    targets: Arc<BTreeSet<Target>>,
}

impl BaseRules {
    /// The default, as text.
    pub const DEFAULT: &'static str = DEFAULT;

    /// From rules with white space between them; an empty text is no rights at all.
    ///
    /// # Errors
    /// For anything but `+command`, `+command|subcommand` and `+@category`, and
    /// for `+@all`.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let mut targets = BTreeSet::new();
        for (count, word) in text.split_ascii_whitespace().enumerate() {
            if count >= MAX_RULES {
                return Err(PermissionError::TooManyRules);
            }
            let rule = AclRule::parse(word)?;
            let target = match rule.clone() {
                AclRule::Command(Sign::Allow, command) => Target::Command(command),
                AclRule::Category(Sign::Allow, category) if !category.is_all() => {
                    Target::Category(category)
                }
                _ => {
                    return Err(PermissionError::NotABaseRule {
                        rule: rule.to_string(),
                    });
                }
            };
            targets.insert(target);
        }
        Ok(Self {
            targets: Arc::new(targets),
        })
    }

    /// No rights at all.
    pub fn none() -> Self {
        Self {
            targets: Arc::default(),
        }
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    /// Whether the default rules name this very command; they are known to touch
    /// no key, channel or database.
    pub(super) fn is_default_command(name: &str) -> bool {
        DEFAULT
            .split_ascii_whitespace()
            .any(|rule| rule.strip_prefix('+') == Some(name))
    }
}

impl Default for BaseRules {
    fn default() -> Self {
        // A test holds that the text is sound; without it there would be no rights.
        Self::parse(DEFAULT).unwrap_or_else(|_| Self::none())
    }
}

impl fmt::Display for BaseRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, target) in self.targets.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}+{target}")?;
        }
        Ok(())
    }
}
