//! Users of the server's own ACL beside a directory: whose names and passwords it is not
//! shown, and who is asked about what it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use warden_tests::hostile_directory::{Answer, Operation};
use warden_tests::provider::{Provider, Token};
use warden_tests::slapd::{Slapd, User, password_of};
use warden_tests::{Authority, HostileDirectory, Line, Scene, eventually, on_both_lines};

use crate::info;
use crate::ldap::{QUIET, WRONG, by_bind, people};

on_both_lines!(
    a_local_users_name_and_password_never_reach_the_directory,
    a_local_user_logs_in_wherever_a_directory_would_be_asked,
    who_has_no_password_or_is_off_is_no_local_user,
    a_local_user_made_later_wins_over_what_is_remembered,
    a_local_user_made_while_the_directory_is_asked_wins,
    a_name_that_became_local_is_not_shown_to_the_directory_again,
    where_local_users_are_asked_about_the_directory_decides,
    what_the_directory_refuses_the_server_is_asked_about,
    what_the_directory_refuses_the_next_authenticator_is_asked_about,
    what_is_undecided_is_passed_on_to_nobody,
    guesses_that_are_passed_on_are_throttled,
    a_storm_under_a_local_name_costs_the_directory_nothing,
    a_local_user_is_refused_where_nothing_falls_back_and_is_not_shown_either,
    a_question_about_a_local_user_is_answered_by_who_decides,
);

/// A server beside a directory with Alice and Bob.
struct Asked {
    scene: Scene,
    slapd: Slapd,
    _authority: Authority,
}

impl Asked {
    fn start(line: Line, lines: &str) -> Self {
        let authority = Authority::new("ca");
        let slapd = people().start(&authority);
        let file = by_bind(&slapd.url()) + QUIET + lines;
        Self {
            scene: Scene::builder(line).authenticator_file(&file).start(),
            slapd,
            _authority: authority,
        }
    }

    /// What the directory was asked since.
    fn binds_since(&self, before: u64) -> u64 {
        self.slapd.counters().binds - before
    }

    fn acl(&self, words: &str) {
        let reply = self.scene.server.admin().run(&format!("ACL {words}"));
        assert!(reply.error().is_none(), "{words}: {reply}");
    }

    #[track_caller]
    fn log_in(&self, name: &str, password: &str) -> String {
        let mut client = self.scene.server.connect();
        client.auth(name, password).expect_ok();
        client.user()
    }
}

const RIGHTS: &str = "~* +@read +acl|whoami +warden.whoami";

/// A directory that takes every password, and a server that asks it; as `bind` mode does.
fn scripted(line: Line, lines: &str) -> (HostileDirectory, Scene) {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success());
    let file = by_bind(&directory.url()) + QUIET + lines + "[throttle]\nexempt = ['127.0.0.0/8']\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    (directory, scene)
}

/// Names and passwords of users that the directory was shown.
fn shown(directory: &HostileDirectory) -> Vec<(String, String)> {
    let binds = directory.binds().into_iter();
    binds.filter(|(name, _)| name.starts_with("uid=")).collect()
}

