//! `[groups]`: where an account's groups are found, and which count.
//!
//! In comes the table; out go settings in which no invalid value can exist. Nobody is
//! asked here.

use ldap3::Scope;
use warden_settings::Section;

use super::super::name::is_type;
use super::Identifiers;
use super::dn::Dn;
use super::filter::{IN_CHAIN, Template};

/// Checked settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) source: Source,
    /// Groups elsewhere do not count.
    pub(super) base: Option<Dn>,
    pub(super) scope: Scope,
    /// Whether the groups of groups are found by walking, and how far: groups of groups
    /// of the account's own are at 1.
    pub(super) walk: Option<u64>,
    /// Over it the account is refused.
    pub(super) most_groups: usize,
    pub(super) name: Naming,
    pub(super) identifiers: Identifiers,
}

/// What says which groups an account, or a group, is in.
#[derive(Debug)]
pub(super) enum Source {
    /// An attribute of the entry itself.
    MemberOf(String),
    /// A search for groups.
    Search(Template),
}

/// What a group is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// The common name in the first part of its distinguished name.
    CommonName,
    /// Its distinguished name.
    Dn,
    /// The only value of an attribute of its entry.
    Attribute(String),
}

impl Settings {
    /// Takes `[groups]` out of a file; `None` when it is absent or at fault.
    pub(super) fn read(file: &mut Section, identifiers: Identifiers) -> Option<Self> {
        if !file.has("groups") {
            return None;
        }
        let mut table = file.section("groups");
        let nested = nested(&mut table);
        let source = source(&mut table, nested);
        let walk = walk(&mut table, nested, source.as_ref());
        let name = naming(&mut table);
        let base = base(&mut table, source.as_ref(), &name);
        let settings = source.map(|source| Self {
            source,
            base,
            scope: scope(&mut table),
            walk,
            most_groups: usize::try_from(table.whole("most_groups", 1000, 1..=10_000))
                .unwrap_or(1000),
            name,
            identifiers,
        });
        let is_good = table.is_good();
        file.close(table);
        settings.filter(|_| is_good)
    }

    /// Whether a group is where groups count.
    pub(super) fn counts(&self, dn: &Dn) -> bool {
        self.base
            .as_ref()
            .is_none_or(|base| dn.lies_in(base, self.scope))
    }

