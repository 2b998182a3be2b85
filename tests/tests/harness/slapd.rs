//! The directory: that OpenLDAP's own clients find it as it was described.

use std::time::{Duration, Instant};

use warden_tests::ldap::{Client, Entry};
use warden_tests::server::GRACE;
use warden_tests::slapd::{
    ADMIN, ADMIN_PASSWORD, BASE, Counters, Group, NOBODY, SERVICE, SERVICE_PASSWORD, Slapd, User,
    crowd_name, group_dn, password_of, user_dn,
};
use warden_tests::{Authority, Leaf, eventually};

/// Result codes of RFC 4511.
const SIZE_LIMIT: i32 = 4;
const REFERRAL: i32 = 10;
const NO_SUCH_OBJECT: i32 = 32;
const INVALID_CREDENTIALS: i32 = 49;
const UNWILLING: i32 = 53;
/// The client's own for "no server", as an exit code.
const NO_SERVER: i32 = 255;

const HASTE: Duration = Duration::from_secs(1);

fn started() -> (Authority, Slapd) {
    let authority = Authority::new("corp");
    let slapd = Slapd::builder()
        .users(["alice", "bob"])
        .group(Group::new("analysts").user("alice"))
        .start(&authority);
    (authority, slapd)
}

fn bound(slapd: &Slapd, name: &str) -> Client {
    slapd.client().binding(&user_dn(name), &password_of(name))
}

fn service(slapd: &Slapd) -> Client {
    slapd.client().binding(SERVICE, SERVICE_PASSWORD)
}

#[track_caller]
fn values(client: &Client, dn: &str, attribute: &str) -> Vec<String> {
    let filter = format!("(entryDN={dn})");
    let found = client.search(BASE, &filter, &[attribute]).expect_success();
    let entries = found.entries();
    assert_eq!(entries.len(), 1, "{dn}");
    entries[0].values(attribute)
}

#[test]
fn a_user_binds_with_the_right_password_alone() {
    let (_authority, slapd) = started();
    let dn = user_dn("alice");
    let who = bound(&slapd, "alice").whoami().expect_success();
    assert_eq!(who.output.trim(), format!("dn:{dn}"));
    for (name, password) in [(dn.as_str(), "wrong"), (&user_dn("eve"), "any")] {
        let client = slapd.client().binding(name, password);
        client.whoami().expect_code(INVALID_CREDENTIALS);
    }
}

#[test]
fn tls_and_start_tls_show_a_certificate_of_the_authority() {
    let (authority, slapd) = started();
    let stranger = Authority::new("corp");
    for client in [Client::at(&slapd.tls_url()), slapd.client().start_tls()] {
        let client = client.binding(&user_dn("alice"), &password_of("alice"));
        client
            .clone()
            .trusting(&authority)
            .whoami()
            .expect_success();
        assert_ne!(client.trusting(&stranger).whoami().code, Some(0));
    }
}

#[test]
fn certificates_can_be_expired_or_for_another_host_and_tls_can_be_missing() {
    let authority = Authority::new("corp");
    for leaf in [
        Leaf::server().expired(),
        Leaf::server_elsewhere("ldap.example.org"),
    ] {
        let bad = authority.issue(&leaf);
        let slapd = Slapd::builder().showing(bad).start(&authority);
        for client in [Client::at(&slapd.tls_url()), slapd.client().start_tls()] {
            assert_ne!(client.trusting(&authority).whoami().code, Some(0));
        }
    }
    let slapd = Slapd::builder().without_tls().start(&authority);
    slapd.client().whoami().expect_success();
    let refused = slapd.client().trusting(&authority).start_tls().whoami();
    assert!(
        refused.complaint.contains("Protocol error (2)"),
        "{refused:?}"
    );
}

#[test]
fn it_can_demand_certificates_of_clients() {
    let authority = Authority::new("corp");
    let slapd = Slapd::builder().demanding_certificates().start(&authority);
    let client = Client::at(&slapd.tls_url()).trusting(&authority);
    let ours = authority.client("warden");
    client.clone().showing(&ours).whoami().expect_success();
    let stranger = Authority::new("corp").client("warden");
    assert_ne!(client.clone().showing(&stranger).whoami().code, Some(0));
    assert_ne!(client.whoami().code, Some(0));
}

#[test]
fn only_a_permissive_one_takes_an_empty_password() {
    let (authority, strict) = started();
    let permissive = Slapd::builder()
        .users(["alice"])
        .permissive()
        .start(&authority);
    let dn = user_dn("alice");
    strict
        .client()
        .binding(&dn, "")
        .whoami()
        .expect_code(UNWILLING);
    for (name, password) in [
        (dn.as_str(), ""),
        ("", "credentials"),
        (&user_dn("eve"), ""),
    ] {
        let client = permissive.client().binding(name, password);
        let who = client.whoami().expect_success();
        assert_eq!(who.output.trim(), "anonymous", "{name:?} {password:?}");
    }
}

