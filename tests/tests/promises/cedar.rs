//! Cedar decides on real servers: what it allows is granted and no more, its decisions
//! follow the files live, and what it cannot decide is refused.

use warden_tests::{Claims, Line, Scene, eventually, on_both_lines, parts};

on_both_lines!(
    cedar_grants_what_it_allows_and_a_changed_policy_changes_live_sessions,
    a_cedar_policy_that_fails_refuses_the_log_in_and_is_named,
    a_cedar_file_with_a_mistake_keeps_the_last_good_generation,
);

const MAPPING: &str = r#"
[principal]
type = "User"
parents = [{ from = "groups", entity = "Group" }]
attributes = { suspended = { claim = "/suspended", type = "Bool" } }

[context]
address = { from = "client.address", required = true }

[spaces.reports]
resource = 'Space::"reports"'
rules = ["~reports:*"]

[spaces.drafts]
resource = 'Space::"drafts"'
rules = ["~drafts:*"]

[actions.read]
action = 'Action::"read"'
rules = ["+@read"]

[actions.write]
action = 'Action::"write"'
rules = ["+@read", "+set"]
"#;

const POLICIES: &str = r#"
@id("readers") permit (principal in Group::"corp/analysts", action == Action::"read", resource)
when { context.address.isInRange(ip("127.0.0.0/8")) };
@id("drafters") permit (principal in Group::"corp/analysts", action == Action::"write", resource == Space::"drafts");
@id("suspended") forbid (principal, action, resource) when { principal has suspended && principal.suspended };
"#;

fn scene(line: Line, policies: &str) -> Scene {
    let data = [("toml", MAPPING), ("cedar", policies)];
    Scene::of_policy(line, "cedar", parts::precompiled_policy("cedar"), &data)
}

fn analyst() -> Claims {
    Claims::of("alice").groups(&["analysts"])
}

fn cedar_grants_what_it_allows_and_a_changed_policy_changes_live_sessions(line: Line) {
    let scene = scene(line, POLICIES);
    let mut alice = scene.log_in_with(&analyst());
    assert!(alice.run("GET reports:q1").is_nil());
    alice.run("SET reports:q1 x").expect_error("NOPERM");
    alice.run("SET drafts:q1 x").expect_ok();
    alice.run("GET elsewhere").expect_error("NOPERM");
    scene.attempt(&Claims::of("bob")).expect_error("WRONGPASS");
    scene
        .attempt(&analyst().set("suspended", true))
        .expect_error("WRONGPASS");
    scene.next_generation(|| {
        let forbidden =
            "forbid (principal == User::\"corp/alice\", action == Action::\"write\", resource);";
        scene
            .policies
            .replace("cedar.cedar", format!("{POLICIES}{forbidden}"));
    });
    eventually("alice may no longer write", || {
        alice
            .run("SET drafts:q1 y")
            .is_error("NOPERM")
            .then_some(())
    });
    assert!(alice.run("GET drafts:q1").as_text().is_some());
}

fn a_cedar_policy_that_fails_refuses_the_log_in_and_is_named(line: Line) {
    let careless =
        "@id(\"careless\") forbid (principal, action, resource) when { principal.suspended };";
    let scene = scene(line, &format!("{POLICIES}{careless}"));
    scene.attempt(&analyst()).expect_error("WRONGPASS");
    let explained =
        scene
            .server
            .admin()
            .call(["WARDEN.EXPLAIN", "token", &scene.issuer.token(&analyst())]);
    let explained = explained.to_string();
    assert!(
        explained.contains("error while evaluating policy `careless`"),
        "{explained}"
    );
    // Where the attribute is there, nothing fails.
    let mut active = scene.log_in_with(&analyst().set("suspended", false));
    assert!(active.run("GET reports:q1").is_nil());
    // A claim of another type is no answer either.
    scene
        .attempt(&analyst().set("suspended", "false"))
        .expect_error("WRONGPASS");
}

fn a_cedar_file_with_a_mistake_keeps_the_last_good_generation(line: Line) {
    let scene = scene(line, POLICIES);
    let mut alice = scene.log_in_with(&analyst());
    for (file, text, message) in [
        (
            "cedar.cedar",
            "permit (principal, action, resource)\nwhen { principal.x = 1 };\n",
            "\"cedar.cedar\" line 2 column ",
        ),
        (
            "cedar.cedarschema",
            "entity User;\nentity Space;\naction read appliesTo { principal: User, resource: Spice };\n",
            "\"cedar.cedarschema\" line 3 column ",
        ),
    ] {
        scene.policies.replace(file, text);
        eventually(&format!("the error says {message:?}"), || {
            let errors = scene.policies_state().field("errors").texts();
            errors.join("\n").contains(message).then_some(())
        });
        assert!(alice.run("GET reports:q1").is_nil());
        scene.attempt(&analyst()).expect_ok();
        scene.policies.replace("cedar.cedar", POLICIES);
    }
}
