//! `make demo` as its user sees it: it ends well, and it cleans up after itself.
//!
//! The script is run with the parts under test instead of a release build. Its
//! temporary directory is made inside one of ours, so that what it leaves behind
//! is seen.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use warden_tests::parts::{self, Line, workspace};
use warden_tests::patience::within;

/// For the whole demo, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

fn demo(directory: &Path) -> Child {
    // Whoever runs the tests in the background has Ctrl-C ignored, and a shell script
    // could not be told otherwise.
    Command::new("env")
        .arg("--default-signal=INT")
        .arg(workspace().join("scripts/demo"))
        .env("TMPDIR", directory)
        .env("VALKEY_SERVER", Line::V9_1.server())
        .env("WARDEN_CLI", parts::cli())
        .env("WARDEN_MODULE", parts::module())
        .env("WARDEN_POLICIES", parts::policies())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/demo starts")
}

/// Processes whose command line names this directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc can be listed");
    let lines = entries.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&*directory.to_string_lossy()))
        .collect()
}

#[track_caller]
fn expect_nothing_left(directory: &Path) {
    let gone = within(Duration::from_secs(10), || {
        processes_of(directory).is_empty().then_some(())
    });
    assert!(
        gone.is_some(),
        "still running: {:?}",
        processes_of(directory)
    );
    let left: Vec<_> = fs::read_dir(directory)
        .expect("the directory is there")
        .flatten()
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_demo_gets_every_reply_it_expects_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut demo = demo(directory.path());
    let mut shown = String::new();
    let mut complaints = String::new();
    demo.stdout
        .take()
        .expect("piped")
        .read_to_string(&mut shown)
        .expect("text");
    demo.stderr
        .take()
        .expect("piped")
        .read_to_string(&mut complaints)
        .expect("text");
    let status = demo.wait().expect("the demo ends");
    assert!(status.success(), "{status}\n{shown}\n{complaints}");
    assert!(
        shown.ends_with("All replies were as expected.\n"),
        "{shown}"
    );
    expect_nothing_left(directory.path());
}

#[test]
fn ctrl_c_ends_the_demo_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut demo = demo(directory.path());
    let mut lines = BufReader::new(demo.stdout.take().expect("piped")).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.starts_with("alice>")))
        .expect("the demo comes to its first command")
        .expect("text");
    let process = Pid::from_child(&demo);
    kill_process(process, Signal::INT).expect("the demo is running");
    let status = within(LIMIT, || {
        demo.try_wait().expect("the demo can be waited for")
    });
    assert!(status.is_some_and(|status| !status.success()), "{status:?}");
    expect_nothing_left(directory.path());
}
