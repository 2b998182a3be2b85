//! Audit beside modules that do what ValkeyAudit and valkey-ldap do, loaded before warden and
//! after it: each log-in and each command is recorded once, and who decided; and whoever goes
//! leaves the others' hooks where they are.

use warden_tests::native::{audit_module, ldap_module};
use warden_tests::{AuditRecord, Audited, Connection, Line, Scene, eventually, on_both_lines};

on_both_lines!(
    log_ins_are_recorded_once_whoever_decides_in_both_orders,
    a_log_in_that_takes_another_module_its_time_is_recorded_as_it_ends,
    a_log_in_in_a_transaction_is_recorded_when_it_runs,
    commands_are_recorded_once_in_both_orders,
    what_a_module_does_by_itself_is_of_nobody,
    whoever_goes_leaves_the_others_hooks_in_both_orders,
);

/// Dora is in the directory and an ACL user without a password; local has a password.
const PEOPLE: &str = "dora:swordfish alice:pearl";

const EVENTS: &str = "events = [\"auth\", \"keys\", \"config\"]\ncommand_result_mode = \"all\"";

/// Who is loaded first, and so asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Others,
    Warden,
}

const ORDERS: [First; 2] = [First::Others, First::Warden];

fn start(line: Line, first: First) -> (Audited, Connection) {
    let audit = audit_module().display().to_string();
    let ldap = ldap_module().display().to_string();
    let mut builder = Scene::builder(line);
    if first == First::Others {
        builder = builder.config([
            ("loadmodule", audit.as_str()),
            ("loadmodule", ldap.as_str()),
            ("ldap.people", PEOPLE),
        ]);
    }
    let audited = Audited::build(EVENTS, builder);
    let mut admin = audited.scene.server.admin();
    if first == First::Warden {
        let load = ["MODULE", "LOADEX", &ldap, "CONFIG", "ldap.people", PEOPLE];
        admin.call(load).expect_ok();
        admin.call(["MODULE", "LOAD", &audit]).expect_ok();
    }
    admin
        .run("ACL SETUSER dora on resetpass ~* +@all")
        .expect_ok();
    admin
        .run("ACL SETUSER local on >secret ~* +@all")
        .expect_ok();
    (audited, admin)
}

/// How often the other audit module was called: its filter, its callback, its events.
fn heard(admin: &mut Connection) -> [u64; 5] {
    let text = admin.run("AUDIT.HEARD").text();
    let numbers = text.split(' ').map(|pair| {
        let (_, number) = pair.split_once('=').expect("name=number");
        number.parse().expect("a number")
    });
    let numbers: Vec<u64> = numbers.collect();
    numbers.try_into().expect("five of them")
}

/// All that was recorded of log-ins of a name, but that somebody had to look first.
fn log_ins(records: &[AuditRecord], user: &str) -> Vec<[String; 3]> {
    let of_user = records
        .iter()
        .filter(|record| record.has(&[("event.action", "login"), ("user.name", user)]));
    let fields = ["event.outcome", "warden.method", "warden.module"];
    of_user
        .map(|record| fields.map(|field| record.text(field)))
        .collect()
}

/// As far as this server tells who decided.
fn by_the_directory(line: Line, outcome: &str) -> [String; 3] {
    match (line, outcome) {
        (Line::V9_1, "success") => ["success", "module", "ldap"].map(str::to_owned),
        _ => [outcome, "password", ""].map(str::to_owned),
    }
}

fn by_password(outcome: &str) -> [String; 3] {
    [outcome, "password", ""].map(str::to_owned)
}

