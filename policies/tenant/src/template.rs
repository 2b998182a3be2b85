//! A bound with a place for the tenant: `~{tenant}:*`.
//!
//! In: an ACL rule as the data has it, later a tenant. Out: an ACL rule that is an
//! exact name or `literal*`. The value is put into the *unescaped* literal, and the
//! whole is escaped at once: there is no text that a value could close, open or
//! continue.
//!
//! INVARIANT: what two tenants may reach never meets. Two templates begin with the
//! same text or with texts that part, so in a name that both match, the value
//! begins at the same place; and no value holds a character that stands behind its
//! place in any template, so the first of these is where the value ends.

use warden_rules::{Access, Shape, Tail};
use warden_sdk::{AclRule, Pattern};

use crate::error::{Fault, Unusable};

/// What a rule must be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Keys,
    Channels,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Keys(Access),
    Channels,
}

/// A checked bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    kind: Kind,
    before: String,
    /// What stands behind the tenant; `None` where there is no place for one.
    after: Option<String>,
    tail: Tail,
}

impl Template {
    /// Reads a rule of the data.
    ///
    /// # Errors
    /// When it is no rule, about something else, no bound or none that bounds, or
    /// when its placeholder is misspelt or runs into what follows.
    pub(crate) fn parse(text: &str, place: Place) -> Result<Self, Fault> {
        let text = || text.to_owned();
        let (kind, pattern) = match (AclRule::parse(&text())?, place) {
            (AclRule::Keys(access, pattern), Place::Keys) => (Kind::Keys(access), pattern),
            (AclRule::Channels(pattern), Place::Channels) => (Kind::Channels, pattern),
            (_, Place::Keys) => return Err(Fault::NotKeys { text: text() }),
            (_, Place::Channels) => return Err(Fault::NotChannels { text: text() }),
        };
        let Shape { literal, tail } = pattern.shape();
        let literal = String::from_utf8(literal).map_err(|_| Fault::NotABound { text: text() })?;
        if tail == Tail::Glob {
            return Err(Fault::NotABound { text: text() });
        }
        if literal.is_empty() {
            return Err(Fault::Everything { text: text() });
        }
        let (before, after) = match literal.split_once("{tenant}") {
            Some((before, after)) => (before, Some(after)),
            None => (literal.as_str(), None),
        };
        if has_other_braces(before, after) {
            return Err(Fault::Brace { text: text() });
        }
        if tail == Tail::Any && after == Some("") {
            return Err(Fault::NoSeparator { text: text() });
        }
        Ok(Self {
            kind,
            before: before.to_owned(),
            after: after.map(str::to_owned),
            tail,
        })
    }

    /// Does it depend on the tenant?
    pub(crate) fn names_tenant(&self) -> bool {
        self.after.is_some()
    }

    /// The character behind the tenant's place.
    pub(crate) fn separator(&self) -> Option<char> {
        self.after.as_deref()?.chars().next()
    }

    /// Might one tenant's rule by this template meet another tenant's by the other?
    pub(crate) fn may_meet(&self, other: &Self) -> bool {
        let (a, b) = (self.before.as_str(), other.before.as_str());
        let both = self.names_tenant() && other.names_tenant();
        both && a != b && (a.starts_with(b) || b.starts_with(a))
    }

    /// The rule for one tenant, which holds no separator of any template.
    ///
    /// # Errors
    /// When the tenant holds something that may not stand in a rule: white space,
    /// control characters, quotes, parentheses.
    pub(crate) fn fill(&self, tenant: &str) -> Result<AclRule, Unusable> {
        let literal = match &self.after {
            Some(after) => [&self.before, tenant, after].concat(),
            None => self.before.clone(),
        };
        let pattern = match self.tail {
            Tail::Exact => Pattern::literal(&literal)?,
            Tail::Any | Tail::Glob => Pattern::prefix(&literal)?,
        };
        Ok(match self.kind {
            Kind::Keys(access) => AclRule::Keys(access, pattern),
            Kind::Channels => AclRule::Channels(pattern),
        })
    }
}

