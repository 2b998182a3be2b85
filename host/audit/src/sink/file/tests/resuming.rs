//! Going on with a file: after a stop, after a crash, and with one that is not ours.

use super::*;
use crate::MAX_LINE_BYTES;

#[test]
fn a_file_is_gone_on_with_after_its_last_record() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(3), &[]).unwrap();
    let value = place.chain.as_ref().unwrap().value();
    drop(sink);
    let (mut sink, resumed) = place.open();
    assert_eq!((resumed.sequence, resumed.chain), (3, value));
    assert_eq!((resumed.cut_bytes, resumed.aside), (0, None));
    sink.write(&place.lines(1), &[]).unwrap();
    assert_eq!(place.numbers("audit.log"), [1, 2, 3, 4]);
}

#[test]
fn half_a_line_that_a_crash_left_is_cut_off() {
    for format in [Format::Text, Format::Json, Format::Csv] {
        cut_at_every_byte(Place::of(format));
    }
}

fn cut_at_every_byte(mut place: Place) {
    let (mut sink, _) = place.open();
    sink.write(&place.lines(2), &[]).unwrap();
    drop(sink);
    let whole = fs::read(place.path()).unwrap();
    let next = place.lines(1);
    for length in 1..next.len() {
        let cut = [&whole[..], &next[..length]].concat();
        fs::write(place.path(), &cut).unwrap();
        let (_, resumed) = place.open();
        assert_eq!(resumed.sequence, 2);
        assert_eq!(resumed.cut_bytes, u64::try_from(length).unwrap());
        assert_eq!(fs::read(place.path()).unwrap(), whole);
    }
    // What a file system gives back after a loss of power.
    fs::write(place.path(), [&whole[..], &[0; 100_000]].concat()).unwrap();
    assert_eq!(place.open().1.cut_bytes, 100_000);
    assert_eq!(fs::read(place.path()).unwrap(), whole);
}

#[test]
fn a_crash_after_a_rotation_loses_no_number() {
    for half in ["", "time=2026-11-2"] {
        let mut place = Place::new();
        let (mut sink, _) = place.open();
        sink.write(&place.lines(2), &[]).unwrap();
        let value = place.chain.as_ref().unwrap().value();
        sink.rotate().unwrap();
        drop(sink);
        fs::write(place.path(), half).unwrap();
        let (_, resumed) = place.open();
        assert_eq!((resumed.sequence, resumed.chain), (2, value));
        assert_eq!(resumed.aside.is_some(), !half.is_empty());
        fs::remove_file(place.path()).unwrap();
        assert_eq!(place.open().1.sequence, 2);
    }
}

#[test]
fn what_logrotate_took_while_the_server_was_down_is_gone_on_from() {
    let mut place = Place::new();
    let (mut sink, _) = place.open();
    sink.write(&place.lines(5), &[]).unwrap();
    drop(sink);
    fs::rename(place.path(), place.beside("audit.log.1")).unwrap();
    assert_eq!(place.open().1.sequence, 5);
}

#[test]
fn a_file_that_is_not_ours_to_go_on_with_is_moved_away_whole() {
    let chained = String::from_utf8(Place::new().lines(3)).unwrap();
    let mut bare = Place::new();
    bare.chain = None;
    let unchained = String::from_utf8(bare.lines(3)).unwrap();
    let long = "x".repeat(MAX_LINE_BYTES + 2);
    let cases = [
        (true, unchained.as_str()),
        (false, &chained),
        (true, "{\"a\":1}\n"),
        (true, "hello"),
        (true, "\n"),
        (true, "\n\n\n"),
        (true, &long),
    ];
    for (is_chained, text) in cases {
        let mut place = Place::new();
        place.chain = is_chained.then(Chain::new);
        fs::write(place.path(), text).unwrap();
        let (mut sink, resumed) = place.open();
        let shown = &text[..text.len().min(40)];
        let (aside, why) = resumed.aside.unwrap_or_else(|| panic!("{shown}"));
        assert!(!why.is_empty());
        assert_eq!((resumed.sequence, resumed.cut_bytes), (0, 0), "{shown}");
        assert!(fs::read(aside).unwrap() == text.as_bytes(), "{shown}");
        sink.write(&place.lines(1), &[]).unwrap();
        assert_eq!(place.numbers("audit.log"), [1]);
    }
}
