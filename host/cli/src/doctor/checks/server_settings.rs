//! Settings of the server's own that decide how safe warden's are.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static PROTECTED_CONFIGS: Check = Check {
    name: "protected-configs",
    why: "Whoever may CONFIG SET could name another policy_dir, another fallback or no ceiling.",
    look: |facts| closed_to_the_network(facts, "enable-protected-configs"),
};

pub(super) static DEBUG_COMMAND: Check = Check {
    name: "debug-command",
    why: "DEBUG can stop the server and change what lies below every rule.",
    look: |facts| closed_to_the_network(facts, "enable-debug-command"),
};

pub(super) static MODULE_COMMAND: Check = Check {
    name: "module-command",
    why: "MODULE LOAD runs any library as the server, and MODULE UNLOAD removes warden.",
    look: |facts| closed_to_the_network(facts, "enable-module-command"),
};

/// `no`, or `local` for connections of the machine itself.
fn closed_to_the_network(facts: &Facts, name: &str) -> Result<Outcome, Untold> {
    Ok(match facts.setting(name)? {
        None => Outcome::good("this server has no such setting"),
        Some(value @ ("no" | "local")) => Outcome::good(value),
        Some(value) => Outcome::problem(
            format!("{name} is {value:?}: open to every connection"),
            format!("`{name} no` in valkey.conf, then a restart"),
        ),
    })
}

pub(super) static LOG_REDACTION: Check = Check {
    name: "log-redaction",
    why: "Without it the server writes arguments of clients into its log and crash reports.",
    look: |facts| {
        expected(facts, "hide-user-data-from-log", "yes", |value| {
            format!("hide-user-data-from-log is {value:?}")
        })
    },
};

pub(super) static NEW_USERS_CHANNELS: Check = Check {
    name: "new-users-channels",
    why: "A local user made without a word about channels then reaches all of them. Sessions of warden never do.",
    look: |facts| {
        expected(facts, "acl-pubsub-default", "resetchannels", |value| {
            format!("acl-pubsub-default is {value:?}")
        })
    },
};

fn expected(
    facts: &Facts,
    name: &str,
    good: &str,
    words: fn(&str) -> String,
) -> Result<Outcome, Untold> {
    Ok(match facts.setting(name)? {
        None => Outcome::good("this server has no such setting"),
        Some(value) if value == good => Outcome::good(value),
        Some(value) => Outcome::warning(
            words(value),
            format!("CONFIG SET {name} {good}, then CONFIG REWRITE"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;

    #[test]
    fn only_what_is_open_to_the_network_is_a_problem() {
        for (check, name) in [
            (&PROTECTED_CONFIGS, "enable-protected-configs"),
            (&DEBUG_COMMAND, "enable-debug-command"),
            (&MODULE_COMMAND, "enable-module-command"),
        ] {
            for (value, rank) in [
                ("no", Rank::Ok),
                ("local", Rank::Ok),
                ("yes", Rank::Problem),
            ] {
                expect(check, &Facts::sound().with(name, value), rank, value);
            }
        }
    }

    #[test]
    fn what_the_server_leaves_open_by_default_is_a_warning() {
        let facts = Facts::sound()
            .with("hide-user-data-from-log", "no")
            .with("acl-pubsub-default", "allchannels");
        expect(&LOG_REDACTION, &facts, Rank::Warning, "\"no\"");
        expect(
            &NEW_USERS_CHANNELS,
            &facts,
            Rank::Warning,
            "\"allchannels\"",
        );
        let mut facts = Facts::sound();
        facts.config = Ok(Default::default());
        expect(&LOG_REDACTION, &facts, Rank::Ok, "no such setting");
    }
}
