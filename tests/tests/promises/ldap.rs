//! Names and passwords that a real directory judges, one that takes every bind it can.

use std::collections::BTreeMap;

use warden_tests::hostile_directory::{Answer, Operation};
use warden_tests::ldap::Entry;
use warden_tests::scene::authenticator;
use warden_tests::slapd::{
    BASE, SERVICE, SERVICE_PASSWORD, Slapd, SlapdBuilder, User, password_of, user_dn,
};
use warden_tests::{
    Authority, Connection, Directory, HostileDirectory, Line, Scene, eventually, on_both_lines,
};

use crate::info;

on_both_lines!(
    who_has_the_password_is_who_he_says,
    whom_a_search_finds_binds_under_his_own_name,
    a_password_that_is_none_never_reaches_the_directory,
    a_name_is_a_value_whatever_is_in_it,
    an_unknown_name_costs_and_says_what_a_wrong_password_does,
    a_name_that_several_have_is_refused,
    an_entry_without_a_name_to_bind_with_is_refused,
    a_referral_is_not_a_yes_and_is_not_followed,
    a_referral_of_a_permissive_directory_is_not_followed,
    only_a_yes_to_the_bind_is_a_yes,
    a_search_never_runs_under_a_users_bind,
    by_its_own_account_a_directory_saw_no_search_under_a_users_bind,
    log_ins_open_no_new_connections,
    tokens_are_left_to_others_and_no_directory_sees_them,
    what_is_for_one_directory_is_not_shown_to_another,
    what_the_directory_said_is_remembered_for_so_long,
    a_service_account_that_is_not_let_in_is_no_fault_of_the_users,
    guesses_are_throttled_before_they_reach_the_directory,
    secrets_are_in_no_log,
);

/// The reply to whatever is wrong with a name or a password.
pub(crate) const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

/// A line by which servers are looked after once, when the file is taken, and then not for
/// the rest of a test.
pub(crate) const QUIET: &str = "failure_detector_interval = 600\n";

/// The lines of a directory whose users bind by name.
pub(crate) fn by_bind(url: &str) -> String {
    format!(
        "type = 'ldap'\nservers = ['{url}']\nbind_dn_prefix = 'uid='\n\
         bind_dn_suffix = ',ou=people,{BASE}'\n"
    )
}

/// The lines of a directory whose users are searched for by the service account.
pub(crate) fn by_search(url: &str, password_file: &str) -> String {
    format!(
        "type = 'ldap'\nservers = ['{url}']\nauth_mode = 'search+bind'\nsearch_base = '{BASE}'\n\
         search_bind_dn = '{SERVICE}'\nsearch_bind_passwd_file = '{password_file}'\n"
    )
}

/// The file with the service account's password.
pub(crate) fn password_file(authority: &Authority) -> String {
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("service.password", SERVICE_PASSWORD);
    secrets.file_text("service.password")
}

/// A directory as permissive as it gets, and a server that asks it.
struct Asked {
    scene: Scene,
    slapd: Slapd,
    _authority: Authority,
}

/// Alice and Bob.
pub(crate) fn people() -> SlapdBuilder {
    Slapd::builder().users(["alice", "bob"]).permissive()
}

impl Asked {
    fn by_bind(line: Line, lines: &str) -> Self {
        Self::start(line, &people(), |slapd, _| {
            by_bind(&slapd.url()) + QUIET + lines
        })
    }

    fn by_search(line: Line, described: &SlapdBuilder, lines: &str) -> Self {
        Self::start(line, described, |slapd, authority| {
            by_search(&slapd.url(), &password_file(authority)) + QUIET + lines
        })
    }

    fn start(
        line: Line,
        described: &SlapdBuilder,
        file: impl FnOnce(&Slapd, &Authority) -> String,
    ) -> Self {
        let authority = Authority::new("ca");
        let slapd = described.start(&authority);
        let file = file(&slapd, &authority);
        Self {
            scene: Scene::builder(line).authenticator_file(&file).start(),
            slapd,
            _authority: authority,
        }
    }

