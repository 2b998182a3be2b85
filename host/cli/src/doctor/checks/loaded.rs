//! Whether warden is there, and whether what it was given is in force.

use crate::doctor::facts::{Facts, Fields, Loaded, not_loaded};
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static MODULE: Check = Check {
    name: "module",
    why: "Without warden no token is accepted, and the server's own check decides alone.",
    look: module,
};

fn module(facts: &Facts) -> Result<Outcome, Untold> {
    let warden = facts.warden.as_ref().map_err(Clone::clone)?;
    if warden.is_empty() {
        return Ok(Outcome::problem(
            "warden is not loaded",
            "a line `loadmodule /usr/lib/valkey/libwarden.so policy_dir … authenticator_dir …` in valkey.conf",
        ));
    }
    let version = field(warden, "warden_version");
    let own = env!("CARGO_PKG_VERSION");
    let server = facts.server.as_ref().map_err(Clone::clone)?;
    let server = field(server, "valkey_version");
    if version != own {
        return Ok(Outcome::warning(
            format!("warden {version:?} in Valkey {server:?}, looked at by warden {own}"),
            format!(
                "use the command line of version {version}: this one may not know what to look for"
            ),
        ));
    }
    Ok(Outcome::good(format!(
        "warden {version} in Valkey {server}"
    )))
}

pub(super) static POLICIES: Check = Check {
    name: "policies",
    why: "Policies that were not taken do not hold: an older set decides, or everybody is refused.",
    look: policies,
};

fn policies(facts: &Facts) -> Result<Outcome, Untold> {
    let warden = warden(facts)?;
    let policies = facts.policies.as_ref().map_err(Clone::clone)?;
    let generation = field(warden, "warden_generation");
    let advice = "mend what the errors name in policy_dir, then WARDEN.RELOAD; see WARDEN.POLICIES";
    let mut outcome = Outcome::new();
    match field(warden, "warden_status") {
        "ok" => {}
        "stale" => outcome.object(
            format!("a newer set was not taken, generation {generation} decides"),
            advice,
        ),
        "none" => outcome.object("no set could be taken: every log-in is refused", advice),
        "empty" => outcome.warn(
            "there is no policy: nobody is granted anything",
            "put a bundle into policy_dir: cp rbac.wasm rbac.toml <policy_dir>",
        ),
        "loading" => outcome.warn(
            "the first set is being loaded",
            "wait a moment, then run warden doctor again",
        ),
        other => outcome.object(format!("the status is {other:?}"), "see the server's log"),
    }
    errors(&mut outcome, policies, advice);
    for warning in &policies.warnings {
        outcome.warn(warning, "correct what it names, or leave it out");
    }
    let names = policies.names.join(", ");
    Ok(outcome.or_good(format!("generation {generation}: {names}")))
}

pub(super) static AUTHENTICATORS: Check = Check {
    name: "authenticators",
    why: "A file that was not taken leaves an older one in force, with keys that may have been withdrawn.",
    look: authenticators,
};

fn authenticators(facts: &Facts) -> Result<Outcome, Untold> {
    warden(facts)?;
    let authenticators = facts.authenticators.as_ref().map_err(Clone::clone)?;
    let mut outcome = Outcome::new();
    let advice = "mend what the errors name in authenticator_dir, then WARDEN.RELOAD; see WARDEN.AUTHENTICATORS";
    errors(&mut outcome, authenticators, advice);
    if authenticators.names.is_empty() {
        outcome.warn(
            "there is none: no token is accepted",
            "put a file like 10-corp.toml into authenticator_dir: docs/configuration.md",
        );
    }
    Ok(outcome.or_good(authenticators.names.join(", ")))
}

fn errors(outcome: &mut Outcome, loaded: &Loaded, advice: &str) {
    for error in &loaded.errors {
        outcome.object(error, advice);
    }
}

/// INFO warden of a server that has it.
fn warden(facts: &Facts) -> Result<&Fields, Untold> {
    let warden = facts.warden.as_ref().map_err(Clone::clone)?;
    if warden.is_empty() {
        return Err(not_loaded());
    }
    Ok(warden)
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;

    fn with_status(status: &str) -> Facts {
        let mut facts = Facts::sound();
        let fields = facts.warden.as_mut().expect("told");
        fields.insert("warden_status".to_owned(), status.to_owned());
        facts
    }

    #[test]
    fn a_server_without_warden_is_a_problem_said_once() {
        let facts = Facts {
            warden: Ok(Fields::new()),
            ..Facts::sound()
        };
        expect(&MODULE, &facts, Rank::Problem, "not loaded");
        let outcome = POLICIES.finding(&facts).outcome;
        assert_eq!(outcome.seen, ["not checked: warden is not loaded"]);
    }

    #[test]
    fn another_version_than_ours_is_a_warning() {
        let mut facts = Facts::sound();
        let fields = facts.warden.as_mut().expect("told");
        fields.insert("warden_version".to_owned(), "9.9.9".to_owned());
        expect(&MODULE, &facts, Rank::Warning, "9.9.9");
    }

    #[test]
    fn each_status_of_policies_has_its_rank() {
        for (status, rank, words) in [
            ("ok", Rank::Ok, "generation 3: rbac"),
            ("stale", Rank::Problem, "generation 3 decides"),
            ("none", Rank::Problem, "every log-in is refused"),
            ("empty", Rank::Warning, "nobody is granted anything"),
            ("loading", Rank::Warning, "being loaded"),
            ("unloaded", Rank::Problem, "unloaded"),
        ] {
            expect(&POLICIES, &with_status(status), rank, words);
        }
    }

    #[test]
    fn what_policies_warns_of_is_a_warning() {
        let mut facts = Facts::sound();
        let policies = facts.policies.as_mut().expect("told");
        policies.warnings = vec!["the ceiling's -@dangerus denies nothing".to_owned()];
        expect(&POLICIES, &facts, Rank::Warning, "-@dangerus");
    }

    #[test]
    fn errors_are_problems_and_shown_each() {
        let mut facts = Facts::sound();
        let authenticators = facts.authenticators.as_mut().expect("told");
        authenticators.errors = vec!["a.toml: one".to_owned(), "b.toml: two".to_owned()];
        expect(
            &AUTHENTICATORS,
            &facts,
            Rank::Problem,
            "a.toml: one\nb.toml: two",
        );
        let policies = facts.policies.as_mut().expect("told");
        policies.errors = vec!["rbac.toml: three".to_owned()];
        expect(&POLICIES, &facts, Rank::Problem, "rbac.toml: three");
        facts.authenticators = Ok(Loaded::default());
        expect(
            &AUTHENTICATORS,
            &facts,
            Rank::Warning,
            "no token is accepted",
        );
    }
}
