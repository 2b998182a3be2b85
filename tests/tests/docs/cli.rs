//! docs/cli.md: every verb, option, check and exit status as the command line has
//! them, its completions and its manual pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use warden_tests::parts::{self, Line};
use warden_tests::{ADMIN_PASSWORD, Scene};

use crate::markdown::{between, blocks, code, document, table};

fn warden(arguments: &[&str]) -> Output {
    Command::new(parts::cli())
        .args(arguments)
        .env_remove("WARDEN_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .expect("the command line runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = warden(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The lines of one part of `--help`.
fn part<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    help.lines()
        .skip_while(|line| *line != title)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .collect()
}

/// Every verb with its options, from `--help` of it and of those below it.
fn real(verb: &[&str], verbs: &mut BTreeMap<String, BTreeSet<String>>) {
    let help = printed(&[verb, &["--help"]].concat());
    let below: Vec<&str> = part(&help, "Commands:")
        .iter()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    if below.is_empty() {
        let options = part(&help, "Options:")
            .iter()
            .map(|line| line.trim_start())
            .filter(|words| words.starts_with('-'))
            .filter_map(|words| {
                let option = words[words.find("--")?..].split("  ").next()?;
                Some(option.replace(['<', '>'], ""))
            })
            .filter(|option| option != "--help" && option != "--version")
            .collect();
        verbs.insert(format!("warden {}", verb.join(" ")), options);
    }
    for name in below {
        real(&[verb, &[name]].concat(), verbs);
    }
}

/// The same, from the document.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = document("docs/cli.md");
    let sections = text.split("\n## ").skip(1).map(|section| {
        let (title, body) = section.split_once('\n').expect("a title");
        let verb = code(title).expect("a verb").to_owned();
        let options = if body.contains("It has no options.") {
            BTreeSet::new()
        } else {
            let rows = table(body, "option", 3);
            let option = |row: &Vec<String>| code(&row[0]).expect("an option").to_owned();
            rows.iter().map(option).collect()
        };
        (verb, options)
    });
    sections.collect()
}

#[test]
fn every_verb_and_option_is_documented_and_the_other_way_round() {
    let mut verbs = BTreeMap::new();
    real(&[], &mut verbs);
    assert!(verbs.len() > 5, "{verbs:?}");
    assert_eq!(documented(), verbs);
}

/// What doctor says about a server, by name.
fn checks(arguments: &[&str]) -> Vec<(String, String)> {
    let output = warden(&[&["doctor", "--json"], arguments].concat());
    let document: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    let checks = document["checks"].as_array().expect("a list").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    checks
        .map(|check| (text(&check["name"]), text(&check["seen"])))
        .collect()
}

#[test]
fn the_user_of_the_document_may_see_everything_and_every_check_is_documented() {
    let scene = Scene::start(Line::V9_1);
    let text = document("docs/cli.md");
    let blocks = blocks(between(&text, "**Rights.**", "\n## "), "text");
    let command = blocks[0].trim_end();
    assert!(
        command.starts_with("ACL SETUSER doctor on >PASSWORD "),
        "{command}"
    );
    scene.server.admin().run(command).expect_ok();
    let file = scene.server.directory().join("password");
    fs::write(&file, "PASSWORD\n").unwrap();
    let port = scene.server.address().port().to_string();
    let file = file.display().to_string();
    let checks = checks(&[
        "--port",
        &port,
        "--user",
        "doctor",
        "--password-file",
        &file,
    ]);
    for (name, seen) in &checks {
        assert!(!seen.contains("not checked"), "{name}: {seen}");
    }
    let rows = table(&text, "check", 3);
    let documented: Vec<String> = rows
        .iter()
        .map(|row| code(&row[0]).expect("a name").to_owned())
        .collect();
    let real: Vec<String> = checks.into_iter().map(|(name, _)| name).collect();
    assert_eq!(documented, real);
}

#[test]
fn exit_statuses_are_as_documented() {
    let text = document("docs/cli.md");
    let statuses: Vec<String> = table(&text, "exit status", 2)
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(statuses, ["0", "1", "2"]);
    let status = |arguments: &[&str]| warden(arguments).status.code();
    assert_eq!(status(&["--version"]), Some(0));
    assert_eq!(status(&["token", "inspect", "no token"]), Some(1));
    assert_eq!(status(&["doctor", "--no-such-option"]), Some(2));
    assert_eq!(status(&["doctor", "--socket", "/nowhere"]), Some(2));
    assert_eq!(
        status(&["doctor", "--socket", "/nowhere", "--port", "1"]),
        Some(2)
    );
    assert_eq!(status(&["doctor", "--password-file", "/nowhere"]), Some(2));
    assert_eq!(
        status(&["doctor", "--ca", "/nowhere"]),
        Some(2),
        "needs --tls"
    );
}

#[test]
fn bash_completes_our_verbs() {
    let script = printed(&["completions", "bash"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("warden");
    fs::write(&file, script).unwrap();
    let ask = "source \"$0\"; COMP_WORDS=(warden do); COMP_CWORD=1; _warden warden do warden; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", ask])
        .arg(&file)
        .output()
        .expect("bash runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "doctor\n",
        "{output:?}"
    );
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        assert!(
            printed(&["completions", shell]).contains("doctor"),
            "{shell}"
        );
    }
    assert_eq!(warden(&["completions", "teapot"]).status.code(), Some(2));
}

#[test]
fn every_verb_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("new").join("man1");
    assert_eq!(printed(&["man", pages.to_str().unwrap()]), "");
    let mut found: BTreeSet<String> = names(&pages);
    let own = fs::read_to_string(pages.join("warden.1")).unwrap();
    assert!(own.contains(".TH warden 1"), "{own}");
    assert_eq!(printed(&["man"]), own);
    let page = fs::read_to_string(pages.join("warden-doctor.1")).unwrap();
    assert!(page.contains("\\-\\-password\\-file"), "{page}");
    // Verbs with verbs below them have a page too.
    for parent in [
        "warden.1",
        "warden-token.1",
        "warden-audit.1",
        "warden-policy.1",
        "warden-migrate.1",
    ] {
        assert!(found.remove(parent), "{parent}");
    }
    let expected = documented()
        .keys()
        .map(|verb| format!("{}.1", verb.replace(' ', "-")))
        .collect();
    assert_eq!(found, expected);
    let failed = warden(&["man", "/proc/nowhere"]);
    assert_eq!(failed.status.code(), Some(1));
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn colours_are_for_terminals() {
    let scene = Scene::start(Line::V9_1);
    let port = scene.server.address().port();
    let run = |on_terminal: bool, no_colour: bool| {
        let line = format!("{:?} doctor --port {port}", parts::cli());
        let mut command = if on_terminal {
            let mut command = Command::new("script");
            command.args(["-q", "-c", &line, "/dev/null"]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &line]);
            command
        };
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command
            .env("TERM", "xterm")
            .env("WARDEN_PASSWORD", ADMIN_PASSWORD);
        if no_colour {
            command.env("NO_COLOR", "1");
        }
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains(" checks: "), "{text}");
        text.contains('\x1b')
    };
    assert!(run(true, false), "on a terminal");
    assert!(!run(true, true), "NO_COLOR is set");
    assert!(!run(false, false), "into a pipe");
}
