//! A watched directory, edited in the ways people and tools edit files.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A directory of authenticators or policies.
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates the directory.
    pub fn create(path: PathBuf) -> Self {
        fs::create_dir_all(&path).expect("the directory can be created");
        Self { path }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a file in it, as text for configuration.
    pub fn file_text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// As a careful tool writes: beside the directory, then renamed into it.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let aside = self.path.with_extension(format!("{name}.aside"));
        fs::write(&aside, content).expect("the file can be written");
        fs::rename(&aside, self.file(name)).expect("the file can be renamed");
    }

    /// As [`Self::replace`], readable by its owner only, as files of secrets must be.
    pub fn replace_secret(&self, name: &str, content: impl AsRef<[u8]>) {
        let aside = self.path.with_extension(format!("{name}.aside"));
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)
            .expect("the file can be created");
        file.write_all(content.as_ref())
            .expect("the file can be written");
        fs::rename(&aside, self.file(name)).expect("the file can be renamed");
    }

    /// As a plain editor writes: the same inode, cut and filled again.
    pub fn write_in_place(&self, name: &str, content: impl AsRef<[u8]>) {
        let mut file = File::create(self.file(name)).expect("the file can be opened");
        file.write_all(content.as_ref())
            .expect("the file can be written");
    }

    /// As a writer that died: the first half, in place.
    pub fn write_half(&self, name: &str, content: impl AsRef<[u8]>) {
        let content = content.as_ref();
        self.write_in_place(name, &content[..content.len() / 2]);
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).expect("the file can be removed");
    }
}
