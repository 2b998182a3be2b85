//! A policy directory, loaded as the module of a server would load it.
//!
//! In: arguments. Out: a generation, or the lines the module would log.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use warden_core::permissions::{BaseRules, PermissionError, Restriction};
use warden_core::{Now, Server};
use warden_policy::{
    Ear, Engine, EngineSettings, Frame, Generation, GuestLog, Level, Limits, PolicyKeys, Speaker,
};

use super::project::POLICIES;
use super::trust::Trust;
use crate::error::Error;
use crate::output::{Output, complain};

/// Which directory, under which configuration.
#[derive(Args)]
pub(super) struct Directory {
    /// The policy directory, as `policy_dir`.
    #[arg(long, value_name = "DIR", default_value = POLICIES)]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    configuration: Configuration,
    /// Answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What the module's configuration says of every directory.
#[derive(Args)]
pub(super) struct Configuration {
    /// What is laid over every policy, as `ceiling`.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        allow_hyphen_values = true
    )]
    ceiling: String,
    /// Keyless rights of every session, as `base_rules`.
    #[arg(long, value_name = "TEXT", default_value = BaseRules::DEFAULT, hide_default_value = true)]
    base_rules: String,
    /// Bundles that must be there, as `required_policies`: names with spaces between them.
    #[arg(long, value_name = "NAMES", default_value = "")]
    required: String,
    /// CPU time of one evaluation, as `policy_timeout_ms`.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    policy_timeout_ms: u64,
    /// Memory of one evaluation, as `policy_memory_mb`.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    policy_memory_mb: u32,
    #[command(flatten)]
    trust: Trust,
    /// Where to keep compiled policies; without it, they are compiled each time.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// The server whose commands count.
#[derive(Args)]
pub(super) struct Release {
    /// Release line of the server.
    #[arg(long, value_name = "LINE", default_value = "9.1", value_parser = releases())]
    pub(super) server: String,
}

/// The release lines that `--server` takes.
pub(super) fn releases() -> PossibleValuesParser {
    PossibleValuesParser::from(Server::releases())
}

impl Configuration {
    /// What one evaluation may use.
    fn limits(&self) -> Limits {
        let memory_mb = usize::try_from(self.policy_memory_mb).unwrap_or(usize::MAX);
        Limits {
            cpu: Duration::from_millis(self.policy_timeout_ms),
            memory_bytes: memory_mb.saturating_mul(1 << 20),
        }
    }

    /// The engine all loads of one run share. What it loads must be signed where there are
    /// keys; whether a server has run something newer only that server knows.
    pub(super) fn engine(&self) -> Result<Engine, Error> {
        Ok(Engine::new(EngineSettings {
            state_dir: self.state_dir.clone(),
            policy_keys: self.trust.keys()?,
            limits: self.limits(),
            log: Arc::new(Lines),
            ..EngineSettings::default()
        })?)
    }

    /// What is laid over the policies on a server of this line.
    pub(super) fn frame(&self, line: &str) -> Result<Frame, Error> {
        let usage =
            |option: &str, error: PermissionError| Error::Usage(format!("{option}: {error}"));
        let server = Server::of_release(line)
            .ok_or_else(|| Error::Usage(format!("--server {line:?}: not known")))?;
        Ok(Frame {
            base: BaseRules::parse(&self.base_rules).map_err(|e| usage("--base-rules", e))?,
            ceiling: Restriction::parse(&self.ceiling).map_err(|e| usage("--ceiling", e))?,
            server: Arc::new(server),
            required: self
                .required
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        })
    }
}

impl Directory {
    /// What one evaluation may use.
    pub(super) fn limits(&self) -> Limits {
        self.configuration.limits()
    }

    /// The engine all loads of one run share.
    pub(super) fn engine(&self) -> Result<Engine, Error> {
        self.configuration.engine()
    }

    /// Who must have signed it; none where nothing needs to be signed.
    pub(super) fn keys(&self) -> Result<PolicyKeys, Error> {
        self.configuration.trust.keys()
    }

    /// What is laid over the policies on a server of this line.
    pub(super) fn frame(&self, line: &str) -> Result<Frame, Error> {
        self.configuration.frame(line)
    }

    /// Loads it on its own. `Err` in it: the lines the module would log.
    pub(super) fn load(
        &self,
        release: &Release,
        now: Option<Now>,
    ) -> Result<Result<Arc<Generation>, Vec<String>>, Error> {
        let (engine, frame) = (self.engine()?, self.frame(&release.server)?);
        let loaded = match now {
            Some(now) => engine.load(&self.dir, frame, None, now),
            None => engine.load_untested(&self.dir, frame, None, Ear::Open),
        };
        Ok(loaded.map_err(|error| error.lines()))
    }

    /// The answer when the directory cannot be loaded: its errors, each on a line of
    /// standard error.
    pub(super) fn complain(&self, errors: &[String]) -> Result<Output, Error> {
        complain(errors, self.json)
    }
}

/// What policies write while they run: on standard error.
pub(super) struct Lines;

impl GuestLog for Lines {
    fn write(&self, speaker: &Speaker, level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{speaker}: {level}: {message}");
    }
}
