//! Decisions start from policies that have read their data, and are no others for it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warden_tests::scene::ROLES;
use warden_tests::{Claims, Line, Scene, on_both_lines, parts};

on_both_lines!(
    decisions_are_the_same_before_and_after_a_snapshot_is_taken,
    new_data_is_decided_by_at_once_and_gets_a_snapshot_of_its_own,
    a_snapshot_is_there_at_once_at_the_next_start,
    ten_thousand_roles_are_read_once_and_decided_by_from_the_first_log_in,
    a_reload_of_twenty_policies_leaves_the_main_thread_free,
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

fn ten_thousand_roles_are_read_once_and_decided_by_from_the_first_log_in(line: Line) {
    let scene = Scene::start(line);
    let mut many = ROLES.to_owned();
    for number in 0..9_990 {
        let _infallible = write!(
            many,
            "[roles.team-{number}]\nmembers = ['group:corp/team-{number}']\n\
             rules = ['+@read', '+set', '~team-{number}:*']\n"
        );
    }
    scene.reload_after(|| scene.policies.replace("rbac.toml", &many));
    // Reading takes longer than a log-in may: nobody is in before it has been done.
    assert_eq!(state(&scene), "taken");
    expect_decisions(&scene, "alice");
    let mut member = scene.log_in_with(&Claims::of("bob").groups(&["team-7777"]));
    member.run("SET team-7777:x 1").expect_ok();
    member.run("SET team-7778:x 1").expect_error("NOPERM");
}

fn a_reload_of_twenty_policies_leaves_the_main_thread_free(line: Line) {
    let scene = Scene::start(line);
    let wasm = parts::policy("rbac");
    let write = |comment: &str| {
        for number in 0..19 {
            let data = format!("# {comment}\n{ROLES}");
            scene.policies.replace(&format!("p{number}.toml"), data);
            scene.policies.replace(&format!("p{number}.wasm"), &wasm);
        }
    };
    let mut reader = scene.log_in("alice");
    write("one");
    scene.reload_after(|| ());
    let before = (main_thread(&scene), loader(&scene));
    scene.reload_after(|| write("two"));
    let main = main_thread(&scene) - before.0;
    let loader = loader(&scene) - before.1;
    assert_eq!(scene.policies_state().field("policies").items().len(), 20);
    assert!(reader.run("GET reports:q1").is_nil());
    assert!(
        main * 2 < loader,
        "the main thread worked for {main:?}, the loader for {loader:?}"
    );
}

fn main_thread(scene: &Scene) -> Duration {
    let pid = scene.server.pid();
    processor_time(Path::new(&format!("/proc/{pid}/task/{pid}")))
}

fn loader(scene: &Scene) -> Duration {
    let tasks = format!("/proc/{}/task", scene.server.pid());
    let is_loader = |task: &PathBuf| {
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        name.trim_end() == "warden-policies"
    };
    let tasks = fs::read_dir(tasks).unwrap();
    let task = tasks.map(|task| task.unwrap().path()).find(is_loader);
    processor_time(&task.expect("the loader's thread"))
}

/// What a thread has used, to the nanosecond and however busy the machine is.
fn processor_time(task: &Path) -> Duration {
    let times = fs::read_to_string(task.join("schedstat")).unwrap();
    let nanoseconds = times.split_whitespace().next().map(str::parse);
    Duration::from_nanos(nanoseconds.unwrap().unwrap())
}
