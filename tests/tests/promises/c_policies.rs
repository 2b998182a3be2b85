//! A policy in C holds on real servers as one in Rust does: the contract is nobody's alone.

use warden_tests::{Claims, Line, Scene, eventually, on_both_lines, parts};

use crate::info;

on_both_lines!(
    a_policy_in_c_decides_and_follows_its_data,
    a_claim_never_widens_a_rule_of_a_policy_in_c,
    a_policy_in_c_that_refuses_its_data_keeps_the_last_good_generation,
);

const DATA: &str = "group:corp/staff +get +set ~home:{name}:* ~team:{department}:*\n";

fn scene(line: Line) -> Scene {
    let component = parts::policy("tests/allowlist");
    Scene::of_policy(line, "allowlist", component, &[("txt", DATA)])
}

fn staff(name: &str, department: &str) -> Claims {
    Claims::of(name)
        .groups(&["staff"])
        .set("department", department)
}

fn a_policy_in_c_decides_and_follows_its_data(line: Line) {
    let scene = scene(line);
    let mut alice = scene.log_in_with(&staff("alice", "sales"));
    alice.run("SET home:alice:a 1").expect_ok();
    alice.run("SET team:sales:a 1").expect_ok();
    alice.run("SET home:bob:a 1").expect_error("NOPERM");
    alice.run("SET team:finance:a 1").expect_error("NOPERM");
    scene
        .attempt(&Claims::of("mallory"))
        .expect_error("WRONGPASS no policy grants access.");
    scene.await_snapshots();
    // Decided from a snapshot, as before.
    let mut bob = scene.log_in_with(&staff("bob", "finance"));
    bob.run("SET home:bob:a 1").expect_ok();
    bob.run("SET home:alice:a 1").expect_error("NOPERM");
    scene.next_generation(|| {
        scene
            .policies
            .replace("allowlist.txt", DATA.replace("+set ", ""));
    });
    eventually("nobody may write any more", || {
        alice
            .run("SET home:alice:a 1")
            .is_error("NOPERM")
            .then_some(())
    });
    alice.run("GET home:alice:a").expect_text("1");
}

fn a_claim_never_widens_a_rule_of_a_policy_in_c(line: Line) {
    let scene = scene(line);
    for (round, odd) in ["*", "s*", "?ales", "[a-z]ales", "\\sales"]
        .iter()
        .enumerate()
    {
        let mut session = scene.log_in_with(&staff("mallory", odd).id(round));
        session.run("SET team:sales:a 1").expect_error("NOPERM");
        session.run("GET team:sales:a").expect_error("NOPERM");
        let own = format!("team:{odd}:a");
        session.call(["SET", &own, "1"]).expect_ok();
    }
    for (round, odd) in ["sales ~*", "sales\n", "x) +@all (", "\"", "'", "\t~*", ""]
        .iter()
        .enumerate()
    {
        scene
            .attempt(&staff("mallory", odd).id(format!("odd-{round}")))
            .expect_error("WRONGPASS no policy grants access.");
    }
}

fn a_policy_in_c_that_refuses_its_data_keeps_the_last_good_generation(line: Line) {
    let scene = scene(line);
    let mut alice = scene.log_in_with(&staff("alice", "sales"));
    let before = scene.generation();
    scene
        .policies
        .replace("allowlist.txt", format!("{DATA}group:corp/* +@all ~*\n"));
    eventually("the error names the line", || {
        let errors = scene.policies_state().field("errors").texts();
        errors
            .iter()
            .any(|error| error.contains("allowlist.txt line 2") && error.contains("names nobody"))
            .then_some(())
    });
    assert_eq!(scene.generation(), before);
    alice.run("SET home:alice:a 1").expect_ok();
    scene.policies.replace("allowlist.txt", DATA);
    scene.wait_for_info(info::POLICY_ERROR, "");
}