#[test]
fn everybody_searches_only_where_that_was_said() {
    let (authority, closed) = started();
    let open = Slapd::builder()
        .users(["alice"])
        .anonymous_search()
        .start(&authority);
    let filter = "(uid=alice)";
    let found = open
        .client()
        .search(BASE, filter, &[])
        .expect_success()
        .entries();
    assert_eq!(found[0].dn, user_dn("alice"));
    assert_eq!(found[0].values("userPassword"), [""; 0]);
    closed
        .client()
        .search(BASE, filter, &[])
        .expect_code(NO_SUCH_OBJECT);
    for client in [service(&closed), bound(&closed, "bob")] {
        let found = client.search(BASE, filter, &[]).expect_success().entries();
        assert_eq!(found.len(), 1);
    }
}

#[test]
fn member_of_is_there_from_the_start_and_follows_changes() {
    let (_authority, slapd) = started();
    let service = service(&slapd);
    let (alice, bob) = (user_dn("alice"), user_dn("bob"));
    assert_eq!(values(&service, &alice, "memberOf"), [group_dn("analysts")]);
    assert_eq!(values(&service, &bob, "memberOf"), [""; 0]);
    slapd.join("analysts", &bob);
    assert_eq!(values(&service, &bob, "memberOf"), [group_dn("analysts")]);
    slapd.leave("analysts", &alice);
    assert_eq!(values(&service, &alice, "memberOf"), [""; 0]);
    slapd.remove(&bob);
    assert_eq!(values(&service, &group_dn("analysts"), "member"), [NOBODY]);
}

#[test]
fn groups_nest_and_may_even_loop() {
    let authority = Authority::new("corp");
    let slapd = Slapd::builder()
        .users(["alice"])
        .group(Group::new("inner").user("alice").group("outer"))
        .group(Group::new("outer").group("inner"))
        .group(Group::new("empty"))
        .start(&authority);
    let service = service(&slapd);
    let [inner, outer] = ["inner", "outer"].map(group_dn);
    assert_eq!(
        values(&service, &user_dn("alice"), "memberOf"),
        [inner.as_str()]
    );
    assert_eq!(values(&service, &inner, "memberOf"), [outer.as_str()]);
    assert_eq!(values(&service, &outer, "memberOf"), [inner]);
    assert_eq!(values(&service, &group_dn("empty"), "member"), [NOBODY]);
}

#[test]
fn accounts_are_locked_disabled_and_named_as_described() {
    let authority = Authority::new("corp");
    let strange = User::new("a,b+c \"d\" <e>;#\\").attribute("mail", "odd@example.org");
    let cn = User::new("carol")
        .named_by("cn")
        .unit("contractors")
        .password("own");
    let slapd = Slapd::builder()
        .user(User::new("alice").locked())
        .user(User::new("bob").disabled())
        .user(strange.clone())
        .user(cn.clone())
        .start(&authority);
    bound(&slapd, "alice")
        .whoami()
        .expect_code(INVALID_CREDENTIALS);
    // The server itself knows nothing of Active Directory.
    bound(&slapd, "bob").whoami().expect_success();
    let service = service(&slapd);
    assert_eq!(
        values(&service, &user_dn("bob"), "userAccountControl"),
        ["514"]
    );
    let own = slapd.client().binding(&cn.dn(), "own");
    own.whoami().expect_success();
    assert_eq!(cn.dn(), "cn=carol,ou=contractors,dc=example,dc=org");

    let found = service
        .search(BASE, "(mail=odd@example.org)", &["uid"])
        .expect_success();
    assert_eq!(found.entries()[0].values("uid"), ["a,b+c \"d\" <e>;#\\"]);
    let password = password_of("a,b+c \"d\" <e>;#\\");
    slapd
        .client()
        .binding(&strange.dn(), &password)
        .whoami()
        .expect_success();
}

#[test]
fn entries_change_while_it_runs() {
    let (_authority, slapd) = started();
    let alice = user_dn("alice");
    slapd.replace(&alice, "userPassword", &["new"]);
    bound(&slapd, "alice")
        .whoami()
        .expect_code(INVALID_CREDENTIALS);
    slapd
        .client()
        .binding(&alice, "new")
        .whoami()
        .expect_success();
    slapd.replace(&alice, "userAccountControl", &["514"]);
    let service = service(&slapd);
    assert_eq!(values(&service, &alice, "userAccountControl"), ["514"]);
    slapd.replace(&alice, "userAccountControl", &[]);
    assert_eq!(values(&service, &alice, "userAccountControl"), [""; 0]);
    let twin = Entry::new(&format!("cn=twin,ou=people,{BASE}"))
        .with("objectClass", "inetOrgPerson")
        .with("cn", "twin")
        .with("sn", "twin")
        .with("uid", "alice");
    slapd.add(&twin);
    let found = service
        .search(BASE, "(uid=alice)", &["cn"])
        .expect_success();
    assert_eq!(found.entries().len(), 2);
    slapd.remove(&alice);
    assert_eq!(
        service.search(BASE, "(uid=alice)", &["cn"]).entries().len(),
        1
    );
}

