//! `warden migrate`, run as its users run it.
//!
//! In: the built command line and configuration files of servers. Out: what it wrote, what it
//! printed and its exit status, compared with what was promised. No server is involved.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod run;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use warden_authn::{Chain, ChainSettings, Services};

use run::{Run, warden};

/// A password that must appear nowhere but in its file.
const CANARY: &str = "canary '\"\\Zuckerbrot";

/// The canary as a word of valkey.conf.
const QUOTED_CANARY: &str = r#""canary '\"\\Zuckerbrot""#;

/// A directory with a `valkey.conf` and one for what is written.
struct Place(TempDir);

fn armoured(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

impl Place {
    /// `ROOT` stands for the directory.
    fn new(conf: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("out")).unwrap();
        place.write("valkey.conf", conf);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let text = text.replace("ROOT", self.0.path().to_str().unwrap());
        fs::write(self.path(name), text).unwrap();
    }

    /// `corp.pem`, `valkey.pem` and `valkey.key`.
    fn certificates(&self) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["valkey".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let certificate = armoured("CERTIFICATE", certificate.der());
        for name in ["corp.pem", "valkey.pem"] {
            fs::write(self.path(name), &certificate).unwrap();
        }
        let path = self.path("valkey.key");
        fs::write(&path, armoured("PRIVATE KEY", &key.serialize_der())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn written(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let conf = self.path("valkey.conf");
        let fixed = ["migrate", "valkey-ldap", conf.to_str().unwrap()];
        let run = warden(&[&fixed, arguments].concat(), "");
        for text in [&run.out, &run.err] {
            let is_shown = text.to_lowercase().contains("zuckerbrot");
            assert!(!is_shown, "the password: {text}");
        }
        run
    }

    /// Writes into `out`.
    fn migrate(&self, arguments: &[&str]) -> Run {
        let out = self.path("out");
        self.run(&[&["--out", out.to_str().unwrap()], arguments].concat())
    }

    /// The authenticator's file that comes of it.
    #[track_caller]
    fn table(&self) -> toml::Table {
        self.migrate(&["--force"]).expect(0);
        toml::from_str(&self.read("out/ldap.toml")).unwrap()
    }

    /// What is wrong with it, a line each, without the path before it.
    #[track_caller]
    fn errors(&self) -> Vec<String> {
        let run = self.migrate(&[]).expect(1);
        assert_eq!(run.out, "");
        assert_eq!(self.written(), [""; 0]);
        let root = format!("{}/", self.0.path().display());
        run.err
            .lines()
            .map(|line| line.replace(&root, ""))
            .collect()
    }
}

impl Run {
    /// Outcome and words about the line of this number.
    #[track_caller]
    fn about(&self, line: usize) -> Vec<(String, String)> {
        let place = format!("valkey.conf:{line}");
        let document = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let settings = document["settings"].as_array().unwrap().iter();
        settings
            .filter(|setting| text(&setting["place"]).ends_with(&place))
            .map(|setting| (text(&setting["outcome"]), text(&setting["says"])))
            .collect()
    }
}

/// Search and bind with all that goes with it.
const SEARCH: &str = r#"
loadmodule /usr/lib/valkey/libvalkey_ldap.so
ldap.servers "ldaps://a.example.com ldaps://b.example.com:3636"
ldap.auth_mode search+bind
ldap.tls_ca_cert_path /etc/ssl/corp.pem
ldap.tls_cert_path /etc/ssl/valkey.pem
ldap.tls_key_path /etc/ssl/valkey.key
ldap.search_base "ou=people,dc=example,dc=com"
ldap.search_filter "objectClass=person"
ldap.search_attribute sAMAccountName
ldap.search_scope ONE
ldap.search_dn_attribute distinguishedName
ldap.search_bind_dn "cn=valkey,dc=example,dc=com"
ldap.search_bind_passwd CANARY
ldap.connection_pool_size 8
ldap.failure_detector_interval 2
ldap.timeout_connection 5
ldap.timeout_ldap_operation 3
"#;

fn search() -> String {
    SEARCH.replace("CANARY", QUOTED_CANARY)
}

/// The module's own reader, which is nobody's network.
#[test]
fn what_is_written_is_what_the_authenticator_takes() {
    let bind =
        "ldap.servers \"ldaps://a ldaps://a:636 ldap://[::1]\"\nldap.bind_dn_suffix ,ou=a,dc=b\n";
    for conf in [
        search().replace("/etc/ssl", "ROOT"),
        format!("{bind}ldap.tls_ca_cert_path ROOT/corp.pem\n"),
        format!("{bind}ldap.bind_dn_prefix \"uid=\"\nldap.use_starttls yes\n"),
        "ldap.servers ldap://127.0.0.1:3389\nldap.bind_dn_prefix DOMAIN\\\nldap.tls_ca_cert_path /none\n"
            .to_owned(),
        "ldap.servers ldap://a\nldap.timeout_connection 0\nldap.timeout_ldap_operation 86400\n\
         ldap.connection_pool_size 8192\nldap.failure_detector_interval 0\nldap.bind_dn_prefix \"\"\n"
            .to_owned(),
        "ldap.servers ldap://a,ldap://b\nldap.auth_mode search+bind\nldap.search_bind_dn cn=a\n\
         ldap.search_filter \"(&(objectClass=person)(!(ou=x)))\"\nldap.search_base \"\"\n"
            .to_owned(),
    ] {
        let place = Place::new(&conf);
        place.certificates();
        place.migrate(&[]).expect(0);
        let text = place.read("out/ldap.toml");
        let report = Chain::load(
            &place.path("out"),
            &ChainSettings::default(),
            &Services::offline(),
            None,
        );
        let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, [""; 0], "{conf}\n{text}");
        assert_eq!(report.chain.authenticators().count(), 1);
    }
}

#[test]
fn every_setting_is_carried_over_with_a_comment() {
    let place = Place::new(&search());
    let run = place.migrate(&[]).expect(0);
    let expected = r#"# From the settings of valkey-ldap in CONF, by `warden migrate valkey-ldap`.
# What is not said here has the default that it had there.

type = "ldap"

# As there, a session is the ACL user of its name, and has that user's rights. Without
# this line no such user is needed, and policies say what a session may do.
attach = "acl-user"

# Asked in this order; the next one while the one before does not answer.
servers = ["ldaps://a.example.com", "ldaps://b.example.com:3636"]

# Whose certificates count, for the host name of the URL.
tls_ca_cert_path = "/etc/ssl/corp.pem"

# The certificate that is shown to the directory.
tls_cert_path = "/etc/ssl/valkey.pem"

# Its private key, which not everybody may read.
tls_key_path = "/etc/ssl/valkey.key"

# How the name that AUTH gives becomes an entry of the directory.
auth_mode = "search+bind"

# The entry below which is searched.
search_base = "ou=people,dc=example,dc=com"

# How far below: that entry alone, its children, or all.
search_scope = "one"

# What an entry must be besides (RFC 4515).
search_filter = "objectClass=person"

# The attribute that holds the name AUTH gives.
search_attribute = "sAMAccountName"

# The attribute that holds the entry's own DN.
search_dn_attribute = "distinguishedName"

# Who searches.
search_bind_dn = "cn=valkey,dc=example,dc=com"

# Connections to each server.
connection_pool_size = 8

# How often each server is looked after, in seconds.
failure_detector_interval = 2

# How long connecting may take, in seconds.
timeout_connection = 5

# How long an answer may take, in seconds.
timeout_ldap_operation = 3

# Where that one's password is: relative to this file, for its owner alone.
search_bind_passwd_file = "ldap.password"
"#;
    let conf = place.path("valkey.conf").display().to_string();
    assert_eq!(place.read("out/ldap.toml"), expected.replace("CONF", &conf));
    let wrote = format!(
        "\nwrote {0}/ldap.password\nwrote {0}/ldap.toml\n",
        place.path("out").display()
    );
    assert!(run.out.ends_with(&wrote), "{}", run.out);
    assert!(run.err.is_empty(), "{}", run.err);
}

#[test]
fn the_password_is_in_its_file_alone_and_that_file_is_its_owners_alone() {
    let place = Place::new(&search());
    for arguments in [
        &[][..],
        &["--force"],
        &["--force", "--json"],
        &["--dry-run"],
    ] {
        place.migrate(arguments).expect(0);
        let password = place.path("out/ldap.password");
        assert_eq!(fs::read_to_string(&password).unwrap(), CANARY);
        let mode = fs::metadata(&password).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(!place.read("out/ldap.toml").contains("Zuckerbrot"));
        assert_eq!(place.written(), ["ldap.password", "ldap.toml"]);
    }
}

#[test]
fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
    for name in ["ldap.toml", "ldap.password"] {
        let place = Place::new(&search());
        place.write(&format!("out/{name}"), "mine");
        let run = place.migrate(&[]).expect(1);
        assert!(run.err.contains("--force replaces it"), "{}", run.err);
        assert_eq!(place.read(&format!("out/{name}")), "mine");
        assert_eq!(place.written(), [name]);
        place.migrate(&["--force"]).expect(0);
        assert_ne!(place.read(&format!("out/{name}")), "mine");
    }
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let place = Place::new(&search());
    place.write("elsewhere", "mine");
    symlink(place.path("elsewhere"), place.path("out/ldap.password")).unwrap();
    place.migrate(&[]).expect(1);
    place.migrate(&["--force"]).expect(0);
    assert_eq!(place.read("elsewhere"), "mine");
    assert_eq!(place.read("out/ldap.password"), CANARY);
}