fn log_ins_are_recorded_once_whoever_decides_in_both_orders(line: Line) {
    for first in ORDERS {
        let (audited, _admin) = start(line, first);
        let scene = &audited.scene;
        let token = scene.token("alice");
        scene.server.connect().auth("token", &token).expect_ok();
        scene.expect_refused("token", "x.y.z", "WRONGPASS");
        scene.server.connect().auth("dora", "swordfish").expect_ok();
        scene.expect_refused("dora", "wrong", "WRONGPASS");
        scene.server.connect().auth("local", "secret").expect_ok();
        scene.expect_refused("local", "wrong", "WRONGPASS");
        let mut hello = scene.server.connect();
        let reply = hello.call(["HELLO", "3", "SETNAME", "AUTH", "AUTH", "local", "secret"]);
        assert!(reply.error().is_none(), "{reply}");
        let records = audited.records_so_far();
        let tokens = log_ins(&records, "token");
        assert_eq!(tokens.len(), 2, "{first:?}: {tokens:?}");
        assert_eq!(tokens[0], ["success", "jwt", ""], "{first:?}");
        assert_eq!(tokens[1][0], "failure", "{first:?}");
        assert_eq!(
            log_ins(&records, "dora"),
            [
                by_the_directory(line, "success"),
                by_the_directory(line, "failure")
            ],
            "{first:?}"
        );
        assert_eq!(
            log_ins(&records, "local"),
            [
                by_password("success"),
                by_password("failure"),
                by_password("success")
            ],
            "{first:?}"
        );
    }
}

/// The directory takes 20 ms, in which others do what they like.
fn a_log_in_that_takes_another_module_its_time_is_recorded_as_it_ends(line: Line) {
    for first in ORDERS {
        let (audited, mut admin) = start(line, first);
        let mut clients: Vec<Connection> = (0..8).map(|_| audited.scene.server.connect()).collect();
        for client in &mut clients {
            client.send(["AUTH", "dora", "swordfish"]);
            admin.run("SET meanwhile 1").expect_ok();
        }
        for client in &mut clients {
            client.receive().expect_ok();
        }
        let records = audited.records_so_far();
        let found = log_ins(&records, "dora");
        assert_eq!(
            found,
            vec![by_the_directory(line, "success"); 8],
            "{first:?}"
        );
    }
}

fn a_log_in_in_a_transaction_is_recorded_when_it_runs(line: Line) {
    for first in ORDERS {
        let (audited, mut admin) = start(line, first);
        // In a transaction it may not take its time, and refuses.
        admin.run("MODULE UNLOAD ldap").expect_ok();
        admin
            .run("ACL SETUSER other on >secret ~* +@all")
            .expect_ok();
        let mut client = audited.scene.server.connect();
        client.auth("local", "secret").expect_ok();
        client.run("MULTI").expect_ok();
        client.run("AUTH other secret").expect_text("QUEUED");
        admin.run("SET meanwhile 1").expect_ok();
        let records = audited.records_so_far();
        assert!(log_ins(&records, "other").is_empty(), "{first:?}");
        client.run("EXEC");
        client.run("ACL WHOAMI").expect_text("other");
        let records = audited.records_so_far();
        let found = log_ins(&records, "other");
        assert_eq!(found, [by_password("success")], "{first:?}");
    }
}

fn commands_are_recorded_once_in_both_orders(line: Line) {
    for first in ORDERS {
        let (audited, mut admin) = start(line, first);
        let mut alice = audited.scene.log_in("alice");
        let before = heard(&mut admin);
        for number in 0..20 {
            admin.run(&format!("SET once:{number} 1")).expect_ok();
        }
        assert!(alice.run("GET reports:q1").is_nil());
        alice.run("SET reports:q1 x").expect_error("NOPERM");
        admin.run("LPUSH once:1 x").expect_error("WRONGTYPE");
        let after = heard(&mut admin);
        assert!(
            after[0] >= before[0] + 23,
            "{first:?}: its filter is called"
        );
        if line == Line::V9_1 {
            assert!(after[4] >= before[4] + 23, "{first:?}: its events come");
        }
        let records = audited.records_so_far();
        let of = |fields: &[(&str, &str)]| {
            let found = records.iter().filter(|record| record.has(fields));
            found.count()
        };
        for number in 2..20 {
            let key = format!("once:{number}");
            let found = of(&[("warden.command", "set"), ("warden.key", &key)]);
            assert_eq!(found, 1, "{first:?}: {key}");
        }
        for (command, user) in [
            ("get", "corp/alice"),
            ("set", "corp/alice"),
            ("lpush", "default"),
        ] {
            let key = if command == "lpush" {
                "once:1"
            } else {
                "reports:q1"
            };
            let fields = [
                ("warden.command", command),
                ("user.name", user),
                ("warden.key", key),
            ];
            assert_eq!(of(&fields), 1, "{first:?}: {fields:?}");
        }
    }
}

