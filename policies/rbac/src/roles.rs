//! All roles, kept so that a decision looks at few of them.
//!
//! In: checked roles. Out: those that a principal holds. They are one text and one index:
//! ten thousand roles as so many values would lie all over the policy's memory, of which
//! a decision pays for every page that it looks at.

use warden_sdk::{AclRule, MemberIndex, Principal};

use crate::role::Role;

/// Roles by who holds them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Roles {
    /// A line for each, in order of their names: `reader 3600 +@read ~reports:*`, with
    /// `-` where no time is set. Neither a name nor a rule holds white space.
    text: String,
    /// Who holds which, by where its line begins.
    holders: MemberIndex,
}

/// A role that somebody holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held<'r> {
    pub(crate) name: &'r str,
    pub(crate) session_seconds: Option<u64>,
    pub(crate) rules: Vec<AclRule>,
}

impl Roles {
    /// Keeps these, which are in order of their names.
    pub(crate) fn new(roles: &[Role]) -> Self {
        let mut text = String::new();
        let mut starts = Vec::with_capacity(roles.len());
        for role in roles {
            // The data of a bundle is far below 4 GiB.
            starts.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            let seconds = role.session_seconds();
            text.push_str(role.name());
            text.push(' ');
            text.push_str(&seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string()));
            for rule in role.rules() {
                text.push(' ');
                text.push_str(&rule.to_string());
            }
            text.push('\n');
        }
        text.shrink_to_fit();
        let members = starts.into_iter().zip(roles.iter().map(Role::members));
        Self {
            text,
            holders: MemberIndex::new(members),
        }
    }

    /// What this principal holds, in order of the names.
    ///
    /// # Errors
    /// When what is kept is not what was checked: nothing may be granted then.
    pub(crate) fn held_by(&self, principal: &Principal) -> Result<Vec<Held<'_>>, String> {
        let starts = self.holders.lists_with(principal).into_iter();
        let lines = starts.map(|start| self.text.get(start as usize..)?.lines().next());
        lines
            .map(|line| line.and_then(held))
            .collect::<Option<_>>()
            .ok_or_else(|| "a role is not kept as it was read".to_owned())
    }

    /// The names of all.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let words = self.text.lines().map(|line| line.split(' ').next());
        words.map(Option::unwrap_or_default)
    }
}

fn held(line: &str) -> Option<Held<'_>> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let session_seconds = match words.next()? {
        "-" => None,
        seconds => Some(seconds.parse().ok()?),
    };
    let rules = words.map(|word| AclRule::parse(word).ok());
    Some(Held {
        name,
        session_seconds,
        rules: rules.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_as_it_was_written_gives_nothing() {
        let reader = held("reader 3600 +@read -flushall ~a:*").unwrap();
        assert_eq!(
            (reader.name, reader.session_seconds),
            ("reader", Some(3600))
        );
        assert_eq!(reader.rules.len(), 3);
        assert_eq!(held("reader - +get").unwrap().session_seconds, None);
        for line in [
            "",
            "reader",
            "reader x +get",
            "reader - +get nopass",
            "reader -  +get",
        ] {
            assert_eq!(held(line), None, "{line:?}");
        }
    }
}
