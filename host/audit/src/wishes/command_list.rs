//! Commands by name and by the beginning of their names.
//!
//! In: entries as operators write them. Out: whether a command is among them. Capitals do not
//! matter.

/// Longest entry, in bytes.
const MAX_ENTRY_BYTES: usize = 96;

/// Some commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandList {
    /// Lower-case; a container stands for all its subcommands.
    names: Vec<String>,
    /// Lower-case.
    prefixes: Vec<String>,
}

impl CommandList {
    /// Adds a command by its name: `get`; `config|set`, also written `config set`; or
    /// `config` with all its subcommands.
    ///
    /// # Errors
    /// When no command can have that name.
    pub fn add(&mut self, name: &str) -> Result<(), &'static str> {
        let name = name.trim().to_ascii_lowercase().replace(' ', "|");
        let mut parts = name.split('|');
        if name.len() > MAX_ENTRY_BYTES || name.split('|').count() > 2 || !parts.all(is_part) {
            return Err("is no name of a command, such as get, config or config|set");
        }
        self.names.push(name);
        Ok(())
    }

    /// Adds commands by the beginning of their names: `!ft.*`.
    ///
    /// # Errors
    /// When it is not written so.
    pub fn add_prefix(&mut self, filter: &str) -> Result<(), &'static str> {
        let prefix = filter.trim().strip_prefix('!');
        let prefix = prefix.and_then(|rest| rest.strip_suffix('*'));
        let prefix = prefix.map(|rest| rest.to_ascii_lowercase().replace(' ', "|"));
        let is_good = |prefix: &String| {
            let is_allowed = |byte: u8| is_of_name(byte) || byte == b'|';
            !prefix.is_empty() && prefix.len() <= MAX_ENTRY_BYTES && prefix.bytes().all(is_allowed)
        };
        let Some(prefix) = prefix.filter(is_good) else {
            return Err("excludes commands whose names begin so, and is written !ft.*");
        };
        self.prefixes.push(prefix);
        Ok(())
    }

    /// Adds those of another list.
    pub(crate) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.prefixes.extend(other.prefixes);
    }

    /// Whether a command is among them: its full name, `config|set`.
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.iter().any(|entry| {
            let entry = entry.as_bytes();
            match name.split_at_checked(entry.len()) {
                Some((start, rest)) => {
                    start.eq_ignore_ascii_case(entry) && matches!(rest, [] | [b'|', ..])
                }
                None => false,
            }
        }) || self.prefixes.iter().any(|prefix| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.prefixes.is_empty()
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(is_of_name)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_stands_for_its_subcommands_and_a_prefix_for_what_begins_so() {
        let mut list = CommandList::default();
        for name in ["PING", "config", "acl|SETUSER", " client list "] {
            list.add(name).unwrap();
        }
        list.add_prefix("!FT*").unwrap();
        list.add_prefix("!cluster|s*").unwrap();
        for name in [
            "ping",
            "PING",
            "config",
            "config|set",
            "acl|setuser",
            "client|list",
            "ft.search",
            "ft",
            "cluster|slots",
        ] {
            assert!(list.has(name.as_bytes()), "{name}");
        }
        for name in [
            "pin",
            "pings",
            "configs",
            "acl",
            "acl|list",
            "f",
            "cluster|nodes",
            "",
        ] {
            assert!(!list.has(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_no_command_is_called_is_refused() {
        let mut list = CommandList::default();
        for name in [
            "",
            " ",
            "a|b|c",
            "config|",
            "|set",
            "get;",
            "é",
            &"a".repeat(97),
        ] {
            assert!(list.add(name).is_err(), "{name}");
        }
        for filter in ["", "ft*", "!ft", "!*", "!ft.*x", "!f t;*"] {
            assert!(list.add_prefix(filter).is_err(), "{filter}");
        }
        assert!(list.is_empty());
    }
}
