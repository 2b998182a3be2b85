//! The tools of others that build policies.
//!
//! In: a program and its arguments. Out: what it printed on standard output; its own words
//! about what is wrong go to standard error as they come. A tool that is missing is told with
//! what to install.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::Error;

/// How cargo and rustc come to a machine.
pub(super) const RUST: &str = "install Rust with rustup, or as your system has it";
/// How clang and LLVM's linker come to a machine.
pub(super) const LLVM: &str = "install clang and lld; Debian and Ubuntu: apt install clang lld";

/// Runs a tool to its end; gives its standard output.
///
/// # Errors
/// When it is not there, with the remedy, or fails.
pub(super) fn run(command: &mut Command, remedy: &str) -> Result<Vec<u8>, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| missing(&name, remedy, error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Project(format!(
        "{name} failed ({}); its own words are above",
        output.status
    )))
}

/// One line that a tool prints about itself; `None` when it is not there or fails.
pub(super) fn asked(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Where this program is on `PATH`.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|place| place.join(program));
    places.find(|place| place.is_file())
}

fn missing(name: &str, remedy: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::Project(format!("{name} is not on PATH: {remedy}")),
        _ => Error::Project(format!("{name} cannot be run: {error}")),
    }
}
