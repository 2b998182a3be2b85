//! Reading a user's rules back from the server and comparing them.
//!
//! The server answers OK and changes nothing when it cannot split a rule string
//! (an unbalanced quote), so only its own description proves what is in force.
//! That description shows commands as it remembers them: a later rule about a
//! command or category replaces earlier ones about it and its subcommands. The
//! same is done here to what was rendered; everything else must be equal.
//! Text that is not understood is never equal.

use std::collections::BTreeSet;

use warden_rules::{AclRule, Databases};

/// One selector as rules: what was rendered, or what a server says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// `+get`, `-@dangerous`, in order; they start from nothing.
    pub commands: Vec<String>,
    /// `~a:*`, `%R~b:*`.
    pub keys: BTreeSet<String>,
    /// `&news.*`.
    pub channels: BTreeSet<String>,
    /// Every one on a server without `db=`.
    pub databases: Databases,
}

impl Default for Selector {
    /// As a server's description starts: no commands, every database.
    fn default() -> Self {
        Self {
            commands: Vec::new(),
            keys: BTreeSet::new(),
            channels: BTreeSet::new(),
            databases: Databases::All,
        }
    }
}

pub(super) fn matches(rendered: &[Selector], description: &str) -> bool {
    let remembered = rendered.iter().map(|selector| Selector {
        commands: remembered(&selector.commands),
        ..selector.clone()
    });
    read(description).is_some_and(|described| described.into_iter().eq(remembered))
}

/// Command rules as the server remembers them.
fn remembered(rules: &[String]) -> Vec<String> {
    let mut kept: Vec<&str> = Vec::new();
    for rule in rules {
        let Some(name) = rule.get(1..) else { continue };
        if name == "@all" {
            kept.clear();
            continue;
        }
        kept.retain(|earlier| {
            let rest = earlier
                .get(1..)
                .and_then(|earlier| earlier.strip_prefix(name));
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        kept.push(rule);
    }
    kept.into_iter().map(str::to_owned).collect()
}

/// The selectors of a description, the root first; `None` unless the user is
/// enabled, has no password, and every word is understood.
fn read(description: &str) -> Option<Vec<Selector>> {
    let mut words = description.split(' ').peekable();
    let mut enabled = false;
    while let Some(flag) = words.next_if(|word| matches!(*word, "on" | "sanitize-payload")) {
        enabled |= flag == "on";
    }
    let mut selectors = vec![Selector::default()];
    let mut open = false;
    for word in words.filter(|word| !word.is_empty()) {
        let word = match word.strip_prefix('(') {
            Some(rest) if !open => {
                open = true;
                selectors.push(Selector::default());
                rest
            }
            Some(_) => return None,
            None => word,
        };
        let (word, closes) = word
            .strip_suffix(')')
            .map_or((word, false), |word| (word, true));
        if !open && (closes || selectors.len() > 1) {
            return None;
        }
        read_word(selectors.last_mut()?, word)?;
        open &= !closes;
    }
    (enabled && !open).then_some(selectors)
}

fn read_word(selector: &mut Selector, word: &str) -> Option<()> {
    match word {
        "-@all" if selector.commands.is_empty() => return Some(()),
        "resetchannels" if selector.channels.is_empty() => return Some(()),
        "resetdbs" => selector.databases = Databases::Only(BTreeSet::new()),
        _ => match AclRule::parse(word).ok()? {
            AclRule::Category(_, category) if category.is_all() => return None,
            AclRule::Category(..) | AclRule::Command(..) => selector.commands.push(word.to_owned()),
            AclRule::Keys(..) => drop(selector.keys.insert(word.to_owned())),
            AclRule::Channels(_) => drop(selector.channels.insert(word.to_owned())),
            AclRule::Databases(databases) => selector.databases = databases,
        },
    }
    Some(())
}
