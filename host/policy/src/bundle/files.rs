//! Reading a bundle's files whole, or not at all.
//!
//! Regular files inside the policy directory only, whatever symbolic links lead
//! to them; each within its bound; and none that another process is writing.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::directory::{Found, relative};
use super::root::Root;
use crate::bindings::policy::warden::policy::types::File as PolicyFile;
use crate::digest::{Digest, Digester};
use crate::error::{BundleError, Fault};
use crate::gate::MAX_FILE_BYTES;

/// The most a `.wasm` may hold: bounds what compiling costs.
pub(crate) const MAX_WASM_BYTES: u64 = 32 << 20;
/// The most the data of a bundle may hold together: bounds what configuring costs.
pub(crate) const MAX_DATA_BYTES: u64 = 16 << 20;

/// A bundle's files in memory.
pub(crate) struct Contents {
    pub(crate) wasm: Vec<u8>,
    pub(crate) wasm_digest: Digest,
    pub(crate) data: Vec<PolicyFile>,
    pub(crate) digest: Digest,
    /// The test file, which is no part of the digest.
    pub(crate) tests: Option<Vec<u8>>,
    /// Each file, in the order of reading.
    pub(crate) read: Vec<ReadFile>,
}

/// What changes when a file is written or replaced.
type State = [i128; 7];

/// A file that was read whole, once.
#[derive(Debug)]
pub(crate) struct ReadFile {
    pub(crate) path: PathBuf,
    /// Of the very bytes that were read.
    pub(crate) digest: Digest,
    state: State,
}

impl ReadFile {
    /// Whether the path still leads to the very file that was read.
    pub(crate) fn is_current(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| state(&now) == self.state)
    }
}

impl Contents {
    /// Whether every path still leads to the very file that was read. Several
    /// files replaced at once are then never taken half old, half new.
    pub(crate) fn is_current(&self) -> bool {
        self.read.iter().all(ReadFile::is_current)
    }

    /// How much of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let data = self.data.iter().map(|file| file.bytes.len()).sum::<usize>();
        self.wasm.len() + data + self.tests.as_ref().map_or(0, Vec::len)
    }
}

