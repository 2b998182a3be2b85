//! Many commands in few words: categories, and what they leave.
//!
//! In: commands of one server. Out: the categories that say most of them, the commands
//! these say too much, and those they do not say. It shows and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::server::Server;

/// How many words a category must save to be told in place of its commands.
const WORTH: usize = 3;

/// Categories in place of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary<'s> {
    /// Categories, without `@`, those that say most first.
    pub categories: Vec<&'s str>,
    /// What the categories hold and is not meant.
    pub missing: BTreeSet<&'s str>,
    /// What is meant and no category holds; a command with all its subcommands is told as
    /// itself.
    pub others: BTreeSet<&'s str>,
    /// What the categories say of what was meant, and of what does not matter.
    pub told: BTreeSet<&'s str>,
}

impl<'s> Summary<'s> {
    /// Of these commands; whether `indifferent` ones are said with them does not matter.
    ///
    /// ```
    /// use std::collections::BTreeSet;
    /// use warden_core::Server;
    /// use warden_core::permissions::Summary;
    ///
    /// let server = Server::of_release("9.1").ok_or("not known")?;
    /// let commands = server.commands.iter();
    /// let reading = commands.filter(|(name, of)| of.contains("read") && *name != "keys");
    /// let reading: BTreeSet<&str> = reading.map(|(name, _)| name.as_str()).collect();
    /// let summary = Summary::of(&reading, &BTreeSet::new(), &server);
    /// assert_eq!(summary.to_string(), "+@read -keys");
    /// # Ok::<(), &str>(())
    /// ```
    pub fn of(
        commands: &BTreeSet<&'s str>,
        indifferent: &BTreeSet<&'s str>,
        server: &'s Server,
    ) -> Self {
        let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let leaves = server.commands.iter();
        for (name, categories) in leaves.filter(|(name, _)| !is_container(server, name)) {
            for category in categories {
                members.entry(category).or_default().insert(name);
            }
        }
        let mut summary = Self::default();
        loop {
            let saving = |held: &BTreeSet<&str>| {
                let gained = held.intersection(commands);
                let gained = gained.filter(|name| !summary.told.contains(*name)).count();
                let lost = held.difference(commands);
                let lost = lost
                    .filter(|name| !summary.missing.contains(*name) && !indifferent.contains(*name))
                    .count();
                gained.saturating_sub(lost + 1)
            };
            let best = members.iter().max_by_key(|(_, held)| saving(held));
            let Some((category, held)) = best.filter(|(_, held)| saving(held) >= WORTH) else {
                break;
            };
            summary.categories.push(category);
            let (meant, rest): (Vec<&str>, Vec<&str>) = held
                .iter()
                .partition(|name| commands.contains(*name) || indifferent.contains(*name));
            summary.told.extend(meant);
            summary.missing.extend(rest);
        }
        summary.others = commands.difference(&summary.told).copied().collect();
        summary.unite_subcommands(server);
        summary
    }

    /// Tells a command in place of all its subcommands. One of which only some are there
    /// is not told: it can be called by these alone.
    fn unite_subcommands(&mut self, server: &'s Server) {
        let containers = server.commands.keys().map(String::as_str);
        for container in containers.filter(|name| is_container(server, name)) {
            let subcommands: Vec<&str> = subcommands(server, container).collect();
            let is_whole = subcommands.iter().all(|name| self.others.contains(name));
            if is_whole {
                self.others.retain(|name| !subcommands.contains(name));
                self.others.insert(container);
            } else {
                self.others.remove(container);
            }
        }
    }
}

/// Whether it only leads to its subcommands.
pub(super) fn is_container(server: &Server, command: &str) -> bool {
    subcommands(server, command).next().is_some()
}

fn subcommands<'s>(server: &'s Server, command: &str) -> impl Iterator<Item = &'s str> {
    let prefix = format!("{command}|");
    let behind = server.commands.range(prefix.clone()..);
    behind
        .map(|(name, _)| name.as_str())
        .take_while(move |name| name.starts_with(&prefix))
}

impl fmt::Display for Summary<'_> {
    /// As rules about commands, in an order in which they mean what is meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let categories = self.categories.iter().map(|name| format!("+@{name}"));
        let missing = self.missing.iter().map(|name| format!("-{name}"));
        let others = self.others.iter().map(|name| format!("+{name}"));
        let words: Vec<String> = categories.chain(missing).chain(others).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::{BaseRules, Grant, Permissions};

    fn words(rules: &[&str], indifferent: &[&str]) -> String {
        let server = Server::of_release("9.1").unwrap();
        let grant = Grant::parse(rules).unwrap();
        let permissions = Permissions::compose(&BaseRules::none(), vec![grant], vec![]);
        let rows = permissions.table(&server);
        let indifferent = indifferent.iter().copied().collect();
        Summary::of(&rows[1].commands, &indifferent, &server).to_string()
    }

    #[test]
    fn a_category_stands_for_its_commands_and_names_what_it_lacks() {
        assert_eq!(words(&["+@read"], &[]), "+@read");
        assert_eq!(
            words(&["+@read", "-keys", "-scan"], &[]),
            "+@read -keys -scan"
        );
        assert_eq!(
            words(&["+@read", "-keys", "-scan"], &["keys"]),
            "+@read -scan"
        );
        assert_eq!(words(&["+@read", "+set"], &[]), "+@read +set");
        assert_eq!(words(&["+get", "+set"], &[]), "+get +set");
    }

    #[test]
    fn a_command_stands_for_all_its_subcommands_and_not_for_some() {
        assert_eq!(words(&["+config"], &[]), "+config");
        assert_eq!(
            words(&["+config", "-config|set"], &[]),
            "+config|get +config|help +config|resetstat +config|rewrite"
        );
        assert_eq!(words(&["+config|get", "+ping"], &[]), "+config|get +ping");
    }

    #[test]
    fn the_rules_mean_the_very_commands() {
        for rules in [
            &["+@all"][..],
            &["+@all", "-@dangerous"],
            &["+@read", "+@write", "-@keyspace"],
            &["+@admin", "-config|set", "+client|kill"],
        ] {
            let told = words(rules, &[]);
            let again: Vec<&str> = told.split(' ').collect();
            assert_eq!(words(&again, &[]), told, "{rules:?}");
        }
    }
}
