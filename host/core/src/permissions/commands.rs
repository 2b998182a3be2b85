//! Commands and categories, added and taken away in order, as a server does it.
//!
//! The order of rules matters inside one grant: the last that names a command
//! wins. A rule about a command is also about its subcommands, and a rule about
//! a category also about the subcommands of each container it holds.

use std::collections::BTreeSet;
use std::fmt;

use warden_rules::{CategoryName, CommandName, Sign};

use crate::server::{CommandSet, Server};

/// A command or a category.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    Category(CategoryName),
    Command(CommandName),
}

impl Target {
    /// Whether it is `@all`.
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Self::Category(category) if category.is_all())
    }

    pub(super) fn known_to(&self, server: &Server) -> bool {
        match self {
            Self::Category(category) => {
                category.is_all() || server.categories.contains(category.as_str())
            }
            Self::Command(command) => server.commands.contains_key(command.as_str()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(category) => write!(f, "@{category}"),
            Self::Command(command) => command.fmt(f),
        }
    }
}

/// Rules about commands in the order they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CommandRules(Vec<(Sign, Target)>);

impl CommandRules {
    /// Adds a rule behind the others. `-@all` and `+@all` overrule all before
    /// them, so these are forgotten; `-@all` is where every selector starts.
    pub(super) fn push(&mut self, sign: Sign, target: Target) {
        if target.is_all() {
            self.0.clear();
            if sign == Sign::Deny {
                return;
            }
        }
        self.0.push((sign, target));
    }

    pub(super) fn only_adds(&self) -> bool {
        self.0.iter().all(|(sign, _)| *sign == Sign::Allow)
    }

    /// Adds the other's commands. Only for rules that only add: then order has
    /// no meaning, and a sorted list makes equal rights equal texts.
    pub(super) fn unite(&mut self, other: &Self) {
        let all: BTreeSet<_> = self.0.drain(..).chain(other.0.iter().cloned()).collect();
        self.0.extend(all);
    }

    /// Whether the other has every command of these. Where something is taken away
    /// only equal rules are sure.
    pub(super) fn is_within(&self, wider: &Self) -> bool {
        let adds = self.only_adds() && wider.only_adds();
        self == wider || (adds && self.0.iter().all(|rule| wider.0.contains(rule)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Sign, &Target)> {
        self.0.iter().map(|(sign, target)| (*sign, target))
    }
}

impl fmt::Display for CommandRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (sign, target)) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{sign}{target}")?;
        }
        Ok(())
    }
}

/// The commands of one server that rules allow, computed as the server does.
#[derive(Clone, Debug)]
pub(super) struct Allowed<'s> {
    server: &'s Server,
    set: CommandSet,
}

impl<'s> Allowed<'s> {
    pub(super) fn nothing(server: &'s Server) -> Self {
        Self {
            server,
            set: CommandSet::default(),
        }
    }

    pub(super) fn apply(&mut self, sign: Sign, target: &Target) {
        let commands = &self.server.commands;
        match target {
            Target::Command(command) => {
                for place in commands.family(command.as_str()) {
                    match sign {
                        Sign::Allow => self.set.insert(place),
                        Sign::Deny => self.set.remove(place),
                    }
                }
            }
            Target::Category(category) if category.is_all() => self.set(sign, &commands.all()),
            Target::Category(category) => {
                if let Some(carriers) = commands.carriers(category.as_str()) {
                    self.set(sign, carriers);
                }
            }
        }
    }

    fn set(&mut self, sign: Sign, others: &CommandSet) {
        match sign {
            Sign::Allow => self.set.add(others),
            Sign::Deny => self.set.take(others),
        }
    }

    /// Takes away what others allow.
    pub(super) fn take(&mut self, others: &Self) {
        self.set.take(&others.set);
    }

    /// Adds what others allow.
    pub(super) fn unite(&mut self, others: &Self) {
        self.set.add(&others.set);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(super) fn contains(&self, command: &str) -> bool {
        let place = self.server.commands.place(command);
        place.is_some_and(|place| self.set.contains(place))
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'s str> {
        let names: Vec<&'s str> = self.server.commands.names_of(&self.set).collect();
        names.into_iter()
    }
}

/// What can be called of a command or category: for a command that only leads to
/// its subcommands, these.
pub(super) fn callable<'s>(server: &'s Server, target: &Target) -> BTreeSet<&'s str> {
    let mut allowed = Allowed::nothing(server);
    allowed.apply(Sign::Allow, target);
    let is_leaf = |name: &&str| server.commands.family(name).nth(1).is_none();
    allowed.names().filter(is_leaf).collect()
}

/// `+@all` in words that do not reach commands of modules loaded later: the two
/// categories nearly every command carries one of, and by name what is left.
pub(super) fn everything(server: &Server) -> Vec<(Sign, Target)> {
    let mut rules = Vec::new();
    let mut allowed = Allowed::nothing(server);
    let mut add = |target: Target, allowed: &mut Allowed<'_>| {
        allowed.apply(Sign::Allow, &target);
        rules.push((Sign::Allow, target));
    };
    for category in ["fast", "slow"] {
        let target = CategoryName::new(category).map(Target::Category);
        if let Some(target) = target.filter(|target| target.known_to(server)) {
            add(target, &mut allowed);
        }
    }
    for name in server.commands.keys() {
        // A container comes before its subcommands and takes them along.
        if let Some(command) = CommandName::new(name).filter(|_| !allowed.contains(name)) {
            add(Target::Command(command), &mut allowed);
        }
    }
    rules
}
