//! Policies change under live sessions: the next command already feels it, and
//! what is broken changes nothing.

use warden_tests::scene::ROLES;
use warden_tests::{
    Claims, Directory, Line, Scene, ServerBuilder, eventually, on_both_lines, parts,
};

use crate::info;

on_both_lines!(
    a_file_renamed_over_takes_effect_on_live_sessions,
    a_file_edited_in_place_takes_effect_on_live_sessions,
    a_half_written_file_keeps_the_last_good_generation,
    a_deleted_data_file_never_widens_rights,
    a_replaced_component_takes_effect_and_sessions_live_on,
    a_broken_component_keeps_the_last_good_generation,
    a_rule_that_is_not_a_permission_never_takes_effect,
    a_role_taken_away_ends_its_sessions_and_no_others,
    subscribers_end_when_they_lose_the_right_to_subscribe,
    monitors_end_when_they_lose_the_right_to_monitor,
    a_queued_transaction_loses_what_its_session_lost,
    a_blocked_client_loses_what_its_session_lost,
    removing_the_policy_refuses_everybody,
    without_any_generation_every_log_in_is_refused,
    a_broken_policy_at_start_is_repaired_without_a_restart,
    files_of_editors_and_tools_are_no_bundles,
    an_edit_that_changes_nothing_for_a_session_leaves_it_alone,
    a_ceiling_takes_effect_while_a_policy_is_broken,
    a_required_policy_that_is_missing_keeps_the_last_good_generation,
    a_directory_replaced_whole_is_noticed_and_watched_again,
);

/// [`ROLES`] with readers allowed to write.
fn generous() -> String {
    ROLES.replace(
        "rules = [\"+@read\", \"~reports:*\"]",
        "rules = [\"+@read\", \"+set\", \"~reports:*\"]",
    )
}

/// What [`ROLES`] is after its writer died: cut inside a string, so no TOML.
fn half() -> &'static str {
    &ROLES[..ROLES.find("~reports").unwrap() + 4]
}

#[track_caller]
fn wait_for_error(scene: &Scene) -> String {
    eventually("the error shows in WARDEN.POLICIES", || {
        let errors = scene.policies_state().field("errors").texts();
        (!errors.is_empty()).then(|| errors.join("\n"))
    })
}

fn a_file_renamed_over_takes_effect_on_live_sessions(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    scene.next_generation(|| scene.policies.replace("rbac.toml", generous()));
    eventually("the reader may write", || {
        reader.run("SET reports:q1 x").is_ok().then_some(())
    });
    scene.next_generation(|| scene.policies.replace("rbac.toml", ROLES));
    eventually("the reader may no longer write", || {
        reader
            .run("SET reports:q2 y")
            .is_error("NOPERM")
            .then_some(())
    });
    reader.run("GET reports:q1").expect_text("x");
}

fn a_file_edited_in_place_takes_effect_on_live_sessions(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    scene.next_generation(|| scene.policies.write_in_place("rbac.toml", generous()));
    eventually("the reader may write", || {
        reader.run("SET reports:q1 x").is_ok().then_some(())
    });
    assert_eq!(reader.user(), "corp/alice");
}

fn a_half_written_file_keeps_the_last_good_generation(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let before = scene.generation();
    scene.policies.write_in_place("rbac.toml", half());
    let error = wait_for_error(&scene);
    assert!(
        error.contains("rbac"),
        "the error names the bundle: {error}"
    );
    assert!(!scene.info(info::POLICY_ERROR).is_empty());
    assert_eq!(scene.generation(), before);
    // Live sessions and new ones are as before.
    assert!(reader.run("GET reports:q1").is_nil());
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    let mut late = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    late.run("SET reports:q1 x").expect_ok();
    // The writer comes back and finishes.
    scene.next_generation(|| scene.policies.write_in_place("rbac.toml", generous()));
    eventually("the reader may write", || {
        reader.run("SET reports:q1 y").is_ok().then_some(())
    });
    scene.wait_for_info(info::POLICY_ERROR, "");
}

