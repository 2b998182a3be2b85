//! Another module comes and goes under live sessions: its commands are granted by
//! what grants mean, and never for a moment by what they meant before.

use warden_tests::{Claims, Connection, Line, Reply, Scene, eventually, native, on_both_lines};

on_both_lines!(
    commands_of_a_module_loaded_later_follow_each_grant,
    nothing_of_a_module_loaded_later_is_granted_before_it_was_looked_at,
    the_ceiling_holds_for_commands_of_a_module_loaded_later,
    a_module_that_comes_back_with_other_categories_grants_nothing_of_before,
    a_name_granted_or_denied_before_it_exists_takes_effect_when_it_does,
);

const ROLES: &str = r#"
[roles.readers]
members = ["group:corp/readers"]
rules = ["+@read", "~*"]

[roles.everything]
members = ["group:corp/everything"]
rules = ["+@all", "~*"]

[roles.but_admin]
members = ["group:corp/but_admin"]
rules = ["+@all", "-@admin", "~*"]

[roles.named]
members = ["group:corp/named"]
rules = ["+late.admin", "+get", "~*"]

[roles.not_named]
members = ["group:corp/not_named"]
rules = ["+@all", "-late.read", "~*"]
"#;

fn start(line: Line) -> Scene {
    Scene::builder(line).roles(ROLES).start()
}

fn log_in(scene: &Scene, group: &str) -> Connection {
    scene.log_in_with(&Claims::of(group).groups(&[group]))
}

fn load(arguments: &[&str]) -> Vec<String> {
    let mut words = vec!["MODULE".to_owned(), "LOAD".to_owned()];
    words.push(native::late_module().display().to_string());
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    words
}

fn is_unknown(reply: &Reply) -> bool {
    reply.is_error("ERR unknown command")
}

#[track_caller]
fn wait_until(client: &mut Connection, command: &str, expected: fn(&Reply) -> bool) {
    eventually(&format!("{command} is answered otherwise"), || {
        expected(&client.run(command)).then_some(())
    });
}

#[track_caller]
fn expect_denied(clients: &mut [(&mut Connection, &str)]) {
    for (client, command) in clients {
        client.run(command).expect_error("NOPERM");
    }
}

fn commands_of_a_module_loaded_later_follow_each_grant(line: Line) {
    let scene = start(line);
    let mut reader = log_in(&scene, "readers");
    let mut all = log_in(&scene, "everything");
    let mut most = log_in(&scene, "but_admin");
    let mut ids: Vec<i64> = [&mut reader, &mut all, &mut most]
        .map(Connection::id)
        .into();
    let mut admin = scene.server.admin();
    for _ in 0..2 {
        assert!(is_unknown(&reader.run("LATE.READ")));
        admin.call(load(&[])).expect_ok();
        wait_until(&mut reader, "LATE.READ", Reply::is_ok);
        wait_until(&mut all, "LATE.ADMIN", Reply::is_ok);
        wait_until(&mut most, "LATE.READ", Reply::is_ok);
        expect_denied(&mut [(&mut reader, "LATE.ADMIN"), (&mut most, "LATE.ADMIN")]);
        // Whoever comes now is told the same.
        let mut late = log_in(&scene, "readers");
        late.run("LATE.READ").expect_ok();
        late.run("LATE.ADMIN").expect_error("NOPERM");
        admin.run("MODULE UNLOAD late").expect_ok();
        assert!(is_unknown(&most.run("LATE.READ")));
        wait_for_newest(&scene, &mut reader);
    }
    let after: Vec<i64> = [&mut reader, &mut all, &mut most]
        .map(Connection::id)
        .into();
    ids.retain(|id| !after.contains(id));
    assert!(ids.is_empty(), "sessions live on");
}

/// Waits until a session's rules are those of the generation in force, a little
/// after modules came or went, so that there is a new one.
#[track_caller]
fn wait_for_newest(scene: &Scene, client: &mut Connection) {
    // The slice after a module came or went makes the generation.
    std::thread::sleep(warden_tests::server::GRACE);
    eventually("the session follows the newest generation", || {
        let own = client.whoami().field("generation").number();
        (own == scene.generation()).then_some(())
    });
}

