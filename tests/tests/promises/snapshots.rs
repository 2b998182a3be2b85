//! Decisions start from policies that have read their data, and are no others for it.

use warden_tests::scene::ROLES;
use warden_tests::{Claims, Line, Scene, on_both_lines};

on_both_lines!(
    decisions_are_the_same_before_and_after_a_snapshot_is_taken,
    new_data_is_decided_by_at_once_and_gets_a_snapshot_of_its_own,
    a_snapshot_is_there_at_once_at_the_next_start,
);

/// State of the snapshot of the scene's one policy.
fn state(scene: &Scene) -> String {
    let policies = scene.policies_state().field("policies").items();
    policies[0].field("snapshot").text()
}

/// A reader reads and does not write, a stranger stays outside.
fn expect_decisions(scene: &Scene, name: &str) {
    let mut reader = scene.log_in_with(&Claims::of(name).groups(&["analysts"]));
    assert!(reader.run("GET reports:q1").is_nil());
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    reader.run("GET other:q1").expect_error("NOPERM");
    let stranger = Claims::of(&format!("no-{name}")).groups(&["nobody"]);
    scene.attempt(&stranger).expect_error("WRONGPASS");
}

fn decisions_are_the_same_before_and_after_a_snapshot_is_taken(line: Line) {
    let scene = Scene::builder(line).own_state().start();
    expect_decisions(&scene, "early");
    scene.await_snapshots();
    expect_decisions(&scene, "late");
}

fn new_data_is_decided_by_at_once_and_gets_a_snapshot_of_its_own(line: Line) {
    let scene = Scene::start(line);
    scene.await_snapshots();
    let writers = ROLES.replace("corp/editors", "corp/authors");
    scene.next_generation(|| scene.policies.replace("rbac.toml", &writers));
    let author = |name: &str| {
        let mut author = scene.log_in_with(&Claims::of(name).groups(&["authors"]));
        author.run("SET reports:q1 x").expect_ok();
        let editor = Claims::of(&format!("no-{name}")).groups(&["editors"]);
        scene.attempt(&editor).expect_error("WRONGPASS");
    };
    author("early");
    scene.await_snapshots();
    author("late");
}

fn a_snapshot_is_there_at_once_at_the_next_start(line: Line) {
    let scene = Scene::builder(line).own_state().start();
    scene.await_snapshots();
    scene.server.restart();
    scene.wait_for_generation(1);
    assert_eq!(state(&scene), "taken");
    expect_decisions(&scene, "alice");
}
