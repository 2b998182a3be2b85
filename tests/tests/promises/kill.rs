//! `WARDEN.KILL` and the filters it shares with `WARDEN.SESSIONS`: exactly the
//! sessions meant are listed or ended, whatever they are doing.

use warden_tests::server::PATIENCE;
use warden_tests::{Claims, Connection, Line, Reply, Scene, on_both_lines, unix_now};

use crate::info;

on_both_lines!(
    a_killed_client_is_closed_whatever_it_does,
    each_filter_ends_the_sessions_it_means_and_no_others,
    all_filters_must_hold,
    the_caller_is_spared_unless_it_says_otherwise,
    nothing_is_killed_without_a_filter_or_with_a_bad_one,
    sessions_takes_the_same_filters,
    a_list_goes_on_where_the_last_ended,
    native_users_are_never_killed,
    a_kill_of_very_many_is_answered_after_the_last,
    a_kill_cannot_wait_inside_multi,
    a_killed_token_may_log_in_again,
);

fn kill(scene: &Scene, words: &str) -> Reply {
    scene.server.admin().run(&format!("WARDEN.KILL {words}"))
}

/// The users of the sessions that filters mean.
fn listed(scene: &Scene, words: &str) -> Vec<String> {
    let reply = scene
        .server
        .admin()
        .run(&format!("WARDEN.SESSIONS {words}"));
    let mut users: Vec<String> = reply
        .items()
        .iter()
        .map(|session| session.field("user").text())
        .collect();
    users.sort();
    users
}

fn a_killed_client_is_closed_whatever_it_does(line: Line) {
    let roles =
        "[roles.all]\nmembers = [\"group:corp/all\"]\nrules = [\"+@all\", \"~*\", \"&*\"]\n";
    let scene = Scene::builder(line).roles(roles).start();
    let log_in = || scene.log_in_with(&Claims::of("carol").groups(&["all"]));
    let doing: [&[&str]; 9] = [
        &[],
        &["MONITOR"],
        &["SUBSCRIBE a"],
        &["SSUBSCRIBE a"],
        &["BLPOP a 0"],
        &["XREAD BLOCK 0 STREAMS s $"],
        &["SET k v", "WAIT 1 0"],
        &["MULTI", "SET k killed"],
        &["HELLO 3", "CLIENT TRACKING ON BCAST"],
    ];
    let mut clients: Vec<Connection> = doing
        .iter()
        .map(|commands| {
            let mut client = log_in();
            for command in *commands {
                client.send(command.split(' '));
            }
            client
        })
        .collect();
    scene.wait_for_info(info::SESSIONS, &clients.len().to_string());
    // Every command above has been read when the log-ins after them have.
    drop(log_in());
    let killed = kill(&scene, "USER corp/carol").number();
    assert!(killed >= 9, "{killed}");
    for (client, commands) in clients.iter_mut().zip(doing) {
        assert!(client.closes_within(PATIENCE), "still open: {commands:?}");
    }
    scene.wait_for_info(info::SESSIONS, "0");
    scene.server.admin().run("GET k").expect_text("v");
}

fn each_filter_ends_the_sessions_it_means_and_no_others(line: Line) {
    let scene = Scene::start(line);
    let soon = unix_now() + 500;
    let meant = Claims::of("bob").groups(&["analysts"]).set("exp", soon);
    let other = Claims::of("eve").groups(&["editors"]);
    let filters: [fn(&mut Connection) -> String; 6] = [
        |_| "USER corp/bob".to_owned(),
        |_| "GROUP corp/analysts".to_owned(),
        |bob| format!("CLASS {}", bob.whoami().field("class").text()),
        |bob| format!("ID {}", bob.id()),
        |_| format!("EXPIRES-BEFORE {}", unix_now() + 1000),
        |bob| format!("id {} authenticator corp address 127.0.0.1", bob.id()),
    ];
    let mut spared = scene.log_in_with(&other.set("exp", unix_now() + 5000));
    for filter in filters {
        let mut bob = scene.log_in_with(&meant);
        let words = filter(&mut bob);
        assert_eq!(kill(&scene, &words).number(), 1, "{words}");
        assert!(bob.closes_within(PATIENCE), "{words}");
    }
    assert!(Scene::stays_open(&mut spared));
    assert_eq!(kill(&scene, "AUTHENTICATOR corp").number(), 1);
    assert!(spared.closes_within(PATIENCE));
}

fn all_filters_must_hold(line: Line) {
    let scene = Scene::start(line);
    let mut alice = scene.log_in("alice");
    for words in [
        "USER corp/alice GROUP corp/analysts",
        "USER corp/alice ADDRESS 192.0.2.1",
        "USER alice",
        "AUTHENTICATOR other",
        "ID 999999",
        "EXPIRES-BEFORE 0",
        "CLASS 0000000000000000",
    ] {
        assert_eq!(kill(&scene, words).number(), 0, "{words}");
    }
    assert!(Scene::stays_open(&mut alice));
}

fn the_caller_is_spared_unless_it_says_otherwise(line: Line) {
    let roles = "[roles.admin]\nmembers = [\"group:corp/admins\"]\nrules = [\"+@all\", \"~*\"]\n";
    let scene = Scene::builder(line).roles(roles).start();
    let admins = Claims::of("root").groups(&["admins"]);
    let mut root = scene.log_in_with(&admins);
    let mut other = scene.log_in_with(&admins);
    assert_eq!(root.run("WARDEN.KILL USER corp/root").number(), 1);
    assert!(other.closes_within(PATIENCE));
    assert!(Scene::stays_open(&mut root));
    root.send("WARDEN.KILL USER corp/root SKIPME no".split(' '));
    assert!(root.closes_within(PATIENCE));
    scene.server.expect_healthy();
}

