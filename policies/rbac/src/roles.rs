//! All roles, kept so that a decision looks at few of them.
//!
//! In: checked roles. Out: those that a principal holds. They are lines of an index of
//! their members: ten thousand roles as so many values would lie all over the policy's
//! memory, of which a decision pays for every piece that it looks at.

use std::fmt::Write;

use warden_sdk::{AclRule, Error, MemberIndex, Principal};

use crate::role::Role;

/// Roles by who holds them.
#[derive(Debug)]
pub(crate) struct Roles {
    /// A line for each, in order of their names: `reader 3600 +@read ~reports:*`, with
    /// `-` where no time is set. Neither a name nor a rule holds white space.
    by_member: MemberIndex,
}

/// A role that somebody holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) name: String,
    pub(crate) session_seconds: Option<u64>,
    pub(crate) rules: Vec<AclRule>,
}

impl Roles {
    /// Keeps these, which are in order of their names.
    ///
    /// # Errors
    /// When they are more than can be kept.
    pub(crate) fn new(roles: &[Role]) -> Result<Self, Error> {
        let lines: Vec<String> = roles.iter().map(line).collect();
        let lines = lines.iter().map(String::as_str);
        Ok(Self {
            by_member: MemberIndex::new(lines.zip(roles.iter().map(Role::members)))?,
        })
    }

    /// What this principal holds, in order of the names.
    ///
    /// # Errors
    /// When what is kept is not what was checked: nothing may be granted then.
    pub(crate) fn held_by(&self, principal: &Principal) -> Result<Vec<Held>, String> {
        let lines = self.by_member.lines_of(principal);
        let lines = lines.map_err(|error| error.to_string())?;
        lines
            .iter()
            .map(|line| held(line))
            .collect::<Option<_>>()
            .ok_or_else(|| "a role is not kept as it was read".to_owned())
    }

    /// The names of all.
    pub(crate) fn names(&self) -> Vec<String> {
        let lines = self.by_member.lines();
        let words = lines.iter().filter_map(|line| line.split(' ').next());
        words.map(str::to_owned).collect()
    }
}

fn line(role: &Role) -> String {
    let seconds = role.session_seconds();
    let seconds = seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string());
    let mut line = [role.name(), " ", &seconds].concat();
    for rule in role.rules() {
        let _infallible = write!(line, " {rule}");
    }
    line
}

fn held(line: &str) -> Option<Held> {
    let mut words = line.split(' ');
    let name = words.next()?.to_owned();
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
            (reader.name.as_str(), reader.session_seconds),
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
