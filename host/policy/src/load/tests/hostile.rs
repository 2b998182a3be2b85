//! Whatever a guest does, it ends as a refusal that names it, and the next log-in is fine.
//!
//! The guests are those of the table in `policies/hostile`.

use warden_hostile::{Hostile, Strikes, all};

use super::*;
use crate::error::Fault;

/// An engine with the default bounds and a short time for everything: endless work
/// at load is given fifty times as much.
fn strict() -> Scene {
    let scene = Scene::new();
    scene.engine.set_limits(Limits {
        cpu: Duration::from_millis(10),
        ..Limits::default()
    });
    scene
}

fn put(scene: &Scene, hostile: &Hostile) {
    scene.put(&format!("{}.wasm", hostile.name), hostile.wasm());
    if hostile.needs_data {
        scene.put(&format!("{}.toml", hostile.name), "x = 1");
    }
}

fn decide_about(generation: &Generation, name: &str) -> Result<Arc<Decision>, Reason> {
    let principal = Principal {
        name: PrincipalName::new(name).unwrap(),
        ..alice().get().clone()
    };
    let principal = Arc::new(Verified::attest(principal));
    let request = generation.project(&principal, &ClientFacts::default(), now(0));
    generation.decide(&request, now(0))
}

/// What every message about a guest must be: one line that is not long.
#[track_caller]
fn expect_line(name: &str, text: &str) {
    let short = text.chars().count() < 5_000;
    assert!(
        short && !text.chars().any(char::is_control),
        "{name}: {text}"
    );
}

#[test]
fn every_policy_that_strikes_at_load_is_refused_and_says_why() {
    let scene = strict();
    scene.put("good.wasm", Guest::granting(&GETTER).wasm());
    let good = scene.load(None).unwrap();
    for hostile in all().iter().filter(|h| h.strikes == Strikes::AtLoad) {
        put(&scene, hostile);
        let file = format!("{}.wasm", hostile.name);
        let errors = scene.load(Some(&good)).expect_err(hostile.name).errors;
        let [error] = &errors[..] else {
            panic!("{}: {errors:?}", hostile.name);
        };
        let text = error.to_string();
        assert_eq!(error.file, file);
        assert!(text.contains(hostile.words), "{}: {text}", hostile.name);
        expect_line(hostile.name, &text);
        std::fs::remove_file(scene.dir().join(file)).unwrap();
        decide(&good).unwrap();
    }
}

#[test]
fn every_policy_that_strikes_when_asked_refuses_its_victim_and_nobody_else() {
    let scene = strict();
    scene.put("good.wasm", Guest::granting(&GETTER).wasm());
    let striking: Vec<_> = all()
        .into_iter()
        .filter(|h| h.strikes == Strikes::AtEvaluation)
        .collect();
    striking.iter().for_each(|hostile| put(&scene, hostile));
    let generation = scene.load(None).unwrap();
    for hostile in &striking {
        let reason = decide_about(&generation, &hostile.victim()).expect_err(hostile.name);
        assert_eq!(reason.kind(), ReasonKind::PolicyFailed, "{reason}");
        let named = format!("policy {:?} ", hostile.name);
        assert!(
            reason.detail().starts_with(&named) && reason.detail().contains(hostile.words),
            "{}: {reason}",
            hostile.name
        );
        expect_line(hostile.name, reason.detail());
        decide_about(&generation, "bob").unwrap();
    }
}

#[test]
fn what_a_policy_tries_in_vain_hurts_nobody() {
    let scene = strict();
    scene.put("good.wasm", Guest::granting(&GETTER).wasm());
    for hostile in all().iter().filter(|h| h.strikes == Strikes::InVain) {
        put(&scene, hostile);
        let generation = scene.load(None).expect(hostile.name);
        for name in [&hostile.victim(), "bob"] {
            let decision = decide_about(&generation, name);
            assert!(decision.is_ok(), "{}: {decision:?}", hostile.name);
        }
        std::fs::remove_file(scene.dir().join(format!("{}.wasm", hostile.name))).unwrap();
    }
}

#[test]
fn a_malformed_rule_refuses_and_names_the_bundle_and_the_rule() {
    let reason = Scene::new()
        .decide(&Guest::granting(&["+get", "(+set)"]))
        .unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::PolicyFailed);
    assert!(
        reason.detail().contains("\"p\"") && reason.detail().contains("rule \"(+set)\""),
        "{reason}"
    );
}

#[test]
fn undeclared_imports_are_refused_by_name() {
    let scene = Scene::new();
    let fault = scene.fault(&Guest {
        imports: "(import \"env\" \"system\" (func))".into(),
        ..Guest::granting(&GETTER)
    });
    assert!(fault.to_string().contains("env"), "{fault}");

    let component = wat::parse_str(
        "(component (import \"wasi:cli/run@0.2.0\" (instance (export \"run\" (func)))) \
         (import \"evil:net/socket@1.0.0\" (instance (export \"open\" (func)))) \
         (import \"warden:policy/log@0.2.0\" (instance (export \"write\" (func)))))",
    )
    .unwrap();
    scene.put("p.wasm", component);
    let error = scene.load(None).unwrap_err();
    let [only] = &error.errors[..] else {
        panic!("{error}");
    };
    assert!(
        matches!(&only.fault, Fault::Imports(names)
            if *names == ["\"evil:net/socket@1.0.0\"", "\"warden:policy/log@0.2.0\""]),
        "{error}"
    );
}

#[test]
fn wasi_may_be_imported_but_every_call_of_it_fails() {
    let scene = Scene::new();
    let quiet = Guest {
        imports:
            "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))"
                .into(),
        wasi: true,
        ..Guest::granting(&GETTER)
    };
    scene.decide(&quiet).unwrap();
    let calling = Guest {
        evaluate: "(drop (call $random))".into(),
        ..quiet
    };
    let reason = scene.decide(&calling).unwrap_err();
    assert!(reason.detail().contains("wasi:random"), "{reason}");
}

#[test]
fn a_failing_policy_is_not_asked_again_at_once() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::evaluating("(unreachable)").wasm());
    let generation = scene.load(None).unwrap();
    let statistics = generation.bundles()[0].statistics();
    for (at, evaluations) in [(0, 1), (0, 1), (1, 2)] {
        let request = generation.project(&alice(), &ClientFacts::default(), now(at));
        generation.decide(&request, now(at)).unwrap_err();
        assert_eq!(
            (statistics.evaluations(), statistics.failures()),
            (evaluations, evaluations)
        );
    }
}

#[test]
fn data_that_a_policy_refuses_is_told_in_its_words() {
    let fault = Scene::new().fault(&Guest {
        data_refusal: Some("p.toml: line 3: unknown role".into()),
        ..Guest::granting(&GETTER)
    });
    assert_eq!(
        fault.to_string(),
        "refuses its data: p.toml: line 3: unknown role"
    );
}

#[test]
fn a_policy_too_slow_to_configure_is_refused_unless_that_is_done_once() {
    let scene = Scene::new();
    scene.engine.set_limits(Limits {
        cpu: Duration::from_micros(200),
        memory_bytes: 2 << 20,
    });
    let slow = "(local $i i32) (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) \
                (br_if 0 (i32.lt_u (local.get $i) (i32.const 2000000))))";
    let guest = Guest {
        configure: slow.into(),
        ..Guest::granting(&GETTER)
    };
    let fault = scene.fault(&Guest {
        fields: super::snapshots::TABLE.into(),
        ..guest.clone()
    });
    assert!(matches!(fault, Fault::Slow { .. }), "{fault}");
    scene.decide(&guest).unwrap();
}
