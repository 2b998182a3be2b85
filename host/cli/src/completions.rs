//! `warden completions`: what a shell needs to complete our words.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::Error;
use crate::output::Output;

/// Which shell.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The shell; for bash: `warden completions bash > /etc/bash_completion.d/warden`.
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script.
pub(crate) fn run(arguments: &Arguments, mut command: Command) -> Result<Output, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "warden", &mut script);
    Ok(Output::good(String::from_utf8_lossy(&script).into_owned()))
}
