//! Filters of searches (RFC 4515).
//!
//! In come names of attributes, values, and an operator's text with places `{dn}` and
//! `{name}`; out goes a filter in which each value is that value and nothing else.

use ldap3::ldap_escape;

const DN: &str = "{dn}";
const NAME: &str = "{name}";

/// `LDAP_MATCHING_RULE_IN_CHAIN` of Active Directory: membership through any number of
/// groups.
pub(super) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Longest template, in bytes.
const MAX_BYTES: usize = 4096;

/// Most filters of one search, and the length after which no more are added: bounds what
/// a directory must take at once.
const MAX_BATCH: usize = 50;
const MAX_BATCH_BYTES: usize = 32 * 1024;

/// A whole filter, in its parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(String);

impl Filter {
    /// Entries with any value of an attribute.
    pub(crate) fn present(attribute: &str) -> Self {
        Self(format!("({attribute}=*)"))
    }

    /// Entries with this value.
    pub(crate) fn equal(attribute: &str, value: &str) -> Self {
        Self(format!("({attribute}={})", ldap_escape(value)))
    }

    /// The filter as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Searches that find together what any of the filters finds, each as large as it may be,
/// with the number of its filters.
pub(super) fn batches(filters: impl IntoIterator<Item = Filter>) -> Vec<(Filter, usize)> {
    let mut batches = Vec::new();
    let mut together = String::new();
    let mut count = 0;
    for Filter(filter) in filters {
        let is_full = count == MAX_BATCH || together.len() + filter.len() > MAX_BATCH_BYTES;
        if count > 0 && is_full {
            batches.push((any(&together, count), count));
            together.clear();
            count = 0;
        }
        together.push_str(&filter);
        count += 1;
    }
    if count > 0 {
        batches.push((any(&together, count), count));
    }
    batches
}

fn any(filters: &str, count: usize) -> Filter {
    if count == 1 {
        return Filter(filters.to_owned());
    }
    Filter(["(|", filters, ")"].concat())
}

/// An operator's filter with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
}