/// All that is sent behind the load is answered in the same turn of the server's
/// loop, before anybody could have looked at the new commands.
fn nothing_of_a_module_loaded_later_is_granted_before_it_was_looked_at(line: Line) {
    let scene = start(line);
    let mut clients: Vec<(Connection, bool)> = [
        ("readers", false),
        ("but_admin", false),
        ("not_named", true),
        ("everything", true),
    ]
    .into_iter()
    .map(|(group, may)| (log_in(&scene, group), may))
    .collect();
    let mut admin = scene.server.admin();
    let mut held = scene.server.hold(0.3);
    admin.send(load(&[]));
    for (client, _) in &mut clients {
        for _ in 0..20 {
            client.send(["LATE.ADMIN"]);
        }
        client.send(["LATE.READ"]);
    }
    held.receive().expect_ok();
    admin.receive().expect_ok();
    for (client, may) in &mut clients {
        for _ in 0..20 {
            let reply = client.receive();
            // Where nothing is denied it is only a matter of time.
            assert!(*may || !reply.is_ok(), "granted too early: {reply}");
        }
        client.receive();
        for _ in 0..30 {
            let reply = client.run("LATE.ADMIN");
            assert!(*may || reply.is_error("NOPERM"), "{reply}");
        }
    }
    wait_until(&mut clients[0].0, "LATE.READ", Reply::is_ok);
    for (client, may) in &mut clients[..2] {
        assert!(!*may);
        client.run("LATE.ADMIN").expect_error("NOPERM");
    }
}

fn the_ceiling_holds_for_commands_of_a_module_loaded_later(line: Line) {
    let scene = Scene::builder(line)
        .roles(ROLES)
        .module_args(["ceiling", "-@admin -@dangerous"])
        .start();
    let mut all = log_in(&scene, "everything");
    let mut named = log_in(&scene, "named");
    let mut admin = scene.server.admin();
    let mut held = scene.server.hold(0.3);
    admin.send(load(&[]));
    for client in [&mut all, &mut named] {
        (0..20).for_each(|_| client.send(["LATE.ADMIN"]));
    }
    held.receive().expect_ok();
    admin.receive().expect_ok();
    for client in [&mut all, &mut named] {
        for _ in 0..20 {
            let reply = client.receive();
            assert!(!reply.is_ok(), "above the ceiling: {reply}");
        }
    }
    wait_until(&mut all, "LATE.READ", Reply::is_ok);
    expect_denied(&mut [(&mut all, "LATE.ADMIN"), (&mut named, "LATE.ADMIN")]);
    log_in(&scene, "everything")
        .run("LATE.ADMIN")
        .expect_error("NOPERM");
}

fn a_module_that_comes_back_with_other_categories_grants_nothing_of_before(line: Line) {
    let scene = Scene::builder(line)
        .roles(ROLES)
        .module_args(["ceiling", "-@admin -@dangerous"])
        .start();
    let mut reader = log_in(&scene, "readers");
    let mut all = log_in(&scene, "everything");
    let mut admin = scene.server.admin();
    admin.call(load(&[])).expect_ok();
    wait_until(&mut reader, "LATE.READ", Reply::is_ok);
    wait_until(&mut all, "LATE.READ", Reply::is_ok);
    admin.run("MODULE UNLOAD late").expect_ok();
    wait_for_newest(&scene, &mut reader);
    wait_for_newest(&scene, &mut all);
    let mut held = scene.server.hold(0.3);
    admin.send(load(&["strict"]));
    for client in [&mut reader, &mut all] {
        (0..20).for_each(|_| client.send(["LATE.READ"]));
    }
    held.receive().expect_ok();
    admin.receive().expect_ok();
    for client in [&mut reader, &mut all] {
        for _ in 0..20 {
            let reply = client.receive();
            assert!(!reply.is_ok(), "an administrator's command: {reply}");
        }
    }
    wait_for_newest(&scene, &mut reader);
    let mut late = log_in(&scene, "readers");
    for _ in 0..10 {
        expect_denied(&mut [
            (&mut reader, "LATE.READ"),
            (&mut all, "LATE.READ"),
            (&mut late, "LATE.READ"),
        ]);
    }
}

fn a_name_granted_or_denied_before_it_exists_takes_effect_when_it_does(line: Line) {
    let scene = start(line);
    let mut named = log_in(&scene, "named");
    let mut not_named = log_in(&scene, "not_named");
    assert!(is_unknown(&named.run("LATE.ADMIN")));
    let mut admin = scene.server.admin();
    admin.call(load(&[])).expect_ok();
    wait_until(&mut named, "LATE.ADMIN", Reply::is_ok);
    named.run("LATE.READ").expect_error("NOPERM");
    wait_until(&mut not_named, "LATE.ADMIN", Reply::is_ok);
    not_named.run("LATE.READ").expect_error("NOPERM");
    admin.run("MODULE UNLOAD late").expect_ok();
    assert!(is_unknown(&not_named.run("LATE.READ")));
    assert!(named.run("GET key").is_nil());
}
