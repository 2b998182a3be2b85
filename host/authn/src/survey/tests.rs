//! Providers of every kind, as they are found: on scripted servers, by a clock that stands.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use super::{Offset, Provider, Surveyed, Visit, Visited, survey};
use crate::ldap::Welcome;
use crate::testing::online::Online;
use crate::testing::web::{Answer, Web};
use crate::testing::{Directory, P256, jwks};

/// Seconds since 1970 of the tests' clock: `NOW`.
const DATE: &str = "Fri, 15 Jan 2027 08:00:00 GMT";
const LIMIT: Duration = Duration::from_secs(5);
const ENDPOINT: &str = "[endpoint]\nallow_loopback_http = true\nretries = 0\n";

/// A provider with its documents, at `DATE`.
fn provider() -> Web {
    let web = Web::start(|_| Answer::new(500, ""));
    let issuer = web.url("");
    web.answer(move |seen| {
        let document = match seen.path.as_str() {
            "/.well-known/openid-configuration" => json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/keys"),
                "introspection_endpoint": format!("{issuer}/introspect"),
                "userinfo_endpoint": format!("{issuer}/me"),
            })
            .to_string(),
            "/keys" => jwks(&[P256.jwk()]),
            _ => return Answer::new(404, ""),
        };
        Answer::ok(document).with("date", DATE)
    });
    web
}

fn jwt(issuer: &str, more: &str) -> String {
    format!("type = 'jwt'\nissuer = '{issuer}'\naudience = ['valkey']\n{more}{ENDPOINT}")
}

fn surveyed(directory: &Directory) -> Vec<Surveyed> {
    let online = Online::new();
    let path = directory.path("");
    online.wait(survey(&path, &online.services, LIMIT)).unwrap()
}

/// What came of the only file.
fn visit(file: &str) -> Visit {
    let directory = Directory::new();
    directory.write("10-corp.toml", file);
    let mut all = surveyed(&directory);
    assert_eq!(all.len(), 1);
    provider_of(all.remove(0)).expect("a good file").visit
}

/// Who was asked by HTTP; `None` of a file that nothing can be made of.
fn provider_of(surveyed: Surveyed) -> Option<Provider> {
    match surveyed.outcome.ok()? {
        Visited::Provider(provider) => Some(provider),
        Visited::Directory(directory) => panic!("{} is a directory", directory.id),
    }
}

#[test]
fn each_authenticator_that_depends_on_somebody_is_told_of() {
    let web = provider();
    let issuer = web.url("");
    let directory = Directory::minimal("", &[P256.jwk()]);
    directory.write("secret", "hunter2");
    directory.write("10-keys.toml", jwt(&issuer, "leeway_seconds = 7\n"));
    let url = format!("jwks_url = '{issuer}/keys'\n");
    directory.write("20-url.toml", jwt("corp", &url));
    let asked = |more: &str| {
        format!(
            "type = 'introspection'\nissuer = '{issuer}'\naudience = ['valkey']\nclient_id = 'x'\n\
             client_secret_file = 'secret'\n{more}{ENDPOINT}"
        )
    };
    directory.write("30-asked.toml", asked(""));
    let named = format!("introspection_url = '{issuer}/introspect'\n");
    directory.write("40-named.toml", asked(&named));
    directory.write(
        "50-me.toml",
        format!("type = 'userinfo'\nissuer = '{issuer}'\n{ENDPOINT}"),
    );
    directory.write("60-bad.toml", "type = 'carrier pigeon'\n");
    let host = issuer.strip_prefix("http://").unwrap();
    let told: Vec<_> = surveyed(&directory)
        .into_iter()
        .filter_map(provider_of)
        .map(|provider| {
            assert_eq!(provider.host, host);
            let leeway = provider.leeway.map(|leeway| leeway.as_secs());
            (provider.id.as_str().to_owned(), leeway, provider.visit)
        })
        .collect();
    let answered = || Visit::Answered(Some(Offset::Behind(Duration::ZERO)));
    let expected = [
        ("keys", Some(7), answered()),
        ("url", Some(30), answered()),
        ("asked", Some(30), answered()),
        ("named", Some(30), Visit::NotAsked),
        ("me", None, answered()),
    ]
    .map(|(id, leeway, visit)| (id.to_owned(), leeway, visit));
    assert_eq!(told, expected);
    let bad = surveyed(&directory).pop().unwrap();
    assert!(bad.file.ends_with("60-bad.toml"));
    assert!(bad.outcome.is_err());
    assert!(web.seen().iter().all(|seen| seen.method == "GET"));
    assert_eq!(web.requests("/introspect") + web.requests("/me"), 0);
}

