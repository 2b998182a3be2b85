//! A record names the user under whom the command ran, the connection and the database, whoever
//! ran it and however: in transactions, scripts and functions, behind a log-in in one pipeline,
//! after a wait; and what no client did is not told as if one had.

use warden_tests::ports::free_port;
use warden_tests::{
    ADMIN_PASSWORD, AuditRecord, Audited, Authority, Connection, Line, Scene, SceneBuilder,
    eventually, on_both_lines,
};

on_both_lines!(
    what_a_primary_sends_is_recorded_only_where_it_is_wanted,
    a_restart_with_an_append_only_file_makes_no_records_of_it,
    what_scripts_and_functions_do_is_of_whoever_runs_them,
    what_a_transaction_does_is_of_whoever_runs_it,
    a_script_stays_its_users_while_others_ask_for_theirs,
    a_script_that_is_killed_is_its_users_and_the_kill_is_not,
    scripts_that_were_put_off_are_of_whoever_sent_them,
    scripts_under_another_name_are_recorded,
    what_a_transaction_under_another_name_does_is_of_whoever_runs_it,
    what_runs_before_what_was_put_off_is_not_told_as_its,
    a_command_that_waits_is_recorded_as_its_users,
    commands_behind_a_log_in_are_of_the_new_user,
    commands_behind_a_log_in_by_token_are_of_the_session,
    a_user_who_changes_within_a_transaction_is_another_from_there_on,
    what_a_script_does_behind_a_log_in_in_a_transaction_is_of_the_new_user,
    what_changes_a_connection_shows_in_what_follows,
    a_slot_that_moves_is_no_work_of_clients,
    who_says_that_it_moves_slots_is_recorded_and_refused_all_the_same,
    a_unix_socket_and_tls_are_told,
);

const KEYS: &str = "events = [\"keys\", \"config\"]\ncommand_result_mode = \"all\"";

fn with_users(audited: &Audited) -> Connection {
    let mut admin = audited.scene.server.admin();
    for user in ["bob", "eve"] {
        admin
            .run(&format!("ACL SETUSER {user} on >secret ~* &* +@all"))
            .expect_ok();
    }
    admin
}

fn client(audited: &Audited, user: &str) -> Connection {
    let mut client = audited.scene.server.connect();
    client.auth(user, "secret").expect_ok();
    client
}

/// All records of a key.
fn of_key(records: &[AuditRecord], key: &str) -> Vec<AuditRecord> {
    let found = records.iter().filter(|one| one.is("warden.key", key));
    found.cloned().collect()
}

/// The one record of a key, by this user.
#[track_caller]
fn one<'a>(records: &'a [AuditRecord], key: &str, user: &str) -> &'a AuditRecord {
    let found: Vec<&AuditRecord> = records
        .iter()
        .filter(|one| one.is("warden.key", key))
        .collect();
    assert_eq!(found.len(), 1, "{key}: {found:?}");
    assert!(found[0].is("user.name", user), "{key}: {:?}", found[0]);
    found[0]
}

fn replicating(line: Line) -> SceneBuilder {
    Scene::builder(line).config([
        ("masterauth", ADMIN_PASSWORD),
        ("repl-diskless-sync-delay", "0"),
    ])
}

fn what_a_primary_sends_is_recorded_only_where_it_is_wanted(line: Line) {
    for is_wanted in [false, true] {
        let primary = Audited::build(KEYS, replicating(line));
        let lines = format!("{KEYS}\nignore_internal_clients = {}", !is_wanted);
        let replica = Audited::build(&lines, replicating(line));
        let mut admin = primary.scene.server.admin();
        admin.run("SET copied 1").expect_ok();
        let port = primary.scene.server.address().port();
        let mut below = replica.scene.server.admin();
        below
            .run(&format!("REPLICAOF 127.0.0.1 {port}"))
            .expect_ok();
        eventually("the replica is in step", || {
            (below.run("GET copied").as_text()? == "1").then_some(())
        });
        admin.run("SET streamed 1").expect_ok();
        admin.run("MULTI").expect_ok();
        admin.run("SET streamed:2 1");
        admin.run("SET streamed:3 1");
        admin.run("EXEC");
        eventually("it arrives", || {
            (below.run("GET streamed:3").as_text()? == "1").then_some(())
        });
        below.run("SET refused 1").expect_error("READONLY");
        // Of the replica's own users, as ever.
        let records = replica.records_so_far();
        assert_eq!(
            of_key(&records, "copied")[0].text("warden.origin"),
            "client"
        );
        for key in ["streamed", "streamed:2"] {
            let found = of_key(&records, key);
            assert_eq!(found.len(), usize::from(is_wanted), "{key}: {found:?}");
            for record in found {
                let expected = [("warden.origin", "replication"), ("user.name", "")];
                assert!(record.has(&expected), "{record:?}");
            }
        }
        let records = primary.records_so_far();
        let sent = one(&records, "streamed", "default");
        assert!(sent.is("warden.origin", "client"), "{sent:?}");
    }
}

