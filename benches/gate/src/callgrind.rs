//! A path under callgrind: this program once more, and how many instructions it took.

use std::process::{Command, Stdio};

use super::paths::HotPath;

/// Runs that are counted.
const RUNS: u64 = 1000;

/// Runs before, that are not: buffers have grown, tables are there.
const WARM_UP: u64 = 300;

/// Prepares a path and runs it, the counted part within [`counted`].
pub(super) fn run(path: &HotPath) {
    let mut once = (path.prepare)();
    for _ in 0..WARM_UP {
        once();
    }
    counted(&mut *once);
}

/// What callgrind counts.
#[inline(never)]
fn counted(once: &mut dyn FnMut()) {
    for _ in 0..RUNS {
        once();
    }
}

/// Instructions of one run of the path of this name.
pub(super) fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*callgrind*counted*")
        .arg(program)
        .args(["run", name])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name}: {}\n{said}", output.status));
    }
    // `==123== Collected : 456789`
    let collected = said.lines().find_map(|line| {
        let (_, number) = line.split_once("Collected :")?;
        number.trim().parse::<u64>().ok()
    });
    match collected {
        Some(instructions) if instructions > 0 => Ok(instructions / RUNS),
        _ => Err(format!("{name}: callgrind counted nothing\n{said}")),
    }
}
