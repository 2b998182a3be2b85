//! Filters of searches for groups.
//!
//! In comes an operator's text with places `{dn}` and `{name}`, and values; out goes a
//! filter in which each value is that value and nothing else: it is put into the parts
//! that the text was read into, never into the text.

use ldap3::asn1::{PL, StructureTag};

use super::super::filter::EXTENSIBLE;
use super::Filter;

const DN: &[u8] = b"{dn}";
const NAME: &[u8] = b"{name}";

/// `LDAP_MATCHING_RULE_IN_CHAIN` of Active Directory: membership through any number of
/// groups.
pub(super) const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Most filters of one search, and the length after which no more are added: bounds what
/// a directory must take at once.
const MAX_BATCH: usize = 50;
const MAX_BATCH_BYTES: usize = 32 * 1024;

/// Searches that find together what any of the filters finds, each as large as it may be,
/// with the number of its filters.
pub(super) fn batches(filters: impl IntoIterator<Item = Filter>) -> Vec<(Filter, usize)> {
    let mut batches: Vec<Vec<Filter>> = Vec::new();
    let mut bytes = 0;
    for filter in filters {
        let more = filter.most_bytes();
        bytes += more;
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH && bytes <= MAX_BATCH_BYTES => {
                batch.push(filter);
            }
            _ => {
                batches.push(vec![filter]);
                bytes = more;
            }
        }
    }
    let counted = batches.into_iter().map(|batch| (batch.len(), batch));
    counted
        .map(|(count, batch)| (Filter::any(batch), count))
        .collect()
}

/// An operator's filter with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(StructureTag);

impl Template {
    /// Reads a template; parentheses around the whole may be left out.
    ///
    /// # Errors
    /// Words for the operator.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        // Names of attributes and of rules hold no brace: places stand in values only.
        let template = Self(Filter::parse(text)?.0);
        if !template.names_dn() && !template.names_name() {
            return Err("has neither {dn} nor {name}: everybody would be in the same groups");
        }
        let literal = text.replace("{dn}", "").replace("{name}", "");
        if literal.contains(['{', '}']) {
            return Err("has a brace that belongs to no place");
        }
        Ok(template)
    }

    /// Whether it asks by distinguished name.
    pub(super) fn names_dn(&self) -> bool {
        holds(&self.0, DN)
    }

    /// Whether it asks by an account's short name.
    pub(super) fn names_name(&self) -> bool {
        holds(&self.0, NAME)
    }

    /// Whether the directory itself follows the membership of groups.
    pub(super) fn is_in_chain(&self) -> bool {
        is_in_chain(&self.0)
    }

    /// The filter. What is filled in has no places.
    pub(super) fn fill(&self, dn: &str, name: &str) -> Filter {
        Filter(filled(&self.0, dn.as_bytes(), name.as_bytes()))
    }
}

fn holds(tag: &StructureTag, place: &[u8]) -> bool {
    match &tag.payload {
        PL::P(bytes) => bytes.windows(place.len()).any(|part| part == place),
        PL::C(parts) => parts.iter().any(|part| holds(part, place)),
    }
}

fn is_in_chain(tag: &StructureTag) -> bool {
    let PL::C(parts) = &tag.payload else {
        return false;
    };
    let has = |text: &[u8]| {
        parts
            .iter()
            .any(|part| matches!(&part.payload, PL::P(bytes) if bytes == text))
    };
    match tag.id {
        EXTENSIBLE => has(IN_CHAIN.as_bytes()) && has(DN),
        _ => parts.iter().any(is_in_chain),
    }
}

fn filled(tag: &StructureTag, dn: &[u8], name: &[u8]) -> StructureTag {
    let payload = match &tag.payload {
        PL::C(parts) => PL::C(parts.iter().map(|part| filled(part, dn, name)).collect()),
        PL::P(bytes) => PL::P(value(bytes, dn, name)),
    };
    StructureTag {
        class: tag.class,
        id: tag.id,
        payload,
    }
}

