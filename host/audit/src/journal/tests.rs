//! The queue: nothing lost without being counted, nothing for the wrong sink.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::format::{Format, Numbered, Remembered};
use crate::settings::Payload;

fn push(journal: &Journal, sinks: SinkSet, id: u64, name: &[u8]) {
    let client = Client {
        id,
        name,
        ..Client::default()
    };
    journal.push(sinks, id, Some(&client), &Event::Opened);
}

fn ids(lane: &Lane) -> (Vec<u64>, u64) {
    let batch = lane.take(Duration::ZERO, 0);
    batch.chunks.iter().for_each(|chunk| lane.done(chunk));
    let ids = batch.chunks.iter().flat_map(|chunk| {
        let records = chunk.records(lane.place());
        records
            .map(|record| record.client.unwrap().id)
            .collect::<Vec<_>>()
    });
    (ids.collect(), batch.lost)
}

#[test]
fn each_sink_finds_what_is_for_it_in_order() {
    let journal = Arc::new(Journal::new());
    let (a, b) = (
        journal.open(1 << 20).unwrap(),
        journal.open(1 << 20).unwrap(),
    );
    let both = SinkSet::only(a.place()).or(SinkSet::only(b.place()));
    for id in 0..10 {
        push(
            &journal,
            if id % 2 == 0 {
                both
            } else {
                SinkSet::only(b.place())
            },
            id,
            b"x",
        );
    }
    assert_eq!(ids(&a), (vec![0, 2, 4, 6, 8], 0));
    assert_eq!(ids(&b), ((0..10).collect(), 0));
    assert_eq!(ids(&b), (vec![], 0));
}

#[test]
fn what_does_not_fit_is_counted_for_its_sink_alone() {
    let journal = Arc::new(Journal::new());
    let (small, large) = (
        journal.open(600 * 1024).unwrap(),
        journal.open(1 << 30).unwrap(),
    );
    let both = SinkSet::only(small.place()).or(SinkSet::only(large.place()));
    let name = vec![b'x'; 10_000];
    for id in 0..500 {
        push(&journal, both, id, &name);
    }
    let (kept, lost) = ids(&small);
    assert!(!kept.is_empty());
    assert_eq!(kept.len() as u64 + lost, 500);
    assert_eq!(
        kept,
        (0..kept.len() as u64).collect::<Vec<_>>(),
        "one gap, at the end"
    );
    assert_eq!(small.lost(), lost);
    assert_eq!(ids(&large), ((0..500).collect(), 0));
    push(&journal, both, 7, b"");
    assert_eq!(ids(&small), (vec![7], 0), "goes on after the loss was told");
}

#[test]
fn a_record_larger_than_a_chunk_has_one_of_its_own_and_one_too_large_is_counted() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).unwrap();
    let only = SinkSet::only(lane.place());
    let large = vec![b'x'; 3 << 20];
    push(&journal, only, 1, b"");
    push(&journal, only, 2, &large);
    push(&journal, only, 3, b"");
    assert_eq!(ids(&lane), (vec![1, 2, 3], 0));
    let too_large = vec![b'x'; 17 << 20];
    push(&journal, only, 4, b"");
    push(&journal, only, 5, &too_large);
    push(&journal, only, 6, b"");
    assert_eq!(journal.oversized(), 1);
    assert!(!lane.is_losing(), "there is room for all others");
    let batch = lane.take(Duration::ZERO, 0);
    assert_eq!(batch.lost, 0);
    let records = batch.chunks.iter().flat_map(|chunk| chunk.records(0));
    let told: Vec<_> = records
        .map(|record| match record.event {
            Event::Loss(loss) => (loss.cause.to_owned(), loss.records),
            _ => (String::new(), record.client.unwrap().id),
        })
        .collect();
    let of = |id| (String::new(), id);
    assert_eq!(
        told,
        [of(4), ("too large".to_owned(), 1), of(6)],
        "in its place"
    );
}

#[test]
fn a_large_record_is_handed_over_at_once_and_takes_no_more_room_than_it_needs() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).unwrap();
    let only = SinkSet::only(lane.place());
    for size in [300 << 10, 900 << 10, 5 << 20] {
        push(&journal, only, 1, &vec![b'x'; size]);
        push(&journal, only, 2, b"");
        let waits = lane.buffered_bytes();
        assert!(
            (size as u64..size as u64 + 200).contains(&waits),
            "{size}: {waits}"
        );
        let batch = lane.take(Duration::ZERO, 0);
        let records = batch.chunks.iter().map(|chunk| chunk.records_for(0));
        assert_eq!(records.collect::<Vec<_>>(), [1, 1]);
        batch.chunks.iter().for_each(|chunk| lane.done(chunk));
        assert_eq!(lane.buffered_bytes(), 0);
    }
}

#[test]
fn a_record_that_found_a_chunk_full_is_followed_by_others() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 30).unwrap();
    for id in 0..1000 {
        push(&journal, SinkSet::only(0), id, &[b'x'; 1000]);
    }
    assert!(lane.take(Duration::ZERO, 0).chunks.len() < 6);
}

