//! The hot paths: what each log-in and each audited command goes through on the main thread, and
//! each record on a sink's. Pure Rust: no guest, no cryptography, no call of the server's.

#![allow(
    clippy::expect_used,
    reason = "what is prepared here is made of constants"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use warden_audit::event::{Client, Event};
use warden_audit::settings::Payload;
use warden_audit::{Format, Journal, Numbered, Remembered, SinkSet};
use warden_authn::{Cache, CacheSettings, Outcome};
use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction};
use warden_core::{
    Attach, AuthenticatorId, ClassKey, ClientFacts, ClientId, Decision, Method, Now, Principal,
    PrincipalName, Server, Timestamp, Verified,
};
use warden_gate::samples;
use warden_session::{Admission, Registry, Rights, Settings};

/// One of them.
pub(super) struct HotPath {
    pub(super) name: &'static str,
    /// Sets everything up; what it answers is one run.
    pub(super) prepare: fn() -> Box<dyn FnMut()>,
}

impl HotPath {
    pub(super) fn all() -> [Self; 7] {
        let path = |name, prepare| Self { name, prepare };
        [
            path("cache: a hit, without the digest", cache_hit),
            path("session: admitted into a known class", admit),
            path("session: the same credential again", repeat),
            path("permissions: ten grants under a ceiling rendered", render),
            path("audit: a record encoded", encode),
            path("audit: a record read and written as text", text),
            path("audit: a record read and written as JSON", json),
        ]
    }

    pub(super) fn named(name: &str) -> Result<Self, String> {
        let mut all = Self::all().into_iter();
        all.find(|path| path.name == name)
            .ok_or_else(|| format!("there is no hot path {name:?}"))
    }
}

const NOW: Now = Now {
    wall: Timestamp::from_unix_seconds(1_800_000_000),
    monotonic: Duration::from_secs(50),
};

fn principal() -> Arc<Verified<Principal>> {
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new("corp").expect("an id"),
        name: PrincipalName::new("alice").expect("a name"),
        method: Method::Jwt,
        groups: Vec::new(),
        scopes: Vec::new(),
        sole_authenticator: true,
        claims: warden_core::Claims::default(),
        expires: Some(NOW.wall.plus(Duration::from_secs(300))),
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::default(),
        account: None,
    }))
}

fn cache_hit() -> Box<dyn FnMut()> {
    let cache = Cache::new(CacheSettings::default()).expect("random bytes");
    let keys = (0..1000_u32).map(|number| cache.key(1, b"alice", &number.to_le_bytes(), b""));
    let keys: Vec<_> = keys.collect();
    for key in &keys {
        cache.put(*key, &Outcome::Verified(principal()), NOW);
    }
    let mut next = keys.into_iter().cycle();
    Box::new(move || {
        let key = next.next().expect("endless");
        let hit = cache.glance(black_box(&key), NOW);
        assert!(black_box(hit).is_some());
    })
}

fn permissions() -> Permissions {
    let grant = |number: usize| {
        let keys = format!("~k{number}:*");
        Grant::parse(&["+@read", "+@write", keys.as_str(), "&news.*"]).expect("rules")
    };
    let ceiling = Restriction::parse("-@dangerous -@admin ~k1* &news.*").expect("a restriction");
    Permissions::compose(
        &BaseRules::default(),
        (0..10).map(grant).collect(),
        vec![ceiling],
    )
}

fn server() -> Server {
    Server::of_release("9.1").expect("a known release")
}

fn render() -> Box<dyn FnMut()> {
    let (permissions, server) = (permissions(), server());
    Box::new(move || {
        let rendered = black_box(&permissions).render(&server);
        black_box(rendered).expect("rules");
    })
}

/// A registry, one proof, one decision, and how many connections have come.
struct Sessions {
    registry: Registry,
    principal: Arc<Verified<Principal>>,
    decision: Arc<Decision>,
    clients: u64,
}

