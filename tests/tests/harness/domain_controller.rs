//! The domain controller: that it is as it was described, and that the scripted one
//! answers as it does.

use warden_tests::domain_controller::{
    BASE, DOMAIN, DomainController, Group, SERVICE, User, group_dn, user_dn,
};
use warden_tests::hostile_directory::ActiveDirectory;
use warden_tests::ldap::{Client, Entry};
use warden_tests::slapd::{SERVICE_PASSWORD, password_of};
use warden_tests::{Authority, HostileDirectory, Leaf};

/// Result codes of RFC 4511.
const OPERATIONS_ERROR: i32 = 1;
const STRONGER_AUTHENTICATION: i32 = 8;
const INVALID_CREDENTIALS: i32 = 49;

const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
const BIT_AND: &str = "1.2.840.113556.1.4.803";

fn started() -> (Authority, DomainController) {
    let authority = Authority::new("corp");
    let controller = DomainController::builder()
        .users(["alice", "dave"])
        .user(User::new("bob").disabled())
        .user(User::new("carol").expired())
        .user(User::new("erin").must_change_password())
        .group(Group::new("inner").user("alice").user("bob"))
        .group(Group::new("outer").group("inner"))
        .start(&authority);
    (authority, controller)
}

/// The same, scripted; what a bind needs of it.
fn scripted() -> HostileDirectory {
    let domain = ActiveDirectory::new(DOMAIN, "CORP")
        .user("alice", &password_of("alice"))
        .disabled_user("bob", &password_of("bob"));
    let members = ["alice", "bob"].map(|name| domain.user_dn(name));
    let inner = domain.group_dn("inner");
    let directory = HostileDirectory::start();
    directory.act_as(domain.group("inner", members).group("outer", [inner]));
    directory
}

fn anybody(authority: &Authority, controller: &DomainController) -> Client {
    controller.client().trusting(authority)
}

/// The common names of what a filter finds.
#[track_caller]
fn names(client: &Client, filter: &str) -> Vec<String> {
    let found = client.search(BASE, filter, &["cn"]).expect_success();
    let mut names: Vec<String> = found
        .entries()
        .iter()
        .flat_map(|entry| entry.values("cn"))
        .collect();
    names.sort();
    names
}

#[test]
fn its_users_have_three_names_and_it_says_why_it_refuses_as_the_scripted_one_does() {
    let (authority, controller) = started();
    let scripted = scripted();
    for client in [anybody(&authority, &controller), scripted.client()] {
        let bind = |name: &str, password: &str| {
            let client = client.clone().binding(name, password);
            client.search(BASE, "(cn=alice)", &["cn"])
        };
        let dn = names(
            &client.clone().binding("CORP\\alice", &password_of("alice")),
            "(sAMAccountName=alice)",
        );
        assert_eq!(dn, ["alice"]);
        bind("alice@corp.example.com", &password_of("alice")).expect_success();
        for (name, password, data) in [
            ("CORP\\alice", "wrong", "data 52e"),
            ("CORP\\bob", &password_of("bob"), "data 533"),
            ("alice", &password_of("alice"), "data 52"),
        ] {
            let refused = bind(name, password).expect_code(INVALID_CREDENTIALS);
            assert!(refused.complaint.contains(data), "{refused:?}");
        }
        // Nobody is bound, and nobody is told anything.
        let nobody = client.search(BASE, "(cn=alice)", &["cn"]);
        assert!(nobody.expect_code(OPERATIONS_ERROR).entries().is_empty());
    }
    let client = anybody(&authority, &controller);
    for (name, data) in [("carol", "data 701"), ("erin", "data 773")] {
        let client = client.clone().binding(&user_dn(name), &password_of(name));
        let refused = client
            .search(BASE, "(cn=alice)", &["cn"])
            .expect_code(INVALID_CREDENTIALS);
        assert!(refused.complaint.contains(data), "{refused:?}");
    }
}

#[test]
fn groups_in_chain_and_bits_of_a_number_are_found_as_in_the_scripted_one() {
    let (authority, controller) = started();
    let scripted = scripted();
    let alice = ActiveDirectory::new(DOMAIN, "CORP").user_dn("alice");
    let outer = ActiveDirectory::new(DOMAIN, "CORP").group_dn("outer");
    for (client, alice, outer) in [
        (
            anybody(&authority, &controller),
            user_dn("alice"),
            group_dn("outer"),
        ),
        (scripted.client(), alice, outer),
    ] {
        let client = client.binding("CORP\\alice", &password_of("alice"));
        assert_eq!(names(&client, &format!("(member={alice})")), ["inner"]);
        let chain = format!("(member:{IN_CHAIN}:={alice})");
        assert_eq!(names(&client, &chain), ["inner", "outer"]);
        let chain = format!("(&(objectClass=user)(memberOf:{IN_CHAIN}:={outer}))");
        assert_eq!(names(&client, &chain), ["alice", "bob"]);
        let disabled =
            format!("(&(userAccountControl:{BIT_AND}:=2)(|(cn=alice)(cn=bob)(cn=inner)))");
        assert_eq!(names(&client, &disabled), ["bob"]);
    }
}

