//! What happens is recorded: who, with which rights, what was changed; and nothing of it twice,
//! by nobody else, or not at all.

use warden_tests::issuer::CORP_URL;
use warden_tests::{
    ADMIN_PASSWORD, AuditRecord, Audited, Claims, Line, Scene, ServerBuilder, eventually,
    on_both_lines,
};

on_both_lines!(
    a_log_in_is_recorded_with_what_it_may_do,
    a_refusal_is_recorded_with_its_reason,
    a_log_in_by_password_is_recorded,
    a_session_ends_with_its_cause,
    what_a_session_is_denied_is_recorded_with_its_session_and_decision,
    a_session_is_told_with_the_decision_of_now,
    settings_are_recorded_before_and_after,
    users_of_the_acl_are_recorded_before_and_after,
    users_that_a_file_changes_are_recorded,
    reloads_and_what_administrators_do_are_recorded,
    what_is_excluded_is_not_recorded,
    a_sink_changes_live_and_a_bad_file_keeps_the_last_good_one,
    a_server_does_not_start_with_a_bad_sink,
    audit_is_turned_off_and_on,
);

fn events(events: &[&str]) -> String {
    format!("events = {events:?}\ncommand_result_mode = \"all\"")
}

fn a_log_in_is_recorded_with_what_it_may_do(line: Line) {
    let audited = Audited::start(line, &events(&["auth", "config"]));
    let scene = &audited.scene;
    let token = scene.token("alice");
    let mut session = scene.server.connect();
    session.auth("token", &token).expect_ok();
    let success = audited.wait_for(&[("warden.method", "jwt"), ("event.outcome", "success")]);
    let whoami = session.whoami();
    for (field, expected) in [
        ("user.name", "token"),
        ("user.effective.name", "corp/alice"),
        ("warden.principal", "alice"),
        ("warden.authenticator", "corp"),
        ("warden.method", "jwt"),
        ("warden.issuer", CORP_URL),
        ("warden.policies", "rbac"),
        ("warden.generation", "1"),
        ("source.ip", "127.0.0.1"),
        ("warden.rules", &whoami.field("rules").text()),
    ] {
        assert_eq!(success.text(field), expected, "{field}");
    }
    assert_eq!(success.text("warden.digest").len(), 64);
    assert!(success.text("warden.expires").ends_with('Z'));
    // Somebody had to look at it first; and once it is known, nobody has.
    let begun = |records: &[AuditRecord]| {
        let begun = |record: &&AuditRecord| record.is("event.action", "login-attempt");
        records.iter().filter(begun).count()
    };
    assert_eq!(begun(&audited.records_so_far()), 1);
    scene.server.connect().auth("token", &token).expect_ok();
    assert_eq!(begun(&audited.records_so_far()), 1);
}

fn a_refusal_is_recorded_with_its_reason(line: Line) {
    let audited = Audited::start(line, &events(&["auth", "config"]));
    let scene = &audited.scene;
    let late = scene.issuer.token(&Claims::of("alice").expired_for(1000));
    scene
        .server
        .connect()
        .auth("alice", &late)
        .expect_error("WRONGPASS");
    let refused = audited.wait_for(&[("event.action", "login"), ("event.outcome", "failure")]);
    assert!(refused.is("user.name", "alice"));
    assert!(
        refused.text("event.reason").contains("expired"),
        "{refused:?}"
    );
    assert_eq!(refused.text("warden.rules"), "", "nobody was let in");
    // One whose token is good, and whom no policy lets in.
    scene.expect_refused("stranger", &scene.token("stranger"), "");
    let refused = audited.wait_for(&[("event.outcome", "failure"), ("user.name", "stranger")]);
    for (field, expected) in [
        ("warden.principal", "stranger"),
        ("warden.authenticator", "corp"),
        ("warden.method", "jwt"),
        ("warden.issuer", CORP_URL),
    ] {
        assert_eq!(refused.text(field), expected, "{field}");
    }
    // A token in the place of a name is in no record.
    scene
        .server
        .connect()
        .auth(&late, "x")
        .expect_error("WRONGPASS");
    let records = audited.records_so_far();
    assert!(
        records
            .iter()
            .any(|record| record.is("user.name", "(redacted)"))
    );
    assert!(
        !records
            .iter()
            .any(|record| record.0.to_string().contains(&late))
    );
}