    fn log_in(&self, name: &str) -> Connection {
        let mut client = self.scene.server.connect();
        client.auth(name, &password_of(name)).expect_ok();
        client
    }
}

/// A directory that answers as scripted, and a server that searches it.
fn hostile(line: Line, lines: &str) -> (HostileDirectory, Scene, Authority) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    let file = by_search(&directory.url(), &password_file(&authority))
        + QUIET
        + lines
        + "[throttle]\nexempt = ['127.0.0.0/8']\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    (directory, scene, authority)
}

/// The binds of users, of whoever is no service account.
fn users_binds(directory: &HostileDirectory) -> Vec<(String, String)> {
    let binds = directory.binds().into_iter();
    binds.filter(|(name, _)| name != SERVICE).collect()
}

fn alice() -> Entry {
    let dn = user_dn("alice");
    Entry::new(&dn)
        .with("uid", "alice")
        .with("entryDN", dn.as_str())
}

fn who_has_the_password_is_who_he_says(line: Line) {
    let asked = Asked::by_bind(line, "");
    let mut client = asked.log_in("alice");
    assert_eq!(client.user(), "corp/alice");
    assert!(client.run("GET reports:1").is_nil());
    client.run("SET reports:1 x").expect_error("NOPERM");
    let mut client = asked.scene.server.connect();
    client.auth("corp/alice", &password_of("alice")).expect_ok();
    assert_eq!(client.user(), "corp/alice");
    for (name, password) in [
        ("alice", "wrong".to_owned()),
        ("alice", password_of("bob")),
        ("nobody", password_of("alice")),
    ] {
        asked.scene.expect_refused(name, &password, WRONG);
    }
}

fn whom_a_search_finds_binds_under_his_own_name(line: Line) {
    let elsewhere = User::new("carol").named_by("cn").unit("staff");
    let asked = Asked::by_search(line, &people().user(elsewhere), "");
    for name in ["alice", "carol"] {
        let mut client = asked.scene.server.connect();
        let outcome = client.auth(name, &password_of(name));
        if name == "alice" {
            outcome.expect_ok();
            assert_eq!(client.user(), "corp/alice");
        } else {
            // Known, and without a right.
            outcome.expect_error("WRONGPASS no policy grants access.");
        }
    }
    asked.scene.expect_refused("alice", "wrong", WRONG);
    // The directory takes it for the same name; policies would not.
    asked
        .scene
        .expect_refused("ALICE", &password_of("alice"), WRONG);
}

fn a_password_that_is_none_never_reaches_the_directory(line: Line) {
    let by_bind = Asked::by_bind(line, "users = ['alice']\n");
    let by_search = Asked::by_search(line, &people(), "users = ['alice']\n");
    for (asked, searches) in [(&by_bind, 0), (&by_search, 2)] {
        eventually("it has been looked after", || {
            (asked.slapd.counters().searches == 1).then_some(())
        });
        let before = asked.slapd.counters();
        for password in [
            "",
            " ",
            "\t",
            "\u{0}",
            "\u{0}\u{0}",
            "a\u{0}b",
            "\u{a0}",
            "\u{200b}",
            "\r\n",
        ] {
            asked.scene.expect_refused("alice", password, WRONG);
            asked.scene.expect_refused("corp/alice", password, WRONG);
            let mut client = asked.scene.server.connect();
            let reply = client.hello_auth(3, "alice", password);
            assert!(reply.is_error("WRONGPASS"), "{password:?}: {reply}");
        }
        // A bind without a name succeeds, too.
        asked.scene.expect_refused("", "credentials", "WRONGPASS");
        let after = asked.slapd.counters();
        assert_eq!(
            (after.binds, after.searches),
            (before.binds, before.searches)
        );
        asked.log_in("alice");
        let after = asked.slapd.counters();
        assert_eq!(after.searches, before.searches + searches);
        // With the service account's.
        let binds = before.binds + 1 + u64::from(searches > 0);
        assert_eq!(after.binds, binds);
    }
}

