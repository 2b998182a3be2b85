//! `warden migrate` reads a server's file as the server reads it.
//!
//! The module of the tests that has the settings of valkey-ldap shows with CONFIG GET what the
//! server made of a line; the verb must make the same of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use warden_tests::native::ldap_module;
use warden_tests::slapd::{BASE, SERVICE, SERVICE_PASSWORD, Slapd, password_of};
use warden_tests::{Authority, Line, Scene, Server, ServerBuilder, on_both_lines, parts};

on_both_lines!(
    a_line_means_what_the_server_takes_it_for,
    a_word_of_several_parts_means_what_newer_servers_take_it_for,
    what_the_server_does_not_start_with_is_not_migrated,
    whom_the_directory_knows_gets_in_by_a_migrated_file,
);

/// What a file needs beside the line in question.
const REST: &str = "ldap.servers ldaps://a\nldap.auth_mode search+bind\nldap.search_bind_dn cn=a\n";

/// A directory with a file of these lines, which a server includes, and another.
fn file(lines: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ldap.conf");
    let root = directory.path().to_str().unwrap();
    let text = format!("{REST}{}\n", lines.replace("ROOT", root));
    fs::write(&path, text).unwrap();
    let other = directory.path().join("other.conf");
    fs::write(other, "ldap.search_bind_passwd 'from another'\n").unwrap();
    let path = path.display().to_string();
    (directory, path)
}

fn builder(line: Line, path: &str) -> ServerBuilder {
    let module = ldap_module().display().to_string();
    Server::builder(line).config([("loadmodule", module.as_str()), ("include", path)])
}

/// Migrates a file that has the rest as well; the password, when it could.
fn migrated(path: &str, out: &Path) -> Option<Vec<u8>> {
    let output = Command::new(parts::cli())
        .args(["migrate", "valkey-ldap", path, "--force", "--out"])
        .arg(out)
        .output()
        .expect("the command line runs");
    let is_done = output.status.success();
    assert_eq!(is_done, output.stderr.is_empty(), "{output:?}");
    is_done.then(|| fs::read(out.join("ldap.password")).expect("a password"))
}

fn a_line_means_what_the_server_takes_it_for(line: Line) {
    let lines = [
        "ldap.search_bind_passwd plain",
        "  LDAP.Search_Bind_PASSWD \t two  words \t",
        "ldap.search_bind_passwd \"two  words # and more\"",
        "ldap.search_bind_passwd word # no comment",
        "ldap.search_bind_passwd \x0bword",
        r#"ldap.search_bind_passwd "\x41\xc3\xa9\"\\\q\xZ\t.""#,
        r"ldap.search_bind_passwd 'it\'s \n \x41'",
        r"ldap.search_bind_passwd a\b\n\",
        r#"ldap.search_bind_passwd a"b c""#,
        r#""ldap.search_bind_passwd" 'a' "" b"#,
        "ldap.search_bind_passwd first\nldap.search_bind_passwd last",
        "ldap.search_bind_passwd first\r\n# ldap.search_bind_passwd last\r\n",
        "ldap.search_bind_passwd first\ninclude ROOT/other*.conf\ninclude ROOT/none*.conf",
        "include ROOT/other.conf\nldap.search_bind_passwd last",
        "dir ROOT\ninclude other.conf",
    ];
    for text in lines {
        let (directory, path) = file(text);
        let server = builder(line, &path).start();
        let taken = server.config_get("ldap.search_bind_passwd");
        let password = migrated(&path, directory.path()).unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(String::from_utf8(password).ok(), taken, "{text:?}");
    }
}

