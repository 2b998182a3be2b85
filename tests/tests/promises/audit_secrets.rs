//! A secret put into any command that can carry one, accepted, refused or denied, alone, in a
//! transaction or in a script, is in no record, and in nothing else that warden writes.

use std::time::Duration;

use warden_tests::{Audited, Connection, Line, Scene, on_both_lines};

on_both_lines!(
    a_secret_in_any_command_is_in_no_record,
    what_a_sink_wants_hidden_is_in_no_record,
);

/// In no record, whatever carries it.
const CANARY: &str = "CANARYc4n4ry0123456789";

/// Everything is recorded, and shown as far as it may be.
const EVERYTHING: &str =
    "command_result_mode = \"all\"\npayload_maxsize = 65536\nignore_internal_clients = false";

/// Commands with a secret in each place where one can stand. `%` is the canary.
const COMMANDS: &[&str] = &[
    "AUTH %",
    "AUTH alice %",
    "AUTH alice % more",
    "auth default %",
    "HELLO 3 AUTH alice %",
    "HELLO 2 AUTH default % SETNAME me",
    "HELLO 3 SETNAME me AUTH default %",
    "HELLO 9 AUTH alice %",
    "HELLO AUTH alice %",
    "ACL SETUSER bob on >% +get",
    "ACL SETUSER bob <%",
    "ACL SETUSER bob #%",
    "ACL SETUSER bob !%",
    "acl setuser bob nosuchrule >%",
    "ACL SETUSER bob (+get ~a) >%",
    "CONFIG SET requirepass admin-of-the-test-server masterauth %",
    "CONFIG SET masterauth % maxmemory nonsense",
    "CONFIG SET primaryauth %",
    "config set tls-key-file-pass %",
    "CONFIG SET nosuchmodule.password %",
    "CONFIG SET ldap.search_bind_passwd %",
    "MIGRATE 127.0.0.1 1 key 0 10 AUTH %",
    "MIGRATE 127.0.0.1 1 key 0 10 COPY REPLACE AUTH2 user %",
    "MIGRATE 127.0.0.1 1 key 0 10 AUTH2 user % KEYS a b",
    "SENTINEL SET mymaster auth-pass %",
    "SENTINEL CONFIG SET sentinel-pass %",
    "MODULE LOAD /nowhere.so %",
    "MODULE LOADEX /nowhere.so CONFIG a.password % ARGS %",
    "EVAL return'%' 0",
    "EVAL return(1) 0 %",
    "EVALSHA 0000000000000000000000000000000000000000 0 %",
    "SCRIPT LOAD return'%'",
    "FCALL nosuch 0 %",
    "WARDEN.EXPLAIN alice %",
    "WARDEN.DRYRUN alice % GET a",
    "WARDEN.DRYRUN alice % AUTH %",
    "WARDEN.EXPLAIN alice % more",
    "NOSUCHCOMMAND %",
    "AUHT alice %",
    "%",
    "% %",
    "CONFIG % %",
    "ACL % %",
    "CLIENT % %",
];

fn words(command: &str) -> impl Iterator<Item = String> {
    command.split(' ').map(|word| word.replace('%', CANARY))
}

/// What it answers does not matter: accepted and refused are recorded alike. Some end the
/// connection of somebody who has not logged in.
fn send_all(connect: impl Fn() -> Connection) {
    let mut client = connect();
    for command in COMMANDS {
        client.send(words(command));
        if client.receive_within(Duration::from_secs(20)).is_err() {
            client = connect();
        }
    }
}

fn a_secret_in_any_command_is_in_no_record(line: Line) {
    let audited = Audited::start(line, EVERYTHING);
    let scene = &audited.scene;
    send_all(|| scene.server.admin());
    // Denied before anybody has logged in, and by the rights of a session.
    send_all(|| scene.server.connect());
    send_all(|| scene.log_in("alice"));
    // In a transaction, where what is refused at once does not run.
    for command in COMMANDS {
        let mut admin = scene.server.admin();
        admin.run("MULTI").expect_ok();
        admin.send(words(command));
        admin.send(["EXEC"]);
        // 8.0 loses the reply to a native AUTH that failed in EXEC.
        let _ = admin.receive_within(Duration::from_secs(1));
        let _ = admin.receive_within(Duration::from_millis(300));
    }
    let mut admin = scene.server.admin();
    // From a script.
    for call in [
        "'AUTH','default','%'",
        "'CONFIG','SET','masterauth','%'",
        "'ACL','SETUSER','bob','>%'",
        "'MIGRATE','127.0.0.1','1','k','0','10','AUTH','%'",
    ] {
        let script = format!("return redis.pcall({})", call.replace('%', CANARY));
        admin.call(["EVAL", &script, "0"]);
    }
    let records = audited.records_so_far();
    assert!(
        records.len() > 3 * COMMANDS.len(),
        "{} records",
        records.len()
    );
    for record in &records {
        let text = record.0.to_string();
        assert!(!text.contains(CANARY), "{text}");
    }
    let log = scene.server.log();
    let ours: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("<module>"))
        .collect();
    assert!(!ours.iter().any(|line| line.contains(CANARY)), "{ours:?}");
    let info = scene.server.admin().run("INFO warden").text();
    assert!(!info.contains(CANARY));
    // What is no secret is shown.
    let shown = |name: &str, arguments: &str| {
        let found = records
            .iter()
            .any(|record| record.has(&[("warden.command", name), ("warden.arguments", arguments)]));
        assert!(found, "{name} {arguments}");
    };
    shown("acl|setuser", r#"["bob","on","(redacted)","+get"]"#);
}

fn what_a_sink_wants_hidden_is_in_no_record(line: Line) {
    let lines = format!("{EVERYTHING}\n[[redact]]\ncommand = \"hset\"\narguments = [3]\n");
    let audited = Audited::build(&lines, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    admin.call(["HSET", "card:1", "number", CANARY]);
    admin.call(["HSET", "card:1", "name", "shown"]);
    let records = audited.records_so_far();
    assert!(
        records
            .iter()
            .any(|record| record.is("warden.command", "hset"))
    );
    assert!(
        !records
            .iter()
            .any(|record| record.0.to_string().contains(CANARY))
    );
}
