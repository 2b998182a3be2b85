//! Loading, reloading, artefacts, and what a hostile guest can and cannot do.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::server::Server;
use warden_core::{
    AuthenticatorId, ClientFacts, Decision, Method, Now, Principal, PrincipalName, Reason, ReasonKind, Timestamp,
    Verified,
};

use super::*;
use crate::engine::{EngineSettings, Limits};
use crate::error::{Failure, Fault};
use crate::guest::Guest;
use crate::log::{Level, PolicyLog};

const GETTER: [&str; 2] = ["+get", "~cache:*"];

/// A policy directory, an engine and a clock.
struct Scene {
    root: tempfile::TempDir,
    engine: Engine,
}

fn engine(state_dir: Option<PathBuf>) -> Engine {
    Engine::new(EngineSettings {
        state_dir,
        limits: Limits {
            cpu: Duration::from_millis(50),
            memory_bytes: 2 << 20,
        },
        ..EngineSettings::default()
    })
    .unwrap()
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("policies")).unwrap();
        Self {
            root,
            engine: engine(None),
        }
    }

    fn with_state() -> Self {
        let scene = Self::new();
        let state = scene.root.path().join("state");
        Self {
            engine: engine(Some(state)),
            ..scene
        }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("policies")
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir().join(name), bytes).unwrap();
    }

    fn load(&self, previous: Option<&Arc<Generation>>) -> Result<Arc<Generation>, LoadError> {
        self.engine.load(&self.dir(), frame(), previous)
    }

    /// The one fault of loading this guest.
    fn fault(&self, guest: &Guest) -> Fault {
        self.put("p.wasm", guest.wasm());
        let mut errors = self.load(None).unwrap_err().errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].file, "p.wasm");
        errors.remove(0).fault
    }

    /// What a log-in gets from this guest alone.
    fn decide(&self, guest: &Guest) -> Result<Arc<Decision>, Reason> {
        self.put("p.wasm", guest.wasm());
        decide(&self.load(None).unwrap())
    }

    /// The failure of a guest that loads and then misbehaves; the next guest is fine.
    fn failure(&self, evaluate: &str) -> String {
        let reason = self.decide(&Guest::evaluating(evaluate)).unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::PolicyFailed, "{reason}");
        assert!(reason.detail().starts_with("policy \"p\" "), "{reason}");
        assert!(!reason.detail().contains('\n'), "{reason}");
        self.decide(&Guest::granting(&GETTER)).unwrap();
        reason.detail().to_owned()
    }
}

fn frame() -> Frame {
    let command = |name: &str, category: &str| (name.to_owned(), [category.to_owned()].into());
    Frame {
        base: BaseRules::default(),
        ceiling: Restriction::parse("").unwrap(),
        server: Arc::new(Server {
            commands: [command("get", "read"), command("set", "write"), command("ping", "connection")].into(),
            categories: ["read", "write", "connection"].map(str::to_owned).into(),
            has_databases: true,
            version: "9.1.0".into(),
        }),
    }
}

fn now(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_000_000 + seconds),
        monotonic: Duration::from_secs(seconds),
    }
}

fn alice() -> Arc<Verified<Principal>> {
    let serde_json::Value::Object(claims) = json!({"department": "x"}) else {
        panic!("claims are an object");
    };
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new("corp").unwrap(),
        name: PrincipalName::new("alice").unwrap(),
        method: Method::Jwt,
        groups: vec!["corp/analysts".into()],
        scopes: vec![],
        sole_authenticator: true,
        claims,
        expires: None,
    }))
}

fn decide(generation: &Generation) -> Result<Arc<Decision>, Reason> {
    let request = generation.project(&alice(), &ClientFacts::default(), now(0));
    generation.decide(&request, now(0))
}

#[test]
fn a_core_module_with_metadata_becomes_a_decision() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    scene.put("p.toml", "x = 1");
    let generation = scene.load(None).unwrap();
    assert_eq!(generation.number(), 1);
    let [bundle] = generation.bundles() else {
        panic!("one bundle");
    };
    assert_eq!((bundle.name(), bundle.title(), bundle.version()), ("p", "test", "1.2.3"));
    assert_eq!(bundle.files().map(|f| f.name).collect::<Vec<_>>(), ["p.toml"]);

    let decision = decide(&generation).unwrap();
    assert_eq!(decision.generation, 1);
    assert!(decision.rendered.rules.contains("+get"), "{:?}", decision.rendered);
    assert_eq!(bundle.statistics().evaluations(), 1);
    assert_eq!(bundle.statistics().failures(), 0);
    assert!(bundle.statistics().longest() > Duration::ZERO);
}

#[test]
fn a_component_passes_through_as_it_is() {
    let scene = Scene::new();
    let lifted = crate::lift::lift(&Guest::granting(&GETTER).wasm()).unwrap().into_owned();
    scene.put("p.wasm", lifted);
    decide(&scene.load(None).unwrap()).unwrap();
}