fn a_restart_with_an_append_only_file_makes_no_records_of_it(line: Line) {
    let builder = Scene::builder(line).config([("appendonly", "yes"), ("appendfsync", "always")]);
    let lines = format!("{KEYS}\nignore_internal_clients = false");
    let audited = Audited::build(&lines, builder);
    let mut admin = with_users(&audited);
    let mut bob = client(&audited, "bob");
    bob.run("SET kept 1").expect_ok();
    bob.run("MULTI").expect_ok();
    bob.run("SET kept:2 1");
    bob.run("SET kept:3 1");
    bob.run("EXEC");
    admin.run("SELECT 3").expect_ok();
    admin.run("SET kept:4 1").expect_ok();
    audited.wait_for(&[("warden.key", "kept:4")]);
    let server = &audited.scene.server;
    server.restart();
    eventually("the append-only file is loaded", || {
        let mut client = server.connect();
        let answer = client.auth("default", ADMIN_PASSWORD);
        (answer.error().is_none() && client.run("PING").error().is_none()).then_some(())
    });
    let mut admin = server.admin();
    let loaded = admin.run("EXISTS kept kept:2 kept:3");
    assert_eq!(loaded.number(), 3);
    let records = audited.records_so_far();
    for key in ["kept:2", "kept:3", "kept:4"] {
        assert_eq!(of_key(&records, key).len(), 1, "{key}");
    }
    let kept = of_key(&records, "kept");
    let commands: Vec<String> = kept.iter().map(|one| one.text("warden.command")).collect();
    assert_eq!(commands, ["set", "exists"]);
}

fn what_scripts_and_functions_do_is_of_whoever_runs_them(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = with_users(&audited);
    let library = "#!lua name=lib\nserver.register_function('put', function(keys, args) return server.call('SET', keys[1], args[1]) end)";
    admin.call(["FUNCTION", "LOAD", library]);
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    let script = "redis.call('SET', KEYS[1], '1'); return redis.pcall('LPUSH', KEYS[1], 'x')";
    for (user, client) in [("bob", &mut bob), ("eve", &mut eve)] {
        let key = format!("script:{user}");
        client
            .call(["EVAL", script, "1", &key])
            .expect_error("WRONGTYPE");
        let key = format!("function:{user}");
        client.call(["FCALL", "put", "1", &key, "1"]).expect_ok();
        client.run("SELECT 5").expect_ok();
        let key = format!("nested:{user}");
        client.run("MULTI").expect_ok();
        client.call(["EVAL", script, "1", &key]);
        client.call(["FCALL", "put", "1", &key, "1"]);
        client.run("EXEC");
    }
    // What a script selects is its own.
    let elsewhere = "redis.call('SELECT', 7); return redis.call('SET', KEYS[1], '1')";
    bob.call(["EVAL", elsewhere, "1", "selected:bob"])
        .expect_ok();
    bob.run("SET selected:after 1").expect_ok();
    bob.call(["FCALL", "put", "1", "selected:next", "1"])
        .expect_ok();
    let records = audited.records_so_far();
    for (key, origin, database) in [
        ("selected:bob", "script", "7"),
        ("selected:after", "client", "5"),
        ("selected:next", "script", "5"),
    ] {
        let found = of_key(&records, key);
        let mut found = found.iter().filter(|one| one.is("warden.origin", origin));
        let record = found.next().expect(key);
        assert!(record.is("warden.database", database), "{record:?}");
    }
    for user in ["bob", "eve"] {
        for (prefix, database, commands) in [
            ("script", "0", &["set", "lpush"][..]),
            ("function", "0", &["set"]),
            ("nested", "5", &["set", "lpush", "set"]),
        ] {
            let found = of_key(&records, &format!("{prefix}:{user}"));
            let by_itself = found.iter().filter(|one| one.is("warden.origin", "script"));
            let by_itself: Vec<&AuditRecord> = by_itself.collect();
            let names: Vec<String> = by_itself
                .iter()
                .map(|one| one.text("warden.command"))
                .collect();
            assert_eq!(names, commands, "{prefix} of {user}");
            for record in by_itself {
                let of = [("user.name", user), ("warden.database", database)];
                assert!(record.has(&of), "{record:?}");
            }
        }
        let calls = records.iter().filter(|one| {
            let name = one.text("warden.command");
            (name == "eval" || name == "fcall")
                && one.is("user.name", user)
                && one.is("warden.origin", "client")
        });
        let expected = if user == "bob" { 6 } else { 4 };
        assert_eq!(calls.count(), expected, "of {user}");
    }
}

