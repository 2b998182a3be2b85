//! The hostile provider: that it does each thing it is told, to a client that looks closely.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Handshake, Hostile};
use warden_tests::https::Https;
use warden_tests::server::PATIENCE;
use warden_tests::{Authority, Leaf, eventually};

const MOMENT: Duration = Duration::from_millis(50);

/// Short, but long enough for a request to arrive on a busy machine.
const HASTE: Duration = Duration::from_secs(2);

fn stage() -> (Authority, Hostile, Https) {
    let authority = Authority::new("corp");
    let hostile = Hostile::start(&authority);
    let https = Https::trusting(&authority);
    (authority, hostile, https)
}

#[test]
fn it_answers_what_the_script_says_and_records_who_asked() {
    let (_authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    hostile.answer(
        "/jwks",
        Answer::json(json!({ "keys": [] })).header("ETag", "\"1\""),
    );
    let first = https.get(&url, &[]);
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.json(), json!({ "keys": [] }));
    let etag = first.header("etag").expect("an ETag");
    https.get(&format!("{url}?x=1"), &[("If-None-Match", etag)]);

    let requests = hostile.requests("/jwks");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("if-none-match"), None);
    assert_eq!(requests[1].header("if-none-match"), Some("\"1\""));
    assert_eq!(requests[1].query, "x=1");

    assert_eq!(https.get(&hostile.url("/other"), &[]).status, 404);
    https.post(&hostile.url("/introspect"), &[], &[("token", "a b")]);
    let asked = &hostile.requests("/introspect")[0];
    assert_eq!(
        (asked.method.as_str(), asked.text().as_str()),
        ("POST", "token=a%20b")
    );
}

