//! A secret put into any command that can carry one, accepted, refused or denied, alone, in a
//! transaction or in a script, is in no record, and in nothing else that warden writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warden_tests::{
    AuditRecord, Audited, Collector, Connection, Line, Scene, eventually, on_both_lines,
};

on_both_lines!(
    a_secret_in_any_command_is_in_no_record,
    a_secret_in_the_value_of_any_setting_is_in_no_record,
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
    "CONFIG SET requirepas %",
    "CONFIG SET requirepass% admin-of-the-test-server",
    "ACL DRYRUN default CONFIG SET requirepas %",
    "COMMAND GETKEYS CONFIG SET requirepas %",
    "WARDEN.DRYRUN alice - CONFIG SET requirepas %",
    "MODULE LOADEX /nowhere.so CONFIG a.requirepas %",
    "ACL SETUSER bob>% on",
    "ACL SETUSER bob'%' on",
    "ACL WHOAMI %",
    "CONFIG REWRITE %",
    "CONFIG SET timeout 0 masterauht %",
    "CONFIG SET masterauth % maxmemory nonsense",
    "CONFIG SET primaryauth %",
    "config set tls-key-file-pass %",
    "CONFIG SET nosuchmodule.password %",
    "CONFIG SET ldap.search_bind_passwd %",
    "CONFIG SET nosuchmodule.url https://user:%@host/",
    "CONFIG GET requirepass %",
    "MIGRATE 127.0.0.1 1 key 0 10 AUTH %",
    "MIGRATE 127.0.0.1 1 key 0 10 COPY REPLACE AUTH2 user %",
    "MIGRATE 127.0.0.1 1 key 0 10 AUTH2 user % KEYS a b",
    "SENTINEL SET mymaster auth-pass %",
    "SENTINEL CONFIG SET sentinel-pass %",
    "MODULE LOAD /nowhere.so %",
    "MODULE LOADEX /nowhere.so CONFIG a.password % ARGS %",
    "EVAL return'%' 0",
    "EVAL return(1) 0 %",
    "ECHO %",
    "echo % more",
    "PING %",
    "REPLCONF masterauth %",
    "REPLCONF listening-port 1 auth-token %",
    "ACL DRYRUN default AUTH %",
    "ACL DRYRUN default AUTH alice %",
    "acl dryrun default CONFIG SET masterauth %",
    "ACL DRYRUN default ACL SETUSER bob >%",
    "ACL DRYRUN default ACL DRYRUN default HELLO 3 AUTH alice %",
    "ACL DRYRUN default NOSUCHCOMMAND %",
    "ACL DRYRUN nobody AUTH %",
    "ACL GETUSER >%",
    "ACL DELUSER >%",
    "COMMAND GETKEYS AUTH alice %",
    "COMMAND GETKEYS MIGRATE 127.0.0.1 1 key 0 10 AUTH %",
    "COMMAND GETKEYS EVAL return'%' 1 key",
    "command getkeysandflags MIGRATE 127.0.0.1 1 key 0 10 AUTH2 user %",
    "COMMAND GETKEYS NOSUCHCOMMAND %",
    "FUNCTION LOAD %",
    "FUNCTION LOAD #!lua\tname=lib\nlocal_password='%'",
    "FUNCTION LOAD REPLACE %",
    "FUNCTION RESTORE % FLUSH",
    "FUNCTION RESTORE % %",
    "SCRIPT EXISTS %",
    "SCRIPT SHOW %",
    "DEBUG SLEEP 0 %",
    "DEBUG STRINGMATCH-TEST % %",
    "debug error %",
    "DEBUG LOG %",
    "DEBUG %",
    "DEBUG % %",
    "EVALSHA 0000000000000000000000000000000000000000 0 %",
    "SCRIPT LOAD return'%'",
    "FCALL nosuch 0 %",
    "WARDEN.EXPLAIN alice %",
    "WARDEN.DRYRUN alice % GET a",
    "WARDEN.DRYRUN alice % AUTH %",
    "WARDEN.EXPLAIN alice % more",
    "NOSUCHCOMMAND %",
    "AUHT alice %",
    "nosuch.command password=%",
    "SENTINEL SET mymaster auth-user %",
    "%",
    "% %",
    "CONFIG % %",
    "ACL % %",
    "CLIENT % %",
];

/// Settings whose names are harmless, with a secret in the value.
const VALUES: &[&str] = &[
    "CONFIG SET proc-title-template password=%",
    "CONFIG SET proc-title-template https://user:%@host/",
    "CONFIG SET maxmemory 1gb availability-zone {\"password\":\"%\"}",
    "CONFIG SET availability-zone https://user:%@host/?a=b",
    "CONFIG SET availability-zone harmless proc-title-template {port}",
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

/// Sinks of each kind beside the file of JSON, which show as much.
fn add_sinks(audited: &Audited, collector: &Collector) {
    for format in ["text", "csv"] {
        let path = audited.path(&format!("all.{format}"));
        let sink =
            format!("type = \"file\"\npath = {path:?}\nformat = \"{format}\"\n{EVERYTHING}\n");
        audited.sinks.replace(&format!("{format}.toml"), sink);
    }
    let port = collector.address().port();
    let sink = format!("type = \"tcp\"\nhost = \"127.0.0.1\"\nport = {port}\n{EVERYTHING}\n");
    audited.sinks.replace("net.toml", sink);
    let mut admin = audited.scene.server.admin();
    eventually("all sinks write", || {
        let info = admin.run("INFO warden").text();
        (info.matches("state=ok").count() == 4).then_some(())
    });
}

/// All files below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    };
    paths.flat_map(below).collect()
}

