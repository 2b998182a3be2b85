//! What does it cost to admit a decided log-in: into a class that is there, or a new one?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use warden_benches::rooms::Rooms;
use warden_core::{ClientFacts, ClientId};
use warden_session::{Admission, Registry, Rights, Settings};

/// Sessions there already: the maps have a size that counts.
const SESSIONS: u64 = 10_000;

fn admission(rooms: &Rooms, client: u64, subject: &str) -> Admission {
    let principal = rooms.principal(subject);
    let request = rooms.request(&principal);
    let decision = rooms.generation.decide(&request, rooms.now);
    Admission {
        client: ClientId(client),
        principal,
        facts: ClientFacts::default(),
        rights: Rights::Decided(decision.expect("a member of a known group")),
    }
}

fn admit(criterion: &mut Criterion) {
    let rooms = Rooms::new();
    let mut registry = Registry::new(Settings::default());
    let known = admission(&rooms, 0, "alice");
    for client in 1..=SESSIONS {
        let admission = Admission {
            client: ClientId(client),
            ..known.clone()
        };
        registry.admit(admission, rooms.now).expect("admitted");
    }
    let new = admission(&rooms, 0, "bob");
    let mut group = criterion.benchmark_group("admit");
    let mut client = SESSIONS;
    for (name, admission) in [("into a known class", &known), ("into a new class", &new)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    client += 1;
                    Admission {
                        client: ClientId(client),
                        ..admission.clone()
                    }
                },
                |admission| {
                    let client = admission.client;
                    let actions = registry.admit(admission, rooms.now).expect("admitted");
                    let session = registry.session(client).map(|view| view.session);
                    // Leaves again; a class of its own goes with it.
                    registry.abandon(client, session.expect("there"), rooms.now);
                    actions
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, admit);
criterion_main!(benches);
