//! docs/commands.md: every command, its categories, and every field of every reply,
//! as a running server has them.

use std::collections::BTreeSet;

use warden_tests::hostile_directory::Answer;
use warden_tests::{Audited, HostileDirectory, Line, Reply, Scene};

use crate::markdown::{between, code, document, table};

/// The names in the first column of a table of a section.
fn documented(section: &str, head: &str) -> BTreeSet<String> {
    let rows = table(section, head, 2);
    assert!(!rows.is_empty(), "no table of {head:?} in {section}");
    rows.iter()
        .map(|cells| code(&cells[0]).expect("a name").to_owned())
        .collect()
}

fn section(text: &str, command: &str) -> String {
    between(text, &format!("### {command}\n"), "\n### ").to_owned()
}

fn names(reply: &Reply) -> BTreeSet<String> {
    reply.fields().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn every_command_of_the_module_is_documented() {
    let scene = Scene::start(Line::V9_1);
    let mut admin = scene.server.admin();
    let there: BTreeSet<String> = admin
        .run("COMMAND LIST FILTERBY MODULE warden")
        .texts()
        .iter()
        .map(|name| name.to_uppercase())
        .collect();
    let text = document("docs/commands.md");
    let documented: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### WARDEN."))
        .map(|name| format!("WARDEN.{name}"))
        .collect();
    assert_eq!(there, documented);
    let help = admin.run("WARDEN.HELP").texts().join("\n");
    for command in &there {
        assert!(
            help.contains(command.as_str()),
            "{command} is not in WARDEN.HELP"
        );
        let info = admin.call(["COMMAND", "INFO", command]).items().remove(0);
        let categories = info.items()[6].texts();
        let for_all =
            ["WARDEN.WHOAMI", "WARDEN.HELP", "WARDEN.REFUSED"].contains(&command.as_str());
        let has = |category: &str| categories.iter().any(|name| name == category);
        assert_eq!(has("@connection"), for_all, "{command}: {categories:?}");
        assert_eq!(has("@admin"), !for_all, "{command}: {categories:?}");
        assert_eq!(has("@dangerous"), !for_all, "{command}: {categories:?}");
    }
}

#[test]
fn every_field_of_every_reply_is_documented() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let mut alice = scene.log_in("alice");
        let token = scene.token("alice");
        let mut admin = scene.server.admin();
        let text = document("docs/commands.md");
        let explained = admin.call(["WARDEN.EXPLAIN", "alice", &token]);
        for (command, head, reply) in [
            ("WARDEN.WHOAMI", "field", alice.whoami()),
            (
                "WARDEN.SESSIONS",
                "field",
                admin.run("WARDEN.SESSIONS").items().remove(0),
            ),
            ("WARDEN.EXPLAIN", "field", explained.clone()),
            (
                "WARDEN.EXPLAIN",
                "field of a policy",
                explained.field("policies").items().remove(0),
            ),
            ("WARDEN.POLICIES", "field", admin.run("WARDEN.POLICIES")),
            (
                "WARDEN.AUTHENTICATORS",
                "field",
                admin.run("WARDEN.AUTHENTICATORS"),
            ),
            ("WARDEN.RELOAD", "field", admin.run("WARDEN.RELOAD")),
        ] {
            let section = section(&text, command);
            assert_eq!(names(&reply), documented(&section, head), "{command}");
        }
    }
}

#[test]
fn every_field_of_a_preview_is_documented() {
    let candidates = tempfile::tempdir().expect("a temporary directory");
    let path = candidates.path().display().to_string();
    let scene = Scene::builder(Line::V9_1)
        .module_args(["preview_dir", &path])
        .start();
    let _alice = scene.log_in("alice");
    std::fs::create_dir(candidates.path().join("empty")).unwrap();
    let mut admin = scene.server.admin();
    let reply = admin.run("WARDEN.POLICIES PREVIEW empty");
    let section = section(&document("docs/commands.md"), "WARDEN.POLICIES");
    assert_eq!(names(&reply), documented(&section, "field of a preview"));
    let change = reply.field("changes").items().remove(0);
    assert_eq!(names(&change), documented(&section, "field of a change"));
}

