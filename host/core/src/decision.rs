//! What the policies decided for one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::permissions::Permissions;
use crate::permissions::Rendered;
use crate::{ClassKey, Server, Timestamp};

/// The composed answer of every policy of one generation to one request.
///
/// Its existence means "may log in": a refusal is a [`crate::Reason`]. The one
/// constructor is called in one place, the policy room's composition.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The sessions this decision holds for.
    pub class: ClassKey,
    /// The generation of policies that decided.
    pub generation: u64,
    /// What was granted and what restricts it.
    pub permissions: Permissions,
    /// The same as the rule string of this server's ACL engine; shared by all decisions
    /// that grant the same.
    pub rendered: Arc<Rendered>,
    /// For which commands `rendered` was written. The server works out a category when
    /// rules are set and never again: the same words mean others once a module came
    /// or went.
    pub server: Arc<Server>,
    /// Until when the policies stand by it; `None` until the next reload.
    pub valid_until: Option<Timestamp>,
    /// The longest a session may last.
    pub session_ttl: Option<Duration>,
    /// Labels for log and audit, sorted by key.
    pub labels: Vec<(String, String)>,
}

/// Labels as a map: of several with one name the values, with commas between them.
pub fn labels_by_name(labels: &[(String, String)]) -> BTreeMap<&str, String> {
    let mut by_name: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in labels {
        by_name
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_name_are_one_entry() {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = [label("rule", "a"), label("team", "red"), label("rule", "b")];
        let expected = [("rule", "a,b".to_owned()), ("team", "red".to_owned())];
        assert_eq!(labels_by_name(&labels), expected.into());
    }
}
