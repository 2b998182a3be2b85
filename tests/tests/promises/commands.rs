//! What warden's commands and its INFO section show, to whom, in either protocol.

use warden_tests::{Claims, Connection, Line, Scene, on_both_lines, unix_now};

use crate::info;

on_both_lines!(
    whoami_tells_a_session_what_it_is,
    whoami_of_a_native_user_is_no_session,
    whoami_is_not_for_scripts,
    replies_are_maps_in_resp3_and_flat_in_resp2,
    sessions_lists_who_is_connected,
    sessions_takes_a_count,
    policies_shows_the_generation_and_its_bundles,
    authenticators_shows_each_one,
    info_has_the_section,
    administration_is_for_administrators,
    every_command_is_documented_and_categorised,
    arguments_nobody_knows_are_refused,
);

fn whoami_tells_a_session_what_it_is(line: Line) {
    let scene = Scene::start(line);
    let exp = unix_now() + 500;
    let claims = Claims::of("bob")
        .groups(&["analysts", "editors"])
        .scope("openid cache.read")
        .set("exp", exp);
    let who = scene.log_in_with(&claims).whoami();
    who.field("user").expect_text("corp/bob");
    who.field("authenticator").expect_text("corp");
    who.field("method").expect_text("jwt");
    who.field("principal").expect_text("bob");
    assert_eq!(
        who.field("groups").texts(),
        ["corp/analysts", "corp/editors"]
    );
    assert_eq!(
        who.field("scopes").texts(),
        ["corp/cache.read", "corp/openid"]
    );
    let expires = u64::try_from(who.field("expires").number()).unwrap();
    // The leeway may be in it, nothing else.
    assert!((exp..=exp + 120).contains(&expires), "{expires} for {exp}");
    assert_eq!(who.field("generation").number(), 1);
    assert_eq!(who.field("class").text().len(), 16);
    let rules = who.field("rules").text();
    assert!(
        rules.contains("~reports:*") && rules.contains("-@all"),
        "{rules}"
    );
}

fn whoami_of_a_native_user_is_no_session(line: Line) {
    let scene = Scene::start(line);
    let reply = scene.server.admin().whoami();
    if reply.error().is_none() && !reply.is_nil() {
        reply.field("user").expect_text("default");
        assert!(
            reply
                .find("authenticator")
                .is_none_or(|value| value.is_nil()),
            "{reply}"
        );
    }
    scene.server.expect_healthy();
}

fn speak(connection: &mut Connection, version: u8) {
    connection.call(["HELLO", &version.to_string()]);
}

/// A script has no connection of its own to tell of.
fn whoami_is_not_for_scripts(line: Line) {
    let scene = Scene::start(line);
    let script = "return server.call('WARDEN.WHOAMI')";
    let reply = scene.server.admin().call(["EVAL", script, "0"]);
    let text = reply.error().expect("an error").to_owned();
    assert!(text.contains("not allowed from script"), "{text}");
}

fn replies_are_maps_in_resp3_and_flat_in_resp2(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.log_in("alice");
    let mut admin = scene.server.admin();
    for version in [2, 3] {
        speak(&mut client, version);
        speak(&mut admin, version);
        assert_eq!(client.whoami().is_map(), version == 3);
        assert_eq!(admin.run("WARDEN.POLICIES").is_map(), version == 3);
        assert_eq!(
            admin.run("WARDEN.SESSIONS").items()[0].is_map(),
            version == 3
        );
        assert_eq!(admin.run("WARDEN.AUTHENTICATORS").is_map(), version == 3);
    }
}

fn sessions_lists_who_is_connected(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    assert!(admin.run("WARDEN.SESSIONS").items().is_empty());
    let mut alice = scene.log_in("alice");
    let mut bob = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]));
    let sessions = admin.run("WARDEN.SESSIONS").items();
    assert_eq!(sessions.len(), 2);
    for (client, user) in [(&mut alice, "corp/alice"), (&mut bob, "corp/bob")] {
        let id = client.id();
        let session = sessions
            .iter()
            .find(|session| session.field("client").number() == id)
            .unwrap();
        session.field("user").expect_text(user);
        session.field("authenticator").expect_text("corp");
        assert_eq!(
            session.field("class").text(),
            client.whoami().field("class").text()
        );
        assert_eq!(
            session.field("expires").number(),
            client.whoami().field("expires").number()
        );
    }
    drop(alice);
    scene.wait_for_info(info::SESSIONS, "1");
    assert_eq!(admin.run("WARDEN.SESSIONS").items().len(), 1);
}

