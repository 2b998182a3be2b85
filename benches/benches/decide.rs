//! What does a decision cost: projected, instantiated, configured, evaluated, composed
//! and rendered; from a snapshot; and when it is remembered?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use warden_benches::rooms::Rooms;

fn decide(criterion: &mut Criterion) {
    let rooms = Rooms::new();
    let principal = rooms.principal("alice");
    let request = rooms.request(&principal);
    rooms
        .generation
        .decide(&request, rooms.now)
        .expect("a member of a known group");
    let mut group = criterion.benchmark_group("decide");
    group.bench_function("project a request", |bencher| {
        bencher.iter(|| rooms.request(black_box(&principal)));
    });
    group.bench_function("remembered", |bencher| {
        bencher.iter(|| rooms.generation.remembered(black_box(&request)).is_some());
    });
    group.bench_function(
        "rbac: instantiate, configure, evaluate, render",
        |bencher| {
            bencher.iter(|| {
                let explained = rooms.generation.explain(black_box(&request), rooms.now);
                assert!(explained.answer.is_ok());
            });
        },
    );
    while rooms.generation.take_snapshot().is_some() {}
    group.bench_function("rbac: from a snapshot, evaluate, render", |bencher| {
        bencher.iter(|| {
            let explained = rooms.generation.explain(black_box(&request), rooms.now);
            assert!(explained.answer.is_ok());
        });
    });
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
