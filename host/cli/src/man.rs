//! `warden man`: the manual pages, one for each verb.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::error::Error;
use crate::output::Output;

/// Where to.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory that gets a page for each verb, made when missing; without it
    /// the page of `warden` itself goes to standard output.
    #[arg(value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// Writes the pages.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<Output, Error> {
    // `help` would say once more what all the others say.
    let command = command.disable_help_subcommand(true);
    let Some(directory) = &arguments.directory else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return Ok(Output::good(String::from_utf8_lossy(&page).into_owned()));
    };
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command, directory))
        .map_err(Error::file(directory))?;
    Ok(Output::good(String::new()))
}
