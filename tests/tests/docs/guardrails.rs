//! docs/policies/guardrails.md: its examples are data the policy takes and mean what
//! is said beside rbac, and the messages it lists are those the policy gives.

use warden_tests::{Claims, Line, Scene, eventually, parts, unix_now};

use crate::markdown::{blocks, code, document, table};

const ROLES: &str = "[roles.all]\n\
    members = ['group:corp/staff', 'group:corp/operators', 'group:corp/visitors']\n\
    rules = ['+@read', '+@write', '+publish', '~*', '&*']\n";

/// A server with rbac and guardrails, the latter with this data.
fn scene(data: &str) -> Scene {
    let scene = Scene::builder(Line::V9_1).roles(ROLES).start();
    scene.reload_after(|| {
        scene.policies.replace("guardrails.toml", data);
        scene
            .policies
            .replace("guardrails.wasm", parts::policy("guardrails"));
    });
    scene
}

fn member(group: &str) -> Claims {
    Claims::of("zoe").groups(&[group])
}

#[test]
fn the_first_example_means_what_is_said() {
    let example = &blocks(&document("docs/policies/guardrails.md"), "toml")[0];
    // These tests come from 127.0.0.1, which is not the office.
    let scene = scene(example);
    scene
        .attempt(&member("operators"))
        .expect_error("WRONGPASS operators log in from the office network");
    let mut staff = scene.log_in_with(&member("staff"));
    assert!(staff.run("GET anything").is_nil());
    staff.run("SET anything x").expect_error("NOPERM");
    assert_eq!(staff.run("PUBLISH news x").number(), 0);
    let mut visitor = scene.log_in_with(&member("visitors"));
    assert!(visitor.run("GET reports:q1").is_nil());
    assert!(visitor.run("GET public:x").is_nil());
    visitor.run("GET anything").expect_error("NOPERM");
    visitor.run("PUBLISH news x").expect_error("NOPERM");
    visitor.run("SCAN 0").expect_error("NOPERM");
    // Elsewhere than on this machine staff writes.
    scene.next_generation(|| {
        let elsewhere = example.replace("127.0.0.0/8", "127.0.0.0/32");
        scene.policies.replace("guardrails.toml", elsewhere);
    });
    eventually("staff may write", || {
        staff.run("SET anything x").is_ok().then_some(())
    });
    eventually("a visitor may write what is public", || {
        visitor.run("SET public:x x").is_ok().then_some(())
    });
    visitor.run("SET reports:q1 x").expect_error("NOPERM");
}

#[test]
fn the_second_example_means_what_is_said() {
    let example = &blocks(&document("docs/policies/guardrails.md"), "toml")[1];
    let scene = scene(example);
    // Where an hour is about to strike it may strike between log-in and command.
    while unix_now() % 3600 > 3590 {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    let (day, hour) = ((unix_now() / 86_400 + 3) % 7, unix_now() / 3600 % 24);
    let mut staff = scene.log_in_with(&member("staff"));
    assert!(staff.run("GET x").is_nil());
    let visitor = scene.attempt(&member("visitors"));
    if day < 5 && (8..18).contains(&hour) {
        staff.run("SET x 1").expect_ok();
        visitor.expect_ok();
    } else {
        staff.run("SET x 1").expect_error("NOPERM");
        visitor.expect_error("WRONGPASS come back ");
    }
}

/// Data that deserves each of the documented messages.
const MISTAKES: [&str; 10] = [
    "",
    "[[rules]]\nname = 'a'\nmember = []\n",
    "[[rules]]\nname = 'a'\ndays = ['sun']\n",
    "[[rules]]\nname = 'a'\ndays = ['sun']\ndeny_login = 'no'\nkeys = []\n",
    "[[rules]]\nname = 'a'\ndeny_login = 'no'\n",
    "[[rules]]\nname = 'a'\nmembers = ['group:staff']\nkeys = []\n",
    "[[rules]]\nname = 'a'\naddresses = ['10.1.2.3/8']\nkeys = []\n",
    "[[rules]]\nname = 'a'\nhours = ['08:00-08:00']\nkeys = []\n",
    "[[rules]]\nname = 'a'\ndenials = ['+get']\n",
    "[[rules]]\nname = 'a'\nmembers = []\nkeys = []\n",
];

#[test]
fn the_documented_messages_are_those_the_policy_gives() {
    let text = document("docs/policies/guardrails.md");
    let messages = table(&text, "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    let scene = Scene::start(Line::V9_1);
    let policy = parts::policy("guardrails");
    scene.policies.replace("guardrails.wasm", policy);
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        if !mistake.is_empty() {
            scene.policies.replace("guardrails.toml", mistake);
        }
        eventually(&format!("the error says {message:?}"), || {
            let state = scene.policies_state();
            let errors = state.field("errors").items();
            errors.first()?.text().contains(message).then_some(())
        });
        // The last good generation stays.
        scene.attempt(&Claims::of("alice")).expect_ok();
    }
}
