//! A bound with a place for the tenant: `~{tenant}:*`.
//!
//! In: an ACL rule as the data has it, later a tenant. Out: an ACL rule that is an
//! exact name or `literal*`. How a value is put into a rule is the SDK's
//! [`Template`]; here is what bounds and tenants are beyond that.
//!
//! INVARIANT: what two tenants may reach never meets. Two bounds begin with the
//! same text or with texts that part, so in a name that both match, the value
//! begins at the same place; and no value holds a character that stands behind its
//! place in any bound, so the first of these is where the value ends.

use warden_sdk::{AclRule, Bound as Names, Pattern, PatternTemplate, Template};

use crate::error::{Fault, Unusable};

/// The one place a bound may have.
const PLACE: &str = "tenant";

/// What a rule must be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Keys,
    Channels,
}

/// A checked bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    template: Template,
    /// What every match begins with: up to the tenant's place, where there is one.
    beginning: Vec<u8>,
}

impl Bound {
    /// Reads a rule of the data.
    ///
    /// # Errors
    /// When it is no rule, about something else, no bound or none that bounds, or
    /// when its place is misspelt or runs into what follows.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, Fault> {
        let text = || text.to_owned();
        let pattern = match (AclRule::parse(&text())?, kind) {
            (AclRule::Keys(_, pattern), Kind::Keys)
            | (AclRule::Channels(pattern), Kind::Channels) => pattern,
            (_, Kind::Keys) => return Err(Fault::NotKeys { text: text() }),
            (_, Kind::Channels) => return Err(Fault::NotChannels { text: text() }),
        };
        let names = Names::new(&pattern).ok().flatten();
        let names = names.ok_or_else(|| Fault::NotABound { text: text() })?;
        if names.is_any() {
            return Err(Fault::Everything { text: text() });
        }
        let template = Template::parse(&text())?;
        if let Some(place) = template.places().find(|place| *place != PLACE) {
            let (text, place) = (text(), place.to_owned());
            return Err(Fault::Place { text, place });
        }
        let beginning = template.pattern().map(PatternTemplate::beginning);
        Ok(Self {
            template,
            beginning: beginning.unwrap_or_default(),
        })
    }

    /// Does it depend on the tenant?
    pub(crate) fn names_tenant(&self) -> bool {
        self.template.places().next().is_some()
    }

    /// The characters behind the tenant's place.
    pub(crate) fn separators(&self) -> impl Iterator<Item = char> {
        let pattern = self.template.pattern();
        pattern.into_iter().flat_map(PatternTemplate::separators)
    }

    /// Might one tenant's rule by this bound meet another tenant's by the other?
    pub(crate) fn may_meet(&self, other: &Self) -> bool {
        let (a, b) = (&self.beginning, &other.beginning);
        let both = self.names_tenant() && other.names_tenant();
        both && a != b && (a.starts_with(b) || b.starts_with(a))
    }

    /// The rule for one tenant, which holds no separator of any bound.
    ///
    /// # Errors
    /// When the tenant holds something that may not stand in a rule: white space,
    /// control characters, quotes, parentheses.
    pub(crate) fn fill(&self, tenant: &str) -> Result<AclRule, Unusable> {
        Ok(self.template.fill(|_| Some(tenant))?)
    }
}

/// Is there a name that lies in both bounds?
pub(crate) fn overlap(a: &AclRule, b: &AclRule) -> bool {
    let names = |pattern: &Pattern| Names::new(pattern).ok().flatten();
    let (a, b) = match (a, b) {
        (AclRule::Keys(_, a), AclRule::Keys(_, b)) => (names(a), names(b)),
        (AclRule::Channels(a), AclRule::Channels(b)) => (names(a), names(b)),
        _ => return false,
    };
    // What is no bound could meet anything.
    a.zip(b).is_none_or(|(a, b)| a.intersect(&b).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_sdk::TemplateError;

    fn keys(text: &str) -> Result<Bound, Fault> {
        Bound::parse(text, Kind::Keys)
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
    }

    #[test]
    fn what_does_not_bound_a_tenant_is_refused() {
        assert!(matches!(
            keys("~{tenant}*"),
            Err(Fault::Template(TemplateError::NoSeparator { .. }))
        ));
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
    fn places_are_for_the_tenant() {
        for text in ["~{tennant}:*", "~{ab}:*", "~{tenant}:{user}:*"] {
            assert!(matches!(keys(text), Err(Fault::Place { .. })), "{text}");
        }
        for text in ["~{tenant:*", "~tenant}:*", "~{}:*", "~{{tenant}:*"] {
            let brace = keys(text);
            assert!(
                matches!(brace, Err(Fault::Template(TemplateError::Brace { .. }))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_rule_about_something_else_is_refused() {
        for text in ["&{tenant}.*", "+get", "-get", "db=0", "alldbs"] {
            assert!(matches!(keys(text), Err(Fault::NotKeys { .. })), "{text}");
        }
        let channels = |text| Bound::parse(text, Kind::Channels);
        let refused = channels("~{tenant}:*");
        assert!(matches!(refused, Err(Fault::NotChannels { .. })));
        assert!(channels("&{tenant}.*").is_ok());
        for text in ["{tenant}:*", "", "~a b", "nopass", "(~{tenant}:*)"] {
            assert!(matches!(keys(text), Err(Fault::Rule(_))), "{text}");
        }
    }

    #[test]
    fn bounds_overlap_where_a_name_lies_in_both() {
        let rule = |text| AclRule::parse(text).unwrap();
        for (a, b, meet) in [
            ("~a:*", "~a:b", true),
            ("~a:*", "%R~a:b:*", true),
            ("~a:*", "~b:*", false),
            ("~a", "~ab", false),
            ("~a:*", "&a:*", false),
            ("&a.*", "&a.b", true),
        ] {
            assert_eq!(overlap(&rule(a), &rule(b)), meet, "{a} {b}");
            assert_eq!(overlap(&rule(b), &rule(a)), meet, "{b} {a}");
        }
    }
}