#[test]
fn a_lane_that_is_closed_is_read_to_its_end_and_its_place_is_not_anothers_yet() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 20).unwrap();
    push(&journal, SinkSet::only(lane.place()), 1, b"");
    lane.close();
    push(&journal, SinkSet::only(lane.place()), 2, b"");
    let batch = lane.take(Duration::from_secs(5), 0);
    assert!(batch.is_last);
    assert_eq!(batch.chunks.len(), 1);
    let next = journal.open(1 << 20).unwrap();
    assert_ne!(
        next.place(),
        lane.place(),
        "records may still be made for the former"
    );
    assert_eq!(ids(&next), (vec![], 0));
}

#[test]
fn there_is_room_for_sixty_four_sinks_and_no_more() {
    let journal = Arc::new(Journal::new());
    let lanes: Vec<_> = (0..SinkSet::MOST)
        .map(|_| journal.open(1).unwrap())
        .collect();
    assert_eq!(lanes.last().unwrap().place(), 63);
    assert!(journal.open(1).is_none());
}

#[test]
fn a_sink_that_waits_is_woken_by_as_much_as_it_waits_for() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 20).unwrap();
    let only = SinkSet::only(lane.place());
    let waiting = std::thread::spawn(move || lane.take(Duration::from_hours(1), 1000));
    for id in 0..20 {
        push(&journal, only, id, &[b'x'; 100]);
    }
    let batch = waiting.join().unwrap();
    let records = batch.chunks.iter().map(|chunk| chunk.records_for(0));
    assert!(records.sum::<u64>() > 0);
}

#[test]
fn each_record_is_whose_it_is_whatever_stands_between() {
    let journal = Arc::new(Journal::new());
    let lanes: Vec<Lane> = (0..2).map(|_| journal.open(1 << 30).unwrap()).collect();
    let places = [lanes[0].place(), lanes[1].place()].map(SinkSet::only);
    let names = [b"a".repeat(300), b"b".repeat(300), b"c".repeat(300)];
    // More than a chunk holds; of one nobody knows whether it is who it was.
    let teller = |number: usize| match number % 7 {
        0..3 => Some(0),
        3..5 => Some(1),
        5 => Some(2),
        _ => None,
    };
    for number in 0..3000 {
        let client = teller(number).map(|who| Client {
            id: who as u64,
            version: who as u64,
            name: &names[who],
            ..Client::default()
        });
        let sinks = places[number % 2];
        journal.push(sinks, number as u64, client.as_ref(), &Event::Opened);
    }
    for (lane, first) in lanes.iter().zip(0..) {
        let batch = lane.take(Duration::ZERO, 0);
        let mut numbers = (first..3000).step_by(2);
        for chunk in &batch.chunks {
            for record in chunk.records(lane.place()) {
                let number = numbers.next().unwrap();
                assert_eq!(record.at_us, number as u64);
                let found = record.client.map(|client| client.name.to_vec());
                assert_eq!(found, teller(number).map(|who| names[who].clone()));
            }
        }
        assert_eq!(numbers.next(), None);
    }
}

#[test]
fn a_connections_next_record_is_written_from_what_its_last_was() {
    let journal = Arc::new(Journal::new());
    let lane = journal.open(1 << 20).unwrap();
    let client = Client {
        id: 7,
        version: 3,
        name: b"somebody",
        ..Client::default()
    };
    for at_us in 1..=2 {
        journal.push(SinkSet::only(0), at_us, Some(&client), &Event::Opened);
    }
    let batch = lane.take(Duration::ZERO, 0);
    let records = batch.chunks.iter().flat_map(|chunk| chunk.records(0));
    let [first, second] = records.collect::<Vec<_>>().try_into().unwrap();
    let mut remembered = Remembered::default();
    let line = |format: Format, record, remembered: &mut Remembered| {
        let numbered = Numbered {
            sequence: 1,
            node: "",
            record,
        };
        let payload = Payload {
            disabled: true,
            max_bytes: 0,
        };
        let mut line = Vec::new();
        format.write_on(&mut line, numbered, payload, remembered);
        line
    };
    // Only what is remembered does not see that this one has another name.
    let mut other = second.clone();
    other.client.as_mut().unwrap().name = b"nobody";
    for format in [Format::Text, Format::Json, Format::Csv] {
        let plain = line(format, &second, &mut Remembered::default());
        line(format, &first, &mut remembered);
        assert_eq!(line(format, &other, &mut remembered), plain);
        assert_eq!(line(format, &second, &mut remembered), plain);
    }
}

#[test]
fn only_a_sink_that_waits_is_woken_and_one_that_rests_is_not() {
    let journal = Arc::new(Journal::new());
    let (busy, resting) = (
        journal.open(1 << 20).unwrap(),
        Arc::new(journal.open(1 << 20).unwrap()),
    );
    let rest = Arc::clone(&resting);
    let rests = std::thread::spawn(move || rest.rest(Duration::from_hours(1)));
    let taking = std::thread::spawn(move || busy.take(Duration::from_hours(1), 1000));
    let both = SinkSet::only(0).or(SinkSet::only(1));
    while !taking.is_finished() {
        push(&journal, both, 1, &[b'x'; 100]);
    }
    drop(taking.join().unwrap());
    assert!(!rests.is_finished());
    resting.nudge();
    assert!(!rests.join().unwrap());
}
