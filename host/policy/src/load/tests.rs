//! Loading, reloading, deciding and remembering with small policies.

mod artefacts;
mod bounds;
mod gating;
mod hostile;
mod preview;
mod reference;
mod seeds;
mod signed;
mod snapshots;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::server::Server;
use warden_core::{
    AuthenticatorId, Claims, ClientFacts, Decision, Method, Now, Principal, PrincipalName, Reason,
    ReasonKind, Timestamp, Verified,
};

use super::*;
use crate::engine::{EngineSettings, Limits};
use crate::error::{Failure, Fault};
use crate::log::{GuestLog, Level, Speaker};
use crate::snapshot::SnapshotState;
use warden_hostile::Guest;

const GETTER: [&str; 2] = ["+get", "~cache:*"];

/// Two at a time, in their order; the second thread takes small ones alone, each `within`.
#[test]
fn work_in_two_keeps_its_order() {
    thread_local! {
        static IS_WITHIN: Cell<bool> = const { Cell::new(false) };
    }
    fn within(work: &mut dyn FnMut()) {
        IS_WITHIN.set(true);
        work();
    }
    let is_small = |number: &u32| !number.is_multiple_of(3);
    let caller = thread::current().id();
    let (first, second) = mpsc::channel();
    let second = Mutex::new(second);
    let done = in_two((0..20).collect(), is_small, within, |number| {
        // They are under way at once: the first large one waits for the first small one.
        match number {
            0 => lock(&second)
                .recv_timeout(Duration::from_secs(60))
                .expect("a second thread"),
            1 => first.send(()).expect("somebody waits"),
            _ => {}
        }
        let is_second = thread::current().id() != caller;
        assert_eq!(is_second, IS_WITHIN.get());
        (number, is_second)
    });
    let order: Vec<u32> = done.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, (0..20).collect::<Vec<u32>>());
    let by_second = done.iter().filter(|(_, is_second)| *is_second);
    let by_second: Vec<u32> = by_second.map(|(number, _)| *number).collect();
    assert!(by_second.contains(&1), "{by_second:?}");
    assert!(by_second.iter().all(is_small), "{by_second:?}");
}

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
        self.engine.load(&self.dir(), frame(), previous, now(0))
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
}

fn frame() -> Frame {
    let command = |name: &str, category: &str| (name.to_owned(), [category.to_owned()].into());
    Frame {
        required: BTreeSet::new(),
        base: BaseRules::default(),
        ceiling: Restriction::parse("").unwrap(),
        server: Arc::new(Server {
            commands: [
                command("get", "read"),
                command("set", "write"),
                command("ping", "connection"),
            ]
            .into(),
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
        claims: Claims::new(&claims),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    }))
}

fn decide(generation: &Generation) -> Result<Arc<Decision>, Reason> {
    let request = generation.project(&alice(), &ClientFacts::default(), now(0));
    generation.decide(&request, now(0))
}

#[test]
fn the_labels_a_policy_can_give_are_told_and_one_that_no_verdict_could_carry_is_not() {
    let scene = Scene::new();
    let label = |value: &str| ("team".to_owned(), value.to_owned());
    let labelled = |values: &[&str]| Guest {
        labels: values.iter().map(|value| label(value)).collect(),
        ..Guest::granting(&GETTER)
    };
    let told = |guest: &Guest| {
        scene.put("p.wasm", guest.wasm());
        let generation = scene.load(None).unwrap();
        generation.labels_of(&generation.bundles()[0])
    };
    let expected = [label("blue"), label("red")].into();
    assert_eq!(told(&labelled(&["red", "blue", "red"])), Ok(expected));
    assert_eq!(told(&labelled(&[])), Ok(BTreeSet::new()));
    assert!(matches!(
        told(&labelled(&["red\nblue"])),
        Err(Failure::Answer(_))
    ));
}

#[test]
fn a_policy_says_what_it_reads_once_it_has_read_its_data() {
    let scene = Scene::new();
    let guest = Guest {
        configure: "(global.set $read (i32.const 1))".into(),
        describe: "(if (i32.eqz (global.get $read)) (then (unreachable)))".into(),
        fields: "(global $read (mut i32) (i32.const 0))".into(),
        claims: vec!["/department".into()],
        ..Guest::granting(&GETTER)
    };
    scene.put("p.wasm", guest.wasm());
    let first = scene.load(None).unwrap();
    assert!(first.inputs().claims.contains("/department"));
    // Other data is read and asked about again, and so is a snapshot.
    scene.put("p.toml", "x = 1\n");
    let second = scene.load(Some(&first)).unwrap();
    assert_eq!(second.inputs(), first.inputs());
    while second.take_snapshot().is_some() {}
    assert_eq!(second.bundles()[0].snapshot(), SnapshotState::Taken);
    assert!(decide(&second).is_ok());
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
    assert_eq!(
        (bundle.name(), bundle.title(), bundle.version()),
        ("p", "test", "1.2.3")
    );
    assert_eq!(
        bundle.files().map(|f| f.name).collect::<Vec<_>>(),
        ["p.toml"]
    );

    let decision = decide(&generation).unwrap();
    assert_eq!(decision.generation, 1);
    assert!(
        decision.rendered.rules.contains("+get"),
        "{:?}",
        decision.rendered
    );
    assert_eq!(bundle.statistics().evaluations(), 1);
    assert_eq!(bundle.statistics().failures(), 0);
    assert!(bundle.statistics().longest() > Duration::ZERO);
}

