//! The metadata of a core module: which packages of interfaces it speaks of.
//!
//! In come the bytes of a valid module, out goes a refusal of packages that need
//! one another in a circle. Every section of metadata may be sound by itself and
//! the circle only be there once they are joined; the library that joins them then
//! follows it until the stack of the loader's thread, and with it the server, ends.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{Module, RawSection, SectionId};
use wasmparser::{Parser, Payload};
use wit_component::metadata;

use crate::error::{Fault, gist};

/// What the names of sections of metadata begin with.
pub(crate) const SECTION: &str = "component-type";

/// By package, the packages it needs. Versions are left out, for lifting may join
/// those that are compatible.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// Refuses metadata whose packages, of all sections together, need one another in
/// a circle.
///
/// # Errors
/// When they do, or a section is malformed.
pub(crate) fn check_packages(module: &[u8]) -> Result<(), Fault> {
    let mut needs = Needs::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|e| Fault::NotComponent(gist(&e.to_string())))? {
            Payload::CustomSection(section) if section.name().starts_with(SECTION) => {
                add(&mut needs, module.get(section.range()).unwrap_or_default())?;
            }
            _ => {}
        }
    }
    if has_circle(needs) {
        return Err(Fault::NotComponent(
            "its metadata has packages that need one another in a circle".into(),
        ));
    }
    Ok(())
}

/// Adds the packages of one section, read by itself.
fn add(needs: &mut Needs, section: &[u8]) -> Result<(), Fault> {
    let (_, read) = metadata::decode(&module_of(section))
        .map_err(|e| Fault::NotComponent(gist(&format!("{e:#}"))))?;
    let packages = &read.resolve.packages;
    let name = |id| {
        let package = packages.get(id)?;
        Some(format!("{}:{}", package.name.namespace, package.name.name))
    };
    for (id, _) in packages.iter() {
        let needed = read.resolve.package_direct_deps(id).filter_map(name);
        if let Some(name) = name(id) {
            needs.entry(name).or_default().extend(needed);
        }
    }
    Ok(())
}

/// A module of nothing but this custom section.
fn module_of(section: &[u8]) -> Vec<u8> {
    let mut module = Module::new();
    module.section(&RawSection {
        id: SectionId::Custom.into(),
        data: section,
    });
    module.finish()
}

/// Takes away what needs nothing that is left, until nothing can be taken.
fn has_circle(mut needs: Needs) -> bool {
    loop {
        let free: Vec<String> = needs
            .iter()
            .filter(|(_, needed)| !needed.iter().any(|one| needs.contains_key(one)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            return !needs.is_empty();
        }
        for name in free {
            needs.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_hostile::Guest;

    fn needs(all: &[(&str, &[&str])]) -> Needs {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        all.iter()
            .map(|(name, needed)| ((*name).to_owned(), owned(needed)))
            .collect()
    }

    #[test]
    fn a_circle_of_any_length_is_found() {
        assert!(!has_circle(needs(&[])));
        assert!(!has_circle(needs(&[
            ("a", &["b", "c"]),
            ("b", &["c"]),
            ("c", &[])
        ])));
        assert!(!has_circle(needs(&[("a", &["elsewhere"])])));
        assert!(has_circle(needs(&[("a", &["a"])])));
        assert!(has_circle(needs(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["a"]),
            ("d", &[])
        ])));
    }

    #[test]
    fn a_module_of_one_section_is_that_section_again() {
        for bytes in [0, 1, 127, 128, 20_000] {
            let section = [&[1, b'x'], vec![7; bytes].as_slice()].concat();
            let module = module_of(&section);
            let read: Vec<_> = Parser::new(0)
                .parse_all(&module)
                .filter_map(|payload| match payload.unwrap() {
                    Payload::CustomSection(section) => Some(section.data().len()),
                    _ => None,
                })
                .collect();
            assert_eq!(read, [bytes]);
        }
    }

    #[test]
    fn packages_that_need_one_another_in_a_circle_are_refused() {
        check_packages(&Guest::granting(&["+get"]).wasm()).unwrap();
        let circle = Guest {
            worlds: warden_hostile::CIRCLE,
            ..Guest::granting(&["+get"])
        };
        let fault = check_packages(&circle.wasm()).unwrap_err();
        assert!(fault.to_string().contains("in a circle"), "{fault}");
        for one in warden_hostile::CIRCLE.chunks(1) {
            let half = Guest {
                worlds: one,
                ..Guest::granting(&["+get"])
            };
            check_packages(&half.wasm()).unwrap();
        }
    }
}