impl Template {
    /// Checks a template; the outermost parentheses may be missing.
    ///
    /// # Errors
    /// Words for the operator.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("takes at most {MAX_BYTES} bytes"));
        }
        let text = if text.starts_with('(') {
            text.to_owned()
        } else {
            ["(", text, ")"].concat()
        };
        let template = Self { text };
        if !template.names_dn() && !template.names_name() {
            return Err(
                "has neither {dn} nor {name}: everybody would be in the same groups".to_owned(),
            );
        }
        let literal = template.text.replace(DN, "").replace(NAME, "");
        if literal.contains(['{', '}']) {
            return Err(
                "has a brace that belongs to no place; write \\7b or \\7d for one".to_owned(),
            );
        }
        // Nothing but a value can be this, so a place cannot stand for anything else.
        let Filter(probe) = template.fill("(*)", "(*)");
        if ldap3::parse_filter(&probe).is_err() {
            return Err("is not a filter (RFC 4515) with places for values".to_owned());
        }
        Ok(template)
    }

    /// Whether it asks by distinguished name.
    pub(super) fn names_dn(&self) -> bool {
        self.text.contains(DN)
    }

    /// Whether it asks by an account's short name.
    pub(super) fn names_name(&self) -> bool {
        self.text.contains(NAME)
    }

    /// Whether the directory itself follows the membership of groups.
    pub(super) fn is_in_chain(&self) -> bool {
        self.text.contains(&format!(":{IN_CHAIN}:={DN}"))
    }

    /// The filter. What is filled in has no places.
    pub(super) fn fill(&self, dn: &str, name: &str) -> Filter {
        let mut out = String::with_capacity(self.text.len() + dn.len());
        let mut rest = self.text.as_str();
        while let Some(start) = rest.find('{') {
            let (before, place) = rest.split_at(start);
            out.push_str(before);
            rest = if let Some(after) = place.strip_prefix(DN) {
                out.push_str(&ldap_escape(dn));
                after
            } else if let Some(after) = place.strip_prefix(NAME) {
                out.push_str(&ldap_escape(name));
                after
            } else {
                out.push('{');
                place.get(1..).unwrap_or_default()
            };
        }
        out.push_str(rest);
        Filter(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3::asn1::{ASNTag, PL, StructureTag};
    use proptest::prelude::*;

    fn filled(template: &str, dn: &str, name: &str) -> String {
        let template = Template::parse(template).unwrap();
        template.fill(dn, name).as_str().to_owned()
    }

    #[test]
    fn values_stand_in_their_places() {
        assert_eq!(
            filled("(&(objectClass=group)(member={dn}))", "cn=a,dc=b", "a"),
            "(&(objectClass=group)(member=cn=a,dc=b))"
        );
        assert_eq!(filled("memberUid={name}", "cn=a", "b"), "(memberUid=b)");
        assert_eq!(
            filled("(|(member={dn})(memberUid={name}))", "{name}", "{dn}"),
            "(|(member={name})(memberUid={dn}))"
        );
        assert_eq!(
            filled("(member={dn})", r"cn=a\2c (b*)", ""),
            r"(member=cn=a\5c2c \28b\2a\29)"
        );
    }

    #[test]
    fn a_template_that_is_no_filter_is_an_error() {
        for bad in [
            "",
            "(objectClass=*)",
            "(member={dn}",
            "(member={dn}))",
            "(member={dn})(cn=x)",
            "({dn}=x)",
            "({dn})",
            "{dn}",
            "(member:{name}:=x)",
            "(&(member={dn})({name}))",
            "(member={user})",
            "(&(member={dn})(cn={))",
            "(&(member={dn})(cn=}))",
            "(member=(x){dn})",
            "(member=%s)",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        let long = format!("(&(member={{dn}})(cn={}))", "x".repeat(MAX_BYTES));
        assert!(Template::parse(&long).is_err());
    }

    #[test]
    fn in_chain_is_told_by_its_rule_and_place() {
        let is = |text: &str| Template::parse(text).unwrap().is_in_chain();
        assert!(is("(member:1.2.840.113556.1.4.1941:={dn})"));
        assert!(!is("(member={dn})"));
        assert!(!is(
            "(&(member={dn})(x:1.2.840.113556.1.4.1941:=cn=managers))"
        ));
    }

    #[test]
    fn many_filters_become_few_searches() {
        let filters = |count: usize, bytes: usize| {
            let value = "x".repeat(bytes);
            (0..count).map(move |_| Filter::equal("member", &value))
        };
        assert!(batches(filters(0, 1)).is_empty());
        let [(one, 1)] = &batches(filters(1, 1))[..] else {
            panic!("one search");
        };
        assert_eq!(one.as_str(), "(member=x)");
        let [(two, 2)] = &batches(filters(2, 1))[..] else {
            panic!("one search");
        };
        assert_eq!(two.as_str(), "(|(member=x)(member=x))");
        let counts = |batches: Vec<(Filter, usize)>| -> Vec<usize> {
            batches.into_iter().map(|(_, count)| count).collect()
        };
        assert_eq!(counts(batches(filters(120, 10))), [50, 50, 20]);
        assert_eq!(counts(batches(filters(5, 15_000))), [2, 2, 1]);
        assert_eq!(counts(batches(filters(2, 40_000))), [1, 1]);
    }

    /// The value of an equality as ldap3 sends it.
    fn sent(filter: &str) -> Option<Vec<u8>> {
        let StructureTag { id: 3, payload, .. } =
            ldap3::parse_filter(filter).ok()?.into_structure()
        else {
            return None;
        };
        match payload {
            PL::C(mut parts) => parts.pop()?.expect_primitive(),
            PL::P(_) => None,
        }
    }

    proptest! {
        #[test]
        fn a_value_is_sent_as_itself_and_nothing_else(value in "(\\PC|[()*\\\\\0{}]){0,30}") {
            let bytes = Some(value.as_bytes().to_vec());
            prop_assert_eq!(sent(Filter::equal("member", &value).as_str()), bytes.clone());
            prop_assert_eq!(sent(&filled("(member={dn})", &value, "")), bytes.clone());
            prop_assert_eq!(sent(&filled("(memberUid={name})", "", &value)), bytes);
        }
    }
}