fn sessions_takes_a_count(line: Line) {
    let scene = Scene::start(line);
    let _clients: Vec<_> = (0..5).map(|_| scene.log_in("alice")).collect();
    let mut admin = scene.server.admin();
    assert_eq!(admin.run("WARDEN.SESSIONS COUNT 3").items().len(), 3);
    assert_eq!(admin.run("WARDEN.SESSIONS COUNT 100").items().len(), 5);
    for bad in ["0", "-1", "x", "1.5", "99999999999999999999"] {
        admin
            .call(["WARDEN.SESSIONS", "COUNT", bad])
            .expect_error("ERR");
    }
}

fn policies_shows_the_generation_and_its_bundles(line: Line) {
    let scene = Scene::start(line);
    scene.attempt(&Claims::of("alice")).expect_ok();
    let state = scene.policies_state();
    assert_eq!(state.field("generation").number(), 1);
    state.field("status").expect_text("ok");
    let bundles = state.field("policies").items();
    assert_eq!(bundles.len(), 1);
    bundles[0].field("name").expect_text("rbac");
    assert!(!bundles[0].field("version").text().is_empty());
    assert!(bundles[0].field("digest").text().len() >= 16);
    assert!(bundles[0].field("evaluations").number() >= 1);
    assert_eq!(bundles[0].field("failures").number(), 0);
}

fn authenticators_shows_each_one(line: Line) {
    let scene = Scene::start(line);
    let list = scene.authenticators_state();
    assert_eq!(list.len(), 1);
    list[0].field("id").expect_text("corp");
    list[0].field("type").expect_text("jwt");
    assert!(list[0].field("file").text().ends_with("10-corp.toml"));
    list[0].field("status").expect_text("ok");
    let errors = scene
        .server
        .admin()
        .run("WARDEN.AUTHENTICATORS")
        .field("errors")
        .items();
    assert!(errors.is_empty(), "{errors:?}");
}

fn info_has_the_section(line: Line) {
    let scene = Scene::start(line);
    let _alice = scene.log_in("alice");
    let _refused = scene.attempt(&Claims::of("mallory"));
    scene.wait_for_info(info::SESSIONS, "1");
    let fields = scene.server.info("warden");
    assert!(
        fields.keys().all(|name| name.starts_with("warden_")),
        "{fields:?}"
    );
    assert_eq!(fields[info::STATUS], "ok");
    assert_eq!(fields[info::SESSIONS], "1");
    assert_eq!(fields[info::CLASSES], "1");
    assert_eq!(fields[info::GENERATION], "1");
    assert_eq!(fields[info::VERIFICATIONS], "2");
    assert_eq!(fields[info::REFUSALS], "1");
    assert_eq!(fields[info::POLICY_ERROR], "");
    assert!(fields.contains_key(info::CACHE_MISSES));
    let all = scene.server.admin().run("INFO everything").text();
    assert!(all.contains("# warden"), "{all}");
}

fn administration_is_for_administrators(line: Line) {
    let scene = Scene::builder(line)
        .roles("[roles.all]\nmembers = [\"user:corp/alice\"]\nrules = [\"+@read\", \"+@write\", \"+@connection\", \"~*\"]\n")
        .start();
    let mut alice = scene.log_in("alice");
    for command in [
        "WARDEN.SESSIONS",
        "WARDEN.POLICIES",
        "WARDEN.AUTHENTICATORS",
    ] {
        alice.run(command).expect_error("NOPERM");
        scene.server.connect().run(command).expect_error("NOAUTH");
        assert!(scene.server.admin().run(command).error().is_none());
    }
    assert!(alice.whoami().error().is_none());
}

fn every_command_is_documented_and_categorised(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    for (command, categories) in [
        ("warden.whoami", &["@connection"][..]),
        ("warden.help", &["@connection"]),
        ("warden.sessions", &["@admin", "@dangerous"]),
        ("warden.policies", &["@admin", "@dangerous"]),
        ("warden.authenticators", &["@admin", "@dangerous"]),
        ("warden.kill", &["@admin", "@dangerous"]),
        ("warden.reload", &["@admin", "@dangerous"]),
        ("warden.explain", &["@admin", "@dangerous"]),
        ("warden.dryrun", &["@admin", "@dangerous"]),
    ] {
        let info = admin
            .call(["COMMAND", "INFO", command])
            .items()
            .remove(0)
            .items();
        let shown = info[6].texts();
        for category in categories {
            assert!(
                shown.iter().any(|name| name == category),
                "{command}: {shown:?}"
            );
        }
        let docs = admin.call(["COMMAND", "DOCS", command]).field(command);
        assert!(!docs.field("summary").text().is_empty(), "{command}");
    }
}

fn arguments_nobody_knows_are_refused(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    for command in [
        "WARDEN.WHOAMI x",
        "WARDEN.SESSIONS x",
        "WARDEN.SESSIONS COUNT",
        "WARDEN.POLICIES x",
        "WARDEN.AUTHENTICATORS x",
    ] {
        admin.run(command).expect_error("ERR");
    }
    scene.server.expect_healthy();
}
