//! AUTH wherever a client can send it: in scripts, with wrong arguments, while
//! subscribed, paused or blocked, over and over, and while being killed.

use std::time::Duration;

use warden_tests::{Claims, Connection, Line, Scene, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    scripts_and_functions_cannot_authenticate,
    wrong_arguments_change_nothing,
    a_subscriber_of_the_older_protocol_cannot_authenticate,
    a_subscriber_of_the_newer_protocol_is_decided_from_the_cache,
    an_auth_while_clients_are_paused_is_answered_afterwards,
    an_auth_behind_a_blocked_command_takes_effect_behind_it,
    a_hundred_principals_in_one_pipeline_leave_the_first,
    a_hundred_principals_in_one_pipeline_take_turns_where_any_may_come,
    a_client_killed_while_it_waits_leaves_nothing_behind,
    a_client_cannot_be_unblocked_into_a_session,
);

const ROLES: &str = "[roles.all]\nmembers = ['group:corp/apps']\nrules = ['+@all', '~*', '&*']\n\
     [roles.reader]\nmembers = ['group:corp/analysts']\nrules = ['+@read', '+blpop', '~*', '+subscribe', '&*']\n";

fn start(line: Line) -> Scene {
    Scene::builder(line).roles(ROLES).start()
}

fn reader(id: &str) -> Claims {
    Claims::of("alice").groups(&["analysts"]).id(id)
}

fn everything(id: &str) -> Claims {
    Claims::of("alice").groups(&["apps"]).id(id)
}

fn scripts_and_functions_cannot_authenticate(line: Line) {
    let scene = start(line);
    let cached = scene.issuer.token(&everything("cached"));
    scene.server.connect().auth("alice", &cached).expect_ok();
    let fresh = scene.issuer.token(&everything("fresh"));
    let mut client = scene.log_in_with(&everything("session"));
    for token in [&cached, &fresh] {
        for call in ["redis.call", "redis.pcall"] {
            for command in [
                "'AUTH','alice',ARGV[1]",
                "'HELLO','3','AUTH','alice',ARGV[1]",
                "'RESET'",
            ] {
                let script = format!("return {call}({command})");
                let reply = client.call(["EVAL", &script, "0", token]);
                assert!(reply.error().is_some(), "{script}: {reply}");
            }
        }
    }
    let library = "#!lua name=l\nredis.register_function('f', function(k, a) \
                   return redis.call('AUTH', 'alice', a[1]) end)";
    client.call(["FUNCTION", "LOAD", library]).expect_text("l");
    let reply = client.call(["FCALL", "f", "0", &cached]);
    assert!(reply.error().is_some(), "{reply}");
    // By somebody who is nobody, not even that.
    let mut stranger = scene.server.connect();
    stranger
        .call([
            "EVAL",
            "return redis.call('AUTH','alice',ARGV[1])",
            "0",
            &cached,
        ])
        .expect_error("NOAUTH");
    assert_eq!(client.user(), "corp/alice");
    scene.wait_for_info(info::SESSIONS, "1");
    scene.server.expect_healthy();
}

fn wrong_arguments_change_nothing(line: Line) {
    let scene = start(line);
    let token = scene.issuer.token(&everything("token"));
    let mut session = scene.log_in_with(&reader("session"));
    let mut stranger = scene.server.connect();
    let before = scene.counter(info::VERIFICATIONS);
    let wrong: [&[&str]; 7] = [
        &["AUTH"],
        &["AUTH", "alice", &token, "more"],
        &["AUTH", "alice", &token, "more", "and", "more"],
        &["HELLO", "3", "AUTH"],
        &["HELLO", "3", "AUTH", "alice"],
        &["HELLO", "9", "AUTH", "alice", &token],
        &["HELLO", "three", "AUTH", "alice", &token],
    ];
    for command in wrong {
        for client in [&mut session, &mut stranger] {
            let reply = client.call(command);
            assert!(reply.error().is_some(), "{command:?}: {reply}");
        }
        assert_eq!(session.user(), "corp/alice");
        session.run("SET key x").expect_error("NOPERM");
        stranger.run("PING").expect_error("NOAUTH");
    }
    assert_eq!(
        scene.counter(info::VERIFICATIONS),
        before,
        "nothing was verified"
    );
    // Twice AUTH in one HELLO: the last one counts, and only one is decided.
    let forged = scene.issuer.forged(&everything("forged"));
    let reply = stranger.call([
        "HELLO", "3", "AUTH", "alice", &token, "AUTH", "alice", &forged,
    ]);
    reply.expect_error("WRONGPASS");
    stranger.run("PING").expect_error("NOAUTH");
}

