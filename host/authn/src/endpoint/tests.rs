//! What calls are made, what answers are taken, and how each failure is told.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use reqwest::Url;
use tempfile::TempDir;
use warden_core::Clock;
use warden_core::clock::SystemClock;
use warden_settings::Section;

use super::*;
use crate::directory::Built;
use crate::testing::online::Online;
use crate::testing::web::{Answer, Web};

const LOOPBACK: &str = "allow_loopback_http = true\n";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn faults(table: &str, address: &str) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let mut file = Section::parse(format!("[endpoint]\n{table}").as_bytes()).unwrap();
    read(
        &mut file,
        &mut Built::default(),
        directory.path(),
        &[url(address)],
    );
    let faults = file.finish().into_iter();
    faults
        .map(|fault| fault.in_file(std::path::Path::new("f")).to_string())
        .collect()
}

fn endpoint(online: &Online, table: &str, address: &str) -> Endpoint {
    let directory = TempDir::new().unwrap();
    let mut file = Section::parse(format!("[endpoint]\n{table}").as_bytes()).unwrap();
    let draft = read(
        &mut file,
        &mut Built::default(),
        directory.path(),
        &[url(address)],
    );
    assert_eq!(file.finish(), []);
    let (settings, client) = draft.parts.unwrap();
    Endpoint::new(settings, client, online.services.clone())
}

/// What a call to a server that answers so comes to.
fn call(
    table: &str,
    script: impl Fn(&crate::testing::web::Seen) -> Answer + Send + 'static,
) -> (Result<Response, CallError>, usize) {
    let online = Online::new();
    let web = Web::start(script);
    let address = web.url("/x");
    let endpoint = endpoint(&online, &format!("{LOOPBACK}{table}"), &address);
    let answer = online.wait(endpoint.call(Request::get(url(&address))));
    (answer, web.requests("/x"))
}

#[test]
fn every_bad_value_of_the_table_is_named_with_its_key() {
    for (line, key) in [
        ("connect_timeout_ms = 9", "connect_timeout_ms"),
        ("timeout_ms = 600001", "timeout_ms"),
        ("max_response_bytes = 1023", "max_response_bytes"),
        ("retries = 6", "retries"),
        ("retries = -1", "retries"),
        ("max_in_flight = 0", "max_in_flight"),
        ("allowed_hosts = ['https://x']", "allowed_hosts"),
        ("allowed_hosts = ['x/y']", "allowed_hosts"),
        ("allowed_hosts = ['u@x']", "allowed_hosts"),
        ("ca_file = 'none'", "ca_file"),
        (
            "client_certificate_file = 'none'",
            "client_certificate_file",
        ),
        ("bearer_token_file = 'none'", "bearer_token_file"),
        ("proxy = 'x'", "endpoint.proxy: is not a known key"),
        ("allow_loopback_http = 'yes'", "allow_loopback_http"),
    ] {
        let all = faults(line, "https://idp.test/");
        assert!(!all.is_empty(), "{line}");
        assert!(all.iter().all(|fault| fault.contains(key)), "{all:?}");
    }
}

#[test]
fn only_https_is_called_and_http_of_this_machine_when_asked_for() {
    for bad in [
        "http://idp.test/",
        "http://localhost/",
        "http://127.0.0.1.idp.test/",
        "http://10.0.0.1/",
        "http://[::2]/",
    ] {
        assert_eq!(faults(LOOPBACK, bad).len(), 1, "{bad}");
    }
    for loopback in ["http://127.0.0.1:1/", "http://127.9.9.9/", "http://[::1]/"] {
        assert_eq!(faults("", loopback).len(), 1, "{loopback}");
        assert!(faults(LOOPBACK, loopback).is_empty(), "{loopback}");
    }
}

#[test]
fn an_address_holds_no_user_and_no_other_scheme() {
    for bad in [
        "https://u@x/",
        "https://u:p@x/",
        "https://x/#f",
        "file:///x",
        "ftp://x/",
        "x",
        "",
    ] {
        assert!(parse(bad).is_none(), "{bad}");
    }
    assert!(parse("https://x/y?z").is_some());
}

