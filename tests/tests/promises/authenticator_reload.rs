//! Authenticators come, go and change while the server runs; a bad file stops a
//! start and changes nothing later.

use warden_tests::issuer::{AUDIENCE, key_set};
use warden_tests::scene::authenticator;
use warden_tests::{Algorithm, Claims, Issuer, Line, Scene, SigningKey, eventually, on_both_lines};

use crate::info;

on_both_lines!(
    an_authenticator_added_is_in_force,
    a_second_authenticator_takes_from_live_sessions_what_bare_names_gave,
    an_authenticator_removed_ends_its_sessions_and_no_others,
    a_bad_file_keeps_the_last_good_version,
    a_rotated_key_ends_the_trust_in_the_old_one,
    the_same_name_and_key_id_in_two_issuers_are_two_principals,
    a_bad_file_at_start_fails_the_load_and_is_named,
    all_errors_of_a_file_are_reported_together,
    a_missing_directory_at_start_fails_the_load,
    without_authenticators_no_token_is_accepted,
);

const TWO_ISSUERS: &str = r#"
[roles.reader]
members = ["group:corp/analysts", "group:partner/analysts", "user:corp/alice"]
rules = ["+@read", "~reports:*"]
"#;

fn partner() -> Issuer {
    Issuer::new(
        "https://partner.example.org",
        SigningKey::generate(Algorithm::ES256, "corp-1"),
    )
}

fn add_partner(scene: &Scene, partner: &Issuer) {
    scene.keys.replace("partner.jwks", partner.key_set());
    let file = authenticator(partner, &scene.keys.file_text("partner.jwks"));
    scene.authenticators.replace(
        "20-partner.toml",
        format!("{file}[claims]\ngroups = \"groups\"\n"),
    );
}

fn an_authenticator_added_is_in_force(line: Line) {
    let scene = Scene::builder(line).roles(TWO_ISSUERS).start();
    let mut corp = scene.log_in("alice");
    let partner = partner();
    let token = |id: u32| partner.token(&Claims::of("pia").groups(&["analysts"]).id(id));
    scene.expect_refused("pia", &token(0), "WRONGPASS");
    add_partner(&scene, &partner);
    let mut id = 0;
    let mut client = eventually("the partner's tokens are accepted", || {
        id += 1;
        let mut client = scene.server.connect();
        client.auth("token", &token(id)).is_ok().then_some(client)
    });
    assert_eq!(client.user(), "partner/pia");
    assert!(client.run("GET reports:q1").is_nil());
    assert_eq!(corp.user(), "corp/alice");
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn a_second_authenticator_takes_from_live_sessions_what_bare_names_gave(line: Line) {
    let roles = "[roles.bare]\nmembers = ['group:analysts']\nrules = ['+set', '~reports:*']\n\
                 [roles.full]\nmembers = ['group:corp/analysts']\nrules = ['+get', '~reports:*']\n";
    let scene = Scene::builder(line).roles(roles).start();
    let mut session = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]));
    session.run("SET reports:q1 x").expect_ok();
    add_partner(&scene, &partner());
    eventually("the bare name means nobody", || {
        session
            .run("SET reports:q1 x")
            .is_error("NOPERM")
            .then_some(())
    });
    session.run("GET reports:q1").expect_text("x");
    scene.authenticators.remove("20-partner.toml");
    eventually("the bare name means what it meant", || {
        session.run("SET reports:q1 x").is_ok().then_some(())
    });
}

fn an_authenticator_removed_ends_its_sessions_and_no_others(line: Line) {
    let scene = Scene::builder(line).roles(TWO_ISSUERS).start();
    let partner = partner();
    add_partner(&scene, &partner);
    let mut id = 0;
    let mut token = String::new();
    let mut client = eventually("the partner's tokens are accepted", || {
        id += 1;
        token = partner.token(&Claims::of("pia").groups(&["analysts"]).id(id));
        let mut client = scene.server.connect();
        client.auth("token", &token).is_ok().then_some(client)
    });
    let mut corp = scene.log_in("alice");
    scene.authenticators.remove("20-partner.toml");
    assert!(
        client.closes_within(warden_tests::server::PATIENCE),
        "the partner's session ends"
    );
    scene.expect_refused("token", &token, "WRONGPASS");
    assert!(corp.run("GET reports:q1").is_nil());
}

fn a_bad_file_keeps_the_last_good_version(line: Line) {
    let scene = Scene::start(line);
    let good = std::fs::read(scene.authenticators.file("10-corp.toml")).unwrap();
    let mut client = scene.log_in("alice");
    for bad in [
        "type = \"jwt\"\nissuer = 5\n".as_bytes(),
        b"no toml [",
        &good[..good.len() / 2],
        b"",
    ] {
        scene.authenticators.write_in_place("10-corp.toml", bad);
        eventually("the error shows in INFO", || {
            scene
                .info(info::AUTHENTICATOR_ERROR)
                .contains("10-corp.toml")
                .then_some(())
        });
        assert!(client.run("GET reports:q1").is_nil());
        scene
            .attempt(&Claims::of("alice").id(bad.len()))
            .expect_ok();
    }
    let state = scene.authenticators_state();
    assert_eq!(state.len(), 1);
    state[0].field("id").expect_text("corp");
    state[0].field("status").expect_text("stale");
    let errors = scene
        .server
        .admin()
        .run("WARDEN.AUTHENTICATORS")
        .field("errors")
        .texts();
    assert!(
        errors.iter().any(|error| error.contains("10-corp.toml")),
        "{errors:?}"
    );
    scene.authenticators.write_in_place("10-corp.toml", good);
    scene.wait_for_info(info::AUTHENTICATOR_ERROR, "");
    scene
        .attempt(&Claims::of("alice").id("repaired"))
        .expect_ok();
}