/// Not of whoever ran a script last.
fn what_a_module_does_by_itself_is_of_nobody(line: Line) {
    for is_wanted in [false, true] {
        let lines = format!("{EVENTS}\nignore_internal_clients = {}", !is_wanted);
        let audited = Audited::start(line, &lines);
        let mut admin = audited.scene.server.admin();
        let path = audit_module().display().to_string();
        admin.call(["MODULE", "LOAD", &path]).expect_ok();
        // Together: on 8.0 a command of a module's, or a script, is over when the next command comes.
        let script = "return redis.call('SET', 'script', '1')";
        let replies = admin.pipeline(&[
            &["AUDIT.LATER", "itself"],
            &["EVAL", script, "0"],
            &["PING"],
        ]);
        replies[0].expect_text("OK");
        eventually("it is done", || {
            (admin.run("GET itself").as_text()? == "1").then_some(())
        });
        let records = audited.records_so_far();
        let increments = records
            .iter()
            .filter(|one| one.has(&[("warden.command", "incr"), ("warden.key", "itself")]));
        let increments: Vec<&AuditRecord> = increments.collect();
        let expected = usize::from(is_wanted);
        assert_eq!(increments.len(), expected, "{increments:?}");
        for record in increments {
            let of_nobody = [("user.name", ""), ("warden.origin", "module")];
            assert!(record.has(&of_nobody), "{record:?}");
        }
    }
}

fn whoever_goes_leaves_the_others_hooks_in_both_orders(line: Line) {
    for first in ORDERS {
        let (audited, mut admin) = start(line, first);
        // Refused while a policy is compiled.
        eventually("warden is unloaded", || {
            admin.run("MODULE UNLOAD warden").is_ok().then_some(())
        });
        let before = heard(&mut admin);
        let server = &audited.scene.server;
        server.connect().auth("dora", "swordfish").expect_ok();
        server.connect().auth("local", "secret").expect_ok();
        admin.run("SET after 1").expect_ok();
        let after = heard(&mut admin);
        let more: Vec<u64> = after
            .iter()
            .zip(before)
            .map(|(now, then)| now - then)
            .collect();
        assert!(
            more[0] >= 3 && more[1] >= 1 && more[2] >= 2,
            "{first:?}: {more:?}"
        );
        if line == Line::V9_1 {
            assert!(more[3] == 2 && more[4] >= 3, "{first:?}: {more:?}");
        }
        let last = audited.records();
        let last = last.last().expect("records");
        assert!(last.is("event.action", "audit-stop"), "{first:?}: {last:?}");
        server.expect_healthy();
    }
    for first in ORDERS {
        let (audited, mut admin) = start(line, first);
        admin.run("MODULE UNLOAD audit").expect_ok();
        admin.run("MODULE UNLOAD ldap").expect_ok();
        audited.scene.log_in("alice");
        admin.run("SET after 1").expect_ok();
        audited
            .scene
            .server
            .connect()
            .auth("local", "secret")
            .expect_ok();
        let records = audited.records_so_far();
        let count =
            |fields: &[(&str, &str)]| records.iter().filter(|record| record.has(fields)).count();
        assert_eq!(count(&[("warden.key", "after")]), 1, "{first:?}");
        assert_eq!(
            count(&[
                ("event.outcome", "success"),
                ("warden.principal", "alice"),
                ("event.action", "login")
            ]),
            1
        );
        assert_eq!(
            log_ins(&records, "local"),
            [by_password("success")],
            "{first:?}"
        );
        audited.scene.server.expect_healthy();
    }
}
