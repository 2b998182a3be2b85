//! Where the built parts lie.
//!
//! | part | environment | else |
//! |---|---|---|
//! | server of 8.0 | `WARDEN_VALKEY_8_0` | what `scripts/valkey 8.0` prints |
//! | server of 9.1 | `WARDEN_VALKEY_9_1` | what `scripts/valkey 9.1` prints |
//! | module | `WARDEN_MODULE` | `libwarden.so` of this build's profile |
//! | command line | `WARDEN_CLI` | `warden` of this build's profile |
//! | policies | `WARDEN_POLICIES` | `policies/` of this target directory |
//! | plugins | `WARDEN_PLUGINS` | `plugins/` of this target directory |
//! | policies in JavaScript and Python | `WARDEN_EXAMPLES` | `examples/` of this target directory |
//! | OpenID provider | `WARDEN_PROVIDER` | what `scripts/provider` prints |
//! | client libraries | `WARDEN_CLIENTS` | what `scripts/clients` prints |
//! | OpenLDAP's server and clients | `WARDEN_DIRECTORY` | what `scripts/directory` prints |
//! | Samba's domain controller | `WARDEN_DOMAIN_CONTROLLER` | what `scripts/domain-controller` prints |
//! | minisign | `WARDEN_MINISIGN` | what `scripts/minisign` prints |
//! | rsyslog | `WARDEN_RSYSLOG` | what `scripts/rsyslog` prints |
//!
//! A missing part panics with what to do about it; nothing is built from here.

use std::collections::BTreeSet;
use std::env;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A release line of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Valkey 8.0.
    V8_0,
    /// Valkey 9.1: databases in ACL rules, more events.
    V9_1,
}

impl Line {
    /// Both lines, the older first.
    pub const BOTH: [Self; 2] = [Self::V8_0, Self::V9_1];

    /// `8.0` or `9.1`.
    pub fn number(self) -> &'static str {
        match self {
            Self::V8_0 => "8.0",
            Self::V9_1 => "9.1",
        }
    }

    /// Whether rules of this line can name databases.
    pub fn has_databases(self) -> bool {
        self == Self::V9_1
    }

    /// The `valkey-server` of this line; looked for once per process.
    pub fn server(self) -> &'static Path {
        static PATHS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
        let (cell, variable) = match self {
            Self::V8_0 => (&PATHS[0], "WARDEN_VALKEY_8_0"),
            Self::V9_1 => (&PATHS[1], "WARDEN_VALKEY_9_1"),
        };
        cell.get_or_init(|| match env::var_os(variable) {
            Some(path) => existing(
                path.into(),
                &format!("{variable} names a file that is not there"),
            ),
            None => by_script("valkey", &[self.number()]),
        })
    }
}

/// The directory of the installed OpenID provider; looked for once per process.
pub fn provider() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_PROVIDER", "provider"))
}

/// The directory of the installed client libraries, `python/` and `node/`; looked for
/// once per process.
pub fn clients() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_CLIENTS", "clients"))
}

/// The directory of OpenLDAP's server and clients, laid out as `scripts/directory` says;
/// looked for once per process.
pub fn ldap() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_DIRECTORY", "directory"))
}

/// The directory of a domain controller, laid out as `scripts/domain-controller` says;
/// looked for once per process.
pub fn domain_controller() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_DOMAIN_CONTROLLER", "domain-controller"))
}

/// The directory of the program minisign, laid out as `scripts/minisign` says; looked for
/// once per process.
pub fn minisign() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_MINISIGN", "minisign"))
}

/// The directory of the server rsyslogd, laid out as `scripts/rsyslog` says; looked for once
/// per process.
pub fn rsyslog() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| directory("WARDEN_RSYSLOG", "rsyslog"))
}

/// The directory that a variable names, or else a script prints.
fn directory(variable: &str, script: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(path) => existing(
            path.into(),
            &format!("{variable} names a directory that is not there"),
        ),
        None => by_script(script, &[]),
    }
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
        .to_owned()
}

/// `libwarden.so`.
pub fn module() -> PathBuf {
    part(
        "WARDEN_MODULE",
        profile_dir().join("libwarden.so"),
        "cargo build -p warden-module",
    )
}

/// The `warden` command line.
pub fn cli() -> PathBuf {
    part(
        "WARDEN_CLI",
        profile_dir().join("warden"),
        "cargo build -p warden",
    )
}

/// The directory of the standard policies' `.wasm` files.
pub fn policies() -> PathBuf {
    part(
        "WARDEN_POLICIES",
        target_dir().join("policies"),
        "make build",
    )
}

/// The bytes of one policy: a standard one, for example `rbac`, or one that exists
/// for the tests only, for example `tests/role`.
pub fn policy(name: &str) -> Vec<u8> {
    let path = existing(
        policies().join(format!("{name}.wasm")),
        "a policy is missing; run: make build",
    );
    std::fs::read(path).expect("the policy is readable")
}