fn what_a_transaction_does_is_of_whoever_runs_it(line: Line) {
    let audited = Audited::start(line, KEYS);
    with_users(&audited);
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    // One's commands between the other's.
    for (user, client) in [("bob", &mut bob), ("eve", &mut eve)] {
        client.run("MULTI").expect_ok();
        client
            .run(&format!("SET in:{user} 1"))
            .expect_text("QUEUED");
    }
    for (user, client) in [("eve", &mut eve), ("bob", &mut bob)] {
        client
            .run(&format!("SET also:{user} 1"))
            .expect_text("QUEUED");
        client.run("EXEC");
    }
    let mut left = client(&audited, "bob");
    left.run("MULTI").expect_ok();
    left.run("SET discarded 1").expect_text("QUEUED");
    left.run("DISCARD").expect_ok();
    let records = audited.records_so_far();
    for user in ["bob", "eve"] {
        one(&records, &format!("in:{user}"), user);
        one(&records, &format!("also:{user}"), user);
    }
    // A server that does not tell how commands end told of it as it arrived.
    let discarded = of_key(&records, "discarded").len();
    assert_eq!(discarded, usize::from(line == Line::V8_0));
}

/// What others send meanwhile is refused, scripts too.
fn a_script_stays_its_users_while_others_ask_for_theirs(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = with_users(&audited);
    admin.run("CONFIG SET busy-reply-threshold 50").expect_ok();
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    let script = "local start = redis.call('TIME')[1] + 0
        repeat local now = redis.call('TIME')[1] + 0 until now > start + 2
        return redis.call('SET', 'at-last', '1')";
    bob.call(["SET", "before", "1"]).expect_ok();
    bob.send(["EVAL", script, "0"]);
    eventually("the server is busy", || {
        let reply = eve.call(["EVAL", "return 1", "0"]);
        reply.is_error("BUSY").then_some(())
    });
    eve.run("FCALL nothing 0").expect_error("BUSY");
    bob.receive().expect_ok();
    let records = audited.records_so_far();
    one(&records, "at-last", "bob");
}

fn a_script_that_is_killed_is_its_users_and_the_kill_is_not(line: Line) {
    let lines = "events = [\"other\", \"keys\", \"config\"]\ncommand_result_mode = \"all\"";
    let audited = Audited::start(line, lines);
    let mut admin = with_users(&audited);
    admin.run("CONFIG SET busy-reply-threshold 50").expect_ok();
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    bob.send([
        "EVAL",
        "while true do redis.call('GET', 'endless') end",
        "0",
    ]);
    eventually("it can be killed", || {
        eve.run("SCRIPT KILL").is_ok().then_some(())
    });
    assert!(bob.receive().error().is_some());
    bob.run("SET after:bob 1").expect_ok();
    eve.run("SET after:eve 1").expect_ok();
    let records = eventually("all that is recorded", || {
        let records = audited.records();
        let is_last = |one: &AuditRecord| one.is("warden.key", "after:eve");
        records.iter().any(is_last).then_some(records)
    });
    let endless = of_key(&records, "endless");
    assert!(endless.iter().all(|one| one.is("user.name", "bob")));
    let kills = records
        .iter()
        .filter(|one| one.is("warden.command", "script|kill"));
    assert!(kills.clone().all(|one| one.is("user.name", "eve")) && kills.count() > 0);
    let eval = records
        .iter()
        .filter(|one| one.is("warden.command", "eval"));
    let eval: Vec<&AuditRecord> = eval.collect();
    assert_eq!(eval.len(), 1, "{eval:?}");
    assert!(eval[0].is("user.name", "bob"));
    if line == Line::V9_1 {
        assert!(eval[0].is("event.outcome", "failure"), "{:?}", eval[0]);
    }
    one(&records, "after:bob", "bob");
    one(&records, "after:eve", "eve");
}

