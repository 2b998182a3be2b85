//! What a difference of rights takes a command to touch, held against what the server says
//! of it: a key or channel taken for nothing to it would hide what somebody loses.

use std::collections::BTreeSet;

use warden_core::permissions::{BaseRules, Grant, Permissions};
use warden_core::server::Server as Known;
use warden_tests::{Line, Server, on_both_lines};

use crate::calls;

on_both_lines!(what_a_command_is_known_not_to_touch_it_does_not_touch);

/// Commands that are called with channels.
const CHANNELED: [&str; 5] = [
    "psubscribe",
    "publish",
    "spublish",
    "ssubscribe",
    "subscribe",
];

fn granted(commands: &BTreeSet<String>, place: &str) -> Permissions {
    let commands = commands.iter().map(|name| format!("+{name}"));
    let rules: Vec<String> = commands.chain([place.to_owned()]).collect();
    let grant = Grant::parse(&rules).expect("rules of commands");
    Permissions::compose(&BaseRules::none(), vec![grant], Vec::new())
}

/// The commands that are told as lost when this place is exchanged for another.
fn told(commands: &BTreeSet<String>, known: &Known, [this, other]: [&str; 2]) -> BTreeSet<String> {
    let (before, after) = (granted(commands, this), granted(commands, other));
    let lost = before.beyond(Some(&after), known);
    let of_place = lost.iter().filter(|rules| rules.ends_with(this));
    of_place
        .flat_map(|rules| {
            let words: Vec<&str> = rules.split(' ').collect();
            let grant = Grant::parse(&words).expect("what is told is a grant");
            let told = Permissions::compose(&BaseRules::none(), vec![grant], Vec::new());
            let names = told.runnable(known).into_iter().map(str::to_owned);
            names.collect::<Vec<_>>()
        })
        .collect()
}

fn what_a_command_is_known_not_to_touch_it_does_not_touch(line: Line) {
    let server = Server::builder(line).open().start();
    let commands = calls::commands(&mut server.connect());
    let known = calls::known(&commands, line);
    let keyed = commands
        .iter()
        .filter(|command| command.has_keys() && !command.is_container);
    let keyed: BTreeSet<String> = keyed.map(|command| command.name.clone()).collect();
    assert!(keyed.len() > 150, "{keyed:?}");
    let told_of_keys = told(&keyed, &known, ["~a", "~b"]);
    let hidden: Vec<_> = keyed.difference(&told_of_keys).collect();
    assert!(hidden.is_empty(), "these take keys: {hidden:?}");
    let channeled = CHANNELED.map(str::to_owned).into();
    let told_of_channels = told(&channeled, &known, ["&a", "&b"]);
    let hidden: Vec<_> = channeled.difference(&told_of_channels).collect();
    assert!(hidden.is_empty(), "these take channels: {hidden:?}");
}
