//! Rules with places for values: `~{tenant}:*`.
//!
//! In: a rule as an author wrote it, later a value for each place. Out: an
//! [`AclRule`] of the same kind about the same keys or channels, where each value
//! stands for itself. Commands, categories and databases have no places: what may be
//! done is never somebody's text.

use std::fmt;

use crate::{Access, AclRule, FillError, PatternTemplate, PlaceValue, TemplateError};

/// A rule with places for values, or a rule as it is.
///
/// ```
/// use warden_rules::Template;
/// let mine = Template::parse("%R~{tenant}:{user}:*")?;
/// assert_eq!(mine.places().collect::<Vec<_>>(), ["tenant", "user"]);
/// let rule = mine.fill(|place| match place {
///     "tenant" => Some("acme"),
///     "user" => Some("alice*"),
///     _ => None,
/// })?;
/// assert_eq!(rule.to_string(), r"%R~acme:alice\*:*");
/// // No value breaks out of its rule.
/// assert!(mine.fill(|_| Some("a ~* +@all")).is_err());
/// // A rule without places is itself, and what may be done has none.
/// assert_eq!(Template::parse("+@read")?.fill(|_| Some("x"))?.to_string(), "+@read");
/// assert!(Template::parse("+{command}").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Fixed(AclRule),
    Keys(Access, PatternTemplate),
    Channels(PatternTemplate),
}

impl Template {
    /// Reads a rule, which may have places where it names keys or channels.
    ///
    /// # Errors
    /// When it is no rule, and as [`PatternTemplate::parse`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self(match AclRule::parse(text)? {
            AclRule::Keys(access, keys) => {
                Kind::Keys(access, PatternTemplate::parse(keys.as_str())?)
            }
            AclRule::Channels(channels) => {
                Kind::Channels(PatternTemplate::parse(channels.as_str())?)
            }
            fixed => Kind::Fixed(fixed),
        }))
    }

    /// What it says of keys or channels; `None` for a rule about something else.
    pub fn pattern(&self) -> Option<&PatternTemplate> {
        match &self.0 {
            Kind::Keys(_, pattern) | Kind::Channels(pattern) => Some(pattern),
            Kind::Fixed(_) => None,
        }
    }

    /// Its places' names, in their order; one may stand there twice.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.pattern().into_iter().flat_map(PatternTemplate::places)
    }

    /// The rule for these values.
    ///
    /// # Errors
    /// As [`PatternTemplate::fill`].
    pub fn fill<'v, V: Into<PlaceValue<'v>>>(
        &self,
        value: impl Fn(&str) -> Option<V>,
    ) -> Result<AclRule, FillError> {
        Ok(match &self.0 {
            Kind::Fixed(rule) => rule.clone(),
            Kind::Keys(access, pattern) => AclRule::Keys(*access, pattern.fill(value)?),
            Kind::Channels(pattern) => AclRule::Channels(pattern.fill(value)?),
        })
    }

    /// Whether it gives a command or a category.
    pub fn gives_commands(&self) -> bool {
        matches!(&self.0, Kind::Fixed(rule) if rule.gives_commands())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Fixed(rule) => rule.fmt(f),
            Kind::Keys(access, pattern) => write!(f, "{access}{pattern}"),
            Kind::Channels(pattern) => write!(f, "&{pattern}"),
        }
    }
}