/// 8.0 does not start with them.
fn a_word_of_several_parts_means_what_newer_servers_take_it_for(line: Line) {
    for text in [r#"a'b c'd"#, r#"'a'"b c""#, r#"'it'"'"s"#, r#"a"" b"#] {
        let (directory, path) = file(&format!("ldap.search_bind_passwd {text}"));
        let password = migrated(&path, directory.path()).unwrap_or_else(|| panic!("{text:?}"));
        match builder(line, &path).try_start() {
            Ok(server) => {
                let taken = server.config_get("ldap.search_bind_passwd");
                assert_eq!(String::from_utf8(password).ok(), taken, "{text:?}");
            }
            Err(failure) => {
                assert!(line == Line::V8_0, "{text:?}: {}", failure.log);
                assert!(failure.log.contains("Unbalanced quotes"), "{}", failure.log);
            }
        }
    }
}

fn what_the_server_does_not_start_with_is_not_migrated(line: Line) {
    for text in [
        r#"ldap.search_bind_passwd "open"#,
        r"ldap.search_bind_passwd 'a\'",
        r#"ldap.search_bind_passwd "a\""#,
        "ldap.search_bind_passwd",
        "ldap.search_bind_passwd a\ninclude",
        "ldap.search_bind_passwd a\ninclude ROOT/other.conf ROOT/other.conf",
        "ldap.search_bind_passwd a\ninclude ROOT/none.conf",
    ] {
        let (directory, path) = file(text);
        assert!(builder(line, &path).try_start().is_err(), "{text:?}");
        assert_eq!(migrated(&path, directory.path()), None, "{text:?}");
    }
}

/// By bind and by search, each over TLS. Policies grant while the line that makes a session an
/// ACL user is taken away, the ACL with it.
fn whom_the_directory_knows_gets_in_by_a_migrated_file(line: Line) {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().users(["alice", "bob"]).start(&authority);
    let scene = Scene::builder(line).without_authenticator().start();
    let bind = format!("ldap.bind_dn_prefix uid=\nldap.bind_dn_suffix ,ou=people,{BASE}\n");
    let search = format!(
        "ldap.auth_mode search+bind\nldap.search_base {BASE}\nldap.search_bind_dn {SERVICE}\n\
         ldap.search_bind_passwd {SERVICE_PASSWORD}\n"
    );
    let encrypted = format!("ldap.tls_ca_cert_path {}\n", authority.ca_file().display());
    for (url, lines) in [
        (slapd.tls_url(), bind.clone()),
        (slapd.url(), format!("{bind}ldap.use_starttls yes\n")),
        (slapd.tls_url(), search.clone()),
        (slapd.url(), format!("{search}ldap.use_starttls yes\n")),
    ] {
        let out = tempfile::tempdir().unwrap();
        let conf = out.path().join("valkey.conf");
        fs::write(&conf, format!("ldap.servers {url}\n{encrypted}{lines}")).unwrap();
        let output = Command::new(parts::cli())
            .args(["migrate", "valkey-ldap", "--id", "corp", "--out"])
            .args([out.path(), &conf])
            .output()
            .expect("the command line runs");
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(out.path().join("corp.toml")).unwrap();
        scene.reload_after(|| {
            if let Ok(password) = fs::read(out.path().join("corp.password")) {
                scene
                    .authenticators
                    .replace_secret("corp.password", password);
            }
            let text = text.replace("attach = \"acl-user\"\n", "");
            scene.authenticators.replace("corp.toml", text);
        });
        let mut alice = scene.server.connect();
        alice.auth("alice", &password_of("alice")).expect_ok();
        assert_eq!(alice.user(), "corp/alice");
        assert!(alice.run("GET reports:q1").is_nil());
        scene.expect_refused("alice", &password_of("bob"), "WRONGPASS");
        // As it was written: whom the ACL has.
        let mut admin = scene.server.admin();
        admin.run("ACL SETUSER alice on ~own:* +@all").expect_ok();
        scene.reload_after(|| scene.authenticators.replace("corp.toml", &text));
        let mut alice = scene.server.connect();
        alice.auth("alice", &password_of("alice")).expect_ok();
        alice.run("ACL WHOAMI").expect_text("alice");
        alice.run("GET reports:q1").expect_error("NOPERM");
        scene.expect_refused("bob", &password_of("bob"), "WRONGPASS");
        assert_eq!(admin.run("ACL DELUSER alice").number(), 1);
    }
}
