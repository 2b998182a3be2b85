//! What does it take to hold very many: 100,000 sessions of 20,000 classes, 1,000,000 remembered
//! credentials, 50 issuers, 20 policies?
//!
//! The rooms alone, without a server: bytes of each, and the time of each step that the main
//! thread takes in one go. What the server adds is measured by `e2e memory` and by the storms.
//! The allocator of this bench counts, and makes a table that grows a new one: times are
//! somewhat longer than those of the module.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark has nobody to return an error to"
)]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use warden_authn::{Cache, CacheKey, CacheSettings, Outcome};
use warden_benches::bundles::{self, BUNDLES};
use warden_benches::count;
use warden_benches::figures::Question;
use warden_benches::latencies::{Latencies, timed};
use warden_benches::program::inside_one_process;
use warden_benches::rooms::{self, Rooms};
use warden_core::{
    ClassKey, ClientFacts, ClientId, Credential, Decision, Now, Principal, Verified,
};
use warden_policy::{Engine, EngineSettings};
use warden_session::{Admission, Registry, Rights, Selection, Settings};
use warden_tests::{Algorithm, Claims, Issuer, SigningKey};

const SESSIONS: usize = 100_000;
const CLASSES: usize = 20_000;
const ENTRIES: usize = 1_000_000;
const ISSUERS: usize = 50;

/// Members that are handed out to be decided anew in one go.
const REVIEWED: usize = 128;

/// Clients that are closed in one go.
const CLOSED: usize = 4;

const ROUNDS: usize = 5;

fn main() {
    let rooms = Rooms::new();
    let principal = rooms.principal("alice");
    let mut sessions = Question::new(format!("{SESSIONS} sessions of {CLASSES} classes"));
    let mut credentials = Question::new(format!("{ENTRIES} credentials of one proof remembered"));
    for _ in 0..ROUNDS {
        live(&rooms, &principal, &mut sessions);
        remembered(&principal, rooms.now, &mut credentials);
    }
    let questions = vec![
        sessions,
        credentials,
        proved(&principal),
        claimed(&rooms),
        decided(&principal, rooms.now),
    ];
    inside_one_process("many", questions);
}

/// Steps of one kind, each of which is one go of the main thread's; in microseconds.
#[derive(Default)]
struct Steps(Vec<f64>);

