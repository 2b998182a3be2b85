//! What `bench` measured, for people and for machines.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use warden_policy::{Bundle, Effort, Limits, LoadTimes};

use super::figures::{Figures, micros, shown};
use crate::style::{Paint, counted};

/// A directory, measured.
pub(super) struct Bench {
    /// The server's version whose commands count.
    pub(super) server: String,
    /// Of the whole directory, without snapshots.
    pub(super) load: Duration,
    /// How often something was compiled during it.
    pub(super) compilations: u64,
    pub(super) principals: usize,
    pub(super) limits: Limits,
    pub(super) policies: Vec<Policy>,
    /// Decisions: all policies, composition and rendering.
    pub(super) whole: Figures,
}

/// One policy of it.
pub(super) struct Policy {
    pub(super) name: String,
    load: LoadTimes,
    pub(super) snapshot_took: Duration,
    /// Why decisions do not start from a snapshot.
    pub(super) no_snapshot: Option<String>,
    took: Figures,
    cpu: Figures,
    /// The most an evaluation's memories held.
    memory_bytes: usize,
    /// The first failure.
    pub(super) failure: Option<String>,
}

impl Policy {
    /// Loaded, and not asked yet.
    pub(super) fn of(bundle: &Bundle) -> Self {
        Self {
            name: bundle.name().to_owned(),
            load: bundle.load_times(),
            snapshot_took: Duration::ZERO,
            no_snapshot: None,
            took: Figures::default(),
            cpu: Figures::default(),
            memory_bytes: 0,
            failure: None,
        }
    }

    /// One evaluation; its times only where they count.
    pub(super) fn add(&mut self, effort: &Effort, counts: bool) {
        let memory_bytes = effort.memory_bytes.unwrap_or_default();
        self.memory_bytes = self.memory_bytes.max(memory_bytes);
        let failure = effort.failure.iter().map(ToString::to_string).next();
        self.failure = self.failure.take().or(failure);
        if counts {
            self.took.add(effort.took);
            if let Some(cpu) = effort.cpu {
                self.cpu.add(cpu);
            }
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "compile_us": micros(self.load.compile),
            "describe_us": micros(self.load.describe),
            "configure_us": micros(self.load.configure),
            "snapshot_us": micros(self.snapshot_took),
            "no_snapshot": self.no_snapshot,
            "memory_bytes": self.memory_bytes,
            "decision": self.took.summary().json(),
            "cpu": self.cpu.summary().json(),
            "failure": self.failure,
        })
    }
}

impl Bench {
    pub(super) fn json(&self) -> String {
        let machine = machine();
        let document = json!({
            "warden": env!("CARGO_PKG_VERSION"),
            "build": BUILD,
            "machine": { "cpu": machine.cpu, "cpus": machine.cpus, "arch": std::env::consts::ARCH },
            "is_server": false,
            "server": self.server,
            "load_us": micros(self.load),
            "compilations": self.compilations,
            "principals": self.principals,
            "policy_timeout_us": micros(self.limits.cpu),
            "policy_memory_bytes": self.limits.memory_bytes,
            "policies": self.policies.iter().map(Policy::json).collect::<Vec<_>>(),
            "decision": self.whole.summary().json(),
        });
        format!("{document:#}\n")
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        let mut line = |words: &str| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{words}");
        };
        let machine = machine();
        line(&format!(
            "warden {}, {BUILD} build, {} of {}; this is no server: nobody waits in a queue",
            env!("CARGO_PKG_VERSION"),
            counted(machine.cpus, "processor"),
            machine.cpu
        ));
        let compiled = match self.compilations {
            0 => "nothing compiled, all taken from --state-dir".to_owned(),
            times => format!("{times} compiled"),
        };
        line(&format!("loaded in {}, {compiled}", shown(self.load)));
        for policy in &self.policies {
            line(&paint.head(&policy.name));
            let load = policy.load;
            let snapshot = match &policy.no_snapshot {
                None => format!("snapshot {}", shown(policy.snapshot_took)),
                Some(why) => format!("no snapshot: {why}"),
            };
            line(&format!(
                "  load      compile {}, describe {}, configure {}, {snapshot}",
                shown(load.compile),
                shown(load.describe),
                shown(load.configure),
            ));
            line(&format!("  decision  {}", policy.took.summary().text()));
            let cpu = policy.cpu.summary();
            line(&format!(
                "  cpu       p99 {}, longest {}: {} of {} (policy_timeout_ms)",
                shown(cpu.ninety_nine),
                shown(cpu.longest),
                share(cpu.longest.as_secs_f64(), self.limits.cpu.as_secs_f64()),
                shown(self.limits.cpu),
            ));
            let bound = self.limits.memory_bytes;
            line(&format!(
                "  memory    {}: {} of {bound} (policy_memory_mb)",
                counted(policy.memory_bytes, "byte"),
                share(policy.memory_bytes as f64, bound as f64),
            ));
            if let Some(failure) = &policy.failure {
                line(&format!("  {}    {failure}", paint.bad("failed")));
            }
        }
        let whole = self.whole.summary();
        line(&paint.head("all together, composed and rendered"));
        line(&format!("  decision  {}", whole.text()));
        line(&format!(
            "{} about {} on Valkey {}",
            counted(whole.count, "decision"),
            counted(self.principals, "principal"),
            self.server
        ));
        text
    }
}

/// Debug builds make the host slower, not the policies.
const BUILD: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

fn share(part: f64, whole: f64) -> String {
    format!("{:.1}%", 100.0 * part / whole)
}

/// What it was measured on.
struct Machine {
    cpu: String,
    cpus: usize,
}

fn machine() -> Machine {
    let named = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = named.lines().find_map(|line| {
        let (name, model) = line.split_once(':')?;
        (name.trim() == "model name").then(|| model.trim().to_owned())
    });
    Machine {
        cpu: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus: std::thread::available_parallelism().map_or(1, Into::into),
    }
}