fn a_name_is_a_value_whatever_is_in_it(line: Line) {
    let odd = [
        "alice,ou=people",
        "a+b",
        "#hash",
        "a\"b",
        "Zoë <z>",
        "a\\b",
        "a=b",
        "a;b",
    ];
    let people = people().users(odd);
    let by_bind = Asked::start(line, &people, |slapd, _| by_bind(&slapd.url()));
    let by_search = Asked::by_search(line, &people, "");
    for asked in [&by_bind, &by_search] {
        for name in odd {
            let refused = asked.scene.server.connect().auth(name, &password_of(name));
            refused.expect_error("WRONGPASS no policy grants access.");
        }
        for name in [
            "*",
            "a*",
            "alice)(uid=*",
            "*)(|(uid=*",
            "\\61lice",
            "alice,ou=people,dc=example,dc=org",
            "x,uid=alice",
            "alice ",
            " alice",
            "al\u{ad}ice",
        ] {
            asked
                .scene
                .expect_refused(name, &password_of("alice"), WRONG);
        }
    }
}

fn an_unknown_name_costs_and_says_what_a_wrong_password_does(line: Line) {
    let asked = Asked::by_search(line, &people(), "cache_seconds = 0\n");
    asked.log_in("alice");
    let cost = |name: &str| {
        let before = asked.slapd.counters();
        asked.scene.expect_refused(name, "wrong", WRONG);
        let after = asked.slapd.counters();
        (after.binds - before.binds, after.searches - before.searches)
    };
    assert_eq!(cost("alice"), (1, 1));
    assert_eq!(cost("nobody"), (1, 1));
}

fn a_name_that_several_have_is_refused(line: Line) {
    let twin = User::new("alice")
        .unit("staff")
        .password("password-of-alice");
    let asked = Asked::by_search(line, &people().user(twin), "");
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), WRONG);
    let log = asked.scene.server.log();
    assert!(log.contains("several entries have the name"), "{log}");
    // The twin: a filter that leaves one of them.
    let (directory, scene, _authority) = hostile(line, "");
    directory.answer_searches(Answer::success().entry(alice()).entry(alice()));
    scene.expect_refused("alice", "any", WRONG);
    directory.answer_searches(Answer::result(4, "").entry(alice()));
    scene.expect_refused("alice", "other", WRONG);
    directory.answer_searches(Answer::success().entry(alice()));
    let mut client = scene.server.connect();
    client.auth("alice", "another").expect_ok();
    assert_eq!(client.user(), "corp/alice");
}

fn an_entry_without_a_name_to_bind_with_is_refused(line: Line) {
    let (directory, scene, _authority) = hostile(line, "");
    let bare = || Entry::new(&user_dn("alice")).with("uid", "alice");
    let two = user_dn("bob");
    let entries = [
        bare(),
        bare().with("entryDN", ""),
        bare().with("entryDN", " "),
        alice().with("entryDN", two.as_str()),
    ];
    for (number, entry) in entries.into_iter().enumerate() {
        directory.answer_searches(Answer::success().entry(entry.clone()));
        scene.expect_refused("alice", &format!("any-{number}"), WRONG);
        for (name, _) in users_binds(&directory) {
            assert!(name.starts_with("cn=nobody-"), "{name}: {entry:?}");
        }
    }
}

fn a_referral_is_not_a_yes_and_is_not_followed(line: Line) {
    let elsewhere = HostileDirectory::start();
    elsewhere.answer(Answer::success());
    let (directory, scene, _authority) = hostile(line, "");
    let url = elsewhere.url();
    directory.answer_by(move |request| match &request.operation {
        Operation::Bind { name, .. } if name == SERVICE => Answer::success(),
        Operation::Bind { .. } => Answer::referral(&[&url]),
        _ => Answer::success().entry(alice()).reference(&url),
    });
    scene.expect_refused("alice", "any", "TRYAGAIN");
    let url = elsewhere.url();
    directory.answer_by(move |request| match &request.operation {
        Operation::Bind { .. } => Answer::success(),
        _ => Answer::referral(&[&url]),
    });
    scene.expect_refused("alice", "any", "TRYAGAIN");
    assert_eq!(elsewhere.connections(), 0);
}