fn a_subscriber_of_the_older_protocol_cannot_authenticate(line: Line) {
    let scene = start(line);
    let mut client = scene.log_in_with(&reader("session"));
    client.run("SUBSCRIBE news.eu");
    let token = scene.issuer.token(&everything("token"));
    scene.server.connect().auth("alice", &token).expect_ok();
    client
        .auth("alice", &token)
        .expect_error("ERR Can't execute 'auth'");
    client
        .hello_auth(3, "alice", &token)
        .expect_error("ERR Can't execute 'hello'");
    assert_eq!(scene.server.admin().run("PUBLISH news.eu x").number(), 1);
    assert_eq!(client.receive().items().len(), 3);
    client.run("UNSUBSCRIBE");
    client.run("SET key x").expect_error("NOPERM");
}

fn a_subscriber_of_the_newer_protocol_is_decided_from_the_cache(line: Line) {
    let scene = start(line);
    let mut client = scene.log_in_with(&reader("session"));
    client.call(["HELLO", "3"]);
    client.run("SUBSCRIBE news.eu");
    let forged = scene.issuer.forged(&reader("forged"));
    for _ in 0..2 {
        let reply = client.auth("alice", &forged);
        assert!(reply.error().is_some(), "{reply}");
        scene.expect_refused("alice", &forged, "WRONGPASS");
    }
    assert_eq!(client.user(), "corp/alice");
    // The same rights again: the subscription goes on.
    let token = scene.issuer.token(&reader("renewed"));
    scene.server.connect().auth("alice", &token).expect_ok();
    client.auth("alice", &token).expect_ok();
    let mut admin = scene.server.admin();
    assert_eq!(admin.run("PUBLISH news.eu x").number(), 1);
    client.receive();
    client.run("SET key x").expect_error("NOPERM");
    scene.server.expect_healthy();
}

fn an_auth_while_clients_are_paused_is_answered_afterwards(line: Line) {
    let scene = start(line);
    let tokens = [
        scene.issuer.token(&everything("fresh")),
        scene.issuer.token(&reader("cached")),
    ];
    scene.server.connect().auth("alice", &tokens[1]).expect_ok();
    scene.wait_for_info(info::SESSIONS, "0");
    for mode in ["ALL", "WRITE"] {
        let mut clients: Vec<Connection> = tokens.iter().map(|_| scene.server.connect()).collect();
        scene
            .server
            .admin()
            .run(&format!("CLIENT PAUSE 700 {mode}"))
            .expect_ok();
        for (client, token) in clients.iter_mut().zip(&tokens) {
            client.send(["AUTH", "alice", token]);
            client.send(["SET", "key", "x"]);
            client.send(["WARDEN.WHOAMI"]);
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.receive().expect_ok();
            let written = client.receive();
            assert_eq!(written.is_ok(), number == 0, "{written}");
            client.receive().field("user").expect_text("corp/alice");
        }
    }
}

fn an_auth_behind_a_blocked_command_takes_effect_behind_it(line: Line) {
    let scene = start(line);
    let mut admin = scene.server.admin();
    for timeout in ["0", "0.3"] {
        let mut client = scene.log_in_with(&reader(timeout));
        client.send(["BLPOP", "queue", timeout]);
        client.send(["SET", "key", "early"]);
        client.send(["AUTH", "alice", &scene.issuer.token(&everything(timeout))]);
        client.send(["SET", "key", "late"]);
        client.send(["AUTH", "alice", &scene.issuer.forged(&everything(timeout))]);
        client.send(["WARDEN.WHOAMI"]);
        if timeout == "0" {
            assert!(
                client.receive_within(Duration::from_millis(300)).is_err(),
                "it is blocked"
            );
            admin.run("LPUSH queue job");
            assert_eq!(client.receive().texts(), ["queue", "job"]);
        } else {
            assert!(client.receive().is_nil());
        }
        client.receive().expect_error("NOPERM");
        client.receive().expect_ok();
        client.receive().expect_ok();
        client.receive().expect_error("WRONGPASS");
        client.receive().field("user").expect_text("corp/alice");
        admin.run("GET key").expect_text("late");
        admin.run("DEL key");
    }
}

fn many(scene: &Scene) -> Vec<(String, String)> {
    (0..100)
        .map(|number| {
            let name = format!("user{number}");
            let claims = Claims::of(&name).groups(&["analysts"]);
            (format!("corp/{name}"), scene.issuer.token(&claims))
        })
        .collect()
}

fn send_all(client: &mut Connection, many: &[(String, String)]) {
    for (_, token) in many {
        client.send(["AUTH", "token", token]);
        client.send(["WARDEN.WHOAMI"]);
    }
}