fn a_rotated_key_ends_the_trust_in_the_old_one(line: Line) {
    let scene = Scene::start(line);
    let old = scene.token("alice");
    scene.server.connect().auth("alice", &old).expect_ok();
    let rotated = scene
        .issuer
        .with_key(SigningKey::generate(Algorithm::RS256, "corp-2"));
    scene.expect_refused(
        "alice",
        &rotated.token(&Claims::of("alice").id("early")),
        "WRONGPASS",
    );
    scene.keys.replace("corp.jwks", rotated.key_set());
    let mut id = 0;
    eventually("the new key is in force", || {
        id += 1;
        let token = rotated.token(&Claims::of("alice").id(id));
        scene
            .server
            .connect()
            .auth("alice", &token)
            .is_ok()
            .then_some(())
    });
    // Its cached verification went with the old version.
    scene.expect_refused("alice", &old, "WRONGPASS");
}

fn the_same_name_and_key_id_in_two_issuers_are_two_principals(line: Line) {
    let scene = Scene::builder(line).roles(TWO_ISSUERS).start();
    let partner = partner();
    add_partner(&scene, &partner);
    let mut id = 0;
    let mut theirs = eventually("the partner's tokens are accepted", || {
        id += 1;
        let mut client = scene.server.connect();
        let token = partner.token(&Claims::of("alice").groups(&["analysts"]).id(id));
        client.auth("token", &token).is_ok().then_some(client)
    });
    let mut ours = scene.log_in("alice");
    assert_eq!(ours.user(), "corp/alice");
    assert_eq!(theirs.user(), "partner/alice");
    // A role of one is not a role of the other.
    scene.expect_refused(
        "token",
        &partner.token(&Claims::of("alice").id("bare")),
        "WRONGPASS no policy",
    );
    // The partner's key does not speak for corp, nor corp's for the partner.
    let posing = scene.issuer.with_key(partner.key().clone());
    scene.expect_refused("token", &posing.token(&Claims::of("alice")), "WRONGPASS");
    let posing = partner.with_key(scene.issuer.key().clone());
    scene.expect_refused(
        "token",
        &posing.token(&Claims::of("alice").groups(&["analysts"])),
        "WRONGPASS",
    );
    let other = theirs.auth("token", &scene.token("alice"));
    other.expect_error("WRONGPASS this connection belongs to another principal.");
}

fn failing_start(line: Line, file: &str) -> String {
    let scene = Scene::builder(line).authenticator_file(file).try_start();
    let failure = scene.err().expect("the server must not start");
    assert!(
        failure.status.is_some_and(|status| !status.success()),
        "it ended by itself"
    );
    failure.log
}

fn a_bad_file_at_start_fails_the_load_and_is_named(line: Line) {
    for (file, named) in [
        (
            "type = \"jwt\"\nissuer = \"https://x\"\naudience = [\"a\"]\njwks_file = \"/nowhere/keys\"\n",
            "/nowhere/keys",
        ),
        (
            "type = \"jwt\"\nissuer = \"https://x\"\naudience = [\"a\"]\nsecret = \"inline\"\n",
            "secret",
        ),
        ("type = \"kerberos\"\n", "type"),
        (
            "type = \"jwt\"\naudience = [\"a\"]\nkey_file = \"/k\"\n",
            "issuer",
        ),
        ("not toml", "10-corp.toml"),
    ] {
        let log = failing_start(line, file);
        assert!(log.contains("10-corp.toml"), "{log}");
        assert!(log.contains(named), "the log names {named}:\n{log}");
    }
}

fn all_errors_of_a_file_are_reported_together(line: Line) {
    let file = "type = \"jwt\"\nissuer = \"\"\naudience = [\"valkey\"]\nleeway_seconds = -1\nunknown_key = 1\n";
    let log = failing_start(line, file);
    assert!(log.contains("unknown_key"), "{log}");
    assert!(log.contains("leeway_seconds"), "{log}");
}

fn a_missing_directory_at_start_fails_the_load(line: Line) {
    let server = warden_tests::Server::builder(line)
        .module_args(["authenticator_dir", "/nowhere/at/all"])
        .try_start();
    let failure = server.err().expect("the server must not start");
    assert!(failure.log.contains("/nowhere/at/all"), "{}", failure.log);
}

fn without_authenticators_no_token_is_accepted(line: Line) {
    let scene = Scene::builder(line).without_authenticator().start();
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("WRONGPASS");
    let jwks = key_set([scene.issuer.key()]);
    scene.keys.replace("corp.jwks", jwks);
    let file = authenticator(&scene.issuer, &scene.keys.file_text("corp.jwks"));
    assert!(file.contains(AUDIENCE));
    scene.authenticators.replace("corp.toml", file);
    let mut id = 0;
    eventually("the first authenticator is in force", || {
        id += 1;
        scene
            .attempt(&Claims::of("alice").id(id))
            .is_ok()
            .then_some(())
    });
}