impl Steps {
    fn step<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (done, took) = timed(work);
        self.0.push(took);
        done
    }

    fn add_to(self, question: &mut Question, what: &str) {
        let (steps, total_us) = (count(self.0.len()), self.0.iter().sum::<f64>());
        let all = Latencies::of(self.0);
        question.add(&format!("{what}: steps"), "", steps);
        question.add(&format!("{what}: one"), "us", all.p50);
        question.add(&format!("{what}: one in a thousand"), "us", all.p999);
        question.add(&format!("{what}: the longest"), "us", all.max);
        question.add(&format!("{what}: all"), "ms", total_us / 1e3);
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn bytes_each(memory: AllocationInfo, of: usize) -> f64 {
    memory.bytes_current as f64 / count(of)
}

/// Admitted, decided anew, looked through for one who is ended, and ended all together.
fn live(rooms: &Rooms, principal: &Arc<Verified<Principal>>, question: &mut Question) {
    let request = rooms.request(principal);
    let decision = rooms.generation.decide(&request, rooms.now);
    let decision = decision.expect("a member of a known group");
    let decisions: Vec<Arc<Decision>> = (0..CLASSES)
        .map(|number| in_class(&decision, number))
        .collect();
    let mut registry = Registry::new(Settings::default());
    let mut admitted = Steps(Vec::with_capacity(SESSIONS));
    let memory = measure(|| {
        for (number, decision) in (0..SESSIONS).zip(decisions.iter().cycle()) {
            let admission = Admission {
                client: client(number),
                principal: Arc::clone(principal),
                facts: ClientFacts::default(),
                rights: Rights::Decided(Arc::clone(decision)),
            };
            let actions = admitted.step(|| registry.admit(admission, rooms.now));
            drop(actions.expect("admitted"));
        }
    });
    let what = "a session with a fifth of a class, the decision left out";
    question.add(what, "B", bytes_each(memory, SESSIONS));
    admitted.add_to(question, "a log-in");

    registry.begin_generation(decision.generation + 1);
    let (mut asked, mut applied) = (Steps::default(), Steps::default());
    loop {
        let reviews = asked.step(|| registry.next_review(rooms.now, REVIEWED));
        if reviews.is_empty() {
            break;
        }
        for review in reviews {
            let present = review.present.as_ref().expect("decided before");
            let next = Arc::new(Decision {
                generation: review.generation,
                ..Decision::clone(present)
            });
            let answers = review.alike.iter().map(|_| Ok(Arc::clone(&next)));
            let answers = answers.collect();
            drop(applied.step(|| registry.apply_review(review, answers, rooms.now)));
        }
    }
    asked.add_to(question, "a reload: members handed out");
    applied.add_to(question, "a reload: an answer applied");

    registry.kill(Selection {
        user: Some("corp/nobody".to_owned()),
        ..Selection::default()
    });
    let mut looked = Steps::default();
    while registry.is_ending() {
        looked.step(|| registry.sweep());
    }
    assert_eq!(registry.finished_kills().len(), 1, "it is done");
    looked.add_to(question, "WARDEN.KILL of nobody");

    let afterwards = Now {
        wall: rooms.now.wall.plus(Duration::from_secs(24 * 3600)),
        ..rooms.now
    };
    let mut closed = Steps::default();
    while !closed
        .step(|| registry.close_due(afterwards, CLOSED))
        .is_empty()
    {}
    assert_eq!(registry.counts().expired, client(SESSIONS).0);
    closed.add_to(question, "expiry of all: four closed");
    let mut left = Steps::default();
    for client in (0..SESSIONS).map(client) {
        let session = registry.session(client).map(|view| view.session);
        let session = session.expect("there until it left");
        left.step(|| registry.left(client, session, afterwards));
    }
    left.add_to(question, "one left");
}

fn client(number: usize) -> ClientId {
    ClientId(u64::try_from(number).unwrap_or(u64::MAX))
}

/// The same decision for another class.
fn in_class(decision: &Decision, number: usize) -> Arc<Decision> {
    let mut class = [0; 32];
    for (byte, of) in class.iter_mut().zip(number.to_le_bytes()) {
        *byte = of;
    }
    Arc::new(Decision {
        class: ClassKey::new(class),
        ..Decision::clone(decision)
    })
}

/// Put in, looked up, and looked up while a worker sweeps.
fn remembered(principal: &Arc<Verified<Principal>>, now: Now, question: &mut Question) {
    let entries = u64::try_from(ENTRIES).unwrap_or(u64::MAX);
    let settings = CacheSettings {
        // Its parts are not filled alike, and none must be.
        entries: entries + entries / 4,
        ..CacheSettings::default()
    };
    let outcome = Outcome::Verified(Arc::clone(principal));
    let cache = Cache::new(settings.clone()).expect("random bytes");
    let numbers = 0..ENTRIES;
    let keys = numbers.map(|number| cache.key(1, b"alice", &number.to_le_bytes(), b""));
    let keys: Vec<CacheKey> = keys.collect();
    let mut filled = None;
    let memory = measure(|| {
        let cache = filled.insert(Cache::new(settings.clone()).expect("random bytes"));
        for key in &keys {
            cache.put(*key, &outcome, now);
        }
    });
    let cache = filled.expect("just made");
    assert_eq!(cache.len(), entries, "all are remembered");
    question.add(
        "an entry, its proof left out",
        "B",
        bytes_each(memory, ENTRIES),
    );
    let some = || keys.iter().step_by(7);
    let ((), took) = timed(|| {
        for key in some() {
            black_box(cache.glance(key, now)).expect("remembered");
        }
    });
    question.add("a look-up", "us", took / count(some().count()));

    // Later than the next sweep is due, and before anything has ended.
    let later = after(now, 11);
    let missed = swept(
        &cache,
        &keys,
        &outcome,
        (now, later),
        "with nothing to free",
        question,
    );
    question.add("look-ups that miss during a sweep", "%", missed);
    let ended = after(now, 1000);
    swept(
        &cache,
        &keys,
        &outcome,
        (now, ended),
        "with all to free",
        question,
    );
    assert_eq!(cache.len(), 1, "all but what came last");
}

fn after(now: Now, seconds: u64) -> Now {
    Now {
        monotonic: now.monotonic + Duration::from_secs(seconds),
        ..now
    }
}

/// A sweep at `then`; meanwhile another thread looks up, as the main thread does.
/// Answers how many in a hundred it did not find.
fn swept(
    cache: &Cache,
    keys: &[CacheKey],
    outcome: &Outcome,
    (now, then): (Now, Now),
    what: &str,
    question: &mut Question,
) -> f64 {
    let is_over = AtomicBool::new(false);
    let (took, (looks, missed)) = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let (mut looks, mut missed) = (Steps::default(), 0);
            let mut keys = keys.iter().cycle();
            while !is_over.load(Ordering::Acquire) {
                let key = keys.next().expect("endless");
                let found = looks.step(|| cache.glance(key, now));
                missed += usize::from(found.is_none());
            }
            (looks, missed)
        });
        let key = cache.key(1, b"alice", what.as_bytes(), b"");
        cache.put(key, outcome, then);
        let ((), took) = timed(|| cache.sweep(then));
        is_over.store(true, Ordering::Release);
        (took, looks.join().expect("nobody panics"))
    });
    question.add(&format!("a sweep {what}"), "ms", took / 1e3);
    let share = 100.0 * count(missed) / count(looks.0.len());
    let p999 = Latencies::of(looks.0).p999;
    let slow = format!("one look-up in a thousand during a sweep {what}");
    question.add(&slow, "us", p999);
    share
}