fn scripts_that_were_put_off_are_of_whoever_sent_them(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = with_users(&audited);
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    admin.run("CLIENT PAUSE 60000 WRITE").expect_ok();
    let script = "return redis.call('SET', KEYS[1], '1')";
    for (client, key) in [(&mut bob, "put:bob"), (&mut eve, "put:eve")] {
        client.send(["EVAL", script, "1", key]);
        eventually("it is put off", || {
            let clients = admin.run("CLIENT LIST").text();
            let waiting = clients.lines().filter(|line| line.contains("flags=b"));
            (waiting.count() == if key == "put:bob" { 1 } else { 2 }).then_some(())
        });
    }
    admin.run("CLIENT UNPAUSE").expect_ok();
    bob.receive().expect_ok();
    eve.receive().expect_ok();
    let records = audited.records_so_far();
    for user in ["bob", "eve"] {
        let found = of_key(&records, &format!("put:{user}"));
        let mut sets = found.iter().filter(|one| one.is("warden.command", "set"));
        let set = sets.next().expect("what the script did");
        assert!(set.is("warden.origin", "script"), "{set:?}");
        // Of several that were put off 8.0 does not tell which runs.
        let expected = if line == Line::V9_1 { user } else { "" };
        assert!(set.is("user.name", expected), "{set:?}");
    }
}

fn scripts_under_another_name_are_recorded(line: Line) {
    let builder = Scene::builder(line).config([("rename-command EVAL", "run")]);
    let audited = Audited::build(KEYS, builder);
    with_users(&audited);
    let mut bob = client(&audited, "bob");
    let script = "return redis.call('SET', KEYS[1], '1')";
    bob.call(["RUN", script, "1", "renamed:bob"]).expect_ok();
    let records = audited.records_so_far();
    let found = of_key(&records, "renamed:bob");
    let mut sets = found.iter().filter(|one| one.is("warden.command", "set"));
    let set = sets.next().expect("what the script did");
    assert!(
        set.has(&[("user.name", "bob"), ("warden.origin", "script")]),
        "{set:?}"
    );
}

fn a_command_that_waits_is_recorded_as_its_users(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = with_users(&audited);
    let (mut bob, mut eve) = (client(&audited, "bob"), client(&audited, "eve"));
    let number = bob.id().to_string();
    bob.run("SELECT 2").expect_ok();
    bob.send(["BLPOP", "queue", "0"]);
    eventually("bob waits", || {
        let clients = admin.call(["CLIENT", "LIST", "ID", &number]).text();
        clients.contains("cmd=blpop").then_some(())
    });
    eve.run("SELECT 2").expect_ok();
    eve.run("RPUSH queue x");
    assert_eq!(bob.receive().texts(), ["queue", "x"]);
    // And one that nobody serves.
    assert!(bob.run("BLPOP nothing 0.1").is_nil());
    let records = audited.records_so_far();
    let found = of_key(&records, "queue");
    let told: Vec<[String; 3]> = found
        .iter()
        .map(|one| ["warden.command", "user.name", "warden.database"].map(|field| one.text(field)))
        .collect();
    let (pushed, popped) = (["rpush", "eve", "2"], ["blpop", "bob", "2"]);
    let ended = |record: &&AuditRecord| line == Line::V8_0 || record.is("event.outcome", "success");
    // Where the server tells, that it begins to wait is told, too.
    assert_eq!(
        told.len(),
        if line == Line::V8_0 { 2 } else { 3 },
        "{told:?}"
    );
    assert_eq!(told[0], popped);
    assert!(told.iter().any(|one| *one == pushed), "{told:?}");
    assert_eq!(found.iter().filter(ended).count(), 2, "{found:?}");
    assert!(found[0].is("event.outcome", "unknown"), "{:?}", found[0]);
    let nothing = one(&records, "nothing", "bob");
    assert!(nothing.is("event.outcome", "unknown"), "{nothing:?}");
}