#[test]
fn no_credential_is_sent_and_a_document_that_wants_one_is_not_missed() {
    let web = provider();
    let directory = Directory::new();
    directory.write("token", "hunter2");
    let file = jwt(&web.url(""), "") + "bearer_token_file = 'token'\n";
    directory.write("10-corp.toml", file);
    let visit = || provider_of(surveyed(&directory).remove(0)).unwrap().visit;
    let answered = Visit::Answered(Some(Offset::Behind(Duration::ZERO)));
    assert_eq!(visit(), answered);
    assert_eq!(web.requests("/keys"), 1);
    web.answer(|_| Answer::new(401, "").with("date", DATE));
    assert_eq!(visit(), answered);
    for seen in web.seen() {
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("cache-control"), Some("no-cache"));
    }
}

#[test]
fn a_clock_that_differs_is_seen() {
    let web = provider();
    let url = format!("jwks_url = '{}'\n", web.url("/keys"));
    for (date, offset) in [
        (
            "Fri, 15 Jan 2027 08:01:00 GMT",
            Offset::Ahead(Duration::from_secs(60)),
        ),
        (
            "Fri, 15 Jan 2027 07:59:00 GMT",
            Offset::Behind(Duration::from_secs(59)),
        ),
    ] {
        web.answer(move |_| Answer::ok(jwks(&[P256.jwk()])).with("date", date));
        assert_eq!(visit(&jwt("corp", &url)), Visit::Answered(Some(offset)));
    }
    web.answer(|_| Answer::ok(jwks(&[P256.jwk()])));
    assert_eq!(visit(&jwt("corp", &url)), Visit::Answered(None));
}

#[test]
fn what_is_not_the_document_is_told_with_its_host() {
    let web = provider();
    let host = web.url("").replace("http://", "");
    let expect = |answer: Answer, more: &str, words: &str| {
        web.answer(move |_| answer.clone());
        let Visit::Wrong(why) = visit(&jwt(&web.url(""), more)) else {
            panic!("{words}");
        };
        assert!(why.contains(&host) && why.contains(words), "{why}");
    };
    let keys = format!("jwks_url = '{}'\n", web.url("/keys"));
    expect(Answer::new(404, ""), "", "status 404");
    expect(Answer::new(401, ""), "", "status 401");
    expect(Answer::new(503, ""), "", "503");
    expect(Answer::ok("<html>"), "", "not strict JSON");
    let other = json!({ "issuer": "https://evil.test" }).to_string();
    expect(Answer::ok(other), "", "evil.test");
    expect(Answer::ok("{}"), &keys, "the key set");
    expect(Answer::new(404, ""), &keys, "status 404");
}

#[test]
fn nobody_is_waited_for_beyond_the_limit() {
    let web = provider();
    web.answer(|_| Answer::new(200, "").after(Duration::from_secs(20)));
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let directory = Directory::new();
    for number in 0..20 {
        let slow = jwt(&web.url(""), "") + "timeout_ms = 600000\n";
        directory.write(&format!("{number}-slow{number}.toml"), slow);
    }
    directory.write("99-gone.toml", jwt(&nobody, ""));
    let (online, path) = (Online::new(), directory.path(""));
    let looking = survey(&path, &online.services, Duration::from_millis(300));
    let bounded = async { tokio::time::timeout(Duration::from_secs(10), looking).await };
    let all = online.wait(bounded).expect("within the limit").unwrap();
    assert_eq!(all.len(), 21);
    for (one, words) in all.into_iter().zip(
        ["did not answer within 300 ms"; 20]
            .into_iter()
            .chain(["cannot be reached"]),
    ) {
        let provider = provider_of(one).unwrap();
        let Visit::Silent(why) = &provider.visit else {
            panic!("{:?}", provider.visit);
        };
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn servers_of_a_directory_are_visited_at_once_and_told_in_their_order() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = silent.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = free.local_addr().unwrap();
    drop(free);
    let directory = Directory::new();
    let file = format!(
        "type = 'ldap'\nservers = ['ldap://{slow}', 'ldap://{gone}', 'ldap://localhost:{}']\n",
        slow.port()
    );
    directory.write("10-corp.toml", file);
    let (online, path) = (Online::new(), directory.path(""));
    let looking = survey(&path, &online.services, Duration::from_millis(300));
    let mut all = online.wait(looking).unwrap();
    let Ok(Visited::Directory(found)) = all.remove(0).outcome else {
        panic!("no directory");
    };
    assert_eq!(found.id.as_str(), "corp");
    let expected = [
        (slow.to_string(), false, "did not answer within"),
        (gone.to_string(), false, "cannot be reached: "),
        (
            format!("localhost:{}", slow.port()),
            true,
            "did not answer within",
        ),
    ];
    assert_eq!(found.servers.len(), expected.len());
    for (server, (host, exposes_passwords, words)) in found.servers.into_iter().zip(expected) {
        assert_eq!(server.host, host);
        assert_eq!(server.exposes_passwords, exposes_passwords, "{host}");
        let Welcome::Silent(why) = server.welcome else {
            panic!("{:?}", server.welcome);
        };
        assert!(why.starts_with(&host) && why.contains(words), "{why}");
    }
}
