//! docs/policies/tests.md: its example holds and its broken one fails as it says,
//! its table names every key, and the messages it lists are those given.

use std::collections::BTreeSet;

use warden_tests::{Claims, Line, Scene, eventually};

use crate::markdown::{blocks, code, document, table};

const PAGE: &str = "docs/policies/tests.md";

/// The example's roles and tests.
fn example() -> (String, String) {
    let mut blocks = blocks(&document(PAGE), "toml").into_iter();
    let mut next = || blocks.next().expect("an example");
    (next(), next())
}

fn first_error(scene: &Scene) -> Option<String> {
    let errors = scene.policies_state().field("errors").texts();
    errors.into_iter().next()
}

#[test]
fn the_example_holds_and_the_broken_one_fails_as_it_says() {
    let (roles, tests) = example();
    for line in Line::BOTH {
        let scene = Scene::builder(line)
            .roles(&roles)
            .policy_tests(&tests)
            .start();
        let policies = scene.policies_state().field("policies").items();
        assert_eq!(policies[0].field("tests").number(), 3);
        // What the tests say is so.
        let mut alice = scene.log_in_with(&Claims::of("alice").groups(&["analysts"]));
        assert!(alice.run("GET reports:q1").is_nil());
        alice.run("SET reports:q1 x").expect_error("NOPERM");
        alice.run("FLUSHALL").expect_error("NOPERM");
        scene
            .attempt(&Claims::of("mallory").groups(&["interns"]))
            .expect_error("WRONGPASS");

        let wider = roles.replacen("\"+@read\"", "\"+@read\", \"+set\"", 1);
        scene.policies.replace("rbac.toml", wider);
        let error = eventually("the test fails", || first_error(&scene));
        let shown = &blocks(&document(PAGE), "text")[0];
        assert_eq!(error, shown.trim());
        alice.run("SET reports:q1 x").expect_error("NOPERM");
    }
}

#[test]
fn the_readmes_tests_hold_for_its_roles() {
    let blocks = blocks(&document("README.md"), "toml");
    let block = |head: &str| {
        let found = blocks.iter().find(|block| block.starts_with(head));
        found.unwrap_or_else(|| panic!("README.md has no {head}"))
    };
    let scene = Scene::builder(Line::V9_1)
        .roles(block("[roles."))
        .policy_tests(block("[[tests]]"))
        .start();
    let policies = scene.policies_state().field("policies").items();
    assert_eq!(policies[0].field("tests").number(), 1);
}

#[test]
fn the_table_names_every_key() {
    let text = document(PAGE);
    let named: BTreeSet<String> = table(&text, "key of a test", 3)
        .iter()
        .map(|row| code(&row[0]).expect("a key").to_owned())
        .collect();
    let scene = Scene::start(Line::V9_1);
    scene
        .policies
        .replace("rbac.tests.toml", "[[tests]]\nnone = 1\n");
    let error = eventually("the key is refused", || first_error(&scene));
    let known: BTreeSet<String> = error
        .split_once("expected one of")
        .expect("the known keys")
        .1
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert_eq!(named, known);
}

/// Tests that deserve each of the documented messages, with the roles of the scene.
const MISTAKES: [&str; 9] = [
    "principal = 'corp/alice'\ncann = ['+get']",
    "principal = 'alice'\ncan = ['+get']",
    "principal = 'corp/alice'",
    "principal = 'corp/alice'\ncan = ['+get -set']",
    "principal = 'corp/alice'\ncannot = ['+gett ~x']",
    "principal = 'corp/alice'\ncan = ['+set ~reports:q1']",
    "principal = 'corp/alice'\ncannot = ['+get ~reports:q1']",
    "principal = 'corp/mallory'\ncan = ['+get ~reports:q1']",
    "principal = 'corp/alice'\nrefused = true",
];

#[test]
fn the_documented_messages_are_those_given() {
    let text = document(PAGE);
    let messages = table(&text, "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    let scene = Scene::start(Line::V9_1);
    let before = scene.generation();
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        let file = format!("[[tests]]\nname = 'a'\n{mistake}\n");
        scene.policies.replace("rbac.tests.toml", file);
        let parts: Vec<&str> = message.split(" … ").collect();
        eventually(&format!("the error says {message:?}"), || {
            let error = first_error(&scene)?;
            parts.iter().all(|part| error.contains(part)).then_some(())
        });
    }
    assert_eq!(scene.generation(), before);
    scene.attempt(&Claims::of("alice")).expect_ok();
}
