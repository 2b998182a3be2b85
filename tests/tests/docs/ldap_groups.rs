//! docs/ldap-groups.md: every example finds the groups that the page says, on a real
//! directory, and on one that acts as a domain controller.
//!
//! The root of the tree is that of the tests' directories; the rest of each example is as
//! written, behind the lines of an authenticator's file that ask such a directory.

use warden_tests::hostile_directory::ActiveDirectory;
use warden_tests::ldap::Entry;
use warden_tests::slapd::{
    BASE, Group, SERVICE, SERVICE_PASSWORD, Slapd, SlapdBuilder, User, password_of,
};
use warden_tests::{Authority, Directory, HostileDirectory, Line, Scene, on_both_lines};

use crate::markdown::{between, blocks, document};

on_both_lines!(
    groups_of_open_ldap_are_those_the_page_says,
    posix_groups_are_those_the_page_says,
    groups_of_active_directory_are_those_the_page_says,
);

const PAGE: &str = "docs/ldap-groups.md";

/// The examples between two headings.
fn examples(start: &str, end: &str) -> Vec<String> {
    blocks(between(&document(PAGE), start, end), "toml")
}

fn password_file(authority: &Authority) -> String {
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("directory.password", SERVICE_PASSWORD);
    secrets.file_text("directory.password")
}

/// The groups that policies see of alice.
fn groups(line: Line, file: &str) -> Vec<String> {
    let scene = Scene::builder(line).authenticator_file(file).start();
    let mut client = scene.server.connect();
    client.auth("alice", &password_of("alice")).expect_ok();
    client.whoami().field("groups").texts()
}

/// An example, behind what asks this directory.
fn asking(slapd: &Slapd, authority: &Authority, example: &str) -> String {
    format!(
        "type = 'ldap'\nservers = ['{}']\nauth_mode = 'search+bind'\nsearch_base = '{BASE}'\n\
         search_bind_dn = '{SERVICE}'\nsearch_bind_passwd_file = '{}'\n{example}",
        slapd.url(),
        password_file(authority)
    )
}

/// alice is in `dev`, that in `staff`; in a container of its own, which may be a team's,
/// lies `own`.
fn nested() -> SlapdBuilder {
    let container = format!("ou=team,ou=groups,{BASE}");
    let own = Entry::new(&format!("cn=own,{container}"))
        .with("objectClass", "groupOfNames")
        .with("cn", "own")
        .with("member", warden_tests::slapd::user_dn("alice"));
    let container = Entry::new(&container)
        .with("objectClass", "organizationalUnit")
        .with("ou", "team");
    Slapd::builder()
        .user(User::new("alice").attribute("mail", "alice@example.org"))
        .group(Group::new("dev").user("alice"))
        .group(Group::new("staff").group("dev"))
        .entry(container)
        .entry(own)
}

fn groups_of_open_ldap_are_those_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let slapd = nested().start(&authority);
    let first = &examples("# Groups of a directory\n", "\n| in the file")[0];
    let sections = examples("## OpenLDAP with the memberof overlay\n", "\n## ");
    let [overlay, without] = &sections[..] else {
        panic!("{sections:?}");
    };
    let text = document(PAGE);
    let walk = "nested = \"walk\"";
    assert!(text.contains(&format!("add `{walk}`")));
    let walked = format!("{overlay}{walk}\n");
    let all = ["corp/dev", "corp/own", "corp/staff"];
    for (example, expected) in [
        (first, &["corp/dev"][..]),
        (overlay, &["corp/dev"]),
        (&walked, &["corp/dev", "corp/staff"]),
        (without, &all),
    ] {
        let file = asking(&slapd, &authority, example);
        assert_eq!(groups(line, &file), expected, "{example}");
    }
}

fn posix_groups_are_those_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let posix = |name: &str, number: &str, member: &str| {
        Entry::new(&format!("cn={name},ou=groups,{BASE}"))
            .with("objectClass", "posixGroup")
            .with("cn", name)
            .with("gidNumber", number)
            .with("memberUid", member)
    };
    let slapd = nested()
        .entry(posix("operators", "100", "alice"))
        .entry(posix("others", "101", "bob"))
        // A value in a filter, whatever it holds.
        .entry(posix("everybody", "102", "*"))
        .start(&authority);
    let example = &examples("## POSIX groups\n", "\n## ")[0];
    let file = asking(&slapd, &authority, example);
    assert_eq!(groups(line, &file), ["corp/operators"]);
    // An account with two names has the groups of both.
    slapd.change(&format!(
        "dn: {}\nchangetype: modify\nadd: uid\nuid: bob\n",
        warden_tests::slapd::user_dn("alice")
    ));
    assert_eq!(groups(line, &file), ["corp/operators", "corp/others"]);
}

fn groups_of_active_directory_are_those_the_page_says(line: Line) {
    let authority = Authority::new("ca");
    let domain = || {
        let domain = ActiveDirectory::new("example.org", "EXAMPLE")
            .user("alice", &password_of("alice"))
            .user("service", SERVICE_PASSWORD);
        let alice = domain.user_dn("alice");
        let dev = domain.group_dn("dev");
        domain
            .group("dev", [&alice])
            .group("staff", [&dev])
            .distribution_list("news", [&alice])
    };
    let directory = HostileDirectory::start();
    directory.act_as(domain());
    let text = document(PAGE) + "\n## ";
    let section = between(&text, "## Active Directory\n", "\n## ");
    let settings = [
        "search_attribute = \"sAMAccountName\"",
        "search_dn_attribute = \"distinguishedName\"",
    ];
    for setting in settings {
        assert!(section.contains(&format!("`{setting}`")), "{section}");
    }
    let head = format!(
        "type = 'ldap'\nservers = ['{}']\nauth_mode = 'search+bind'\nsearch_base = '{}'\n{}\n\
         search_bind_dn = 'service@example.org'\nsearch_bind_passwd_file = '{}'\n",
        directory.url(),
        domain().base(),
        settings.join("\n"),
        password_file(&authority)
    );
    let sections = blocks(section, "toml");
    let [chain, direct] = &sections[..] else {
        panic!("{sections:?}");
    };
    let file = format!("{head}{chain}");
    assert_eq!(groups(line, &file), ["corp/dev", "corp/staff"]);
    // A distribution list is a group where groupType does not leave it out.
    let file = format!("{head}{direct}");
    assert_eq!(groups(line, &file), ["corp/dev", "corp/news"]);
}

#[test]
fn every_example_of_the_page_is_one_of_these() {
    assert_eq!(blocks(&document(PAGE), "toml").len(), 6);
}
