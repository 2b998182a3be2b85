//! `warden policy keygen`, `sign` and `verify`, and that every verb which loads policies
//! verifies them, run as their users run them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const TESTS: &str = "[[tests]]\nname = \"strangers\"\nprincipal = \"corp/x\"\nrefused = true\n";

/// What one run came to.
#[derive(Debug)]
struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}", self.out))
    }
}

/// A policy directory, and keys beside it.
struct Place {
    root: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        fs::create_dir(place.path("policies")).unwrap();
        fs::copy(
            policies().join("rbac.wasm"),
            place.path("policies/rbac.wasm"),
        )
        .unwrap();
        place.write(
            "rbac.toml",
            "[roles.r]\nmembers = [\"group:corp/a\"]\nrules = [\"+get\", \"~a:*\"]\n",
        );
        place.write("rbac.tests.toml", TESTS);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("policies").join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("policies").join(name)).unwrap()
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> Run {
        // Away from the terminal of whoever runs the tests: nobody can be asked.
        let mut child = Command::new("setsid")
            .args(["--wait", env!("CARGO_BIN_EXE_warden"), "policy", verb])
            .args(arguments)
            .env_remove("WARDEN_POLICY_KEYS")
            .env_remove("WARDEN_KEY_PASSWORD")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let principal = json!({ "user": "corp/ann", "groups": ["corp/a"] }).to_string();
        // It may not read at all, and then the pipe is closed before all is written.
        let _ = child.stdin.take().unwrap().write_all(principal.as_bytes());
        let output = child.wait_with_output().unwrap();
        Run {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
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

    /// Every verb that loads policies, with what makes it succeed.
    fn loads(&self, more: &[&str]) -> Vec<(&'static str, Run)> {
        let (dir, state) = (self.text("policies"), self.text("state"));
        let verbs: [(&str, &[&str]); 4] = [
            ("check", &[]),
            ("inspect", &[]),
            ("eval", &["--principal", "-"]),
            ("test", &[]),
        ];
        let fixed = ["--dir", &dir, "--state-dir", &state, "--json"];
        verbs
            .into_iter()
            .map(|(verb, own)| (verb, self.run(verb, &[&fixed, own, more].concat())))
            .collect()
    }
}

/// The directory of the built standard policies.
fn policies() -> PathBuf {
    let built = || {
        let binary = Path::new(env!("CARGO_BIN_EXE_warden"));
        binary.ancestors().nth(2).unwrap().join("policies")
    };
    let path = std::env::var_os("WARDEN_POLICIES").map_or_else(built, PathBuf::from);
    assert!(
        path.exists(),
        "{path:?} is missing; run: scripts/build policies"
    );
    path
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
    let place = Place::new();
    let name = place.text("ann");
    let run = place
        .run("keygen", &[&name, "--without-password"])
        .expect(0);
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ann.key"), mode("ann.pub") & 0o600), (0o600, 0o600));
    let public = fs::read_to_string(place.path("ann.pub")).unwrap();
    let letters = public.lines().nth(1).unwrap();
    assert!(
        run.out.contains(&format!("warden.policy_keys {letters}")),
        "{}",
        run.out
    );
    let secret = fs::read_to_string(place.path("ann.key")).unwrap();
    assert!(!run.out.contains(secret.lines().nth(1).unwrap()));
    // Neither half is overwritten, and then neither is written.
    let again = place
        .run("keygen", &[&name, "--without-password"])
        .expect(1);
    assert!(
        again.err.contains("ann.key\": is there already"),
        "{}",
        again.err
    );
    fs::rename(place.path("ann.key"), place.path("kept")).unwrap();
    place
        .run("keygen", &[&name, "--without-password"])
        .expect(1);
    assert!(!place.path("ann.key").exists());
    symlink("/nowhere", place.path("bob.pub")).unwrap();
    place
        .run("keygen", &[&place.text("bob"), "--without-password"])
        .expect(1);
    assert!(!place.path("bob.key").exists());
}

#[test]
fn a_key_under_a_password_signs_with_it_alone() {
    let mut place = Place::new();
    let name = place.text("ann");
    // Nobody can be asked here, and no password is none.
    let asked = place.run("keygen", &[&name]).expect(2);
    assert!(asked.err.contains("--password-file"), "{}", asked.err);
    fs::write(place.path("empty"), "\n").unwrap();
    place
        .run("keygen", &[&name, "--password-file", &place.text("empty")])
        .expect(2);
    fs::write(place.path("password"), "correct horse\n").unwrap();
    fs::write(place.path("other"), "wrong horse\n").unwrap();
    let file = place.text("password");
    let made = place
        .run("keygen", &[&name, "--password-file", &file, "--json"])
        .expect(0)
        .json();
    assert!(
        !place
            .path("ann.key")
            .metadata()
            .unwrap()
            .permissions()
            .readonly()
    );
    place.sign("ann", &[]).expect(2);
    let wrong = place
        .sign("ann", &["--password-file", &place.text("other")])
        .expect(1);
    assert!(
        wrong.err.contains("the password is not that of this key"),
        "{}",
        wrong.err
    );
    for run in [&asked, &wrong] {
        assert!(!run.err.contains("horse"), "{}", run.err);
    }
    assert!(!place.path("policies/MANIFEST").exists());
    place.sign("ann", &["--password-file", &file]).expect(0);
    place
        .environment
        .push(("WARDEN_KEY_PASSWORD", "correct horse".to_owned()));
    place.sign("ann", &[]).expect(0);
    let verified = place
        .verify(made["public_key"].as_str().unwrap())
        .expect(0)
        .json();
    assert_eq!(verified["revision"], 2);
    for other in ["password", "ann.pub", "policies/rbac.wasm"] {
        fs::copy(place.path(other), place.path("none.key")).unwrap();
        place.sign("none", &[]).expect(1);
    }
}

#[test]
fn what_is_signed_is_verified_until_anything_changes() {
    let place = Place::new();
    let key = place.key("ann");
    let signed = place.sign("ann", &[]).expect(0).json();
    assert_eq!(
        (&signed["revision"], &signed["files"]),
        (&json!(1), &json!(3))
    );
    let verified = place.verify(&key).expect(0).json();
    assert_eq!(verified["key"], signed["key"]);
    let files: Vec<&String> = verified["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["rbac.tests.toml", "rbac.toml", "rbac.wasm"]);
    assert!(verified["created"].as_str().unwrap().ends_with('Z'));
    place.verify(&place.text("ann.pub")).expect(0);
    place.write("rbac.toml", "");
    place.write("rbac.more", "");
    let refused = place.verify(&key).expect(1);
    assert!(
        errors(&refused)[0].contains("\"rbac.more\": is not listed"),
        "{refused:?}"
    );
    fs::remove_file(place.path("policies/rbac.more")).unwrap();
    assert!(errors(&place.verify(&key).expect(1))[0].contains("\"rbac.toml\": is not the file"));
    // Without a key there is nothing to verify with.
    let dir = place.text("policies");
    place.run("verify", &["--dir", &dir]).expect(2);
    for keys in [
        "",
        " ",
        "RWnonsense",
        "/nowhere",
        &place.text("policies/rbac.toml"),
    ] {
        let run = place.verify(keys);
        assert_ne!(run.status, 0, "{keys:?}: {run:?}");
    }
    // A secret key in the place of a public one is not shown.
    let secret = fs::read_to_string(place.path("ann.key")).unwrap();
    let letters = secret.lines().nth(1).unwrap();
    let run = place.verify(letters).expect(2);
    assert!(!run.err.contains(&letters[10..20]), "{}", run.err);
}

#[test]
fn a_revision_never_goes_back() {
    let place = Place::new();
    let key = place.key("ann");
    let revision = |run: Run| run.expect(0).json()["revision"].as_u64().unwrap();
    assert_eq!(revision(place.sign("ann", &[])), 1);
    assert_eq!(revision(place.sign("ann", &[])), 2);
    assert_eq!(revision(place.sign("ann", &["--revision", "7"])), 7);
    let before = (place.read("MANIFEST"), place.read("MANIFEST.minisig"));
    for back in ["7", "6", "1"] {
        let run = place.sign("ann", &["--revision", back]).expect(1);
        assert!(errors(&run)[0].contains("has revision 7"), "{run:?}");
    }
    for none in ["0", "-1", "x", "9007199254740992"] {
        place
            .sign("ann", &[&format!("--revision={none}")])
            .expect(2);
    }
    assert_eq!(
        before,
        (place.read("MANIFEST"), place.read("MANIFEST.minisig"))
    );
    // Another one's list says which came before only when it is known whose it is.
    let other = place.key("bob");
    let run = place.sign("bob", &[]).expect(1);
    assert!(
        errors(&run)[0].contains("give --revision, or whoever signed it"),
        "{run:?}"
    );
    assert_eq!(revision(place.sign("bob", &["--policy-keys", &key])), 8);
    place.verify(&other).expect(0);
    // So a planted list does not use up the numbers.
    let planted = place
        .read("MANIFEST")
        .replace("revision = 8", "revision = 9007199254740991");
    place.write("MANIFEST", &planted);
    place.sign("bob", &[]).expect(1);
    assert_eq!(revision(place.sign("bob", &["--revision", "9"])), 9);
    place
        .sign("bob", &["--revision", "9007199254740991"])
        .expect(0);
    let run = place.sign("bob", &[]).expect(1);
    assert!(errors(&run)[0].contains("no revision above"), "{run:?}");
}

#[test]
fn what_a_server_would_not_read_is_not_signed() {
    let place = Place::new();
    place.key("ann");
    for name in ["rbac.link", "rbac.d"] {
        symlink("/etc/hostname", place.path("policies").join(name)).unwrap();
        let run = place.sign("ann", &[]).expect(1);
        assert!(!errors(&run).is_empty());
        fs::remove_file(place.path("policies").join(name)).unwrap();
    }
    place.write("MANIFEST.wasm", "");
    let run = place.sign("ann", &[]).expect(1);
    assert!(errors(&run)[0].contains("kept for the manifest"), "{run:?}");
    fs::remove_file(place.path("policies/MANIFEST.wasm")).unwrap();
    assert!(!place.path("policies/MANIFEST").exists());
    let nowhere = place.run(
        "sign",
        &["--dir", "/nowhere", "--key", &place.text("ann.key")],
    );
    nowhere.expect(1);
}

#[test]
fn every_verb_that_loads_policies_verifies_them() {
    let place = Place::new();
    let (key, other) = (place.key("ann"), place.key("bob"));
    for (verb, run) in place.loads(&[]) {
        assert_eq!(run.status, 0, "{verb}: {run:?}");
    }
    for (verb, run) in place.loads(&["--policy-keys", &key]) {
        assert_eq!(run.status, 1, "{verb}: {run:?}");
        assert!(
            errors(&run)[0].contains("\"MANIFEST\": is missing"),
            "{verb}: {run:?}"
        );
    }
    place.sign("ann", &[]).expect(0);
    let both = format!("{other} {}", place.text("ann.pub"));
    for (verb, run) in place.loads(&["--policy-keys", &both]) {
        assert_eq!(run.status, 0, "{verb}: {run:?}");
    }
    for (verb, run) in place.loads(&["--policy-keys", &other]) {
        assert_eq!(run.status, 1, "{verb}: {run:?}");
        assert!(
            errors(&run)[0].contains("which policy_keys does not name"),
            "{verb}: {run:?}"
        );
    }
    // Bytes that nobody signed are not run: they would be refused as no component.
    place.write("rbac.wasm", "nonsense");
    for (verb, run) in place.loads(&["--policy-keys", &key]) {
        assert_eq!(run.status, 1, "{verb}: {run:?}");
        assert!(
            errors(&run)[0].contains("is not the file that was signed"),
            "{verb}: {run:?}"
        );
    }
}

#[test]
fn keys_in_the_environment_bind_every_verb() {
    let mut place = Place::new();
    let key = place.key("ann");
    place.environment.push(("WARDEN_POLICY_KEYS", key));
    for (verb, run) in place.loads(&[]) {
        assert_eq!(run.status, 1, "{verb}: {run:?}");
        assert!(
            errors(&run)[0].contains("\"MANIFEST\": is missing"),
            "{verb}: {run:?}"
        );
    }
    place.sign("ann", &[]).expect(0);
    for (verb, run) in place.loads(&[]) {
        assert_eq!(run.status, 0, "{verb}: {run:?}");
    }
    let dir = place.text("policies");
    place.run("verify", &["--dir", &dir]).expect(0);
    // Empty is no way to say nobody.
    place.environment = vec![("WARDEN_POLICY_KEYS", " ".to_owned())];
    for (verb, run) in place.loads(&[]) {
        assert_eq!(run.status, 2, "{verb}: {run:?}");
    }
}
