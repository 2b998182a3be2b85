//! `native_users`: the way in when nothing else works, and names that are in the
//! way of tokens.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static NATIVE_USERS: Check = Check {
    name: "native-users",
    why: "They are the way in when an issuer or a policy fails, and they pass warden by: each must exist, be on, and have a password.",
    look: native_users,
};

fn native_users(facts: &Facts) -> Result<Outcome, Untold> {
    let names = facts.warden_words("native_users")?;
    let users = facts.users()?;
    let make = "ACL SETUSER breakglass on >PASSWORD ~* &* +@all, and a line `warden.native_users breakglass` in valkey.conf";
    if names.is_empty() {
        return Ok(if facts.warden_setting("fallback")? == "deny" {
            Outcome::problem(
                "none, and fallback is deny: without a good token nobody gets in",
                make,
            )
        } else {
            Outcome::warning(
                "none is named: no way in that is meant for emergencies",
                make,
            )
        });
    }
    let mut outcome = Outcome::new();
    for name in &names {
        let password = format!("ACL SETUSER {name} on >PASSWORD, then ACL SAVE");
        match users.iter().find(|user| user.name == *name) {
            None => outcome.object(format!("{name:?} does not exist"), password),
            Some(user) if !user.is_on => outcome.object(format!("{name:?} is off"), password),
            Some(user) if user.is_nopass => outcome.object(
                format!("{name:?} needs no password"),
                format!("ACL SETUSER {name} resetpass >PASSWORD"),
            ),
            Some(user) if !user.has_password => {
                outcome.object(
                    format!("{name:?} has no password and cannot log in"),
                    password,
                );
            }
            Some(_) => {}
        }
    }
    Ok(outcome.or_good(names.join(", ")))
}

pub(super) static NATIVE_NAMES: Check = Check {
    name: "native-names",
    why: "A name in native_users goes to the server's own check even with a good token.",
    look: native_names,
};

fn native_names(facts: &Facts) -> Result<Outcome, Untold> {
    let names = facts.warden_words("native_users")?;
    let authenticators = facts.authenticators.as_ref().map_err(Clone::clone)?;
    let advice = "give the local user another name, and change warden.native_users";
    let mut outcome = Outcome::new();
    for name in names {
        let id = name.split_once('/').map(|(id, _)| id);
        if name == "token" {
            outcome.object(
                "\"token\" is what clients say when their name stands in the token",
                advice,
            );
        } else if name == "default" {
            outcome.warn(
                "\"default\": clients that send a token alone, as AUTH TOKEN, are refused",
                "name a user of its own for emergencies, and switch `default` off",
            );
        } else if authenticators
            .names
            .iter()
            .any(|known| Some(known.as_str()) == id)
        {
            outcome.warn(format!("{name:?} is the name of a principal too"), advice);
        }
    }
    Ok(outcome.or_good("none is in the way of tokens"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;

    fn named(names: &str, users: &[&str]) -> Facts {
        Facts::sound()
            .with("warden.native_users", names)
            .with_users(users)
    }

    #[test]
    fn each_must_exist_be_on_and_have_a_password() {
        for (user, words) in [
            ("user other on #ab +get", "does not exist"),
            ("user a off #ab +get", "is off"),
            ("user a on nopass +get", "needs no password"),
            ("user a on +get", "has no password"),
        ] {
            let facts = named("b a", &["user b on #ab +get", user]);
            expect(
                &NATIVE_USERS,
                &facts,
                Rank::Problem,
                &format!("\"a\" {words}"),
            );
        }
        expect(
            &NATIVE_USERS,
            &named("a", &["user a on #ab +get"]),
            Rank::Ok,
            "a",
        );
    }

    #[test]
    fn naming_none_is_a_warning_and_with_fallback_deny_a_problem() {
        let facts = named("", &["user a on #ab +get"]);
        expect(&NATIVE_USERS, &facts, Rank::Warning, "none");
        let facts = facts.with("warden.fallback", "deny");
        expect(&NATIVE_USERS, &facts, Rank::Problem, "nobody gets in");
    }

    #[test]
    fn names_in_the_way_of_tokens_are_named() {
        for (name, rank) in [
            ("token", Rank::Problem),
            ("default", Rank::Warning),
            ("corp/root", Rank::Warning),
            ("other/root", Rank::Ok),
            ("corp", Rank::Ok),
        ] {
            let words = if rank == Rank::Ok { "" } else { name };
            expect(&NATIVE_NAMES, &named(name, &[]), rank, words);
        }
    }
}
