//! Policy bundles, from the bytes of a `.wasm` to a decision; and the same bytes as an
//! authenticator's plugin.
//!
//! In: the bytes of `fuzzed.wasm`, alone in a policy directory.
//! Held: it loads or is refused in words that name it, in bounded time, stack and
//! memory; what loads decides or is refused in bounded time too, before and after its
//! snapshot is taken; its rules stay under the ceiling. Libraries may panic on bytes made to hurt them, for loading
//! contains that; warden's own code may not.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::Builder;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::plugin::{Plugins, Question, Setup};
use warden_core::{
    AuthenticatorId, Claims, ClientFacts, Method, Now, Principal, PrincipalName, Timestamp,
    Verified,
};
use warden_fuzz::call;
use warden_fuzz::engine::User;
use warden_fuzz::said::Said;
use warden_fuzz::world;
use warden_policy::{Engine, EngineSettings, Frame, Generation, Limits};

/// What a thread of the module has, the loader's included.
const STACK_BYTES: usize = 2 << 20;
const CEILING: &str = "-@dangerous -@admin ~tenant:* &tenant.*";

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(EngineSettings {
        state_dir: None,
        limits: Limits {
            cpu: Duration::from_millis(1),
            memory_bytes: 1 << 20,
        },
        remembered_decisions: 1,
        ..EngineSettings::default()
    })
    .expect("an engine can be made")
});
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("warden-fuzz-bundle-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    directory
});

fuzz_target!(
    init: let_libraries_panic(),
    |data: &[u8]| {
        let data = data.to_vec();
        let loader = Builder::new().stack_size(STACK_BYTES).spawn(move || {
            load(&data);
            start(&data);
            carry(&data);
            let _moved = warden_policy::fuzzing::move_out(&data);
        });
        loader.expect("a thread can be started").join().expect("the loader lives");
    }
);

/// The schema it carries for its data is text within its bound, or refused in words.
fn carry(data: &[u8]) {
    match warden_policy::data_schema(data) {
        Ok(text) => assert!(text.is_none_or(|text| text.len() <= 256 << 10)),
        Err(fault) => {
            let told = fault.to_string();
            assert!(
                !told.is_empty() && !told.chars().any(char::is_control),
                "{told:?}"
            );
        }
    }
}

/// As a plugin it is refused in words, or answers within its bounds.
fn start(data: &[u8]) {
    let setup = Setup {
        id: AuthenticatorId::new("corp").expect("an id"),
        wasm: data.into(),
        properties: Vec::new(),
        files: Vec::new(),
        content: Vec::new(),
    };
    let told = match Plugins::start(&*ENGINE, setup) {
        Ok(mut plugin) => {
            let question = Question {
                user: Some("token"),
                secret: b"canary-0123456789",
                client: &ClientFacts::default(),
            };
            let answer = plugin.authenticate(&question);
            plugin.close();
            let told = format!("{answer:?}");
            assert!(!told.contains("canary"), "{told}");
            answer.err().unwrap_or_else(|| "nothing".to_owned())
        }
        Err(error) => error.to_string(),
    };
    assert!(
        !told.is_empty() && !told.chars().any(char::is_control),
        "{told:?}"
    );
}

fn load(data: &[u8]) {
    fs::write(DIRECTORY.join("fuzzed.wasm"), data).expect("a file can be written");
    let frame = Frame {
        base: BaseRules::default(),
        ceiling: Restriction::parse(CEILING).expect("the ceiling is sound"),
        server: Arc::new(world::server(true)),
        required: Default::default(),
    };
    let now = Now {
        wall: Timestamp::from_unix_seconds(1_800_000_000),
        monotonic: Duration::from_secs(1000),
    };
    let generation = match ENGINE.load(&DIRECTORY, frame, None, now) {
        Ok(generation) => generation,
        Err(error) => {
            let [only] = error.errors.as_slice() else {
                panic!("one file, several errors: {error}");
            };
            assert_eq!(only.file, "fuzzed.wasm");
            let told = only.fault.to_string();
            assert!(
                !told.is_empty() && !told.chars().any(char::is_control),
                "{told:?}"
            );
            return;
        }
    };
    decide(&generation, now);
    generation.take_snapshot();
    decide(&generation.reframed(generation.frame().clone(), 1), now);
}

fn decide(generation: &Generation, now: Now) {
    let request = generation.project(&alice(), &ClientFacts::default(), now);
    match generation.decide(&request, now) {
        Ok(decision) => under_the_ceiling(&decision.rendered.rules),
        Err(reason) => {
            let told = reason.detail();
            assert!(!told.chars().any(char::is_control), "{told:?}");
        }
    }
}

fn under_the_ceiling(rules: &str) {
    let user = User::read(rules, true);
    let ceiling = Said::new(CEILING.split(' '));
    let names = [
        b"tenant:1".to_vec(),
        b"tenant.1".to_vec(),
        b"other".to_vec(),
    ];
    for call in call::all(world::commands(), &names) {
        assert!(
            !user.may(&call) || ceiling.admits(&call),
            "{call:?}: {rules}"
        );
    }
}

fn alice() -> Arc<Verified<Principal>> {
    let claims = Map::from_iter([("department".to_owned(), Value::from("x"))]);
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new("corp").expect("an id"),
        name: PrincipalName::new("alice").expect("a name"),
        method: Method::Jwt,
        groups: vec!["corp/analysts".to_owned()],
        scopes: Vec::new(),
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

/// A panic of warden's own code, and of a target's, ends the run; one of a library
/// is noted once for each place and left to be contained.
fn let_libraries_panic() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let fatal = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or(String::new(), ToString::to_string);
        if !place.contains("/registry/src/") {
            fatal(panic);
        }
        let mut seen = SEEN.lock().expect("nothing panics under it");
        if !seen.contains(&place) {
            eprintln!("contained: a panic in {place}: {panic}");
            seen.push(place);
        }
    }));
}
