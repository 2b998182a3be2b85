//! A canary goes through every command and form that can carry a secret.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "hunter2-CANARY";

/// The arguments of a line, divided at spaces; `''` is an empty one, `^` within one a space.
fn split(line: &str) -> Vec<Vec<u8>> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words
        .map(|word| match word {
            "''" => Vec::new(),
            word => word.replace('^', " ").into_bytes(),
        })
        .collect()
}

/// What a record shows of a request: `-` for what is hidden, `''` for an empty argument. Its
/// name is that by which the server finds it.
fn shown_by(redactor: &Redactor, line: &str, known: bool) -> String {
    let argv = split(line);
    let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    let mut name = argv[0].to_ascii_lowercase();
    if known && table::is_container(&name) && argv.len() > 1 {
        name.push(b'|');
        name.extend(argv[1].to_ascii_lowercase());
    }
    let redaction = redactor.of_command(&name, known);
    let hidden = redaction.hidden(&argv);
    assert!(!redaction.is_plain() || hidden.is_none());
    let arguments = argv.iter().enumerate().map(|(place, argument)| {
        let text = String::from_utf8_lossy(argument);
        match (hidden.hides(place), text.as_ref()) {
            (true, _) => "-".to_owned(),
            (false, "") => "''".to_owned(),
            (false, text) if place == 0 => {
                String::from_utf8_lossy(shown_name(text.as_bytes(), known)).into_owned()
            }
            (false, text) => text.replace(' ', "^"),
        }
    });
    arguments.collect::<Vec<_>>().join(" ")
}

fn shown(line: &str) -> String {
    shown_by(&Redactor::default(), line, true)
}