/// What the first directory says of its branch is that another has it, where Alice is known
/// by this password.
fn a_referral_of_a_permissive_directory_is_not_followed(line: Line) {
    let authority = Authority::new("ca");
    let elsewhere = people()
        .user(User::new("dora").unit("branch"))
        .start(&authority);
    let branch = format!("ou=branch,{BASE}");
    let referral = Entry::new(&branch)
        .with("objectClass", "referral")
        .with("objectClass", "extensibleObject")
        .with("ou", "branch")
        .with("ref", format!("{}/{branch}", elsewhere.url()));
    let slapd = people().entry(referral).start(&authority);
    let password = password_file(&authority);
    let search = by_search(&slapd.url(), &password) + QUIET;
    let in_branch = search.replace(
        &format!("search_base = '{BASE}'"),
        &format!("search_base = '{branch}'"),
    );
    let bind = by_bind(&slapd.url()).replace(&format!("ou=people,{BASE}"), &branch) + QUIET;
    // Of all that is there, and of nothing else; and by a name that lies there.
    for (file, words) in [
        (search.clone(), WRONG),
        (in_branch, "TRYAGAIN"),
        (bind, WRONG),
    ] {
        let scene = Scene::builder(line).authenticator_file(&file).start();
        scene.expect_refused("dora", &password_of("dora"), words);
        // Who is here is let in beside it.
        if file == search {
            let mut client = scene.server.connect();
            client.auth("alice", &password_of("alice")).expect_ok();
        }
    }
    assert_eq!(elsewhere.counters().connections, 0);
    let there = Scene::builder(line)
        .authenticator_file(&by_search(&elsewhere.url(), &password))
        .start();
    // The twin: she is known where nobody was asked.
    there.expect_refused(
        "dora",
        &password_of("dora"),
        "WRONGPASS no policy grants access.",
    );
}

fn only_a_yes_to_the_bind_is_a_yes(line: Line) {
    let (directory, scene, _authority) = hostile(line, "timeout_ldap_operation = 1\n");
    let answering = |answer: Answer| {
        directory.answer_by(move |request| match &request.operation {
            Operation::Bind { name, .. } if name == SERVICE => Answer::success(),
            Operation::Bind { .. } => answer.clone(),
            _ => Answer::success().entry(alice()),
        });
    };
    for code in [49, 32, 34, 48, 53, 50, 19] {
        answering(Answer::result(code, "no"));
        scene.expect_refused("alice", &format!("guess-{code}"), WRONG);
    }
    for answer in [
        Answer::result(1, ""),
        Answer::result(8, ""),
        Answer::result(14, ""),
        Answer::result(51, ""),
        Answer::result(52, ""),
        Answer::result(80, ""),
        Answer::result(4096, ""),
        Answer::success().of_kind(5),
        Answer::success().of_kind(24),
        Answer::success().with_message_id(1000),
        Answer::success().with_message_id(0),
        Answer::success().with_message_id(-1),
        Answer::success().truncated(5),
        Answer::success().followed_by(b"x".as_slice()),
        Answer::disconnection(52),
        Answer::hang_up(),
        Answer::never(),
        Answer::raw(b"\x30\x80\x02\x01\x01".as_slice()),
        Answer::raw(b"HTTP/1.1 200 OK\r\n\r\n".as_slice()),
        Answer::raw(nested(50_000)),
        Answer::raw(b"\x30\x84\x7f\xff\xff\xff".as_slice()),
    ] {
        answering(answer.clone());
        let reply = scene.server.connect().auth("alice", "right");
        assert!(reply.is_error("TRYAGAIN"), "{answer:?}: {reply}");
    }
    answering(Answer::success());
    scene.server.connect().auth("alice", "right").expect_ok();
}

/// A message of so many elements, each within the one before.
fn nested(depth: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for level in (0..depth).rev() {
        bytes.extend_from_slice(&[0x30, 0x84]);
        bytes.extend_from_slice(&(level * 6).to_be_bytes());
    }
    bytes
}

