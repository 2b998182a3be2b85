//! What does a credential cost that is in the cache already: its digest, and the look? And what
//! would another digest cost?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use std::hint::black_box;

use aws_lc_rs::hmac;
use criterion::{Criterion, criterion_group, criterion_main};
use warden_authn::{Cache, CacheSettings, Outcome};
use warden_benches::rooms::Rooms;

fn cache(criterion: &mut Criterion) {
    let rooms = Rooms::new();
    let cache = Cache::new(CacheSettings::default()).expect("random bytes");
    let credential = rooms.credential("alice");
    let secret = credential.secret().expose();
    let key = cache.key(1, b"alice", secret, b"");
    let outcome = Outcome::Verified(rooms.principal("alice"));
    cache.put(key, &outcome, rooms.now);
    let mut group = criterion.benchmark_group("cache");
    group.bench_function("digest of a credential", |bencher| {
        bencher.iter(|| cache.key(1, b"alice", black_box(secret), b""));
    });
    group.bench_function("hit without the digest", |bencher| {
        bencher.iter(|| cache.glance(black_box(&key), rooms.now).is_some());
    });
    group.bench_function("miss without the digest", |bencher| {
        let other = cache.key(2, b"alice", secret, b"");
        bencher.iter(|| cache.glance(black_box(&other), rooms.now).is_some());
    });
    group.finish();
}

/// Both are keyed and have 256 bits.
fn digests(criterion: &mut Criterion) {
    let secret = [b'x'; 757];
    let mut group = criterion.benchmark_group("digest of 757 bytes");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    group.bench_function("HMAC-SHA-256", |bencher| {
        bencher.iter(|| hmac::sign(&key, black_box(&secret)));
    });
    group.bench_function("keyed BLAKE3", |bencher| {
        bencher.iter(|| blake3::keyed_hash(&[7; 32], black_box(&secret)));
    });
    let cache = Cache::new(CacheSettings::default()).expect("random bytes");
    group.bench_function("the cache's key", |bencher| {
        bencher.iter(|| cache.key(1, b"alice", black_box(&secret), b""));
    });
    group.finish();
}

criterion_group!(benches, cache, digests);
criterion_main!(benches);