/// Braces other than the placeholder's own and a pair around it, a hash tag.
fn has_other_braces(before: &str, after: Option<&str>) -> bool {
    let tagged = before
        .strip_suffix('{')
        .zip(after.and_then(|after| after.strip_prefix('}')));
    let (before, after) = tagged.unwrap_or((before, after.unwrap_or_default()));
    [before, after].iter().any(|text| text.contains(['{', '}']))
}

/// Is there a name that lies in both bounds?
pub(crate) fn overlap(a: &AclRule, b: &AclRule) -> bool {
    let (a, b) = match (a, b) {
        (AclRule::Keys(_, a), AclRule::Keys(_, b)) => (a.shape(), b.shape()),
        (AclRule::Channels(a), AclRule::Channels(b)) => (a.shape(), b.shape()),
        _ => return false,
    };
    let inside = |inner: &Shape, outer: &Shape| {
        inner.literal == outer.literal
            || outer.tail != Tail::Exact && inner.literal.starts_with(&outer.literal)
    };
    inside(&a, &b) || inside(&b, &a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Template, Fault> {
        Template::parse(text, Place::Keys)
    }

    fn filled(text: &str, tenant: &str) -> String {
        let rule = keys(text).unwrap().fill(tenant);
        rule.map_or_else(|e| e.to_string(), |rule| rule.to_string())
    }

    #[test]
    fn the_tenant_takes_its_place() {
        assert_eq!(filled("~{tenant}:*", "acme"), "~acme:*");
        assert_eq!(filled("%R~app:{tenant}:*", "acme"), "%R~app:acme:*");
        assert_eq!(filled("~settings:{tenant}", "acme"), "~settings:acme");
        assert_eq!(filled("~{{tenant}}:*", "acme"), "~{acme}:*");
        assert_eq!(filled("~shared:*", "acme"), "~shared:*");
        assert_eq!(filled(r"~a\*{tenant}:*", "b"), r"~a\*b:*");
    }

    #[test]
    fn a_tenant_is_literal_text_or_refused() {
        assert_eq!(filled("~{tenant}:*", "*"), r"~\*:*");
        assert_eq!(filled("~{tenant}:*", "{tenant}"), "~{tenant}:*");
        assert_eq!(filled("~{tenant}:*", r"a\"), r"~a\\:*");
        for value in ["a b", "a\n", "a\"", "a'", "(a", "a)", "a\u{a0}b"] {
            assert!(
                keys("~{tenant}:*").unwrap().fill(value).is_err(),
                "{value:?}"
            );
        }
    }

    #[test]
    fn what_does_not_bound_a_tenant_is_refused() {
        assert!(matches!(keys("~{tenant}*"), Err(Fault::NoSeparator { .. })));
        for text in ["~*", "%R~*", "~**"] {
            assert!(
                matches!(keys(text), Err(Fault::Everything { .. })),
                "{text}"
            );
        }
        for text in [
            "~*:{tenant}",
            "~{tenant}:?",
            "~{tenant}:[ab]*",
            "~a*{tenant}",
        ] {
            assert!(matches!(keys(text), Err(Fault::NotABound { .. })), "{text}");
        }
    }

    #[test]
    fn braces_are_for_the_placeholder() {
        for text in [
            "~{tennant}:*",
            "~{tenant:*",
            "~tenant}:*",
            "~{{tenant}:*",
            "~{tenant}}:*",
            "~{}:*",
            "~{ab}:*",
            "~{tenant}:{tenant}:*",
            "~{{{tenant}}}:*",
        ] {
            assert!(matches!(keys(text), Err(Fault::Brace { .. })), "{text}");
        }
    }

    #[test]
    fn a_rule_about_something_else_is_refused() {
        for text in ["&{tenant}.*", "+get", "-get", "db=0", "alldbs"] {
            assert!(matches!(keys(text), Err(Fault::NotKeys { .. })), "{text}");
        }
        let channels = |text| Template::parse(text, Place::Channels);
        let refused = channels("~{tenant}:*");
        assert!(matches!(refused, Err(Fault::NotChannels { .. })));
        assert!(channels("&{tenant}.*").is_ok());
        for text in ["{tenant}:*", "", "~a b", "nopass", "(~{tenant}:*)"] {
            assert!(matches!(keys(text), Err(Fault::Rule(_))), "{text}");
        }
    }
}
