//! `AUTH certificate ""`: who has a certificate needs no other credential, and a token
//! that is bound to one is worth nothing without it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use warden_tests::{
    Authority, Claims, Connection, Identity, Leaf, Line, Reply, Scene, eventually, on_both_lines,
    unix_now,
};

on_both_lines!(
    a_certificate_logs_in_whom_it_names,
    without_a_certificate_nobody_is_logged_in,
    an_unmapped_certificate_is_not_the_default_user,
    a_session_ends_with_its_certificate,
    a_revoked_certificate_ends_its_sessions_and_opens_no_others,
    what_is_remembered_belongs_to_one_certificate,
    a_token_bound_to_a_certificate_is_good_only_with_it,
    the_servers_own_mapping_of_certificates_is_respected,
);

const FILE: &str =
    "type = 'certificate'\nidentity = [{ from = 'cn' }]\ngroups = [{ from = 'ou' }]\n";

fn scene(line: Line, authority: &Authority, file: &str) -> Scene {
    Scene::builder(line)
        .server(|server| server.tls(authority))
        .authenticator_file(file)
        .start()
}

fn auth(scene: &Scene, identity: Option<&Identity>) -> (Connection, Reply) {
    let mut client = scene.server.connect_tls(identity);
    let reply = client.auth("certificate", "");
    (client, reply)
}

fn a_certificate_logs_in_whom_it_names(line: Line) {
    let authority = Authority::new("ca");
    let scene = scene(line, &authority, FILE);
    let bob = authority.issue(&Leaf::client("bob").unit("analysts"));
    let (mut client, reply) = auth(&scene, Some(&bob));
    reply.expect_ok();
    assert_eq!(client.user(), "corp/bob");
    assert!(client.run("GET reports:1").is_nil());
    client.run("SET reports:1 x").expect_error("NOPERM");
    let mut named = scene.server.connect_tls(Some(&bob));
    named.auth("alice", "").expect_error("WRONGPASS");
    named.auth("corp/bob", "").expect_ok();
    let mut hello = scene.server.connect_tls(Some(&bob));
    assert!(!hello.hello_auth(3, "certificate", "").is_error(""));
    assert_eq!(hello.user(), "corp/bob");
}

fn without_a_certificate_nobody_is_logged_in(line: Line) {
    let authority = Authority::new("ca");
    let scene = scene(line, &authority, FILE);
    auth(&scene, None).1.expect_error("WRONGPASS");
    let mut plain = scene.server.connect();
    plain.auth("certificate", "").expect_error("WRONGPASS");
    plain.run("PING").expect_error("NOAUTH");
    let bob = authority.client("bob");
    let mut client = scene.server.connect_tls(Some(&bob));
    client.auth("certificate", "x").expect_error("WRONGPASS");
    client.auth_alone("").expect_error("WRONGPASS");
    client.run("PING").expect_error("NOAUTH");
}

fn an_unmapped_certificate_is_not_the_default_user(line: Line) {
    let authority = Authority::new("ca");
    let scene = scene(
        line,
        &authority,
        "type = 'certificate'\nidentity = [{ from = 'cn', pattern = 'svc-.+' }]\n",
    );
    for leaf in [
        Leaf::client("alice"),
        Leaf::client("default"),
        Leaf::nameless(),
        Leaf::client("svc-a").subject(warden_tests::authority::Attribute::CommonName, "svc-b"),
        Leaf::client("svc-*"),
        Leaf::client("svc-a\0"),
        Leaf::client("svc-a\nsvc-b"),
        Leaf::client("svc-a").unit("a\0b"),
        Leaf::client("svc-a").dns("a\0b"),
    ] {
        let (mut client, reply) = auth(&scene, Some(&authority.issue(&leaf)));
        reply.expect_error("WRONGPASS");
        client.run("PING").expect_error("NOAUTH");
    }
    // The same without what is wrong is named, and granted nothing.
    let (_, reply) = auth(&scene, Some(&authority.client("svc-a")));
    reply.expect_error("WRONGPASS no policy grants access");
}

fn a_session_ends_with_its_certificate(line: Line) {
    let authority = Authority::new("ca");
    let scene = scene(line, &authority, FILE);
    let soon = authority.issue(&Leaf::client("alice").not_after(unix_now() + 3));
    let (mut client, reply) = auth(&scene, Some(&soon));
    reply.expect_ok();
    assert!(client.closes_within(Duration::from_secs(10)));
}

