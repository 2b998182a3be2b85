//! What does it cost to lay restrictions over grants and to write the rules?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use warden_benches::rooms::server;
use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction};

fn render(criterion: &mut Criterion) {
    let server = server();
    let grant = |number: usize| {
        let keys = format!("~k{number}:*");
        Grant::parse(&["+@read", "+@write", keys.as_str(), "&news.*"]).expect("rules")
    };
    let ceiling = Restriction::parse("-@dangerous -@admin ~k1* &news.*").expect("a restriction");
    let mut group = criterion.benchmark_group("render");
    for grants in [1, 10, 64] {
        let grants: Vec<Grant> = (0..grants).map(grant).collect();
        group.bench_function(
            format!("{} grants under a ceiling", grants.len()),
            |bencher| {
                bencher.iter(|| {
                    let composed = Permissions::compose(
                        &BaseRules::default(),
                        black_box(grants.clone()),
                        vec![ceiling.clone()],
                    );
                    composed.render(&server).expect("rendered")
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
