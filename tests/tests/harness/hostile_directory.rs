//! The hostile directory: that it does each thing it is told, to OpenLDAP's own clients
//! and to one that looks at bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use warden_tests::hostile_directory::{ActiveDirectory, Answer, Filter, Operation, RANGE, Scope};
use warden_tests::ldap::{Client, Entry, Outcome};
use warden_tests::server::PATIENCE;
use warden_tests::{Authority, HostileDirectory, Leaf, eventually};

const HASTE: Duration = Duration::from_secs(2);
const MOMENT: Duration = Duration::from_millis(50);

/// Result codes of RFC 4511.
const OPERATIONS_ERROR: i32 = 1;
const SIZE_LIMIT: i32 = 4;
const REFERRAL: i32 = 10;
const INVALID_CREDENTIALS: i32 = 49;
const UNWILLING: i32 = 53;

/// Binds as nobody, in bytes: message 1.
const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";

/// Success for [`BIND`], in bytes.
const BOUND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

fn alice() -> Entry {
    Entry::new("cn=alice,dc=example")
        .with("cn", "alice")
        .with("photo", [0, 255])
}

fn search(directory: &HostileDirectory) -> Outcome {
    directory.client().search("dc=example", "(cn=*)", &[])
}

/// Sends [`BIND`] and reads until the server closes.
fn bytes_of(directory: &HostileDirectory) -> Vec<u8> {
    let mut socket = TcpStream::connect(directory.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(BIND).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn it_is_unwilling_until_a_script_says_otherwise() {
    let directory = HostileDirectory::start();
    search(&directory).expect_code(UNWILLING);
    directory.answer_searches(Answer::success().entry(alice()));
    assert_eq!(search(&directory).expect_success().entries(), [alice()]);
    assert_eq!(directory.connections(), 2);
    eventually("clients have left", || {
        (directory.open_connections() == 0).then_some(())
    });
}

#[test]
fn it_records_what_is_asked() {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success());
    let filter = "(&(|(uid=a\\2ab)(cn=x*y*z))(!(mail=*))(member:1.2.840.113556.1.4.1941:=cn=a))";
    let client = directory.client().binding("cn=alice", "secret");
    client
        .search("dc=example", filter, &["memberOf", "cn"])
        .expect_success();
    assert_eq!(
        directory.binds(),
        [("cn=alice".to_owned(), "secret".to_owned())]
    );
    eventually("it says good-bye", || {
        let last = directory.requests().pop()?;
        (last.operation == Operation::Unbind).then_some(())
    });
    let requests = directory.requests();
    assert!(
        requests
            .iter()
            .all(|one| one.connection == 1 && !one.over_tls)
    );
    let Operation::Search {
        base,
        scope,
        filter: Filter::And(parts),
        attributes,
        ..
    } = &requests[1].operation
    else {
        panic!("{requests:?}");
    };
    assert_eq!((base.as_str(), *scope), ("dc=example", Scope::Tree));
    assert_eq!(attributes, &["memberOf", "cn"]);
    assert_eq!(Filter::And(parts.clone()).to_string(), filter);
}

#[test]
fn referrals_and_references_name_other_servers() {
    let directory = HostileDirectory::start();
    directory.answer_by(|request| match request.operation {
        Operation::Search { .. } => Answer::success().reference("ldap://127.0.0.1:1/dc=b"),
        Operation::Bind { ref name, .. } if name.is_empty() => Answer::success(),
        _ => Answer::referral(&["ldap://127.0.0.1:2/dc=a"]),
    });
    let found = search(&directory).expect_success();
    assert!(
        found.output.contains("# refldap://127.0.0.1:1/dc=b"),
        "{found:?}"
    );
    let bound = directory
        .client()
        .binding("cn=a", "b")
        .whoami()
        .expect_code(REFERRAL);
    assert!(bound.complaint.contains("127.0.0.1:2"), "{bound:?}");
}

#[test]
fn answers_are_late_slow_or_missing() {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success().delayed(4 * MOMENT).and_hang_up());
    let before = Instant::now();
    assert_eq!(bytes_of(&directory), BOUND);
    assert!(before.elapsed() >= 4 * MOMENT);
    directory.answer(Answer::success().dripping(MOMENT).and_hang_up());
    let before = Instant::now();
    assert_eq!(bytes_of(&directory), BOUND);
    assert!(before.elapsed() >= 10 * MOMENT);
    for answer in [
        Answer::never(),
        Answer::success().entry(alice()).without_result(),
    ] {
        directory.answer(answer);
        let hasty = directory.client().waiting(HASTE);
        assert_eq!(hasty.search("dc=example", "(cn=*)", &[]).code, None);
    }
}

