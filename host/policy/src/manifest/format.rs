//! The text of a list: TOML, so that people and tools can read and write it.
//!
//! ```toml
//! format = 1
//! revision = 7
//! created = 2026-11-28T10:00:00Z
//!
//! [files]
//! "rbac.toml" = "<SHA-256, as sha256sum prints it>"
//! "rbac.wasm" = "<SHA-256, as sha256sum prints it>"
//! ```
//!
//! In: the bytes. Out: a [`Manifest`] in which no invalid value can exist, or the first
//! mistake. A name in it is only ever compared, never opened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::value::Datetime;
use warden_core::line_at;

use crate::bundle::directory::MAX_ENTRIES;
use crate::digest::Digest;
use crate::error::gist;

/// The only format there is.
const FORMAT: u64 = 1;
/// The highest revision: every reader of JSON still tells it from the next.
const MAX_REVISION: u64 = (1 << 53) - 1;
/// Longest name: five parts of a path of the longest that files may have.
const MAX_NAME_BYTES: usize = 512;

/// Everything a policy directory holds, and which edition of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(super) revision: u64,
    pub(super) created: Option<Datetime>,
    pub(super) files: BTreeMap<String, Digest>,
}

/// The shape of the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    format: u64,
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Datetime>,
    files: BTreeMap<String, String>,
}

impl Manifest {
    /// The highest revision there can be.
    pub const MAX_REVISION: u64 = MAX_REVISION;

    /// A list of these files. `created` is written as TOML writes dates.
    ///
    /// # Errors
    /// A revision that is none, a date that is none, too many files or too long names.
    pub fn new(
        revision: u64,
        created: Option<&str>,
        files: BTreeMap<String, Digest>,
    ) -> Result<Self, String> {
        let created = created.map(|text| {
            text.parse::<Datetime>()
                .map_err(|_| "created: write date, time and offset".to_owned())
        });
        Self {
            revision,
            created: created.transpose()?,
            files,
        }
        .checked()
    }

