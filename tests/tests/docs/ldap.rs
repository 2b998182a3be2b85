//! docs/ldap.md: every authenticator file lets in whom a directory of its kind accepts.
//!
//! Hosts, files and the root of the tree are those of the tests' directories; the rest of
//! each file is as written.

use warden_tests::hostile_directory::ActiveDirectory;
use warden_tests::slapd::{BASE, Group, SERVICE, SERVICE_PASSWORD, Slapd, password_of};
use warden_tests::{Authority, Claims, Directory, HostileDirectory, Line, Scene, on_both_lines};

use crate::markdown::{between, blocks, document};

on_both_lines!(
    open_ldap_lets_in_whom_the_page_says,
    active_directory_lets_in_whom_the_page_says,
    groups_of_whom_others_prove_are_those_the_page_says,
    who_becomes_a_user_of_the_acl_has_the_rights_the_page_gives,
);

const PASSWORD_FILE: &str = "/etc/valkey/keys/directory.password";

/// The files of a section, with these in place of what they name.
fn files(section: &str, places: &[(&str, &str)]) -> Vec<String> {
    let text = document("docs/ldap.md");
    let section = between(&text, section, "\n## ");
    let files = blocks(section, "toml");
    assert_eq!(files.len(), 2, "{section}");
    files
        .into_iter()
        .map(|mut file| {
            for (from, to) in places {
                file = file.replace(from, to);
            }
            file
        })
        .collect()
}

/// A file with the service account's password.
fn password_file(authority: &Authority) -> String {
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("directory.password", SERVICE_PASSWORD);
    secrets.file_text("directory.password")
}

fn expect(line: Line, file: &str) {
    let scene = Scene::builder(line).authenticator_file(file).start();
    let mut client = scene.server.connect();
    client.auth("alice", &password_of("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");
    scene.expect_refused("alice", "wrong", "WRONGPASS");
    let log = scene.server.log();
    assert!(!log.contains("in clear"), "{log}");
}

fn open_ldap_lets_in_whom_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let described = Slapd::builder().users(["alice"]);
    let [first, second] = [described.start(&authority), described.start(&authority)];
    let ca_file = authority.ca_file().display().to_string();
    for file in files(
        "## OpenLDAP\n",
        &[
            ("ldaps://ldap1.example.com", &first.tls_url()),
            ("ldaps://ldap2.example.com", &second.tls_url()),
            ("ldap://ldap1.example.com", &first.url()),
            ("ldap://ldap2.example.com", &second.url()),
            ("/etc/valkey/keys/directory-ca.pem", &ca_file),
            (PASSWORD_FILE, &password_file(&authority)),
            ("cn=valkey,ou=services,dc=example,dc=com", SERVICE),
            ("dc=example,dc=com", BASE),
        ],
    ) {
        expect(line, &file);
    }
}

fn active_directory_lets_in_whom_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let [first, second] = [(); 2].map(|()| {
        let controller = HostileDirectory::start_tls(&authority.server());
        controller.act_as(
            ActiveDirectory::new("corp.example.com", "CORP")
                .user("alice", &password_of("alice"))
                .user("valkey", SERVICE_PASSWORD),
        );
        controller
    });
    let service = ActiveDirectory::new("corp.example.com", "CORP").user_dn("valkey");
    // A domain's authority is among the system's.
    let trusting = format!("tls_ca_cert_path = '{}'\n", authority.ca_file().display());
    for file in files(
        "## Active Directory\n",
        &[
            ("ldaps://dc1.corp.example.com", &first.url()),
            ("ldaps://dc2.corp.example.com", &second.url()),
            (PASSWORD_FILE, &password_file(&authority)),
            ("CN=valkey,OU=Services,DC=corp,DC=example,DC=com", &service),
        ],
    ) {
        expect(line, &(file + &trusting));
    }
}

fn groups_of_whom_others_prove_are_those_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let described = Slapd::builder()
        .users(["alice"])
        .group(Group::new("editors").user("alice"));
    let [first, second] = [described.start(&authority), described.start(&authority)];
    let ca_file = authority.ca_file().display().to_string();
    let scene = Scene::builder(line)
        .roles("[roles.writer]\nmembers = ['group:corp-ldap/editors']\nrules = ['+set', '~*']\n")
        .start();
    let files = files(
        "## Groups of whom others prove\n",
        &[
            ("https://idp.example.com", scene.issuer.url()),
            (
                "/etc/valkey/keys/idp.jwks",
                &scene.keys.file_text("corp.jwks"),
            ),
            ("ldaps://ldap1.example.com", &first.tls_url()),
            ("ldaps://ldap2.example.com", &second.tls_url()),
            ("/etc/valkey/keys/directory-ca.pem", &ca_file),
            (PASSWORD_FILE, &password_file(&authority)),
            ("cn=valkey,ou=services,dc=example,dc=com", SERVICE),
            ("dc=example,dc=com", BASE),
        ],
    );
    scene.authenticators.remove("10-corp.toml");
    for file in files {
        let name = file.lines().next().expect("a file begins with its name");
        let name = name.trim_start_matches("# ").to_owned();
        scene.authenticators.replace(&name, file);
    }
    scene.reload_after(|| {});
    let claims = Claims::of("0b1c").set("preferred_username", "alice");
    let mut client = scene.log_in_with(&claims);
    assert_eq!(client.user(), "idp/0b1c");
    client.run("SET x 1").expect_ok();
    let log = scene.server.log();
    assert!(!log.contains("in clear"), "{log}");
}

fn who_becomes_a_user_of_the_acl_has_the_rights_the_page_gives(line: Line) {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().users(["alice"]).start(&authority);
    let file = format!(
        "type = 'ldap'\nservers = ['{}']\nbind_dn_prefix = 'uid='\n\
         bind_dn_suffix = ',ou=people,{BASE}'\nattach = 'acl-user'\n",
        slapd.url()
    );
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let commands = blocks(&document("docs/ldap.md"), "text");
    assert_eq!(commands.len(), 1, "{commands:?}");
    scene.server.admin().run(commands[0].trim()).expect_ok();
    let mut client = scene.server.connect();
    client.auth("alice", &password_of("alice")).expect_ok();
    client.run("SET app:1 x").expect_ok();
    client.run("GET app:1").expect_text("x");
    client.run("GET other:1").expect_error("NOPERM");
    client.run("CONFIG GET port").expect_error("NOPERM");
}

#[test]
fn every_example_of_the_page_is_one_of_these() {
    assert_eq!(blocks(&document("docs/ldap.md"), "toml").len(), 6);
}
