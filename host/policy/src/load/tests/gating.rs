//! A generation whose tests fail is not activated.

use super::*;

/// A test file of one test.
fn test(lines: &str) -> String {
    format!("[[tests]]\nname = \"t\"\nprincipal = \"corp/alice\"\n{lines}\n")
}

impl Scene {
    fn messages(&self, previous: Option<&Arc<Generation>>) -> Vec<String> {
        let errors = self.load(previous).unwrap_err().errors;
        errors.iter().map(crate::BundleError::what).collect()
    }

    /// The one error of loading these policies with a test.
    fn complaint(&self, lines: &str) -> String {
        self.put("a.tests.toml", test(lines));
        let mut messages = self.messages(None);
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }
}

#[test]
fn tests_that_hold_let_a_generation_in() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    let can = "can = [\"+get %R~cache:1\", \"+ping\"]\ncannot = [\"+set ~cache:1\", \"+get ~x\"]";
    scene.put("a.tests.toml", test(can));
    let generation = scene.load(None).unwrap();
    assert_eq!(generation.tests_of("a"), 1);
    assert_eq!(generation.tests_of("b"), 0);
    let report = generation.run_tests(now(0), Ear::Open);
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.passed, 1);
}

#[test]
fn a_failing_test_keeps_the_last_good_generation() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    scene.put("a.tests.toml", test("can = [\"+get %R~cache:1\"]"));
    let good = scene.load(None).unwrap();
    scene.put("a.wasm", Guest::granting(&["+get", "~other:*"]).wasm());
    let messages = scene.messages(Some(&good));
    assert_eq!(
        messages,
        [
            "\"a.tests.toml\": test \"t\": corp/alice should be able to \"+get %R~cache:1\" \
             and may not call get; its rights are (+get ~other:*)"
        ]
    );
    decide(&good).unwrap();
    scene.put("a.tests.toml", test("can = [\"+get %R~other:1\"]"));
    assert_eq!(scene.load(Some(&good)).unwrap().number(), 2);
}

#[test]
fn a_failing_test_tells_what_is_otherwise() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    for (lines, words) in [
        (
            "can = [\"+get +set ~cache:1\"]",
            "should be able to \"+get +set ~cache:1\" and may not call set",
        ),
        (
            "cannot = [\"+get +set ~cache:1\"]",
            "should not be able to \"+get +set ~cache:1\" and may call get",
        ),
        (
            "cannot = [\"+gett ~cache:1\"]",
            "names what this server does not have: +gett",
        ),
        (
            "refused = true",
            "should be refused and may log in; its rights are (+get ~cache:*)",
        ),
    ] {
        let complaint = scene.complaint(lines);
        assert!(complaint.contains(words), "{complaint}");
        assert!(
            complaint.starts_with("\"a.tests.toml\": test \"t\": "),
            "{complaint}"
        );
    }
    let silent = Guest::default();
    scene.put("a.wasm", silent.wasm());
    let complaint = scene.complaint("can = [\"+ping\"]");
    assert!(
        complaint.ends_with("corp/alice should log in and is refused: no policy grants anything"),
        "{complaint}"
    );
    scene.put("a.tests.toml", test("refused = \"no policy grants\""));
    scene.load(None).unwrap();
}

#[test]
fn a_refusal_is_expected_in_its_public_or_internal_words() {
    let scene = Scene::new();
    let denying = Guest {
        denial: Some(("office hours only", "it is night")),
        ..Guest::default()
    };
    scene.put("a.wasm", denying.wasm());
    for words in ["true", "\"office hours\"", "\"is night\""] {
        scene.put("a.tests.toml", test(&format!("refused = {words}")));
        scene.load(None).unwrap();
    }
    let complaint = scene.complaint("refused = \"weekend\"");
    assert!(
        complaint.contains("not with \"weekend\"") && complaint.contains("it is night"),
        "{complaint}"
    );
}

#[test]
fn a_policy_that_fails_is_no_refusal_a_test_could_expect() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::evaluating("(unreachable)").wasm());
    for lines in ["refused = true", "can = [\"+get ~x\"]"] {
        let complaint = scene.complaint(lines);
        assert!(
            complaint.contains("nothing was decided about corp/alice: policy \"a\" trapped"),
            "{complaint}"
        );
    }
}