fn commands_behind_a_log_in_are_of_the_new_user(line: Line) {
    let audited = Audited::start(line, KEYS);
    with_users(&audited);
    let mut bob = client(&audited, "bob");
    // 8.0 loses the reply to a native AUTH that fails within a pipeline.
    bob.pipeline(&[&["SET", "p:1", "1"]]);
    bob.auth("eve", "wrong").expect_error("WRONGPASS");
    bob.pipeline(&[
        &["SET", "p:2", "1"],
        &["AUTH", "eve", "secret"],
        &["SET", "p:3", "1"],
        &["HELLO", "3", "AUTH", "bob", "secret", "SETNAME", "again"],
        &["SET", "p:4", "1"],
        &["RESET"],
        &["SET", "p:5", "1"],
        &["AUTH", "eve", "secret"],
        &["SET", "p:6", "1"],
    ]);
    let records = audited.records_so_far();
    for (key, user) in [
        ("p:1", "bob"),
        ("p:2", "bob"),
        ("p:3", "eve"),
        ("p:4", "bob"),
        ("p:5", "default"),
        ("p:6", "eve"),
    ] {
        one(&records, key, user);
    }
    let denied = one(&records, "p:5", "default");
    if line == Line::V9_1 {
        assert!(denied.is("event.outcome", "failure"), "{denied:?}");
    }
}

/// The first time somebody must look at it, on another thread; the second time not.
fn commands_behind_a_log_in_by_token_are_of_the_session(line: Line) {
    let audited = Audited::start(line, KEYS);
    with_users(&audited);
    let token = audited.scene.token("alice");
    for time in ["first", "second"] {
        let mut bob = client(&audited, "bob");
        let keys = ["1", "2", "3"].map(|number| format!("reports:{time}:{number}"));
        bob.pipeline(&[
            &["GET", &keys[0]],
            &["AUTH", "token", &token],
            &["GET", &keys[1]],
            &["SET", &keys[2], "x"],
        ]);
        let session = bob.whoami().field("session").text();
        let records = audited.records_so_far();
        assert!(one(&records, &keys[0], "bob").is("warden.session", ""));
        for key in &keys[1..] {
            let record = one(&records, key, "corp/alice");
            let of = [
                ("warden.session", session.as_str()),
                ("warden.principal", "alice"),
            ];
            assert!(record.has(&of), "{record:?}");
            assert!(!record.is("warden.decision", ""), "{record:?}");
        }
    }
}

fn a_user_who_changes_within_a_transaction_is_another_from_there_on(line: Line) {
    let audited = Audited::start(line, KEYS);
    with_users(&audited);
    let mut bob = client(&audited, "bob");
    for command in [
        "MULTI",
        "SET t:1 1",
        "AUTH eve secret",
        "SET t:2 1",
        "SELECT 4",
        "SET t:3 1",
        "EXEC",
        "SET t:4 1",
    ] {
        let reply = bob.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
    }
    let records = audited.records_so_far();
    one(&records, "t:1", "bob");
    let last = one(&records, "t:4", "eve");
    assert!(last.is("warden.database", "4"), "{last:?}");
    // A server that does not tell how commands end told of them as they arrived.
    let (user, database) = match line {
        Line::V8_0 => ("bob", "0"),
        Line::V9_1 => ("eve", "4"),
    };
    one(&records, "t:2", user);
    let third = one(&records, "t:3", user);
    assert!(third.is("warden.database", database), "{third:?}");
}

fn what_a_script_does_behind_a_log_in_in_a_transaction_is_of_the_new_user(line: Line) {
    let audited = Audited::start(line, KEYS);
    with_users(&audited);
    let mut bob = client(&audited, "bob");
    for command in [
        "MULTI",
        "AUTH eve secret",
        "SELECT 4",
        "CLIENT SETNAME eves",
    ] {
        assert!(bob.run(command).error().is_none(), "{command}");
    }
    let script = "return redis.call('SET', KEYS[1], '1')";
    bob.call(["EVAL", script, "1", "t:script"])
        .expect_text("QUEUED");
    bob.run("EXEC");
    let records = audited.records_so_far();
    let found = of_key(&records, "t:script");
    let mut by_it = found.iter().filter(|one| one.is("warden.command", "set"));
    let of = [
        ("user.name", "eve"),
        ("warden.database", "4"),
        ("warden.client_name", "eves"),
        ("warden.origin", "script"),
    ];
    let record = by_it.next().expect("the script's command");
    assert!(record.has(&of), "{record:?}");
}

