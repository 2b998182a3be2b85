//! What the keys of a sink's file do on a server: which commands and clients are recorded, how
//! much of arguments is shown, when what was written lasts, and what comes of a place that
//! cannot be written to.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use warden_tests::{
    AuditRecord, Audited, Connection, Line, Scene, ServerBuilder, eventually, on_both_lines,
};

on_both_lines!(
    commands_are_left_out_by_name_and_by_the_beginning_of_their_names,
    a_category_of_ones_own_is_recorded_without_the_rest_of_its_commands_category,
    each_sink_shows_as_much_of_arguments_as_its_file_says,
    settings_are_recorded_whatever_is_left_out_where_a_sink_always_wants_them,
    clients_are_left_out_by_network_and_by_user_and_address,
    what_was_written_is_there_after_a_kill_however_often_it_is_made_to_last,
    a_link_in_the_place_of_a_file_is_named_and_what_waits_is_written_once_it_is_gone,
    a_file_that_became_a_link_is_named_and_what_waits_is_written_once_it_is_gone,
    what_does_not_fit_while_a_directory_is_read_only_is_counted_exactly,
);

const EVERYTHING: &str = "command_result_mode = \"all\"";

/// Whether there is a record with these fields.
fn has(records: &[AuditRecord], fields: &[(&str, &str)]) -> bool {
    records.iter().any(|record| record.has(fields))
}

fn has_command(records: &[AuditRecord], name: &str) -> bool {
    has(records, &[("warden.command", name)])
}

/// Every whole line of another sink's file.
fn records_in(path: &Path) -> Vec<AuditRecord> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let records = whole.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        AuditRecord(value)
    });
    records.collect()
}

/// The keys in it that begin so.
fn keys_in(records: &[AuditRecord], start: &str) -> BTreeSet<String> {
    let keys = records.iter().map(|record| record.text("warden.key"));
    keys.filter(|key| key.starts_with(start)).collect()
}

/// The file of a sink beside `file` that writes JSON to this path.
fn sink(path: &Path, lines: &str) -> String {
    format!(
        "type = \"file\"\npath = {path:?}\nformat = \"json\"\nflush_interval_seconds = 1\n{lines}\n"
    )
}

/// A place for the files of such sinks.
fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn status_line(admin: &mut Connection, name: &str) -> Option<String> {
    let info = admin.run("INFO warden").text();
    let prefix = format!("warden_audit_sink_{name}:");
    let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
    line.map(str::to_owned)
}

/// A field of what INFO says of a sink.
fn status(audited: &Audited, name: &str, field: &str) -> String {
    let line = status_line(&mut audited.scene.server.admin(), name).expect("the sink is in INFO");
    // A text may have commas in it, and is the last.
    let start = format!("{field}=");
    let found = line.split(',').find_map(|pair| pair.strip_prefix(&start));
    found
        .unwrap_or_else(|| panic!("no {field} in {line}"))
        .to_owned()
}

fn wait_for_state(audited: &Audited, name: &str, state: &str) {
    eventually(state, || {
        (status(audited, name, "state") == state).then_some(())
    });
}

fn commands_are_left_out_by_name_and_by_the_beginning_of_their_names(line: Line) {
    let lines = "exclude_commands = [\"SET\", \"object\", \"config|resetstat\"]\n\
        prefix_filter = [\"!h*\", \"!client|get*\"]";
    let audited = Audited::start(line, &format!("{EVERYTHING}\n{lines}"));
    let mut admin = audited.scene.server.admin();
    for command in [
        "SET left:out 1",
        "set left:out 1",
        "SETEX kept 100 1",
        "OBJECT ENCODING kept",
        "HSET left:out:too field 1",
        "hget left:out:too field",
        "CLIENT GETNAME",
        "CLIENT SETNAME me",
        "CONFIG RESETSTAT",
        "CONFIG GET maxmemory",
    ] {
        let reply = admin.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
    }
    // However it ends.
    admin.run("HGET kept field").expect_error("WRONGTYPE");
    let records = audited.records_so_far();
    for name in ["setex", "client|setname", "config|get"] {
        assert!(has_command(&records, name), "{name}");
    }
    for name in [
        "set",
        "object|encoding",
        "hset",
        "hget",
        "client|getname",
        "config|resetstat",
    ] {
        assert!(!has_command(&records, name), "{name}");
    }
}

