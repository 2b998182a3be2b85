//! What a policy takes away from every grant of every policy.

use std::collections::BTreeSet;
use std::fmt;

use warden_rules::{Databases, Tail};

use crate::{AclRule, Error};

/// Denials of commands and categories, and bounds on keys, channels and databases.
///
/// A bound that was never set bounds nothing. A bound is an exact name or
/// `literal*`; the host keeps of each grant what lies inside.
///
/// ```
/// use warden_sdk::Restriction;
/// # fn main() -> Result<(), warden_sdk::Error> {
/// let tenant = Restriction::parse(["-@dangerous", "~tenant:*", "%R~shared:*", "db=0"])?.no_channels();
/// assert_eq!(tenant.to_string(), "-@dangerous ~tenant:* %R~shared:* no-channels db=0");
/// assert!(Restriction::parse(["+get"]).is_err(), "a restriction gives nothing");
/// assert!(Restriction::parse(["~a*b"]).is_err(), "too clever to intersect");
/// # Ok(()) }
/// ```
#[must_use]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restriction {
    pub(crate) denials: Vec<AclRule>,
    pub(crate) keys: Option<Vec<AclRule>>,
    pub(crate) channels: Option<Vec<AclRule>>,
    pub(crate) databases: Option<BTreeSet<u32>>,
}

impl Restriction {
    /// Restricts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads denials and bounds as text.
    ///
    /// # Errors
    /// When one is not a rule, gives something, or is a bound other than an exact
    /// name or `literal*`.
    pub fn parse<T: AsRef<str>>(rules: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        rules
            .into_iter()
            .try_fold(Self::new(), |restriction, rule| {
                restriction.and(AclRule::parse(rule.as_ref())?)
            })
    }

    /// Adds a denial, or a name to the bound of its kind.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn and(mut self, rule: AclRule) -> Result<Self, Error> {
        match &rule {
            denial if denial.is_denial() => self.denials.push(rule),
            AclRule::Keys(_, pattern) if pattern.shape().tail != Tail::Glob => {
                self.keys.get_or_insert_default().push(rule);
            }
            AclRule::Channels(pattern) if pattern.shape().tail != Tail::Glob => {
                self.channels.get_or_insert_default().push(rule);
            }
            AclRule::Databases(Databases::Only(numbers)) => {
                self.databases.get_or_insert_default().extend(numbers);
            }
            _ => {
                return Err(Error::NotARestriction {
                    rule: rule.to_string(),
                });
            }
        }
        Ok(self)
    }

    /// Bounds keys to none at all.
    pub fn no_keys(mut self) -> Self {
        self.keys = Some(Vec::new());
        self
    }

    /// Bounds channels to none at all.
    pub fn no_channels(mut self) -> Self {
        self.channels = Some(Vec::new());
        self
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |rules: &[AclRule]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
        let bound = |rules: &Option<Vec<AclRule>>, none: &str| match rules.as_deref() {
            None => Vec::new(),
            Some([]) => vec![none.to_owned()],
            Some(rules) => texts(rules),
        };
        let mut parts = texts(&self.denials);
        parts.extend(bound(&self.keys, "no-keys"));
        parts.extend(bound(&self.channels, "no-channels"));
        parts.extend(
            self.databases
                .iter()
                .map(|n| Databases::Only(n.clone()).to_string()),
        );
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_or_cannot_be_intersected_is_refused() {
        for rule in ["+get", "+@all", "alldbs", "~a?", "~[ab]", "&a*b", "%R~a*b*"] {
            assert!(
                matches!(
                    Restriction::parse([rule]),
                    Err(Error::NotARestriction { .. })
                ),
                "{rule}"
            );
        }
        assert!(matches!(
            Restriction::parse(["nopass"]),
            Err(Error::Rule(_))
        ));
    }

    #[test]
    fn no_keys_is_not_the_same_as_no_bound() {
        assert_eq!(Restriction::new().keys, None);
        assert_eq!(Restriction::new().no_keys().keys, Some(vec![]));
        assert_eq!(
            Restriction::parse(["db=1", "db=0"]).unwrap().to_string(),
            "db=0,1"
        );
    }
}