fn a_log_in_by_password_is_recorded(line: Line) {
    let audited = Audited::start(line, &events(&["auth", "config"]));
    let mut admin = audited.scene.server.admin();
    admin
        .run("ACL SETUSER local on >secret +@all ~*")
        .expect_ok();
    let mut client = audited.scene.server.connect();
    client.auth("local", "wrong").expect_error("WRONGPASS");
    client.auth("local", "secret").expect_ok();
    let of_local = |outcome| [("user.name", "local"), ("event.outcome", outcome)];
    let refused = audited.wait_for(&of_local("failure"));
    let granted = audited.wait_for(&of_local("success"));
    for record in [refused, granted] {
        assert!(record.is("warden.method", "password"), "{record:?}");
        assert!(record.is("source.ip", "127.0.0.1"));
    }
}

fn a_session_ends_with_its_cause(line: Line) {
    let builder = Scene::builder(line).authenticator_lines("leeway_seconds = 0\n");
    let audited = Audited::build(&events(&["session", "config"]), builder);
    let scene = &audited.scene;
    let mut left = scene.log_in("alice");
    let number = left.whoami().field("session").text();
    drop(left);
    let end = audited.wait_for(&[("warden.session", &number)]);
    assert!(end.is("event.reason", "left"), "{end:?}");
    assert!(end.is("warden.principal", "alice"));
    let mut killed = scene.log_in("alice");
    let number = killed.whoami().field("session").text();
    scene.server.admin().run("WARDEN.KILL USER corp/alice");
    let end = audited.wait_for(&[("warden.session", &number)]);
    assert!(end.is("event.reason", "killed"), "{end:?}");
    // A new token for the one that is running out, as clients do it.
    let mut replaced = scene.log_in("alice");
    let number = replaced.whoami().field("session").text();
    let token = scene.issuer.token(&Claims::of("alice").expires_in(1000));
    replaced.auth("alice", &token).expect_ok();
    assert_ne!(replaced.whoami().field("session").text(), number);
    let end = audited.wait_for(&[("warden.session", &number)]);
    assert!(end.is("event.reason", "replaced"), "{end:?}");
    let short = scene.issuer.token(&Claims::of("alice").expires_in(3));
    let mut expiring = scene.server.connect();
    expiring.auth("alice", &short).expect_ok();
    let number = expiring.whoami().field("session").text();
    let end = audited.wait_for(&[("warden.session", &number)]);
    assert!(end.is("event.reason", "expired"), "{end:?}");
}

/// What becomes of a command 8.0 does not tell, and whose it is it does.
fn what_a_session_is_denied_is_recorded_with_its_session_and_decision(line: Line) {
    let audited = Audited::start(line, &events(&["keys", "other", "session", "config"]));
    let scene = &audited.scene;
    let mut reader = scene.log_in("alice");
    let mut listener = scene.log_in_with(&Claims::of("bob").groups(&["listeners"]));
    let sessions = [&mut reader, &mut listener].map(|one| one.whoami().field("session").text());
    assert_ne!(sessions[0], sessions[1]);
    assert!(reader.run("GET reports:1").is_nil());
    reader.run("SET reports:2 x").expect_error("NOPERM");
    reader.run("GET others:3").expect_error("NOPERM");
    reader.run("MULTI").expect_ok();
    reader.run("GET others:4").expect_error("NOPERM");
    reader.run("EXEC").expect_error("EXECABORT");
    listener.run("SUBSCRIBE rumours").expect_error("NOPERM");
    drop((reader, listener));
    // The same decision is told of all that a session did, and of its end.
    let ends = sessions.each_ref().map(|session| {
        audited.wait_for(&[("event.action", "session-end"), ("warden.session", session)])
    });
    let decisions = ends.map(|end| end.text("warden.decision"));
    assert!(!decisions[0].is_empty() && decisions[0] != decisions[1]);
    let records = audited.records_so_far();
    let one = |fields: &[(&str, &str)]| {
        let mut found = records.iter().filter(|record| record.has(fields));
        let one = found.next().unwrap_or_else(|| panic!("no {fields:?}"));
        assert!(found.next().is_none(), "two of {fields:?}");
        one
    };
    let argument = r#"["rumours"]"#;
    for (who, field, value, denied, object) in [
        (0, "warden.key", "reports:1", "", ""),
        (0, "warden.key", "reports:2", "command", ""),
        (0, "warden.key", "others:3", "key", "others:3"),
        (0, "warden.key", "others:4", "key", "others:4"),
        (1, "warden.arguments", argument, "channel", "rumours"),
    ] {
        let record = one(&[(field, value)]);
        let (principal, user) = [("alice", "corp/alice"), ("bob", "corp/bob")][who];
        let whose = [
            ("user.name", user),
            ("warden.authenticator", "corp"),
            ("warden.principal", principal),
            ("warden.session", &sessions[who]),
            ("warden.decision", &decisions[who]),
        ];
        assert!(record.has(&whose), "{whose:?}: {record:?}");
        let how = match (line, denied) {
            (Line::V8_0, _) => ["unknown", "", "", ""],
            (Line::V9_1, "") => ["success", "", "", ""],
            (Line::V9_1, _) => ["failure", "denied", denied, object],
        };
        let fields = [
            "event.outcome",
            "warden.failure",
            "warden.denied",
            "warden.denied_object",
        ];
        assert_eq!(fields.map(|field| record.text(field)), how, "{record:?}");
    }
}