#[test]
fn referrals_are_returned() {
    let authority = Authority::new("corp");
    let elsewhere = Entry::new(&format!("ou=elsewhere,{BASE}"))
        .with("objectClass", "referral")
        .with("objectClass", "extensibleObject")
        .with("ou", "elsewhere")
        .with("ref", "ldap://127.0.0.1:1/ou=elsewhere");
    let slapd = Slapd::builder().entry(elsewhere).start(&authority);
    let base = format!("ou=elsewhere,{BASE}");
    let answer = service(&slapd)
        .search(&base, "(uid=alice)", &[])
        .expect_code(REFERRAL);
    assert!(
        answer.complaint.contains("ldap://127.0.0.1:1/"),
        "{answer:?}"
    );
}

#[test]
fn ten_thousand_users_load_within_seconds_and_twice_alike() {
    let authority = Authority::new("corp");
    let everybody = (0..10_000).fold(Group::new("everybody"), |group, number| {
        group.user(&crowd_name(number))
    });
    let described = Slapd::builder()
        .crowd(10_000)
        .group(everybody)
        .size_limit(100);
    let before = Instant::now();
    let both = [described.start(&authority), described.start(&authority)];
    let took = before.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    for slapd in &both {
        let last = crowd_name(9_999);
        bound(slapd, &last).whoami().expect_success();
        let service = service(slapd);
        assert_eq!(
            values(&service, &user_dn(&last), "memberOf"),
            [group_dn("everybody")]
        );
        assert_eq!(
            values(&service, &group_dn("everybody"), "member").len(),
            10_000
        );
        let some = service
            .search(BASE, "(uid=*)", &["uid"])
            .expect_code(SIZE_LIMIT);
        assert_eq!(some.entries().len(), 100);
        let admin = slapd.client().binding(ADMIN, ADMIN_PASSWORD);
        let all = admin.search(BASE, "(uid=*)", &["uid"]).expect_success();
        assert_eq!(all.entries().len(), 10_000);
    }
}

#[test]
fn it_stops_is_killed_and_comes_back_on_its_ports() {
    let (authority, slapd) = started();
    let client = bound(&slapd, "alice");
    let over_tls = Client::at(&slapd.tls_url()).trusting(&authority);
    slapd.replace(&user_dn("alice"), "mail", &["alice@example.org"]);
    slapd.stop();
    client.whoami().expect_code(NO_SERVER);
    slapd.start_again();
    client.whoami().expect_success();
    slapd.kill();
    client.whoami().expect_code(NO_SERVER);
    slapd.start_again();
    over_tls.whoami().expect_success();
    slapd.restart();
    let mail = values(&service(&slapd), &user_dn("alice"), "mail");
    assert_eq!(mail, ["alice@example.org"]);
}

#[test]
fn a_stalled_one_takes_connections_and_answers_once_it_runs_again() {
    let (_authority, slapd) = started();
    let client = bound(&slapd, "alice");
    slapd.stall();
    assert_eq!(client.clone().waiting(HASTE).whoami().code, None);
    let waiting = std::thread::spawn(move || client.whoami());
    std::thread::sleep(GRACE);
    assert!(!waiting.is_finished());
    slapd.resume();
    waiting.join().unwrap().expect_success();
    slapd.stall();
}

#[test]
fn it_counts_what_others_ask() {
    let (authority, slapd) = started();
    let pid = slapd.pid();
    assert_eq!(slapd.counters(), Counters::default());
    bound(&slapd, "alice")
        .search(BASE, "(uid=bob)", &[])
        .expect_success();
    slapd.client().binding(&user_dn("alice"), "wrong").whoami();
    slapd
        .client()
        .trusting(&authority)
        .start_tls()
        .search(BASE, "(uid=bob)", &[]);
    slapd.replace(&user_dn("alice"), "mail", &["a@example.org"]);
    let expected = Counters {
        connections: 3,
        open_connections: 0,
        // A client without a name binds as nobody.
        binds: 3,
        searches: 2,
        modifications: 0,
        extended: 1,
    };
    eventually("all is counted", || {
        (slapd.counters() == expected).then_some(())
    });
    slapd.restart();
    assert_eq!(slapd.counters(), Counters::default());
    assert_ne!(slapd.pid(), pid);
}

#[test]
fn it_writes_down_each_operation_when_told_to() {
    let authority = Authority::new("corp");
    let slapd = Slapd::builder()
        .users(["alice"])
        .logging_operations()
        .start(&authority);
    bound(&slapd, "alice").whoami().expect_success();
    let line = format!("BIND dn=\"{}\" method=128", user_dn("alice"));
    eventually("the bind is in the log", || {
        slapd.log().contains(&line).then_some(())
    });
    assert!(!slapd.log().contains(&password_of("alice")));
}

#[test]
fn its_process_ends_with_its_value() {
    let (_authority, slapd) = started();
    let pid = slapd.pid();
    let directory = slapd.directory().to_owned();
    slapd.stall();
    drop(slapd);
    assert!(!std::path::Path::new(&format!("/proc/{pid}/status")).exists());
    assert!(!directory.exists());
}
