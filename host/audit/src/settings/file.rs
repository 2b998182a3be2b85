//! `type = "file"`: which file, when it is rotated, how many stay.

use std::path::PathBuf;

use warden_settings::Section;

use super::destination::absolute;
use super::table;

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// Absolute path.
    pub path: PathBuf,
    /// When what was written is made to last.
    pub fsync: Fsync,
    /// Largest size of a file before it is rotated; 0 for any size. A record that is larger
    /// has a file of its own.
    pub rotate_bytes: u64,
    /// How long one file is written to: it is rotated where a multiple of so many seconds
    /// since 1970 is passed, a day at midnight UTC; 0 for ever.
    pub rotate_seconds: u64,
    /// How many rotated files stay; 0 for all.
    pub keep_files: usize,
}

/// When what was written to a file is made to last: to survive a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the system does so.
    Never,
    /// With each flush.
    Interval,
    /// Before anything is taken for written.
    Always,
}

/// Reads it; `None` after a fault.
pub(super) fn read(section: &mut Section) -> Option<FileSettings> {
    let fsync = match table::word(section, "fsync") {
        "never" => Fsync::Never,
        "always" => Fsync::Always,
        _ => Fsync::Interval,
    };
    let has_retention = section.has("keep_files");
    let rotate_bytes = table::whole(section, "rotate_bytes");
    let rotate_seconds = table::whole(section, "rotate_seconds");
    let keep_files = table::size(section, "keep_files");
    if has_retention && keep_files > 0 && rotate_bytes == 0 && rotate_seconds == 0 {
        section.fault("keep_files", "is of no use: nothing is rotated");
    }
    let path: String = section.mandatory("path", "an absolute path")?;
    Some(FileSettings {
        path: absolute(section, "path", &path)?,
        fsync,
        rotate_bytes,
        rotate_seconds,
        keep_files,
    })
}
