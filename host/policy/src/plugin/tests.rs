//! Each step of a plugin's life, and each way in which it can fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use warden_core::client::Certificate;
use warden_core::plugin::{Answer, Plugin, Plugins, Question, Reads, Setup, StartError};
use warden_core::{AuthenticatorId, ClientFacts, Secret};
use warden_hostile::{Guest as PolicyGuest, PluginAnswer, PluginGuest};

use crate::log::{GuestLog, Level, Speaker};
use crate::{Digest, Engine, EngineSettings, Limits};

const FOREVER: &str = "(loop (br 0))";
const GROW: &str =
    "(if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable)))";
/// Imports the log, and writes what the third field of the credential points to: the secret.
const LOG: &str = r#"(import "warden:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#;
const TELL_SECRET: &str = "(call $write (i32.const 1) (i32.load offset=12 (local.get 0)) (i32.load offset=16 (local.get 0)))";

/// What was logged.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl GuestLog for Lines {
    fn write(&self, speaker: &Speaker, level: Level, message: &str) {
        let line = format!("{speaker} {level:?} {message}");
        self.0.lock().unwrap().push(line);
    }
}

fn engine() -> (Engine, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    let settings = EngineSettings {
        log: lines.clone(),
        ..EngineSettings::default()
    };
    (Engine::new(settings).unwrap(), lines)
}