/// What is kept of a proof beside its entry, part by part.
fn proved(principal: &Arc<Verified<Principal>>) -> Question {
    let mut question = Question::new("what a remembered credential proved");
    let whole = principal.get();
    for _ in 0..ROUNDS {
        let mut add = |what: &str, memory: AllocationInfo| {
            question.add(what, "B", bytes_each(memory, 1));
        };
        add(
            "all of it",
            kept(|| Arc::new(Verified::attest(whole.clone()))),
        );
        add("its claims as text", kept(|| whole.claims.clone()));
        add("groups", kept(|| whole.groups.clone()));
        add("scopes", kept(|| whole.scopes.clone()));
        let names = || (whole.authenticator.clone(), whole.name.clone());
        add("names of authenticator and principal", kept(names));
        let nothing = Principal {
            claims: warden_core::Claims::default(),
            groups: Vec::new(),
            scopes: Vec::new(),
            ..whole.clone()
        };
        add(
            "without claims, groups and scopes",
            kept(|| Arc::new(Verified::attest(nothing.clone()))),
        );
    }
    question
}

/// What is allocated for a value that stays.
fn kept<T>(make: impl FnOnce() -> T) -> AllocationInfo {
    let mut value = None;
    let memory = measure(|| value = Some(make()));
    drop(black_box(value));
    memory
}

/// Whose a credential is, where there are many: the main thread asks that of each that is not
/// remembered.
fn claimed(rooms: &Rooms) -> Question {
    const LOOKS: usize = 10_000;
    let mut question = Question::new(format!("{ISSUERS} issuers, a token of the last"));
    let issuers: Vec<Issuer> = (0..ISSUERS)
        .map(|number| {
            let key = SigningKey::generate(Algorithm::ES256, "key");
            Issuer::new(&format!("https://idp{number}.example.com"), key)
        })
        .collect();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let many = rooms::chain(directory.path(), &issuers);
    let last = issuers.last().expect("one at least");
    let token = last.token(&Claims::of("alice"));
    let of_last = Credential::new(b"alice", token.as_bytes()).expect("a name in UTF-8");
    let of_one = rooms.credential("alice");
    for _ in 0..ROUNDS {
        for (name, chain, credential) in [
            ("whose it is, of one", &rooms.chain, &of_one),
            ("whose it is, of many", &many, &of_last),
        ] {
            let ((), took) = timed(|| {
                for _ in 0..LOOKS {
                    assert!(chain.claims(black_box(credential), false).is_some());
                }
            });
            question.add(name, "us", took / count(LOOKS));
        }
    }
    question
}

/// What it takes a worker to ask twenty policies.
fn decided(principal: &Arc<Verified<Principal>>, now: Now) -> Question {
    const DECISIONS: usize = 500;
    let mut question = Question::new(format!("a decision of {BUNDLES} policies"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in bundles::files(0, 0) {
        fs::write(directory.path().join(name), content).expect("it can be written");
    }
    let engine = Engine::new(EngineSettings::default()).expect("an engine");
    let generation = rooms::generation(&engine, directory.path(), None);
    while generation.take_snapshot().is_some() {}
    let request = generation.project(principal, &ClientFacts::default(), now);
    for _ in 0..ROUNDS {
        let ((), took) = timed(|| {
            for _ in 0..DECISIONS {
                black_box(generation.explain(&request, now));
            }
        });
        question.add("from snapshots", "us", took / count(DECISIONS));
    }
    question
}