#[test]
fn without_bundles_nothing_is_granted() {
    let scene = Scene::new();
    for generation in [
        scene.load(None).unwrap(),
        scene.engine.load(Path::new(""), frame(), None).unwrap(),
    ] {
        assert_eq!(decide(&generation).unwrap_err().kind(), ReasonKind::NoGrant);
    }
    let missing = scene.engine.load(&scene.root.path().join("missing"), frame(), None);
    assert!(missing.unwrap_err().to_string().contains("missing"));
}

#[test]
fn one_broken_bundle_breaks_the_generation_and_leaves_the_last_one() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    let good = scene.load(None).unwrap();
    scene.put("b.wasm", b"\0asm half");
    scene.put("c.wasm", Guest::evaluating("(unreachable)").wasm().split_last().unwrap().1);
    let error = scene.load(Some(&good)).unwrap_err();
    let files: Vec<_> = error.errors.iter().map(|e| e.file.as_str()).collect();
    assert_eq!(files, ["b.wasm", "c.wasm"]);
    assert!(!error.is_transient());
    decide(&good).unwrap();
}

#[test]
fn an_unchanged_directory_is_the_same_generation_and_a_changed_one_the_next() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    scene.put("b.wasm", Guest::granting(&["+set", "~b:*"]).wasm());
    let first = scene.load(None).unwrap();
    assert!(Arc::ptr_eq(&first, &scene.load(Some(&first)).unwrap()));
    assert_eq!(scene.engine.compilations(), 2);

    decide(&first).unwrap();
    scene.put("a.toml", "x = 1");
    let second = scene.load(Some(&first)).unwrap();
    assert_eq!(second.number(), 2);
    assert_eq!(scene.engine.compilations(), 2, "data does not recompile");
    assert!(Arc::ptr_eq(&first.bundles()[1], &second.bundles()[1]));
    assert_ne!(first.bundles()[0].digest(), second.bundles()[0].digest());
    assert_eq!(second.bundles()[0].statistics().evaluations(), 1, "counters go on");

    let mut narrower = frame();
    narrower.ceiling = Restriction::parse("-@write").unwrap();
    let third = scene.engine.load(&scene.dir(), narrower, Some(&second)).unwrap();
    assert_eq!(third.number(), 3);
    assert_eq!(scene.engine.compilations(), 2);
}

#[test]
fn a_request_of_another_generation_is_not_decided() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    let first = scene.load(None).unwrap();
    scene.put("a.toml", "x = 1");
    let second = scene.load(Some(&first)).unwrap();
    let request = first.project(&alice(), &ClientFacts::default(), now(0));
    assert_eq!(second.decide(&request, now(0)).unwrap_err().kind(), ReasonKind::Internal);
    assert!(second.remembered(&request).is_none());
}

#[test]
fn an_answer_is_remembered_while_its_policies_stand_by_it() {
    let scene = Scene::new();
    let timed = Guest {
        valid_for: Some(60),
        session_ttl: Some(3600),
        inputs: vec![3],
        ..Guest::granting(&GETTER)
    };
    scene.put("p.wasm", timed.wasm());
    let generation = scene.load(None).unwrap();
    let at = |seconds| generation.project(&alice(), &ClientFacts::default(), now(seconds));
    assert!(generation.remembered(&at(0)).is_none());
    let decision = generation.decide(&at(0), now(0)).unwrap();
    assert_eq!(decision.valid_until, Some(now(60).wall));
    assert_eq!(decision.session_ttl, Some(Duration::from_secs(3600)));
    assert!(Arc::ptr_eq(&generation.remembered(&at(59)).unwrap().unwrap(), &decision));
    assert!(generation.remembered(&at(60)).is_none());

    let set_back = Now {
        wall: now(0).wall,
        ..now(60)
    };
    let request = generation.project(&alice(), &ClientFacts::default(), set_back);
    assert!(generation.remembered(&request).is_none(), "a clock set back prolongs nothing");
}

#[test]
fn a_denial_refuses_whatever_others_grant() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    let denying = Guest {
        denial: Some(("office hours only", "it is night")),
        ..Guest::default()
    };
    scene.put("b.wasm", denying.wasm());
    let reason = decide(&scene.load(None).unwrap()).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::Denied);
    assert_eq!(reason.detail(), "policy \"b\" denies: it is night");
    assert_eq!(reason.reply().as_str(), "WRONGPASS office hours only");
}

#[test]
fn a_restriction_of_one_policy_applies_to_the_grants_of_another() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&["+get", "+set", "~*"]).wasm());
    let restricting = Guest {
        denials: vec!["-set".into()],
        ..Guest::default()
    };
    scene.put("b.wasm", restricting.wasm());
    let decision = decide(&scene.load(None).unwrap()).unwrap();
    assert!(decision.rendered.rules.contains("-set"), "{}", decision.rendered.rules);
}

