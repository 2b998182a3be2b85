//! Signed directories: nothing is compiled that nobody signed, and nothing is served that is
//! older than what was.

use std::sync::OnceLock;

use super::*;
use crate::manifest::testing::{Signer, keys};
use crate::manifest::{PolicyKeys, SIGNATURE, Standing};

impl Scene {
    /// Policies must be signed by one of these; what was served is remembered.
    fn signed_by(signers: &[&Signer]) -> Self {
        let scene = Self::new();
        Self {
            engine: scene.engine_for(keys(signers)),
            ..scene
        }
    }

    /// As after a restart.
    fn engine_for(&self, policy_keys: PolicyKeys) -> Engine {
        Engine::new(EngineSettings {
            state_dir: Some(self.root.path().join("state")),
            policy_keys,
            ..EngineSettings::default()
        })
        .unwrap()
    }

    fn serve(&self, previous: Option<&Arc<Generation>>) -> Result<Arc<Generation>, LoadError> {
        self.serve_allowed(previous, None)
    }

    fn serve_allowed(
        &self,
        previous: Option<&Arc<Generation>>,
        allowed: Option<u64>,
    ) -> Result<Arc<Generation>, LoadError> {
        let dir = self.dir();
        self.engine
            .load_to_serve(&dir, frame(), previous, now(0), allowed)
            .map(|(next, _)| next)
    }

    /// The revision that is remembered as the newest that was run.
    fn newest(&self) -> Option<u64> {
        let mark = std::fs::read(self.root.path().join("state/policy-revision.json"));
        let mark: serde_json::Value = serde_json::from_slice(&mark.ok()?).ok()?;
        mark["revision"].as_u64()
    }

    /// Files of this roles' text and their signature.
    fn put_signed(&self, signer: &Signer, data: &str, revision: u64) {
        self.put("p.wasm", Guest::granting(&GETTER).wasm());
        self.put("p.toml", data);
        signer.sign_directory(&self.dir(), revision);
    }
}

fn refusal(result: Result<Arc<Generation>, LoadError>) -> String {
    result.expect_err("is taken").to_string()
}

#[test]
fn what_nobody_signed_is_not_even_parsed() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let scene = Scene::signed_by(&[&ours]);
    scene.put("p.wasm", b"\0asm half");
    scene.put("p.tests.toml", "no TOML [");
    let error = refusal(scene.load(None));
    assert!(error.starts_with("\"MANIFEST\": is missing"), "{error}");
    theirs.sign_directory(&scene.dir(), 1);
    let error = refusal(scene.load(None));
    assert!(
        error.starts_with("\"MANIFEST.minisig\": is by key"),
        "{error}"
    );
    assert!(
        !error.contains("p.wasm") && !error.contains("tests"),
        "{error}"
    );

    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    refusal(scene.load(None));
    scene.put("p.tests.toml", "");
    std::fs::remove_file(scene.dir().join("p.tests.toml")).unwrap();
    ours.sign_directory(&scene.dir(), 1);
    scene.put("p.wasm", Guest::granting(&["+set", "~*"]).wasm());
    let error = refusal(scene.load(None));
    assert!(
        error.starts_with("\"p.wasm\": is not the file that was signed"),
        "{error}"
    );
    assert_eq!(scene.engine.compilations(), 0);
    // Tools that show tests verify as well.
    let untested = scene
        .engine
        .load_untested(&scene.dir(), frame(), None, Ear::Open);
    assert!(untested.is_err());
}

