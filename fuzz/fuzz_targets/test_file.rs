//! Test files, read and run as a load does.
//!
//! In: the bytes of `p.tests.toml`, beside a policy that grants something.
//! Held: the file is taken and its tests hold, or the load is refused in words that name
//! the file, each on a line of its own; what is taken has tests, each with a name of its
//! own, about somebody whose groups are the authenticator's.
#![no_main]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{Now, Timestamp};
use warden_fuzz::world;
use warden_policy::{Engine, EngineSettings, Frame, Generation};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let settings = EngineSettings {
        remembered_decisions: 1,
        ..EngineSettings::default()
    };
    Engine::new(settings).expect("an engine can be made")
});
/// A directory with the policy, which is compiled once.
static PLACE: LazyLock<(PathBuf, Arc<Generation>)> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("warden-fuzz-tests-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    let policy = include_bytes!("../seeds/bundle/granting");
    fs::write(directory.join("p.wasm"), policy).expect("a file can be written");
    let loaded = ENGINE.load(&directory, frame(), None, now());
    let generation = loaded.unwrap_or_else(|error| panic!("{error}"));
    generation.take_snapshot();
    (directory, generation)
});

fuzz_target!(|data: &[u8]| {
    let (directory, bare) = &*PLACE;
    fs::write(directory.join("p.tests.toml"), data).expect("a file can be written");
    match ENGINE.load(directory, frame(), Some(bare), now()) {
        Ok(generation) => taken(&generation),
        Err(error) => {
            assert!(!error.errors.is_empty(), "refused without a reason");
            for error in &error.errors {
                let told = error.fault.to_string();
                // More failures than are told are told of the directory.
                let named = error.file == "p.tests.toml" || told.contains(" more ");
                assert!(named, "{}: {told}", error.file);
                assert!(
                    !told.is_empty() && !told.chars().any(char::is_control),
                    "{told:?}"
                );
            }
        }
    }
});

fn taken(generation: &Generation) {
    let mut names = BTreeSet::new();
    for test in generation.rehearsals() {
        assert!(names.insert(test.test), "{:?} twice", test.test);
        assert!(!test.test.is_empty() && !test.test.chars().any(char::is_control));
        let principal = test.principal;
        let id = format!("{}/", principal.authenticator);
        assert!(principal.user_name().to_string().starts_with(&id));
        for names in [&principal.groups, &principal.scopes] {
            assert!(names.iter().all(|name| name.starts_with(&id)), "{names:?}");
            assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        }
        if test.client.certificate.is_some() {
            assert!(test.client.tls, "a certificate without TLS");
        }
    }
    assert!((1..=256).contains(&names.len()), "{}", names.len());
    assert_eq!(generation.tests_of("p"), names.len());
}

fn frame() -> Frame {
    Frame {
        base: BaseRules::default(),
        ceiling: Restriction::default(),
        server: Arc::new(world::server(true)),
        required: Default::default(),
    }
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_800_000_000),
        monotonic: Duration::from_secs(1000),
    }
}