#[test]
fn answers_are_cut_misnumbered_of_the_wrong_kind_or_no_ldap() {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success().truncated(5));
    assert_eq!(bytes_of(&directory), BOUND[..5]);
    directory.answer(Answer::success().with_message_id(7).and_hang_up());
    assert_eq!(bytes_of(&directory)[4], 7);
    directory.answer(Answer::success().of_kind(5).and_hang_up());
    assert_eq!(bytes_of(&directory)[5], 0x65);
    directory.answer(Answer::success().followed_by(BOUND).and_hang_up());
    assert_eq!(bytes_of(&directory), BOUND.repeat(2));
    directory.answer(Answer::raw("HTTP/1.1 400 Bad Request\r\n\r\n").and_hang_up());
    assert!(bytes_of(&directory).starts_with(b"HTTP/1.1"));
    directory.answer(Answer::hang_up());
    assert_eq!(bytes_of(&directory), b"");
    directory.answer(Answer::disconnection(52));
    let notice = bytes_of(&directory);
    assert_eq!(&notice[..6], [0x30, notice.len() as u8 - 2, 2, 1, 0, 0x78]);
    assert_ne!(search(&directory).code, Some(0));
}

#[test]
fn answers_are_huge_or_endless() {
    let directory = HostileDirectory::start();
    let many = (0..20_000).map(|number| Entry::new(&format!("cn={number},dc=example")));
    let large = Entry::new("cn=large,dc=example").with("cn", "x".repeat(1 << 20));
    directory.answer_searches(Answer::success().entries(many).entry(large));
    let found = directory.client().search("dc=example", "(cn=*)", &[]);
    assert_eq!(found.expect_success().entries().len(), 20_001);
    directory.answer(Answer::success().entry(alice()).endless());
    let mut socket = TcpStream::connect(directory.address()).unwrap();
    socket.write_all(BIND).unwrap();
    let mut bytes = vec![0; 4 << 20];
    socket.read_exact(&mut bytes).unwrap();
    drop(socket);
    eventually("it stops", || {
        (directory.open_connections() == 0).then_some(())
    });
}

#[test]
fn it_speaks_tls_from_the_start_or_when_asked() {
    let authority = Authority::new("corp");
    let sound = authority.server();
    let directory = HostileDirectory::start_tls(&sound);
    directory.answer(Answer::success());
    let client = directory.client().trusting(&authority);
    client.search("", "(cn=*)", &[]).expect_success();
    assert!(directory.requests()[0].over_tls);

    let directory = HostileDirectory::start();
    let client = directory.client().trusting(&authority).start_tls();
    let refused = client.whoami();
    assert!(
        refused.complaint.contains("unwilling to perform (53)"),
        "{refused:?}"
    );
    let wrong = authority.issue(&Leaf::server_elsewhere("ldap.example.org"));
    for (identity, good) in [(&wrong, false), (&sound, true)] {
        let answer = Answer::start_tls(identity);
        directory.answer_by(move |request| {
            if request.is_start_tls() {
                answer.clone()
            } else {
                Answer::success()
            }
        });
        let bound = client
            .clone()
            .binding("cn=alice", "secret")
            .search("", "(cn=*)", &[]);
        assert_eq!(bound.code == Some(0), good, "{bound:?}");
    }
    assert_eq!(directory.binds().len(), 1);
}

#[test]
fn everything_open_is_closed_with_the_value() {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success().delayed(PATIENCE));
    let mut socket = TcpStream::connect(directory.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(BIND).unwrap();
    eventually("it is asked", || directory.requests().pop());
    drop(directory);
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
}

// --- Active Directory -------------------------------------------------------