fn nothing_is_killed_without_a_filter_or_with_a_bad_one(line: Line) {
    let scene = Scene::start(line);
    let mut alice = scene.log_in("alice");
    for words in [
        "SKIPME no",
        "SKIPME yes",
        "USER",
        "USER corp/alice USER corp/bob",
        "NAME corp/alice",
        "ID x",
        "USER corp/alice SKIPME maybe",
        "USER corp/alice COUNT 1",
    ] {
        kill(&scene, words).expect_error("ERR ");
    }
    scene.server.admin().run("WARDEN.KILL").expect_error("ERR ");
    assert!(Scene::stays_open(&mut alice));
    alice
        .run("WARDEN.KILL USER corp/alice")
        .expect_error("NOPERM");
}

fn sessions_takes_the_same_filters(line: Line) {
    let scene = Scene::start(line);
    let _alice = scene.log_in("alice");
    let mut bob = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]));
    let _eve = scene.log_in_with(&Claims::of("eve").groups(&["editors"]).expires_in(90));
    assert_eq!(listed(&scene, "USER corp/bob"), ["corp/bob"]);
    assert_eq!(listed(&scene, "GROUP corp/analysts"), ["corp/bob"]);
    assert_eq!(listed(&scene, &format!("ID {}", bob.id())), ["corp/bob"]);
    assert_eq!(
        listed(&scene, &format!("EXPIRES-BEFORE {}", unix_now() + 200)),
        ["corp/eve"]
    );
    assert_eq!(
        listed(&scene, "AUTHENTICATOR corp ADDRESS 127.0.0.1").len(),
        3
    );
    assert!(listed(&scene, "AUTHENTICATOR other").is_empty());
    let mut admin = scene.server.admin();
    admin
        .run("WARDEN.SESSIONS COUNT 0")
        .expect_error("ERR COUNT");
    admin
        .run("WARDEN.SESSIONS SKIPME no")
        .expect_error("ERR unknown filter");
}

fn a_list_goes_on_where_the_last_ended(line: Line) {
    let scene = Scene::start(line);
    let mut clients: Vec<Connection> = (0..7).map(|_| scene.log_in("alice")).collect();
    let ids: Vec<i64> = clients.iter_mut().map(Connection::id).collect();
    let mut admin = scene.server.admin();
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = admin.run(&format!(
            "WARDEN.SESSIONS USER corp/alice COUNT 3 AFTER {after}"
        ));
        let page: Vec<i64> = page
            .items()
            .iter()
            .map(|session| session.field("client").number())
            .collect();
        let Some(last) = page.last() else { break };
        after = *last;
        seen.extend(page);
    }
    assert_eq!(seen, ids);
}

fn native_users_are_never_killed(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    let id = admin.id();
    assert_eq!(kill(&scene, &format!("ID {id}")).number(), 0);
    assert_eq!(kill(&scene, "ADDRESS 127.0.0.1").number(), 0);
    admin.run("PING").expect_text("PONG");
}

fn a_kill_of_very_many_is_answered_after_the_last(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut clients: Vec<Connection> = (0..1500).map(|_| scene.server.connect()).collect();
    for client in &mut clients {
        client.send(["AUTH", "alice", &token]);
    }
    for client in &mut clients {
        client.receive().expect_ok();
    }
    // More than one turn looks at, and the last of them is the one meant.
    let last = clients.last_mut().unwrap().whoami();
    last.field("user").expect_text("corp/alice");
    let mut rare = scene.log_in_with(&Claims::of("zoe").groups(&["analysts"]));
    assert_eq!(listed(&scene, "USER corp/zoe"), ["corp/zoe"]);
    assert_eq!(kill(&scene, "USER corp/alice").number(), 1500);
    // The reply comes after the last of them has lost its user.
    assert_eq!(listed(&scene, "USER corp/alice").len(), 0);
    assert!(clients.iter_mut().all(|c| c.closes_within(PATIENCE)));
    assert!(Scene::stays_open(&mut rare));
    scene.server.expect_healthy();
}

fn a_kill_cannot_wait_inside_multi(line: Line) {
    let scene = Scene::start(line);
    let mut alice = scene.log_in("alice");
    let mut admin = scene.server.admin();
    admin.run("MULTI").expect_ok();
    admin
        .run("WARDEN.KILL USER corp/alice")
        .expect_text("QUEUED");
    admin.run("WARDEN.SESSIONS").expect_text("QUEUED");
    let replies = admin.run("EXEC").items();
    replies[0].expect_error("ERR ");
    assert_eq!(replies[1].items().len(), 1, "a short list needs no wait");
    assert!(Scene::stays_open(&mut alice));
}

fn a_killed_token_may_log_in_again(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut alice = scene.server.connect();
    alice.auth("alice", &token).expect_ok();
    assert_eq!(kill(&scene, "USER corp/alice").number(), 1);
    assert!(alice.closes_within(PATIENCE));
    scene.server.connect().auth("alice", &token).expect_ok();
}