    /// Reads a list. Call it with what was signed.
    ///
    /// # Errors
    /// The first mistake, with its line or key.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = line_at(bytes, start);
            format!("line {line}: {}", gist(error.message()))
        })?;
        if raw.format != FORMAT {
            return Err(format!(
                "format: is {}, and this version reads {FORMAT} only",
                raw.format
            ));
        }
        let files = raw.files.into_iter().map(|(name, digest)| {
            let digest = Digest::parse(&digest).ok_or_else(|| {
                let name = gist(&name);
                format!("files.{name:?}: is no SHA-256: write 64 digits of 0-9 and a-f")
            });
            digest.map(|digest| (name, digest))
        });
        Self {
            revision: raw.revision,
            created: raw.created,
            files: files.collect::<Result<_, _>>()?,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, String> {
        if !(1..=MAX_REVISION).contains(&self.revision) {
            return Err(format!(
                "revision: is {}, and must be 1 to {MAX_REVISION}",
                self.revision
            ));
        }
        let full = |at: &Datetime| at.date.is_some() && at.time.is_some() && at.offset.is_some();
        if !self.created.iter().all(full) {
            return Err("created: write date, time and offset: 2026-11-28T10:00:00Z".to_owned());
        }
        if self.files.len() > MAX_ENTRIES {
            return Err(format!("files: lists more than {MAX_ENTRIES}"));
        }
        if self.files.keys().any(|name| name.len() > MAX_NAME_BYTES) {
            return Err(format!("files: a name is over {MAX_NAME_BYTES} bytes"));
        }
        Ok(self)
    }

    /// Which edition it is: the higher, the newer.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// When it was made, by the clock of who made it.
    pub fn created(&self) -> Option<String> {
        self.created.map(|at| at.to_string())
    }

    /// Every file, by its path in the directory.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, Digest)> {
        let files = self.files.iter();
        files.map(|(name, digest)| (name.as_str(), *digest))
    }

    /// The text of the file, which reads back as the same list.
    ///
    /// # Errors
    /// In words; none is known.
    pub fn text(&self) -> Result<String, String> {
        let files = self.files.iter();
        let raw = Raw {
            format: FORMAT,
            revision: self.revision,
            created: self.created,
            files: files
                .map(|(name, digest)| (name.clone(), digest.to_string()))
                .collect(),
        };
        toml::to_string(&raw).map_err(|error| gist(&error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn mistake(text: &str) -> String {
        Manifest::parse(text.as_bytes()).unwrap_err()
    }

    fn with(head: &str) -> String {
        format!("{head}\n[files]\n\"a.wasm\" = \"{DIGEST}\"\n")
    }

    #[test]
    fn a_list_is_what_it_says() {
        let text = with("format = 1\nrevision = 7\ncreated = 2026-11-28T10:00:00Z");
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.revision(), 7);
        assert_eq!(manifest.created().as_deref(), Some("2026-11-28T10:00:00Z"));
        let files: Vec<_> = manifest.files().collect();
        assert_eq!(files, [("a.wasm", Digest::of(b"abc"))]);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, words) in [
            (String::new(), "line 1: missing field `format`"),
            (with("format = 1"), "missing field `revision`"),
            (
                "format = 1\nrevision = 7".to_owned(),
                "missing field `files`",
            ),
            (with("format = 2\nrevision = 7"), "format: is 2"),
            (with("format = 1\nrevision = 0"), "revision: is 0"),
            (with("format = 1\nrevision = -1"), "line 2: "),
            (with("format = 1\nrevision = 7.5"), "line 2: "),
            (with("format = 1\nrevision = \"7\""), "line 2: "),
            (
                with("format = 1\nrevision = 9007199254740992"),
                "must be 1 to",
            ),
            (
                with("format = 1\nrevision = 99999999999999999999"),
                "line 2: ",
            ),
            (
                with("format = 1\nrevision = 7\nrevision = 8"),
                "line 3: duplicate key",
            ),
            (
                with("format = 1\nrevision = 7\nrevison = 8"),
                "unknown field `revison`",
            ),
            (
                with("format = 1\nrevision = 7\ncreated = 2026-11-28"),
                "created: ",
            ),
            (
                format!(
                    "{}\"a.wasm\" = \"{DIGEST}\"",
                    with("format = 1\nrevision = 7")
                ),
                "duplicate key",
            ),
        ] {
            let mistake = mistake(&text);
            assert!(mistake.contains(words), "{text:?}: {mistake}");
        }
        assert_eq!(Manifest::parse(b"\xff").unwrap_err(), "it is not UTF-8");
    }

    #[test]
    fn a_digest_is_64_lower_case_digits() {
        let upper = DIGEST.to_uppercase();
        let long = format!("{DIGEST}00");
        for digest in [
            "",
            &DIGEST[1..],
            &long,
            &upper,
            &format!("0x{}", &DIGEST[2..]),
        ] {
            let text = format!("format = 1\nrevision = 1\n[files]\na = \"{digest}\"");
            assert!(
                mistake(&text).contains("files.\"a\": is no SHA-256"),
                "{digest}"
            );
        }
    }

    #[test]
    fn more_files_than_a_directory_may_hold_are_refused() {
        let lines: String = (0..=MAX_ENTRIES)
            .map(|n| format!("f{n} = \"{DIGEST}\"\n"))
            .collect();
        let text = format!("format = 1\nrevision = 1\n[files]\n{lines}");
        assert!(mistake(&text).contains("lists more than 4096"));
        let text = format!(
            "format = 1\nrevision = 1\n[files]\n{} = \"{DIGEST}\"",
            "x".repeat(600)
        );
        assert!(mistake(&text).contains("over 512 bytes"));
    }

    proptest! {
        #[test]
        fn a_list_reads_back_as_itself(
            revision in 1..=MAX_REVISION,
            dated: bool,
            names in proptest::collection::btree_map(".{0,40}", any::<[u8; 4]>(), 0..8),
        ) {
            let files = names.into_iter().map(|(name, bytes)| (name, Digest::of(&bytes)));
            let created = dated.then_some("2026-11-28T10:00:00Z");
            let manifest = Manifest::new(revision, created, files.collect()).unwrap();
            let text = manifest.text().unwrap();
            prop_assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
        }
    }
}
