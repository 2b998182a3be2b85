//! What the cache remembers, and for how long.

use serde_json::json;
use warden_core::ReasonKind;

use super::*;
use crate::testing::asked::Asked;
use crate::testing::web::Answer;
use crate::testing::{Directory, NOW, P256, at, claims, presented};

fn cache() -> Cache {
    Cache::new(CacheSettings::default()).unwrap()
}

fn outcome(exp: u64) -> Outcome {
    let chain = Directory::minimal("leeway_seconds = 0", &[P256.jwk()]).chain();
    let token = P256.token("ES256", &claims(json!({ "exp": exp })));
    chain.authenticate_alone(&presented("token", token), &at(NOW))
}

fn later(wall: u64, monotonic: u64) -> Now {
    let mut now = at(NOW + wall);
    now.monotonic += Duration::from_secs(monotonic);
    now
}

fn refusal() -> Outcome {
    Outcome::Refused(Reason::new(ReasonKind::Credential, "no"))
}

#[test]
fn no_entry_outlives_the_token_on_either_clock() {
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    cache.put(key, &outcome(NOW + 60), at(NOW));
    assert!(cache.get(&key, later(59, 59)).is_some());
    assert!(cache.get(&key, later(60, 0)).is_none(), "wall clock");
    cache.put(key, &outcome(NOW + 60), at(NOW));
    assert!(
        cache.get(&key, later(0, 60)).is_none(),
        "monotonic clock, the wall clock set back"
    );
}

#[test]
fn no_entry_outlives_what_the_issuer_said_of_its_token() {
    let asked = Asked::new(
        "type = 'introspection'\nintrospection_url = '{url}/i'\nclient_id = 'c'\n\
         client_secret_file = 'secret'\naudience = ['valkey']\nleeway_seconds = 0\ncache_seconds = 30\n",
    );
    asked.directory.write("secret", "s");
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    for (exp, seconds) in [(NOW + 7, 7), (NOW + 7000, 30)] {
        let answer = json!({ "active": true, "sub": "alice", "aud": "valkey", "exp": exp });
        asked.says(Answer::ok(answer.to_string()));
        cache.put(key, &asked.ask("token", "x"), at(NOW));
        assert!(cache.get(&key, later(seconds - 1, seconds - 1)).is_some());
        assert!(cache.get(&key, later(0, seconds)).is_none(), "{seconds}");
        assert!(cache.get(&key, later(seconds, seconds)).is_none());
    }
}

#[test]
fn no_entry_outlives_the_configured_time() {
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    cache.put(key, &outcome(NOW + 6000), at(NOW));
    assert!(matches!(
        cache.get(&key, later(299, 299)),
        Some(Cached::Verified(_))
    ));
    assert!(cache.get(&key, later(300, 300)).is_none());
    cache.put(key, &refusal(), at(NOW));
    assert!(matches!(
        cache.get(&key, later(4, 4)),
        Some(Cached::Refused(_))
    ));
    assert!(cache.get(&key, later(5, 5)).is_none());
}

#[test]
fn a_key_tells_generation_name_and_secret_apart() {
    let cache = cache();
    let keys = [
        cache.key(1, b"a", b"bc", b""),
        cache.key(2, b"a", b"bc", b""),
        cache.key(1, b"ab", b"c", b""),
        cache.key(1, b"", b"abc", b""),
        cache.key(1, b"default", b"abc", b""),
        cache.key(1, b"token", b"abc", b""),
        Cache::new(CacheSettings::default())
            .unwrap()
            .key(1, b"a", b"bc", b""),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{index}");
    }
    assert_eq!(keys[0], cache.key(1, b"a", b"bc", b""));
}

