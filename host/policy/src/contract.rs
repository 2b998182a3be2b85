//! The contracts a component can keep to, and what each lets it import.

use crate::error::Fault;

/// A world of `sdk/wit`.
#[derive(Debug)]
pub(crate) struct Contract {
    /// Its package.
    pub(crate) package: &'static str,
    /// What a component may import besides WASI: `types` holds no functions.
    pub(crate) imports: [&'static str; 2],
    /// The functions it must export.
    pub(crate) exports: &'static [&'static str],
}

/// What a policy keeps to.
pub(crate) static POLICY: Contract = Contract {
    package: "warden:policy",
    imports: ["warden:policy/log@0.1.0", "warden:policy/types@0.1.0"],
    exports: &["configure", "describe", "evaluate", "labels"],
};

/// What an authenticator plugin keeps to.
pub(crate) static PLUGIN: Contract = Contract {
    package: "warden:plugin",
    imports: ["warden:plugin/log@0.1.0", "warden:plugin/types@0.1.0"],
    exports: &["authenticate", "close", "describe", "initialise"],
};

/// All of them.
static ALL: [&Contract; 2] = [&POLICY, &PLUGIN];

impl Contract {
    /// The other contract that one of these imports is of.
    pub(crate) fn mistaken<'n>(&self, mut imports: impl Iterator<Item = &'n str>) -> Option<Fault> {
        let others = || ALL.iter().filter(|other| other.package != self.package);
        let other =
            imports.find_map(|name| others().find(|other| other.imports.contains(&name)))?;
        Some(self.broken(format!("it keeps to {} instead", other.package)))
    }

    /// That a component does not keep to it.
    pub(crate) fn broken(&self, why: impl Into<String>) -> Fault {
        Fault::Contract {
            contract: self.package,
            why: why.into(),
        }
    }
}
