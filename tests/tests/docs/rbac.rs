//! docs/policies/rbac.md: its examples are data the policy takes and mean what is
//! said, and the messages it lists are those the policy gives.

use warden_tests::{Claims, Line, Scene, eventually};

use crate::markdown::{blocks, code, document, table};

#[test]
fn the_first_example_means_what_is_said() {
    let example = &blocks(&document("docs/policies/rbac.md"), "toml")[0];
    let scene = Scene::builder(Line::V9_1).roles(example).start();
    let mut alice = scene.log_in("alice");
    assert!(alice.run("GET reports:q1").is_nil());
    alice.run("SET reports:q1 x").expect_error("NOPERM");
    alice.run("GET drafts:q1").expect_error("NOPERM");
    let mut editor = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    editor.run("SET drafts:q1 x").expect_ok();
    editor.run("SET reports:q1 x").expect_ok();
    editor.run("FLUSHALL").expect_error("NOPERM");
}

#[test]
fn two_roles_are_two_grants_as_the_second_example_says() {
    let example = &blocks(&document("docs/policies/rbac.md"), "toml")[1];
    let scene = Scene::builder(Line::V9_1).roles(example).start();
    let mut analyst = scene.log_in_with(&Claims::of("ann").groups(&["analysts"]));
    analyst.run("SET drafts:q1 x").expect_ok();
    analyst.run("SET reports:q1 x").expect_error("NOPERM");
    assert!(analyst.run("GET reports:q1").is_nil());
    let mut dashboard = scene.log_in("dashboard");
    dashboard.run("GET reports:q1").expect_error("NOPERM");
    assert_eq!(dashboard.run("SUBSCRIBE news.today").items().len(), 3);
}

/// Data that deserves each of the documented messages.
const MISTAKES: [&str; 7] = [
    "",
    "[roles.a]\nmember = ['group:x']\nrules = ['+get']\n",
    "[roles.a]\nmembers = ['groups:x']\nrules = ['+get']\n",
    "[roles.a]\nmembers = ['group:corp/*']\nrules = ['+get']\n",
    "[roles.a]\nmembers = ['group:x']\nrules = ['~a']\n",
    "[roles.a]\nmembers = ['group:x']\nrules = ['+get']\nsession_seconds = 0\n",
    "[roles.reader]\nmembers = ['group:x']\nrules = ['+get']\n",
];

#[test]
fn the_documented_messages_are_those_the_policy_gives() {
    let text = document("docs/policies/rbac.md");
    let messages = table(&text, "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    let scene = Scene::start(Line::V9_1);
    let roles = warden_tests::scene::ROLES;
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        if mistake.is_empty() {
            scene.policies.remove("rbac.toml");
        } else if mistake.contains("roles.reader") {
            scene.policies.replace("rbac.toml", roles);
            scene.policies.replace("rbac.more.toml", mistake);
        } else {
            scene.policies.replace("rbac.toml", mistake);
        }
        // An ellipsis stands for what differs from case to case.
        let parts: Vec<&str> = message.split(" … ").collect();
        eventually(&format!("the error says {message:?}"), || {
            let state = scene.policies_state();
            let errors = state.field("errors").items();
            let error = errors.first()?.text();
            parts.iter().all(|part| error.contains(part)).then_some(())
        });
        // The last good generation stays.
        scene.attempt(&Claims::of("alice")).expect_ok();
    }
}
