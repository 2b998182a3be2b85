//! What a sink trusts, what it shows, and what becomes of it when files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use warden_audit::settings::TcpSettings;
use warden_audit::{Sink, TcpSink};

use super::feed::{Feed, number, settings, unstopped};
use crate::authority::{Authority, Identity, Leaf};
use crate::servers::collector::{Collector, Manner};
use crate::servers::tls;

fn trusting(authority: &Authority, host: &str, collector: &Collector) -> TcpSettings {
    TcpSettings {
        tls: true,
        ca_file: Some(authority.ca_file()),
        ..settings(host, collector.address().port())
    }
}

fn showing(mut settings: TcpSettings, identity: &Identity) -> TcpSettings {
    settings.certificate_file = Some(identity.certificate_file().to_owned());
    settings.key_file = Some(identity.key_file().to_owned());
    settings
}

fn sink(settings: &TcpSettings) -> TcpSink {
    TcpSink::new(settings, unstopped()).unwrap()
}

fn demanding(authority: &Authority) -> Arc<ServerConfig> {
    tls::server_demanding(&authority.server(), authority.ca_der())
}

#[test]
fn lines_arrive_over_tls_under_an_address_and_under_a_name() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(tls::server(&authority.server()));
    let mut feed = Feed::default();
    for host in ["127.0.0.1", "localhost"] {
        let mut sink = sink(&trusting(&authority, host, &collector));
        let lines = feed.lines(5_000, 200);
        feed.deliver(&mut sink, &lines);
        sink.close().unwrap();
    }
    assert!(feed.has_all(&collector.lines()));
    assert_eq!(collector.lines().len(), 10_000, "none twice");
    assert_eq!(feed.errors, [""; 0]);
}

#[test]
fn nobody_but_the_host_is_trusted_and_what_is_wrong_is_said() {
    let authority = Authority::new("corp");
    let other = Authority::new("other");
    let elsewhere = authority.issue(&Leaf::server_elsewhere("elsewhere.example.com"));
    for (identity, words) in [
        (other.server(), "UnknownIssuer"),
        (elsewhere, "elsewhere.example.com"),
        (authority.issue(&Leaf::server().expired()), "expired"),
        (authority.issue(&Leaf::client("x")), "certificate"),
    ] {
        let collector = Collector::start_tls(tls::server(&identity));
        let mut sink = sink(&trusting(&authority, "127.0.0.1", &collector));
        let lines = Feed::default().lines(1, 50);
        let refused = sink.write(&lines.0, &lines.1).unwrap_err();
        let why = refused.why.to_string();
        let port = collector.address().port();
        let place = format!("\"127.0.0.1\", port {port}: TLS: ");
        assert!(why.starts_with(&place) && why.contains(words), "{why}");
        assert_eq!(refused.taken, 0);
        let connections = collector.ended(1);
        assert!(connections.iter().all(|one| one.bytes.is_empty()));
    }
}

#[test]
fn a_certificate_that_is_demanded_is_shown_and_a_missing_one_is_named() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(demanding(&authority));
    let bare = trusting(&authority, "127.0.0.1", &collector);
    let mut feed = Feed::default();
    let mut shy = sink(&bare);
    feed.tend_until(&mut shy, "a refusal", || {
        collector.connections().iter().any(|one| one.is_over)
    });
    feed.tend_until(&mut shy, "the sink heard", || true);
    let mut told = feed.errors.clone();
    crate::patience::eventually("the refusal in words", || {
        told.extend(shy.tend().err().map(|error| error.to_string()));
        told.iter()
            .any(|error| error.contains("CertificateRequired"))
            .then_some(())
    });
    let known = authority.client("valkey");
    let mut sink = sink(&showing(bare, &known));
    let lines = feed.lines(100, 50);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn a_stranger_s_certificate_is_refused_and_lines_wait_for_a_better_one() {
    let authority = Authority::new("corp");
    let others = Authority::new("other");
    let collector = Collector::start_tls(demanding(&authority));
    let stranger = others.client("valkey");
    let mut sink = sink(&showing(
        trusting(&authority, "127.0.0.1", &collector),
        &stranger,
    ));
    let mut feed = Feed::default();
    let lines = feed.lines(100, 50);
    // With TLS 1.3 the refusal comes after the sink believes to be connected.
    feed.deliver(&mut sink, &lines);
    crate::patience::eventually("the refusal in words", || {
        feed.errors
            .extend(sink.tend().err().map(|error| error.to_string()));
        feed.was_told("received fatal alert").then_some(())
    });
    assert!(collector.lines().is_empty());
    authority
        .client("valkey")
        .write(stranger.certificate_file(), stranger.key_file());
    feed.tend_until(&mut sink, "all lines", || {
        collector.lines().iter().any(|line| number(line) == 100)
    });
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn changed_files_make_a_new_connection_and_nothing_is_sent_twice() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(demanding(&authority));
    let identity = authority.client("first");
    let settings = showing(trusting(&authority, "127.0.0.1", &collector), &identity);
    let mut sink = sink(&settings);
    let mut feed = Feed::default();
    let lines = feed.lines(100, 50);
    feed.deliver(&mut sink, &lines);
    authority
        .client("second")
        .write(identity.certificate_file(), identity.key_file());
    feed.tend_until(&mut sink, "a new connection", || {
        collector.connections().len() == 2
    });
    let lines = feed.lines(100, 50);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    let connections = collector.ended(2);
    assert!(connections.iter().all(|one| one.was_closed_by_client));
    assert_eq!(collector.lines().len(), 200, "none twice");
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn files_that_change_while_the_collector_is_slow_are_not_forgotten() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(demanding(&authority));
    collector.behave_next([Manner::Slowly(100_000)]);
    let identity = authority.client("first");
    let mut settings = showing(trusting(&authority, "127.0.0.1", &collector), &identity);
    settings.retry.timeout = Duration::from_secs(1);
    let mut sink = sink(&settings);
    let mut feed = Feed::default();
    // More than goes within two such times, buffers of both sides and all.
    let lines = feed.lines(1, 6 << 20);
    feed.deliver(&mut sink, &lines);
    assert!(feed.was_told("more slowly"), "{:?}", feed.errors);
    authority
        .client("second")
        .write(identity.certificate_file(), identity.key_file());
    let slow = sink.tend().unwrap_err().to_string();
    assert!(slow.contains("more slowly"), "{slow}");
    feed.tend_until(&mut sink, "a new connection", || {
        collector.connections().len() == 2
    });
    let lines = feed.lines(1, 50);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn while_a_changed_file_is_no_good_the_last_good_one_counts_and_the_fault_is_said() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(tls::server(&authority.server()));
    let directory = tempfile::tempdir().unwrap();
    let ca_file: PathBuf = directory.path().join("ca.pem");
    fs::write(&ca_file, authority.ca_pem()).unwrap();
    let mut settings = trusting(&authority, "127.0.0.1", &collector);
    settings.ca_file = Some(ca_file.clone());
    let mut sink = sink(&settings);
    let mut feed = Feed::default();
    let lines = feed.lines(10, 50);
    feed.deliver(&mut sink, &lines);
    fs::write(&ca_file, "half a certif").unwrap();
    let why = crate::patience::eventually("the fault is seen", || {
        sink.tend().unwrap();
        sink.trouble().map(str::to_owned)
    });
    assert!(why.contains("ca_file") && why.contains("ca.pem"), "{why}");
    let lines = feed.lines(10, 50);
    feed.deliver(&mut sink, &lines);
    fs::write(&ca_file, Authority::new("other").ca_pem()).unwrap();
    let why = crate::patience::eventually("the new authority counts", || sink.tend().err());
    let why = why.to_string();
    assert!(why.contains("UnknownIssuer"), "{why}");
    fs::write(&ca_file, authority.ca_pem()).unwrap();
    let lines = feed.lines(10, 50);
    feed.deliver(&mut sink, &lines);
    sink.close().unwrap();
    assert_eq!(collector.lines().len(), 30, "none twice");
    assert!(feed.has_all(&collector.lines()));
}

