//! Other modules that see credentials.
//!
//! The server asks the module that registered *last* first. No command tells the
//! order of loading; the configuration file does, where it lies on this machine.

use std::fs;
use std::path::Path;

use crate::doctor::facts::{Facts, Module};
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static MODULE_ORDER: Check = Check {
    name: "module-order",
    why: "The module loaded last is asked first, about every AUTH: it sees the tokens, and its answer counts before warden's, also for native_users.",
    look: module_order,
};

/// What a module is known to do with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It answers AUTH.
    Authenticates,
    /// It records commands, with their arguments.
    Records,
    /// It has nothing to do with credentials.
    Harmless,
    /// Nobody here knows it.
    Unknown,
}

fn kind(module: &Module) -> Kind {
    match module.name.as_str() {
        "ldap" | "valkey-ldap" | "oidc" | "oauth" => Kind::Authenticates,
        "audit" | "valkey-audit" => Kind::Records,
        "lua" | "json" | "ReJSON" | "bf" | "search" | "timeseries" | "graph" | "vectorset"
            if module.filters == 0 =>
        {
            Kind::Harmless
        }
        _ => Kind::Unknown,
    }
}

fn module_order(facts: &Facts) -> Result<Outcome, Untold> {
    let modules = facts.modules.as_ref().map_err(Clone::clone)?;
    let Some(warden) = modules.iter().find(|module| module.name == "warden") else {
        return Err(crate::doctor::facts::not_loaded());
    };
    let order = order(facts);
    let others = modules.iter().filter(|module| module.name != "warden");
    let mut outcome = Outcome::new();
    let mut names = Vec::new();
    for module in others {
        names.push(module.name.as_str());
        judge(
            &mut outcome,
            module,
            is_asked_before(&order, warden, module),
        );
        if module.filters > 0 {
            outcome.warn(
                format!(
                    "{:?} filters every command, AUTH with its token among them",
                    module.name
                ),
                format!(
                    "find out what {:?} does with arguments: INFO modules",
                    module.name
                ),
            );
        }
    }
    Ok(outcome.or_good(match names.as_slice() {
        [] => "warden is the only module".to_owned(),
        _ => format!("beside {}", names.join(", ")),
    }))
}

fn judge(outcome: &mut Outcome, module: &Module, is_before: Option<bool>) {
    const LAST: &str =
        "put the loadmodule line of warden behind all others in valkey.conf, then restart";
    let name = &module.name;
    match (kind(module), is_before) {
        (Kind::Authenticates, Some(true)) => outcome.object(
            format!("{name:?} is loaded after warden: it is asked first, and sees every token"),
            LAST,
        ),
        (Kind::Authenticates, None) => outcome.warn(
            format!(
                "{name:?} answers AUTH too, and which was loaded last is not to be seen from here"
            ),
            LAST,
        ),
        (Kind::Records, _) => outcome.warn(
            format!("{name:?} records commands: make sure that it leaves out AUTH and HELLO"),
            format!("look at its settings: CONFIG GET {name}.*"),
        ),
        (Kind::Unknown, Some(true) | None) => outcome.warn(
            format!(
                "{name:?} is not known here: should it answer AUTH, it may be asked before warden"
            ),
            LAST,
        ),
        (Kind::Authenticates | Kind::Unknown, Some(false)) | (Kind::Harmless, _) => {}
    }
}

/// The paths of `loadmodule`, in order; none when the file is not to be read.
fn order(facts: &Facts) -> Vec<String> {
    let file = facts
        .server
        .as_ref()
        .ok()
        .and_then(|server| server.get("config_file"));
    match (file, facts.machine.user()) {
        (Some(file), Ok(_)) if !file.is_empty() => {
            load_lines(&fs::read_to_string(Path::new(file)).unwrap_or_default())
        }
        _ => Vec::new(),
    }
}

/// Whether a module was loaded after warden; `None` when the file does not tell.
fn is_asked_before(order: &[String], warden: &Module, module: &Module) -> Option<bool> {
    let place = |module: &Module| order.iter().position(|path| Path::new(path) == module.path);
    Some(place(module)? > place(warden)?)
}

/// A file that includes others does not tell the order.
fn load_lines(config: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for line in config.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("include") => return Vec::new(),
            Some("loadmodule") => {
                let path = words.next().unwrap_or_default();
                paths.push(path.trim_matches(['"', '\'']).to_owned());
            }
            _ => {}
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;
    use crate::doctor::machine::Machine;
    use std::path::PathBuf;

    fn module(name: &str, filters: u64) -> Module {
        Module {
            name: name.to_owned(),
            path: PathBuf::from(format!("/lib/{name}.so")),
            filters,
        }
    }

    /// Facts of a server with warden and this one, and a configuration file.
    fn beside(other: Module, config: &str) -> (tempfile::TempDir, Facts) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("valkey.conf");
        fs::write(&file, config).unwrap();
        let mut facts = Facts {
            modules: Ok(vec![other, module("warden", 0)]),
            machine: Machine::Here { user: 0 },
            ..Facts::sound()
        };
        let server = facts.server.as_mut().expect("told");
        server.insert("config_file".to_owned(), file.display().to_string());
        (directory, facts)
    }

    const LAST: &str = "loadmodule /lib/ldap.so\nloadmodule /lib/warden.so policy_dir /x\n";
    const FIRST: &str = "loadmodule /lib/warden.so\n# x\nLOADMODULE \"/lib/ldap.so\"\n";

    #[test]
    fn a_module_that_authenticates_must_be_loaded_before_warden() {
        for (config, rank, words) in [
            (LAST, Rank::Ok, "beside ldap"),
            (FIRST, Rank::Problem, "loaded after warden"),
            ("", Rank::Warning, "not to be seen"),
            (
                "include other.conf\nloadmodule /lib/ldap.so\nloadmodule /lib/warden.so\n",
                Rank::Warning,
                "not to be seen",
            ),
        ] {
            let (_directory, facts) = beside(module("ldap", 0), config);
            expect(&MODULE_ORDER, &facts, rank, words);
        }
    }

    #[test]
    fn an_unknown_module_is_a_warning_unless_it_was_loaded_before() {
        let before = "loadmodule /lib/other.so\nloadmodule /lib/warden.so\n";
        let (_directory, facts) = beside(module("other", 0), before);
        expect(&MODULE_ORDER, &facts, Rank::Ok, "beside other");
        let (_directory, facts) = beside(module("other", 0), "");
        expect(&MODULE_ORDER, &facts, Rank::Warning, "not known here");
    }

    #[test]
    fn modules_that_see_arguments_are_named() {
        let (_directory, facts) = beside(module("audit", 0), "");
        expect(&MODULE_ORDER, &facts, Rank::Warning, "leaves out AUTH");
        let (_directory, facts) = beside(module("json", 1), "");
        expect(
            &MODULE_ORDER,
            &facts,
            Rank::Warning,
            "filters every command",
        );
        let (_directory, facts) = beside(module("json", 0), "");
        expect(&MODULE_ORDER, &facts, Rank::Ok, "beside json");
    }

    #[test]
    fn warden_alone_is_well() {
        let mut facts = Facts::sound();
        facts.modules = Ok(vec![module("warden", 0)]);
        expect(&MODULE_ORDER, &facts, Rank::Ok, "the only module");
    }
}