fn a_category_of_ones_own_is_recorded_without_the_rest_of_its_commands_category(line: Line) {
    let own = "[custom_category]\nown = [\"swapdb\", \"GETDEL\", \"object\", \"echo\"]\nother_own = [\"get\"]";
    let lines = |rest: &str| {
        format!("events = [\"config\", \"own\"]\nexclude_commands = [\"echo\"]\n{rest}\n{own}")
    };
    // A category that nothing asks for is a fault.
    let audited = Audited::start(line, "events = [\"config\"]");
    audited.change(&lines(EVERYTHING));
    let mut admin = audited.scene.server.admin();
    let error = eventually("the fault is told", || {
        let info = admin.run("INFO warden").text();
        let error = info
            .lines()
            .find_map(|line| line.strip_prefix("warden_audit_error:"))?;
        (!error.is_empty()).then(|| error.to_owned())
    });
    assert!(error.contains("other_own"), "{error}");
    let own = lines(EVERYTHING).replace("other_own = [\"get\"]", "");
    audited.change(&own);
    let send = |admin: &mut Connection, key: &str| {
        for command in ["SET", "GET", "GETDEL"] {
            let value = (command == "SET").then_some("1");
            let words = [command, key].into_iter().chain(value);
            assert!(admin.call(words).error().is_none());
        }
        admin.run("SWAPDB 0 0").expect_ok();
        admin.run("OBJECT HELP");
        admin.run("ECHO unwanted");
    };
    eventually("the change is in force", || {
        send(&mut admin, "own:1");
        has_command(&audited.records_so_far(), "getdel").then_some(())
    });
    let records = audited.records_so_far();
    // Each in the category that it has anyway.
    for (name, category) in [
        ("getdel", "keys"),
        ("swapdb", "other"),
        ("object|help", "other"),
    ] {
        let fields = [("warden.command", name), ("warden.category", category)];
        assert!(has(&records, &fields), "{name}");
    }
    for name in ["set", "get", "echo"] {
        assert!(!has_command(&records, name), "{name}");
    }
    // What succeeds is of no interest to a sink of failures, and a failure is.
    audited.change(&own.replace(EVERYTHING, "command_result_mode = \"failures\""));
    eventually("the change is in force", || {
        let before = audited.records_so_far().len();
        send(&mut admin, "own:2");
        let after = audited.records_so_far();
        (!has_command(&after[before..], "getdel")).then_some(())
    });
    admin.run("LPUSH own:list 1");
    admin.run("GETDEL own:list").expect_error("WRONGTYPE");
    let records = audited.records_so_far();
    let failed = [
        ("warden.command", "getdel"),
        ("event.outcome", "failure"),
        ("warden.key", "own:list"),
    ];
    assert_eq!(has(&records, &failed), line == Line::V9_1);
}