/// What the scripted one does of its own accord above 1,500 values, Samba does when asked.
#[test]
fn it_gives_all_values_at_once_and_a_range_of_them_when_asked() {
    let authority = Authority::new("corp");
    let crowd: Vec<String> = (0..20).map(|number| format!("user{number:02}")).collect();
    let everybody = crowd
        .iter()
        .fold(Group::new("everybody"), |group, name| group.user(name));
    let controller = DomainController::builder()
        .users(&crowd)
        .group(everybody)
        .start(&authority);
    let client = anybody(&authority, &controller).binding(SERVICE, SERVICE_PASSWORD);
    let entry = |wanted: &str| -> Entry {
        let found = client.search(BASE, "(cn=everybody)", &[wanted]);
        found.expect_success().entries().remove(0)
    };
    assert_eq!(entry("member").values("member").len(), 20);
    let first = entry("member;range=0-7");
    assert_eq!(first.values("member;range=0-7").len(), 8);
    let last = entry("member;range=8-*");
    assert_eq!(last.values("member;range=8-*").len(), 12);
    let mut all = [
        first.values("member;range=0-7"),
        last.values("member;range=8-*"),
    ]
    .concat();
    all.sort();
    assert_eq!(
        all,
        crowd.iter().map(|name| user_dn(name)).collect::<Vec<_>>()
    );
}

#[test]
fn no_password_is_taken_in_clear() {
    let (authority, controller) = started();
    let in_clear = Client::at(&controller.url()).trusting(&authority);
    let in_clear = in_clear.binding("CORP\\alice", &password_of("alice"));
    let refused = in_clear
        .search(BASE, "(cn=alice)", &["cn"])
        .expect_code(STRONGER_AUTHENTICATION);
    assert!(refused.entries().is_empty());
    assert_eq!(names(&in_clear.start_tls(), "(cn=alice)"), ["alice"]);
}

#[test]
fn its_certificate_is_the_authoritys_or_another() {
    let (authority, controller) = started();
    let stranger = Authority::new("corp");
    let bound = |client: Client| {
        let client = client.binding("CORP\\alice", &password_of("alice"));
        client.search(BASE, "(cn=alice)", &["cn"]).code == Some(0)
    };
    assert!(bound(controller.client().trusting(&authority)));
    assert!(!bound(controller.client().trusting(&stranger)));
    let elsewhere = authority.issue(&Leaf::server_elsewhere("dc.corp.example.com"));
    let controller = DomainController::builder()
        .users(["alice"])
        .showing(elsewhere)
        .start(&authority);
    assert!(!bound(controller.client().trusting(&authority)));
}

#[test]
fn accounts_and_groups_change_while_it_runs() {
    let (authority, controller) = started();
    let bound = |name: &str, password: &str| {
        let client = anybody(&authority, &controller).binding(&user_dn(name), password);
        client.search(BASE, "(cn=alice)", &["cn"]).code == Some(0)
    };
    let (alice, dave) = (password_of("alice"), password_of("dave"));
    assert!(bound("alice", &alice) && bound("dave", &dave));
    controller.disable("alice");
    assert!(!bound("alice", &alice));
    controller.enable("alice");
    controller.replace_password("alice", "new");
    assert!(bound("alice", "new"));
    controller.expire("dave");
    assert!(!bound("dave", &dave));
    let service = anybody(&authority, &controller).binding(SERVICE, SERVICE_PASSWORD);
    let of_inner = format!("(&(objectClass=user)(memberOf={}))", group_dn("inner"));
    assert_eq!(names(&service, &of_inner), ["alice", "bob"]);
    controller.leave("inner", &user_dn("alice"));
    controller.join("inner", &user_dn("dave"));
    controller.remove(&user_dn("bob"));
    assert_eq!(names(&service, &of_inner), ["dave"]);
    controller.add(&User::new("bob"));
    assert!(bound("bob", &password_of("bob")));
}

#[test]
fn its_process_and_its_files_end_with_its_value() {
    let (_authority, controller) = started();
    let address = controller.address();
    let directory = controller.directory().to_owned();
    assert!(directory.exists());
    drop(controller);
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!directory.exists());
}