#[test]
fn every_filter_is_documented_and_known_to_the_server() {
    let text = document("docs/commands.md");
    let filters = documented(&section(&text, "WARDEN.SESSIONS"), "filter");
    let scene = Scene::start(Line::V9_1);
    let mut admin = scene.server.admin();
    let docs = admin.run("COMMAND DOCS WARDEN.KILL").field("warden.kill");
    let there: BTreeSet<String> = docs
        .field("arguments")
        .items()
        .iter()
        .map(|argument| {
            let token = argument.field("token").text();
            format!("{token} {}", argument.field("name").text())
        })
        .filter(|argument| !argument.starts_with("SKIPME"))
        .collect();
    assert_eq!(there, filters);
}

#[test]
fn every_field_of_info_is_documented() {
    for line in Line::BOTH {
        let audited = Audited::start(line, "");
        let scene = &audited.scene;
        let _alice = scene.log_in("alice");
        let info = scene.server.info("warden");
        let there: BTreeSet<String> = info
            .keys()
            .map(|name| {
                let name = name.replace("_corp", "_ID").replace("_rbac", "_NAME");
                name.replace("_sink_file", "_sink_NAME")
            })
            .collect();
        let text = document("docs/commands.md") + "\n## ";
        let section = between(&text, "## INFO warden\n", "\n## ");
        assert_eq!(there, documented(section, "field"));
        let rows = table(section, "field", 2);
        let row = rows.iter().find(|row| row[0].contains("_sink_NAME"));
        let meaning = &row.expect("the sink's row")[1];
        for part in info["warden_audit_sink_file"].split(',') {
            let (name, _) = part.split_once('=').expect("a name and a value");
            let is_said = meaning.contains(&format!("`{name}`"));
            assert!(is_said, "{name} is not in {meaning}");
        }
    }
}

#[test]
fn info_tells_how_each_part_is_doing() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let token = scene.token("alice");
        for _ in 0..3 {
            scene.server.connect().auth("alice", &token).expect_ok();
        }
        let corp = scene.info("warden_authenticator_corp");
        assert!(
            corp.starts_with("type=jwt,status=ok,key_age_seconds=") && corp.contains("verified=1,"),
            "{corp}"
        );
        let rbac = scene.info("warden_policy_rbac");
        let digest = scene.policies_state().field("policies").items()[0]
            .field("digest")
            .text();
        assert!(rbac.starts_with(&format!("digest={digest},")), "{rbac}");
        for (stage, count) in [
            ("cached", 2),
            ("waited", 1),
            ("verification", 1),
            ("decision", 1),
        ] {
            let text = scene.info(&format!("warden_latency_usec_{stage}"));
            assert!(
                text.starts_with(&format!("count={count},p50=")),
                "{stage}: {text}"
            );
        }
    }
}

/// Every server of a directory has the same fields in INFO, and in the reply of the command.
#[test]
fn every_field_of_a_directorys_server_is_documented() {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success());
    let file = format!("type = 'ldap'\nservers = ['{}']\n", directory.url());
    for line in Line::BOTH {
        let scene = Scene::builder(line).authenticator_file(&file).start();
        scene.server.connect().auth("alice", "any").expect_ok();
        let there: BTreeSet<String> = scene
            .server
            .info("warden")
            .into_keys()
            .filter(|name| name.starts_with("warden_directory_"))
            .map(|name| name.replace("_corp_1", "_ID_N"))
            .collect();
        let text = document("docs/commands.md");
        let rows = table(&text, "of a server", 2);
        let names = rows.iter().flat_map(|cells| cells[0].split(", "));
        let documented: BTreeSet<String> = names
            .map(|name| code(name).expect("a name").to_owned())
            .collect();
        assert_eq!(there, documented);
        let section = section(&text, "WARDEN.AUTHENTICATORS");
        let server = scene.authenticators_state()[0].field("servers").items();
        for name in names_within(&server[0]) {
            let is_said = section.contains(&format!("`{name}`")) || section.contains(&name);
            assert!(is_said, "{name} is not in {section}");
            let is_said = rows.iter().any(|cells| cells.concat().contains(&name));
            assert!(is_said || name == "error", "{name} is not in {rows:?}");
        }
    }
}

/// The names of a map, and of the maps in it.
fn names_within(reply: &Reply) -> BTreeSet<String> {
    let mut all = names(reply);
    for pool in ["binds", "searches"] {
        all.extend(names(&reply.field(pool)));
    }
    all
}
