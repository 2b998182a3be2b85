//! Policies whose tests fail never come into force, and those whose tests hold do.

use warden_tests::scene::ROLES;
use warden_tests::{Claims, Line, Scene, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    policies_whose_tests_fail_keep_the_last_good_generation,
    at_start_a_failing_test_lets_nobody_in,
    a_malformed_test_file_changes_nothing,
    an_edit_of_the_test_file_alone_is_noticed,
    a_ceiling_stands_in_no_tests_way,
    a_test_file_without_its_policy_is_a_warning,
);

/// Hold with [`ROLES`].
const TESTS: &str = r#"
[[tests]]
name = "analysts only read reports"
principal = "corp/ann"
groups = ["corp/analysts"]
can = ["+get +mget %R~reports:q1", "+ping"]
cannot = ["+set +del ~reports:q1", "+get ~secrets:x", "+flushall", "+subscribe &news.eu"]

[[tests]]
name = "strangers stay outside"
principal = "corp/mallory"
refused = "no policy grants"
"#;

/// Readers may write.
fn generous() -> String {
    let (narrow, wide) = ("\"+@read\", \"~reports", "\"+@read\", \"+set\", \"~reports");
    assert!(ROLES.contains(narrow));
    ROLES.replacen(narrow, wide, 1)
}

#[track_caller]
fn wait_for_error(scene: &Scene, words: &str) -> String {
    eventually(&format!("an error says {words:?}"), || {
        let errors = scene.policies_state().field("errors").texts();
        errors.into_iter().find(|error| error.contains(words))
    })
}

fn tests_in_force(scene: &Scene) -> i64 {
    let policies = scene.policies_state().field("policies").items();
    policies[0].field("tests").number()
}

fn policies_whose_tests_fail_keep_the_last_good_generation(line: Line) {
    let scene = Scene::builder(line).policy_tests(TESTS).start();
    assert_eq!(tests_in_force(&scene), 2);
    let before = scene.generation();
    let mut alice = scene.log_in("alice");

    scene.policies.replace("rbac.toml", generous());
    let error = wait_for_error(&scene, "may call set");
    for words in [
        "\"rbac.tests.toml\": test \"analysts only read reports\"",
        "corp/ann should not be able to",
        "+set ~reports:*",
    ] {
        assert!(error.contains(words), "{error}");
    }
    // INFO shows its beginning.
    let shown = scene.info(info::POLICY_ERROR);
    assert!(
        shown.contains("rbac.tests.toml") && error.starts_with(&shown),
        "{shown}"
    );
    assert_eq!(scene.info(info::STATUS), "stale");
    assert_eq!(scene.generation(), before);
    // Live sessions and new ones have the rights of before.
    alice.run("SET reports:q1 x").expect_error("NOPERM");
    scene
        .log_in("alice")
        .run("SET reports:q1 x")
        .expect_error("NOPERM");

    let meant = TESTS.replace("+set +del", "+del");
    scene.next_generation(|| scene.policies.replace("rbac.tests.toml", meant));
    scene.wait_for_info(info::POLICY_ERROR, "");
    eventually("the reader may write", || {
        alice.run("SET reports:q1 x").is_ok().then_some(())
    });
}

fn at_start_a_failing_test_lets_nobody_in(line: Line) {
    let wrong = TESTS.replace("can = [\"+get", "can = [\"+incr");
    let scene = Scene::builder(line).policy_tests(&wrong).start_unready();
    wait_for_error(&scene, "may not call incr");
    assert_eq!(scene.generation(), 0);
    scene.attempt(&Claims::of("alice")).expect_error("TRYAGAIN");

    scene.policies.replace("rbac.tests.toml", TESTS);
    scene.wait_for_generation(1);
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn a_malformed_test_file_changes_nothing(line: Line) {
    let scene = Scene::start(line);
    let before = scene.generation();
    for (file, words) in [
        ("[[tests]]\nname = ", "is no test file: line 2"),
        (
            "[[tests]]\nname = \"a\"\nprincipal = \"corp/a\"\ncan = [\"get\"]",
            "tests[0].can[0] (\"a\")",
        ),
    ] {
        scene.policies.replace("rbac.tests.toml", file);
        wait_for_error(&scene, words);
        assert_eq!(scene.generation(), before);
        scene.attempt(&Claims::of("alice")).expect_ok();
    }
    scene.policies.remove("rbac.tests.toml");
    scene.wait_for_info(info::POLICY_ERROR, "");
    assert_eq!(scene.generation(), before, "it is again what it was");
}

fn an_edit_of_the_test_file_alone_is_noticed(line: Line) {
    let scene = Scene::start(line);
    assert_eq!(tests_in_force(&scene), 0);
    let mut alice = scene.log_in("alice");
    scene.next_generation(|| scene.policies.replace("rbac.tests.toml", TESTS));
    assert_eq!(tests_in_force(&scene), 2);
    assert!(scene.server.log().contains(", 2 tests passed)"));

    // In place, and failing: it says so, though no policy changed.
    let wrong = TESTS.replace("refused = \"no policy grants\"", "can = [\"+ping\"]");
    scene.policies.write_in_place("rbac.tests.toml", &wrong);
    wait_for_error(&scene, "corp/mallory should log in and is refused");

    scene.next_generation(|| scene.policies.remove("rbac.tests.toml"));
    assert_eq!(tests_in_force(&scene), 0);
    assert!(alice.run("GET reports:q1").is_nil(), "her session lives on");
}

fn a_ceiling_stands_in_no_tests_way(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["ceiling", "-get -ping"])
        .policy_tests(TESTS)
        .start();
    assert_eq!(tests_in_force(&scene), 2);
    let mut alice = scene.log_in("alice");
    alice.run("GET reports:q1").expect_error("NOPERM");
    // The tests still hold policies to what they say.
    scene.policies.replace("rbac.toml", generous());
    wait_for_error(&scene, "may call set");
}

fn a_test_file_without_its_policy_is_a_warning(line: Line) {
    let scene = Scene::start(line);
    scene.next_generation(|| scene.policies.replace("other.tests.toml", "nonsense"));
    assert!(
        scene
            .server
            .log()
            .contains("\"other.tests.toml\" has no bundle"),
        "{}",
        scene.server.log()
    );
    scene.attempt(&Claims::of("alice")).expect_ok();
}