#[test]
fn endless_work_ends_at_the_cpu_limit() {
    assert!(Scene::new().failure("(loop (br 0))").contains("of CPU time"));
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
    assert!(Scene::new().failure(grow).contains("asked for more than 2097152 bytes of memory"));
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
    assert!(Scene::new().failure("(unreachable)").contains("unreachable"));
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
    let reason = Scene::new().decide(&Guest::granting(&["+get", ">password"])).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::PolicyFailed);
    assert!(reason.detail().contains("\"p\"") && reason.detail().contains(">password"), "{reason}");
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
fn a_component_that_is_no_policy_is_refused() {
    let scene = Scene::new();
    scene.put("p.wasm", wat::parse_str("(component)").unwrap());
    let error = scene.load(None).unwrap_err();
    assert!(matches!(error.errors[0].fault, Fault::Contract(_)), "{error}");
}

#[test]
fn data_that_a_policy_refuses_is_told_in_its_words() {
    let fault = Scene::new().fault(&Guest {
        data_refusal: Some("p.toml: line 3: unknown role"),
        ..Guest::granting(&GETTER)
    });
    assert_eq!(fault.to_string(), "refuses its data: p.toml: line 3: unknown role");
}

#[test]
fn a_policy_too_slow_to_configure_is_refused_at_load() {
    let scene = Scene::new();
    scene.engine.set_limits(Limits {
        cpu: Duration::from_millis(1),
        memory_bytes: 2 << 20,
    });
    let slow = "(local $i i32) (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) \
                (br_if 0 (i32.lt_u (local.get $i) (i32.const 10000000))))";
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

#[test]
fn a_policys_messages_reach_the_log_escaped() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl PolicyLog for Lines {
        fn write(&self, bundle: &str, level: Level, message: &str) {
            self.0.lock().unwrap().push(format!("{bundle} {level:?} {message}"));
        }
    }
    let lines = Arc::new(Lines::default());
    let engine = Engine::new(EngineSettings {
        log: lines.clone(),
        ..EngineSettings::default()
    })
    .unwrap();
    let scene = Scene { engine, ..Scene::new() };
    let guest = Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))".into(),
        fields: "(data (i32.const 512) \"hello\\07\")".into(),
        ..Guest::evaluating("(call $log (i32.const 2) (i32.const 512) (i32.const 6))")
    };
    scene.decide(&guest).unwrap();
    assert_eq!(*lines.0.lock().unwrap(), ["p Warning hello\\u{7}"]);
}

#[test]
fn an_artefact_spares_compiling_at_the_next_start() {
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    scene.load(None).unwrap();
    assert_eq!(scene.engine.compilations(), 1);

    let again = Scene {
        engine: engine(Some(scene.root.path().join("state"))),
        ..scene
    };
    decide(&again.load(None).unwrap()).unwrap();
    assert_eq!(again.engine.compilations(), 0);
}

#[test]
fn an_artefact_that_was_changed_or_opened_to_others_is_compiled_again() {
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    scene.load(None).unwrap();
    let artefacts = scene.root.path().join("state/artefacts");
    let artefact = std::fs::read_dir(&artefacts).unwrap().next().unwrap().unwrap().path();

    let mut bytes = std::fs::read(&artefact).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&artefact, bytes).unwrap();
    let generation = scene.load(None).unwrap();
    assert_eq!(scene.engine.compilations(), 2);
    assert!(generation.warnings()[0].contains("not written by this node"), "{:?}", generation.warnings());

    assert!(scene.load(None).unwrap().warnings().is_empty(), "it was made again");
    assert_eq!(scene.engine.compilations(), 2);

    for (path, mode) in [(&artefact, 0o666), (&artefacts, 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let before = scene.engine.compilations();
        assert!(!scene.load(None).unwrap().warnings().is_empty());
        assert_eq!(scene.engine.compilations(), before + 1);
    }
}

#[test]
fn an_artefact_of_another_node_is_not_loaded() {
    let (one, other) = (Scene::with_state(), Scene::with_state());
    for scene in [&one, &other] {
        scene.put("p.wasm", Guest::granting(&GETTER).wasm());
        scene.load(None).unwrap();
    }
    let artefact = |scene: &Scene| {
        let artefacts = scene.root.path().join("state/artefacts");
        std::fs::read_dir(artefacts).unwrap().next().unwrap().unwrap().path()
    };
    std::fs::copy(artefact(&one), artefact(&other)).unwrap();
    other.load(None).unwrap();
    assert_eq!(other.engine.compilations(), 2);
}

#[test]
fn many_threads_evaluate_at_once() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    let generation = scene.load(None).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let generation = &generation;
            scope.spawn(move || {
                for round in 0..50u32 {
                    let mut principal = alice().get().clone();
                    principal.groups = vec![format!("corp/{thread}-{round}")];
                    let principal = Arc::new(Verified::attest(principal));
                    let request = generation.project(&principal, &ClientFacts::default(), now(0));
                    generation.decide(&request, now(0)).unwrap();
                }
            });
        }
    });
    let statistics = generation.bundles()[0].statistics();
    assert_eq!(statistics.evaluations(), 200);
    assert_eq!(statistics.failures(), 0);
}
