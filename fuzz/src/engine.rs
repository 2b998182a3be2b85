//! A server's ACL engine: from a rule string to what its user may do.
//!
//! It takes the one shape warden may render and panics on everything else: a
//! password, `nopass`, a quote that does not close, a word nobody asked for.

use std::collections::BTreeSet;

use crate::call::{Call, Touches};
use crate::keys::Keys;
use crate::{glob, split, world};

/// One selector, as the words it was made of and as what it allows.
#[derive(Debug)]
pub struct Selector {
    /// `+get`, `-@dangerous`, in order, behind the first `-@all`.
    pub commands: Vec<String>,
    /// As written: `%R~a`.
    pub keys: Vec<String>,
    /// As written: `&a`.
    pub channels: Vec<String>,
    /// `None` is every one.
    pub databases: Option<BTreeSet<u32>>,
    allowed: BTreeSet<&'static str>,
    reach: Vec<Keys>,
}

/// The user a rule string makes; the root selector first.
#[derive(Debug)]
pub struct User {
    /// Its selectors.
    pub selectors: Vec<Selector>,
}

impl User {
    /// Reads a rule string as a server of this ability does.
    pub fn read(rules: &str, has_databases: bool) -> Self {
        let outer = split::words(rules.as_bytes())
            .unwrap_or_else(|| panic!("the server cannot split {rules:?}"));
        let mut words: Vec<String> = outer.into_iter().map(text).collect();
        let begin: Vec<String> = words.drain(..words.len().min(2)).collect();
        assert_eq!(begin, ["reset", "on"], "{rules:?}");
        let root_ends = words
            .iter()
            .position(|word| word.starts_with('('))
            .unwrap_or(words.len());
        let groups = words.split_off(root_ends);
        let mut selectors = vec![Selector::read(&words, has_databases)];
        for group in groups {
            let inner = group
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .unwrap_or_else(|| panic!("{group:?} is not a selector, in {rules:?}"));
            let words = split::words(inner.as_bytes())
                .unwrap_or_else(|| panic!("the server cannot split {inner:?}"));
            let words: Vec<String> = words.into_iter().map(text).collect();
            selectors.push(Selector::read(&words, has_databases));
        }
        Self { selectors }
    }

    /// Whether any selector allows the call.
    pub fn may(&self, call: &Call<'_>) -> bool {
        self.selectors.iter().any(|selector| selector.allows(call))
    }

    /// Whether any selector allows the command, whatever it touches.
    pub fn may_run(&self, command: &str) -> bool {
        self.selectors
            .iter()
            .any(|selector| selector.allowed.contains(command))
    }
}

impl Selector {
    fn read(words: &[String], has_databases: bool) -> Self {
        let mut start = vec!["resetchannels"];
        start.extend(has_databases.then_some("resetdbs"));
        start.push("-@all");
        assert!(
            words.len() >= start.len()
                && words.iter().zip(&start).all(|(word, start)| word == start),
            "{words:?} does not begin with {start:?}"
        );
        let rest = &words[start.len()..];
        let mut selector = Self {
            commands: Vec::new(),
            keys: Vec::new(),
            channels: Vec::new(),
            databases: has_databases.then(BTreeSet::new),
            allowed: BTreeSet::new(),
            reach: Vec::new(),
        };
        for word in rest {
            selector.take(word, has_databases);
        }
        selector.allowed = world::allowed(selector.commands.iter().map(String::as_str));
        selector
    }

    fn take(&mut self, word: &str, has_databases: bool) {
        match word.as_bytes() {
            [b'+' | b'-', name @ ..] => {
                let sound = |byte: &u8| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"@|._-".contains(byte)
                };
                assert!(name.iter().all(sound), "{word:?} is no command");
                // It would reach commands of modules loaded later.
                assert_ne!(word, "+@all");
                self.commands.push(word.to_owned());
            }
            [b'~' | b'%', ..] => {
                let keys = Keys::read(word.as_bytes());
                self.reach
                    .push(keys.unwrap_or_else(|| panic!("{word:?} is no pattern of keys")));
                self.keys.push(word.to_owned());
            }
            [b'&', ..] => self.channels.push(word.to_owned()),
            b"alldbs" if has_databases => self.databases = None,
            [b'd', b'b', b'=', ..] if has_databases => {
                let numbers = word[3..].split(',').map(|number| number.parse::<u32>());
                let numbers = numbers.collect::<Result<BTreeSet<_>, _>>();
                self.databases = Some(numbers.unwrap_or_else(|_| panic!("{word:?}")));
            }
            _ => panic!("{word:?} is no permission"),
        }
    }

    fn allows(&self, call: &Call<'_>) -> bool {
        let in_database = || {
            self.databases
                .as_ref()
                .is_none_or(|numbers| numbers.contains(&call.database))
        };
        self.allowed.contains(call.command)
            && match call.touches {
                Touches::Nothing => true,
                Touches::Key { name, writing } => {
                    in_database() && self.reach.iter().any(|keys| keys.reach(name, writing))
                }
                Touches::Channel(name) => {
                    let hears = |rule: &String| glob::matches(&rule.as_bytes()[1..], name);
                    in_database() && self.channels.iter().any(hears)
                }
            }
    }
}

fn text(word: Vec<u8>) -> String {
    String::from_utf8(word).unwrap_or_else(|error| panic!("a word that is not UTF-8: {error}"))
}