fn a_search_never_runs_under_a_users_bind(line: Line) {
    let (directory, scene, _authority) = hostile(line, "connection_pool_size = 1\n");
    directory.answer_searches(Answer::success().entry(alice()));
    for password in ["one", "two", "three"] {
        scene.server.connect().auth("alice", password).expect_ok();
    }
    let mut bound = BTreeMap::new();
    let mut searches = 0;
    for request in directory.requests() {
        match request.operation {
            Operation::Bind { name, .. } => {
                bound.insert(request.connection, name);
            }
            Operation::Search { base, .. } if !base.is_empty() => {
                searches += 1;
                assert_eq!(
                    bound.get(&request.connection).map(String::as_str),
                    Some(SERVICE)
                );
            }
            _ => {}
        }
    }
    // For the name, and for what its entry says.
    assert_eq!(searches, 6);
}

/// One connection of each kind for everybody, on a directory that lets users search, too.
fn by_its_own_account_a_directory_saw_no_search_under_a_users_bind(line: Line) {
    let described = people().logging_operations();
    let lines = "connection_pool_size = 1\ncache_seconds = 0\n";
    let asked = Asked::by_search(line, &described, lines);
    for number in 0..5 {
        asked.log_in("alice");
        for name in ["bob", "nobody"] {
            let guess = format!("guess-{number}");
            asked.scene.expect_refused(name, &guess, WRONG);
        }
    }
    let (mut bound, mut searches, mut users) = (BTreeMap::new(), 0, 0);
    let log = asked.slapd.log();
    for text in log.lines() {
        let Some((_, text)) = text.split_once(" conn=") else {
            continue;
        };
        let connection = text.split(' ').next().unwrap_or_default().to_owned();
        let quoted = |key: &str| {
            let (_, rest) = text.split_once(key)?;
            rest.split('"').next().map(str::to_owned)
        };
        if let Some(name) = quoted(" BIND dn=\"").filter(|_| text.contains("method=")) {
            users += usize::from(name.starts_with("uid=") || name.starts_with("cn=nobody"));
            bound.insert(connection, name);
        } else if let Some(base) = quoted(" SRCH base=\"")
            && !base.is_empty()
            && !base.eq_ignore_ascii_case("cn=Monitor")
        {
            searches += 1;
            assert_eq!(bound.get(&connection).map(String::as_str), Some(SERVICE));
        }
    }
    assert!(users >= 15 && searches >= 20, "{users}, {searches}: {log}");
}

fn log_ins_open_no_new_connections(line: Line) {
    let asked = Asked::by_search(line, &people(), "cache_seconds = 0\n");
    asked.log_in("alice");
    let before = asked.slapd.counters();
    for number in 0..9 {
        asked.log_in("alice");
        let guess = format!("guess-{number}");
        asked.scene.expect_refused("bob", &guess, WRONG);
    }
    let after = asked.slapd.counters();
    assert_eq!(after.connections, before.connections);
    assert_eq!(after.binds, before.binds + 18);
}

fn tokens_are_left_to_others_and_no_directory_sees_them(line: Line) {
    let asked = Asked::by_bind(line, "");
    let keys = asked.scene.keys.file_text("corp.jwks");
    let file = authenticator(&asked.scene.issuer, &keys);
    asked.scene.authenticators.replace("20-tokens.toml", file);
    asked.scene.reload_after(|| {});
    let before = asked.slapd.counters().binds;
    let token = asked.scene.token("alice");
    for name in ["token", "alice", "tokens/alice"] {
        let reply = asked.scene.server.connect().auth(name, &token);
        reply.expect_error("WRONGPASS no policy grants access.");
    }
    for name in ["token", "certificate"] {
        asked.scene.expect_refused(name, "an-opaque-token", WRONG);
    }
    assert_eq!(asked.slapd.counters().binds, before);
}