fn value(mut rest: &[u8], dn: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len() + dn.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = if let Some(after) = rest.strip_prefix(DN) {
            out.extend_from_slice(dn);
            after
        } else if let Some(after) = rest.strip_prefix(NAME) {
            out.extend_from_slice(name);
            after
        } else {
            out.push(byte);
            after
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &str, dn: &str, name: &str) -> Filter {
        Template::parse(template).unwrap().fill(dn, name)
    }

    /// The filter that a text without places is.
    fn read(text: &str) -> Filter {
        Filter::parse(text).unwrap()
    }

    #[test]
    fn values_stand_in_their_places() {
        for (template, dn, name, expected) in [
            (
                "(&(objectClass=group)(member={dn}))",
                "cn=a,dc=b",
                "a",
                "(&(objectClass=group)(member=cn=a,dc=b))",
            ),
            ("memberUid={name}", "cn=a", "b", "(memberUid=b)"),
            (
                "(|(member={dn})(memberUid={name}))",
                "{name}",
                "{dn}",
                "(|(member={name})(memberUid={dn}))",
            ),
            (
                "(member={dn})",
                r"cn=a\2c (b*)",
                "",
                r"(member=cn=a\5c2c \28b\2a\29)",
            ),
            ("(owner=x{dn}y*{name})", "1", "2", "(owner=x1y*2)"),
            (
                "(member:1.2.840.113556.1.4.1941:={dn})",
                "cn=a",
                "",
                "(member:1.2.840.113556.1.4.1941:=cn=a)",
            ),
        ] {
            assert_eq!(filled(template, dn, name), read(expected), "{template}");
        }
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
        let deep = |n| format!("{}(member={{dn}}){}", "(!".repeat(n), ")".repeat(n));
        assert!(Template::parse(&deep(31)).is_ok());
        assert!(Template::parse(&deep(32)).is_err());
        assert!(Template::parse(&deep(1300)).is_err());
        let long = format!("(&(member={{dn}})(cn={}))", "x".repeat(4096));
        assert!(Template::parse(&long).is_err());
    }

    #[test]
    fn in_chain_is_told_by_its_rule_and_place() {
        let is = |text: &str| Template::parse(text).unwrap().is_in_chain();
        assert!(is("(member:1.2.840.113556.1.4.1941:={dn})"));
        assert!(is(
            "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"
        ));
        for other in [
            "(member={dn})",
            "(&(member={dn})(x:1.2.840.113556.1.4.1941:=cn=managers))",
            "(member:1.2.840.113556.1.4.803:={dn})",
            "(cn=member:1.2.840.113556.1.4.1941:={dn})",
        ] {
            assert!(!is(other), "{other}");
        }
    }

    #[test]
    fn many_filters_become_few_searches() {
        let filters = |count: usize, bytes: usize| {
            let value = "x".repeat(bytes);
            (0..count).map(move |_| Filter::equal("member", &value))
        };
        assert!(batches(filters(0, 1)).is_empty());
        assert_eq!(batches(filters(1, 1)), [(read("(member=x)"), 1)]);
        let two = read("(|(member=x)(member=x))");
        assert_eq!(batches(filters(2, 1)), [(two, 2)]);
        let counts = |batches: Vec<(Filter, usize)>| -> Vec<usize> {
            batches.into_iter().map(|(_, count)| count).collect()
        };
        assert_eq!(counts(batches(filters(120, 10))), [50, 50, 20]);
        assert_eq!(counts(batches(filters(5, 15_000))), [2, 2, 1]);
        assert_eq!(counts(batches(filters(2, 40_000))), [1, 1]);
    }

    proptest! {
        #[test]
        fn a_value_is_itself_and_nothing_else(value in "(\\PC|[()*\\\\\0{}]){0,30}") {
            let expected = read(&format!("(member={})", ldap3::ldap_escape(value.as_str())));
            prop_assert_eq!(Filter::equal("member", &value), expected.clone());
            prop_assert_eq!(filled("(member={dn})", &value, ""), expected.clone());
            prop_assert_eq!(filled("(member={name})", "", &value), expected);
        }
    }
}
