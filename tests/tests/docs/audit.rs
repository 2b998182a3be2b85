//! docs/audit: the first sink of the page, on real servers, and every example of a file.

use std::fs;

use warden_tests::{Audited, Directory, Line, Scene, ServerBuilder, eventually, on_both_lines};

use crate::markdown::{between, blocks, document, table};

on_both_lines!(
    the_first_sink_of_the_page_records_what_the_page_says,
    every_file_of_the_page_of_sinks_is_taken,
    scripts_transactions_and_denials_are_recorded_as_the_page_says,
);

const PAGE: &str = "docs/audit/README.md";

/// The names of a text record's fields.
fn names(line: &str) -> Vec<&str> {
    let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, _)| name).collect()
}

/// A field of a text record, whose value has no space.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let mut pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(this, _)| *this == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}")).1
}

fn the_first_sink_of_the_page_records_what_the_page_says(line: Line) {
    let page = document(PAGE);
    let section = between(&page, "## The first sink", "\n## ");
    let root = tempfile::tempdir().unwrap();
    let sinks = Directory::create(root.path().join("audit"));
    let log = root.path().join("audit.log");
    let file = &blocks(section, "toml")[0];
    let path = "/var/log/valkey/audit.log";
    assert!(file.contains(path), "{file}");
    // Its first line says what it is called.
    let (name, _) = file.split_once('\n').expect("a line");
    let name = name.rsplit('/').next().expect("a name");
    sinks.replace(name, file.replace(path, &log.display().to_string()));

    // As the page says of a running server.
    let scene = Scene::builder(line)
        .server(ServerBuilder::protected_configs)
        .start();
    let mut admin = scene.server.admin();
    let directory = sinks.path().display().to_string();
    admin
        .call(["CONFIG", "SET", "warden.audit_dir", &directory])
        .expect_ok();
    eventually("the sink is there", || {
        let info = scene.server.info("warden");
        let status = info.get("warden_audit_sink_main")?;
        status.starts_with("type=file,state=ok,").then_some(())
    });
    let indented: String = section
        .lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect();
    let example = blocks(&indented, "text").remove(0);
    let example = example.trim_end();
    let command = "CONFIG SET maxmemory 100mb";
    assert!(section.contains(command));
    admin.run(command).expect_ok();
    let found = eventually("the change is recorded", || {
        let text = fs::read_to_string(&log).ok()?;
        let mut lines = text.lines();
        let found = lines.find(|line| line.contains("setting=maxmemory"));
        found.map(str::to_owned)
    });
    assert_eq!(names(&found), names(example));
    for name in [
        "category", "action", "outcome", "user", "address", "tls", "setting", "before", "after",
    ] {
        assert_eq!(field(&found, name), field(example, name), "{name}");
    }
    let status = scene.info("warden_audit_sink_main");
    assert!(status.contains(",dropped=0,"), "{status}");
}

/// Each example of a file, with a path and a socket that are there, and without what is read
/// of the disk; a host that is not there is looked for later.
fn every_file_of_the_page_of_sinks_is_taken(line: Line) {
    let page = document("docs/audit/sinks.md");
    let root = tempfile::tempdir().unwrap();
    let sinks = Directory::create(root.path().join("audit"));
    let files: Vec<String> = blocks(&page, "toml")
        .into_iter()
        .filter(|text| text.contains("type = ") && !text.contains("[sources"))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    let place = root.path().display().to_string();
    for (number, text) in files.iter().enumerate() {
        let text: String = text
            .lines()
            .filter(|line| {
                let key = line.split(' ').next().unwrap_or_default();
                !["ca_file", "certificate_file", "key_file"].contains(&key)
            })
            .map(|line| line.replace("/var/log/valkey", &place) + "\n")
            .collect();
        sinks.replace(&format!("{number}-example{number}.toml"), text);
    }
    // A file that is wrong would stop the start.
    let directory = sinks.path().display().to_string();
    let scene = Scene::builder(line)
        .module_args(["audit_dir", &directory])
        .start();
    let info = scene.server.info("warden");
    assert_eq!(info["warden_audit_error"], "");
    let count = info
        .keys()
        .filter(|name| name.starts_with("warden_audit_sink_"))
        .count();
    assert_eq!(count, files.len());
    eventually("the file is written", || {
        let text = fs::read_to_string(root.path().join("audit.log")).ok()?;
        text.contains("audit-start").then_some(())
    });
}

/// The table of what is recorded, where the two versions differ.
fn scripts_transactions_and_denials_are_recorded_as_the_page_says(line: Line) {
    let page = document(PAGE);
    let rows = table(&page, "what", 3);
    let says = |what: &str| {
        let row = rows.iter().find(|row| row[0].contains(what));
        let row = row.unwrap_or_else(|| panic!("nothing of {what}"));
        row[if line == Line::V9_1 { 1 } else { 2 }].clone()
    };
    let tells = line == Line::V9_1;
    let audited = Audited::start(line, "command_result_mode = \"all\"");
    let scene = &audited.scene;
    let mut admin = scene.server.admin();
    admin.call([
        "EVAL",
        "return redis.call('SET', KEYS[1], '1')",
        "1",
        "scripted",
    ]);
    admin.run("MULTI").expect_ok();
    admin.run("SET executed 1").expect_text("QUEUED");
    admin.run("EXEC");
    admin.run("MULTI").expect_ok();
    admin.run("SET discarded 1").expect_text("QUEUED");
    admin.run("DISCARD").expect_ok();
    scene
        .server
        .admin()
        .run("ACL SETUSER narrow on >secret +get ~mine")
        .expect_ok();
    let mut narrow = scene.server.connect();
    narrow.auth("narrow", "secret").expect_ok();
    narrow.run("GET others").expect_error("NOPERM");
    let records = audited.records_so_far();
    let of = |key: &str, command: &str| {
        let fields = [("warden.key", key), ("warden.command", command)];
        records.iter().find(|record| record.has(&fields))
    };
    let outcome = if tells { "success" } else { "unknown" };
    for (what, key, origin) in [
        ("that scripts and functions call", "scripted", "script"),
        ("of a transaction", "executed", "client"),
    ] {
        let record = of(key, "set").unwrap_or_else(|| panic!("nothing of {key}: {records:?}"));
        assert!(record.is("warden.origin", origin), "{record:?}");
        assert!(record.is("user.name", "default"), "{record:?}");
        assert!(record.is("event.outcome", outcome), "{record:?}");
        assert_eq!(record.text("event.duration").is_empty(), !tells);
        let word = if origin == "script" {
            "`origin=script`"
        } else {
            ""
        };
        assert!(says(what).contains(word), "{}", says(what));
    }
    // Queued, and not run.
    assert_eq!(of("discarded", "set").is_some(), !tells);
    assert_eq!(says("of a transaction").contains("queued"), !tells);
    let denied = of("others", "get").expect("a record");
    assert_eq!(denied.is("warden.failure", "denied"), tells, "{denied:?}");
    assert_eq!(denied.is("warden.denied_object", "others"), tells);
    assert_eq!(says("rejected or denied").starts_with("yes"), tells);
}
