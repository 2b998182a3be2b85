//! docs/policies/tenant.md: its examples are data the policy takes and mean what is
//! said beside rbac, and the messages it lists are those the policy gives.

use warden_tests::{Claims, Line, Scene, eventually, parts};

use crate::markdown::{between, blocks, code, document, table};

/// A server with rbac and tenant, each with this data.
fn scene(roles: &str, tenant: &str) -> Scene {
    let scene = Scene::builder(Line::V9_1).roles(roles).start();
    scene.reload_after(|| {
        scene.policies.replace("tenant.toml", tenant);
        scene
            .policies
            .replace("tenant.wasm", parts::policy("tenant"));
    });
    scene
}

fn app(tenant: &str) -> Claims {
    Claims::of("app").groups(&["apps"]).set("tenant", tenant)
}

#[test]
fn the_first_example_means_what_is_said() {
    let examples = blocks(&document("docs/policies/tenant.md"), "toml");
    let roles = format!(
        "{}\n[roles.operator]\nmembers = ['group:corp/operators']\nrules = ['+get', '+keys', '~*']\n",
        examples[1]
    );
    let scene = scene(&roles, &examples[0]);
    let mut acme = scene.log_in_with(&app("acme"));
    acme.run("SET acme:cart 1").expect_ok();
    acme.run("GET acme:cart").expect_text("1");
    assert!(acme.run("GET shared:rates").is_nil());
    acme.run("SET shared:rates 1").expect_error("NOPERM");
    acme.run("GET other:cart").expect_error("NOPERM");
    acme.run("GET acme").expect_error("NOPERM");
    acme.run("PUBLISH other.news x").expect_error("NOPERM");
    assert_eq!(acme.run("PUBLISH acme.news x").number(), 0);
    acme.run("SCAN 0").expect_error("NOPERM");
    scene
        .attempt(&Claims::of("app").groups(&["apps"]))
        .expect_error("WRONGPASS your token names no tenant");
    let operator = Claims::of("root").groups(&["operators"]);
    let mut operator = scene.log_in_with(&operator);
    operator.run("GET acme:cart").expect_text("1");
    assert_eq!(operator.run("KEYS *").texts(), ["acme:cart"]);
}

#[test]
fn a_name_is_text_and_nothing_else_as_said() {
    let examples = blocks(&document("docs/policies/tenant.md"), "toml");
    let scene = scene(&examples[1], &examples[0]);
    for unusable in [
        "acme:eu",
        "shared",
        "a b",
        "a\"",
        "a'",
        "(a)",
        "a\n",
        "acme:* ~*",
    ] {
        scene
            .attempt(&app(unusable))
            .expect_error("WRONGPASS the tenant your token names cannot be used here");
    }
    let mut star = scene.log_in_with(&app("*"));
    star.run("SET *:x 1").expect_ok();
    star.run("GET acme:x").expect_error("NOPERM");
}

#[test]
fn the_second_example_means_what_is_said() {
    let example = &blocks(&document("docs/policies/tenant.md"), "toml")[2];
    let roles = "[roles.all]\nmembers = ['group:corp/partners', 'user:corp/alice']\nrules = ['+get', '+set', '~*']\n";
    let scene = scene(roles, example);
    let partner = Claims::of("paul").groups(&["partners"]);
    let mut partner = scene.log_in_with(&partner.set("account_id", 42));
    assert!(partner.run("GET {42}:x").is_nil());
    assert!(partner.run("GET settings:42").is_nil());
    partner.run("SET {42}:x 1").expect_error("NOPERM");
    partner.run("GET settings:421").expect_error("NOPERM");
    let mut alice = scene.log_in("alice");
    alice.run("SET anything 1").expect_ok();
}

#[test]
fn a_claim_is_found_by_each_of_the_documented_pointers() {
    let text = document("docs/policies/tenant.md");
    let listed = between(&text, "**Claims.** ", "Of all claims");
    let examples = blocks(&text, "toml");
    let claims = Claims::of("app")
        .groups(&["apps"])
        .set("tenant", "acme")
        .set("org", serde_json::json!({ "unit": "acme" }))
        .set("https://example.com/tenant", "acme");
    let pointers = listed.split('`').skip(1).step_by(2);
    let pointers: Vec<&str> = pointers
        .filter(|word| word.starts_with('/') && word.len() > 1)
        .collect();
    assert_eq!(pointers.len(), 4);
    let scene = scene(&examples[1], &examples[0]);
    for pointer in &pointers[..3] {
        let data = examples[0].replace("\"/tenant\"", &format!("\"{pointer}\""));
        scene.reload_after(|| scene.policies.replace("tenant.toml", data));
        let mut app = scene.log_in_with(&claims);
        app.run("SET acme:x 1").expect_ok();
        app.run("GET other:x").expect_error("NOPERM");
    }
}

/// Data that deserves each of the documented messages.
const MISTAKES: [&str; 9] = [
    "",
    "claim = '/tenant'\nkeys = ['~{tenant}:*']\n",
    "claim = 'nobody'\nkeys = ['~{tenant}:*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~{tenant}*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~{tennant}:*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~{tenant}:*', '~app:{tenant}:*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~shared:*']\nchannels = []\n",
    "claim = '/tenant'\nkeys = ['~{tenant}:*']\nchannels = []\nexempt = ['group:operators']\n",
];

#[test]
fn the_documented_messages_are_those_the_policy_gives() {
    let text = document("docs/policies/tenant.md");
    let messages = table(&text, "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    let scene = Scene::start(Line::V9_1);
    scene
        .policies
        .replace("tenant.wasm", parts::policy("tenant"));
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        if !mistake.is_empty() {
            scene.policies.replace("tenant.toml", mistake);
        }
        // An ellipsis stands for what differs from case to case.
        let parts: Vec<&str> = message.split(" … ").collect();
        eventually(&format!("the error says {message:?}"), || {
            let error = first_error(&scene)?;
            parts.iter().all(|part| error.contains(part)).then_some(())
        });
        // The last good generation stays, and it had no tenants.
        scene.attempt(&Claims::of("alice")).expect_ok();
    }
}

fn first_error(scene: &Scene) -> Option<String> {
    let errors = scene.policies_state().field("errors").items();
    Some(errors.first()?.text())
}