/// What is shown of requests; `*` stands for the canary.
#[test]
fn what_is_no_secret_is_shown_and_what_may_be_one_is_not() {
    for (request, expected) in [
        ("AUTH *", "AUTH -"),
        ("AUTH alice *", "AUTH - -"),
        ("auth alice * * x", "auth - - - -"),
        ("HELLO", "HELLO"),
        ("HELLO 3", "HELLO 3"),
        ("HELLO 3 AUTH alice *", "HELLO 3 AUTH - -"),
        (
            "hello 3 setname app auth alice *",
            "hello 3 setname app auth - -",
        ),
        (
            "HELLO 3 AUTH alice * SETNAME app",
            "HELLO 3 AUTH - - SETNAME app",
        ),
        (
            "HELLO 2 AUTH a * AUTH b * SETNAME x",
            "HELLO 2 AUTH - - AUTH - - SETNAME x",
        ),
        ("HELLO 3 AUTH *", "HELLO 3 AUTH -"),
        ("HELLO 3 SETNAME AUTH alice *", "HELLO 3 SETNAME AUTH - -"),
        ("HELLO 3 AUHT alice * SETNAME x", "HELLO 3 - - - - -"),
        ("HELLO AUTH alice *", "HELLO - - -"),
        ("HELLO * AUTH alice x", "HELLO - - - -"),
        ("HELLO 3 SETNAME", "HELLO 3 SETNAME"),
        (
            "ACL SETUSER bob on >* ~k:* +@all -debug",
            "ACL SETUSER bob on - ~k:hunter2-CANARY +@all -debug",
        ),
        (
            "acl setuser bob <* resetpass #* !*",
            "acl setuser bob - resetpass - -",
        ),
        (
            "ACL SETUSER bob (+get^~a) ( +set ~b >* ) &ch db=1,2 alldbs",
            "ACL SETUSER bob (+get^~a) ( +set ~b - ) &ch db=1,2 alldbs",
        ),
        ("ACL SETUSER bob (+get^>*)", "ACL SETUSER bob -"),
        ("ACL SETUSER bob on^>*", "ACL SETUSER bob -"),
        ("ACL SETUSER bob ~a>* +get>*", "ACL SETUSER bob - -"),
        ("ACL SETUSER bob > * +get", "ACL SETUSER bob - - -"),
        ("ACL SETUSER bob >\"* +*\" +get", "ACL SETUSER bob - - -"),
        (
            "ACL SETUSER bob %R~a %RW~* *",
            "ACL SETUSER bob %R~a %RW~hunter2-CANARY -",
        ),
        ("ACL SETUSER >* on", "ACL SETUSER - on"),
        ("ACL SETUSER", "ACL SETUSER"),
        ("ACL DELUSER bob >*", "ACL DELUSER bob -"),
        ("ACL GETUSER bob", "ACL GETUSER bob"),
        ("ACL GENPASS 128", "ACL GENPASS 128"),
        ("ACL DRYRUN bob GET k", "ACL DRYRUN bob GET k"),
        ("ACL DRYRUN bob AUTH x *", "ACL DRYRUN bob AUTH - -"),
        (
            "ACL DRYRUN bob config set maxmemory 1 requirepass *",
            "ACL DRYRUN bob config set maxmemory 1 requirepass -",
        ),
        ("ACL DRYRUN bob CONFIG *", "ACL DRYRUN bob CONFIG -"),
        ("ACL DRYRUN bob * x", "ACL DRYRUN bob - -"),
        (
            "ACL DRYRUN bob ACL DRYRUN eve ACL DRYRUN joe AUTH *",
            "ACL DRYRUN bob ACL DRYRUN eve ACL DRYRUN joe AUTH -",
        ),
        (
            "ACL DRYRUN a ACL DRYRUN b ACL DRYRUN c ACL DRYRUN d GET *",
            "ACL DRYRUN a ACL DRYRUN b ACL DRYRUN c ACL DRYRUN d - -",
        ),
        (
            "COMMAND GETKEYS MIGRATE h 1 '' 0 9 AUTH * KEYS a",
            "COMMAND GETKEYS MIGRATE h 1 '' 0 9 AUTH - KEYS a",
        ),
        ("CONFIG SET maxmemory 1gb", "CONFIG SET maxmemory 1gb"),
        ("CONFIG SET requirepass *", "CONFIG SET requirepass -"),
        (
            "config set maxmemory 1gb MasterAuth * save x PRIMARYAUTH * port 1",
            "config set maxmemory 1gb MasterAuth - save x PRIMARYAUTH - port 1",
        ),
        (
            "CONFIG SET port requirepass *",
            "CONFIG SET port requirepass -",
        ),
        (
            "CONFIG SET port requirepass * x",
            "CONFIG SET port requirepass - -",
        ),
        (
            "CONFIG SET requirepass * port",
            "CONFIG SET requirepass - -",
        ),
        ("CONFIG SET requirepass", "CONFIG SET requirepass"),
        ("CONFIG SET *", "CONFIG SET -"),
        ("CONFIG SET", "CONFIG SET"),
        (
            "CONFIG SET ldap.search_bind_passwd * ldap.servers ldap://a",
            "CONFIG SET ldap.search_bind_passwd - ldap.servers ldap://a",
        ),
        (
            "CONFIG SET x.args --password=* x.b 2",
            "CONFIG SET x.args - x.b 2",
        ),
        (
            "CONFIG SET x.url https://u:*@h x.b 2",
            "CONFIG SET x.url - x.b 2",
        ),
        ("CONFIG SET requirepass=* x", "CONFIG SET - -"),
        (
            "CONFIG GET max* requirepass",
            "CONFIG GET maxhunter2-CANARY requirepass",
        ),
        ("CONFIG GET requirepass *", "CONFIG GET requirepass -"),
        (
            "MIGRATE h 6379 key 0 5000 COPY AUTH * REPLACE",
            "MIGRATE h 6379 key 0 5000 COPY AUTH - REPLACE",
        ),
        (
            "migrate h 6379 '' 0 5000 auth2 u * keys a auth b",
            "migrate h 6379 '' 0 5000 auth2 - - keys a auth b",
        ),
        (
            "MIGRATE h 6379 key 0 5000 KEYS *",
            "MIGRATE h 6379 key 0 5000 - -",
        ),
        ("MIGRATE h 6379 key AUTH *", "MIGRATE h 6379 key AUTH -"),
        ("MIGRATE h 6379 AUTH * 0 5000", "MIGRATE h 6379 AUTH - - -"),
        (
            "MIGRATE h 6379 key 0 AUTH2 u *",
            "MIGRATE h 6379 key 0 AUTH2 - -",
        ),
        ("MIGRATE AUTH *", "MIGRATE AUTH -"),
        ("MIGRATE h 1 k 0 9 AUHT *", "MIGRATE h 1 k 0 9 - -"),
        ("SENTINEL SET m auth-pass *", "SENTINEL SET m auth-pass -"),
        (
            "sentinel set m quorum 2 AUTH-USER * down-after-milliseconds 5",
            "sentinel set m quorum 2 AUTH-USER - down-after-milliseconds 5",
        ),
        (
            "SENTINEL SET m rename-command CONFIG * quorum 2",
            "SENTINEL SET m rename-command - - - -",
        ),
        (
            "SENTINEL CONFIG SET sentinel-pass *",
            "SENTINEL CONFIG SET sentinel-pass -",
        ),
        (
            "SENTINEL CONFIG SET loglevel debug sentinel-user *",
            "SENTINEL CONFIG SET loglevel debug sentinel-user -",
        ),
        (
            "SENTINEL CONFIG GET sentinel-pass",
            "SENTINEL CONFIG GET sentinel-pass",
        ),
        (
            "SENTINEL CONFIG STE sentinel-pass *",
            "SENTINEL CONFIG - - -",
        ),
        ("MODULE LOAD /m.so password *", "MODULE LOAD /m.so - -"),
        (
            "module loadex /m.so CONFIG a.secret * CONFIG a.b 2 ARGS * c",
            "module loadex /m.so CONFIG a.secret - CONFIG a.b 2 ARGS - -",
        ),
        ("MODULE LOADEX /m.so a.secret *", "MODULE LOADEX /m.so - -"),
        (
            "MODULE LOADEX /m.so CONFIG *",
            "MODULE LOADEX /m.so CONFIG -",
        ),
        (
            "MODULE LOADEX /m.so CONFIG CONFIG a.secret *",
            "MODULE LOADEX /m.so CONFIG CONFIG - -",
        ),
        ("EVAL return^'*' 1 k *", "EVAL - 1 k -"),
        ("eval_ro * 0", "eval_ro - 0"),
        ("EVAL * 5 k *", "EVAL - 5 - -"),
        ("EVAL * x k", "EVAL - - -"),
        ("EVAL * -1 k", "EVAL - - -"),
        (
            "EVALSHA 0123456789012345678901234567890123456789 1 k *",
            "EVALSHA 0123456789012345678901234567890123456789 1 k -",
        ),
        ("EVALSHA * 0", "EVALSHA - 0"),
        ("FCALL f 2 a b *", "FCALL f 2 a b -"),
        ("fcall_ro f 0 * *", "fcall_ro f 0 - -"),
        ("FUNCTION LOAD REPLACE *", "FUNCTION LOAD REPLACE -"),
        ("FUNCTION LOAD *", "FUNCTION LOAD -"),
        ("FUNCTION RESTORE * FLUSH", "FUNCTION RESTORE - FLUSH"),
        ("FUNCTION RESTORE FLUSH *", "FUNCTION RESTORE - -"),
        ("SCRIPT LOAD *", "SCRIPT LOAD -"),
        ("SCRIPT EXISTS *", "SCRIPT EXISTS -"),
        ("DEBUG SLEEP 1", "DEBUG SLEEP -"),
        ("DEBUG LOG *", "DEBUG LOG -"),
        ("DEBUG *", "DEBUG -"),
        ("ECHO *", "ECHO -"),
        ("PING *", "PING -"),
        ("WARDEN.EXPLAIN alice *", "WARDEN.EXPLAIN - -"),
        ("warden.dryrun alice * GET k", "warden.dryrun - - GET k"),
        (
            "WARDEN.DRYRUN alice * DB 3 SET k v",
            "WARDEN.DRYRUN - - DB 3 SET k v",
        ),
        ("WARDEN.DRYRUN alice * AUTH *", "WARDEN.DRYRUN - - AUTH -"),
        ("WARDEN.DRYRUN a * DB * GET k", "WARDEN.DRYRUN - - DB - - -"),
        (
            "WARDEN.DRYRUN a * CONFIG SET requirepass *",
            "WARDEN.DRYRUN - - CONFIG SET requirepass -",
        ),
        ("WARDEN.DRYRUN *", "WARDEN.DRYRUN -"),
        ("WARDEN.KILL USER corp/a", "WARDEN.KILL USER corp/a"),
        ("CLIENT SETNAME app", "CLIENT SETNAME app"),
        ("CLIENT KILL USER bob", "CLIENT KILL USER bob"),
        ("SUBSCRIBE news", "SUBSCRIBE news"),
        ("REPLICAOF h 6379", "REPLICAOF h 6379"),
        ("SET auth-token v EX 5", "SET auth-token v EX 5"),
        // Containers without a subcommand that is one.
        ("ACL", "ACL"),
        // Commands of modules.
        ("JSON.SET doc $ 1", "JSON.SET doc $ 1"),
        ("X.DO k PASSWORD * more", "X.DO k PASSWORD - -"),
        ("X.DO k password=* more", "X.DO k - -"),
        ("X.AUTH k *", "X.AUTH - -"),
        ("LDAP.SETPASSWORD *", "LDAP.SETPASSWORD -"),
    ] {
        let request = request.replace('*', CANARY);
        assert_eq!(shown(&request), expected, "{request}");
    }
}

