//! A sink that cannot write loses nothing in silence: what is lost is counted exactly and
//! recorded, no line is cut, the server does not wait; and with `on_loss = "refuse"` nobody logs
//! in and nothing is changed meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use warden_tests::{Audited, Connection, Line, Scene, eventually, on_both_lines};

on_both_lines!(
    what_does_not_fit_on_a_full_disk_is_counted_exactly,
    nobody_logs_in_and_nothing_changes_while_a_sink_that_refuses_cannot_write,
    a_server_that_is_killed_loses_nothing_older_than_the_flush_window,
    a_server_that_ends_writes_everything_first,
    a_file_that_is_moved_away_is_begun_anew,
);

const KEYS: &str = "events = [\"keys\", \"config\"]\ncommand_result_mode = \"all\"";

/// Lets no file of the server's grow beyond so many bytes.
fn limit_files(audited: &Audited, bytes: Option<u64>) {
    let pid = Pid::from_raw(audited.scene.server.pid().try_into().unwrap());
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).expect("the limit is set");
}

fn what_does_not_fit_on_a_full_disk_is_counted_exactly(line: Line) {
    let audited = Audited::start(line, &format!("{KEYS}\nbuffer_bytes = 1048576"));
    let mut admin = audited.scene.server.admin();
    admin.run("SET first 1").expect_ok();
    audited.wait_for(&[("warden.key", "first")]);
    limit_files(&audited, Some(256 * 1024));
    let value = "x".repeat(900);
    let sent = 6000;
    let slowest = (0..sent)
        .map(|number| {
            let start = Instant::now();
            admin
                .call(["SET", &format!("key:{number}"), &value])
                .expect_ok();
            start.elapsed()
        })
        .max();
    assert!(
        slowest < Some(Duration::from_secs(1)),
        "the server waited: {slowest:?}"
    );
    eventually("the sink says that it cannot write", || {
        (audited.status("state") == "failing").then_some(())
    });
    assert!(!audited.status("last_error").is_empty());
    limit_files(&audited, None);
    let lost = audited.wait_for(&[("event.action", "audit-loss")]);
    let lost: u64 = lost.text("warden.lost").parse().unwrap();
    admin.run("SET last 1").expect_ok();
    audited.wait_for(&[("warden.key", "last")]);
    let records = audited.records();
    let kept = records
        .iter()
        .filter(|record| record.text("warden.key").starts_with("key:"));
    let losses: u64 = records
        .iter()
        .filter(|record| record.is("event.action", "audit-loss"))
        .map(|record| record.text("warden.lost").parse::<u64>().unwrap())
        .sum();
    assert!(lost > 0);
    assert_eq!(kept.count() as u64 + losses, sent);
    assert_eq!(audited.status("dropped"), losses.to_string());
    let numbers: Vec<u64> = records
        .iter()
        .map(|record| record.text("warden.sequence").parse().unwrap())
        .collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
}