/// It is a digest, and one that nobody outside this process can make: not even the
/// same name and secret give the same key twice.
#[test]
fn a_key_holds_nothing_of_the_credential() {
    let secret = "canary-0123456789abcdef0123456789";
    let key = |cache: &Cache| cache.key(1, b"alice", secret.as_bytes(), b"");
    let (one, other) = (key(&cache()), key(&cache()));
    assert_ne!(one, other, "the digest is keyed");
    for part in secret.as_bytes().windows(4).chain([&b"alic"[..]]) {
        let CacheKey(bytes) = one;
        assert!(!bytes.windows(4).any(|window| window == part));
    }
    let shown = format!("{one:?}");
    assert!(!shown.contains("canary") && !shown.contains("alice"));
}

#[test]
fn what_has_ended_is_swept_out_now_and_then() {
    let cache = cache();
    let keys: Vec<_> = (0..100)
        .map(|n| cache.key(n, b"token", b"x", b""))
        .collect();
    for key in &keys {
        cache.put(*key, &refusal(), at(NOW));
    }
    assert_eq!(cache.len(), 100);
    assert!(cache.is_sweep_due(at(NOW)));
    assert!(!cache.is_sweep_due(later(4, 4)), "so soon");
    cache.sweep(later(4, 4));
    assert_eq!(cache.len(), 100, "nothing has ended yet");
    cache.put(keys[0], &refusal(), later(4, 4));
    assert!(cache.is_sweep_due(later(20, 20)));
    cache.sweep(later(8, 8));
    assert_eq!(cache.len(), 1);
}

/// The main thread must not wait for a worker, least of all for one that has to wait
/// for a processor.
#[test]
fn a_glance_waits_for_nobody() {
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    cache.put(key, &refusal(), at(NOW));
    assert!(matches!(
        cache.glance(&key, at(NOW)),
        Some(Cached::Refused(_))
    ));
    assert!(cache.glance(&key, later(5, 5)).is_none());
    let (inside, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let cache = &cache;
        scope.spawn(move || {
            cache.refused.retain(|_, _| {
                inside.send(()).unwrap();
                left.recv().is_ok()
            });
        });
        entered.recv().unwrap();
        assert!(cache.glance(&key, at(NOW)).is_none());
        leave.send(()).unwrap();
    });
    assert!(cache.glance(&key, at(NOW)).is_some());
}

#[test]
fn what_is_undecided_or_nobodys_is_not_remembered() {
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    cache.put(key, &Outcome::NotMine, at(NOW));
    cache.put(
        key,
        &Outcome::Unavailable(Reason::new(ReasonKind::Unavailable, "")),
        at(NOW),
    );
    assert!(cache.get(&key, at(NOW)).is_none());
}

#[test]
fn a_refusal_replaces_an_earlier_yes() {
    let cache = cache();
    let key = cache.key(1, b"token", b"x", b"");
    cache.put(key, &outcome(NOW + 60), at(NOW));
    cache.put(key, &refusal(), at(NOW));
    assert!(matches!(cache.get(&key, at(NOW)), Some(Cached::Refused(_))));
}

#[test]
fn zero_entries_or_seconds_remember_nothing() {
    for settings in [
        CacheSettings {
            entries: 0,
            ..CacheSettings::default()
        },
        CacheSettings {
            ttl: Duration::ZERO,
            rejection_ttl: Duration::ZERO,
            ..CacheSettings::default()
        },
    ] {
        let cache = Cache::new(settings).unwrap();
        let key = cache.key(1, b"token", b"x", b"");
        cache.put(key, &outcome(NOW + 60), at(NOW));
        assert!(cache.get(&key, at(NOW)).is_none());
        cache.put(key, &refusal(), at(NOW));
        assert!(cache.get(&key, at(NOW)).is_none());
    }
}

#[test]
fn the_size_is_bounded() {
    let cache = Cache::new(CacheSettings {
        entries: 10,
        ..CacheSettings::default()
    })
    .unwrap();
    let yes = outcome(NOW + 60);
    let keys: Vec<_> = (0..200)
        .map(|n| cache.key(n, b"token", b"x", b""))
        .collect();
    for key in &keys {
        cache.put(*key, &yes, at(NOW));
    }
    let kept = keys.iter().filter(|key| cache.get(key, at(NOW)).is_some());
    assert!(kept.count() <= 10);
}