#[test]
fn of_a_command_that_the_server_does_not_know_only_a_name_is_shown() {
    let redactor = Redactor::default();
    for (request, expected) in [
        ("AUHT alice *", "AUHT - -"),
        ("CONFIG STE requirepass *", "CONFIG - - -"),
        ("ACL *", "ACL -"),
        (
            "b840fc02d524045429941cc15f59e41c SET x *",
            "(unknown) - - -",
        ),
        ("*", "(unknown)"),
        ("''", "''"),
    ] {
        let request = request.replace('*', CANARY);
        assert_eq!(shown_by(&redactor, &request, false), expected);
    }
    assert_eq!(shown_name(b"config|set", true), b"config|set");
    assert_eq!(shown_name(b"", false), UNKNOWN);
    assert_eq!(shown_name("é".as_bytes(), false), UNKNOWN);
}

#[test]
fn settings_with_secrets_are_told_from_others() {
    for name in [
        "requirepass",
        "masterauth",
        "primaryauth",
        "masteruser",
        "PrimaryUser",
        "tls-key-file-pass",
        "tls-client-key-file-pass",
        "sentinel-pass",
        "sentinel-user",
        "auth-pass",
        "auth-user",
        "ldap.search_bind_passwd",
        "ldap.search_bind_password",
        "mod.api_key",
        "mod.apikey",
        "mod.client_secret",
        "mod.access-token",
        "mod.credentials",
        "mod.private_key",
    ] {
        assert!(is_sensitive(name.as_bytes()), "{name}");
    }
    for name in [
        "maxmemory",
        "tls-key-file",
        "tls-client-key-file",
        "tls-auth-clients",
        "tls-auth-clients-user",
        "notify-keyspace-events",
        "tracking-table-max-keys",
        "rdb-key-save-delay",
        "key-load-delay",
        "hide-user-data-from-log",
        "lazyfree-lazy-user-del",
        "warden.authenticator_dir",
        "warden.policy_keys",
        "warden.audit_dir",
        "audit.protocol",
    ] {
        assert!(!is_sensitive(name.as_bytes()), "{name}");
    }
    assert!(is_sensitive(&[b'a'; 97]));
}

