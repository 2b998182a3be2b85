//! What a policy answers.
//!
//! Composition is order-free: the host unites the grants of every policy, lays
//! every restriction over all of them, and refuses when one policy denies or none
//! grants. Nothing said here reaches beyond the operator's ceiling.

use std::fmt;
use std::time::Duration;

use crate::bounds::MAX_LABEL_BYTES;
use crate::{AclRule, Restriction};

/// The answer to one request. [`Verdict::new`] has no opinion; each method adds one.
///
/// ```
/// use std::time::Duration;
/// use warden_sdk::{AclRule, Verdict};
/// # fn main() -> Result<(), warden_sdk::Error> {
/// let verdict = Verdict::new()
///     .grant([AclRule::parse("+@read")?, AclRule::parse("~reports:*")?])
///     .session_ttl(Duration::from_secs(3600))
///     .label("role", "reader");
/// assert_eq!(verdict.to_string(), "grant +@read ~reports:*; session 3600s; label role=reader");
/// assert_eq!(Verdict::new().to_string(), "no opinion");
/// # Ok(()) }
/// ```
#[must_use]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    pub(crate) grants: Vec<Vec<AclRule>>,
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) denial: Option<Denial>,
    pub(crate) valid_for: Option<Duration>,
    pub(crate) session_ttl: Option<Duration>,
    pub(crate) labels: Vec<(String, String)>,
}

/// A refusal and its two audiences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// What the client is told.
    pub public: Option<String>,
    /// What the log and the audit trail are told.
    pub internal: Option<String>,
}

impl Verdict {
    /// No opinion: grants nothing, restricts nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a grant. Its rights never cross with another grant's: commands of one do
    /// not reach the keys of the other.
    pub fn grant(mut self, rules: impl IntoIterator<Item = AclRule>) -> Self {
        self.grants.push(rules.into_iter().collect());
        self
    }

    /// Lays a restriction over every grant of every policy.
    pub fn restrict(mut self, restriction: Restriction) -> Self {
        self.restrictions.push(restriction);
        self
    }

    /// Refuses the log-in, whatever other policies say. The text is for the client.
    pub fn deny(mut self, public: impl Into<String>) -> Self {
        self.denial.get_or_insert_default().public = Some(public.into());
        self
    }

    /// Refuses the log-in. The text is for the log and the audit trail only.
    pub fn deny_internally(mut self, internal: impl Into<String>) -> Self {
        self.denial.get_or_insert_default().internal = Some(internal.into());
        self
    }

    /// For how long this answer holds; afterwards the policy is asked again. Whole
    /// seconds, rounded down; of several the shortest. Required of a policy that
    /// reads the clock.
    pub fn valid_for(mut self, duration: Duration) -> Self {
        self.valid_for = Some(shorter(self.valid_for, duration));
        self
    }

    /// How long a session may last. Whole seconds, rounded down; of several the
    /// shortest. A token that ends sooner ends it sooner.
    pub fn session_ttl(mut self, duration: Duration) -> Self {
        self.session_ttl = Some(shorter(self.session_ttl, duration));
        self
    }

    /// Adds a label for log and audit.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// Adds labels that list names with commas between them: of one label as many as the
    /// host takes, and further ones of the same key for the rest.
    ///
    /// ```
    /// use warden_sdk::Verdict;
    /// let verdict = Verdict::new().label_list("roles", ["reader", "writer"]);
    /// assert_eq!(verdict.to_string(), "label roles=reader,writer");
    /// ```
    pub fn label_list<T: AsRef<str>>(
        mut self,
        key: &str,
        names: impl IntoIterator<Item = T>,
    ) -> Self {
        let mut list = String::new();
        for name in names {
            let name = name.as_ref();
            if !list.is_empty() {
                if list.len() + 1 + name.len() > MAX_LABEL_BYTES {
                    self = self.label(key, std::mem::take(&mut list));
                } else {
                    list.push(',');
                }
            }
            list.push_str(name);
        }
        if list.is_empty() {
            return self;
        }
        self.label(key, list)
    }

    /// The grants.
    pub fn grants(&self) -> &[Vec<AclRule>] {
        &self.grants
    }

    /// The restrictions.
    pub fn restrictions(&self) -> &[Restriction] {
        &self.restrictions
    }

    /// The labels, in their order.
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// The refusal, if this is one.
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }
}

/// The shorter of a bound so far and another, in whole seconds.
fn shorter(sofar: Option<Duration>, other: Duration) -> Duration {
    let other = Duration::from_secs(other.as_secs());
    sofar.map_or(other, |sofar| sofar.min(other))
}

impl fmt::Display for Verdict {
    /// One line for golden files; parts are divided by `; `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if let Some(Denial { public, internal }) = &self.denial {
            let say =
                |text: &Option<String>| text.as_ref().map_or("-".to_owned(), |t| format!("{t:?}"));
            parts.push(format!("deny {} {}", say(public), say(internal)));
        }
        parts.extend(self.grants.iter().map(|rules| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            format!("grant {}", rules.join(" "))
        }));
        parts.extend(self.restrictions.iter().map(|r| format!("restrict {r}")));
        parts.extend(self.valid_for.map(|d| format!("valid {}s", d.as_secs())));
        parts.extend(
            self.session_ttl
                .map(|d| format!("session {}s", d.as_secs())),
        );
        parts.extend(
            self.labels
                .iter()
                .map(|(key, value)| format!("label {key}={value}")),
        );
        if parts.is_empty() {
            return f.write_str("no opinion");
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_bounds_the_shorter_stays() {
        let verdict = Verdict::new()
            .session_ttl(Duration::from_secs(60))
            .session_ttl(Duration::from_secs(30))
            .session_ttl(Duration::from_secs(90))
            .valid_for(Duration::from_millis(1999));
        assert_eq!(verdict.to_string(), "valid 1s; session 30s");
    }

    #[test]
    fn a_list_too_long_for_one_label_goes_on_in_the_next() {
        let long = "r".repeat(100);
        let verdict = Verdict::new().label_list("roles", [&long, &long, &long]);
        let lengths: Vec<usize> = verdict.labels().iter().map(|(_, v)| v.len()).collect();
        assert_eq!(lengths, [201, 100]);
        assert_eq!(Verdict::new().label_list("roles", [""; 0]), Verdict::new());
    }

    #[test]
    fn a_refusal_keeps_its_two_texts_apart() {
        let verdict = Verdict::new()
            .deny("come back tomorrow")
            .deny_internally("outside office hours");
        let denial = verdict.denial().unwrap();
        assert_eq!(denial.public.as_deref(), Some("come back tomorrow"));
        assert_eq!(denial.internal.as_deref(), Some("outside office hours"));
        assert_eq!(
            verdict.to_string(),
            r#"deny "come back tomorrow" "outside office hours""#
        );
    }
}