#[test]
fn tests_see_all_bundles_and_not_the_ceiling() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&["+get", "+set", "~*"]).wasm());
    let restricting = Guest {
        denials: vec!["-set".into()],
        ..Guest::default()
    };
    scene.put("b.wasm", restricting.wasm());
    scene.put(
        "a.tests.toml",
        test("can = [\"+get ~x\"]\ncannot = [\"+set ~x\"]"),
    );
    let ceiling = Frame {
        ceiling: Restriction::parse("-get").unwrap(),
        ..frame()
    };
    let load = || {
        scene
            .engine
            .load(&scene.dir(), ceiling.clone(), None, now(0))
    };
    let generation = load().unwrap();
    let reason = decide(&generation).unwrap_err();
    assert_eq!(
        reason.kind(),
        ReasonKind::NoGrant,
        "the ceiling took it all"
    );
    std::fs::remove_file(scene.dir().join("b.wasm")).unwrap();
    assert!(load().unwrap_err().to_string().contains("may call set"));
}

#[test]
fn tests_are_neither_counted_nor_remembered() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    // The very request of `decide`.
    let lines = "groups = [\"corp/analysts\"]\nclaims = { department = \"x\" }\ncan = [\"+get %R~cache:1\"]";
    scene.put("p.tests.toml", test(lines));
    let generation = scene.load(None).unwrap();
    let request = generation.project(&alice(), &ClientFacts::default(), now(0));
    assert!(generation.remembered(&request).is_none());
    assert_eq!(generation.bundles()[0].statistics().evaluations(), 0);
}

#[test]
fn a_changed_test_file_is_the_next_generation_and_an_unchanged_one_is_not() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    scene.put("a.tests.toml", test("can = [\"+get %R~cache:1\"]"));
    let first = scene.load(None).unwrap();
    assert!(Arc::ptr_eq(&first, &scene.load(Some(&first)).unwrap()));
    scene.put("a.tests.toml", test("can = [\"+get %R~cache:2\"]"));
    let second = scene.load(Some(&first)).unwrap();
    assert_eq!(second.number(), 2);
    assert!(Arc::ptr_eq(&first.bundles()[0], &second.bundles()[0]));
    std::fs::remove_file(scene.dir().join("a.tests.toml")).unwrap();
    let third = scene.load(Some(&second)).unwrap();
    assert_eq!((third.number(), third.tests_of("a")), (3, 0));
    let reframed = second.reframed(frame(), 7);
    assert_eq!(reframed.tests_of("a"), 1);
}

#[test]
fn all_that_is_wrong_is_told_together_and_a_flood_is_counted() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    scene.put("b.wasm", b"\0asm half");
    scene.put("a.tests.toml", test("can = [\"get\"]\ncannot = [\"set\"]"));
    let messages = scene.messages(None);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(
        messages[0].starts_with("\"a.tests.toml\": is no test file: tests[0].can[0] (\"t\"): ")
    );
    assert!(messages[2].starts_with("\"b.wasm\""));

    std::fs::remove_file(scene.dir().join("b.wasm")).unwrap();
    let rights: Vec<String> = (0..30).map(|n| format!("\"+set ~{n}\"")).collect();
    scene.put(
        "a.tests.toml",
        test(&format!("can = [{}]", rights.join(","))),
    );
    let messages = scene.messages(None);
    assert_eq!(messages.len(), 21, "{messages:?}");
    assert!(messages[20].ends_with("10 more expectations of test files do not hold"));
}

#[test]
fn the_clock_is_the_tests_or_that_of_the_load() {
    let scene = Scene::new();
    // Traps unless `now`, an option<u64> of its request, is nine in the morning.
    let at_nine = Guest {
        valid_for: Some(60),
        inputs: vec![3],
        evaluate: "(if (i64.ne (i64.load (i32.add (local.get 0) (i32.const 112))) (i64.const 1795510800)) \
                   (then (unreachable)))"
            .into(),
        ..Guest::granting(&GETTER)
    };
    scene.put("a.wasm", at_nine.wasm());
    let can = "can = [\"+get %R~cache:1\"]";
    scene.put(
        "a.tests.toml",
        test(&format!("now = 2026-11-24T09:00:00Z\n{can}")),
    );
    scene.load(None).unwrap();
    assert!(scene.complaint(can).contains("trapped"));
    let nine = Now {
        wall: Timestamp::from_unix_seconds(1_795_510_800),
        ..now(0)
    };
    scene
        .engine
        .load(&scene.dir(), frame(), None, nine)
        .unwrap();
}