    /// Where searches for groups begin.
    pub(super) fn base(&self) -> &str {
        self.base.as_ref().map_or("", Dn::as_str)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nested {
    None,
    Walk,
    InChain,
}

fn nested(table: &mut Section) -> Nested {
    let expected = "\"none\", \"walk\" or \"in-chain\"";
    let nested: Option<String> = table.optional("nested", expected);
    match nested.as_deref() {
        None | Some("none") => Nested::None,
        Some("walk") => Nested::Walk,
        Some("in-chain") => Nested::InChain,
        Some(_) => {
            table.fault("nested", format!("must be {expected}"));
            Nested::None
        }
    }
}

fn source(table: &mut Section, nested: Nested) -> Option<Source> {
    let expected = "\"member-of\" or \"search\"";
    let from: Option<String> = table.optional("from", expected);
    match from.as_deref() {
        None | Some("member-of") => {
            if nested == Nested::InChain {
                table.fault("nested", "in-chain is a search: it needs from = \"search\"");
            }
            if table.has("filter") {
                let _unused: Option<String> = table.optional("filter", "a string");
                table.fault("filter", "is for from = \"search\"");
            }
            let attribute = attribute(table, "member_of_attribute");
            Some(Source::MemberOf(
                attribute.unwrap_or_else(|| "memberOf".to_owned()),
            ))
        }
        Some("search") => {
            if table.has("member_of_attribute") {
                let _unused: Option<String> = table.optional("member_of_attribute", "a string");
                table.fault("member_of_attribute", "is for from = \"member-of\"");
            }
            filter(table, nested).map(Source::Search)
        }
        Some(_) => {
            table.fault("from", format!("must be {expected}"));
            None
        }
    }
}

fn filter(table: &mut Section, nested: Nested) -> Option<Template> {
    let default = match nested {
        Nested::InChain => format!("(member:{IN_CHAIN}:={{dn}})"),
        Nested::None | Nested::Walk => "(member={dn})".to_owned(),
    };
    let text: Option<String> = table.optional("filter", "a filter with {dn} or {name}");
    let template = Template::parse(&text.unwrap_or(default));
    let template = template.map_err(|why| table.fault("filter", why)).ok()?;
    if nested == Nested::InChain && !template.is_in_chain() {
        table.fault(
            "filter",
            format!("has no (member:{IN_CHAIN}:={{dn}}), which nested = \"in-chain\" is"),
        );
    }
    if nested == Nested::Walk && (template.names_name() || !template.names_dn()) {
        table.fault(
            "filter",
            "must ask by {dn} alone for nested = \"walk\": groups have no account's name",
        );
    }
    Some(template)
}

fn walk(table: &mut Section, nested: Nested, source: Option<&Source>) -> Option<u64> {
    let has_depth = table.has("depth");
    let depth = table.whole("depth", 10, 1..=32);
    if has_depth && nested != Nested::Walk && source.is_some() {
        table.fault("depth", "is for nested = \"walk\"");
    }
    (nested == Nested::Walk).then_some(depth)
}

fn naming(table: &mut Section) -> Naming {
    let name: Option<String> = table.optional("name", "\"cn\", \"dn\" or an attribute");
    match name.as_deref() {
        None => Naming::CommonName,
        Some(name) if name.eq_ignore_ascii_case("cn") => Naming::CommonName,
        Some(name) if name.eq_ignore_ascii_case("dn") => Naming::Dn,
        Some(name) if is_type(name) => Naming::Attribute(name.to_owned()),
        Some(_) => {
            table.fault("name", "must be \"cn\", \"dn\" or an attribute of groups");
            Naming::Dn
        }
    }
}

/// Whoever may add an entry anywhere in a directory could otherwise name it as a group
/// that grants something.
fn base(table: &mut Section, source: Option<&Source>, name: &Naming) -> Option<Dn> {
    let is_needed = matches!(source, Some(Source::Search(_))) || *name != Naming::Dn;
    let expected = "the distinguished name under which groups count";
    let base: Option<String> = if is_needed {
        table.mandatory("base", expected)
    } else {
        table.optional("base", expected)
    };
    Dn::parse(&base?)
        .map_err(|why| table.fault("base", why.to_string()))
        .ok()
}

fn scope(table: &mut Section) -> Scope {
    let expected = "\"base\", \"one\" or \"sub\"";
    let scope: Option<String> = table.optional("scope", expected);
    match scope.as_deref() {
        Some("base") => Scope::Base,
        Some("one") => Scope::OneLevel,
        None | Some("sub") => Scope::Subtree,
        Some(_) => {
            table.fault("scope", format!("must be {expected}"));
            Scope::Subtree
        }
    }
}

fn attribute(table: &mut Section, key: &str) -> Option<String> {
    let name: String = table.optional(key, "the name of an attribute")?;
    if !is_type(&name) {
        table.fault(key, "is not the name of an attribute");
        return None;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifiers() -> Identifiers {
        Identifiers {
            dn: "entryDN".to_owned(),
            name: "uid".to_owned(),
        }
    }

    fn read(text: &str) -> (Option<Settings>, Vec<String>) {
        let mut file = Section::parse(text.as_bytes()).unwrap();
        let settings = Settings::read(&mut file, identifiers());
        let faults = file.finish().into_iter();
        let faults = faults.map(|fault| fault.in_file(std::path::Path::new("f")).to_string());
        (settings, faults.collect())
    }

    #[test]
    fn without_the_table_there_are_no_groups() {
        let (settings, faults) = read("");
        assert!(settings.is_none() && faults.is_empty());
    }

    #[test]
    fn every_way_is_complete_with_few_keys() {
        for text in [
            "base = 'ou=groups,dc=x'",
            "name = 'dn'",
            "base = 'dc=x'\nname = 'sAMAccountName'\nnested = 'walk'\ndepth = 3",
            "from = 'search'\nbase = 'dc=x'",
            "from = 'search'\nbase = 'dc=x'\nnested = 'walk'",
            "from = 'search'\nbase = 'dc=x'\nnested = 'in-chain'",
            "from = 'search'\nbase = 'dc=x'\nscope = 'one'\nfilter = 'memberUid={name}'",
            "from = 'search'\nbase = 'dc=x'\nnested = 'in-chain'\nfilter = '(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))'",
            "from = 'member-of'\nbase = 'dc=x'\nmember_of_attribute = 'isMemberOf'\nmost_groups = 10000",
        ] {
            let (settings, faults) = read(&format!("[groups]\n{text}"));
            assert_eq!(faults, Vec::<String>::new(), "{text}");
            assert!(settings.is_some(), "{text}");
        }
    }

    #[test]
    fn every_bad_value_is_named_with_its_key() {
        for (text, key) in [
            ("", "groups.base: is missing"),
            ("from = 'search'\nname = 'dn'", "groups.base: is missing"),
            ("base = ''", "groups.base: is empty"),
            ("base = 'groups'", "groups.base: has a part"),
            ("base = 'dc=x'\nfrom = 'memberOf'", "groups.from"),
            ("base = 'dc=x'\nfilter = '(member={dn})'", "groups.filter"),
            ("base = 'dc=x'\nnested = 'in-chain'", "groups.nested"),
            ("base = 'dc=x'\nnested = true", "groups.nested"),
            ("base = 'dc=x'\nnested = 'all'", "groups.nested"),
            ("base = 'dc=x'\nscope = 'tree'", "groups.scope"),
            ("base = 'dc=x'\ndepth = 3", "groups.depth"),
            (
                "base = 'dc=x'\nnested = 'walk'\ndepth = 0",
                "groups.depth: must be a whole number from 1 to 32",
            ),
            ("base = 'dc=x'\nmost_groups = 0", "groups.most_groups"),
            ("base = 'dc=x'\nmost_groups = 10001", "groups.most_groups"),
            ("base = 'dc=x'\nname = ''", "groups.name"),
            ("base = 'dc=x'\nname = 'cn;x'", "groups.name"),
            (
                "base = 'dc=x'\nmember_of_attribute = 'a b'",
                "groups.member_of_attribute",
            ),
            (
                "base = 'dc=x'\nfrom = 'search'\nmember_of_attribute = 'memberOf'",
                "groups.member_of_attribute",
            ),
            (
                "base = 'dc=x'\nfrom = 'search'\nfilter = '(member=%s)'",
                "groups.filter",
            ),
            (
                "base = 'dc=x'\nfrom = 'search'\nnested = 'walk'\nfilter = '(memberUid={name})'",
                "groups.filter",
            ),
            (
                "base = 'dc=x'\nfrom = 'search'\nnested = 'walk'\nfilter = '(|(member={dn})(memberUid={name}))'",
                "groups.filter",
            ),
            (
                "base = 'dc=x'\nfrom = 'search'\nnested = 'in-chain'\nfilter = '(member={dn})'",
                "groups.filter",
            ),
            (
                "base = 'dc=x'\ngroup_base = 'dc=x'",
                "groups.group_base: is not a known key",
            ),
        ] {
            let (settings, faults) = read(&format!("[groups]\n{text}"));
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert!(faults[0].contains(key), "{text}: {faults:?}");
            assert!(settings.is_none() || key.contains("known"), "{text}");
        }
    }
}
