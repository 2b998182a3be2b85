//! Policies that are asked before they are in force.

use std::sync::Mutex;

use super::*;

/// Counts what policies write.
#[derive(Default)]
struct Lines(Mutex<usize>);

impl GuestLog for Lines {
    fn write(&self, _speaker: &Speaker, _level: Level, _message: &str) {
        *self.0.lock().unwrap() += 1;
    }
}

/// Grants, and says so.
fn talkative() -> Guest {
    Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))"
            .into(),
        fields: "(data (i32.const 512) \"hello\")".into(),
        ..Guest::evaluating("(call $log (i32.const 2) (i32.const 512) (i32.const 5))")
    }
}

#[test]
fn a_preview_is_neither_counted_nor_remembered_nor_heard() {
    let lines = Arc::new(Lines::default());
    let scene = Scene {
        engine: Engine::new(EngineSettings {
            log: lines.clone(),
            ..EngineSettings::default()
        })
        .unwrap(),
        ..Scene::new()
    };
    scene.put("p.wasm", talkative().wasm());
    let present = scene.load(None).unwrap();
    // The candidate shares its bundle with what is in force.
    let candidate = Arc::new(present.reframed(frame(), 7));
    let request = candidate.project(&alice(), &ClientFacts::default(), now(0));
    let answer = candidate.preview(&request, now(0)).unwrap();
    let principal = alice().get().clone();
    let client = ClientFacts::default();
    let again = candidate.preview_made_up(&principal, &client, now(0));
    assert_eq!(again.unwrap().permissions, answer.permissions);
    assert!(candidate.remembered(&request).is_none());
    assert_eq!(present.bundles()[0].statistics().evaluations(), 0);
    assert_eq!(*lines.0.lock().unwrap(), 0);

    let decided = candidate.decide(&request, now(0)).unwrap();
    assert_eq!(
        decided.permissions, answer.permissions,
        "it tells what would be"
    );
    assert_eq!(present.bundles()[0].statistics().evaluations(), 1);
    assert_eq!(*lines.0.lock().unwrap(), 1);
}

#[test]
fn a_candidate_is_not_heard_while_it_is_loaded_and_tested() {
    let lines = Arc::new(Lines::default());
    let scene = Scene {
        engine: Engine::new(EngineSettings {
            log: lines.clone(),
            ..EngineSettings::default()
        })
        .unwrap(),
        ..Scene::new()
    };
    let log = "(call $log (i32.const 2) (i32.const 512) (i32.const 5))";
    let guest = Guest {
        configure: log.into(),
        describe: log.into(),
        ..talkative()
    };
    scene.put("p.wasm", guest.wasm());
    let tests = "[[tests]]\nname = \"t\"\nprincipal = \"corp/alice\"\ncan = [\"+get %R~a\"]\n";
    scene.put("p.tests.toml", tests);
    let load = |ear| {
        let next = scene.engine.load_untested(&scene.dir(), frame(), None, ear);
        let next = next.unwrap();
        next.run_tests(now(0), ear);
        while next.take_snapshot().is_some() {}
        std::mem::take(&mut *lines.0.lock().unwrap())
    };
    assert_eq!(load(Ear::Shut), 0);
    assert!(load(Ear::Open) >= 3, "it has things to say");
}

#[test]
fn a_policy_that_would_fail_is_told_as_a_refusal() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::evaluating("(unreachable)").wasm());
    let candidate = scene.load(None).unwrap();
    let request = candidate.project(&alice(), &ClientFacts::default(), now(0));
    let reason = candidate.preview(&request, now(0)).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::PolicyFailed);
    assert_eq!(candidate.bundles()[0].statistics().failures(), 0);
}
