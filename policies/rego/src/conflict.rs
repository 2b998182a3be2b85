//! Documents that would take the place of rules.
//!
//! In: an engine with all modules and documents. Out: every path at which a rule of a
//! module and a value of a document stand. Whoever may only supply data must not decide,
//! and a value that is there is taken for what a rule would have made.

use regorus::{Engine, Value};

use crate::error::{Problem, told};

/// Every conflict.
pub(crate) fn conflicts(engine: &Engine) -> Vec<Problem> {
    let packages = match engine.get_policy_package_components() {
        Ok(packages) => packages,
        Err(error) => return vec![Problem::Rego(told(&error))],
    };
    let documents = engine.get_data();
    let mut problems = Vec::new();
    for package in packages {
        let file = package.source_file;
        let mut place = Some(&documents);
        let mut path = "data".to_owned();
        for name in &package.components {
            place = place.and_then(|value| inside(value, name));
            path = [&path, ".", name].concat();
            if place.is_some_and(|value| value.as_object().is_err()) {
                let (file, path) = (file.clone(), path.clone());
                problems.push(Problem::Conflict { file, path });
                place = None;
            }
        }
        let values = place.and_then(|value| value.as_object().ok());
        for name in values.into_iter().flat_map(|values| values.keys()) {
            let Ok(name) = name.as_string() else { continue };
            match engine.has_declared_rule_rooted_at(&file, name) {
                Ok(false) => {}
                Ok(true) => {
                    let path = [&path, ".", name].concat();
                    let file = file.clone();
                    problems.push(Problem::Conflict { file, path });
                }
                Err(error) => problems.push(Problem::Rego(told(&error))),
            }
        }
    }
    problems
}

/// What a document holds under a name.
fn inside<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object().ok()?.get(&Value::from(name))
}

#[cfg(test)]
mod tests {
    use warden_sdk::{File, Policy};

    use crate::Rego;

    const MODULE: &str = "package shop.rights\nimport rego.v1\ndefault admin := false\n\
        admin if input.principal.name == \"root\"\n\
        verdict := [\"+get\", \"~a\"] if not admin\nverdict := [\"+@all\"] if admin\n\
        teams.ops := 1\n";
    const QUERY: &str = "query = \"data.shop.rights.verdict\"\n";

    fn configured(document: &str) -> Result<Rego, String> {
        Rego::configure(&[
            File::new("rego.rego", MODULE),
            File::new("rego.toml", QUERY),
            File::new("rego.hr.json", document),
        ])
    }

    #[test]
    fn a_document_beside_the_rules_is_data() {
        for document in [
            "{\"people\": {\"admin\": true}}",
            "{\"shop\": {\"people\": []}}",
            "{\"shop\": {\"rights\": {\"limits\": 1}}}",
            "{\"rights\": {\"admin\": true}}",
        ] {
            assert!(configured(document).is_ok(), "{document}");
        }
    }

    #[test]
    fn a_document_that_would_take_the_place_of_rules_is_refused() {
        for (document, path) in [
            (
                "{\"shop\": {\"rights\": {\"admin\": true}}}",
                "data.shop.rights.admin",
            ),
            (
                "{\"shop\": {\"rights\": {\"verdict\": [\"+@all\"]}}}",
                "data.shop.rights.verdict",
            ),
            (
                "{\"shop\": {\"rights\": {\"teams\": {}}}}",
                "data.shop.rights.teams",
            ),
            ("{\"shop\": {\"rights\": []}}", "data.shop.rights"),
            ("{\"shop\": true}", "data.shop"),
        ] {
            let refusal = configured(document).unwrap_err();
            let told = format!("\"rego.rego\" has rules at {path}, and a document a value: ");
            assert!(refusal.contains(&told), "{document}: {refusal}");
        }
    }
}
