//! docs/clients/: the program of every page logs in, renews in place, and says what its
//! page says when something is refused or cannot be decided; and every page names what
//! its library sends when it connects.

mod cluster;
mod program;

use std::thread;

use warden_tests::scene::ROLES;
use warden_tests::{Claims, Line, Scene, on_both_lines};

use crate::markdown::{code, document, table};
use program::{Outcome, Program};

const PAGES: [&str; 4] = ["valkey-py", "redis-py", "iovalkey", "valkey-glide"];

/// An issuer whose keys nobody can fetch: nothing listens on that port.
const AWAY: &str = "https://127.0.0.1:1";

/// Seconds: enough for a busy machine to log in, and every run waits for the end.
const SHORT: u64 = 12;

on_both_lines!(
    the_program_for_valkey_py_does_what_its_page_says,
    the_program_for_redis_py_does_what_its_page_says,
    the_program_for_iovalkey_does_what_its_page_says,
    the_program_for_valkey_glide_does_what_its_page_says,
);

fn the_program_for_valkey_py_does_what_its_page_says(line: Line) {
    does_what_its_page_says("valkey-py", line);
}

fn the_program_for_redis_py_does_what_its_page_says(line: Line) {
    does_what_its_page_says("redis-py", line);
}

fn the_program_for_iovalkey_does_what_its_page_says(line: Line) {
    does_what_its_page_says("iovalkey", line);
}

fn the_program_for_valkey_glide_does_what_its_page_says(line: Line) {
    does_what_its_page_says("valkey-glide", line);
}

fn page(library: &str) -> String {
    document(&format!("docs/clients/{library}.md"))
}

/// What is sent at connect, and what lets it pass, as the page has it.
fn sent(library: &str) -> Vec<(String, String)> {
    let rows = table(&page(library), "sent at connect", 2);
    rows.into_iter()
        .map(|row| {
            let command = code(&row[0]).expect("a command").to_owned();
            (command, row[1].clone())
        })
        .collect()
}

/// A server where alice is a reader, with these rules besides, and a second issuer
/// that is out of reach.
fn scene(line: Line, more_rules: &str) -> Scene {
    let rules = format!("\"+@read\"{more_rules}");
    let scene = Scene::builder(line)
        .roles(&ROLES.replacen("\"+@read\"", &rules, 1))
        // Else a session lives on for half a minute after its token's end.
        .authenticator_lines("leeway_seconds = 0\n")
        .start();
    let away = format!(
        "type = 'jwt'\nissuer = '{AWAY}'\naudience = ['valkey']\njwks_url = '{AWAY}/jwks'\n"
    );
    scene.authenticators.replace("20-away.toml", away);
    scene.server.admin().run("WARDEN.RELOAD");
    assert_eq!(scene.authenticators_state().len(), 2);
    scene.server.admin().run("SET reports:1 hello").expect_ok();
    scene
}

/// A scene with the rules that the page of this library says it needs.
fn scene_for(library: &str, line: Line) -> Scene {
    let needs_info = sent(library)
        .iter()
        .any(|(_, by)| by.starts_with("needs `+info`"));
    scene(line, if needs_info { ", \"+info\"" } else { "" })
}

/// The words of the page's table about a situation, up to `…`.
fn said(library: &str, situation: &str) -> String {
    let rows = table(&page(library), "situation", 3);
    let row = rows
        .iter()
        .find(|row| row[0] == situation)
        .unwrap_or_else(|| panic!("{library}: no row {situation:?}"));
    code(&row[1]).expect("printed words").to_owned()
}

/// How a program in Python ends whose connection was closed while its command was on its way.
const RESET: &str = "ConnectionResetError";