fn nobody_logs_in_and_nothing_changes_while_a_sink_that_refuses_cannot_write(line: Line) {
    let builder = Scene::builder(line).module_args(["native_users", "rescue"]);
    let audited = Audited::build(
        "on_loss = \"refuse\"\ncommand_result_mode = \"all\"",
        builder,
    );
    let scene = &audited.scene;
    let mut admin = scene.server.admin();
    admin
        .run("ACL SETUSER rescue on >secret +@all ~*")
        .expect_ok();
    scene.log_in("alice");
    audited.wait_for(&[("event.action", "login"), ("warden.principal", "alice")]);
    let mut queued = scene.server.admin();
    queued.run("MULTI").expect_ok();
    queued.run("CONFIG SET maxmemory 7gb").expect_text("QUEUED");
    limit_files(&audited, Some(64 * 1024));
    let state = |admin: &mut Connection| {
        let info = admin.run("INFO warden").text();
        let sink = info
            .lines()
            .find(|line| line.starts_with("warden_audit_sink_file:"));
        let sink = sink.expect("the sink is in INFO").to_owned();
        ["ok", "failing"]
            .into_iter()
            .find(|state| sink.contains(&format!("state={state},")))
    };
    eventually("the sink cannot write", || {
        (0..100).for_each(|_| drop(admin.call(["LPUSH", "wrong"])));
        (state(&mut admin) == Some("failing")).then_some(())
    });
    let token = scene.token("alice");
    scene
        .server
        .connect()
        .auth("alice", &token)
        .expect_error("TRYAGAIN");
    scene
        .server
        .connect()
        .auth("default", warden_tests::ADMIN_PASSWORD)
        .expect_error("TRYAGAIN");
    for change in [
        "CONFIG SET maxmemory 1gb",
        "config set maxmemory 1gb",
        "ACL SETUSER x on",
        "ACL DELUSER rescue",
        "MODULE LOAD /nowhere",
        "CONFIG REWRITE",
        "ACL LOAD",
    ] {
        admin.run(change).expect_error("TRYAGAIN");
    }
    queued.run("EXEC").expect_error("EXECABORT");
    assert!(!format!("{:?}", admin.run("CONFIG GET maxmemory")).contains("7516192768"));
    // What changes nothing goes on, and so do those who are to mend it.
    admin.run("SET k v").expect_ok();
    assert!(admin.run("CONFIG GET maxmemory").error().is_none());
    assert!(admin.run("ACL LIST").error().is_none());
    let mut rescue = scene.server.connect();
    rescue.auth("rescue", "secret").expect_ok();
    limit_files(&audited, None);
    eventually("the sink writes again", || {
        (state(&mut admin) == Some("ok")).then_some(())
    });
    scene.server.connect().auth("alice", &token).expect_ok();
    admin.run("CONFIG SET maxmemory 1gb").expect_ok();
}

fn a_server_that_is_killed_loses_nothing_older_than_the_flush_window(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = audited.scene.server.admin();
    let mut answered = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        let number = answered.len();
        admin
            .call(["SET", &format!("key:{number}"), "x"])
            .expect_ok();
        answered.push(Instant::now());
    }
    let killed = Instant::now();
    let pid = Pid::from_raw(audited.scene.server.pid().try_into().unwrap());
    kill_process(pid.unwrap(), Signal::KILL).expect("the server is killed");
    // The flush window is a second; the machine may have been busy for another.
    let window = Duration::from_secs(2);
    let older: BTreeSet<String> = answered
        .iter()
        .enumerate()
        .filter(|(_, at)| killed.duration_since(**at) > window)
        .map(|(number, _)| format!("key:{number}"))
        .collect();
    assert!(!older.is_empty());
    let records = audited.records();
    let kept: BTreeSet<String> = records
        .iter()
        .map(|record| record.text("warden.key"))
        .collect();
    let missing: Vec<&String> = older.difference(&kept).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are missing, {:?} first",
        missing.len(),
        older.len(),
        missing.first()
    );
}

fn a_server_that_ends_writes_everything_first(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = audited.scene.server.admin();
    for number in 0..500 {
        admin
            .call(["SET", &format!("key:{number}"), "x"])
            .expect_ok();
    }
    let pid = Pid::from_raw(audited.scene.server.pid().try_into().unwrap());
    kill_process(pid.unwrap(), Signal::TERM).expect("the server is told to end");
    eventually("the last record is written", || {
        let records = audited.records();
        records
            .last()
            .filter(|last| last.is("event.action", "audit-stop"))
            .map(drop)
    });
    let records = audited.records();
    let kept = records
        .iter()
        .filter(|record| record.text("warden.key").starts_with("key:"));
    assert_eq!(kept.count(), 500);
}

fn a_file_that_is_moved_away_is_begun_anew(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = audited.scene.server.admin();
    admin.run("SET one 1").expect_ok();
    audited.wait_for(&[("warden.key", "one")]);
    let moved = audited.path("audit.log.moved");
    fs::rename(&audited.file, &moved).unwrap();
    admin.run("SET two 1").expect_ok();
    audited.wait_for(&[("warden.key", "two")]);
    let mode = fs::metadata(&audited.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let first = audited.records()[0].text("warden.sequence");
    let before = fs::read_to_string(&moved).unwrap().lines().count();
    assert_eq!(first, (before + 1).to_string(), "numbers go on");
    // On command, too.
    fs::rename(&audited.file, audited.path("audit.log.again")).unwrap();
    admin.run("WARDEN.RELOAD");
    eventually("the file is there again", || {
        audited.file.exists().then_some(())
    });
}
