//! The files of a new project, from those in `host/cli/templates/`.
//!
//! In: a language, a name and where the SDK is. Out: files. `__NAME__` in a file's text or
//! path becomes the policy's name, `__CRATE__` that of its crate, `__SDK__` the place of the
//! SDK.

use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use super::NewFile;
use crate::error::Error;
use crate::policy::project::{Language, SDK};

static RUST: Dir = include_dir!("$CARGO_MANIFEST_DIR/templates/rust");
static C: Dir = include_dir!("$CARGO_MANIFEST_DIR/templates/c");

/// The project's own files.
///
/// # Errors
/// When the name or the place of the SDK cannot be written into them.
pub(super) fn files(
    language: Language,
    name: &str,
    elsewhere: Option<&Path>,
) -> Result<Vec<NewFile>, Error> {
    let sdk = match elsewhere {
        Some(place) => in_manifest(place)?,
        None => SDK.to_owned(),
    };
    let words = [
        ("__NAME__", name.to_owned()),
        ("__CRATE__", crate_name(name)),
        ("__SDK__", sdk),
    ];
    let fill = |text: &str| {
        let words = words.iter();
        words.fold(text.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        })
    };
    let directory = match language {
        Language::Rust => &RUST,
        Language::C => &C,
    };
    let mut files = Vec::new();
    every_file(directory, &mut |path, content| {
        files.push(NewFile {
            path: PathBuf::from(fill(&path.to_string_lossy())),
            content: fill(&String::from_utf8_lossy(content)).into_bytes(),
        });
    });
    Ok(files)
}

/// Visits every file below a directory that this program carries.
pub(super) fn every_file<'d>(directory: &'d Dir, visit: &mut dyn FnMut(&'d Path, &'d [u8])) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(below) => every_file(below, visit),
            DirEntry::File(file) => visit(file.path(), file.contents()),
        }
    }
}

/// The crate's name: not every policy's name can be one.
fn crate_name(name: &str) -> String {
    format!("policy_{}", name.to_ascii_lowercase().replace('-', "_"))
}

/// A path as it may stand between the quotes of a manifest.
fn in_manifest(place: &Path) -> Result<String, Error> {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    match place.to_str() {
        Some(text) if text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err(Error::Usage(format!(
            "--sdk {place:?}: its path must be UTF-8 without quotes, backslashes and control \
             characters"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        for language in [Language::Rust, Language::C] {
            let files = files(language, "Hello-1", None).unwrap();
            assert!(files.len() > 4);
            for file in files {
                let path = file.path.to_str().unwrap();
                let text = String::from_utf8(file.content).unwrap();
                assert!(!path.contains("__") && !text.contains("__NAME__"), "{path}");
                assert!(
                    !text.contains("__CRATE__") && !text.contains("__SDK__"),
                    "{path}"
                );
                if path.starts_with("policies/") {
                    assert!(path.starts_with("policies/Hello-1."), "{path}");
                }
                if path == "Cargo.toml" {
                    assert!(text.contains("name = \"policy_hello_1\""), "{text}");
                    assert!(text.contains("path = \"sdk/rust\""), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_place_that_breaks_out_of_the_manifest_is_refused() {
        for place in ["/a\"b", "/a\\b", "/a\nb"] {
            assert!(files(Language::Rust, "a", Some(Path::new(place))).is_err());
        }
    }
}