fn domain() -> (HostileDirectory, Client) {
    let domain = ActiveDirectory::new("example.org", "EXAMPLE")
        .user("alice", "secret")
        .disabled_user("bob", "secret");
    let alice = domain.user_dn("alice");
    let crowd: Vec<String> = (0..2 * RANGE + 1)
        .map(|number| format!("CN=user{number},DC=example,DC=org"))
        .collect();
    let (inner, outer) = (domain.group_dn("inner"), domain.group_dn("outer"));
    let domain = domain
        .group("inner", [&alice, &outer])
        .group("outer", [&inner])
        .group("crowd", crowd);
    let directory = HostileDirectory::start();
    directory.act_as(domain);
    let client = directory.client().binding("EXAMPLE\\alice", "secret");
    (directory, client)
}

#[track_caller]
fn names(client: &Client, filter: &str) -> Vec<String> {
    let found = client
        .search("DC=example,DC=org", filter, &["cn"])
        .expect_success();
    found
        .entries()
        .iter()
        .flat_map(|entry| entry.values("cn"))
        .collect()
}

#[test]
fn a_domain_knows_its_users_by_three_names_and_says_why_it_refuses() {
    let (directory, _) = domain();
    let bind = |name: &str, password: &str| {
        let client = directory.client().binding(name, password);
        client.search("DC=example,DC=org", "(cn=alice)", &["cn"])
    };
    for name in [
        "EXAMPLE\\alice",
        "alice@example.org",
        "CN=alice,CN=Users,DC=example,DC=org",
    ] {
        bind(name, "secret").expect_success();
    }
    for (name, password, data) in [
        ("EXAMPLE\\alice", "wrong", "data 52e"),
        ("EXAMPLE\\eve", "secret", "data 525"),
        ("EXAMPLE\\bob", "secret", "data 533"),
    ] {
        let refused = bind(name, password).expect_code(INVALID_CREDENTIALS);
        assert!(refused.complaint.contains(data), "{refused:?}");
    }
    // The bind succeeds; that nobody is bound shows only later.
    let nobody = bind("EXAMPLE\\alice", "").expect_code(OPERATIONS_ERROR);
    assert!(nobody.complaint.contains("successful bind"), "{nobody:?}");
}

#[test]
fn a_domain_finds_groups_in_chain_and_bits_of_a_number() {
    let (_directory, client) = domain();
    let alice = "CN=alice,CN=Users,DC=example,DC=org";
    assert_eq!(names(&client, &format!("(member={alice})")), ["inner"]);
    let chain = format!("(member:1.2.840.113556.1.4.1941:={alice})");
    assert_eq!(names(&client, &chain), ["inner", "outer"]);
    let chain = "(memberOf:1.2.840.113556.1.4.1941:=CN=outer,OU=Groups,DC=example,DC=org)";
    assert_eq!(
        names(&client, &format!("(&(objectClass=user){chain})")),
        ["alice"]
    );
    let disabled = "(userAccountControl:1.2.840.113556.1.4.803:=2)";
    assert_eq!(names(&client, disabled), ["bob"]);
    assert_eq!(names(&client, "(cn=AL*c*)"), ["alice"]);
}

#[test]
fn a_domain_gives_long_attributes_in_ranges() {
    let (_directory, client) = domain();
    let mut members = Vec::new();
    let mut wanted = "member".to_owned();
    loop {
        let found = client.search("DC=example,DC=org", "(cn=crowd)", &[&wanted]);
        let entry = found.expect_success().entries().pop().unwrap();
        assert_eq!(entry.values("member"), [""; 0]);
        let start = members.len();
        let (name, _) = entry.attributes[0].clone();
        members.extend(entry.values(&name));
        if name == format!("member;range={start}-*") {
            break;
        }
        assert_eq!(name, format!("member;range={start}-{}", start + RANGE - 1));
        wanted = format!("member;range={}-*", members.len());
    }
    assert_eq!(members.len(), 2 * RANGE + 1);
}

#[test]
fn a_domain_finds_a_page_of_entries_at_most() {
    let mut domain = ActiveDirectory::new("example.org", "EXAMPLE").user("alice", "secret");
    for number in 0..1200 {
        domain = domain.group(&format!("group{number}"), [""; 0]);
    }
    let directory = HostileDirectory::start();
    directory.act_as(domain);
    let client = directory.client().binding("alice@example.org", "secret");
    let found = client.search("DC=example,DC=org", "(objectClass=group)", &["cn"]);
    assert_eq!(found.expect_code(SIZE_LIMIT).entries().len(), 1000);
}