/// Also while it is as busy as can be when its rights become others.
fn a_session_is_told_with_the_decision_of_now(line: Line) {
    let audited = Audited::start(line, &events(&["keys", "session", "config"]));
    let scene = &audited.scene;
    let mut reader = scene.log_in("alice");
    let before = reader.whoami().field("generation").text();
    let roles = warden_tests::scene::ROLES;
    let more = format!(
        "{roles}\n[roles.more]\nmembers = [\"user:corp/alice\"]\nrules = [\"+ttl\", \"~x\"]\n"
    );
    scene.policies.replace("rbac.toml", more);
    let after = eventually("its rights are those of now", || {
        reader.run("GET reports:q1");
        let now = reader.whoami().field("generation").text();
        (now != before).then_some(now)
    });
    (0..100).for_each(|_| drop(reader.run("GET reports:q1")));
    // Told of with the next slice.
    std::thread::sleep(std::time::Duration::from_millis(300));
    reader.run("SET late x").expect_error("NOPERM");
    let denied = audited.wait_for(&[("warden.command", "set"), ("warden.key", "late")]);
    drop(reader);
    let end = audited.wait_for(&[("event.action", "session-end")]);
    let now = end.text("warden.decision");
    let fields = [("warden.generation", &*after), ("warden.decision", &now)];
    assert!(denied.has(&fields), "{fields:?}: {denied:?}");
}

