//! What does it take to verify a token, by algorithm?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use warden_authn::{KeySet, verify_token};
use warden_core::clock::{Clock, SystemClock};
use warden_tests::{Algorithm, Claims, Issuer, SigningKey};

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm, "k1");
        let keys = if algorithm.is_hmac() {
            KeySet::from_secret(key.secret())
        } else {
            KeySet::from_jwks(Issuer::corp().with_key(key.clone()).key_set().as_bytes())
        };
        let keys = keys.expect("keys of our own making");
        let token = Issuer::corp().with_key(key).token(&Claims::of("alice"));
        // Not before the token was issued.
        let now = SystemClock.now();
        group.bench_function(algorithm.name(), |bencher| {
            bencher.iter(|| {
                let verified = verify_token(
                    black_box(token.as_bytes()),
                    &keys,
                    Duration::from_secs(30),
                    now,
                );
                assert!(verified.is_ok());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