#[test]
fn the_table_names_each_command_once() {
    let mut names: Vec<&str> = table::PLAIN.split(' ').collect();
    names.extend(table::FORMS.iter().map(|(name, _)| *name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| is_decided(name.as_bytes())));
    assert!(is_decided(b"CONFIG|SET") && !is_decided(b"json.set"));
}

fn glob(text: &str) -> Option<glob::Pattern> {
    (!text.is_empty()).then(|| glob::Pattern::new(text).unwrap())
}

#[test]
fn what_operators_want_hidden_is_hidden_besides() {
    let pattern = |command, key, value, arguments: &[usize]| {
        Pattern::new(
            glob(command),
            glob(key),
            glob(value),
            arguments.iter().copied().collect(),
        )
    };
    let redactor = Redactor::new([
        pattern("json.set", "", "", &[3]),
        pattern("", "secret:*", "", &[]),
        pattern("[gp]*set*", "", "eyJ*", &[]),
        pattern("client|setname", "", "", &[1]),
    ]);
    for (request, expected) in [
        ("JSON.SET k $ v", "JSON.SET k $ -"),
        ("json.set secret:1 $ v", "json.set secret:1 - -"),
        ("SET secret:1 v EX 5", "SET secret:1 - - -"),
        ("MSET a b secret:1 v", "MSET - - secret:1 -"),
        ("SET public:1 eyJx", "SET public:1 eyJx"),
        ("GETSET k eyJx", "GETSET k -"),
        ("GETSET k v", "GETSET k v"),
        ("CLIENT SETNAME app", "CLIENT SETNAME -"),
        (
            "ACL DRYRUN bob JSON.SET k $ v",
            "ACL DRYRUN bob JSON.SET - - -",
        ),
        ("ACL DRYRUN bob SET secret:1 v", "ACL DRYRUN - - secret:1 -"),
        ("AUTH a b", "AUTH - -"),
    ] {
        assert_eq!(shown_by(&redactor, request, true), expected, "{request}");
    }
    // What is too long to be looked at is what the pattern means.
    let long = "v".repeat(1025);
    let hidden = redactor.of_command(b"getset", true);
    assert!(hidden.hidden(&[b"GETSET", b"k", long.as_bytes()]).hides(2));
}

