//! Servers as they are known without asking one: for tools that work offline.
//!
//! A file a release line holds what `COMMAND` answers there with warden loaded and no other
//! module: a command or subcommand a line, then its categories. A test compares
//! each with a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::Server;

/// Release line, a version of it, whether selectors have databases, and the commands.
const RELEASES: [(&str, &str, bool, &str); 2] = [
    ("8.0", "8.0.1", false, include_str!("valkey-8.0.txt")),
    ("9.1", "9.1.2", true, include_str!("valkey-9.1.txt")),
];

/// The commands and subcommands of all these lines.
static NAMES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let lines = RELEASES.iter().flat_map(|(.., text)| text.lines());
    lines.filter_map(|line| line.split(' ').next()).collect()
});

/// Whether a command is Valkey's own, or warden's, and not that of another module.
pub fn is_built_in(command: &str) -> bool {
    NAMES.contains(command)
}

impl Server {
    /// The release lines that are known, the older first.
    pub fn releases() -> impl Iterator<Item = &'static str> {
        RELEASES.iter().map(|(line, ..)| *line)
    }

    /// A server of a release line (`9.1`) with warden and no other module; `None` for a
    /// line that is not known.
    ///
    /// ```
    /// let server = warden_core::Server::of_release("9.1").ok_or("not known")?;
    /// assert!(server.commands["get"].contains("read"));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn of_release(line: &str) -> Option<Self> {
        let (_, version, has_databases, text) =
            RELEASES.iter().find(|(known, ..)| *known == line)?;
        let commands: BTreeMap<String, BTreeSet<String>> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ').map(str::to_owned);
                Some((words.next()?, words.collect()))
            })
            .collect();
        Some(Self {
            categories: commands.values().flatten().cloned().collect(),
            commands: commands.into(),
            has_databases: *has_databases,
            version: (*version).to_owned(),
        })
    }
}
