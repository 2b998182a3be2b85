//! The directories that decide, and the one that is warden's own.

use std::path::{Path, PathBuf};

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};
use crate::doctor::place;

pub(super) static POLICY_DIR: Check = Check {
    name: "policy-dir",
    why: "Whoever can write in policy_dir decides what everybody may do.",
    look: |facts| watched(facts, "policy_dir", "nobody is granted anything"),
};

pub(super) static AUTHENTICATOR_DIR: Check = Check {
    name: "authenticator-dir",
    why: "Whoever can write in authenticator_dir decides whose tokens are believed.",
    look: |facts| watched(facts, "authenticator_dir", "no token is accepted"),
};

fn watched(facts: &Facts, setting: &str, without: &str) -> Result<Outcome, Untold> {
    let path = facts.warden_setting(setting)?;
    if path.is_empty() {
        return Ok(Outcome::warning(
            format!("{setting} is empty: {without}"),
            format!("a line `warden.{setting} /etc/valkey/…` in valkey.conf"),
        ));
    }
    let user = facts.machine.user()?;
    let mut outcome = Outcome::new();
    place::watched(&mut outcome, Path::new(path), user)?;
    Ok(outcome.or_good(format!("{path:?}")))
}

pub(super) static STATE_DIR: Check = Check {
    name: "state-dir",
    why: "Compiled policies in state_dir run as they are: only the server may write there, and only it may read its key.",
    look: state_dir,
};

fn state_dir(facts: &Facts) -> Result<Outcome, Untold> {
    let path = match facts.warden_setting("state_dir")? {
        // The default, as docs/configuration.md has it.
        "" => PathBuf::from(facts.setting("dir")?.unwrap_or_default()).join("warden"),
        path => PathBuf::from(path),
    };
    let user = facts.machine.user()?;
    let mut outcome = Outcome::new();
    place::private(&mut outcome, &path, user)?;
    Ok(outcome.or_good(format!("{path:?}")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;
    use crate::doctor::machine::Machine;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_not_on_this_machine_is_said_not_to_be_checked() {
        for check in [&POLICY_DIR, &AUTHENTICATOR_DIR, &STATE_DIR] {
            let facts = Facts::sound();
            expect(
                check,
                &facts,
                Rank::Warning,
                "not checked: not on this machine",
            );
        }
    }

    #[test]
    fn a_directory_that_is_not_named_is_a_warning() {
        let facts = Facts::sound().with("warden.policy_dir", "");
        expect(&POLICY_DIR, &facts, Rank::Warning, "nobody is granted");
        let facts = Facts::sound().with("warden.authenticator_dir", "");
        expect(
            &AUTHENTICATOR_DIR,
            &facts,
            Rank::Warning,
            "no token is accepted",
        );
    }

    #[test]
    fn the_state_directory_is_by_default_in_the_servers_own() {
        let own = tempfile::tempdir().unwrap();
        let user = std::fs::metadata(own.path()).unwrap().uid();
        let facts = Facts {
            machine: Machine::Here { user },
            ..Facts::sound().with("dir", own.path().to_str().unwrap())
        };
        expect(&STATE_DIR, &facts, Rank::Problem, "is not there");
        let state = own.path().join("warden");
        std::fs::create_dir(&state).unwrap();
        expect(&STATE_DIR, &facts, Rank::Problem, "open to others");
    }
}