#[test]
fn bytes_that_are_no_text_are_matched_as_any_character() {
    let redactor = Redactor::new([Pattern::new(None, glob("s:?"), None, Default::default())]);
    let redaction = redactor.of_command(b"set", true);
    let hidden = redaction.hidden(&[b"SET", b"s:\xff", b"v"]);
    assert!(hidden.hides(2) && !hidden.hides(1));
}

fn rule() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z@+~&%()-]{0,6}[><#!]@@[ a-z]{0,4}",
        "[(]?[><#!]@@[)]?",
        "(on|off|nopass|~[a-z*]{1,4}|[+]@all|[+-][a-z|]{1,5})",
        "[(][+]get ~a",
        "[)]",
    ]
}

/// The command's name in some capitals, at any place among other words, any number of them.
fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("@@".to_owned()),
        "(AUTH|auth2|SETNAME|KEYS|COPY|requirepass|MASTERAUTH|auth-pass|CONFIG|ARGS|DB|SET|GET)",
        "[0-9]{1,2}",
    ]
}

proptest! {
    /// Whatever stands where in ACL SETUSER: nothing after `>`, `<`, `#` or `!` survives.
    #[test]
    fn no_password_in_a_rule_is_shown(rules in prop::collection::vec(rule(), 0..12)) {
        let rules: Vec<String> = rules.iter().map(|rule| rule.replace("@@", CANARY)).collect();
        let mut argv: Vec<&[u8]> = vec![b"ACL", b"SETUSER"];
        argv.extend(rules.iter().map(String::as_bytes));
        let hidden = Redactor::default().of_command(b"acl|setuser", true).hidden(&argv);
        for (place, rule) in argv.iter().enumerate() {
            let holds = rule.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
            prop_assert!(!holds || hidden.hides(place), "{:?} at {}", rules, place);
        }
    }

    /// A secret behind the word that announces it is hidden, whatever surrounds the two.
    #[test]
    fn what_follows_a_word_that_announces_a_secret_is_hidden(
        before in prop::collection::vec(argument(), 0..8),
        after in prop::collection::vec(argument(), 0..4),
    ) {
        for (name, words, announcer) in [
            ("hello", 1, "AUTH"),
            ("migrate", 1, "AUTH"),
            ("config|set", 2, "requirepass"),
            ("sentinel|set", 2, "auth-pass"),
            ("auth", 1, "x"),
            ("warden.explain", 1, "x"),
            ("module|load", 3, "x"),
        ] {
            let mut argv: Vec<&[u8]> = vec![b"x"; words];
            argv.extend(before.iter().map(String::as_bytes));
            argv.extend([announcer.as_bytes(), b"the-secret"]);
            argv.extend(after.iter().map(String::as_bytes));
            let hidden = Redactor::default().of_command(name.as_bytes(), true).hidden(&argv);
            let place = argv.iter().position(|one| *one == b"the-secret").unwrap();
            // Behind SETNAME and KEYS stand names, and before a key an address.
            let is_name = matches!(name, "hello" | "migrate")
                && before.iter().any(|word| ["SETNAME", "KEYS"].contains(&word.as_str()));
            let is_key = name == "migrate" && place <= 3;
            let is_master = name == "sentinel|set" && place <= 3;
            prop_assert!(hidden.hides(place) || is_name || is_key || is_master, "{name} {argv:?}");
        }
    }

    /// Nothing that arrives breaks it.
    #[test]
    fn any_arguments_are_judged(
        argv in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..80)
    ) {
        let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        for (name, _) in table::FORMS {
            let redaction = Redactor::default().of_command(name.as_bytes(), true);
            let _ = redaction.hidden(&argv);
        }
    }
}