/// The bytes of a standard policy that takes long to compile, compiled into
/// [`shared_state`] before, once per process. A server compiles at nice +19, which beside
/// other tests takes minutes.
pub fn precompiled_policy(name: &str) -> Vec<u8> {
    static DONE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let bytes = policy(name);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !done.contains(name) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(format!("{name}.wasm"));
        std::fs::write(path, &bytes).expect("the policy can be written");
        let output = Command::new(cli())
            .args(["policy", "inspect", "--dir"])
            .arg(directory.path())
            .arg("--state-dir")
            .arg(shared_state())
            .output()
            .expect("the command line runs");
        // It has no data here, and says so once it is compiled.
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_compiled = output.status.success() || told.contains("refuses its data");
        assert!(is_compiled, "{name} was not compiled: {told}");
        done.insert(name.to_owned());
    }
    bytes
}

/// The directory of the authenticator plugins' `.wasm` files.
pub fn plugins() -> PathBuf {
    part("WARDEN_PLUGINS", target_dir().join("plugins"), "make build")
}

/// The bytes of one policy that is not in Rust: `oncall`, `oncall-quickjs` or `catalogue`.
pub fn example(name: &str) -> Vec<u8> {
    let how = "scripts/build examples";
    let directory = part("WARDEN_EXAMPLES", target_dir().join("examples"), how);
    let path = existing(
        directory.join(format!("{name}.wasm")),
        &format!("an example is missing; run: {how}"),
    );
    std::fs::read(path).expect("the example is readable")
}

/// The path of one plugin: `api-keys`, or one that exists for the tests only, for
/// example `tests/moody`.
pub fn plugin(name: &str) -> PathBuf {
    existing(
        plugins().join(format!("{name}.wasm")),
        "a plugin is missing; run: make build",
    )
}

/// A `state_dir` that servers of all test runs share: policies are compiled once.
///
/// Whoever compiles makes it as it must be (0700), so it is not made here.
pub fn shared_state() -> PathBuf {
    scratch().join("warden-test-state")
}

/// Makes a `state_dir` for one server alone, with the standard policy `rbac` compiled in it:
/// what a sink could not write before its end is kept there by the sink's name.
pub fn state_of_its_own(directory: &Path) {
    precompiled_policy("rbac");
    let shared = shared_state();
    let copy = |from: &Path, to: &Path| {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(to)
            .expect("the directory can be made");
        let entries = std::fs::read_dir(from).expect("the directory can be read");
        for entry in entries.map(|entry| entry.expect("an entry")) {
            let name = entry.file_name();
            let is_kept = name != "artefacts" && !name.as_encoded_bytes().starts_with(b"audit-");
            if is_kept {
                // Another test's server may have taken it away meanwhile.
                let _copied = std::fs::copy(entry.path(), to.join(name));
            }
        }
    };
    copy(&shared, directory);
    copy(&shared.join("artefacts"), &directory.join("artefacts"));
}

/// A place in the target directory for what test runs make and keep.
pub fn scratch() -> PathBuf {
    let directory = target_dir().join("tmp");
    std::fs::create_dir_all(&directory).expect("the target directory can be written");
    directory
}

fn part(variable: &str, fallback: PathBuf, how: &str) -> PathBuf {
    let path = env::var_os(variable).map_or(fallback, PathBuf::from);
    existing(
        path,
        &format!("a part under test is missing; set {variable} or run: {how}"),
    )
}

/// The path that a script prints; what else it has to say is on standard error.
fn by_script(name: &str, arguments: &[&str]) -> PathBuf {
    let script = workspace().join("scripts").join(name);
    let output = Command::new(&script)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|e| panic!("{} does not run: {e}", script.display()));
    assert!(
        output.status.success(),
        "scripts/{name} {} did not find what it looks for",
        arguments.join(" ")
    );
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    existing(
        path.trim().into(),
        &format!("scripts/{name} printed a path that is not there"),
    )
}

fn existing(path: PathBuf, complaint: &str) -> PathBuf {
    assert!(path.exists(), "{complaint} ({})", path.display());
    path
}

/// `target/debug`: test binaries lie in its `deps`.
fn profile_dir() -> PathBuf {
    let binary = env::current_exe().expect("the test binary has a path");
    let deps = binary
        .parent()
        .expect("the test binary lies in a directory");
    let profile = if deps.ends_with("deps") {
        deps.parent()
    } else {
        Some(deps)
    };
    profile
        .expect("deps lies in the profile's directory")
        .to_owned()
}

/// The target directory that all builds of this one share.
pub fn target_dir() -> PathBuf {
    profile_dir()
        .parent()
        .expect("the profile lies in the target directory")
        .to_owned()
}
