//! A sink that cannot write loses nothing in silence: what is lost is counted exactly and
//! recorded, no line is cut, the server does not wait; and with `on_loss = "refuse"` nobody logs
//! in and nothing is changed meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use warden_tests::{
    AuditRecord, Audited, Authority, Connection, Line, Scene, eventually, on_both_lines,
};

on_both_lines!(
    what_does_not_fit_on_a_full_disk_is_counted_exactly,
    nobody_logs_in_and_nothing_changes_while_a_sink_that_refuses_cannot_write,
    a_change_under_another_name_is_refused_all_the_same,
    a_replica_follows_its_primary_while_its_sink_cannot_write,
    a_server_that_is_killed_loses_nothing_older_than_the_flush_window,
    a_server_that_ends_writes_everything_first,
    what_a_server_could_not_write_at_its_end_is_recorded_at_the_next_start,
    records_are_written_as_soon_as_there_are_enough,
    a_log_in_by_certificate_alone_is_recorded_and_refused_while_it_could_not_be,
    a_file_that_is_moved_away_is_begun_anew,
    what_happens_while_a_sink_gives_way_to_another_is_in_one_of_them,
    a_sink_that_gave_way_just_before_the_end_writes_everything,
);

const KEYS: &str = "events = [\"keys\", \"config\"]\ncommand_result_mode = \"all\"";