fn settings_are_recorded_before_and_after(line: Line) {
    let audited = Audited::start(line, &events(&["config"]));
    let mut admin = audited.scene.server.admin();
    admin
        .run("CONFIG SET maxmemory 100mb maxmemory-policy noeviction")
        .expect_ok();
    let change = audited.wait_for(&[("warden.setting", "maxmemory")]);
    assert!(
        change.has(&[("warden.before", "0"), ("warden.after", "104857600")]),
        "{change:?}"
    );
    assert!(change.is("user.name", "default"));
    // What was so already has not changed.
    admin.run("CONFIG SET maxmemory 100mb").expect_ok();
    let records = audited.records_so_far();
    let changes = records
        .iter()
        .filter(|record| record.is("warden.setting", "maxmemory"));
    assert_eq!(changes.count(), 1);
    admin
        .run("CONFIG SET requirepass secret-of-the-test")
        .expect_ok();
    let change = audited.wait_for(&[("warden.setting", "requirepass")]);
    for value in ["warden.before", "warden.after"] {
        assert!(change.text(value).starts_with("(digest:"), "{change:?}");
    }
    let command = audited.wait_for(&[
        ("warden.command", "config|set"),
        ("warden.arguments", r#"["requirepass","(redacted)"]"#),
    ]);
    if line == Line::V9_1 {
        assert!(command.is("event.outcome", "success"), "{command:?}");
    }
}

fn users_of_the_acl_are_recorded_before_and_after(line: Line) {
    let audited = Audited::start(line, &events(&["acl", "config"]));
    let mut admin = audited.scene.server.admin();
    admin.run("ACL SETUSER bob on >first +get ~a:*").expect_ok();
    let made = audited.wait_for(&[("event.action", "acl-user-create")]);
    assert!(
        made.is("user.target.name", "bob") && made.is("warden.before", ""),
        "{made:?}"
    );
    let after = made.text("warden.after");
    assert!(after.contains("+get") && after.contains("~a:*"), "{after}");
    admin.run("ACL SETUSER bob >second +set").expect_ok();
    let changed = audited.wait_for(&[("event.action", "acl-user-change")]);
    assert_eq!(changed.text("warden.before"), after);
    assert!(changed.text("warden.after").contains("+set"));
    // What changes nothing is no change, and what fails is none.
    admin.run("ACL SETUSER bob +set").expect_ok();
    admin
        .run("ACL SETUSER bob +nosuchcommand")
        .expect_error("ERR");
    admin.run("MULTI").expect_ok();
    admin.run("ACL DELUSER bob").expect_text("QUEUED");
    admin.run("EXEC");
    let gone = audited.wait_for(&[("event.action", "acl-user-delete")]);
    assert!(
        gone.is("warden.after", "") && gone.is("user.name", "default"),
        "{gone:?}"
    );
    let records = audited.records_so_far();
    let changes = records
        .iter()
        .filter(|record| record.is("user.target.name", "bob"));
    assert_eq!(changes.count(), 3);
}

fn users_that_a_file_changes_are_recorded(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.acl");
    let default = format!("user default on >{ADMIN_PASSWORD} ~* &* +@all\n");
    let bob = "user bob on >first ~a:* +get\n";
    // More than are looked at in one go.
    let many = |rule: &str| {
        (0..100).fold(String::new(), |all, number| {
            format!("{all}user many{number} on {rule}\n")
        })
    };
    let were = many("+get");
    std::fs::write(&file, format!("{default}{bob}user gone on >x\n{were}")).unwrap();
    let builder = Scene::builder(line)
        .server(ServerBuilder::password_by_acl_file)
        .config([("aclfile", &file.display().to_string())]);
    let audited = Audited::build(&events(&["acl", "config"]), builder);
    // A sink that has just begun does not know yet what they were.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let are = many("+set");
    std::fs::write(&file, format!("{default}{bob}user made on >x\n{are}")).unwrap();
    audited.scene.server.admin().run("ACL LOAD").expect_ok();
    for (action, user) in [("acl-user-create", "made"), ("acl-user-delete", "gone")] {
        let change = audited.wait_for(&[("event.action", action)]);
        assert!(change.is("user.target.name", user), "{change:?}");
        assert!(change.is("user.name", "default"), "{change:?}");
    }
    eventually("every change is recorded", || {
        let records = audited.records();
        let changes = records
            .iter()
            .filter(|one| one.is("event.action", "acl-user-change"));
        (changes.count() == 100).then_some(())
    });
    let records = audited.records_so_far();
    let of_bob = |record: &&AuditRecord| record.is("user.target.name", "bob");
    assert_eq!(records.iter().filter(of_bob).count(), 0, "he is as he was");
}

fn reloads_and_what_administrators_do_are_recorded(line: Line) {
    let audited = Audited::start(line, &events(&["policy", "admin", "config"]));
    let scene = &audited.scene;
    scene.policies.replace(
        "rbac.toml",
        "[roles.nobody]\nmembers = [\"user:corp/x\"]\nrules = [\"+get\", \"~x\"]\n",
    );
    let reload = audited.wait_for(&[
        ("warden.reloaded", "policies"),
        ("warden.changed", r#"["rbac"]"#),
    ]);
    assert_eq!(reload.text("warden.digest").len(), 64);
    scene.policies.replace("rbac.toml", "not toml");
    let failed = audited.wait_for(&[
        ("warden.reloaded", "policies"),
        ("event.outcome", "failure"),
    ]);
    assert!(
        failed.text("warden.errors").contains("rbac.toml"),
        "{failed:?}"
    );
    let token = scene.token("alice");
    scene
        .server
        .admin()
        .call(["WARDEN.EXPLAIN", "alice", &token]);
    let explain = audited.wait_for(&[("warden.command", "warden.explain")]);
    let hidden = r#"["(redacted)","(redacted)"]"#;
    assert!(explain.is("warden.arguments", hidden), "{explain:?}");
}

fn what_is_excluded_is_not_recorded(line: Line) {
    let lines = "command_result_mode = \"all\"\nexclude = [\"quiet\", \"@10.0.0.0/8\"]\nexclude_commands = [\"echo\"]\nalways_audit_config = true";
    let audited = Audited::start(line, lines);
    let mut admin = audited.scene.server.admin();
    admin
        .run("ACL SETUSER quiet on >secret +@all ~*")
        .expect_ok();
    let mut quiet = audited.scene.server.connect();
    quiet.auth("quiet", "secret").expect_ok();
    quiet.run("SET quiet:key 1").expect_ok();
    quiet.run("CONFIG SET maxmemory 50mb").expect_ok();
    admin.run("ECHO loud");
    admin.run("SET loud:key 1").expect_ok();
    let records = audited.records_so_far();
    let any = |fields: &[(&str, &str)]| records.iter().any(|record| record.has(fields));
    assert!(any(&[("warden.key", "loud:key")]));
    assert!(!any(&[("warden.key", "quiet:key")]));
    assert!(!any(&[("warden.command", "echo")]));
    assert!(
        any(&[("warden.setting", "maxmemory"), ("user.name", "quiet")]),
        "always_audit_config"
    );
}

fn a_sink_changes_live_and_a_bad_file_keeps_the_last_good_one(line: Line) {
    let audited = Audited::start(line, &events(&["config"]));
    let mut admin = audited.scene.server.admin();
    admin.run("SET before 1").expect_ok();
    audited.change(&events(&["keys", "config", "policy"]));
    eventually("the change is in force", || {
        admin.run("SET during 1").expect_ok();
        let records = audited.records_so_far();
        records
            .iter()
            .any(|record| record.is("warden.key", "during"))
            .then_some(())
    });
    audited.change("events = [\"nonsense\"]\nbuffer_bytes = 1");
    let bad = audited.wait_for(&[("warden.reloaded", "sinks"), ("event.outcome", "failure")]);
    let errors = bad.text("warden.errors");
    assert!(
        errors.contains("events") && errors.contains("buffer_bytes"),
        "{errors}"
    );
    assert!(
        admin
            .run("INFO warden")
            .text()
            .contains("warden_audit_error:")
    );
    admin.run("SET after 1").expect_ok();
    let records = audited.records_so_far();
    let has = |key| records.iter().any(|record| record.is("warden.key", key));
    assert!(has("after") && !has("before"));
    let numbers: Vec<u64> = records
        .iter()
        .map(|record| record.text("warden.sequence").parse().unwrap())
        .collect();
    assert_eq!(
        numbers,
        (1..=records.len() as u64).collect::<Vec<_>>(),
        "no gap, nothing twice"
    );
    audited.sinks.remove("10-file.toml");
    eventually("the sink ends", || {
        let records = audited.records();
        records
            .last()
            .filter(|last| last.is("event.action", "audit-stop"))
            .map(drop)
    });
}

fn a_server_does_not_start_with_a_bad_sink(line: Line) {
    let sinks = tempfile::tempdir().unwrap();
    std::fs::write(
        sinks.path().join("bad.toml"),
        "type = \"file\"\nformat = \"xml\"\n",
    )
    .unwrap();
    let path = sinks.path().display().to_string();
    let failure = Scene::builder(line)
        .module_args(["audit_dir", &path])
        .try_start();
    let log = failure.err().expect("the server does not start").log;
    assert!(
        log.contains("bad.toml") && log.contains("path") && log.contains("format"),
        "{log}"
    );
}

fn audit_is_turned_off_and_on(line: Line) {
    let audited = Audited::start(line, &events(&["keys", "config"]));
    let mut admin = audited.scene.server.admin();
    admin.run("SET one 1").expect_ok();
    admin.run("CONFIG SET warden.audit_enabled no").expect_ok();
    eventually("it is off", || {
        let before = audited.status("records");
        admin.run("SET two 1").expect_ok();
        std::thread::sleep(std::time::Duration::from_millis(700));
        (audited.status("records") == before).then_some(())
    });
    admin.run("SET three 1").expect_ok();
    admin.run("CONFIG SET warden.audit_enabled yes").expect_ok();
    eventually("it is on", || {
        admin.run("SET four 1").expect_ok();
        let records = audited.records();
        let has = |key| records.iter().any(|record| record.is("warden.key", key));
        assert!(has("one") && !has("three"));
        has("four").then_some(())
    });
}