fn does_what_its_page_says(library: &str, line: Line) {
    let scene = scene_for(library, line);
    let program = Program::of(library, &page(library));
    let address = scene.server.address();
    let token = |claims: Claims| scene.issuer.token(&claims);
    let run = |token: String, then: Option<String>| program.run(address, &token, then.as_deref());

    let alice = || Claims::of("alice");
    let fresh = token(alice().expires_in(600).id("fresh"));
    let undecided = token(alice().set("iss", AWAY));
    let short = || token(alice().expires_in(SHORT));
    thread::scope(|all| {
        let renewed = all.spawn(|| run(short(), Some(fresh.clone())));
        let ended = all.spawn(|| run(short(), None));
        let not_renewed = all.spawn(|| run(short(), Some(undecided.clone())));
        let expired = all.spawn(|| run(token(alice().expired_for(60)), None));
        let no_policy = all.spawn(|| run(token(Claims::of("mallory")), None));
        let not_decided = all.spawn(|| run(undecided.clone(), None));

        let renewed = renewed.join().unwrap();
        let client = renewed.client();
        assert_eq!(renewed.code, Some(0), "{renewed:?}");
        assert!(renewed.says(&said(library, "renewed")), "{renewed:?}");
        assert!(renewed.says("read hello"), "{renewed:?}");
        // In place: the same connection, after the end of the token it began with.
        let still = format!("still corp/alice, client {client}");
        assert!(renewed.says(&still), "{renewed:?}");

        for (situation, outcome, logs_in) in [
            ("the token has expired", expired, false),
            ("no policy grants anything", no_policy, false),
            ("undecided at log-in", not_decided, false),
            ("undecided at renewal", not_renewed, true),
            ("the session has ended", ended, true),
        ] {
            let outcome: Outcome = outcome.join().unwrap();
            let words = said(library, situation);
            let is_reset = situation == "the session has ended" && outcome.says(RESET);
            assert!(
                is_reset || outcome.says(&words),
                "{situation}: {words}\n{outcome:?}"
            );
            assert_eq!(
                outcome.says("logged in as corp/alice"),
                logs_in,
                "{outcome:?}"
            );
            assert_eq!(outcome.code, Some(1), "{situation}: {outcome:?}");
        }
    });
}

#[test]
fn every_page_names_what_its_library_sends_when_it_connects() {
    // MONITOR does not show what is refused.
    let scene = scene(Line::V9_1, ", \"+info\"");
    for library in PAGES {
        let program = Program::of(library, &page(library));
        let mut monitor = scene.server.admin();
        monitor.run("MONITOR").expect_ok();
        let token = scene.token("alice");
        program.run_until_read(scene.server.address(), &token);
        let mut commands: Vec<String> = Vec::new();
        loop {
            let command = command_of(&monitor.receive().text());
            if command.starts_with("WARDEN.WHOAMI") {
                break;
            }
            // A command that waits for warden is shown a second time when it goes on.
            if commands.last() != Some(&command) {
                commands.push(command);
            }
        }
        let documented: Vec<String> = sent(library).into_iter().map(|row| row.0).collect();
        assert_eq!(commands, documented, "{library}");
    }
}

/// `1.2 [0 127.0.0.1:3] "AUTH" "(redacted)"` as `AUTH`: in capitals, and without what
/// is secret or a version.
fn command_of(line: &str) -> String {
    let words = line.split("\" \"").enumerate().map(|(number, word)| {
        let word = if number == 0 {
            word.rsplit('"').find(|part| !part.is_empty()).unwrap_or("")
        } else {
            word.trim_end_matches('"')
        };
        word.to_owned()
    });
    let words: Vec<String> = words.filter(|word| word != "(redacted)").collect();
    let kept = if words[0] == "CLIENT" { 3 } else { words.len() };
    words[..kept].join(" ").to_uppercase()
}

#[test]
fn a_library_that_needs_a_rule_tells_so_without_it() {
    let library = "valkey-glide";
    let scene = scene(Line::V9_1, "");
    let program = Program::of(library, &page(library));
    let outcome = program.run(scene.server.address(), &scene.token("alice"), None);
    let words = said(library, "the rule is missing");
    assert!(outcome.says(&words), "{words}\n{outcome:?}");
}

#[test]
fn the_list_of_clients_has_every_page() {
    let text = document("docs/clients/README.md");
    for library in PAGES {
        assert!(text.contains(&format!("({library}.md)")), "{library}");
    }
}