/// Sets `key:0` and so on.
fn set_many(admin: &mut Connection, count: usize) {
    for number in 0..count {
        admin
            .call(["SET", &format!("key:{number}"), "x"])
            .expect_ok();
    }
}

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
    // And while nobody watched.
    let mut unwatched = scene.server.admin();
    unwatched.run("MULTI").expect_ok();
    admin.run("CONFIG SET warden.audit_enabled no").expect_ok();
    // In force with the next slice.
    std::thread::sleep(Duration::from_millis(500));
    unwatched
        .run("CONFIG SET maxmemory 7gb")
        .expect_text("QUEUED");
    admin.run("CONFIG SET warden.audit_enabled yes").expect_ok();
    limit_files(&audited, Some(64 * 1024));
    eventually("the sink cannot write", || {
        (0..100).for_each(|_| drop(admin.call(["LPUSH", "wrong"])));
        (Audited::status_by(&mut admin, "state") == "failing").then_some(())
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
    // To begin it once more begins nothing.
    unwatched.run("MULTI").expect_error("ERR");
    unwatched.run("EXEC").expect_error("EXECABORT");
    assert!(!format!("{:?}", admin.run("CONFIG GET maxmemory")).contains("7516192768"));
    // What changes nothing goes on, and so do those who are to mend it.
    admin.run("SET k v").expect_ok();
    assert!(admin.run("CONFIG GET maxmemory").error().is_none());
    assert!(admin.run("ACL LIST").error().is_none());
    let mut rescue = scene.server.connect();
    rescue.auth("rescue", "secret").expect_ok();
    limit_files(&audited, None);
    eventually("the sink writes again", || {
        (Audited::status_by(&mut admin, "state") == "ok").then_some(())
    });
    scene.server.connect().auth("alice", &token).expect_ok();
    admin.run("CONFIG SET maxmemory 1gb").expect_ok();
    // What was refused is recorded where there is room again.
    let refused = audited.wait_for(&[
        ("warden.command", "config|set"),
        ("event.outcome", "failure"),
        ("warden.arguments", r#"["maxmemory","1gb"]"#),
    ]);
    assert!(refused.text("error.message").contains("TRYAGAIN"));
    let records = audited.records_so_far();
    let of = |name: &str| {
        let found = records.iter().filter(|one| one.is("warden.command", name));
        found.count()
    };
    assert_eq!(of("exec"), 2, "each once");
    assert_eq!(of("warden.refused"), 0);
}

/// What a primary sends has happened: it is neither refused nor replaced.
fn a_replica_follows_its_primary_while_its_sink_cannot_write(line: Line) {
    let builder = || {
        Scene::builder(line).config([
            ("masterauth", warden_tests::ADMIN_PASSWORD),
            ("repl-diskless-sync-delay", "0"),
            ("rename-command FLUSHALL", "fa"),
            ("rename-command FCALL", "call"),
        ])
    };
    let primary = builder().start();
    let lines = "on_loss = \"refuse\"\ncommand_result_mode = \"all\"";
    let replica = Audited::build(lines, builder());
    let mut here = primary.server.admin();
    let mut there = replica.scene.server.admin();
    here.run("SET first 1").expect_ok();
    let port = primary.server.address().port().to_string();
    there.call(["REPLICAOF", "127.0.0.1", &port]).expect_ok();
    eventually("the replica has what the primary has", || {
        (there.run("DBSIZE").number() == 1).then_some(())
    });
    limit_files(&replica, Some(16 * 1024));
    eventually("the sink cannot write", || {
        (0..100).for_each(|_| drop(there.run("GET first")));
        (Audited::status_by(&mut there, "state") == "failing").then_some(())
    });
    there.run("fa").expect_error("TRYAGAIN");
    here.run("fa").expect_ok();
    eventually("the replica has nothing either", || {
        (there.run("DBSIZE").number() == 0).then_some(())
    });
    limit_files(&replica, None);
}

fn a_change_under_another_name_is_refused_all_the_same(line: Line) {
    let builder = Scene::builder(line).config([("rename-command CONFIG", "cfg")]);
    let lines = "on_loss = \"refuse\"\ncommand_result_mode = \"all\"";
    let audited = Audited::build(lines, builder);
    let mut admin = audited.scene.server.admin();
    admin.run("CFG SET maxmemory 2gb").expect_ok();
    limit_files(&audited, Some(64 * 1024));
    eventually("the sink cannot write", || {
        (0..100).for_each(|_| drop(admin.run("CFG GET maxmemory")));
        (Audited::status_by(&mut admin, "state") == "failing").then_some(())
    });
    admin.run("CFG SET maxmemory 1gb").expect_error("TRYAGAIN");
    limit_files(&audited, None);
    eventually("the sink writes again", || {
        (Audited::status_by(&mut admin, "state") == "ok").then_some(())
    });
    admin.run("CFG SET maxmemory 1gb").expect_ok();
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
    set_many(&mut admin, 500);
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

fn what_a_server_could_not_write_at_its_end_is_recorded_at_the_next_start(line: Line) {
    let audited = Audited::start(line, KEYS);
    let server = &audited.scene.server;
    let mut admin = server.admin();
    admin.run("SET first 1").expect_ok();
    audited.wait_for(&[("warden.key", "first")]);
    limit_files(&audited, Some(64 * 1024));
    let value = "x".repeat(900);
    for number in 0..100 {
        admin
            .call(["SET", &format!("key:{number}"), &value])
            .expect_ok();
    }
    eventually("the sink says that it cannot write", || {
        (audited.status("state") == "failing").then_some(())
    });
    let before = audited.records().len();
    let kept = audited.records();
    let kept = kept
        .iter()
        .filter(|record| record.text("warden.key").starts_with("key:"));
    let missing = 100 - kept.count() as u64;
    // With everything it is stopped by.
    server.restart();
    let start = eventually("the sink begins again", || {
        let records = audited.records();
        let mut starts = records.into_iter().skip(before);
        starts.find(|record| record.is("event.action", "audit-start"))
    });
    assert!(start.is("warden.resumed", "true"));
    let loss = audited.wait_for(&[
        ("event.action", "audit-loss"),
        ("event.reason", "not written before the end"),
    ]);
    let lost: u64 = loss.text("warden.lost").parse().unwrap();
    // And what its end brought with it.
    assert!(
        missing > 0 && (missing..missing + 10).contains(&lost),
        "{lost}"
    );
    let log = server.log();
    let told = format!("{lost} records were not written before its end; the next start records");
    assert!(log.contains(&told), "{log}");
    // Once.
    server.restart();
    audited.records_so_far();
    let losses = |audited: &Audited| {
        let records = audited.records();
        let is_loss = |record: &&AuditRecord| record.is("event.action", "audit-loss");
        records.iter().filter(is_loss).count()
    };
    assert_eq!(losses(&audited), 1);
    // Also where the sink's file has another name by then.
    let renamed = audited.sinks.path().join("20-other.toml");
    fs::rename(audited.sinks.path().join("10-file.toml"), renamed).unwrap();
    server.admin().run("WARDEN.RELOAD");
    eventually("it has its name", || {
        let info = server.admin().run("INFO warden").text();
        info.contains("warden_audit_sink_other:").then_some(())
    });
    limit_files(
        &audited,
        Some(audited.file.metadata().unwrap().len().max(64 * 1024)),
    );
    let mut admin = server.admin();
    for number in 0..100 {
        admin
            .call(["SET", &format!("more:{number}"), &value])
            .expect_ok();
    }
    server.restart();
    eventually("it is told", || (losses(&audited) == 2).then_some(()));
}

fn records_are_written_as_soon_as_there_are_enough(line: Line) {
    let lines = "flush_interval_seconds = 3600\nflush_threshold_bytes = 10000";
    let file = |audited: &Audited| audited.file.metadata().map_or(0, |found| found.len());
    let audited = Audited::start(line, KEYS);
    // Without the interval that the scene gives its sink.
    audited.sinks.replace(
        "10-file.toml",
        format!(
            "type = \"file\"\npath = {:?}\nformat = \"json\"\n{KEYS}\n{lines}\n",
            audited.file
        ),
    );
    audited.scene.server.admin().run("WARDEN.RELOAD");
    let mut admin = audited.scene.server.admin();
    let before = file(&audited);
    let value = "x".repeat(500);
    for number in 0..10 {
        admin
            .call(["SET", &format!("few:{number}"), &value])
            .expect_ok();
    }
    for number in 0..40 {
        admin
            .call(["SET", &format!("many:{number}"), &value])
            .expect_ok();
    }
    eventually("they are written long before the interval is over", || {
        (file(&audited) > before + 10_000).then_some(())
    });
}

/// 8.0 has no `tls-auth-clients-user`.
fn a_log_in_by_certificate_alone_is_recorded_and_refused_while_it_could_not_be(line: Line) {
    if line == Line::V8_0 {
        return;
    }
    let authority = Authority::new("ca");
    let builder = Scene::builder(line)
        .server(|server| {
            server
                .tls(&authority)
                .config([("tls-auth-clients-user", "CN")])
        })
        .module_args(["native_users", "rescue"]);
    let lines = "events = [\"auth\", \"config\"]\non_loss = \"refuse\"";
    let audited = Audited::build(lines, builder);
    let server = &audited.scene.server;
    let mut admin = server.admin();
    for user in ["machine", "rescue"] {
        admin
            .run(&format!("ACL SETUSER {user} on nopass +acl|whoami"))
            .expect_ok();
    }
    let machine = authority.client("machine");
    let mut client = server.connect_tls(Some(&machine));
    assert_eq!(client.run("ACL WHOAMI").text(), "machine");
    let log_in = [
        ("event.action", "login"),
        ("user.name", "machine"),
        ("warden.method", "certificate"),
    ];
    assert!(audited.wait_for(&log_in).is("event.outcome", "success"));
    limit_files(&audited, Some(64 * 1024));
    eventually("the sink cannot write", || {
        (0..100).for_each(|_| drop(admin.run("CONFIG GET maxmemory")));
        (Audited::status_by(&mut admin, "state") == "failing").then_some(())
    });
    let is_in = |name: &str| {
        let identity = authority.client(name);
        let Ok(mut client) = server.try_connect_tls(Some(&identity)) else {
            return false;
        };
        let is_sent = client.try_send(["ACL", "WHOAMI"]).is_ok();
        let reply = client.receive_within(Duration::from_secs(10));
        is_sent && reply.is_ok_and(|reply| reply.text() == name)
    };
    assert!(!is_in("machine"));
    assert!(is_in("rescue"));
    limit_files(&audited, None);
    eventually("the sink writes again", || {
        (Audited::status_by(&mut admin, "state") == "ok").then_some(())
    });
    assert!(is_in("machine"));
    let refused = [
        ("event.action", "login"),
        ("event.outcome", "failure"),
        ("warden.method", "certificate"),
    ];
    let refused = audited.wait_for(&refused);
    assert!(refused.text("event.reason").contains("cannot write"));
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

/// Another sink in the place of the only one, in another file.
fn give_way(audited: &Audited) -> std::path::PathBuf {
    let other = audited.path("other.log");
    let text = format!("type = \"file\"\nformat = \"json\"\npath = {other:?}\n{KEYS}\n");
    audited.sinks.replace("20-other.toml", text);
    fs::remove_file(audited.sinks.path().join("10-file.toml")).expect("it is taken out");
    other
}

fn keys(path: &std::path::Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let keys = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("\"warden.key\":\"key:")?;
        Some(rest.split_once('"')?.0.to_owned())
    });
    keys.collect()
}

fn what_happens_while_a_sink_gives_way_to_another_is_in_one_of_them(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = audited.scene.server.admin();
    let mut sent = BTreeSet::new();
    let mut set = |admin: &mut Connection| {
        let number = sent.len();
        admin
            .call(["SET", &format!("key:{number}"), "x"])
            .expect_ok();
        sent.insert(number.to_string());
    };
    (0..100).for_each(|_| set(&mut admin));
    let other = give_way(&audited);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) || keys(&other).is_empty() {
        set(&mut admin);
    }
    eventually("every command is in one of the files", || {
        let mut kept = keys(&audited.file);
        kept.extend(keys(&other));
        (kept == sent).then_some(())
    });
}

fn a_sink_that_gave_way_just_before_the_end_writes_everything(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = audited.scene.server.admin();
    set_many(&mut admin, 500);
    give_way(&audited);
    admin.send(["WARDEN.RELOAD"]);
    let pid = Pid::from_raw(audited.scene.server.pid().try_into().unwrap());
    kill_process(pid.unwrap(), Signal::TERM).expect("the server is told to end");
    eventually("all of them are written", || {
        (keys(&audited.file).len() == 500).then_some(())
    });
}
