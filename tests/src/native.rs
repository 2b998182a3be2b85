//! What only C can be: a clock and ports put in front of the system's, and other modules.
//!
//! In: the sources in `tests/native`. Out: shared objects, compiled by `cc` once
//! in each test process; the same compiler the build itself needs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::parts;
use crate::server::ServerBuilder;

/// A module with the commands `late.read` (read, fast) and `late.admin` (admin,
/// dangerous). With any load argument `late.read` is an administrator's too.
pub fn late_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| compile("late"))
}

/// A module `ldap` that answers AUTH as valkey-ldap does, out of its setting
/// `ldap.people`: `NAME:PASSWORD` with spaces between. `ldap.asked` tells the names it was
/// asked about.
pub fn ldap_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| compile("ldap"))
}

/// A module `audit` that listens as ValkeyAudit does: by a command filter, a callback for
/// log-ins that declines, and events. `audit.heard` tells how often each was called,
/// and `audit.later KEY` increments a key by itself, a moment after it answered.
pub fn audit_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| compile("audit"))
}

/// A module that hands every AUTH to a thread and lets everybody in as the ACL user they
/// name: what it costs any module to keep a log-in from the main thread.
pub fn hand_over_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| compile("hand_over"))
}

fn clock_shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| compile("clock"))
}

/// Puts other ports of loopback in place of those a server has fixed: `389=20389` in
/// `WARDEN_TEST_PORTS`.
pub(crate) fn ports_shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| compile("ports"))
}

/// The wall clock of one server: the machine's, until it is set.
pub struct WallClock {
    file: File,
    path: PathBuf,
}

impl WallClock {
    /// A clock that shows the machine's time, kept in this directory.
    pub fn in_directory(directory: &Path) -> Self {
        let path = directory.join("wall-clock");
        fs::write(&path, 0_i64.to_ne_bytes()).expect("the clock can be written");
        let file = File::options()
            .write(true)
            .open(&path)
            .expect("the clock can be opened");
        Self { file, path }
    }

    /// Gives the server this clock.
    #[must_use]
    pub fn of(&self, server: ServerBuilder) -> ServerBuilder {
        server
            .environment("LD_PRELOAD", &clock_shim().display().to_string())
            .environment("WARDEN_TEST_CLOCK", &self.path.display().to_string())
    }

    /// Sets it so many milliseconds ahead of the machine's, or behind.
    pub fn set_ahead_ms(&self, ahead: i64) {
        self.file
            .write_all_at(&ahead.to_ne_bytes(), 0)
            .expect("the clock can be set");
    }
}

/// Compiles aside and renames, for other test processes do the same.
fn compile(name: &str) -> PathBuf {
    let directory = parts::scratch().join("warden-test-native");
    fs::create_dir_all(&directory).expect("the target directory can be written");
    let source = parts::workspace().join(format!("tests/native/{name}.c"));
    let aside = directory.join(format!("{name}.{}.so", std::process::id()));
    let output = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
        ])
        .arg(&aside)
        .arg(&source)
        .arg("-ldl")
        .output()
        .expect("cc runs; scripts/bootstrap build installs it");
    assert!(
        output.status.success(),
        "{} does not compile:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let object = directory.join(format!("{name}.so"));
    fs::rename(&aside, &object).expect("the object can be renamed");
    object
}
