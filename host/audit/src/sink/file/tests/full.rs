//! A disk without room, a bound on the size of files, a directory nobody may write to.
//!
//! Each is tried in a process of its own: this test binary again, told by a variable what to
//! do.

use super::*;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

const PART: &str = "WARDEN_TEST_FULL_PART";

/// Runs a test of this binary again behind these words.
fn again(words: &[&str], test: &str, directory: &Path) -> Output {
    let name = format!("sink::file::tests::full::{test}");
    let (program, arguments) = words.split_first().unwrap();
    Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(PART, directory)
        .output()
        .unwrap()
}

#[track_caller]
fn passed(run: &Output) {
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && out.contains("1 passed"), "{run:?}");
}

fn part() -> Option<PathBuf> {
    std::env::var_os(PART).map(PathBuf::from)
}

/// Writes until it is refused; then all that was taken is there, whole, and nothing else.
/// What was not taken.
#[track_caller]
fn fill(place: &mut Place, sink: &mut FileSink, kind: io::ErrorKind, words: &str) -> Vec<u8> {
    for _ in 0..10_000 {
        let before = place.sequence;
        let lines = place.lines(7);
        let Err(refused) = sink.write(&lines, &[]) else {
            continue;
        };
        assert_eq!(refused.why.kind(), kind, "{}", refused.why);
        let text = refused.why.to_string();
        assert!(text.contains("audit.log") && text.contains(words), "{text}");
        let taken = &lines[..refused.taken];
        assert!(taken.is_empty() || taken.ends_with(b"\n"));
        let count = taken.iter().filter(|&&byte| byte == b'\n').count();
        let last = before + u64::try_from(count).unwrap();
        assert_eq!(place.numbers("audit.log"), (1..=last).collect::<Vec<u64>>());
        return lines[refused.taken..].to_vec();
    }
    panic!("there was always room");
}

#[test]
fn at_the_bound_of_file_sizes_whole_lines_stay_where_the_signal_is_blocked() {
    if part().is_some() {
        let mut place = Place::new();
        let (mut sink, _) = place.open();
        let kind = io::ErrorKind::FileTooLarge;
        let rest = fill(&mut place, &mut sink, kind, "rotate_bytes");
        // Again, and nothing changes.
        let before = fs::read(place.path()).unwrap();
        assert!(before.len() <= 10_000 && before.len() > 9_000);
        assert_eq!(sink.write(&rest, &[]).unwrap_err().taken, 0);
        assert_eq!(fs::read(place.path()).unwrap(), before);
        // There is room in another file, and nothing is missing.
        sink.rotate().unwrap();
        sink.write(&rest, &[]).unwrap();
        assert_eq!(place.numbers("audit.log").last(), Some(&place.sequence));
        return;
    }
    let test = "at_the_bound_of_file_sizes_whole_lines_stay_where_the_signal_is_blocked";
    let root = tempfile::tempdir().unwrap();
    for way in ["--block-signal=XFSZ", "--ignore-signal=XFSZ"] {
        let words = ["env", way, "prlimit", "--fsize=10000"];
        passed(&again(&words, test, root.path()));
    }
    // A thread that does neither ends its process.
    let words = ["env", "--default-signal=XFSZ", "prlimit", "--fsize=10000"];
    let run = again(&words, test, root.path());
    assert_eq!(run.status.signal(), Some(25), "SIGXFSZ");
}

#[test]
fn on_a_full_disk_whole_lines_stay_and_the_rest_is_written_when_there_is_room() {
    if let Some(directory) = part() {
        let mut place = Place::new();
        place.root = TempDir::new_in(&directory).unwrap();
        place.settings.path = place.beside("audit.log");
        let ballast = place.beside("ballast");
        fs::write(&ballast, [0; 16_384]).unwrap();
        let (mut sink, _) = place.open();
        let kind = io::ErrorKind::StorageFull;
        let rest = fill(&mut place, &mut sink, kind, "free space");
        fs::remove_file(&ballast).unwrap();
        sink.write(&rest, &[]).unwrap();
        let all = (1..=place.sequence).collect::<Vec<u64>>();
        assert_eq!(place.numbers("audit.log"), all);
        return;
    }
    let test = "on_a_full_disk_whole_lines_stay_and_the_rest_is_written_when_there_is_room";
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can mount a small file system: not tested");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k none \"$0\" && exec \"$@\"";
    let place = root.path().to_str().unwrap();
    let words = ["unshare", "-m", "sh", "-c", script, place];
    passed(&again(&words, test, root.path()));
}

#[test]
fn in_a_directory_nobody_may_write_to_the_file_is_written_on_to() {
    if let Some(directory) = part() {
        let mut place = Place::new();
        place.settings.path = directory.join("none.log");
        let error = FileSink::open(&place.settings, Format::Text, true).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cannot be made"), "{text}");
        assert!(text.contains("let the server's user write"), "{text}");
        place.settings.path = directory.join("audit.log");
        place.settings.rotate_bytes = 500;
        let (mut sink, _) = place.open();
        sink.write(&place.lines(20), &[]).unwrap();
        let trouble = sink.trouble().unwrap();
        assert!(trouble.contains("cannot be renamed"), "{trouble}");
        return;
    }
    let test = "in_a_directory_nobody_may_write_to_the_file_is_written_on_to";
    let mut place = Place::new();
    drop(place.open());
    let is_root = rustix::process::geteuid().is_root();
    let nobody = is_root.then_some(65_534);
    std::os::unix::fs::chown(place.path(), nobody, nobody).unwrap();
    fs::set_permissions(place.root.path(), Permissions::from_mode(0o555)).unwrap();
    let words: &[&str] = match is_root {
        true => &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ],
        false => &["env"],
    };
    let run = again(words, test, place.root.path());
    fs::set_permissions(place.root.path(), Permissions::from_mode(0o755)).unwrap();
    passed(&run);
    assert_eq!(place.numbers("audit.log"), (1..=20).collect::<Vec<u64>>());
}