#[test]
fn a_dry_run_writes_nothing_and_shows_the_file() {
    let place = Place::new(&search());
    let run = place.run(&["--dry-run"]).expect(0);
    assert!(
        run.out
            .contains("search_bind_passwd_file = \"ldap.password\"")
    );
    assert_eq!(place.written(), [""; 0]);
}

#[test]
fn files_go_where_warden_looks_for_authenticators() {
    let servers = "ldap.servers ldaps://a\n";
    for line in [
        "warden.authenticator_dir ROOT/out\n",
        "loadmodule /x/libwarden.so authenticator_dir ROOT/out\n",
        "loadmodule /x/libwarden.so authenticator_dir /nowhere\nwarden.authenticator_dir \"ROOT/out\"\n",
    ] {
        let place = Place::new(&format!("{servers}{line}"));
        place.run(&["--id", "corp"]).expect(0);
        assert_eq!(place.written(), ["corp.toml"], "{line}");
    }
    for nowhere in ["\"\"", "."] {
        let place = Place::new(&format!("{servers}warden.authenticator_dir {nowhere}\n"));
        let run = place.run(&["--id", "nowhere"]).expect(2);
        assert!(run.err.contains("--out"), "{}", run.err);
    }
    let place = Place::new(servers);
    place.run(&["--id", "No Id"]).expect(2);
}

