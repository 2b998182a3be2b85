//! Servers and connections over TLS.

use std::time::Duration;

use warden_tests::connection::Ended;
use warden_tests::server::{ADMIN_PASSWORD, PATIENCE};
use warden_tests::{Authority, Leaf, Line, Server, on_both_lines};

on_both_lines!(
    a_client_speaks_tls_with_and_without_a_certificate,
    a_certificate_of_another_authority_is_refused,
    an_expired_certificate_is_refused,
    a_server_can_insist_on_certificates,
    waiting_over_tls_has_a_limit,
);

fn a_client_speaks_tls_with_and_without_a_certificate(line: Line) {
    let authority = Authority::new("corp");
    let server = Server::builder(line).tls(&authority).start();
    let alice = authority.client("alice");
    for identity in [None, Some(&alice)] {
        let mut connection = server.connect_tls(identity);
        connection.run("PING").expect_error("NOAUTH");
        connection.auth("default", ADMIN_PASSWORD).expect_ok();
        connection.run("PING").expect_text("PONG");
        let large = "x".repeat(1_000_000);
        connection.call(["SET", "large", &large]).expect_ok();
        connection.run("GET large").expect_text(&large);
    }
    server.admin().run("PING").expect_text("PONG");
}

fn a_certificate_of_another_authority_is_refused(line: Line) {
    let authority = Authority::new("corp");
    let server = Server::builder(line).tls(&authority).open().start();
    let stranger = Authority::new("corp").client("alice");
    expect_no_service(&server, &stranger);
}

fn an_expired_certificate_is_refused(line: Line) {
    let authority = Authority::new("corp");
    let server = Server::builder(line).tls(&authority).open().start();
    let expired = authority.issue(&Leaf::client("alice").expired());
    expect_no_service(&server, &expired);
}

fn a_server_can_insist_on_certificates(line: Line) {
    let authority = Authority::new("corp");
    let server = Server::builder(line)
        .tls(&authority)
        .config([("tls-auth-clients", "yes")])
        .open()
        .start();
    let alice = authority.client("alice");
    server
        .connect_tls(Some(&alice))
        .run("PING")
        .expect_text("PONG");
    if let Ok(mut connection) = server.try_connect_tls(None) {
        assert!(connection.closes_within(PATIENCE));
    }
}

fn waiting_over_tls_has_a_limit(line: Line) {
    let authority = Authority::new("corp");
    let server = Server::builder(line).tls(&authority).open().start();
    let mut connection = server.connect_tls(None);
    let moment = Duration::from_millis(20);
    assert_eq!(connection.receive_within(moment), Err(Ended::TimedOut));
    connection.run("PING").expect_text("PONG");
    let port = server.tls_address();
    server.restart();
    assert!(connection.closes_within(PATIENCE));
    assert_eq!(server.tls_address(), port);
    server.connect_tls(None).run("PING").expect_text("PONG");
}

#[track_caller]
fn expect_no_service(server: &Server, identity: &warden_tests::Identity) {
    if let Ok(mut connection) = server.try_connect_tls(Some(identity)) {
        assert!(connection.closes_within(PATIENCE));
    }
    server.connect_tls(None).run("PING").expect_text("PONG");
}
