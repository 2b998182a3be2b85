//! Rego decides on real servers: what its document says is granted and no more, follows
//! modules and data live, and a document of another shape refuses.

use warden_tests::{Claims, Line, Scene, eventually, on_both_lines, parts};

on_both_lines!(
    rego_grants_what_its_document_says_and_changed_data_changes_live_sessions,
    a_rego_document_of_another_shape_refuses_and_says_why,
);

const MODULE: &str = r#"
package warden

verdict.grants contains data.grants[group] if some group in input.principal.groups

verdict.restrictions contains {"keys": ["~reports:*"]} if input.client.address == "127.0.0.1"

verdict.denial := "your account is suspended" if input.principal.claims.suspended
"#;

const GRANTS: &str = r#"{"grants": {"corp/analysts": ["+@read", "~reports:*", "~drafts:*"]}}"#;

fn scene(line: Line, module: &str) -> Scene {
    let settings = "claims = ['/suspended']\ninputs = ['client.address']\n";
    let data = [("rego", module), ("json", GRANTS), ("toml", settings)];
    Scene::of_policy(line, "rego", parts::precompiled_policy("rego"), &data)
}

fn analyst() -> Claims {
    Claims::of("alice").groups(&["analysts"])
}

fn rego_grants_what_its_document_says_and_changed_data_changes_live_sessions(line: Line) {
    let scene = scene(line, MODULE);
    let mut alice = scene.log_in_with(&analyst());
    assert!(alice.run("GET reports:q1").is_nil());
    alice.run("SET reports:q1 x").expect_error("NOPERM");
    // The restriction: this client comes from here.
    alice.run("GET drafts:q1").expect_error("NOPERM");
    scene.attempt(&Claims::of("bob")).expect_error("WRONGPASS");
    scene
        .attempt(&analyst().set("suspended", true))
        .expect_error("WRONGPASS your account is suspended");
    scene.next_generation(|| {
        let more = GRANTS.replace("+@read", "+@read\", \"+set");
        scene.policies.replace("rego.json", more);
    });
    eventually("alice may write", || {
        alice.run("SET reports:q1 x").is_ok().then_some(())
    });
    let broken = "package warden\nverdict := [\n";
    scene.policies.replace("rego.rego", broken);
    eventually("the error says where", || {
        let errors = scene.policies_state().field("errors").texts();
        errors
            .join("\n")
            .contains("\"rego.rego\" line ")
            .then_some(())
    });
    alice.run("GET reports:q1").expect_text("x");
    scene.attempt(&analyst()).expect_ok();
}

fn a_rego_document_of_another_shape_refuses_and_says_why(line: Line) {
    let scene = scene(
        line,
        "package warden\nverdict := {\"grant\": [\"+@all\", \"~*\"]}\n",
    );
    scene.attempt(&analyst()).expect_error("WRONGPASS");
    let explained =
        scene
            .server
            .admin()
            .call(["WARDEN.EXPLAIN", "token", &scene.issuer.token(&analyst())]);
    let explained = explained.to_string();
    assert!(
        explained.contains("a part \\\"grant\\\", which it does not take")
            || explained.contains("a part \"grant\", which it does not take"),
        "{explained}"
    );
}