fn a_revoked_certificate_ends_its_sessions_and_opens_no_others(line: Line) {
    let authority = Authority::new("ca");
    let (alice, bob) = (
        authority.client("alice"),
        authority.issue(&Leaf::client("bob").unit("analysts")),
    );
    let list = authority.revocation_list(&[]);
    let lines = format!(
        "ca_file = '{}'\ncrl_files = ['{}']\n",
        authority.ca_file().display(),
        list.display()
    );
    let scene = scene(line, &authority, &format!("{FILE}{lines}"));
    let (mut hers, reply) = auth(&scene, Some(&alice));
    reply.expect_ok();
    let (mut his, reply) = auth(&scene, Some(&bob));
    reply.expect_ok();
    let revoked = authority.revocation_list(&[&alice]);
    if revoked != list {
        std::fs::rename(&revoked, &list).unwrap();
    }
    assert!(hers.closes_within(warden_tests::server::PATIENCE));
    eventually("she is refused", || {
        auth(&scene, Some(&alice))
            .1
            .is_error("WRONGPASS")
            .then_some(())
    });
    assert!(Scene::stays_open(&mut his));
    auth(&scene, Some(&bob)).1.expect_ok();
}

fn what_is_remembered_belongs_to_one_certificate(line: Line) {
    let authority = Authority::new("ca");
    let scene = scene(line, &authority, FILE);
    let (alice, bob) = (
        authority.client("alice"),
        authority.issue(&Leaf::client("bob").unit("analysts")),
    );
    for _ in 0..3 {
        for (identity, user) in [(&alice, "corp/alice"), (&bob, "corp/bob")] {
            let (mut client, reply) = auth(&scene, Some(identity));
            reply.expect_ok();
            assert_eq!(client.user(), user);
        }
        auth(&scene, None).1.expect_error("WRONGPASS");
    }
    assert_eq!(scene.counter("warden_verifications"), 3);
}

fn a_token_bound_to_a_certificate_is_good_only_with_it(line: Line) {
    let authority = Authority::new("ca");
    let scene = Scene::builder(line)
        .server(|server| server.tls(&authority))
        .start();
    let (alice, other) = (authority.client("alice"), authority.client("alice"));
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, alice.certificate_der());
    let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint.as_ref());
    let bound = Claims::of("alice").set("cnf", json!({ "x5t#S256": thumbprint }));
    let token = scene.issuer.token(&bound);
    let attempt =
        |identity: Option<&Identity>| scene.server.connect_tls(identity).auth("token", &token);
    for _ in 0..2 {
        attempt(Some(&alice)).expect_ok();
        attempt(Some(&other)).expect_error("WRONGPASS");
        attempt(None).expect_error("WRONGPASS");
        scene
            .server
            .connect()
            .auth("token", &token)
            .expect_error("WRONGPASS");
    }
    let dpop = scene
        .issuer
        .token(&Claims::of("alice").set("cnf", json!({ "jkt": thumbprint })));
    scene
        .server
        .connect_tls(Some(&alice))
        .auth("token", &dpop)
        .expect_error("WRONGPASS");
    let required = format!(
        "require_binding = true\n{}",
        std::fs::read_to_string(scene.authenticators.file("10-corp.toml")).unwrap()
    );
    scene.authenticators.replace("10-corp.toml", required);
    scene.server.admin().call(["WARDEN.RELOAD"]);
    let free = scene.token("alice");
    scene
        .server
        .connect_tls(Some(&alice))
        .auth("token", &free)
        .expect_error("WRONGPASS");
    attempt(Some(&alice)).expect_ok();
}

/// 9.1 alone has `tls-auth-clients-user`.
fn the_servers_own_mapping_of_certificates_is_respected(line: Line) {
    if line == Line::V8_0 {
        let refused = warden_tests::Server::builder(line)
            .config([("tls-auth-clients-user", "CN")])
            .try_start();
        assert!(refused.is_err(), "8.0 has it by now: test it there, too");
        return;
    }
    let authority = Authority::new("ca");
    let scene = Scene::builder(line)
        .server(|server| {
            server
                .tls(&authority)
                .config([("tls-auth-clients-user", "CN")])
        })
        .authenticator_file(FILE)
        .start();
    let mut admin = scene.server.admin();
    admin
        .run("ACL SETUSER native on nopass +acl|whoami +auth")
        .expect_ok();
    let native = authority.client("native");
    let mut client = scene.server.connect_tls(Some(&native));
    assert_eq!(client.run("ACL WHOAMI").text(), "native");
    assert_eq!(scene.counter("warden_sessions"), 0);
    client.auth("certificate", "").expect_error("WRONGPASS");
    assert_eq!(client.run("ACL WHOAMI").text(), "native");
    let alice = authority.client("alice");
    let (mut hers, reply) = auth(&scene, Some(&alice));
    reply.expect_ok();
    assert_eq!(hers.user(), "corp/alice");
}