fn setup(wasm: Vec<u8>) -> Setup {
    Setup {
        id: AuthenticatorId::new("keys").unwrap(),
        wasm: wasm.into(),
        properties: vec![("realm".into(), r#""eu""#.into())],
        files: vec![("keys".into(), Secret::new(b"k".to_vec()))],
        content: Vec::new(),
    }
}

/// Whether nothing is known of a component.
fn must_compile(engine: &Engine, wasm: &[u8]) -> bool {
    let limits = engine.machine.limits();
    let shelf = &engine.machine.shelf;
    shelf.get(&Digest::of(wasm), limits).is_none()
}

fn compile(engine: &Engine, id: &str, wasm: &[u8]) {
    let _whatever_came_of_it = engine.prepared(id, wasm);
}

fn start(guest: &PluginGuest) -> Box<dyn Plugin> {
    engine().0.start(setup(guest.wasm())).unwrap()
}

fn start_error(wasm: Vec<u8>) -> String {
    match engine().0.start(setup(wasm)) {
        Err(StartError::Faulty(why)) => why,
        Err(StartError::Starting) => panic!("the engine compiles at once"),
        Ok(_) => panic!("started"),
    }
}

fn ask(plugin: &mut dyn Plugin, secret: &[u8]) -> Result<Answer, String> {
    plugin.authenticate(&Question {
        user: Some("token"),
        secret,
        client: &ClientFacts::default(),
    })
}

fn name(answer: Result<Answer, String>) -> String {
    match answer {
        Ok(Answer::Verified(vouched)) => vouched.name,
        other => panic!("{other:?}"),
    }
}

/// Traps at the second call of an instance.
fn dies_at_the_second() -> PluginGuest {
    PluginGuest {
        authenticate: "(if (i32.eq (global.get $calls) (i32.const 2)) (then (unreachable)))".into(),
        ..PluginGuest::default()
    }
}

#[test]
fn every_answer_of_the_contract_arrives() {
    let answers = [
        (PluginAnswer::NotMine, Answer::NotMine),
        (
            PluginAnswer::Refused("no\nsuch key".into()),
            Answer::Refused("no".into()),
        ),
        (
            PluginAnswer::Unavailable("later".into()),
            Answer::Unavailable("later".into()),
        ),
    ];
    for (answer, expected) in answers {
        let guest = PluginGuest {
            answer,
            ..PluginGuest::default()
        };
        assert_eq!(ask(&mut *start(&guest), b"a secret"), Ok(expected));
    }
    let claims = vec![("a".to_owned(), "1".to_owned())];
    let guest = PluginGuest {
        answer: PluginAnswer::Verified("bob".into(), claims.clone()),
        ..PluginGuest::default()
    };
    let Ok(Answer::Verified(vouched)) = ask(&mut *start(&guest), b"a secret") else {
        panic!("verified");
    };
    assert_eq!((vouched.name.as_str(), vouched.claims), ("bob", claims));
    assert_eq!(vouched.expires, None);
}

#[test]
fn a_plugin_is_initialised_once_and_keeps_its_state() {
    let mut plugin = start(&PluginGuest {
        fields: "(global $begun (mut i32) (i32.const 0))".into(),
        initialise:
            "(if (global.get $begun) (then (unreachable))) (global.set $begun (i32.const 1))".into(),
        authenticate: "(if (i32.eqz (global.get $begun)) (then (unreachable))) \
                       (if (i32.eq (global.get $calls) (i32.const 3)) (then (unreachable)))"
            .into(),
        ..PluginGuest::default()
    });
    assert_eq!(name(ask(&mut *plugin, b"a secret")), "alice");
    assert_eq!(name(ask(&mut *plugin, b"a secret")), "alice");
    // The third call of this very instance.
    assert!(ask(&mut *plugin, b"a secret").is_err());
}

#[test]
fn after_a_failure_another_instance_begins_and_the_answer_is_no_yes() {
    let mut plugin = start(&dies_at_the_second());
    for round in 0..3 {
        assert_eq!(name(until_initialised(&mut *plugin)), "alice", "{round}");
        let failure = ask(&mut *plugin, b"a secret").unwrap_err();
        assert!(
            failure.starts_with("authenticate failed: trapped"),
            "{failure}"
        );
    }
}

/// The first answer after the rest that follows a failure.
#[expect(
    clippy::disallowed_methods,
    reason = "a failed plugin rests in real time"
)]
fn until_initialised(plugin: &mut dyn Plugin) -> Result<Answer, String> {
    for _ in 0..1000 {
        match ask(plugin, b"a secret") {
            Err(why) if why.contains("about to be initialised again") => {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
    panic!("it is never initialised again");
}

#[test]
fn initialising_again_takes_a_tenth_of_the_time_at_most() {
    let busy = "(local $i i32) (loop $spin (local.set $i (i32.add (local.get $i) (i32.const 1))) \
                (br_if $spin (i32.lt_u (local.get $i) (i32.const 20000000))))";
    let mut plugin = start(&PluginGuest {
        initialise: busy.into(),
        authenticate: "(unreachable)".into(),
        ..PluginGuest::default()
    });
    assert!(
        ask(&mut *plugin, b"a secret")
            .unwrap_err()
            .contains("trapped")
    );
    let why = ask(&mut *plugin, b"a secret").unwrap_err();
    assert!(why.contains("about to be initialised again"), "{why}");
}

#[test]
fn loops_growth_and_lies_end_each_step_with_its_reason() {
    let bad_pointer = "(return (i32.const -8))";
    let cases: [(&str, &str, PluginGuest); 8] = [
        (
            "describe failed: used more than",
            "",
            PluginGuest {
                describe: FOREVER.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "describe failed: trapped",
            "",
            PluginGuest {
                describe: bad_pointer.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "initialise failed: used more than",
            "",
            PluginGuest {
                initialise: FOREVER.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "initialise failed: asked for more than",
            "",
            PluginGuest {
                initialise: GROW.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "refuses its properties: realm \\\"eu\\\" is unknown",
            "",
            PluginGuest {
                refusal: Some("realm \\\"eu\\\" is unknown\nor so".into()),
                ..PluginGuest::default()
            },
        ),
        (
            "",
            "authenticate failed: used more than",
            PluginGuest {
                authenticate: FOREVER.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "",
            "authenticate failed: asked for more than",
            PluginGuest {
                authenticate: GROW.into(),
                ..PluginGuest::default()
            },
        ),
        (
            "",
            "authenticate failed: trapped",
            PluginGuest {
                authenticate: bad_pointer.into(),
                ..PluginGuest::default()
            },
        ),
    ];
    for (at_start, at_call, guest) in cases {
        if at_start.is_empty() {
            let why = ask(&mut *start(&guest), b"a secret").unwrap_err();
            assert!(why.starts_with(at_call), "{why}");
        } else {
            let why = start_error(guest.wasm());
            assert!(why.contains(at_start), "{why}");
        }
    }
}

#[test]
fn what_is_no_plugin_is_refused_with_what_is_missing() {
    let policy = start_error(PolicyGuest::granting(&["+get"]).wasm());
    assert!(
        policy.contains("it keeps to warden:policy instead"),
        "{policy}"
    );
    assert!(start_error(b"(component)".to_vec()).contains("is not a component"));
    let foreign = start_error(
        PluginGuest {
            imports: r#"(import "env" "read" (func $read))"#.into(),
            ..PluginGuest::default()
        }
        .wasm(),
    );
    assert!(foreign.contains("is not a component"), "{foreign}");
}

#[test]
fn a_plugin_is_shown_only_what_it_reads() {
    // Its name is the address it is shown, at the offsets of the canonical ABI.
    let guest = |inputs: &[u8]| {
        PluginGuest {
        inputs: inputs.to_vec(),
        answer: PluginAnswer::NotMine,
        authenticate: "(if (i32.or (i32.load8_u offset=20 (local.get 0)) \
                       (i32.or (i32.load8_u offset=32 (local.get 0)) (i32.load8_u offset=36 (local.get 0)))) \
                       (then (unreachable)))"
            .into(),
        ..PluginGuest::default()
    }
    };
    let client = ClientFacts {
        address: Some("127.0.0.1".into()),
        tls: true,
        certificate: Some(Certificate::default()),
        replica: false,
    };
    let question = || Question {
        user: None,
        secret: b"a secret",
        client: &client,
    };
    let mut blind = start(&guest(&[]));
    assert_eq!(blind.reads(), Reads::default());
    assert_eq!(blind.authenticate(&question()), Ok(Answer::NotMine));
    for input in 0..3 {
        let mut curious = start(&guest(&[input]));
        assert!(curious.reads().anything());
        assert!(curious.authenticate(&question()).is_err(), "{input}");
    }
}

#[test]
fn a_secret_that_a_plugin_tells_is_withheld() {
    let (engine, lines) = engine();
    let guest = PluginGuest {
        imports: LOG.into(),
        authenticate: TELL_SECRET.into(),
        answer: PluginAnswer::Refused("canary-1 is no key".into()),
        ..PluginGuest::default()
    };
    let mut plugin = engine.start(setup(guest.wasm())).unwrap();
    let answer = ask(&mut *plugin, b"canary-1");
    let told = format!("{answer:?} {:?}", lines.all());
    assert!(!told.contains("canary"), "{told}");
    assert_eq!(lines.all().len(), 1, "{told}");
    assert!(told.contains("withheld"), "{told}");
}

#[test]
fn close_is_called_once_and_a_failing_one_is_told() {
    let (engine, lines) = engine();
    let hello = r#"(call $write (i32.const 1) (i32.const 1024) (i32.const 0))"#;
    let guest = |close: &str| PluginGuest {
        imports: LOG.into(),
        close: close.into(),
        ..PluginGuest::default()
    };
    let plugin = engine.start(setup(guest(hello).wasm())).unwrap();
    engine.retire(plugin);
    assert_eq!(lines.all(), [r#"plugin "keys" Info "#]);
    let plugin = engine.start(setup(guest(FOREVER).wasm())).unwrap();
    engine.retire(plugin);
    let told = lines.all();
    assert!(told[1].contains("close failed: used more than"), "{told:?}");
}

#[test]
fn a_plugin_that_leaks_is_begun_again_rather_than_let_grow() {
    let leak = "(if (i32.eq (memory.grow (i32.const 160)) (i32.const -1)) (then (unreachable)))";
    let mut plugin = start(&PluginGuest {
        authenticate: leak.into(),
        ..PluginGuest::default()
    });
    // 64 MiB at 10 MiB a call.
    let failed = (0..10).any(|_| {
        ask(&mut *plugin, b"a secret").is_err_and(|why| why.contains("asked for more than"))
    });
    assert!(failed);
    assert_eq!(name(until_initialised(&mut *plugin)), "alice");
}

#[test]
fn a_component_is_compiled_once_and_a_failure_holds_for_its_limits() {
    let (engine, _) = engine();
    let wasm = PluginGuest::default().wasm();
    assert!(must_compile(&engine, &wasm));
    compile(&engine, "keys", &wasm);
    assert!(!must_compile(&engine, &wasm));
    for _ in 0..2 {
        engine.start(setup(wasm.clone())).unwrap();
    }
    assert_eq!(engine.compilations(), 1);

    let endless = PluginGuest {
        describe: FOREVER.into(),
        ..PluginGuest::default()
    };
    compile(&engine, "keys", &endless.wasm());
    assert!(!must_compile(&engine, &endless.wasm()));
    engine.set_limits(Limits {
        cpu: Duration::from_millis(10),
        ..Limits::default()
    });
    assert!(must_compile(&engine, &endless.wasm()));
}

#[test]
fn what_each_authenticator_asked_for_last_is_kept_and_a_few_before_it() {
    let (engine, _) = engine();
    let component = |number: usize| format!("no component {number}").into_bytes();
    for number in 0..40 {
        compile(&engine, &format!("keys-{number}"), &component(number));
    }
    // Otherwise each would be compiled again for the other, without end.
    for number in 0..40 {
        assert!(!must_compile(&engine, &component(number)), "{number}");
    }
    for number in 100..200 {
        compile(&engine, "keys", &component(number));
    }
    let kept = (100..200).filter(|number| !must_compile(&engine, &component(*number)));
    assert_eq!(kept.count(), 17);
    for number in 1000..2000 {
        compile(&engine, &format!("keys-{number}"), &component(number));
    }
    let kept = (1000..2000).filter(|number| !must_compile(&engine, &component(*number)));
    assert_eq!(kept.count(), 272);
}