/// Reads every file of a bundle.
///
/// # Errors
/// One for each file that cannot be used.
pub(crate) fn read(dir: &Path, found: &Found) -> Result<Contents, Vec<BundleError>> {
    let root = root(dir).map_err(|error| vec![error])?;
    let fault = |path: &PathBuf, fault: Fault| fault.of(relative(dir, path));
    let mut errors = Vec::new();
    let mut read = Vec::new();
    let mut wasm = (Vec::new(), Digest::of(b""));
    match read_file(&root, &found.wasm, MAX_WASM_BYTES) {
        Ok((bytes, file)) => {
            wasm = (bytes, file.digest);
            read.push(file);
        }
        Err(e) => errors.push(fault(&found.wasm, e)),
    }
    let mut left = MAX_DATA_BYTES;
    let mut data = Vec::new();
    for (name, path) in &found.data {
        match read_file(&root, path, left) {
            Ok((bytes, file)) => {
                read.push(file);
                left = left.saturating_sub(bytes.len() as u64);
                data.push(PolicyFile {
                    name: name.clone(),
                    media_type: media_type(name).to_owned(),
                    bytes,
                });
            }
            Err(Fault::TooLarge { .. }) => errors.push(fault(
                path,
                Fault::TooLarge {
                    bound: MAX_DATA_BYTES,
                },
            )),
            Err(e) => errors.push(fault(path, e)),
        }
    }
    let mut tests = None;
    if let Some(path) = &found.tests {
        match read_file(&root, path, MAX_FILE_BYTES) {
            Ok((bytes, file)) => {
                tests = Some(bytes);
                read.push(file);
            }
            Err(e) => errors.push(fault(path, e)),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let (wasm, wasm_digest) = wasm;
    Ok(Contents {
        digest: digest(&wasm_digest, &data),
        wasm,
        wasm_digest,
        data,
        tests,
        read,
    })
}

/// Opens the directory that bundles are read from.
///
/// # Errors
/// When it cannot be entered.
pub(crate) fn root(dir: &Path) -> Result<Root, BundleError> {
    Root::open(dir).map_err(|error| Fault::Unreadable(error).of(dir.display().to_string()))
}

/// Reads one file that must lie under `root`.
///
/// # Errors
/// When it is not a regular file in there, is larger than `bound`, or is being written.
pub(crate) fn read_file(
    root: &Root,
    path: &Path,
    bound: u64,
) -> Result<(Vec<u8>, ReadFile), Fault> {
    let inside = root.inside(path).map_err(|error| {
        // Listed a moment ago: gone means being replaced, there means a link to nothing.
        match path.symlink_metadata() {
            Ok(_) => Fault::Unreadable(error),
            Err(_) => Fault::Changing,
        }
    })?;
    let inside = inside.ok_or(Fault::Escapes)?;
    if inside.as_os_str().is_empty() {
        return Err(Fault::NotRegular);
    }
    let file = File::from(root.file(&inside).map_err(unopened)?);
    let before = file.metadata().map_err(Fault::Unreadable)?;
    if !before.is_file() {
        return Err(Fault::NotRegular);
    }
    if before.len() > bound {
        return Err(Fault::TooLarge { bound });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
    (&file)
        .take(bound.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Fault::Unreadable)?;
    let after = file.metadata().map_err(Fault::Unreadable)?;
    let named = std::fs::metadata(path).map_err(Fault::Unreadable)?;
    let whole = bytes.len() as u64 == before.len();
    if whole && state(&before) == state(&after) && state(&after) == state(&named) {
        let file = ReadFile {
            path: path.to_owned(),
            digest: Digest::of(&bytes),
            state: state(&after),
        };
        Ok((bytes, file))
    } else {
        Err(Fault::Changing)
    }
}

/// Why something cannot be opened that was there a moment ago.
fn unopened(error: std::io::Error) -> Fault {
    match Errno::from_io_error(&error) {
        // Gone, or a link has taken its place or that of a directory on the way.
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Fault::Changing,
        _ => Fault::Unreadable(error),
    }
}

fn state(found: &Metadata) -> State {
    [
        found.dev().into(),
        found.ino().into(),
        found.len().into(),
        found.mtime().into(),
        found.mtime_nsec().into(),
        found.ctime().into(),
        found.ctime_nsec().into(),
    ]
}

fn digest(wasm: &Digest, data: &[PolicyFile]) -> Digest {
    let mut digester = Digester::new("warden bundle 1");
    digester.bytes(wasm.as_bytes());
    digester.count(data.len());
    for file in data {
        digester.bytes(file.name.as_bytes());
        digester.bytes(&file.bytes);
    }
    digester.finish()
}

fn media_type(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("toml") => "application/toml",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("csv") => "text/csv",
        Some("txt" | "md" | "cedar" | "rego") => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, RenameFlags, renameat_with};
    use std::os::unix::fs::symlink;

    fn found(dir: &Path, data: &[&str]) -> Found {
        Found {
            wasm: dir.join("a.wasm"),
            data: data
                .iter()
                .map(|name| ((*name).to_owned(), dir.join(name)))
                .collect(),
            tests: None,
        }
    }

    fn only_fault(dir: &Path, data: &[&str]) -> Fault {
        let Err(mut errors) = read(dir, &found(dir, data)) else {
            panic!("was read");
        };
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0).fault
    }

    #[test]
    fn a_link_out_of_the_directory_is_refused_and_one_inside_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("policies");
        std::fs::create_dir_all(dir.join("..data")).unwrap();
        std::fs::write(dir.join("..data/a.toml"), b"x = 1").unwrap();
        std::fs::write(dir.join("a.wasm"), b"w").unwrap();
        std::fs::write(root.path().join("secret"), b"s").unwrap();
        symlink("..data/a.toml", dir.join("a.toml")).unwrap();
        symlink(root.path().join("secret"), dir.join("a.txt")).unwrap();

        let contents = read(&dir, &found(&dir, &["a.toml"])).ok().unwrap();
        assert_eq!(contents.data[0].bytes, b"x = 1");
        assert_eq!(contents.data[0].media_type, "application/toml");
        assert!(matches!(only_fault(&dir, &["a.txt"]), Fault::Escapes));
    }

    #[test]
    fn a_directory_that_is_swapped_for_a_link_in_time_gives_away_nothing() {
        let around = tempfile::tempdir().unwrap();
        let dir = around.path().join("policies");
        std::fs::create_dir_all(dir.join("a.d")).unwrap();
        std::fs::create_dir(around.path().join("secrets")).unwrap();
        std::fs::write(dir.join("a.wasm"), b"w").unwrap();
        std::fs::write(dir.join("a.d/x"), b"ours").unwrap();
        std::fs::write(around.path().join("secrets/x"), b"theirs").unwrap();
        let link = around.path().join("link");
        symlink(around.path().join("secrets"), &link).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let swap = RenameFlags::EXCHANGE;
                    renameat_with(CWD, &link, CWD, dir.join("a.d"), swap).unwrap();
                }
            });
            let given: Vec<_> = (0..5000)
                .filter_map(|_| read(&dir, &found(&dir, &["a.d/x"])).ok())
                .map(|contents| contents.data[0].bytes.clone())
                .collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(given.iter().all(|bytes| bytes == b"ours"));
        });
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.wasm"), b"w").unwrap();
        let fifo = dir.path().join("a.toml");
        rustix::fs::mknodat(
            CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(matches!(
            only_fault(dir.path(), &["a.toml"]),
            Fault::NotRegular
        ));
        std::fs::create_dir(dir.path().join("a.d")).unwrap();
        assert!(matches!(
            only_fault(dir.path(), &["a.d"]),
            Fault::NotRegular
        ));
    }

    #[test]
    fn the_data_of_a_bundle_is_bounded_together() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.wasm"), b"w").unwrap();
        let half = usize::try_from(MAX_DATA_BYTES / 2).unwrap();
        std::fs::write(dir.path().join("a.1"), vec![0; half]).unwrap();
        std::fs::write(dir.path().join("a.2"), vec![0; half]).unwrap();
        assert!(read(dir.path(), &found(dir.path(), &["a.1", "a.2"])).is_ok());
        std::fs::write(dir.path().join("a.3"), b"1").unwrap();
        assert!(matches!(
            only_fault(dir.path(), &["a.1", "a.2", "a.3"]),
            Fault::TooLarge { .. }
        ));
    }

    #[test]
    fn a_test_file_is_read_as_carefully_as_data_and_changes_no_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tests.toml");
        std::fs::write(dir.path().join("a.wasm"), b"w").unwrap();
        std::fs::write(&path, b"one").unwrap();
        let without = found(dir.path(), &[]);
        let with = Found {
            tests: Some(path.clone()),
            ..found(dir.path(), &[])
        };
        let contents = read(dir.path(), &with).ok().unwrap();
        assert_eq!(contents.tests.as_deref(), Some(&b"one"[..]));
        let bare = read(dir.path(), &without).ok().unwrap();
        assert_eq!((contents.digest, bare.tests), (bare.digest, None));
        std::fs::write(&path, b"other").unwrap();
        assert!(!contents.is_current());

        let fault = |with: &Found| read(dir.path(), with).err().unwrap().remove(0).fault;
        std::fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(matches!(fault(&with), Fault::TooLarge { bound } if bound == 1 << 20));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(fault(&with), Fault::Changing));
        symlink("/etc/hostname", &path).unwrap();
        assert!(matches!(fault(&with), Fault::Escapes));
    }

    #[test]
    fn a_file_replaced_after_it_was_read_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        std::fs::write(&path, b"one").unwrap();
        let contents = read(dir.path(), &found(dir.path(), &[])).ok().unwrap();
        assert!(contents.is_current());
        std::fs::write(dir.path().join("new"), b"two").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(!contents.is_current());
    }

    #[test]
    fn a_file_that_vanished_is_changing_and_a_dangling_link_is_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.wasm"), b"w").unwrap();
        assert!(matches!(
            only_fault(dir.path(), &["a.toml"]),
            Fault::Changing
        ));
        symlink("nowhere", dir.path().join("a.toml")).unwrap();
        assert!(matches!(
            only_fault(dir.path(), &["a.toml"]),
            Fault::Unreadable(_)
        ));
    }

    #[test]
    fn a_file_that_is_being_written_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        std::fs::write(&path, vec![1; 8 << 20]).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::io::Write;
                let mut file = std::fs::OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .unwrap();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"x").unwrap();
                }
            });
            let seen = (0..50).any(|_| {
                matches!(read(dir.path(), &found(dir.path(), &[])), Err(e) if matches!(e[0].fault, Fault::Changing))
            });
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(seen, "no read noticed the writer");
        });
    }

    #[test]
    fn a_bundles_digest_covers_names_and_bytes() {
        let file = |name: &str, bytes: &[u8]| PolicyFile {
            name: name.into(),
            media_type: String::new(),
            bytes: bytes.to_vec(),
        };
        let wasm = Digest::of(b"w");
        let one = digest(&wasm, &[file("ab", b"c")]);
        assert_ne!(one, digest(&wasm, &[file("a", b"bc")]));
        assert_ne!(one, digest(&Digest::of(b"v"), &[file("ab", b"c")]));
    }
}