#[test]
fn a_component_passes_through_as_it_is() {
    let scene = Scene::new();
    let lifted = crate::lift::lift(
        &wasmtime::Engine::default(),
        &Guest::granting(&GETTER).wasm(),
    )
    .unwrap()
    .into_owned();
    scene.put("p.wasm", lifted);
    decide(&scene.load(None).unwrap()).unwrap();
}

#[test]
fn without_bundles_nothing_is_granted() {
    let scene = Scene::new();
    for generation in [
        scene.load(None).unwrap(),
        scene
            .engine
            .load(Path::new(""), frame(), None, now(0))
            .unwrap(),
    ] {
        assert_eq!(decide(&generation).unwrap_err().kind(), ReasonKind::NoGrant);
    }
    let missing = scene
        .engine
        .load(&scene.root.path().join("missing"), frame(), None, now(0));
    assert!(missing.unwrap_err().to_string().contains("missing"));
}

#[test]
fn one_broken_bundle_breaks_the_generation_and_leaves_the_last_one() {
    let scene = Scene::new();
    scene.put("a.wasm", Guest::granting(&GETTER).wasm());
    let good = scene.load(None).unwrap();
    scene.put("b.wasm", b"\0asm half");
    scene.put(
        "c.wasm",
        Guest::evaluating("(unreachable)")
            .wasm()
            .split_last()
            .unwrap()
            .1,
    );
    let error = scene.load(Some(&good)).unwrap_err();
    let files: Vec<_> = error.errors.iter().map(|e| e.file.as_str()).collect();
    assert_eq!(files, ["b.wasm", "c.wasm"]);
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
    assert_eq!(
        second.bundles()[0].statistics().evaluations(),
        1,
        "counters go on"
    );

    let mut narrower = frame();
    narrower.ceiling = Restriction::parse("-@write").unwrap();
    let third = scene
        .engine
        .load(&scene.dir(), narrower, Some(&second), now(0))
        .unwrap();
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
    assert_eq!(
        second.decide(&request, now(0)).unwrap_err().kind(),
        ReasonKind::Internal
    );
    assert!(second.remembered(&request).is_none());
}

/// Many long answers must not take more memory than as many usual ones.
#[test]
fn long_rules_take_the_place_of_several_answers() {
    let keys: Vec<String> = (0..100).map(|n| format!("~{n:0>100}:*")).collect();
    let long: Vec<&str> = std::iter::once("+get")
        .chain(keys.iter().map(String::as_str))
        .collect();
    for (rules, is_kept) in [(&GETTER[..], true), (&long[..], false)] {
        let scene = Scene {
            engine: Engine::new(EngineSettings {
                remembered_decisions: 2,
                ..EngineSettings::default()
            })
            .unwrap(),
            ..Scene::new()
        };
        scene.put("p.wasm", Guest::granting(rules).wasm());
        let generation = scene.load(None).unwrap();
        let request = generation.project(&alice(), &ClientFacts::default(), now(0));
        let decision = generation.decide(&request, now(0)).unwrap();
        assert_eq!(decision.rendered.rules.len() < 2 * 4096, is_kept);
        // The map makes room by and by.
        let is_there = (0..1000).any(|_| generation.remembered(&request).is_none());
        assert_eq!(!is_there, is_kept);
    }
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
    assert!(Arc::ptr_eq(
        &generation.remembered(&at(59)).unwrap().unwrap(),
        &decision
    ));
    assert!(generation.remembered(&at(60)).is_none());

    let set_back = Now {
        wall: now(0).wall,
        ..now(60)
    };
    let request = generation.project(&alice(), &ClientFacts::default(), set_back);
    assert!(
        generation.remembered(&request).is_none(),
        "a clock set back prolongs nothing"
    );
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
    assert!(
        decision.rendered.rules.contains("-set"),
        "{}",
        decision.rendered.rules
    );
}

#[test]
fn a_policys_messages_reach_the_log_escaped() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl GuestLog for Lines {
        fn write(&self, speaker: &Speaker, level: Level, message: &str) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{speaker} {level:?} {message}"));
        }
    }
    let lines = Arc::new(Lines::default());
    let engine = Engine::new(EngineSettings {
        log: lines.clone(),
        ..EngineSettings::default()
    })
    .unwrap();
    let scene = Scene {
        engine,
        ..Scene::new()
    };
    let guest = Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))"
            .into(),
        fields: "(data (i32.const 512) \"hello\\07\")".into(),
        ..Guest::evaluating("(call $log (i32.const 2) (i32.const 512) (i32.const 6))")
    };
    scene.decide(&guest).unwrap();
    assert_eq!(
        *lines.0.lock().unwrap(),
        ["policy \"p\" Warning hello\\u{7}"]
    );
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

#[test]
fn a_generation_of_another_engine_lends_no_compiled_code() {
    let (one, other) = (Scene::new(), Scene::new());
    for scene in [&one, &other] {
        scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    }
    let first = one.load(None).unwrap();
    let second = other.load(Some(&first)).unwrap();
    assert_eq!((second.number(), other.engine.compilations()), (2, 1));
    decide(&second).unwrap();
}

#[test]
fn without_a_required_bundle_there_is_no_generation() {
    let scene = Scene::new();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    let frame = Frame {
        required: ["guardrails".to_owned(), "p".to_owned()].into(),
        ..frame()
    };
    let error = scene
        .engine
        .load(&scene.dir(), frame.clone(), None, now(0))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"guardrails.wasm\": is missing, and required_policies names it; put it there, or take \
         its name out of required_policies"
    );
    scene.put("guardrails.wasm", Guest::granting(&GETTER).wasm());
    assert!(scene.engine.load(&scene.dir(), frame, None, now(0)).is_ok());
}