fn a_deleted_data_file_never_widens_rights(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let loads_before = scene.policies_state();
    scene.policies.remove("rbac.toml");
    eventually("the removal is noticed", || {
        (scene.policies_state() != loads_before).then_some(())
    });
    if reader.is_open() {
        reader.run("SET reports:q1 x").expect_error("NOPERM");
    }
    scene.attempt(&Claims::of("mallory")).expect_error("");
}

fn a_replaced_component_takes_effect_and_sessions_live_on(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let digest = |scene: &Scene| {
        scene.policies_state().field("policies").items()[0]
            .field("digest")
            .text()
    };
    let before = digest(&scene);
    scene.next_generation(|| {
        scene
            .policies
            .replace("rbac.wasm", with_custom_section(parts::policy("rbac")))
    });
    assert_ne!(digest(&scene), before);
    assert!(reader.run("GET reports:q1").is_nil());
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    scene
        .attempt(&Claims::of("bob").groups(&["analysts"]))
        .expect_ok();
}

/// The same module with one more custom section: other bytes, same meaning.
fn with_custom_section(mut module: Vec<u8>) -> Vec<u8> {
    module.extend([0, 6, 4, b'n', b'o', b't', b'e', b'1']);
    module
}

fn a_broken_component_keeps_the_last_good_generation(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let before = scene.generation();
    let half = parts::policy("rbac");
    for broken in [&half[..half.len() / 2], b"not wasm", b""] {
        scene.policies.replace("rbac.wasm", broken);
        let error = wait_for_error(&scene);
        assert!(error.contains("rbac.wasm"), "{error}");
        assert_eq!(scene.generation(), before);
        assert!(reader.run("GET reports:q1").is_nil());
        scene
            .attempt(&Claims::of("bob").groups(&["analysts"]))
            .expect_ok();
    }
    scene.policies.replace("rbac.wasm", parts::policy("rbac"));
    scene.wait_for_info(info::POLICY_ERROR, "");
}

fn a_rule_that_is_not_a_permission_never_takes_effect(line: Line) {
    let scene = Scene::start(line);
    for (round, rule) in ["nopass", ">secret", "allcommands", "+@all (+@all ~*)"]
        .iter()
        .enumerate()
    {
        let toml = ROLES.replace(
            "\"+@read\", \"~reports:*\"]",
            &format!("\"+@read\", \"~reports:*\", \"{rule}\"]"),
        );
        let before = scene.policies_state();
        scene.policies.replace("rbac.toml", toml);
        eventually("the edit is noticed", || {
            (scene.policies_state() != before).then_some(())
        });
        let mut client = scene.server.connect();
        // The last good generation, or a refusal: never the rule.
        if client
            .auth("alice", &scene.issuer.token(&Claims::of("alice").id(round)))
            .is_ok()
        {
            client.run("SET secrets:q1 x").expect_error("NOPERM");
            client.run("GET secrets:q1").expect_error("NOPERM");
        }
        scene.policies.replace("rbac.toml", ROLES);
        scene.wait_for_info(info::POLICY_ERROR, "");
    }
}

fn a_role_taken_away_ends_its_sessions_and_no_others(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let mut writer = scene.log_in_with(&Claims::of("eve").groups(&["editors"]));
    scene.next_generation(|| {
        scene
            .policies
            .replace("rbac.toml", ROLES.replace(", \"user:corp/alice\"]", "]"));
    });
    assert!(
        reader.closes_within(warden_tests::server::PATIENCE),
        "nothing is granted any more"
    );
    writer.run("SET reports:q1 x").expect_ok();
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("WRONGPASS no policy grants access.");
}