fn each_sink_shows_as_much_of_arguments_as_its_file_says(line: Line) {
    let place = place();
    let [short, none] = ["short", "none"].map(|name| place.path().join(name));
    let some = sink(&short, &format!("{EVERYTHING}\npayload_maxsize = 10"));
    let nothing = sink(&none, &format!("{EVERYTHING}\npayload_disable = true"));
    let others = [("short", some.as_str()), ("none", &nothing)];
    let audited = Audited::build_beside(EVERYTHING, &others, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    admin.run("SET shown abcdefghijklmno EX 60").expect_ok();
    admin.run("ECHO not:shown");
    admin.run("CONFIG SET maxmemory 123456789").expect_ok();
    admin.run("SET last 1").expect_ok();
    let wait = |path: &Path| {
        eventually("all of it is written", || {
            let records = records_in(path);
            has(&records, &[("warden.key", "last")]).then_some(records)
        })
    };
    let find = |records: &[AuditRecord], name: &str| {
        let mut found = records
            .iter()
            .filter(|record| record.is("warden.command", name));
        let found = found.next().unwrap_or_else(|| panic!("no {name}"));
        let fields = ["warden.arguments", "warden.arguments_left_out"];
        (
            found.text("warden.key"),
            fields.map(|field| found.text(field)),
        )
    };
    for (path, set, echo, config) in [
        (
            audited.file.as_path(),
            [r#"["abcdefghijklmno","EX","60"]"#, ""],
            [r#"["(redacted)"]"#, ""],
            [r#"["maxmemory","123456789"]"#, ""],
        ),
        (
            &short,
            [r#"["(cut:15)abcdefghij"]"#, "2"],
            [r#"["(redacted)"]"#, ""],
            [r#"["maxmemory","(cut:9)1"]"#, ""],
        ),
        (&none, ["", "3"], ["", "1"], ["", "2"]),
    ] {
        let records = wait(path);
        let expected = ("shown".to_owned(), set.map(str::to_owned));
        assert_eq!(find(&records, "set"), expected, "{path:?}");
        for (name, arguments) in [("echo", echo), ("config|set", config)] {
            assert_eq!(find(&records, name).1, arguments, "{name} in {path:?}");
        }
    }
}

fn settings_are_recorded_whatever_is_left_out_where_a_sink_always_wants_them(line: Line) {
    for (always, chosen) in [
        (
            true,
            "exclude_commands = [\"config\"]\nprefix_filter = [\"!conf*\"]",
        ),
        (true, "events = \"none\""),
        (
            false,
            "exclude_commands = [\"config\"]\nprefix_filter = [\"!conf*\"]",
        ),
        (false, "events = \"none\""),
    ] {
        let lines = format!("{EVERYTHING}\nalways_audit_config = {always}\n{chosen}");
        // Who tells that everything before was written.
        let place = place();
        let all = place.path().join("all");
        let others = [("all", &*sink(&all, EVERYTHING))];
        let audited = Audited::build_beside(&lines, &others, Scene::builder(line));
        let mut admin = audited.scene.server.admin();
        admin.run("SET key 1").expect_ok();
        admin.run("CONFIG SET maxmemory 50mb").expect_ok();
        admin.run("CONFIG GET maxmemory");
        admin.run("SET last 1").expect_ok();
        eventually("all of it is written", || {
            has(&records_in(&all), &[("warden.key", "last")]).then_some(())
        });
        // The last word of a sink comes behind all else.
        audited.sinks.remove("10-file.toml");
        let records = eventually("the sink ends", || {
            let records = audited.records();
            has(&records, &[("event.action", "audit-stop")]).then_some(records)
        });
        for name in ["config|set", "config|get"] {
            assert_eq!(has_command(&records, name), always, "{chosen}: {name}");
        }
        let change = [
            ("warden.setting", "maxmemory"),
            ("warden.after", "52428800"),
        ];
        // Commands are excluded, and a change is none.
        let is_told = always || !chosen.contains("none");
        assert_eq!(has(&records, &change), is_told, "{chosen}");
        let has_keys = !chosen.contains("none");
        let key = [("warden.key", "key")];
        assert_eq!(has(&records, &key), has_keys, "{chosen}");
    }
}

fn clients_are_left_out_by_network_and_by_user_and_address(line: Line) {
    let exclude =
        "exclude = [\"@127.0.0.64/26\", \"bob@127.0.0.9\", \"bob@127.0.0.16/30\", \"gone\"]";
    let audited = Audited::start(line, &format!("{EVERYTHING}\n{exclude}"));
    let server = &audited.scene.server;
    let mut admin = server.admin();
    for user in ["bob", "eve", "gone"] {
        let rules = format!("ACL SETUSER {user} on >secret ~* +@all");
        admin.run(&rules).expect_ok();
    }
    let cases = [
        ("bob", 1, true),
        ("bob", 9, false),
        ("bob", 10, true),
        ("bob", 15, true),
        ("bob", 16, false),
        ("bob", 19, false),
        ("bob", 20, true),
        ("bob", 63, true),
        ("bob", 64, false),
        ("bob", 127, false),
        ("bob", 128, true),
        ("eve", 9, true),
        ("eve", 17, true),
        ("eve", 100, false),
        ("gone", 1, false),
        ("gone", 100, false),
    ];
    for (user, last, _) in cases {
        let mut client = server.connect_from(last);
        client.auth(user, "secret").expect_ok();
        let key = format!("{user}:{last}");
        client.call(["SET", &key, "1"]).expect_ok();
    }
    // One who becomes another is left out as that other, and not before.
    let mut client = server.connect_from(9);
    for (user, key) in [("eve", "before"), ("bob", "between"), ("eve", "after")] {
        client.auth(user, "secret").expect_ok();
        client.call(["SET", key, "1"]).expect_ok();
    }
    let records = audited.records_so_far();
    for (user, last, is_wanted) in cases {
        let key = format!("{user}:{last}");
        let address = format!("127.0.0.{last}");
        let fields = [
            ("warden.key", key.as_str()),
            ("user.name", user),
            ("source.ip", &address),
        ];
        assert_eq!(has(&records, &fields), is_wanted, "{key}");
    }
    for (key, is_wanted) in [("before", true), ("between", false), ("after", true)] {
        assert_eq!(has(&records, &[("warden.key", key)]), is_wanted, "{key}");
    }
}

fn what_was_written_is_there_after_a_kill_however_often_it_is_made_to_last(line: Line) {
    for fsync in ["never", "always"] {
        let lines = format!("events = [\"keys\", \"config\"]\n{EVERYTHING}\nfsync = \"{fsync}\"");
        let audited = Audited::start(line, &lines);
        let server = &audited.scene.server;
        let mut admin = server.admin();
        let value = "x".repeat(200);
        for number in 0..2000 {
            let key = format!("key:{number:04}");
            admin.call(["SET", &key, &value]).expect_ok();
        }
        audited.records_so_far();
        assert_eq!(audited.status("state"), "ok", "{fsync}");
        assert_eq!(audited.status("dropped"), "0", "{fsync}");
        server.kill_and_restart();
        server.admin().run("SET again 1").expect_ok();
        audited.wait_for(&[("warden.key", "again")]);
        let records = audited.records();
        assert_eq!(keys_in(&records, "key:").len(), 2000, "{fsync}");
        let numbers: Vec<u64> = records
            .iter()
            .map(|record| record.text("warden.sequence").parse().unwrap())
            .collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
    }
}

/// Of `file`, where another sink is looked at.
const CONFIG: &str = "events = [\"config\"]";

const KEYS: &str = "events = [\"keys\"]\ncommand_result_mode = \"all\"";

/// Records of `keys` for a sink that cannot write, and what INFO and the log say of it.
fn told_of(audited: &Audited, name: &str, path: &Path, what: &str) {
    wait_for_state(audited, name, "failing");
    let error = status(audited, name, "last_error");
    let place = path.display().to_string();
    assert!(error.contains(&place) && error.contains(what), "{error}");
    let line = format!("audit sink {name}: cannot write: ");
    let log = audited.scene.server.log();
    let told: Vec<&str> = log.lines().filter(|one| one.contains(&line)).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains(&place) && told[0].contains(what), "{log}");
}

fn a_link_in_the_place_of_a_file_is_named_and_what_waits_is_written_once_it_is_gone(line: Line) {
    let place = place();
    let [linked, target] = ["linked", "target"].map(|name| place.path().join(name));
    fs::write(&target, "of somebody else\n").unwrap();
    symlink(&target, &linked).unwrap();
    let others = [("linked", &*sink(&linked, KEYS))];
    let audited = Audited::build_beside(CONFIG, &others, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    for number in 0..100 {
        admin.run(&format!("SET key:{number} 1")).expect_ok();
    }
    told_of(&audited, "linked", &linked, "is a symbolic link");
    assert_eq!(fs::read_to_string(&target).unwrap(), "of somebody else\n");
    fs::remove_file(&linked).unwrap();
    wait_for_state(&audited, "linked", "ok");
    let records = eventually("all of it is written", || {
        let records = records_in(&linked);
        (keys_in(&records, "key:").len() == 100).then_some(records)
    });
    assert!(!has(&records, &[("event.action", "audit-loss")]));
    assert_eq!(status(&audited, "linked", "dropped"), "0");
    assert_eq!(fs::read_to_string(&target).unwrap(), "of somebody else\n");
    let log = audited.scene.server.log();
    assert!(log.contains("audit sink linked: writes again"), "{log}");
}

fn a_file_that_became_a_link_is_named_and_what_waits_is_written_once_it_is_gone(line: Line) {
    let place = place();
    let names = ["swapped", "target", "moved"];
    let [swapped, target, moved] = names.map(|name| place.path().join(name));
    fs::write(&target, "of somebody else\n").unwrap();
    let others = [("swapped", &*sink(&swapped, KEYS))];
    let audited = Audited::build_beside(CONFIG, &others, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    admin.run("SET key:first 1").expect_ok();
    eventually("the file is written to", || {
        (keys_in(&records_in(&swapped), "key:").len() == 1).then_some(())
    });
    fs::rename(&swapped, &moved).unwrap();
    symlink(&target, &swapped).unwrap();
    for number in 0..100 {
        admin.run(&format!("SET key:{number} 1")).expect_ok();
    }
    told_of(&audited, "swapped", &swapped, "is a symbolic link");
    fs::remove_file(&swapped).unwrap();
    wait_for_state(&audited, "swapped", "ok");
    let both = || {
        let mut records = records_in(&moved);
        records.extend(records_in(&swapped));
        records
    };
    let records = eventually("all of it is written", || {
        let records = both();
        (keys_in(&records, "key:").len() == 101).then_some(records)
    });
    assert!(!has(&records, &[("event.action", "audit-loss")]));
    assert_eq!(status(&audited, "swapped", "dropped"), "0");
    assert_eq!(fs::read_to_string(&target).unwrap(), "of somebody else\n");
    // Numbers go on, and none is there twice.
    let numbers = records
        .iter()
        .map(|record| record.text("warden.sequence").parse::<u64>().unwrap());
    assert!(numbers.eq(1..=records.len() as u64));
}

fn what_does_not_fit_while_a_directory_is_read_only_is_counted_exactly(line: Line) {
    let builder = Scene::builder(line).server(ServerBuilder::bound_by_modes);
    let place = place();
    let directory = place.path().join("closed");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o555)).unwrap();
    let path = directory.join("audit.json");
    let closed = sink(&path, &format!("{KEYS}\nbuffer_bytes = 1048576"));
    let audited = Audited::build_beside(CONFIG, &[("closed", &closed)], builder);
    let mut admin = audited.scene.server.admin();
    let value = "x".repeat(900);
    let sent: u64 = 3000;
    let slowest = (0..sent)
        .map(|number| {
            let start = Instant::now();
            let key = format!("key:{number}");
            admin.call(["SET", &key, &value]).expect_ok();
            start.elapsed()
        })
        .max();
    assert!(slowest < Some(Duration::from_secs(1)), "{slowest:?}");
    told_of(&audited, "closed", &path, "Permission denied");
    assert!(!path.exists());
    let lost: u64 = status(&audited, "closed", "dropped").parse().unwrap();
    assert!(lost > 0 && lost < sent, "{lost}");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    wait_for_state(&audited, "closed", "ok");
    eventually("the loss is recorded", || {
        has(&records_in(&path), &[("event.action", "audit-loss")]).then_some(())
    });
    admin.run("SET last 1").expect_ok();
    let records = eventually("all of it is written", || {
        let records = records_in(&path);
        has(&records, &[("warden.key", "last")]).then_some(records)
    });
    let losses = records
        .iter()
        .filter(|record| record.is("event.action", "audit-loss"));
    let losses: u64 = losses
        .map(|record| record.text("warden.lost").parse::<u64>().unwrap())
        .sum();
    assert_eq!(keys_in(&records, "key:").len() as u64 + losses, sent);
    assert_eq!(status(&audited, "closed", "dropped"), losses.to_string());
}