/// Lines of a file, and what one key of the authenticator's file is then.
#[test]
fn values_are_read_as_the_server_reads_them() {
    let table: [(&str, &str, &str); 12] = [
        (
            r#"ldap.bind_dn_suffix ",ou=a,dc=b""#,
            "bind_dn_suffix",
            ",ou=a,dc=b",
        ),
        (
            "ldap.bind_dn_suffix ,ou=a b,dc=c",
            "bind_dn_suffix",
            ",ou=a b,dc=c",
        ),
        ("LDAP.Bind_DN_Suffix ,dc=a", "bind_dn_suffix", ",dc=a"),
        ("  ldap.bind_dn_suffix\t,dc=a\r", "bind_dn_suffix", ",dc=a"),
        (
            r#""ldap.bind_dn_suffix" ',dc=\'a'"#,
            "bind_dn_suffix",
            ",dc='a",
        ),
        (r"ldap.bind_dn_prefix DOMAIN\", "bind_dn_prefix", r"DOMAIN\"),
        (
            r#"ldap.bind_dn_prefix "DOMAIN\\""#,
            "bind_dn_prefix",
            r"DOMAIN\",
        ),
        (r#"ldap.bind_dn_prefix """#, "bind_dn_prefix", ""),
        (
            r#"ldap.bind_dn_suffix ",ou=\xc3\xa9""#,
            "bind_dn_suffix",
            ",ou=é",
        ),
        (
            "ldap.bind_dn_suffix a\nldap.bind_dn_suffix b",
            "bind_dn_suffix",
            "b",
        ),
        (
            "ldap.bind_dn_suffix a\n#ldap.bind_dn_suffix b",
            "bind_dn_suffix",
            "a",
        ),
        (
            "ldap.bind_dn_suffix a\ninclude ROOT/more",
            "bind_dn_suffix",
            "included",
        ),
    ];
    for (lines, key, expected) in table {
        let place = Place::new("");
        place.write("more", "ldap.bind_dn_suffix included");
        place.write("valkey.conf", &format!("ldap.servers ldaps://a\n{lines}\n"));
        assert_eq!(place.table()[key].as_str(), Some(expected), "{lines}");
    }
}

#[test]
fn of_lines_with_the_same_name_the_last_counts_and_the_others_are_told() {
    let place = Place::new("ldap.servers ldap://old\nldap.servers ldaps://a\n");
    let run = place.migrate(&["--json"]).expect(0);
    let (outcome, says) = run.about(1).remove(0);
    assert!(
        outcome == "left" && says.ends_with("valkey.conf:2 counts"),
        "{says}"
    );
    assert_eq!(
        run.about(2),
        [("taken".to_owned(), "as servers".to_owned())]
    );
}

#[test]
fn what_has_no_effect_there_is_not_carried_over() {
    // Settings of the other mode; a name without a password; a key without a certificate.
    let place = Place::new(
        "ldap.servers ldaps://a\nldap.search_base dc=a\nldap.search_bind_passwd Zuckerbrot\nldap.tls_key_path /k\n",
    );
    let run = place.migrate(&["--json"]).expect(0);
    for (line, words) in [
        (2, "auth_mode is bind"),
        (3, "auth_mode is bind"),
        (4, "no tls_cert_path"),
    ] {
        let (outcome, says) = run.about(line).remove(0);
        assert!(outcome == "left" && says.contains(words), "{line}: {says}");
    }
    assert_eq!(place.written(), ["ldap.toml"]);
    assert_eq!(place.table().len(), 3);

    let searching = "ldap.servers ldaps://a\nldap.auth_mode search+bind\nldap.bind_dn_suffix x\n";
    // Nothing is encrypted.
    let place = Place::new(
        "ldap.servers ldap://127.0.0.1\nldap.tls_ca_cert_path /ca\nldap.tls_cert_path /cert\n",
    );
    let run = place.migrate(&["--json"]).expect(0);
    for line in [2, 3] {
        assert!(run.about(line)[0].1.contains("of no use"), "{}", run.out);
    }
    assert_eq!(place.table().len(), 3);
    let place = Place::new("ldap.servers ldaps://a\nldap.tls_cert_path /cert\n");
    assert!(place.errors()[0].contains("there is no tls_key_path"));

    for (line, words) in [
        ("ldap.search_bind_dn cn=a", "no search_bind_passwd"),
        ("ldap.search_bind_passwd Zuckerbrot", "no search_bind_dn"),
    ] {
        let place = Place::new(&format!("{searching}{line}\n"));
        let run = place.migrate(&["--json"]).expect(0);
        assert!(run.about(3)[0].1.contains("auth_mode is search+bind"));
        assert!(run.about(4)[0].1.contains(words), "{}", run.out);
        assert_eq!(place.written(), ["ldap.toml"]);
    }
}

#[test]
fn what_cannot_be_carried_over_is_told_with_the_reason() {
    let table = [
        (
            "ldap.exempted_users_regex ^default$",
            "left",
            "native_users",
        ),
        ("ldap.tls_skip_verify yes", "left", "always verified"),
        ("ldap.acl_fallback_enabled yes", "left", "never kept"),
        ("ldap.groups_rules_attribute description", "left", "rbac"),
        ("ldap.from_the_future 1", "left", "known here"),
        ("ldap.auth_enabled no", "left", "switched off"),
        ("ldap.auth_enabled yes", "changed", "authenticator_dir"),
        ("ldap.timeout_connection 0", "left", "the default counts"),
        ("ldap.timeout_connection 601", "changed", "600 is the most"),
        ("user alice on >Zuckerbrot ~* +@all", "note", "local_users"),
        ("user bob on #00 ~* +@all", "note", "local_users"),
        ("user Carol on resetpass +@all", "note", "capital letters"),
        ("aclfile /x", "note", "local_users"),
        ("aclfile /x", "note", "capital letters"),
        ("loadmodule /x/libvalkey_ldap.so", "note", "remove it when"),
        (
            "loadmodule /x/libvalkey_ldap.so ldap.servers ldap://b",
            "left",
            "no settings from there",
        ),
    ];
    for (line, outcome, words) in table {
        let place = Place::new(&format!("ldap.servers ldaps://a\n{line}\n"));
        let run = place.migrate(&["--json"]).expect(0);
        let found = run.about(2);
        assert!(
            found
                .iter()
                .any(|(o, says)| o == outcome && says.contains(words)),
            "{line}: {found:?}"
        );
    }
    let place = Place::new(
        "ldap.servers ldaps://a\nloadmodule /x/libwarden.so\nloadmodule /x/libvalkey_ldap.so\n",
    );
    let found = place.migrate(&["--json"]).expect(0).about(3);
    assert!(found[0].1.starts_with("behind warden's line"), "{found:?}");
    for quiet in [
        "user alice on resetpass +@all",
        "user default on >Zuckerbrot",
        "loadmodule /x/json.so",
        "port 1",
    ] {
        let place = Place::new(&format!("ldap.servers ldaps://a\n{quiet}\n"));
        assert_eq!(place.migrate(&["--json"]).expect(0).about(2), [], "{quiet}");
    }
    // A search tells how the directory spells a name.
    let place = Place::new(
        "ldap.servers ldaps://a\nuser Carol on resetpass\nldap.auth_mode search+bind\naclfile /x\n",
    );
    let run = place.migrate(&["--json"]).expect(0);
    assert_eq!(run.about(2), []);
    assert!(!run.about(4)[0].1.contains("capital letters"));
}

#[test]
fn passwords_that_would_go_unencrypted_are_told() {
    for (lines, told) in [
        ("ldap.servers \"ldap://127.0.0.1 ldap://[::1]\"", false),
        ("ldap.servers ldap://localhost", true),
        ("ldap.servers ldap://a", true),
        ("ldap.servers \"ldaps://a LDAP://b\"", true),
        ("ldap.servers ldap://a\nldap.use_starttls no", true),
        ("ldap.servers ldap://a\nldap.use_starttls yes", false),
        ("ldap.servers ldaps://a", false),
    ] {
        let place = Place::new(lines);
        let found = place.migrate(&["--json"]).expect(0).about(1);
        let is_told = found.iter().any(|(outcome, _)| outcome == "note");
        assert_eq!(is_told, told, "{lines}: {found:?}");
    }
}

#[test]
fn whatever_is_wrong_is_told_at_once_with_its_place_and_nothing_is_written() {
    let place = Place::new(
        "ldap.servers http://a\nldap.auth_mode both\nldap.use_starttls true\nldap.connection_pool_size 0\n\
         ldap.tls_cert_path cert.pem\nldap.search_base\nport \"x\ninclude ROOT/none\n",
    );
    let errors = place.errors();
    let expected = [
        "valkey.conf:7: a quote that is not closed",
        "valkey.conf:8: cannot be included: \"none\": No such file or directory (os error 2)",
        "valkey.conf:1: ldap.servers: server 1 of 1: must be ldap://HOST[:PORT] or ldaps://HOST[:PORT]",
        "valkey.conf:3: ldap.use_starttls: \"true\": the server takes yes or no",
        "valkey.conf:5: ldap.tls_cert_path: \"cert.pem\": relative to the server's working directory, which is not known here; make it absolute",
        "valkey.conf:2: ldap.auth_mode: \"both\": the server takes one of bind, search+bind",
        "valkey.conf:4: ldap.connection_pool_size: \"0\": the server takes a whole number, at least 1",
        "valkey.conf:6: ldap.search_base has no value",
    ];
    assert_eq!(errors, expected);
    let document = place.migrate(&["--json"]).expect(1).out;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["errors"].as_array().unwrap().len(), 8);
}

#[test]
fn a_file_that_says_nothing_of_valkey_ldap_is_refused() {
    let errors = Place::new("port 6379\n").errors();
    assert!(errors[0].contains("CONFIG REWRITE first"), "{errors:?}");
    let errors = Place::new("ldap.servers \"\"\n").errors();
    assert!(errors[0].contains("no server"), "{errors:?}");
}

#[test]
fn a_masked_password_is_not_taken_for_one() {
    let masked = search().replace(QUOTED_CANARY, "*********");
    let errors = Place::new(&masked).errors();
    assert!(errors[0].contains("search_bind_passwd") && errors[0].contains("mask"));
}

#[test]
fn no_hostile_file_shows_a_password_hangs_or_writes() {
    let lines = [
        "ldap.search_bind_passwd \"Zuckerbrot\\n\"\nldap.auth_mode search+bind\nldap.servers ldaps://a",
        "ldap.search_bind_passwd \"Zuckerbrot\\x00\"\nldap.servers ldaps://a",
        "ldap.search_bind_passwd \"Zuckerbrot\\xff\"\nldap.servers ldaps://a",
        "ldap.search_bind_passwd \"Zuckerbrot\nldap.servers ldaps://a",
        "ldap.search_bind_passwd=Zuckerbrot\nldap.servers ldaps://a",
        "ldap.search_bind_passwd:Zuckerbrot\nldap.servers ldaps://a",
        "'ldap.search_bind_passwd Zuckerbrot'\nldap.servers ldaps://a",
        "ldap.servers ldap://Zuckerbrot:Zuckerbrot@a",
        "ldap.servers ldaps://a\0Zuckerbrot",
        "ldap.servers ldaps://a\ninclude ROOT/valkey.conf",
        "ldap.servers ldaps://a\ninclude /dev/zero",
        "ldap.servers ldaps://a\ninclude",
    ];
    for line in lines {
        let errors = Place::new(&format!("{line}\n")).errors();
        assert!(!errors.is_empty(), "{line:?}");
    }
    let place = Place::new("ldap.search_bind_passwd=Zuckerbrot x\nldap.servers ldaps://a\n");
    place.migrate(&[]).expect(0);
    let place = Place::new("");
    fs::write(place.path("valkey.conf"), [0xff; 100_000]).unwrap();
    place.errors();
    fs::write(place.path("valkey.conf"), vec![b'a'; 5 << 20]).unwrap();
    place.errors();
    fs::remove_file(place.path("valkey.conf")).unwrap();
    place.errors();
}