#[test]
fn a_signed_generation_knows_who_signed_it_and_the_next_shares_its_bundles() {
    let (old, new) = (Signer::new(), Signer::new());
    let scene = Scene::signed_by(&[&old, &new]);
    scene.put_signed(&old, "x = 1", 1);
    let first = scene.serve(None).unwrap();
    let signed = first.signed().unwrap();
    assert_eq!(
        (signed.manifest().revision(), signed.key()),
        (1, &old.key())
    );
    decide(&first).unwrap();
    assert!(Arc::ptr_eq(&first, &scene.serve(Some(&first)).unwrap()));
    // The same files, signed by the next key.
    new.sign_directory(&scene.dir(), 2);
    let second = scene.serve(Some(&first)).unwrap();
    assert_eq!(second.number(), 2);
    assert_eq!(second.signed().unwrap().key(), &new.key());
    assert!(Arc::ptr_eq(&first.bundles()[0], &second.bundles()[0]));
    assert_eq!(scene.engine.compilations(), 1);
    // Decided anew, it is still the signed one.
    assert_eq!(second.reframed(frame(), 2).signed(), second.signed());
}

#[test]
fn an_older_generation_is_not_served_again_unless_an_operator_names_it() {
    let signer = Signer::new();
    let mut scene = Scene::signed_by(&[&signer]);
    scene.put_signed(&signer, "x = 1", 1);
    let first = scene.serve(None).unwrap();
    scene.put_signed(&signer, "x = 2", 2);
    let second = scene.serve(Some(&first)).unwrap();
    scene.put_signed(&signer, "x = 1", 1);
    for _ in 0..2 {
        let error = refusal(scene.serve(Some(&second)));
        assert!(
            error.contains("revision 1, older than revision 2"),
            "{error}"
        );
        assert!(error.contains("WARDEN.RELOAD ALLOW-OLDER 1"), "{error}");
        scene.engine = scene.engine_for(keys(&[&signer]));
    }
    assert_eq!(scene.newest(), Some(2));
    assert_eq!(scene.engine.compilations(), 0, "it is refused before that");
    // A tool that serves nobody may look at it.
    assert!(scene.load(None).is_ok());
    let dir = scene.dir();
    let served = scene
        .engine
        .load_to_serve(&dir, frame(), None, now(0), Some(1));
    let (again, standing) = served.unwrap();
    assert_eq!(standing, Standing::Overridden);
    assert_eq!(again.signed().unwrap().manifest().revision(), 1);
    assert_eq!(scene.newest(), Some(1));
    scene.put_signed(&signer, "x = 3", 1);
    let error = refusal(scene.serve(Some(&again)));
    assert!(
        error.contains("revision 1, which this server has run with other contents"),
        "{error}"
    );
}

#[test]
fn a_generation_that_was_not_served_is_not_remembered() {
    let signer = Signer::new();
    let scene = Scene::signed_by(&[&signer]);
    scene.put_signed(&signer, "x = 1", 1);
    let first = scene.serve(None).unwrap();
    scene.put(
        "p.tests.toml",
        "[[tests]]\nname = \"t\"\nprincipal = \"corp/a\"\ncan = [\"+set ~x\"]\n",
    );
    scene.put_signed(&signer, "x = 1", 9);
    assert!(refusal(scene.serve(Some(&first))).contains("p.tests.toml"));
    assert_eq!(scene.newest(), Some(1));
    std::fs::remove_file(scene.dir().join("p.tests.toml")).unwrap();
    scene.put_signed(&signer, "x = 2", 2);
    scene.serve(Some(&first)).unwrap();
}

#[test]
fn what_cannot_be_remembered_is_not_served() {
    let signer = Signer::new();
    let scene = Scene::signed_by(&[&signer]);
    scene.put_signed(&signer, "x = 1", 1);
    let first = scene.serve(None).unwrap();
    scene.put_signed(&signer, "x = 2", 2);
    // Nothing can be put in the mark's place.
    let mark = scene.root.path().join("state/policy-revision.json");
    std::fs::remove_file(&mark).unwrap();
    std::fs::create_dir(&mark).unwrap();
    let error = refusal(scene.serve(Some(&first)));
    assert!(error.contains("policy-revision.json"), "{error}");
    assert!(refusal(scene.serve_allowed(Some(&first), Some(2))).contains("policy-revision.json"));
    std::fs::remove_dir(&mark).unwrap();
    scene.serve(Some(&first)).unwrap();
}