fn subscribers_end_when_they_lose_the_right_to_subscribe(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("carol").groups(&["listeners", "analysts"]);
    let mut subscriber = scene.log_in_with(&claims);
    subscriber.run("SUBSCRIBE news.eu");
    let mut idle = scene.log_in_with(&claims.clone().id("idle"));
    scene.next_generation(|| {
        scene.policies.replace(
            "rbac.toml",
            ROLES.replace("[\"group:corp/listeners\"]", "[\"group:corp/nobody\"]"),
        );
    });
    assert!(subscriber.closes_within(warden_tests::server::PATIENCE));
    assert!(idle.run("GET reports:q1").is_nil());
    idle.run("SUBSCRIBE news.eu").expect_error("NOPERM");
}

fn monitors_end_when_they_lose_the_right_to_monitor(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("carol").groups(&["watchers", "analysts"]);
    let mut monitor = scene.log_in_with(&claims);
    monitor.run("MONITOR").expect_ok();
    let mut idle = scene.log_in_with(&claims.clone().id("idle"));
    scene.next_generation(|| {
        scene.policies.replace(
            "rbac.toml",
            ROLES.replace("[\"group:corp/watchers\"]", "[\"group:corp/nobody\"]"),
        );
    });
    assert!(monitor.closes_within(warden_tests::server::PATIENCE));
    idle.run("MONITOR").expect_error("NOPERM");
}

fn a_queued_transaction_loses_what_its_session_lost(line: Line) {
    let scene = Scene::builder(line).roles(&generous()).start();
    let mut client = scene.log_in("alice");
    let mut twin = scene.log_in_with(&Claims::of("alice").id("twin"));
    client.run("MULTI").expect_ok();
    client.run("SET reports:q1 x").expect_text("QUEUED");
    scene.next_generation(|| scene.policies.replace("rbac.toml", ROLES));
    eventually("the edit is in force", || {
        twin.run("SET reports:q2 x")
            .is_error("NOPERM")
            .then_some(())
    });
    let exec = client.run("EXEC");
    let refused = exec.error().is_some() || exec.items()[0].is_error("NOPERM");
    assert!(refused, "{exec}");
    assert!(scene.server.admin().run("GET reports:q1").is_nil());
}

fn a_blocked_client_loses_what_its_session_lost(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("carol").groups(&["consumers", "analysts"]);
    let mut blocked = scene.log_in_with(&claims);
    blocked.send(["BLPOP", "queue:a", "0"]);
    let mut twin = scene.log_in_with(&claims.clone().id("twin"));
    scene.next_generation(|| {
        scene.policies.replace(
            "rbac.toml",
            ROLES.replace("[\"group:corp/consumers\"]", "[\"group:corp/nobody\"]"),
        );
    });
    eventually("the edit is in force", || {
        twin.run("LPUSH queue:b x").is_error("NOPERM").then_some(())
    });
    scene.server.admin().run("LPUSH queue:a job");
    match blocked.receive_within(std::time::Duration::from_secs(2)) {
        Ok(reply) => assert!(reply.is_error("NOPERM"), "{reply}"),
        Err(_) => assert_eq!(scene.server.admin().run("LLEN queue:a").number(), 1),
    }
}

fn removing_the_policy_refuses_everybody(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    scene.next_generation(|| {
        scene.policies.remove("rbac.toml");
        scene.policies.remove("rbac.wasm");
    });
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("WRONGPASS no policy grants access.");
    assert!(reader.closes_within(warden_tests::server::PATIENCE));
}

fn without_any_generation_every_log_in_is_refused(line: Line) {
    let scene = Scene::builder(line)
        .roles("this is no TOML [")
        .start_unready();
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("TRYAGAIN no policies are in force.");
    assert_eq!(scene.info(info::GENERATION), "0");
}