#[test]
fn a_call_goes_to_the_files_own_hosts_and_those_allowed() {
    let online = Online::new();
    let table = "allowed_hosts = ['keys.test', 'other.test:8443', '[::1]:1', '::2']";
    let endpoint = endpoint(&online, table, "https://idp.test/");
    for good in [
        "https://idp.test/other",
        "https://keys.test/",
        "https://KEYS.test:443/",
        "https://other.test:8443/",
        "https://[::1]:1/",
        "https://[::2]/",
    ] {
        assert_eq!(endpoint.check(&url(good)), Ok(()), "{good}");
    }
    for bad in [
        "https://idp.test:8443/",
        "https://sub.keys.test/",
        "https://other.test/",
        "http://keys.test/",
        "http://keys.test:443/",
        "http://other.test:8443/",
        "http://[::1]:1/",
        "https://169.254.169.254/",
    ] {
        assert!(endpoint.check(&url(bad)).is_err(), "{bad}");
        let answer = online.wait(endpoint.call(Request::get(url(bad))));
        assert!(matches!(answer, Err(CallError::NotAllowed(_))), "{bad}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (answer, requests) = call("", move |_| Answer::new(status, "").with("location", "/y"));
        assert!(matches!(answer, Err(CallError::Status(..))), "{status}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn an_answer_over_its_bound_is_refused_whole() {
    let (answer, _) = call("max_response_bytes = 1024", |_| Answer::ok([b'x'; 1024]));
    assert_eq!(answer.unwrap().body.len(), 1024);
    let (answer, _) = call("max_response_bytes = 1024\nretries = 0", |_| {
        Answer::ok([b'x'; 1025])
    });
    assert!(
        answer
            .unwrap_err()
            .to_string()
            .contains("larger than 1024 bytes")
    );
    let (answer, _) = call("retries = 0", |_| Answer {
        missing: 5,
        ..Answer::ok("x")
    });
    assert!(matches!(answer, Err(CallError::Unreadable(..))));
}

#[test]
fn a_slow_answer_ends_with_the_time_limit_repetitions_included() {
    let (answer, _) = call("timeout_ms = 100\nretries = 5", |_| {
        Answer::ok("").after(Duration::from_secs(2))
    });
    assert!(
        matches!(answer, Err(CallError::TooSlow(_, 100))),
        "{answer:?}"
    );
}

#[test]
fn what_may_pass_is_tried_again_so_many_times_and_a_refusal_is_not() {
    let (answer, requests) = call("retries = 2", |_| Answer::new(503, ""));
    assert!(matches!(answer, Err(CallError::Status(..))));
    assert_eq!(requests, 3);
    let (answer, requests) = call("retries = 2", |_| Answer::new(401, "no"));
    assert_eq!(answer.unwrap().body, b"no");
    assert_eq!(requests, 1);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_path() {
    let online = Online::new();
    let address = "http://127.0.0.1:1/secret?token=abc";
    let endpoint = endpoint(&online, LOOPBACK, address);
    let error = online
        .wait(endpoint.call(Request::get(url(address))))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1:1") && !text.contains("secret") && !text.contains("abc"),
        "{text}"
    );
}

#[test]
fn no_more_calls_are_under_way_than_configured() {
    let online = Online::new();
    let web = Web::start(|_| Answer::ok("").after(Duration::from_millis(200)));
    let address = web.url("/x");
    let endpoint = endpoint(&online, &format!("{LOOPBACK}max_in_flight = 2"), &address);
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (endpoint, request) = (endpoint.clone(), Request::get(url(&address)));
            online
                .runtime
                .spawn(async move { endpoint.call(request).await })
        })
        .collect();
    crate::testing::pause(Duration::from_millis(100));
    assert_eq!(web.requests("/x"), 2);
    for call in calls {
        assert!(online.wait(call).unwrap().is_ok());
    }
    assert_eq!(web.requests("/x"), 4);
}

#[test]
fn of_those_who_wait_for_somebody_silent_few_call() {
    const EVERY: Duration = Duration::from_millis(20);
    let online = Online::new();
    let is_silent = Arc::new(AtomicBool::new(true));
    let silent = Arc::clone(&is_silent);
    let web = Web::start(move |_| {
        let seconds = if silent.load(Ordering::Relaxed) {
            60
        } else {
            0
        };
        Answer::ok("").after(Duration::from_secs(seconds))
    });
    let address = web.url("/x");
    let table = format!("{LOOPBACK}max_in_flight = 1\ntimeout_ms = 500\nretries = 0");
    let endpoint = endpoint(&online, &table, &address);
    let call = || {
        let (endpoint, request) = (endpoint.clone(), Request::get(url(&address)));
        let call = async move { endpoint.call(request).await };
        let call = online.runtime.spawn(call);
        online.wait(sleep(EVERY));
        call
    };
    let began = SystemClock.monotonic();
    let silence: Vec<_> = (0..100).map(|_| call()).collect();
    let took = SystemClock.monotonic() - began;
    // One after the other, nearly as long as a call may take. First come, first served, each of some seventy would have
    // called as its time was over.
    let (calls, most) = (web.requests("/x"), took.as_millis() / 250 + 2);
    assert!(calls as u128 <= most, "{calls} of {most}");
    is_silent.store(false, Ordering::Relaxed);
    for call in silence {
        let _answered_or_not = online.wait(call).unwrap();
    }
    assert!(online.wait(call()).unwrap().is_ok());
}

#[test]
fn a_call_that_waits_for_its_place_takes_little_memory() {
    let online = Online::new();
    let address = "https://idp.example.com/x";
    let endpoint = endpoint(&online, "", address);
    let call = endpoint
        .0
        .bounded(Request::get(url(address)), Turn::default());
    let bytes = size_of_val(&call);
    assert!(bytes <= 1536, "{bytes}");
}

#[test]
fn a_call_without_a_place_blames_nobody_and_a_low_one_lets_others_go_first() {
    let online = Online::new();
    // The first is answered in time, and no other.
    let asked = AtomicUsize::new(0);
    let web = Web::start(move |_| {
        let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        Answer::ok("").after(Duration::from_millis(if is_first { 400 } else { 3000 }))
    });
    let address = web.url("/x");
    let table = format!("{LOOPBACK}max_in_flight = 1\ntimeout_ms = 900");
    let endpoint = endpoint(&online, &table, &address);
    let call = |priority| {
        let (endpoint, request) = (endpoint.clone(), Request::get(url(&address)));
        let turn = Turn {
            priority,
            ..Turn::default()
        };
        let call = async move { endpoint.call_in_turn(request, turn).await };
        let call = online.runtime.spawn(call);
        online.wait(sleep(Duration::from_millis(150)));
        call
    };
    let first = call(Priority::Normal);
    let low = call(Priority::Low);
    let normal = call(Priority::Normal);
    assert!(online.wait(first).unwrap().is_ok());
    let waited = online.wait(low).unwrap();
    assert!(matches!(waited, Err(CallError::Busy(_))), "{waited:?}");
    assert_eq!(endpoint.trouble(), None);
    let slow = online.wait(normal).unwrap();
    assert!(matches!(slow, Err(CallError::TooSlow(..))), "{slow:?}");
    assert!(endpoint.trouble().is_some());
}

#[test]
fn without_a_network_nothing_is_called() {
    let online = Online::new();
    let mut file = Section::parse(b"").unwrap();
    let draft = read(
        &mut file,
        &mut Built::default(),
        std::path::Path::new("."),
        &[url("https://idp.test/")],
    );
    let (settings, client) = draft.parts.unwrap();
    let endpoint = Endpoint::new(settings, client, Services::offline());
    let answer = online.wait(endpoint.call(Request::get(url("https://idp.test/"))));
    assert_eq!(answer.unwrap_err(), CallError::Stopped);
}
