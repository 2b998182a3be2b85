//! One grant: commands, and the keys, channels and databases they may touch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use warden_rules::{Access, AclRule, Databases, Pattern};

use super::PermissionError;
use super::commands::{CommandRules, Target};

/// Most rules in one grant or restriction: bounds what laying one over the
/// other may cost.
pub(super) const MAX_RULES: usize = 4096;

/// One selector of rights. They never cross with those of another grant.
///
/// Its own denials (`+@read -keys`) hold inside it, in the order they were
/// written. Without `db=` it is for every database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    pub(super) commands: CommandRules,
    pub(super) keys: BTreeMap<Pattern, Access>,
    pub(super) channels: BTreeSet<Pattern>,
    pub(super) databases: Databases,
}

impl Grant {
    /// From single rules, none with white space in it.
    ///
    /// # Errors
    /// When one of them is not a rule; none of the grant is kept then.
    pub fn parse(rules: &[impl AsRef<str>]) -> Result<Self, PermissionError> {
        if rules.len() > MAX_RULES {
            return Err(PermissionError::TooManyRules);
        }
        rules
            .iter()
            .map(|rule| Ok(AclRule::parse(rule.as_ref())?))
            .collect::<Result<Vec<_>, PermissionError>>()
            .map(Self::from_rules)
    }

    /// From rules that were parsed before.
    pub fn from_rules(rules: impl IntoIterator<Item = AclRule>) -> Self {
        let mut commands = CommandRules::default();
        let mut keys = BTreeMap::new();
        let mut channels = BTreeSet::new();
        let mut databases: Option<Databases> = None;
        for rule in rules {
            match rule {
                AclRule::Category(sign, category) => {
                    commands.push(sign, Target::Category(category))
                }
                AclRule::Command(sign, command) => commands.push(sign, Target::Command(command)),
                AclRule::Keys(access, pattern) => add_keys(&mut keys, pattern, access),
                AclRule::Channels(pattern) => {
                    channels.insert(pattern);
                }
                AclRule::Databases(more) => {
                    databases = Some(databases.map_or(more.clone(), |some| some.unite(&more)));
                }
            }
        }
        Self {
            commands,
            keys: canonical_keys(keys),
            channels: canonical_channels(channels),
            databases: databases.unwrap_or(Databases::All),
        }
    }
}

impl Grant {
    /// Whether `wider` has every right of this one, as far as it can be told without
    /// matching patterns against one another.
    pub(super) fn is_within(&self, wider: &Self) -> bool {
        let reaches = |(pattern, access): (&Pattern, &Access)| {
            let there = wider.keys.get(pattern);
            there.is_some_and(|there| there.intersect(*access) == Some(*access))
        };
        self.commands.is_within(&wider.commands)
            && self.keys.iter().all(reaches)
            && self.channels.is_subset(&wider.channels)
            && self.databases.intersect(&wider.databases) == self.databases
    }
}

/// Adds a pattern to those of the same text.
pub(super) fn add_keys(keys: &mut BTreeMap<Pattern, Access>, pattern: Pattern, access: Access) {
    keys.entry(pattern)
        .and_modify(|present| *present = present.unite(access))
        .or_insert(access);
}

/// `~*` is no pattern to a server but the absence of a list: beside it, others
/// are an error there.
pub(super) fn canonical_keys(mut keys: BTreeMap<Pattern, Access>) -> BTreeMap<Pattern, Access> {
    let any = |pattern: &Pattern, access: Access| pattern.is_any() && access == Access::ReadWrite;
    if keys.iter().any(|(pattern, access)| any(pattern, *access)) {
        keys.retain(|pattern, access| any(pattern, *access));
    }
    keys
}

/// The same for `&*`.
pub(super) fn canonical_channels(mut channels: BTreeSet<Pattern>) -> BTreeSet<Pattern> {
    if channels.iter().any(Pattern::is_any) {
        channels.retain(Pattern::is_any);
    }
    channels
}

impl fmt::Display for Grant {
    /// The rules with spaces between them: commands, keys, channels, databases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let commands = self.commands.to_string();
        words.extend((!commands.is_empty()).then_some(commands));
        words.extend(
            self.keys
                .iter()
                .map(|(pattern, access)| format!("{access}{pattern}")),
        );
        words.extend(self.channels.iter().map(|pattern| format!("&{pattern}")));
        words.extend((self.databases != Databases::All).then(|| self.databases.to_string()));
        f.write_str(&words.join(" "))
    }
}