fn a_broken_policy_at_start_is_repaired_without_a_restart(line: Line) {
    let scene = Scene::builder(line).roles(half()).start_unready();
    let error = wait_for_error(&scene);
    assert!(error.contains("rbac"), "{error}");
    assert!(!scene.info(info::POLICY_ERROR).is_empty());
    assert_ne!(scene.info(info::STATUS), "ok");
    scene.attempt(&Claims::of("alice")).expect_error("TRYAGAIN");
    scene.policies.replace("rbac.toml", ROLES);
    scene.wait_for_generation(1);
    scene
        .attempt(&Claims::of("alice").id("repaired"))
        .expect_ok();
    scene.wait_for_info(info::STATUS, "ok");
}

fn files_of_editors_and_tools_are_no_bundles(line: Line) {
    let scene = Scene::start(line);
    for stray in [
        "rbac.toml~",
        ".rbac.toml.swp",
        "#rbac.toml#",
        ".gitignore",
        "4913",
    ] {
        scene.policies.replace(stray, "stray");
    }
    scene.next_generation(|| scene.policies.replace("rbac.toml", generous()));
    assert_eq!(scene.policies_state().field("policies").items().len(), 1);
    scene.log_in("alice").run("SET reports:q1 x").expect_ok();
}

fn an_edit_that_changes_nothing_for_a_session_leaves_it_alone(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let id = reader.id();
    reader.run("SELECT 3").expect_ok();
    scene.next_generation(|| {
        scene.policies.replace("rbac.toml", format!("{ROLES}\n[roles.extra]\nmembers = [\"user:corp/zoe\"]\nrules = [\"+get\", \"~z\"]\n"));
    });
    assert!(Scene::stays_open(&mut reader));
    assert_eq!(reader.id(), id);
    scene.attempt(&Claims::of("zoe")).expect_ok();
}

fn a_ceiling_takes_effect_while_a_policy_is_broken(line: Line) {
    let scene = Scene::builder(line)
        .server(ServerBuilder::protected_configs)
        .start();
    let mut reader = scene.log_in("alice");
    reader.run("GET reports:q1");
    scene.policies.replace("rbac.toml", half());
    wait_for_error(&scene);
    scene
        .server
        .config_set("warden.ceiling", "-get")
        .expect_ok();
    eventually("the ceiling reaches the live session", || {
        reader
            .run("GET reports:q1")
            .is_error("NOPERM")
            .then_some(())
    });
    let mut late = scene.log_in("alice");
    late.run("GET reports:q1").expect_error("NOPERM");
    assert!(late.run("STRLEN reports:q1").error().is_none());
    assert!(
        !wait_for_error(&scene).is_empty(),
        "the policy is still broken"
    );
}

fn a_required_policy_that_is_missing_keeps_the_last_good_generation(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["required_policies", "rbac"])
        .start();
    let mut reader = scene.log_in("alice");
    let before = scene.generation();
    scene.policies.remove("rbac.wasm");
    let error = wait_for_error(&scene);
    assert!(
        error.contains("rbac.wasm") && error.contains("required_policies"),
        "{error}"
    );
    assert_eq!(scene.generation(), before);
    reader.run("GET reports:q1");
    assert!(Scene::stays_open(&mut reader));
    scene
        .log_in("alice")
        .run("SET reports:q1 x")
        .expect_error("NOPERM");
}

fn a_directory_replaced_whole_is_noticed_and_watched_again(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let path = scene.policies.path().to_owned();
    let aside = path.with_file_name("aside");
    std::fs::rename(&path, &aside).unwrap();
    let next = Directory::create(path.with_file_name("next"));
    next.replace("rbac.wasm", parts::policy("rbac"));
    next.replace("rbac.toml", generous());
    std::fs::rename(next.path(), &path).unwrap();
    eventually("what the new directory grants", || {
        reader.run("SET reports:q1 x").is_ok().then_some(())
    });
    scene.policies.replace("rbac.toml", ROLES);
    eventually("an edit in the new directory", || {
        reader
            .run("SET reports:q1 y")
            .is_error("NOPERM")
            .then_some(())
    });
}
