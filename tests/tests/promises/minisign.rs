//! The program minisign and `warden policy` agree: each verifies what the other has signed,
//! and takes the other's keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use warden_tests::{Signer, parts};

fn minisign(dir: &Path, arguments: &[&str]) -> Output {
    let root = parts::minisign();
    Command::new(root.join("bin/minisign"))
        .args(arguments)
        .current_dir(dir)
        .env("LD_LIBRARY_PATH", root.join("lib"))
        .stdin(Stdio::null())
        .output()
        .expect("minisign runs")
}

fn warden(arguments: &[&str]) -> Output {
    Command::new(parts::cli())
        .args([&["policy"], arguments].concat())
        .env_remove("WARDEN_POLICY_KEYS")
        .env_remove("WARDEN_KEY_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .expect("the command line runs")
}

#[track_caller]
fn expect(output: &Output, good: bool) {
    assert_eq!(output.status.success(), good, "{output:?}");
}

/// `policies` with a policy's files, in a directory where keys can lie beside it.
struct Place {
    _root: TempDir,
    dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("policies");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("rbac.wasm"), "wasm").unwrap();
        fs::write(dir.join("rbac.toml"), "x = 1").unwrap();
        Self { _root: root, dir }
    }

    fn path(&self) -> &Path {
        &self.dir
    }
}

#[test]
fn minisign_verifies_what_warden_signs() {
    let (dir, signer) = (Place::new(), Signer::new());
    signer.sign(dir.path(), 7);
    let arguments = ["-V", "-m", "MANIFEST", "-P", signer.letters()];
    let verified = minisign(dir.path(), &arguments);
    expect(&verified, true);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(said.contains("file:MANIFEST\thashed"), "{said}");
    expect(
        &minisign(
            dir.path(),
            &["-V", "-m", "MANIFEST", "-P", Signer::new().letters()],
        ),
        false,
    );
    let list = fs::read_to_string(dir.path().join("MANIFEST")).unwrap();
    fs::write(dir.path().join("MANIFEST"), list.replace('7', "8")).unwrap();
    expect(&minisign(dir.path(), &arguments), false);
}

#[test]
fn warden_verifies_what_minisign_signs() {
    let dir = Place::new();
    expect(
        &minisign(
            dir.path(),
            &["-G", "-W", "-p", "../m.pub", "-s", "../m.key"],
        ),
        true,
    );
    let beside = |name: &str| dir.path().with_file_name(name).display().to_string();
    let here = dir.path().display().to_string();
    // A list as warden writes it, signed by the program.
    Signer::new().sign(dir.path(), 7);
    let verify = |keys: &str| warden(&["verify", "--dir", &here, "--policy-keys", keys, "--json"]);
    expect(&verify(&beside("m.pub")), false);
    let signed = minisign(
        dir.path(),
        &[
            "-S",
            "-s",
            "../m.key",
            "-m",
            "MANIFEST",
            "-t",
            "release of today",
        ],
    );
    expect(&signed, true);
    let verified = verify(&beside("m.pub"));
    expect(&verified, true);
    let told: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    let public = fs::read_to_string(beside("m.pub")).unwrap();
    // The program leaves zeros at the beginning out.
    let number = told["key"].as_str().unwrap().trim_start_matches('0');
    assert!(public.contains(number), "{public} {told}");
    let letters = public.lines().nth(1).unwrap();
    expect(&verify(letters), true);
    // Its old format is not taken.
    expect(
        &minisign(
            dir.path(),
            &["-S", "-l", "-s", "../m.key", "-m", "MANIFEST"],
        ),
        true,
    );
    let refused = verify(letters);
    expect(&refused, false);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("legacy format"));
    // Its key signs for warden, too.
    let key = beside("m.key");
    expect(
        &warden(&["sign", "--dir", &here, "--key", &key, "--revision", "8"]),
        true,
    );
    expect(&verify(letters), true);
    expect(
        &minisign(dir.path(), &["-V", "-m", "MANIFEST", "-p", "../m.pub"]),
        true,
    );
}

#[test]
fn minisign_takes_wardens_keys() {
    let (dir, signer) = (Place::new(), Signer::new());
    signer.sign(dir.path(), 1);
    let here = dir.path().display().to_string();
    let key = signer.secret_file().display().to_string();
    let public = signer
        .secret_file()
        .with_extension("pub")
        .display()
        .to_string();
    // -W: the key has no password.
    let signed = minisign(dir.path(), &["-S", "-W", "-s", &key, "-m", "MANIFEST"]);
    expect(&signed, true);
    expect(
        &minisign(dir.path(), &["-V", "-p", &public, "-m", "MANIFEST"]),
        true,
    );
    expect(
        &warden(&["verify", "--dir", &here, "--policy-keys", &public]),
        true,
    );
}