impl Sessions {
    /// With ten thousand sessions.
    fn new() -> Self {
        let (permissions, server) = (permissions(), server());
        let decision = Arc::new(Decision {
            class: ClassKey::new([7; 32]),
            generation: 1,
            rendered: Arc::new(permissions.render(&server).expect("rules")),
            permissions,
            server: Arc::new(server),
            valid_until: None,
            session_ttl: None,
            labels: Vec::new(),
        });
        let mut registry = Registry::new(Settings::default());
        registry.begin_generation(decision.generation);
        let mut sessions = Self {
            registry,
            principal: principal(),
            decision,
            clients: 0,
        };
        for _ in 0..10_000 {
            sessions.admit();
        }
        sessions
    }

    fn admit(&mut self) {
        self.clients += 1;
        let admission = Admission {
            client: ClientId(self.clients),
            principal: Arc::clone(&self.principal),
            facts: ClientFacts::default(),
            rights: Rights::Decided(Arc::clone(&self.decision)),
        };
        let actions = self.registry.admit(black_box(admission), NOW);
        black_box(actions).expect("admitted");
    }
}

fn admit() -> Box<dyn FnMut()> {
    let mut sessions = Sessions::new();
    Box::new(move || sessions.admit())
}

/// Each of them in turn.
fn repeat() -> Box<dyn FnMut()> {
    let mut sessions = Sessions::new();
    let mut clients = (1..=sessions.clients).cycle();
    Box::new(move || {
        let client = ClientId(clients.next().expect("endless"));
        let Sessions {
            registry,
            principal,
            decision,
            ..
        } = &mut sessions;
        let class = registry.repeat(black_box(client), principal, decision.generation, NOW);
        black_box(class).expect("it stays as it is");
    })
}

/// One of sixteen in a row.
fn record(number: u64) -> (Client<'static>, Event<'static>) {
    samples::set(1 + number / 16)
}

const AT_US: u64 = 1_800_000_000_000_250;

fn encode() -> Box<dyn FnMut()> {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).expect("a lane");
    let sinks = SinkSet::only(lane.place());
    let mut number = 0;
    Box::new(move || {
        let (client, event) = record(number);
        journal.push(sinks, AT_US + number, Some(&client), black_box(&event));
        number += 1;
        if number.is_multiple_of(100) {
            drop(lane.take(Duration::ZERO, 0));
        }
    })
}

fn text() -> Box<dyn FnMut()> {
    line(Format::Text)
}

fn json() -> Box<dyn FnMut()> {
    line(Format::Json)
}

/// Out of its chunk, and written.
fn line(format: Format) -> Box<dyn FnMut()> {
    /// Records of a chunk.
    const MANY: u64 = 100;
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).expect("a lane");
    for number in 0..MANY {
        let (client, event) = record(number);
        let sinks = SinkSet::only(lane.place());
        journal.push(sinks, AT_US + number, Some(&client), &event);
    }
    let chunks = lane.take(Duration::ZERO, 0).chunks;
    let payload = Payload {
        disabled: false,
        max_bytes: 1024,
    };
    let (mut written, mut remembered) = (Vec::new(), Remembered::default());
    let mut sequence = 0_u64;
    let mut calls = 0;
    Box::new(move || {
        // All of a chunk at the first of as many runs.
        calls += 1;
        if calls % MANY != 1 {
            return;
        }
        for record in chunks.iter().flat_map(|chunk| chunk.records(lane.place())) {
            sequence += 1;
            written.clear();
            let numbered = Numbered {
                sequence,
                node: "0123456789abcdef0123456789abcdef01234567",
                record: &record,
            };
            format.write_on(&mut written, black_box(numbered), payload, &mut remembered);
            black_box(&written);
        }
    })
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    /// No path of the gate's: which instructions digest depends on the processor.
    fn digest() -> Box<dyn FnMut()> {
        let cache = Cache::new(CacheSettings::default()).expect("random bytes");
        Box::new(move || {
            black_box(cache.key(1, b"alice", black_box(&[b'x'; 757]), b""));
        })
    }

    /// Digest, look-up, and the session that stays: what a credential costs that is presented
    /// again while it is remembered.
    #[test]
    fn a_remembered_credential_presented_again_allocates_nothing() {
        for prepare in [digest, cache_hit, repeat] {
            let mut run = prepare();
            let allocated = measure(|| (0..100).for_each(|_| run()));
            assert_eq!(allocated.count_total, 0);
        }
    }

    /// The measure would see one.
    #[test]
    fn an_admission_allocates() {
        assert!(measure(admit()).count_total > 0);
    }
}
