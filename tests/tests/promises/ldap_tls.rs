//! How a directory proves who it is before anybody's password is sent to it.

use warden_tests::hostile_directory::{Answer, Operation};
use warden_tests::slapd::{Slapd, password_of};
use warden_tests::{
    Authority, Directory, HostileDirectory, Leaf, Line, Scene, eventually, on_both_lines,
};

use crate::ldap::{by_bind, people};

on_both_lines!(
    over_tls_and_start_tls_log_ins_are_as_without,
    a_directory_that_proves_to_be_somebody_else_is_sent_no_password,
    where_tls_is_not_offered_nothing_goes_in_clear,
    what_is_slipped_in_before_tls_is_not_taken_for_what_comes_within,
    the_directory_may_ask_for_wardens_own_certificate,
    certificates_are_read_again_when_their_files_change,
    wardens_own_certificate_is_read_again_when_it_changes,
    without_an_authority_those_of_the_system_count,
);

/// Lines by which a directory is trusted that has a certificate of this authority.
fn trusting(authority: &Authority) -> String {
    format!("tls_ca_cert_path = '{}'\n", authority.ca_file().display())
}

/// A server that asks this directory.
fn asking(line: Line, file: &str) -> Scene {
    Scene::builder(line)
        .authenticator_file(&format!("{file}timeout_connection = 2\n"))
        .start()
}

/// The two ways to speak TLS with a directory, on `127.0.0.1` and under its name.
fn both_ways(slapd: &Slapd) -> [String; 2] {
    [
        by_bind(&slapd.tls_url()),
        by_bind(&slapd.url()) + "use_starttls = true\n",
    ]
}

#[track_caller]
fn log_in(scene: &Scene, name: &str) {
    let mut client = scene.server.connect();
    client.auth(name, &password_of(name)).expect_ok();
    assert_eq!(client.user(), format!("corp/{name}"));
}

fn over_tls_and_start_tls_log_ins_are_as_without(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    for file in both_ways(&slapd) {
        let by_name = file.replace("127.0.0.1", "localhost");
        for file in [file, by_name] {
            let scene = asking(line, &(file + &trusting(&authority)));
            log_in(&scene, "alice");
            scene.expect_refused("alice", "wrong", "WRONGPASS");
        }
    }
    let extended = slapd.counters().extended;
    assert!(extended >= 2, "{extended} requests for TLS");
}

fn a_directory_that_proves_to_be_somebody_else_is_sent_no_password(line: Line) {
    let authority = Authority::new("ca");
    let stranger = Authority::new("ca");
    let expired = authority.issue(&Leaf::server().expired());
    let elsewhere = authority.issue(&Leaf::server_elsewhere("ldap.example.org"));
    let early = authority.issue(&Leaf::server().not_yet_valid());
    let client = authority.client("127.0.0.1");
    let own = authority.self_signed(&Leaf::server());
    for (shown, trusted) in [
        (authority.server(), trusting(&stranger)),
        // The system's authorities.
        (authority.server(), String::new()),
        (expired, trusting(&authority)),
        (early, trusting(&authority)),
        (elsewhere, trusting(&authority)),
        (client, trusting(&authority)),
        (own, trusting(&authority)),
    ] {
        let slapd = people().showing(shown).start(&authority);
        for file in both_ways(&slapd) {
            let by_name = file.replace("127.0.0.1", "localhost");
            for file in [file, by_name] {
                let scene = asking(line, &(file + &trusted));
                scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
            }
        }
        assert_eq!(slapd.counters().binds, 0);
    }
}

fn where_tls_is_not_offered_nothing_goes_in_clear(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().without_tls().start(&authority);
    let file = by_bind(&slapd.url()) + "use_starttls = true\n" + &trusting(&authority);
    let scene = asking(line, &file);
    scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    assert_eq!(slapd.counters().binds, 0);
    // Whoever is on the way says no, or otherwise than it must be said.
    for answer in [
        Answer::result(2, ""),
        Answer::result(52, ""),
        Answer::referral(&["ldap://127.0.0.1:1"]),
        Answer::success().of_kind(1),
        Answer::success().with_message_id(9),
        Answer::success(),
        Answer::hang_up(),
    ] {
        let directory = HostileDirectory::start();
        directory.answer(answer);
        let file = by_bind(&directory.url()) + "use_starttls = true\n" + &trusting(&authority);
        let scene = asking(line, &file);
        scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
        let requests = directory.requests();
        let is_bare = |operation: &Operation| matches!(operation, Operation::Bind { .. });
        assert!(
            !requests.iter().any(|request| is_bare(&request.operation)),
            "{requests:?}"
        );
    }
}