fn what_changes_a_connection_shows_in_what_follows(line: Line) {
    // What fails is recorded, too, where what succeeds is not.
    for mode in ["all", "failures"] {
        if mode == "failures" && line == Line::V8_0 {
            continue;
        }
        let lines = format!("events = [\"keys\", \"config\"]\ncommand_result_mode = \"{mode}\"");
        let audited = Audited::start(line, &lines);
        with_users(&audited);
        let mut bob = client(&audited, "bob");
        for database in ["0", "7"] {
            bob.run(&format!("SELECT {database}")).expect_ok();
            bob.run("SET text 1").expect_ok();
        }
        let step = |bob: &mut Connection, command: &str, key: &str| {
            if !command.is_empty() {
                let reply = bob.run(command);
                assert!(reply.error().is_none(), "{command}: {reply}");
            }
            bob.run(&format!("BITOP AND {key} text {key}"));
            // Fails whatever there is.
            bob.run(&format!("EXPIRE {key} nonsense"))
                .expect_error("ERR");
        };
        step(&mut bob, "", "c:1");
        step(&mut bob, "CLIENT SETNAME one", "c:2");
        step(&mut bob, "HELLO 3 SETNAME two", "c:3");
        step(&mut bob, "SELECT 2", "c:4");
        bob.run("RESET");
        bob.auth("bob", "secret").expect_ok();
        step(&mut bob, "", "c:5");
        let records = audited.records_so_far();
        for (key, name, database) in [
            ("c:1", "", "7"),
            ("c:2", "one", "7"),
            ("c:3", "two", "7"),
            ("c:4", "two", "2"),
            ("c:5", "", "0"),
        ] {
            let of_it = [("warden.command", "expire"), ("warden.key", key)];
            let found: Vec<&AuditRecord> = records.iter().filter(|one| one.has(&of_it)).collect();
            assert_eq!(found.len(), 1, "{mode}: {key}");
            let expected = [
                ("user.name", "bob"),
                ("warden.client_name", name),
                ("warden.database", database),
            ];
            assert!(
                found[0].has(&expected),
                "{mode}: {expected:?}: {:?}",
                found[0]
            );
        }
    }
}

fn node(line: Line) -> Audited {
    let port = free_port().to_string();
    let builder = Scene::builder(line).config([
        ("cluster-enabled", "yes"),
        ("cluster-port", &port),
        ("cluster-node-timeout", "5000"),
        ("masterauth", ADMIN_PASSWORD),
    ]);
    Audited::build(KEYS, builder)
}

/// 8.0 has no such move; there a client moves keys, and is told.
fn a_slot_that_moves_is_no_work_of_clients(line: Line) {
    if line == Line::V8_0 {
        return;
    }
    let (first, second) = (node(line), node(line));
    let [(mut above, from), (mut below, to)] = [&first, &second].map(|audited| {
        let mut admin = audited.scene.server.admin();
        let id = admin.run("CLUSTER MYID").text();
        (admin, id)
    });
    above.run("CLUSTER ADDSLOTSRANGE 0 16383").expect_ok();
    let address = second.scene.server.address();
    let bus = second.scene.server.config_get("cluster-port").unwrap();
    let meet = format!("CLUSTER MEET {} {} {bus}", address.ip(), address.port());
    above.run(&meet).expect_ok();
    for admin in [&mut above, &mut below] {
        eventually("the nodes know each other", || {
            let nodes = admin.run("CLUSTER NODES").text();
            let state = admin.run("CLUSTER INFO").text();
            let known = nodes.contains(&from) && nodes.contains(&to) && nodes.contains("0-16383");
            (known && state.contains("cluster_state:ok") && !nodes.contains("handshake"))
                .then_some(())
        });
    }
    above.run("SET {q}before 1").expect_ok();
    let slot = above.run("CLUSTER KEYSLOT {q}").number();
    above
        .run(&format!(
            "CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {to}"
        ))
        .expect_ok();
    // Some of it goes along with the stream of what is written meanwhile.
    eventually("the slot has moved", || {
        let reply = above.run("INCR {q}meanwhile");
        reply.is_error("MOVED").then_some(())
    });
    eventually("it is the other's", || {
        below.run("SET {q}after 1").is_ok().then_some(())
    });
    let records = eventually("it is recorded", || {
        let records = second.records();
        let is_it = |one: &AuditRecord| {
            one.has(&[("warden.key", "{q}after"), ("event.outcome", "success")])
        };
        records.iter().any(is_it).then_some(records)
    });
    for key in ["{q}before", "{q}meanwhile"] {
        let found = of_key(&records, key);
        assert!(found.is_empty(), "{key}: {found:?}");
    }
    first.wait_for(&[("warden.key", "{q}before")]);
    let records = first.records();
    let before = of_key(&records, "{q}before");
    assert_eq!(before.len(), 1, "{before:?}");
    assert!(
        of_key(&records, "{q}meanwhile")
            .iter()
            .all(|one| one.is("user.name", "default"))
    );
}

