//! Rotation: when, under which names, and what stays.

use super::*;

fn rotated(place: &Place) -> Vec<String> {
    let names = place.names().into_iter();
    names.filter(|name| name != "audit.log").collect()
}

#[test]
fn no_file_grows_over_its_size_and_no_line_is_parted() {
    let mut place = Place::new();
    place.settings.rotate_bytes = 2000;
    let (mut sink, _) = place.open();
    sink.write(&place.lines(50), &[]).unwrap();
    for _ in 0..20 {
        sink.write(&place.lines(1), &[]).unwrap();
    }
    let mut all = Vec::new();
    let names = rotated(&place);
    for name in names.iter().map(String::as_str).chain(["audit.log"]) {
        let path = place.beside(name);
        assert!(fs::metadata(&path).unwrap().len() <= 2000);
        assert_eq!(mode(&path), 0o640);
        all.extend(place.numbers(name));
    }
    // The order of the names is that of the records.
    assert_eq!(all, (1..=70).collect::<Vec<u64>>());
    assert!(names.len() > 5);
}

#[test]
fn the_chain_goes_on_in_the_next_file() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    let before = place.chain.as_ref().unwrap().value();
    sink.rotate().unwrap();
    sink.write(&place.lines(1), &[]).unwrap();
    let text = fs::read(place.path()).unwrap();
    let sealed = split(Format::Text, text.strip_suffix(b"\n").unwrap()).unwrap();
    assert_eq!(sealed.value, crate::chain::next(&before, sealed.body));
}

#[test]
fn a_record_larger_than_a_file_has_one_of_its_own() {
    let mut place = Place::new();
    place.settings.rotate_bytes = 20;
    let (mut sink, _) = place.open();
    sink.write(&place.lines(3), &[]).unwrap();
    let names = rotated(&place);
    assert_eq!(names.len(), 2);
    assert_eq!(place.numbers(&names[0]), [1]);
    assert_eq!(place.numbers("audit.log"), [3]);
}

#[test]
fn a_file_is_rotated_where_its_time_is_over_and_something_is_written() {
    let mut place = Place::new();
    place.settings.rotate_seconds = 86_400;
    // 2026-11-28T23:59:50Z
    place.clock.set(1_795_910_390);
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    place.clock.pass(5);
    sink.write(&place.lines(2), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 0);
    place.clock.pass(5);
    sink.flush().unwrap();
    assert_eq!(rotated(&place).len(), 0);
    sink.write(&place.lines(1), &[]).unwrap();
    let name = "audit.log.20261129T000000.000Z";
    assert_eq!(rotated(&place), [name]);
    assert_eq!(place.numbers(name), [1, 2, 3, 4]);
    assert_eq!(place.numbers("audit.log"), [5]);
}

#[test]
fn after_a_restart_a_file_of_another_day_is_rotated() {
    let mut place = Place::new();
    place.settings.rotate_seconds = 86_400;
    let (mut sink, _) = place.open();
    sink.write(&place.lines(1), &[]).unwrap();
    drop(sink);
    // The file system says when it was written to, by the real clock.
    let written = fs::metadata(place.path()).unwrap().mtime();
    let written = u64::try_from(written).unwrap();
    place.clock.set(written);
    let (mut sink, _) = place.open();
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 0);
    drop(sink);
    place.clock.set(written + 86_400);
    let (mut sink, resumed) = place.open();
    assert_eq!(resumed.sequence, 2);
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 1);
    assert_eq!(place.numbers("audit.log"), [3]);
}

#[test]
fn so_many_files_stay_and_those_of_others_too() {
    let mut place = Place::new();
    place.settings.keep_files = 2;
    let (mut sink, _) = place.open();
    let others = [
        "audit.log.1",
        "audit.log.20200101T000000.000Z.gz",
        "audit.log.aside.20200101T000000.000Z",
        "other.log.20200101T000000.000Z",
    ];
    for name in others {
        fs::write(place.beside(name), name).unwrap();
    }
    fs::create_dir(place.beside("audit.log.20200101T000000.000Z")).unwrap();
    for _ in 0..5 {
        sink.write(&place.lines(1), &[]).unwrap();
        place.clock.pass(1);
        sink.rotate().unwrap();
    }
    let ours = place.names().into_iter();
    let ours: Vec<String> = ours.filter(|name| name.contains("log.2026")).collect();
    assert_eq!(ours.len(), 2);
    assert_eq!(place.numbers(&ours[0]), [4]);
    assert_eq!(place.numbers(&ours[1]), [5]);
    for name in others {
        assert_eq!(fs::read(place.beside(name)).unwrap(), name.as_bytes());
    }
    assert_eq!(sink.trouble(), None);
}

#[test]
fn no_file_is_lost_when_the_clock_stands_or_goes_back() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    for seconds in [
        1_795_887_000,
        1_795_887_000,
        1_700_000_000,
        4_000_000_000,
        0,
    ] {
        place.clock.set(seconds);
        sink.write(&place.lines(1), &[]).unwrap();
        sink.rotate().unwrap();
    }
    let names = rotated(&place);
    let numbers = names.iter().flat_map(|name| place.numbers(name));
    assert_eq!(numbers.collect::<Vec<u64>>(), [1, 2, 3, 4, 5]);
    // A file without records stays.
    sink.rotate().unwrap();
    assert_eq!(rotated(&place), names);
}

#[test]
fn many_rotations_in_one_moment_have_names_of_their_own() {
    let mut place = Place::new();
    place.settings.rotate_bytes = 1;
    let (mut sink, _) = place.open();
    sink.write(&place.lines(100), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 99);
}

#[test]
fn what_cannot_be_rotated_is_written_on_to_and_says_so() {
    let mut place = Place::new();
    place.settings.rotate_bytes = 500;
    let (mut sink, _) = place.open();
    // The latest name there can be: none is left.
    let last = place.beside("audit.log.99991231T235959.999Z");
    fs::write(&last, "").unwrap();
    sink.write(&place.lines(10), &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), (1..=10).collect::<Vec<u64>>());
    let trouble = sink.trouble().unwrap().to_owned();
    assert!(trouble.contains("audit.log"), "{trouble}");
    assert!(trouble.contains("latest name"), "{trouble}");
    fs::remove_file(&last).unwrap();
    // Not tried again at once, but in a while.
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 0);
    place.clock.pass(1);
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(rotated(&place).len(), 1);
    assert_eq!(place.numbers("audit.log"), [12]);
    assert_eq!(sink.trouble(), None);
}