/// What warden has written anywhere, by the place.
fn everything_written(audited: &Audited, collector: &Collector) -> Vec<(String, Vec<u8>)> {
    let server = &audited.scene.server;
    let log = server.log();
    let ours: String = log
        .lines()
        .filter(|line| line.contains("<module>") || line.contains("warden"))
        .map(|line| format!("{line}\n"))
        .collect();
    let sent = collector.connections();
    let sent: Vec<u8> = sent.into_iter().flat_map(|one| one.bytes).collect();
    let mut all = vec![
        ("the log".to_owned(), ours.into_bytes()),
        ("the collector".to_owned(), sent),
    ];
    // The sinks' own files, and what is kept in `state_dir`.
    let files = files_below(audited.file.parent().expect("a directory"));
    assert!(files.iter().any(|path| path.ends_with("state/node.key")));
    for path in files {
        let bytes = fs::read(&path).expect("the file can be read");
        all.push((path.display().to_string(), bytes));
    }
    all
}

fn expect_nowhere(everything: &[(String, Vec<u8>)]) {
    let mut found = Vec::new();
    for (place, bytes) in everything {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().filter(|line| line.contains(CANARY));
        found.extend(lines.map(|line| format!("{place}: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn a_secret_in_any_command_is_in_no_record(line: Line) {
    let collector = Collector::start();
    // With all it has to say.
    let builder = Scene::builder(line)
        .config([("loglevel", "debug")])
        .module_args(["log_level", "debug"]);
    let audited = Audited::build(EVERYTHING, builder);
    add_sinks(&audited, &collector);
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
        "'ECHO','%'",
        "'ACL','DRYRUN','default','AUTH','%'",
        "'COMMAND','GETKEYS','AUTH','%'",
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
    let info = scene.server.admin().run("INFO warden").text();
    assert!(!info.contains(CANARY));
    // Until its last word.
    scene.server.stop();
    collector.ended(1);
    let everything = everything_written(&audited, &collector);
    for name in ["the collector", "all.text", "all.csv"] {
        let (_, bytes) = everything
            .iter()
            .find(|(place, _)| place.ends_with(name))
            .unwrap_or_else(|| panic!("no {name}"));
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("audit-stop"), "{name}");
        assert!(text.contains("(redacted)"), "{name}");
    }
    expect_nowhere(&everything);
    // What is no secret is shown.
    let shown = |name: &str, arguments: &str| {
        let found = records
            .iter()
            .any(|record| record.has(&[("warden.command", name), ("warden.arguments", arguments)]));
        assert!(found, "{name} {arguments}");
    };
    for (name, arguments) in [
        ("acl|setuser", r#"["bob","on","(redacted)","+get"]"#),
        ("echo", r#"["(redacted)"]"#),
        ("ping", r#"["(redacted)"]"#),
        ("replconf", r#"["masterauth","(redacted)"]"#),
        (
            "acl|dryrun",
            r#"["default","CONFIG","SET","masterauth","(redacted)"]"#,
        ),
        ("debug", r#"["SLEEP","(redacted)","(redacted)"]"#),
        ("function|load", r#"["REPLACE","(redacted)"]"#),
    ] {
        shown(name, arguments);
    }
}

/// Neither in the record of the command nor in that of the change, before it or after.
fn a_secret_in_the_value_of_any_setting_is_in_no_record(line: Line) {
    // One that is there when the server starts.
    let title = format!("token={CANARY}");
    let builder = Scene::builder(line).config([("proc-title-template", title.as_str())]);
    let collector = Collector::start();
    let audited = Audited::build(EVERYTHING, builder);
    add_sinks(&audited, &collector);
    let mut admin = audited.scene.server.admin();
    for command in VALUES {
        admin.call(words(command)).expect_ok();
    }
    let records = audited.records_so_far();
    for setting in ["proc-title-template", "availability-zone"] {
        let of = |record: &&AuditRecord| record.is("warden.setting", setting);
        let changes = records.iter().filter(of).count();
        assert_eq!(changes, 3, "{setting}");
    }
    let harmless = [
        ("warden.setting", "availability-zone"),
        ("warden.after", "harmless"),
    ];
    assert!(records.iter().any(|record| record.has(&harmless)));
    let hidden = [
        ("warden.command", "config|set"),
        (
            "warden.arguments",
            r#"["proc-title-template","(redacted)"]"#,
        ),
    ];
    let commands = records.iter().filter(|record| record.has(&hidden));
    assert_eq!(commands.count(), 2);
    audited.scene.server.stop();
    collector.ended(1);
    expect_nowhere(&everything_written(&audited, &collector));
}

fn what_a_sink_wants_hidden_is_in_no_record(line: Line) {
    let patterns = "[[redact]]\ncommand = \"hset\"\narguments = [3]\n\
        [[redact]]\ncommand = \"incrby\"\narguments = [1]\n";
    let lines = format!("{EVERYTHING}\n{patterns}");
    let audited = Audited::build(&lines, Scene::builder(line));
    let mut admin = audited.scene.server.admin();
    admin.call(["HSET", "card:1", "number", CANARY]);
    admin.call(["HSET", "card:1", "name", "shown"]);
    // A key is no exception.
    admin.call(["INCRBY", CANARY, "1"]);
    let records = audited.records_so_far();
    assert!(
        records
            .iter()
            .any(|record| record.is("warden.command", "hset"))
    );
    let key = [("warden.command", "incrby"), ("warden.key", "(redacted)")];
    assert!(records.iter().any(|record| record.has(&key)));
    assert!(
        !records
            .iter()
            .any(|record| record.0.to_string().contains(CANARY))
    );
}
