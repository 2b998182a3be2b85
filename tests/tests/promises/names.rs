//! Whatever a name holds, it is a name: not a format, not a rule, not somebody else.

use warden_tests::{Claims, Line, Scene, on_both_lines};

on_both_lines!(
    a_name_of_format_specifiers_is_only_a_name,
    format_specifiers_in_a_refused_user_name_are_only_text,
    nul_and_control_bytes_in_user_and_secret_are_refused,
    a_name_that_is_not_utf8_is_refused,
    a_subject_with_control_characters_is_refused,
    reserved_empty_and_overlong_subjects_are_refused,
    a_name_of_rules_never_widens_rights,
    groups_of_rules_never_widen_rights,
    a_name_equal_to_a_local_user_is_refused,
    a_local_user_made_later_ends_the_session,
);

fn a_name_of_format_specifiers_is_only_a_name(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["log_level", "debug"])
        .config([("loglevel", "debug")])
        .start();
    for (subject, user) in [
        ("%s%n", "corp/%25s%25n"),
        ("%x%x%x%n%n", "corp/%25x%25x%25x%25n%25n"),
        ("%", "corp/%25"),
    ] {
        let claims = Claims::of(subject)
            .groups(&["analysts", "%s%n%s%n"])
            .scope("%s%n");
        let mut client = scene.log_in_with(&claims);
        assert_eq!(client.user(), user);
        assert!(client.run("GET reports:q1").is_nil());
        scene
            .server
            .connect()
            .auth(subject, &scene.issuer.token(&claims))
            .expect_ok();
    }
    scene.server.expect_healthy();
}

fn format_specifiers_in_a_refused_user_name_are_only_text(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["log_level", "debug"])
        .config([("loglevel", "debug")])
        .start();
    for name in ["%s%n", "%s%s%s%s%s%s%s%s%n%n%n", "%*.*s", "%1000000d"] {
        scene.expect_refused(name, &scene.token("alice"), "WRONGPASS");
        scene.expect_refused(name, &scene.issuer.forged(&Claims::of(name)), "WRONGPASS");
        scene.expect_refused(name, "%s%n%s%n", "WRONGPASS");
        scene
            .server
            .connect()
            .auth_alone(name)
            .expect_error("WRONGPASS");
    }
    scene.server.expect_healthy();
}

fn nul_and_control_bytes_in_user_and_secret_are_refused(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    for name in [
        "alice\0",
        "\0alice",
        "al\0ice",
        "\0",
        "alice\r\n",
        "alice\n+OK",
        "\x1b[31malice",
    ] {
        scene.expect_refused(name, &token, "WRONGPASS");
        scene.expect_refused(name, "a password", "WRONGPASS");
    }
    for secret in [
        format!("{token}\0"),
        format!("\0{token}"),
        format!("{token}\n"),
        "\0".to_owned(),
        "a\0.b\0.c\0".to_owned(),
    ] {
        scene.expect_refused("alice", &secret, "WRONGPASS");
        scene.expect_refused("token", &secret, "WRONGPASS");
        scene
            .server
            .connect()
            .auth_alone(&secret)
            .expect_error("WRONGPASS");
        scene
            .server
            .connect()
            .hello_auth(3, "alice", &secret)
            .expect_error("WRONGPASS");
    }
    let log = scene.server.log();
    assert!(
        !log.contains('\0') && !log.contains('\x1b'),
        "control bytes reach the log escaped:\n{log:?}"
    );
    scene.server.expect_healthy();
}

fn a_name_that_is_not_utf8_is_refused(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    for name in [&b"\xff\xfe"[..], b"alice\xff", b"\xc0\x80", b"\xed\xa0\x80"] {
        scene
            .server
            .connect()
            .call([b"AUTH".as_slice(), name, token.as_bytes()])
            .expect_error("WRONGPASS");
        scene
            .server
            .connect()
            .call([b"AUTH".as_slice(), b"alice", name])
            .expect_error("WRONGPASS");
        scene
            .server
            .connect()
            .call([b"AUTH".as_slice(), name])
            .expect_error("WRONGPASS");
    }
    scene.server.expect_healthy();
}

fn a_subject_with_control_characters_is_refused(line: Line) {
    let scene = Scene::start(line);
    for subject in [
        "al\0ice", "alice\0", "alice\n", "\u{7f}", "a\u{85}b", "\r\n+OK",
    ] {
        scene
            .attempt(&Claims::of(subject).groups(&["analysts"]))
            .expect_error("WRONGPASS");
    }
    scene.server.expect_healthy();
}

fn reserved_empty_and_overlong_subjects_are_refused(line: Line) {
    let scene = Scene::start(line);
    for subject in ["", "token", "certificate", "default", &"a".repeat(257)] {
        scene
            .attempt(&Claims::of(subject).groups(&["analysts"]))
            .expect_error("WRONGPASS");
    }
    scene
        .attempt(&Claims::of(&"a".repeat(256)).groups(&["analysts"]))
        .expect_ok();
    scene
        .attempt(&Claims::of("x").set("sub", 7).groups(&["analysts"]))
        .expect_error("WRONGPASS");
}

const HOSTILE: [&str; 9] = [
    "alice +@all",
    "alice ~*",
    "a) (+@all ~*",
    "\"quoted\" +@all",
    "on nopass +@all ~* &*",
    "alice' +@all",
    "*",
    "alice?",
    "\\\" +@all ~*",
];

fn a_name_of_rules_never_widens_rights(line: Line) {
    let scene = Scene::start(line);
    for subject in HOSTILE {
        let mut client = scene.server.connect();
        let token = scene
            .issuer
            .token(&Claims::of(subject).groups(&["analysts"]));
        if client.auth("token", &token).is_ok() {
            client.run("SET reports:q1 x").expect_error("NOPERM");
            client.run("GET secrets:q1").expect_error("NOPERM");
            let user = client.user();
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@:/+=,-%".contains(&b);
            assert!(user.bytes().all(allowed), "{user}");
        }
        scene
            .attempt(&Claims::of(subject))
            .expect_error("WRONGPASS no policy");
    }
}

fn groups_of_rules_never_widen_rights(line: Line) {
    let scene = Scene::start(line);
    for group in HOSTILE.into_iter().chain([
        "analysts*",
        "Analysts",
        "analysts ",
        "corp/analysts",
        "group:corp/analysts",
        "",
    ]) {
        let mut client = scene.server.connect();
        let token = scene.issuer.token(&Claims::of("mallory").groups(&[group]));
        client.auth("token", &token).expect_error("WRONGPASS");
    }
}

fn a_name_equal_to_a_local_user_is_refused(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    admin
        .run("ACL SETUSER corp/alice on nopass ~* &* +@all")
        .expect_ok();
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("WRONGPASS the token's principal is not accepted under this user name.");
    scene
        .attempt(&Claims::of("bob").groups(&["analysts"]))
        .expect_ok();
    admin.run("ACL DELUSER corp/alice");
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn a_local_user_made_later_ends_the_session(line: Line) {
    let scene = Scene::start(line);
    let mut alice = scene.log_in("alice");
    let mut bob = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]));
    scene
        .server
        .admin()
        .run("ACL SETUSER corp/alice on nopass ~* &* +@all")
        .expect_ok();
    assert!(alice.closes_within(warden_tests::server::PATIENCE));
    assert!(bob.run("GET reports:q1").is_nil());
}