fn a_local_users_name_and_password_never_reach_the_directory(line: Line) {
    let (directory, scene) = scripted(line, "");
    let mut admin = scene.server.admin();
    for user in [
        format!("alice on >secret {RIGHTS}"),
        format!("open on nopass {RIGHTS}"),
        format!("corp/carol on >secret {RIGHTS}"),
    ] {
        admin.run(&format!("ACL SETUSER {user}")).expect_ok();
    }
    for (name, password) in [
        ("alice", "secret"),
        ("alice", "wrong"),
        ("open", "any"),
        ("corp/carol", "secret"),
        ("corp/carol", "wrong"),
    ] {
        let mut client = scene.server.connect();
        let reply = client.auth(name, password);
        assert_eq!(reply.is_ok(), password != "wrong", "{name}: {reply}");
        client.hello_auth(3, name, password);
    }
    assert_eq!(shown(&directory), []);
    // Others are asked about, and these under another name.
    for name in ["bob", "ALICE", "corp/alice"] {
        scene.server.connect().auth(name, "pw");
    }
    let names: Vec<_> = shown(&directory)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

fn a_local_user_logs_in_wherever_a_directory_would_be_asked(line: Line) {
    for lines in ["", "users = ['*']\n"] {
        let asked = Asked::start(line, lines);
        asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
        let before = asked.slapd.counters().binds;
        assert_eq!(asked.log_in("alice", "secret"), "alice");
        let mut client = asked.scene.server.connect();
        client.hello_auth(2, "alice", "secret");
        client.run("ACL WHOAMI").expect_text("alice");
        // Whoever cannot wait, as in a transaction, need not.
        let mut client = asked.scene.server.admin();
        client.run("MULTI").expect_ok();
        client.call(["AUTH", "bob", "secret"]);
        client.call(["AUTH", "alice", "secret"]);
        client.run("ACL WHOAMI");
        let replies = client.run("EXEC").items();
        replies[0].expect_error("TRYAGAIN");
        replies[1].expect_ok();
        replies[2].expect_text("alice");
        asked
            .scene
            .expect_refused("alice", &password_of("alice"), WRONG);
        assert_eq!(asked.binds_since(before), 0);
        let directorys = asked.log_in("corp/alice", &password_of("alice"));
        assert_eq!(directorys, "corp/alice");
    }
}

fn who_has_no_password_or_is_off_is_no_local_user(line: Line) {
    let asked = Asked::start(line, "");
    asked.acl(&format!("SETUSER alice on {RIGHTS}"));
    assert_eq!(asked.log_in("alice", &password_of("alice")), "corp/alice");
    asked.acl("SETUSER alice off >secret");
    assert_eq!(asked.log_in("alice", &password_of("alice")), "corp/alice");
    asked.scene.expect_refused("alice", "secret", WRONG);
}

fn a_local_user_made_later_wins_over_what_is_remembered(line: Line) {
    let asked = Asked::start(line, "cache_seconds = 600\n");
    let password = password_of("alice");
    for _ in 0..2 {
        assert_eq!(asked.log_in("alice", &password), "corp/alice");
    }
    asked.scene.expect_refused("alice", "secret", WRONG);
    let mut lasting = asked.scene.server.connect();
    lasting.auth("alice", &password).expect_ok();
    let before = asked.slapd.counters().binds;
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    asked.scene.expect_refused("alice", &password, WRONG);
    // Its own password counts at once, which had been refused a moment before.
    assert_eq!(asked.log_in("alice", "secret"), "alice");
    // On the connection of a session, too; the session stays.
    lasting.auth("alice", &password).expect_error("WRONGPASS");
    assert_eq!(lasting.user(), "corp/alice");
    asked.acl("SETUSER alice off");
    assert_eq!(asked.log_in("alice", &password), "corp/alice");
    asked.acl("DELUSER alice");
    assert_eq!(asked.log_in("alice", &password), "corp/alice");
    assert_eq!(
        asked.binds_since(before),
        0,
        "it was remembered all the time"
    );
}

fn a_local_user_made_while_the_directory_is_asked_wins(line: Line) {
    let (directory, scene) = scripted(line, "");
    let is_there = Arc::new(AtomicBool::new(false));
    let awaited = Arc::clone(&is_there);
    directory.answer_by(move |request| {
        if matches!(&request.operation, Operation::Bind { name, .. } if name.starts_with("uid=")) {
            eventually("the local user is there", || {
                awaited.load(Ordering::SeqCst).then_some(())
            });
        }
        Answer::success()
    });
    let mut client = scene.server.connect();
    client.send(["AUTH", "alice", "secret"]);
    eventually("the directory is asked", || {
        (shown(&directory).len() == 1).then_some(())
    });
    let mut admin = scene.server.admin();
    admin
        .run(&format!("ACL SETUSER alice on >secret {RIGHTS}"))
        .expect_ok();
    is_there.store(true, Ordering::SeqCst);
    client.receive().expect_error("TRYAGAIN");
    client.auth("alice", "secret").expect_ok();
    client.run("ACL WHOAMI").expect_text("alice");
    assert_eq!(shown(&directory).len(), 1);
}

/// A service vouches for Alice after the directory has refused her, and both are asked
/// about her again and again: the directory no more from when her name is a local user's.
fn a_name_that_became_local_is_not_shown_to_the_directory_again(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let directory = HostileDirectory::start();
    directory.answer(Answer::result(49, ""));
    let first = by_bind(&directory.url())
        + QUIET
        + "on_reject = 'next'\n[throttle]\nexempt = ['127.0.0.0/8']\n";
    let second = format!(
        "type = 'userinfo'\nissuer = '{}'\nrecheck_seconds = 1\ntoken_prefix = 'svc:'\n\
         [endpoint]\nca_file = '{}'\n",
        provider.issuer(),
        authority.ca_file().display()
    );
    let scene = Scene::builder(line)
        .authenticator_file(&first)
        .roles("[roles.all]\nmembers = ['group:svc/analysts']\nrules = ['+@read', '~*']\n")
        .start();
    scene.authenticators.replace("20-svc.toml", second);
    eventually("both are in force", || {
        (scene.authenticators_state().len() == 2).then_some(())
    });
    let token = provider.mint(&Token::userinfo("alice").groups(&["analysts"]));
    let mut session = scene.server.connect();
    session.auth("alice", &format!("svc:{token}")).expect_ok();
    let rechecks = || scene.counter("warden_rechecks");
    eventually("both are asked again", || {
        (rechecks() >= 2 && shown(&directory).len() >= 3).then_some(())
    });
    let mut admin = scene.server.admin();
    admin
        .run(&format!("ACL SETUSER alice on >secret {RIGHTS}"))
        .expect_ok();
    // One may be under way.
    let now = rechecks();
    eventually("that is over", || (rechecks() > now).then_some(()));
    let before = shown(&directory).len();
    eventually("asked again", || (rechecks() >= now + 4).then_some(()));
    assert_eq!(shown(&directory).len(), before);
    assert!(Scene::stays_open(&mut session));
    provider.revoke(&token);
    assert!(session.closes_within(warden_tests::server::PATIENCE));
}

fn where_local_users_are_asked_about_the_directory_decides(line: Line) {
    let asked = Asked::start(line, "local_users = 'ask'\n");
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    assert_eq!(asked.log_in("alice", &password_of("alice")), "corp/alice");
    asked.scene.expect_refused("alice", "secret", WRONG);
}

fn what_the_directory_refuses_the_server_is_asked_about(line: Line) {
    let asked = Asked::start(line, "local_users = 'ask'\non_reject = 'next'\n");
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    assert_eq!(asked.log_in("alice", &password_of("alice")), "corp/alice");
    assert_eq!(asked.log_in("alice", "secret"), "alice");
    for (name, password) in [("alice", "wrong"), ("bob", "wrong"), ("nobody", "wrong")] {
        asked.scene.expect_refused(name, password, WRONG);
    }
    let state = asked.scene.authenticators_state();
    assert_eq!(state[0].field("refused").number(), 4);
}

fn what_the_directory_refuses_the_next_authenticator_is_asked_about(line: Line) {
    let asked = Asked::start(line, "on_reject = 'next'\n");
    let other = Slapd::builder()
        .user(User::new("alice").password("another"))
        .start(&Authority::new("other"));
    asked
        .scene
        .authenticators
        .replace("20-other.toml", by_bind(&other.url()) + QUIET);
    eventually("both are in force", || {
        (asked.scene.authenticators_state().len() == 2).then_some(())
    });
    let admin = asked.scene.server.admin().run("WARDEN.AUTHENTICATORS");
    assert_eq!(admin.field("errors").texts(), Vec::<String>::new());
    let reply = asked.scene.server.connect().auth("alice", "another");
    // Known there, and without a right.
    reply.expect_error("WRONGPASS no policy grants access.");
    asked.scene.expect_refused("alice", "wrong", WRONG);
    assert_eq!(asked.log_in("alice", &password_of("alice")), "corp/alice");
}

fn what_is_undecided_is_passed_on_to_nobody(line: Line) {
    let asked = Asked::start(
        line,
        "local_users = 'ask'\non_reject = 'next'\ntimeout_connection = 1\n",
    );
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    asked.slapd.kill();
    asked.scene.expect_refused("alice", "secret", "TRYAGAIN");
}

fn guesses_that_are_passed_on_are_throttled(line: Line) {
    let asked = Asked::start(
        line,
        "local_users = 'ask'\non_reject = 'next'\n[throttle]\nfailures = 3\nseconds = 3600\n",
    );
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    let before = asked.slapd.counters().binds;
    for number in 0..3 {
        asked
            .scene
            .expect_refused("alice", &format!("guess-{number}"), WRONG);
    }
    // Not the right one of the server either: it would be a way around.
    for guess in ["guess-3", "guess-3", "secret"] {
        asked.scene.expect_refused("alice", guess, "TRYAGAIN");
    }
    assert_eq!(asked.binds_since(before), 3);
}

fn a_storm_under_a_local_name_costs_the_directory_nothing(line: Line) {
    let asked = Asked::start(line, "");
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    let before = asked.slapd.counters().binds;
    let mut client = asked.scene.server.connect();
    for number in 0..2000 {
        let refused = client.auth("alice", &format!("guess-{number}"));
        refused.expect_error("WRONGPASS");
    }
    client.auth("alice", "secret").expect_ok();
    assert_eq!(asked.binds_since(before), 0);
    assert_eq!(asked.scene.counter(info::VERIFICATIONS), 0);
    assert_eq!(asked.scene.counter("warden_throttled"), 0);
}

fn a_question_about_a_local_user_is_answered_by_who_decides(line: Line) {
    let asked = Asked::start(line, "");
    asked.acl(&format!("SETUSER alice on >secret {RIGHTS}"));
    let before = asked.slapd.counters().binds;
    let mut admin = asked.scene.server.admin();
    let error = admin
        .call(["WARDEN.EXPLAIN", "alice", "secret"])
        .expect_error("ERR no authenticator claims this credential");
    assert!(error.contains("Valkey's own password check"), "{error}");
    assert_eq!(asked.binds_since(before), 0);
}

fn a_local_user_is_refused_where_nothing_falls_back_and_is_not_shown_either(line: Line) {
    let directory = HostileDirectory::start();
    directory.answer(Answer::success());
    let file = by_bind(&directory.url()) + QUIET;
    let scene = Scene::builder(line)
        .authenticator_file(&file)
        .module_args(["fallback", "deny", "native_users", "default app"])
        .start();
    let mut admin = scene.server.admin();
    for name in ["app", "alice"] {
        let words = format!("ACL SETUSER {name} on >secret {RIGHTS}");
        admin.run(&words).expect_ok();
    }
    scene.server.connect().auth("app", "secret").expect_ok();
    scene.expect_refused("alice", "secret", WRONG);
    assert_eq!(shown(&directory), []);
}
