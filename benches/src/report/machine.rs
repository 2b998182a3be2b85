//! Which machine, which commit, which day.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// Where a run was made, and of what.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// `2 × AMD EPYC`.
    pub processors: String,
    /// In GiB.
    pub memory_gib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The commit; with `+` where files differ from it.
    pub commit: String,
    /// `2026-11-29`.
    pub date: String,
}

impl Machine {
    /// This one, now. What cannot be found out is `unknown`.
    pub fn this() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = cpus.lines().filter_map(|line| {
            let (name, model) = line.split_once(':')?;
            (name.trim() == "model name").then(|| model.trim().to_owned())
        });
        let models: Vec<String> = models.collect();
        let model = models.first().map_or("unknown", String::as_str);
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = memory
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok());
        let changed = said("git", &["status", "--porcelain"]).is_some();
        let commit = said("git", &["rev-parse", "--short", "HEAD"]);
        let commit = commit.unwrap_or_else(|| "unknown".to_owned());
        Self {
            processors: format!("{} × {model}", models.len()),
            memory_gib: kib.unwrap_or(0).div_ceil(1024 * 1024),
            kernel: said("uname", &["-sr"]).unwrap_or_else(|| "unknown".to_owned()),
            commit: if changed { commit + "+" } else { commit },
            date: said("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// Commit and day.
    pub fn taken(&self) -> String {
        format!("{}, {}", self.commit, self.date)
    }
}

/// What a program prints; none where that is nothing.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