#[test]
fn without_keys_nothing_needs_to_be_signed_and_a_list_is_said_not_to_count() {
    let scene = Scene::new();
    scene.put_signed(&Signer::new(), "x = 1", 1);
    scene.put("p.toml", "x = 2");
    let generation = scene.serve(None).unwrap();
    assert!(generation.signed().is_none());
    let warnings = generation.warnings();
    assert!(
        matches!(&warnings[..], [one] if one.contains("\"MANIFEST\" is not looked at")),
        "{warnings:?}"
    );
}

#[test]
fn an_unsigned_generation_gives_way_to_a_signed_one_only() {
    let signer = Signer::new();
    let scene = Scene::new();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    let unsigned = scene.load(None).unwrap();
    scene.engine.set_policy_keys(keys(&[&signer]));
    assert!(refusal(scene.serve(Some(&unsigned))).contains("\"MANIFEST\": is missing"));
    signer.sign_directory(&scene.dir(), 1);
    let signed = scene.serve(Some(&unsigned)).unwrap();
    assert_eq!(signed.number(), 2);
    scene.engine.set_policy_keys(keys(&[&Signer::new()]));
    assert!(refusal(scene.serve(Some(&signed))).contains("which policy_keys does not name"));
    // No directory at all grants nobody anything, whoever signs.
    let nothing = scene
        .engine
        .load_to_serve(Path::new(""), frame(), None, now(0), None)
        .map(|(next, _)| next);
    assert!(nothing.unwrap().bundles().is_empty());
}

/// Takes a key back while a policy is asked.
struct TakesBack(OnceLock<Engine>, PolicyKeys);

impl GuestLog for TakesBack {
    fn write(&self, _speaker: &Speaker, _level: Level, _message: &str) {
        if let Some(engine) = self.0.get() {
            engine.set_policy_keys(self.1.clone());
        }
    }
}

#[test]
fn a_key_taken_back_while_policies_are_loaded_does_not_let_them_in() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let log = Arc::new(TakesBack(OnceLock::new(), keys(&[&ours])));
    let scene = Scene::new();
    let scene = Scene {
        engine: Engine::new(EngineSettings {
            policy_keys: keys(&[&ours, &theirs]),
            log: log.clone(),
            ..EngineSettings::default()
        })
        .unwrap(),
        ..scene
    };
    let _ = log.0.set(scene.engine.clone());
    let talking = Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))"
            .into(),
        ..Guest::evaluating("(call $log (i32.const 2) (i32.const 512) (i32.const 1))")
    };
    scene.put("p.wasm", talking.wasm());
    scene.put(
        "p.tests.toml",
        "[[tests]]\nname = \"t\"\nprincipal = \"corp/a\"\ncan = [\"+get ~x\"]\n",
    );
    theirs.sign_directory(&scene.dir(), 1);
    let error = refusal(scene.serve(None));
    assert!(error.contains("policy_keys has changed since"), "{error}");
    let error = refusal(scene.serve(None));
    assert!(error.contains("which policy_keys does not name"), "{error}");
}

#[test]
fn a_list_replaced_after_it_was_read_is_noticed() {
    let signer = Signer::new();
    let scene = Scene::signed_by(&[&signer]);
    for name in [MANIFEST, SIGNATURE] {
        scene.put_signed(&signer, "x = 1", 1);
        let trusted = Trusted::read(&scene.dir(), &keys(&[&signer])).unwrap();
        assert!(trusted.is_current());
        let path = scene.dir().join(name);
        std::fs::write(scene.root.path().join("new"), std::fs::read(&path).unwrap()).unwrap();
        std::fs::rename(scene.root.path().join("new"), &path).unwrap();
        assert!(!trusted.is_current(), "{name}");
    }
}
