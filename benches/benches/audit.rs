//! What does one audit record cost: on the main thread, and on the thread of a sink?

#![allow(
    clippy::expect_used,
    reason = "a benchmark has nobody to return an error to"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use warden_audit::event::Record;
use warden_audit::settings::Payload;
use warden_audit::{Batch, Format, Journal, Lane, Numbered, Remembered, SinkSet};
use warden_gate::samples;

const NODE: &str = "0123456789abcdef0123456789abcdef01234567";

/// What sinks show when they are not told otherwise.
const PAYLOAD: Payload = Payload {
    disabled: false,
    max_bytes: 1024,
};

const FORMATS: [(&str, Format); 3] = [
    ("text", Format::Text),
    ("JSON", Format::Json),
    ("CSV", Format::Csv),
];

/// Records that one measured round of a sink's thread has.
const RECORDS: u64 = 10_000;

/// SET of 100 bytes by a session's user.
fn set() -> Record<'static> {
    let (client, event) = samples::set(0);
    Record {
        at_us: 1_795_885_200_000_250,
        client: Some(client),
        event,
    }
}

/// The chain value of a line.
fn chained(before: &[u8; 32], line: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(line);
    let digest = context.finish();
    digest.as_ref().try_into().expect("32 bytes")
}

fn main_thread(criterion: &mut Criterion) {
    let record = set();
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).expect("a lane");
    let only = SinkSet::only(lane.place());
    let mut group = criterion.benchmark_group("audit: main thread");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("push of 10,000 records", |bencher| {
        bencher.iter_batched(
            || drop(lane.take(Duration::ZERO, 0)),
            |()| {
                for _ in 0..RECORDS {
                    push(&journal, only, black_box(&record));
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn one_line(criterion: &mut Criterion) {
    let record = set();
    let mut group = criterion.benchmark_group("audit: a record as a line");
    group.throughput(Throughput::Elements(1));
    for (name, format) in FORMATS {
        for is_chained in [false, true] {
            let mut line = Vec::new();
            let mut chain = [0; 32];
            let mut numbered = Numbered {
                sequence: 0,
                node: NODE,
                record: &record,
            };
            let kind = if is_chained { ", with its hash" } else { "" };
            group.bench_function(format!("{name}{kind}"), |bencher| {
                bencher.iter(|| {
                    line.clear();
                    numbered.sequence += 1;
                    format.write(&mut line, black_box(numbered), PAYLOAD);
                    if is_chained {
                        chain = chained(&chain, &line);
                    }
                    line.len()
                });
            });
        }
    }
    group.finish();
}

/// What a sink's thread finds: so many records of a connection in a row.
fn batch(journal: &Journal, lane: &Lane, in_a_row: u64) -> Batch {
    let mut record = set();
    for number in 0..RECORDS {
        if let Some(client) = &mut record.client {
            client.version = 1 + number / in_a_row;
        }
        push(journal, SinkSet::only(lane.place()), &record);
    }
    lane.take(Duration::ZERO, 0)
}

/// All that a sink's thread does but the writing: records out of their chunks, lines, hashes.
fn sink_thread(criterion: &mut Criterion) {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).expect("a lane");
    let mut group = criterion.benchmark_group("audit: a sink's thread");
    group.throughput(Throughput::Elements(RECORDS));
    let questions = [
        ("text", Format::Text, false, 1),
        ("text, 16 of each connection", Format::Text, false, 16),
        ("JSON, chained", Format::Json, true, 1),
        (
            "JSON, chained, 16 of each connection",
            Format::Json,
            true,
            16,
        ),
    ];
    for (name, format, is_chained, in_a_row) in questions {
        let batch = batch(&journal, &lane, in_a_row);
        let mut line = Vec::new();
        let mut remembered = Remembered::default();
        group.bench_function(format!("{name}, 10,000 records"), |bencher| {
            bencher.iter(|| {
                let (mut chain, mut sequence, mut bytes) = ([0; 32], 0, 0);
                let records = batch.chunks.iter().flat_map(|c| c.records(lane.place()));
                for record in records {
                    sequence += 1;
                    line.clear();
                    let numbered = Numbered {
                        sequence,
                        node: NODE,
                        record: &record,
                    };
                    format.write_on(&mut line, numbered, PAYLOAD, &mut remembered);
                    if is_chained {
                        chain = chained(&chain, &line);
                    }
                    bytes += line.len();
                }
                assert_eq!(sequence, RECORDS);
                (bytes, chain)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, main_thread, one_line, sink_thread);
criterion_main!(benches);

fn push(journal: &Journal, sinks: SinkSet, record: &Record<'_>) {
    journal.push(sinks, record.at_us, record.client.as_ref(), &record.event);
}
