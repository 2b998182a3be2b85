//! A file of this machine.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use super::{Refused, Resumed, Sink};
use crate::settings::FileSettings;

/// A file.
pub(crate) struct FileSink {
    file: File,
}

impl FileSink {
    /// Opens it.
    pub(crate) fn open(settings: &FileSettings) -> Result<(Self, Resumed), String> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(&settings.path)
            .map_err(|error| format!("{:?}: {error}", settings.path))?;
        Ok((Self { file }, Resumed::default()))
    }
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8]) -> Result<(), Refused> {
        self.file
            .write_all(lines)
            .map_err(|why| Refused { taken: 0, why })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