#[test]
fn files_that_were_never_good_connect_to_nobody() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(tls::server(&authority.server()));
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.pem");
    let identity = authority.client("a");
    let wrong_key = authority.client("b");
    let good = showing(trusting(&authority, "127.0.0.1", &collector), &identity);
    let with = |change: &dyn Fn(&mut TcpSettings, &Path)| {
        let mut settings = good.clone();
        change(&mut settings, &missing);
        sink(&settings).tend().unwrap_err().to_string()
    };
    let why = with(&|settings, path| settings.ca_file = Some(path.to_owned()));
    assert!(
        why.contains(": ca_file \"") && why.contains("missing.pem"),
        "{why}"
    );
    let why = with(&|settings, path| settings.key_file = Some(path.to_owned()));
    assert!(why.contains(": key_file \""), "{why}");
    let why = with(&|settings, _| settings.key_file = Some(wrong_key.key_file().to_owned()));
    assert!(
        why.contains("is not the certificate of the key of key_file"),
        "{why}"
    );
    assert!(!why.contains("tls_"), "{why}");
    assert!(collector.connections().is_empty());
    let mut settings = good.clone();
    settings.host = "no name".to_owned();
    let why = TcpSink::new(&settings, unstopped())
        .err()
        .unwrap()
        .to_string();
    assert!(
        why.contains("is no name that a certificate can be for"),
        "{why}"
    );
}

#[test]
fn a_handshake_that_stalls_ends_at_the_time_out() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(tls::server(&authority.server()));
    collector.behave(Manner::Stall);
    let mut settings = trusting(&authority, "127.0.0.1", &collector);
    settings.retry.timeout = Duration::from_millis(300);
    let mut feed = Feed::default();
    let mut sink = sink(&settings);
    feed.tend_until(&mut sink, "one try", || true);
    assert!(
        feed.was_told("the TLS handshake took too long"),
        "{:?}",
        feed.errors
    );
    assert!(feed.longest < Duration::from_secs(1));
}

#[test]
fn after_resets_in_mid_line_every_line_arrived_over_tls_too() {
    let authority = Authority::new("corp");
    let collector = Collector::start_tls(tls::server(&authority.server()));
    let mut sink = sink(&trusting(&authority, "127.0.0.1", &collector));
    let mut feed = Feed::default();
    for bytes in [1, 5_033, 70_001] {
        collector.behave(Manner::ResetLater(bytes, Duration::from_millis(100)));
        let before = collector.connections().len();
        let lines = feed.lines(1000, 200);
        feed.deliver(&mut sink, &lines);
        feed.tend_until(&mut sink, "a reset", || {
            let now = collector.connections();
            now.iter().skip(before).any(|one| one.is_over)
        });
    }
    collector.behave(Manner::Read);
    feed.tend_until(&mut sink, "all lines", || {
        collector.lines().iter().any(|line| number(line) == 3000)
    });
    sink.close().unwrap();
    assert!(feed.has_all(&collector.lines()));
}