fn what_is_slipped_in_before_tls_is_not_taken_for_what_comes_within(line: Line) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    let identity = authority.server();
    // A yes to the bind that will follow.
    let slipped_in = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec();
    directory.answer_by(move |request| {
        if request.is_start_tls() {
            Answer::start_tls(&identity).followed_by(slipped_in.clone())
        } else {
            Answer::result(49, "")
        }
    });
    let file = by_bind(&directory.url()) + "use_starttls = true\n" + &trusting(&authority);
    let scene = asking(line, &file);
    scene.expect_refused("alice", "any", "TRYAGAIN");
    assert!(directory.binds().is_empty());
    // The twin: without it the directory is heard.
    let identity = authority.server();
    directory.answer_by(move |request| {
        if request.is_start_tls() {
            Answer::start_tls(&identity)
        } else {
            Answer::result(49, "")
        }
    });
    scene.expect_refused("alice", "any", "WRONGPASS");
    assert!(
        directory
            .requests()
            .iter()
            .all(|request| { request.over_tls || request.is_start_tls() })
    );
}

fn the_directory_may_ask_for_wardens_own_certificate(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().demanding_certificates().start(&authority);
    let ours = authority.client("warden");
    let shown = format!(
        "tls_cert_path = '{}'\ntls_key_path = '{}'\n",
        ours.certificate_file().display(),
        ours.key_file().display()
    );
    for file in both_ways(&slapd) {
        let file = file + &trusting(&authority);
        let scene = asking(line, &(file.clone() + &shown));
        log_in(&scene, "alice");
        let scene = asking(line, &file);
        scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    }
}

fn certificates_are_read_again_when_their_files_change(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let trusted = Directory::create(authority.directory().join("trusted"));
    trusted.replace("ca.pem", Authority::new("ca").ca_pem());
    let file = by_bind(&slapd.tls_url())
        + &format!(
            "cache_seconds = 0\ntls_ca_cert_path = '{}'\n",
            trusted.file_text("ca.pem")
        );
    let scene = asking(line, &file);
    scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    trusted.replace("ca.pem", authority.ca_pem());
    eventually("the new authority is trusted", || {
        let mut client = scene.server.connect();
        client
            .auth("alice", &password_of("alice"))
            .is_ok()
            .then_some(())
    });
    // What is broken leaves the last good one in force.
    trusted.replace("ca.pem", "no certificate");
    eventually("the broken file is noticed", || {
        let corp = scene.info("warden_authenticator_corp");
        corp.contains("status=stale").then_some(())
    });
    log_in(&scene, "alice");
}

fn wardens_own_certificate_is_read_again_when_it_changes(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().demanding_certificates().start(&authority);
    let own = Directory::create(authority.directory().join("own"));
    let show = |by: &Authority| {
        let identity = by.client("warden");
        own.replace("own.pem", identity.certificate_pem());
        let key = std::fs::read(identity.key_file()).expect("a key");
        own.replace_secret("own.key", key);
    };
    show(&Authority::new("ca"));
    let file = by_bind(&slapd.tls_url())
        + &trusting(&authority)
        + &format!(
            "cache_seconds = 0\ntls_cert_path = '{}'\ntls_key_path = '{}'\n",
            own.file_text("own.pem"),
            own.file_text("own.key")
        );
    let scene = asking(line, &file);
    scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    show(&authority);
    eventually("the new certificate is shown", || {
        let mut client = scene.server.connect();
        client
            .auth("alice", &password_of("alice"))
            .is_ok()
            .then_some(())
    });
}

fn without_an_authority_those_of_the_system_count(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    for file in both_ways(&slapd) {
        let scene = Scene::builder(line)
            .server(|server| {
                // Where the system has them is told by its environment.
                server.environment("SSL_CERT_FILE", &authority.ca_file().display().to_string())
            })
            .authenticator_file(&file)
            .start();
        log_in(&scene, "alice");
        scene.expect_refused("alice", "wrong", "WRONGPASS");
    }
}
