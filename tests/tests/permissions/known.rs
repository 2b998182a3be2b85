//! What is known of servers without asking one, held against those that are there.
//!
//! After a change of our own commands, or of the servers, run it with `UPDATE_GOLDEN=1`
//! and look at the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use warden_core::Server;
use warden_tests::parts::workspace;
use warden_tests::{Line, Reply, Scene};

fn collect(entries: &Reply, commands: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in entries.items() {
        let fields = entry.items();
        let categories = fields[6].texts();
        let categories = categories.iter().map(|name| name.trim_start_matches('@'));
        commands.insert(
            fields[0].text().to_lowercase(),
            categories.map(str::to_owned).collect(),
        );
        collect(&fields[9], commands);
    }
}

#[test]
fn what_is_known_of_a_release_is_what_a_server_of_it_says() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let mut admin = scene.server.admin();
        let mut commands = BTreeMap::new();
        collect(&admin.run("COMMAND"), &mut commands);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let mut text = String::new();
            for (name, categories) in &commands {
                let words: Vec<&str> = std::iter::once(name.as_str())
                    .chain(categories.iter().map(String::as_str))
                    .collect();
                writeln!(text, "{}", words.join(" ")).unwrap();
            }
            let file = format!("host/core/src/server/valkey-{}.txt", line.number());
            fs::write(workspace().join(file), text).unwrap();
            continue;
        }
        let known = Server::of_release(line.number()).expect("a known release");
        assert_eq!(*known.commands, commands, "Valkey {}", line.number());
        let categories: BTreeSet<String> = admin.run("ACL CAT").texts().into_iter().collect();
        assert_eq!(known.categories, categories);
        assert_eq!(known.has_databases, line.has_databases());
        let version = &scene.server.info("server")["valkey_version"];
        assert_eq!(&known.version, version);
    }
}

/// A command of a new release is a failure here, until somebody has looked for secrets in it.
#[test]
fn it_is_decided_of_every_command_of_a_server_what_records_show_of_it() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let mut commands = BTreeMap::new();
        collect(&scene.server.admin().run("COMMAND"), &mut commands);
        let mut names: BTreeSet<String> = commands.into_keys().collect();
        // By another way the server tells of itself: without subcommands.
        names.extend(scene.server.admin().run("COMMAND LIST").texts());
        let is_container = |name: &str| {
            let prefix = format!("{name}|");
            names.iter().any(|other| other.starts_with(&prefix))
        };
        let undecided: Vec<&String> = names
            .iter()
            .filter(|name| {
                !is_container(name) && !warden_audit::redact::is_decided(name.as_bytes())
            })
            .collect();
        assert!(undecided.is_empty(), "{}: {undecided:?}", line.number());
    }
}
