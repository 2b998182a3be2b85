//! docs/ldap.md: every authenticator file lets in whom a directory of its kind accepts; with
//! what docs/ldap-groups.md has for Active Directory.
//!
//! Hosts, files and the root of the tree are those of the tests' directories; the rest of
//! each file is as written.

use warden_tests::domain_controller::{self, DomainController, DomainControllerBuilder};
use warden_tests::slapd::{BASE, Group, SERVICE, SERVICE_PASSWORD, Slapd, password_of};
use warden_tests::{Authority, Claims, Directory, Line, Scene, on_both_lines};

use crate::markdown::{between, blocks, document};

on_both_lines!(
    open_ldap_lets_in_whom_the_page_says,
    active_directory_lets_in_whom_the_page_says,
    groups_of_active_directory_are_those_the_page_says,
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

/// Two controllers of the domain that the page names, and the two files of the page for
/// them.
fn in_domain(
    authority: &Authority,
    described: &DomainControllerBuilder,
) -> ([DomainController; 2], Vec<String>) {
    let both = [described.start(authority), described.start(authority)];
    let [first, second] = both.each_ref().map(DomainController::tls_url);
    let files = files(
        "## Active Directory\n",
        &[
            ("ldaps://dc1.corp.example.com", &first),
            ("ldaps://dc2.corp.example.com", &second),
            (PASSWORD_FILE, &password_file(authority)),
        ],
    );
    // A domain's authority is among the system's.
    let trusting = format!("tls_ca_cert_path = '{}'\n", authority.ca_file().display());
    let files = files.into_iter().map(|file| file + &trusting);
    (both, files.collect())
}

fn active_directory_lets_in_whom_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let described = DomainController::builder().users(["alice"]);
    let (_controllers, files) = in_domain(&authority, &described);
    for file in files {
        expect(line, &file);
    }
}

fn groups_of_active_directory_are_those_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let described = DomainController::builder().users(["alice"]).groups([
        domain_controller::Group::new("inner").user("alice"),
        domain_controller::Group::new("editors").group("inner"),
    ]);
    let (_controllers, files) = in_domain(&authority, &described);
    let page = document("docs/ldap-groups.md");
    let (_, section) = page.split_once("\n## Active Directory\n").unwrap();
    let ways = blocks(section, "toml");
    assert_eq!(ways.len(), 2, "{section}");
    for file in files.iter().filter(|file| file.contains("search_base")) {
        for (way, expected) in ways
            .iter()
            .zip([&["corp/editors", "corp/inner"][..], &["corp/inner"]])
        {
            let way = way.replace("DC=example,DC=org", domain_controller::BASE);
            let file = format!("{file}{way}");
            let scene = Scene::builder(line).authenticator_file(&file).start();
            let mut client = scene.server.connect();
            client.auth("alice", &password_of("alice")).expect_ok();
            let groups = client.run("WARDEN.WHOAMI").field("groups").texts();
            assert_eq!(groups, expected, "{file}");
        }
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
