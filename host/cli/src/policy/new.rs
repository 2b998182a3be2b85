//! `warden policy new`: a directory with a policy that builds and passes its tests at once.
//!
//! In: a name and a language. Out: sources, data, tests and the SDK, which this program
//! carries, so that nothing of it is fetched. What exists is never written over, and when
//! something cannot be written all of it is taken away again.

mod sdk;
mod template;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::project::{Language, SDK, checked};
use crate::error::Error;
use crate::output::Output;

/// What it is called, and what it is written in.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy's name, and the new directory's.
    #[arg(value_name = "NAME")]
    name: String,
    /// What to write the policy in.
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// Use the SDK in this place, the `sdk` directory of the repository, instead of a copy.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// A file to be written: where in the project, and what.
struct NewFile {
    path: PathBuf,
    content: Vec<u8>,
}

/// Makes the directory.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let name = checked(&arguments.name)?;
    let language = arguments.language;
    let elsewhere = arguments.sdk.as_deref();
    let elsewhere = elsewhere.map(|place| found(place, language)).transpose()?;
    let mut files = template::files(language, &name, elsewhere.as_deref())?;
    if elsewhere.is_none() {
        files.extend(sdk::files(language));
    }
    if language == Language::Rust {
        files.extend(sdk::locks(elsewhere.is_none())?);
    }
    let root = PathBuf::from(&name);
    fs::create_dir(&root).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Project(format!(
            "{name} is there already, and nothing is written over: take another name, or another \
             place"
        )),
        _ => Error::file(&root)(source),
    })?;
    if let Err(error) = write(&root, &files, elsewhere.as_deref(), language) {
        // It was not there before; what is in it is ours.
        let _ = fs::remove_dir_all(&root);
        return Err(error);
    }
    Ok(Output::good(format!(
        "{name}: a policy in {}, with its data, its tests and the SDK.\n\
         Next: cd {name} && warden policy build && warden policy test\n",
        language.word()
    )))
}

/// The SDK in its place of before, as a path that holds anywhere.
fn found(place: &Path, language: Language) -> Result<PathBuf, Error> {
    let mark = match language {
        Language::Rust => "rust/Cargo.toml",
        Language::C => "c/include/warden.h",
    };
    let path = fs::canonicalize(place).map_err(Error::file(place))?;
    if !path.join(mark).is_file() {
        return Err(Error::Usage(format!(
            "--sdk {place:?}: there is no {mark}; give the sdk directory of the repository"
        )));
    }
    Ok(path)
}

fn write(
    root: &Path,
    files: &[NewFile],
    elsewhere: Option<&Path>,
    language: Language,
) -> Result<(), Error> {
    for file in files {
        let path = root.join(&file.path);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, &file.content));
        written.map_err(Error::file(&path))?;
    }
    match (elsewhere, language) {
        // A crate names the place in its manifest.
        (None, _) | (_, Language::Rust) => Ok(()),
        (Some(place), Language::C) => {
            let link = root.join(SDK);
            std::os::unix::fs::symlink(place, &link).map_err(Error::file(&link))
        }
    }
}