/// Anybody with the right to that command can say so.
fn who_says_that_it_moves_slots_is_recorded_and_refused_all_the_same(line: Line) {
    if line == Line::V8_0 {
        return;
    }
    let (first, second) = (node(line), node(line));
    let mut above = first.scene.server.admin();
    let to = second.scene.server.admin().run("CLUSTER MYID").text();
    above.run("CLUSTER ADDSLOTSRANGE 0 8191").expect_ok();
    let mut below = second.scene.server.admin();
    below.run("CLUSTER ADDSLOTSRANGE 8192 16383").expect_ok();
    let address = second.scene.server.address();
    let bus = second.scene.server.config_get("cluster-port").unwrap();
    let meet = format!("CLUSTER MEET {} {} {bus}", address.ip(), address.port());
    above.run(&meet).expect_ok();
    let mut link = client_of(&first, "bob");
    let name = "b".repeat(40);
    let establish =
        format!("CLUSTER SYNCSLOTS ESTABLISH SOURCE {to} NAME {name} SLOTSRANGE 9000 9001");
    eventually("it says that it moves slots", || {
        let reply = link.run(&establish);
        reply.is_ok().then_some(())
    });
    // It is answered nothing any more.
    for samples in ["7", "8"] {
        link.send(["CONFIG", "SET", "maxmemory-samples", samples]);
    }
    let set = first.wait_for(&[
        ("warden.setting", "maxmemory-samples"),
        ("warden.after", "8"),
    ]);
    assert!(set.is("user.name", "bob"), "{set:?}");
    let command = first.wait_for(&[
        ("warden.command", "config|set"),
        ("warden.arguments", r#"["maxmemory-samples","8"]"#),
    ]);
    assert!(command.has(&[("user.name", "bob"), ("warden.origin", "client")]));
}

fn client_of(audited: &Audited, user: &str) -> Connection {
    drop(with_users(audited));
    client(audited, user)
}

fn what_a_transaction_under_another_name_does_is_of_whoever_runs_it(line: Line) {
    let lines = "events = [\"keys\", \"config\", \"acl\"]\ncommand_result_mode = \"all\"";
    let builder = Scene::builder(line).config([("rename-command EXEC", "xx")]);
    let audited = Audited::build(lines, builder);
    let mut bob = client_of(&audited, "bob");
    bob.run("MULTI").expect_ok();
    bob.run("INCR first").expect_text("QUEUED");
    bob.call([
        "EVAL",
        "return redis.call('SET', KEYS[1], '1')",
        "1",
        "second",
    ])
    .expect_text("QUEUED");
    bob.run("CONFIG SET maxmemory-samples 7")
        .expect_text("QUEUED");
    bob.run("ACL SETUSER made on").expect_text("QUEUED");
    bob.run("xx");
    let set = audited.wait_for(&[("warden.setting", "maxmemory-samples")]);
    assert!(set.is("user.name", "bob"), "{set:?}");
    let made = audited.wait_for(&[("user.target.name", "made")]);
    assert!(made.is("user.name", "bob"), "{made:?}");
    let records = audited.records_so_far();
    if line == Line::V9_1 {
        let found = of_key(&records, "second");
        let mut sets = found.iter().filter(|one| one.is("warden.command", "set"));
        assert!(
            sets.next().is_some_and(|one| one.is("user.name", "bob")),
            "{found:?}"
        );
    }
}

fn what_runs_before_what_was_put_off_is_not_told_as_its(line: Line) {
    let audited = Audited::start(line, KEYS);
    let mut admin = with_users(&audited);
    let mut bob = client(&audited, "bob");
    admin.run("CLIENT PAUSE 60000 WRITE").expect_ok();
    let script = "return redis.call('SET', KEYS[1], '1')";
    bob.send(["EVAL", script, "1", "put:bob"]);
    eventually("it is put off", || {
        let clients = admin.run("CLIENT LIST").text();
        clients.contains("flags=b").then_some(())
    });
    // In one go: the server takes up what was put off only behind all of it.
    let script = format!("{script:?}");
    let all = format!(
        "CLIENT UNPAUSE\r\nEVAL {script} 1 put:admin\r\nCONFIG SET maxmemory-samples 7\r\n"
    );
    admin.send_raw(all.as_bytes());
    (0..3).for_each(|_| admin.receive().expect_ok());
    bob.receive().expect_ok();
    let set = audited.wait_for(&[("warden.setting", "maxmemory-samples")]);
    // 8.0 does not tell which of them runs.
    let told = |user: &'static str| if line == Line::V9_1 { user } else { "" };
    assert!(set.is("user.name", told("default")), "{set:?}");
    let records = audited.records_so_far();
    for (key, user) in [("put:admin", "default"), ("put:bob", "bob")] {
        let found = of_key(&records, key);
        let mut sets = found.iter().filter(|one| one.is("warden.command", "set"));
        let set = sets.next().unwrap_or_else(|| panic!("{key}: {found:?}"));
        let by = if user == "bob" { user } else { told(user) };
        assert!(set.is("user.name", by), "{set:?}");
    }
}

fn a_unix_socket_and_tls_are_told(line: Line) {
    let authority = Authority::new("ca");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valkey.sock");
    let socket = path.display().to_string();
    let builder = Scene::builder(line)
        .config([("unixsocket", socket.as_str())])
        .server(|server| server.tls(&authority));
    let lines =
        "events = [\"connections\", \"auth\", \"keys\", \"config\"]\ncommand_result_mode = \"all\"";
    let audited = Audited::build(lines, builder);
    with_users(&audited);
    let server = &audited.scene.server;
    let mut local = Connection::open_unix(&path).unwrap();
    let mut encrypted = server.connect_tls(None);
    let mut plain = server.connect_from(9);
    let mut numbers = Vec::new();
    for (key, connection) in [
        ("c:local", &mut local),
        ("c:encrypted", &mut encrypted),
        ("c:plain", &mut plain),
    ] {
        connection.auth("bob", "secret").expect_ok();
        connection.run(&format!("SET {key} 1")).expect_ok();
        numbers.push(connection.id().to_string());
    }
    drop((local, encrypted, plain));
    for number in &numbers {
        audited.wait_for(&[
            ("event.action", "disconnect"),
            ("warden.connection", number),
        ]);
    }
    let records = audited.records_so_far();
    for ((number, ip), (tls, is_local)) in numbers.iter().zip(["", "127.0.0.1", "127.0.0.9"]).zip([
        ("", true),
        ("true", false),
        ("", false),
    ]) {
        let of_it = records
            .iter()
            .filter(|one| one.is("warden.connection", number));
        let of_it: Vec<&AuditRecord> = of_it.collect();
        let actions: Vec<String> = of_it.iter().map(|one| one.text("event.action")).collect();
        assert_eq!(
            actions,
            ["connect", "login", "set", "disconnect"],
            "{number}"
        );
        for record in of_it {
            assert!(record.is("source.ip", ip), "{record:?}");
            assert_eq!(
                record.is("tls.established", "true"),
                tls == "true",
                "{record:?}"
            );
            assert_eq!(!record.is("source.address", ""), is_local, "{record:?}");
            assert_eq!(record.is("source.port", ""), is_local, "{record:?}");
        }
    }
}