#[test]
fn answers_can_follow_one_another_or_depend_on_the_request() {
    let (_authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    hostile.answer_in_turn("/jwks", [Answer::status(503), Answer::html()]);
    let statuses = [(); 3].map(|()| https.get(&url, &[]).status);
    assert_eq!(statuses, [503, 200, 200]);

    hostile.answer_by("/introspect", |request| {
        Answer::json(json!({ "active": request.text() == "token=good" }))
    });
    let active = |token| {
        let answer = https.post(&hostile.url("/introspect"), &[], &[("token", token)]);
        answer.json()["active"].clone()
    };
    assert_eq!(active("good"), true);
    assert_eq!(active("bad"), false);
}

#[test]
fn it_redirects_and_lies_about_its_content() {
    let (_authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    hostile.answer("/jwks", Answer::redirect("https://127.0.0.1:1/elsewhere"));
    let answer = https.get(&url, &[]);
    assert_eq!(answer.status, 302);
    assert_eq!(
        answer.header("location"),
        Some("https://127.0.0.1:1/elsewhere")
    );
    hostile.answer(
        "/jwks",
        Answer::html().content_type(Some("application/json")),
    );
    let answer = https.get(&url, &[]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.text().starts_with("<!DOCTYPE html>"));
    hostile.answer(
        "/jwks",
        Answer::json("{}").content_type(None).with_status(500),
    );
    let answer = https.get(&url, &[]);
    assert_eq!((answer.status, answer.header("content-type")), (500, None));
    hostile.answer("/jwks", Answer::raw("no HTTP at all"));
    let error = https.try_get(&url, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn it_can_be_late_or_silent() {
    let (authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    hostile.answer("/jwks", Answer::json("{}").delayed(4 * MOMENT));
    let start = Instant::now();
    https.get(&url, &[]);
    assert!(start.elapsed() >= 4 * MOMENT);

    hostile.answer("/jwks", Answer::never());
    let hasty = Https::trusting(&authority).waiting(HASTE);
    let error = hasty.try_get(&url, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(hostile.requests("/jwks").len(), 2);
    eventually("it sees that the client left", || {
        (hostile.open_connections() == 0).then_some(())
    });
}

#[test]
fn it_can_drip() {
    let (_authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    for answer in [
        Answer::json("0123456789"),
        Answer::json("0123456789").chunked(),
    ] {
        hostile.answer("/jwks", answer.dripping(MOMENT));
        let start = Instant::now();
        let answer = https.get(&url, &[]);
        assert!(start.elapsed() >= 9 * MOMENT);
        assert!(answer.text().contains('9'));
    }
    let drip = Answer::json("{}").dripping_from_the_start(Duration::from_millis(5));
    hostile.answer("/jwks", drip);
    let start = Instant::now();
    https.get(&url, &[]);
    assert!(start.elapsed() >= Duration::from_millis(250));
}

#[test]
fn it_can_send_without_end() {
    let (authority, hostile, _https) = stage();
    for answer in [Answer::json("[1,"), Answer::json("[1,").without_length()] {
        hostile.answer("/jwks", answer.endless());
        let mut stream = raw_request(&authority, &hostile, "/jwks");
        let mut received = vec![0; 5_000_000];
        stream.read_exact(&mut received).expect("it goes on");
        drop(stream);
        eventually("it sees that the client left", || {
            (hostile.open_connections() == 0).then_some(())
        });
    }
}

#[test]
fn it_can_break_off_and_claim_a_wrong_length() {
    let (_authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    hostile.answer("/jwks", Answer::json("{\"keys\": []}").truncated(5));
    let answer = https.get(&url, &[]);
    assert_eq!(answer.header("content-length"), Some("12"));
    assert_eq!(answer.text(), "{\"key");
    hostile.answer("/jwks", Answer::json("{}").claiming_length(1_000_000));
    let answer = https.get(&url, &[]);
    assert_eq!(answer.header("content-length"), Some("1000000"));
    assert_eq!(answer.text(), "{}");
}

#[test]
fn it_can_spoil_the_handshake() {
    let (authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    for handshake in [Handshake::HangUp, Handshake::Nonsense] {
        hostile.handshake(handshake);
        https.try_get(&url, &[]).unwrap_err();
    }
    hostile.handshake(Handshake::Silence);
    let hasty = Https::trusting(&authority).waiting(MOMENT);
    let error = hasty.try_get(&url, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(hostile.connections(), 3);
    assert!(hostile.requests("/jwks").is_empty());
    hostile.handshake(Handshake::Complete);
    assert_eq!(https.get(&url, &[]).status, 404);
}

#[test]
fn it_can_show_a_wrong_certificate() {
    let (authority, hostile, https) = stage();
    let url = hostile.url("/jwks");
    let stranger = Authority::new("corp");
    for (identity, complaint) in [
        (authority.issue(&Leaf::server().expired()), "Expired"),
        (
            authority.issue(&Leaf::server_elsewhere("idp.example.com")),
            "NotValidForName",
        ),
        (stranger.server(), "BadSignature"),
        (authority.self_signed(&Leaf::server()), "UnknownIssuer"),
        (authority.client("localhost"), "InvalidPurpose"),
    ] {
        hostile.show(&identity);
        let error = https.try_get(&url, &[]).unwrap_err();
        let said = format!("{error:?}");
        assert!(said.contains("InvalidCertificate"), "{said}");
        assert!(said.contains(complaint), "{said}");
    }
    hostile.show(&authority.server());
    assert_eq!(https.get(&url, &[]).status, 404);
}

#[test]
fn it_can_speak_plain_http() {
    let hostile = Hostile::start_plain();
    assert!(hostile.issuer().starts_with("http://127.0.0.1:"));
    hostile.answer("/jwks", Answer::json(hostile.discovery()));
    let mut stream = TcpStream::connect(hostile.address()).unwrap();
    stream.write_all(b"GET /jwks HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert!(text.contains(&hostile.url("/introspect")), "{text}");
}

#[test]
fn it_ends_with_its_value_whatever_it_was_doing() {
    let (authority, hostile, _https) = stage();
    hostile.answer("/never", Answer::never());
    hostile.answer("/drip", Answer::json("{}").dripping(PATIENCE));
    hostile.answer("/late", Answer::json("{}").delayed(PATIENCE));
    let streams = ["/never", "/drip", "/late"].map(|path| raw_request(&authority, &hostile, path));
    eventually("all are being served", || {
        let served = ["/never", "/drip", "/late"].map(|path| hostile.requests(path).len());
        (served == [1, 1, 1]).then_some(())
    });
    let start = Instant::now();
    drop(hostile);
    for mut stream in streams {
        let _rest = stream.read_to_end(&mut Vec::new());
    }
    assert!(start.elapsed() < PATIENCE / 2);
}

/// A TLS stream on which this path was asked for.
fn raw_request(authority: &Authority, hostile: &Hostile, path: &str) -> impl Read + use<> {
    let mut stream = Https::trusting(authority)
        .connect(hostile.address())
        .expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("a request");
    stream.flush().expect("a request");
    stream
}
