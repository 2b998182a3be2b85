//! `warden policy keygen`, `sign` and `verify`, and that every verb which loads policies
//! verifies them, run as their users run them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod place;
mod run;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use place::Place;
use run::{Run, Warden};

const ROLES: &str = "[roles.r]\nmembers = [\"group:corp/a\"]\nrules = [\"+get\", \"~a:*\"]\n";

const TESTS: &str = "[[tests]]\nname = \"strangers\"\nprincipal = \"corp/x\"\nrefused = true\n";

/// A policy directory, keys beside it, and an environment.
struct Bench {
    place: Place,
    environment: Vec<(&'static str, String)>,
}

impl Bench {
    fn new() -> Self {
        let place = Place::with_roles(ROLES);
        place.write("rbac.tests.toml", TESTS);
        Self {
            place,
            environment: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    fn text(&self, name: &str) -> String {
        self.place.text(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.place.write(name, text);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("policies").join(name)).unwrap()
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> Run {
        let principal = json!({ "user": "corp/ann", "groups": ["corp/a"] }).to_string();
        let arguments = [&["policy", verb], arguments].concat();
        let run = Warden::alone(&arguments).input(principal.as_bytes());
        let environment = self.environment.iter();
        environment
            .fold(run, |run, (name, value)| run.with(name, value))
            .run()
    }

    /// A key without a password; its public half.
    fn key(&self, name: &str) -> String {
        let run = self.run(
            "keygen",
            &[&self.text(name), "--without-password", "--json"],
        );
        let document = run.expect(0).json();
        document["public_key"].as_str().unwrap().to_owned()
    }

    fn sign(&self, name: &str, more: &[&str]) -> Run {
        let (dir, key) = (self.text("policies"), self.text(&format!("{name}.key")));
        let fixed = ["--dir", &dir, "--key", &key, "--json"];
        self.run("sign", &[&fixed, more].concat())
    }

    fn verify(&self, keys: &str) -> Run {
        let dir = self.text("policies");
        self.run("verify", &["--dir", &dir, "--policy-keys", keys, "--json"])
    }

    /// Every verb that loads policies, where all is well and where it is refused.
    fn loads(&self, more: &[&str]) -> Vec<Load> {
        let (dir, state) = (self.text("policies"), self.text("state"));
        let of_dir = ["--dir", &dir, "--json"];
        let both = [&dir, &dir, "--requests", "-", "--json"];
        let verbs: [(&str, &[&str], &[&str], i32); 7] = [
            ("check", &of_dir, &[], 1),
            ("inspect", &of_dir, &[], 1),
            ("inspect", &of_dir, &["rbac", "--schema"], 1),
            ("eval", &of_dir, &["--principal", "-"], 1),
            ("test", &of_dir, &[], 1),
            ("bench", &of_dir, &["--decisions", "1"], 1),
            // It says that nothing was compared.
            ("diff", &both, &[], 2),
        ];
        let fixed = ["--state-dir", &state];
        let verbs = verbs.into_iter();
        verbs
            .map(|(verb, place, own, refused)| Load {
                verb: [&[verb], own].concat().join(" "),
                run: self.run(verb, &[place, own, &fixed, more].concat()),
                refused,
            })
            .collect()
    }

    /// Each of them runs.
    #[track_caller]
    fn all_load(&self, more: &[&str]) {
        for Load { verb, run, .. } in self.loads(more) {
            assert_eq!(run.status, 0, "{verb}: {run:?}");
        }
    }

    /// None of them runs, and each says this.
    #[track_caller]
    fn none_loads(&self, more: &[&str], words: &str) {
        for Load { verb, run, refused } in self.loads(more) {
            assert_eq!(run.status, refused, "{verb}: {run:?}");
            assert!(errors(&run)[0].contains(words), "{verb}: {run:?}");
        }
    }
}

/// What a verb that loads policies came to.
struct Load {
    verb: String,
    run: Run,
    /// The exit status of a refusal.
    refused: i32,
}

fn errors(run: &Run) -> Vec<String> {
    let document = run.json();
    let errors = document["errors"].as_array().unwrap().iter();
    // `check` tells where each holds.
    let text = |error: &Value| {
        error
            .as_str()
            .or_else(|| error["error"].as_str())
            .map(str::to_owned)
    };
    errors
        .map(|error| text(error).unwrap_or_else(|| error.to_string()))
        .collect()
}

#[test]
fn a_key_is_made_once_and_its_secret_half_is_its_owners_alone() {
    let bench = Bench::new();
    let name = bench.text("ann");
    let run = bench
        .run("keygen", &[&name, "--without-password"])
        .expect(0);
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ann.key"), mode("ann.pub") & 0o600), (0o600, 0o600));
    let public = fs::read_to_string(bench.path("ann.pub")).unwrap();
    let letters = public.lines().nth(1).unwrap();
    assert!(
        run.out.contains(&format!("warden.policy_keys {letters}")),
        "{}",
        run.out
    );
    let secret = fs::read_to_string(bench.path("ann.key")).unwrap();
    assert!(!run.out.contains(secret.lines().nth(1).unwrap()));
    // Neither half is overwritten, and then neither is written.
    let again = bench
        .run("keygen", &[&name, "--without-password"])
        .expect(1);
    assert!(
        again.err.contains("ann.key\": is there already"),
        "{}",
        again.err
    );
    fs::rename(bench.path("ann.key"), bench.path("kept")).unwrap();
    bench
        .run("keygen", &[&name, "--without-password"])
        .expect(1);
    assert!(!bench.path("ann.key").exists());
    symlink("/nowhere", bench.path("bob.pub")).unwrap();
    bench
        .run("keygen", &[&bench.text("bob"), "--without-password"])
        .expect(1);
    assert!(!bench.path("bob.key").exists());
}

#[test]
fn a_key_without_a_password_that_is_open_to_others_signs_nothing() {
    let bench = Bench::new();
    bench.key("ann");
    fs::set_permissions(bench.path("ann.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let run = bench.sign("ann", &[]).expect(1);
    assert!(run.err.contains("open to others: chmod 600"), "{}", run.err);
    assert!(!bench.path("policies/MANIFEST").exists());
    fs::set_permissions(bench.path("ann.key"), fs::Permissions::from_mode(0o400)).unwrap();
    bench.sign("ann", &[]).expect(0);
}

#[test]
fn a_key_under_a_password_signs_with_it_alone() {
    let mut bench = Bench::new();
    let name = bench.text("ann");
    // Nobody can be asked here, and no password is none.
    let asked = bench.run("keygen", &[&name]).expect(2);
    assert!(asked.err.contains("--password-file"), "{}", asked.err);
    fs::write(bench.path("empty"), "\n").unwrap();
    bench
        .run("keygen", &[&name, "--password-file", &bench.text("empty")])
        .expect(2);
    fs::write(bench.path("password"), "correct horse\n").unwrap();
    fs::write(bench.path("other"), "wrong horse\n").unwrap();
    let file = bench.text("password");
    let made = bench
        .run("keygen", &[&name, "--password-file", &file, "--json"])
        .expect(0)
        .json();
    assert!(
        !bench
            .path("ann.key")
            .metadata()
            .unwrap()
            .permissions()
            .readonly()
    );
    bench.sign("ann", &[]).expect(2);
    let wrong = bench
        .sign("ann", &["--password-file", &bench.text("other")])
        .expect(1);
    assert!(
        wrong.err.contains("the password is not that of this key"),
        "{}",
        wrong.err
    );
    for run in [&asked, &wrong] {
        assert!(!run.err.contains("horse"), "{}", run.err);
    }
    assert!(!bench.path("policies/MANIFEST").exists());
    bench.sign("ann", &["--password-file", &file]).expect(0);
    bench
        .environment
        .push(("WARDEN_KEY_PASSWORD", "correct horse".to_owned()));
    bench.sign("ann", &[]).expect(0);
    let verified = bench
        .verify(made["public_key"].as_str().unwrap())
        .expect(0)
        .json();
    assert_eq!(verified["revision"], 2);
    for other in ["password", "ann.pub", "policies/rbac.wasm"] {
        fs::copy(bench.path(other), bench.path("none.key")).unwrap();
        bench.sign("none", &[]).expect(1);
    }
}

#[test]
fn a_damaged_key_signs_nothing() {
    let bench = Bench::new();
    let key = bench.key("ann");
    bench.sign("ann", &[]).expect(0);
    let signed = || (bench.read("MANIFEST"), bench.read("MANIFEST.minisig"));
    let before = signed();
    let text = fs::read_to_string(bench.path("ann.key")).unwrap();
    let (comment, letters) = text.trim_end().split_once('\n').unwrap();
    let good = STANDARD.decode(letters).unwrap();
    let write = |bytes: &[u8]| {
        let text = format!("{comment}\n{}\n", STANDARD.encode(bytes));
        fs::write(bench.path("ann.key"), text).unwrap();
    };
    let end = good.len();
    // As minisign writes a key without a password.
    let unchecked = [&good[..end - 32], &[0; 32]].concat();
    // The id, the half that signs, the half that verifies, the checksum.
    for (place, has_checksum) in [
        (60, true),
        (70, true),
        (100, true),
        (end - 1, true),
        (70, false),
        (100, false),
    ] {
        let mut bytes = if has_checksum { &good } else { &unchecked }.clone();
        bytes[place] ^= 1;
        write(&bytes);
        // Of whoever else signed the list, the revision before is known.
        let run = bench.sign("ann", &["--policy-keys", &key]).expect(1);
        assert!(run.err.contains("is damaged"), "{place}: {}", run.err);
        assert_eq!(signed(), before, "{place}");
    }
    write(&unchecked);
    bench.sign("ann", &[]).expect(0);
    bench.verify(&key).expect(0);
}

#[test]
fn what_is_signed_is_verified_until_anything_changes() {
    let bench = Bench::new();
    let key = bench.key("ann");
    let signed = bench.sign("ann", &[]).expect(0).json();
    assert_eq!(
        (&signed["revision"], &signed["files"]),
        (&json!(1), &json!(3))
    );
    let verified = bench.verify(&key).expect(0).json();
    assert_eq!(verified["key"], signed["key"]);
    let files: Vec<&String> = verified["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["rbac.tests.toml", "rbac.toml", "rbac.wasm"]);
    assert!(verified["created"].as_str().unwrap().ends_with('Z'));
    bench.verify(&bench.text("ann.pub")).expect(0);
    bench.write("rbac.toml", "");
    bench.write("rbac.more", "");
    let refused = bench.verify(&key).expect(1);
    assert!(
        errors(&refused)[0].contains("\"rbac.more\": is not listed"),
        "{refused:?}"
    );
    fs::remove_file(bench.path("policies/rbac.more")).unwrap();
    assert!(errors(&bench.verify(&key).expect(1))[0].contains("\"rbac.toml\": is not the file"));
    // Without a key there is nothing to verify with.
    let dir = bench.text("policies");
    bench.run("verify", &["--dir", &dir]).expect(2);
    for keys in [
        "",
        " ",
        "RWnonsense",
        "/nowhere",
        &bench.text("policies/rbac.toml"),
    ] {
        let run = bench.verify(keys);
        assert_ne!(run.status, 0, "{keys:?}: {run:?}");
    }
    // A secret key in the place of a public one is not shown.
    let secret = fs::read_to_string(bench.path("ann.key")).unwrap();
    let letters = secret.lines().nth(1).unwrap();
    let run = bench.verify(letters).expect(2);
    assert!(!run.err.contains(&letters[10..20]), "{}", run.err);
}

#[test]
fn a_revision_never_goes_back() {
    let bench = Bench::new();
    let key = bench.key("ann");
    let revision = |run: Run| run.expect(0).json()["revision"].as_u64().unwrap();
    assert_eq!(revision(bench.sign("ann", &[])), 1);
    assert_eq!(revision(bench.sign("ann", &[])), 2);
    assert_eq!(revision(bench.sign("ann", &["--revision", "7"])), 7);
    let before = (bench.read("MANIFEST"), bench.read("MANIFEST.minisig"));
    for back in ["7", "6", "1"] {
        let run = bench.sign("ann", &["--revision", back]).expect(1);
        assert!(errors(&run)[0].contains("has revision 7"), "{run:?}");
    }
    for none in ["0", "-1", "x", "9007199254740992"] {
        bench
            .sign("ann", &[&format!("--revision={none}")])
            .expect(2);
    }
    assert_eq!(
        before,
        (bench.read("MANIFEST"), bench.read("MANIFEST.minisig"))
    );
    // Another one's list says which came before only when it is known whose it is.
    let other = bench.key("bob");
    let run = bench.sign("bob", &[]).expect(1);
    assert!(
        errors(&run)[0].contains("give --revision, or whoever signed it"),
        "{run:?}"
    );
    assert_eq!(revision(bench.sign("bob", &["--policy-keys", &key])), 8);
    bench.verify(&other).expect(0);
    // So a planted list does not use up the numbers.
    let planted = bench
        .read("MANIFEST")
        .replace("revision = 8", "revision = 9007199254740991");
    bench.write("MANIFEST", &planted);
    bench.sign("bob", &[]).expect(1);
    assert_eq!(revision(bench.sign("bob", &["--revision", "9"])), 9);
    bench
        .sign("bob", &["--revision", "9007199254740991"])
        .expect(0);
    let run = bench.sign("bob", &[]).expect(1);
    assert!(errors(&run)[0].contains("no revision above"), "{run:?}");
}

#[test]
fn what_a_server_would_not_read_is_not_signed() {
    let bench = Bench::new();
    bench.key("ann");
    for name in ["rbac.link", "rbac.d"] {
        symlink("/etc/hostname", bench.path("policies").join(name)).unwrap();
        let run = bench.sign("ann", &[]).expect(1);
        assert!(!errors(&run).is_empty());
        fs::remove_file(bench.path("policies").join(name)).unwrap();
    }
    bench.write("MANIFEST.wasm", "");
    let run = bench.sign("ann", &[]).expect(1);
    assert!(errors(&run)[0].contains("kept for the manifest"), "{run:?}");
    fs::remove_file(bench.path("policies/MANIFEST.wasm")).unwrap();
    assert!(!bench.path("policies/MANIFEST").exists());
    let nowhere = bench.run(
        "sign",
        &["--dir", "/nowhere", "--key", &bench.text("ann.key")],
    );
    nowhere.expect(1);
}

#[test]
fn every_verb_that_loads_policies_verifies_them() {
    let bench = Bench::new();
    let (key, other) = (bench.key("ann"), bench.key("bob"));
    bench.all_load(&[]);
    bench.none_loads(&["--policy-keys", &key], "\"MANIFEST\": is missing");
    bench.sign("ann", &[]).expect(0);
    let both = format!("{other} {}", bench.text("ann.pub"));
    bench.all_load(&["--policy-keys", &both]);
    let unknown = "which policy_keys does not name";
    bench.none_loads(&["--policy-keys", &other], unknown);
    let refused = errors(&bench.verify(&other).expect(1));
    let remedy = "which policy_keys does not name; sign with a key that it names";
    assert!(refused[0].contains(remedy), "{refused:?}");
    // Bytes that nobody signed are not run: they would be refused as no component.
    bench.write("rbac.wasm", "nonsense");
    let altered = "is not the file that was signed";
    bench.none_loads(&["--policy-keys", &key], altered);
}

#[test]
fn keys_in_the_environment_bind_every_verb() {
    let mut bench = Bench::new();
    let key = bench.key("ann");
    bench.environment.push(("WARDEN_POLICY_KEYS", key));
    bench.none_loads(&[], "\"MANIFEST\": is missing");
    bench.sign("ann", &[]).expect(0);
    bench.all_load(&[]);
    let dir = bench.text("policies");
    bench.run("verify", &["--dir", &dir]).expect(0);
    // Empty is no way to say nobody.
    bench.environment = vec![("WARDEN_POLICY_KEYS", " ".to_owned())];
    for Load { verb, run, .. } in bench.loads(&[]) {
        assert_eq!(run.status, 2, "{verb}: {run:?}");
    }
}
