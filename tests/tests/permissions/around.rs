//! The commands that reach around a bound on keys, derived from the server.

use std::collections::BTreeSet;

use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction};
use warden_tests::{Line, Server, on_both_lines};

use crate::calls;

on_both_lines!(
    a_bound_on_keys_denies_every_keyless_command_about_the_keyspace,
    a_bound_on_keys_denies_what_tells_of_the_keys_of_a_slot,
    a_bound_denies_what_shows_everything,
);

/// About data by category, but showing or changing no key: a function runs with
/// the rights of who calls it.
const HARMLESS: [&str; 6] = [
    "function|delete",
    "function|flush",
    "function|load",
    "function|restore",
    "lolwut",
    "object|help",
];

fn may_run(line: Line, bound: &str) -> (Vec<calls::Command>, impl Fn(&str) -> bool) {
    let server = Server::builder(line).open().start();
    let commands = calls::commands(&mut server.connect());
    let known = calls::known(&commands, line);
    let permissions = Permissions::compose(
        &BaseRules::default(),
        vec![Grant::parse(&["+@all", "~*", "&*"]).expect("a grant")],
        vec![Restriction::parse(bound).expect("a restriction")],
    );
    let runnable: BTreeSet<String> = permissions
        .runnable(&known)
        .into_iter()
        .map(str::to_owned)
        .collect();
    (commands, move |name: &str| runnable.contains(name))
}

fn a_bound_on_keys_denies_every_keyless_command_about_the_keyspace(line: Line) {
    let (commands, may_run) = may_run(line, "~a:*");
    let about_data = ["keyspace", "read", "write"];
    let around: BTreeSet<&str> = commands
        .iter()
        .filter(|command| !command.has_keys())
        .filter(|command| {
            about_data
                .iter()
                .any(|category| command.categories.contains(*category))
        })
        .map(|command| command.name.as_str())
        .filter(|name| !HARMLESS.contains(name) && may_run(name))
        .collect();
    assert_eq!(
        around,
        BTreeSet::new(),
        "these reach around a bound on keys"
    );
    assert!(
        may_run("get"),
        "a bound denies no command that names its keys"
    );
}

/// What a session may ask a cluster about slots without learning of anybody's keys, or
/// what only an administrator is granted.
const ABOUT_SLOTS: [&str; 10] = [
    "cluster|addslots",
    "cluster|addslotsrange",
    "cluster|cancelslotmigrations",
    "cluster|delslots",
    "cluster|delslotsrange",
    "cluster|flushslots",
    "cluster|getslotmigrations",
    "cluster|keyslot",
    "cluster|slots",
    "cluster|setslot",
];

/// These carry no category that says what they are about.
fn a_bound_on_keys_denies_what_tells_of_the_keys_of_a_slot(line: Line) {
    let (commands, may_run) = may_run(line, "~a:*");
    let names = commands.iter().map(|command| command.name.as_str());
    let telling: Vec<&str> = names
        .filter(|name| name.starts_with("cluster|") && name.contains("slot"))
        .filter(|name| !ABOUT_SLOTS.contains(name) && *name != "cluster|syncslots")
        .collect();
    assert!(telling.contains(&"cluster|slot-stats"), "{telling:?}");
    for name in telling {
        assert!(!may_run(name), "{name} reaches around a bound on keys");
    }
}

fn a_bound_denies_what_shows_everything(line: Line) {
    for bound in ["~a:*", "%R~*", "&n.*", "db=0"] {
        let (commands, may_run) = may_run(line, bound);
        for name in [
            "monitor",
            "sync",
            "psync",
            "client|tracking",
            "debug",
            "slowlog|get",
            "function|load",
            "function|restore",
        ] {
            assert!(
                commands.iter().any(|command| command.name == name),
                "{name} exists"
            );
            assert!(!may_run(name), "{name} under {bound}");
        }
    }
}
