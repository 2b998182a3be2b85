//! Whatever a guest does, it ends as a refusal that names it, and the next log-in is fine.

use super::*;
use crate::error::{Failure, Fault};

#[test]
fn endless_work_ends_at_the_cpu_limit() {
    assert!(
        Scene::new()
            .failure("(loop (br 0))")
            .contains("of CPU time")
    );
}

#[test]
fn deep_recursion_ends_at_the_stack_limit() {
    let scene = Scene::new();
    let recursing = Guest {
        fields: "(func $deep (param i64 i64) (result i64) \
                 (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0))))"
            .into(),
        ..Guest::evaluating("(drop (call $deep (i64.const 1) (i64.const 2)))")
    };
    let reason = scene.decide(&recursing).unwrap_err();
    assert!(reason.detail().contains("exhausted its stack"), "{reason}");
}

#[test]
fn memory_growth_ends_at_the_memory_limit() {
    let grow = "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))";
    assert!(
        Scene::new()
            .failure(grow)
            .contains("asked for more than 2097152 bytes of memory")
    );
}

#[test]
fn table_growth_ends_at_the_table_limit() {
    let scene = Scene::new();
    let growing = Guest {
        fields: "(table $t 1 funcref)".into(),
        ..Guest::evaluating(
            "(if (i32.eq (table.grow $t (ref.null func) (i32.const 200000)) (i32.const -1)) (then (unreachable)))",
        )
    };
    let reason = scene.decide(&growing).unwrap_err();
    assert!(reason.detail().contains("table entries"), "{reason}");
}

#[test]
fn a_policy_that_is_larger_than_the_memory_limit_does_not_load() {
    let fault = Scene::new().fault(&Guest {
        fields: "(memory $more 100)".into(),
        ..Guest::granting(&GETTER)
    });
    assert!(
        matches!(
            fault,
            Fault::Failed {
                failure: Failure::MemoryLimit(_),
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn a_trap_is_told_in_one_line() {
    assert!(
        Scene::new()
            .failure("(unreachable)")
            .contains("unreachable")
    );
}

#[test]
fn a_huge_or_lying_answer_is_refused() {
    let scene = Scene::new();
    // The verdict's first list: 40 million grants at address 0; beyond memory; unaligned.
    for (pointer, length) in [(0, 40_000), (8, 40_000_000), (2, 1)] {
        let lie = format!(
            "(i32.store (i32.const 64) (i32.const {pointer})) (i32.store (i32.const 68) (i32.const {length})) \
             (return (i32.const 64))"
        );
        scene.failure(&lie);
    }
    // One grant whose one rule is a string of 1.5 MB: there, but over the bound.
    let long = "(drop (memory.grow (i32.const 20))) \
        (i32.store (i32.const 64) (i32.const 256)) (i32.store (i32.const 68) (i32.const 1)) \
        (i32.store (i32.const 256) (i32.const 264)) (i32.store (i32.const 260) (i32.const 1)) \
        (i32.store (i32.const 264) (i32.const 4096)) (i32.store (i32.const 268) (i32.const 1500000)) \
        (return (i32.const 64))";
    scene.failure(long);
}

#[test]
fn bad_utf8_and_bad_discriminants_are_refused() {
    let scene = Scene::new();
    let bad_text = "(i32.store (i32.const 64) (i32.const 256)) (i32.store (i32.const 68) (i32.const 1)) \
        (i32.store (i32.const 256) (i32.const 264)) (i32.store (i32.const 260) (i32.const 1)) \
        (i32.store (i32.const 264) (i32.const 300)) (i32.store (i32.const 268) (i32.const 2)) \
        (i32.store (i32.const 300) (i32.const 0xfffe)) (return (i32.const 64))";
    scene.failure(bad_text);
    scene.failure("(i32.store8 (i32.const 80) (i32.const 7)) (return (i32.const 64))");
    scene.failure("(return (i32.const -8))");
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
fn a_policy_that_reads_the_clock_without_valid_for_is_refused() {
    let reason = Scene::new()
        .decide(&Guest {
            inputs: vec![3],
            ..Guest::granting(&GETTER)
        })
        .unwrap_err();
    assert!(reason.detail().contains("valid-for"), "{reason}");
}

#[test]
fn a_start_function_that_never_ends_does_not_load() {
    let scene = Scene::new();
    scene.engine.set_limits(Limits {
        cpu: Duration::from_millis(2),
        memory_bytes: 2 << 20,
    });
    let fault = scene.fault(&Guest {
        fields: "(func $forever (loop (br 0))) (start $forever)".into(),
        ..Guest::granting(&GETTER)
    });
    assert!(
        matches!(
            fault,
            Fault::Failed {
                failure: Failure::CpuLimit(_),
                ..
            }
        ),
        "{fault}"
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
fn a_component_that_is_no_policy_is_refused() {
    let scene = Scene::new();
    scene.put("p.wasm", wat::parse_str("(component)").unwrap());
    let error = scene.load(None).unwrap_err();
    assert!(
        matches!(error.errors[0].fault, Fault::Contract(_)),
        "{error}"
    );
}

#[test]
fn data_that_a_policy_refuses_is_told_in_its_words() {
    let fault = Scene::new().fault(&Guest {
        data_refusal: Some("p.toml: line 3: unknown role"),
        ..Guest::granting(&GETTER)
    });
    assert_eq!(
        fault.to_string(),
        "refuses its data: p.toml: line 3: unknown role"
    );
}

#[test]
fn a_policy_too_slow_to_configure_is_refused_at_load() {
    let scene = Scene::new();
    scene.engine.set_limits(Limits {
        cpu: Duration::from_micros(200),
        memory_bytes: 2 << 20,
    });
    let slow = "(local $i i32) (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) \
                (br_if 0 (i32.lt_u (local.get $i) (i32.const 2000000))))";
    let fault = scene.fault(&Guest {
        configure: slow.into(),
        ..Guest::granting(&GETTER)
    });
    assert!(matches!(fault, Fault::Slow { .. }), "{fault}");
}

#[test]
fn a_description_beyond_its_bounds_is_refused() {
    let scene = Scene::new();
    let odd = [
        Guest {
            title: "two\nlines".into(),
            ..Guest::default()
        },
        Guest {
            claims: vec!["department".into()],
            ..Guest::default()
        },
    ];
    for guest in odd {
        let fault = scene.fault(&guest);
        assert!(matches!(fault, Fault::Contract(_)), "{fault}");
    }
}