fn a_hundred_principals_in_one_pipeline_leave_the_first(line: Line) {
    let scene = start(line);
    let many = many(&scene);
    // Verified one after another the first time, from the cache the second.
    for _ in 0..2 {
        let mut client = scene.server.connect();
        send_all(&mut client, &many);
        for number in 0..many.len() {
            let answer = client.receive();
            if number == 0 {
                answer.expect_ok();
            } else {
                answer.expect_error("WRONGPASS this connection belongs to another principal.");
            }
            client.receive().field("user").expect_text(&many[0].0);
        }
        scene.wait_for_info(info::SESSIONS, "1");
    }
}

fn a_hundred_principals_in_one_pipeline_take_turns_where_any_may_come(line: Line) {
    let scene = Scene::builder(line)
        .roles(ROLES)
        .module_args(["reauthentication", "any"])
        .start();
    let many = many(&scene);
    for _ in 0..2 {
        let mut client = scene.server.connect();
        send_all(&mut client, &many);
        for (user, _) in &many {
            client.receive().expect_ok();
            client.receive().field("user").expect_text(user);
        }
        scene.wait_for_info(info::SESSIONS, "1");
        drop(client);
        scene.wait_for_info(info::SESSIONS, "0");
    }
}

/// Clients whose credentials arrive in one turn of the server's loop, with what an
/// administrator does about them right behind.
fn while_they_wait(
    scene: &Scene,
    commands: impl Fn(&str) -> Vec<String>,
) -> (Vec<Connection>, Vec<warden_tests::Reply>) {
    let mut clients: Vec<Connection> = (0..40).map(|_| scene.server.connect()).collect();
    let by_id = scene.server.admin().run("CLIENT LIST").text();
    // Not every number is a connection's: contexts of the server's own have some.
    let mut there: Vec<i64> = by_id
        .lines()
        .filter_map(|line| line.strip_prefix("id=")?.split(' ').next()?.parse().ok())
        .collect();
    there.sort_unstable();
    // The administrator who asked came last of all.
    let newest = there.pop().unwrap();
    let ids: Vec<String> = there[there.len() - 40..]
        .iter()
        .map(ToString::to_string)
        .collect();
    let tokens: Vec<String> = (0..40)
        .map(|n| scene.issuer.token(&everything(&format!("{newest}-{n}"))))
        .collect();
    let mut admin = scene.server.admin();
    let mut held = scene.server.hold(0.4);
    for (client, token) in clients.iter_mut().zip(&tokens) {
        client.send(["AUTH", "alice", token]);
        client.send(["SET", "key", "x"]);
    }
    std::thread::sleep(Duration::from_millis(50));
    for id in &ids {
        admin.send(commands(id));
    }
    held.receive().expect_ok();
    let replies = ids.iter().map(|_| admin.receive()).collect();
    (clients, replies)
}

fn words(text: &str, id: &str) -> Vec<String> {
    text.split(' ')
        .map(|word| word.replace("ID!", id))
        .collect()
}

fn a_client_killed_while_it_waits_leaves_nothing_behind(line: Line) {
    let scene = start(line);
    for _ in 0..3 {
        let (mut clients, killed) = while_they_wait(&scene, |id| words("CLIENT KILL ID ID!", id));
        assert!(killed.iter().all(|reply| reply.number() == 1), "{killed:?}");
        for client in &mut clients {
            assert!(client.closes_within(warden_tests::server::PATIENCE));
        }
        scene.wait_for_info(info::SESSIONS, "0");
        eventually("nobody waits any more", || {
            (scene.server.info("clients")["blocked_clients"] == "0").then_some(())
        });
    }
    scene.attempt(&everything("after")).expect_ok();
    eventually("the module can be unloaded", || {
        scene
            .server
            .admin()
            .run("MODULE UNLOAD warden")
            .is_ok()
            .then_some(())
    });
    scene.server.expect_healthy();
}

fn a_client_cannot_be_unblocked_into_a_session(line: Line) {
    let scene = start(line);
    for how in ["TIMEOUT", "ERROR"] {
        let command = format!("CLIENT UNBLOCK ID! {how}");
        let (mut clients, unblocked) = while_they_wait(&scene, |id| words(&command, id));
        for (client, unblocked) in clients.iter_mut().zip(&unblocked) {
            let answer = client.receive();
            let set = client.receive();
            if unblocked.number() == 1 {
                assert!(!answer.is_ok(), "{answer}");
                set.expect_error("NOAUTH");
            } else {
                answer.expect_ok();
                set.expect_ok();
            }
        }
    }
    scene.server.expect_healthy();
}
