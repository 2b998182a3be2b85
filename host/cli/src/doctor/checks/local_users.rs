//! Users of the server's own: who gets in without warden, and whose names are in
//! the way of principals.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static DEFAULT_USER: Check = Check {
    name: "default-user",
    why: "A connection starts as the default user: while that one is open, nobody needs to authenticate.",
    look: default_user,
};

fn default_user(facts: &Facts) -> Result<Outcome, Untold> {
    let default = facts.users()?.iter().find(|user| user.name == "default");
    Ok(match default {
        None => Outcome::good("there is none"),
        Some(user) if !user.is_on => Outcome::good("off"),
        Some(user) if user.is_nopass => Outcome::problem(
            "the default user is on and needs no password: authentication is optional",
            "ACL SETUSER default off, once another user can administer; then ACL SAVE, or a line `user default off` in valkey.conf",
        ),
        Some(_) => Outcome::good("on, with a password"),
    })
}

pub(super) static OPEN_USERS: Check = Check {
    name: "open-users",
    why: "Whoever knows the name of a user without password has its rights.",
    look: open_users,
};

fn open_users(facts: &Facts) -> Result<Outcome, Untold> {
    let mut outcome = Outcome::new();
    for user in facts.users()? {
        if user.name != "default" && user.is_on && user.is_nopass {
            outcome.object(
                format!("{:?} is on and takes any password", user.name),
                format!("ACL SETUSER {} resetpass >PASSWORD", user.name),
            );
        }
    }
    Ok(outcome.or_good("every local user that is on needs a password"))
}

pub(super) static FALLBACK: Check = Check {
    name: "fallback",
    why: "With `fallback acl` local users log in by password: no policy decides about them, and no token ends them.",
    look: fallback,
};

fn fallback(facts: &Facts) -> Result<Outcome, Untold> {
    if facts.warden_setting("fallback")? == "deny" {
        return Ok(Outcome::good("deny: only native_users log in by password"));
    }
    let native = facts.warden_words("native_users")?;
    let others: Vec<String> = facts
        .users()?
        .iter()
        .filter(|user| user.lets_in() && !native.contains(&user.name.as_str()))
        .map(|user| format!("{:?}", user.name))
        .collect();
    if others.is_empty() {
        return Ok(Outcome::good(
            "acl, and nobody but native_users has a password",
        ));
    }
    Ok(Outcome::warning(
        format!(
            "acl: these log in beside native_users: {}",
            others.join(", ")
        ),
        "switch them off (ACL SETUSER <name> off), name them in warden.native_users, or set warden.fallback deny",
    ))
}

pub(super) static NAME_COLLISIONS: Check = Check {
    name: "name-collisions",
    why: "A principal whose name a local user has is refused, and its sessions are closed.",
    look: name_collisions,
};

fn name_collisions(facts: &Facts) -> Result<Outcome, Untold> {
    let authenticators = facts.authenticators.as_ref().map_err(Clone::clone)?;
    let mut outcome = Outcome::new();
    for user in facts.users()? {
        let Some((id, _)) = user.name.split_once('/') else {
            continue;
        };
        if authenticators.names.iter().any(|name| name == id) {
            outcome.warn(
                format!(
                    "the local user {:?} has a name of authenticator {id:?}",
                    user.name
                ),
                format!("ACL DELUSER {}", user.name),
            );
        }
    }
    Ok(outcome.or_good("no local user has a name of an authenticator's"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;

    fn with(lines: &[&str]) -> Facts {
        Facts::sound().with_users(lines)
    }

    #[test]
    fn only_an_open_default_user_is_a_problem() {
        let check = &DEFAULT_USER;
        expect(
            check,
            &with(&["user default on nopass ~* &* +@all"]),
            Rank::Problem,
            "optional",
        );
        expect(
            check,
            &with(&["user default on #ab ~* &* +@all"]),
            Rank::Ok,
            "with a password",
        );
        expect(
            check,
            &with(&["user default off nopass ~* &* +@all"]),
            Rank::Ok,
            "off",
        );
    }

    #[test]
    fn any_other_user_without_password_is_a_problem() {
        let check = &OPEN_USERS;
        expect(
            check,
            &with(&["user a on nopass +get"]),
            Rank::Problem,
            "\"a\"",
        );
        expect(check, &with(&["user a off nopass +get"]), Rank::Ok, "");
        expect(check, &with(&["user default on nopass +get"]), Rank::Ok, "");
    }

    #[test]
    fn whoever_logs_in_beside_native_users_is_named() {
        let users = [
            "user breakglass on #ab +@all",
            "user app on #ab +get",
            "user old off #ab +get",
            "user barred on +get",
        ];
        expect(
            &FALLBACK,
            &with(&users),
            Rank::Warning,
            "native_users: \"app\"",
        );
        expect(
            &FALLBACK,
            &with(&users).with("warden.fallback", "deny"),
            Rank::Ok,
            "deny",
        );
        let named = with(&users).with("warden.native_users", "breakglass app");
        expect(&FALLBACK, &named, Rank::Ok, "acl");
    }

    #[test]
    fn a_local_user_named_like_a_principal_is_named() {
        let check = &NAME_COLLISIONS;
        expect(
            check,
            &with(&["user corp/alice on #ab +get"]),
            Rank::Warning,
            "\"corp/alice\"",
        );
        expect(
            check,
            &with(&["user other/alice on #ab +get", "user corp on #ab +get"]),
            Rank::Ok,
            "",
        );
    }
}