fn what_is_for_one_directory_is_not_shown_to_another(line: Line) {
    let [first, other] = [(); 2].map(|()| HostileDirectory::start());
    for directory in [&first, &other] {
        directory.answer(Answer::success());
    }
    let scene = Scene::builder(line)
        .authenticator_file(&(by_bind(&first.url()) + QUIET))
        .start();
    scene
        .authenticators
        .replace("20-other.toml", by_bind(&other.url()) + QUIET);
    eventually("both are in force", || {
        (scene.authenticators_state().len() == 2).then_some(())
    });
    for (name, shown) in [
        ("other/alice", [0, 1]),
        ("corp/alice", [1, 1]),
        // Whose that is only they can tell, one after the other.
        ("alice", [2, 1]),
        ("nobodys/alice", [3, 1]),
    ] {
        scene.server.connect().auth(name, "a password");
        let binds = [&first, &other].map(|directory| users_binds(directory).len());
        assert_eq!(binds, shown, "{name}");
    }
}

fn what_the_directory_said_is_remembered_for_so_long(line: Line) {
    let asked = Asked::by_bind(line, "cache_seconds = 2\n");
    let before = asked.slapd.counters().binds;
    for _ in 0..10 {
        asked.log_in("alice");
    }
    assert_eq!(asked.slapd.counters().binds, before + 1);
    assert_eq!(asked.scene.counter(info::VERIFICATIONS), 1);
    eventually("asked again", || {
        asked.log_in("alice");
        (asked.slapd.counters().binds > before + 1).then_some(())
    });
}

fn a_service_account_that_is_not_let_in_is_no_fault_of_the_users(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let secrets = Directory::create(directory.path().join("secrets"));
    secrets.replace_secret("service.password", "wrong");
    let asked = Asked::start(line, &people(), |slapd, _| {
        by_search(&slapd.url(), &secrets.file_text("service.password")) + QUIET
    });
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    let corp = &asked.scene.authenticators_state()[0];
    assert_eq!(corp.field("status").text(), "failing");
    let trouble = corp.field("trouble").text();
    assert!(
        trouble.contains("search_bind_dn") && trouble.contains("49"),
        "{trouble}"
    );
    // Its new password is read when the file changes.
    secrets.replace_secret("service.password", SERVICE_PASSWORD);
    eventually("the service account is let in", || {
        let mut client = asked.scene.server.connect();
        client
            .auth("alice", &password_of("alice"))
            .is_ok()
            .then_some(())
    });
    let corp = &asked.scene.authenticators_state()[0];
    assert_eq!(corp.field("status").text(), "ok");
}

fn guesses_are_throttled_before_they_reach_the_directory(line: Line) {
    let asked = Asked::by_bind(line, "[throttle]\nfailures = 3\nseconds = 600\n");
    let before = asked.slapd.counters().binds;
    for number in 0..3 {
        let guess = format!("guess-{number}");
        asked.scene.expect_refused("alice", &guess, WRONG);
    }
    for number in 3..10 {
        let guess = format!("guess-{number}");
        asked.scene.expect_refused("alice", &guess, "TRYAGAIN");
    }
    assert_eq!(asked.slapd.counters().binds, before + 3);
}

fn secrets_are_in_no_log(line: Line) {
    let (directory, scene, _authority) = hostile(line, "");
    // A directory that tells everybody what it was sent.
    directory.answer_by(|request| match &request.operation {
        Operation::Bind { name, .. } if name == SERVICE => Answer::success(),
        Operation::Bind { password, .. } => Answer::result(49, password),
        _ => Answer::success().entry(alice()),
    });
    scene.expect_refused("alice", "hunter2-of-alice", WRONG);
    directory.answer_by(|request| match &request.operation {
        Operation::Bind { password, .. } => Answer::result(80, password),
        _ => Answer::success().entry(alice()),
    });
    scene.expect_refused("alice", "hunter3-of-alice", "TRYAGAIN");
    let shown = [
        scene.server.log(),
        format!("{:?}", scene.server.info("warden")),
        scene
            .server
            .admin()
            .call(["WARDEN.AUTHENTICATORS"])
            .to_string(),
    ];
    for text in shown {
        for secret in ["hunter2", "hunter3", SERVICE_PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
