//! Times: UTC, RFC 3339, with microseconds and `Z`, so that they sort as they are.
//!
//! In: microseconds since 1970. Out: 27 bytes. The second is formatted once, for records come
//! many in a second.

use std::cell::Cell;
use std::io::Write;

use time::OffsetDateTime;

/// The last microsecond of the year 9999: later ones are written as this one.
const LAST_US: u64 = 253_402_300_799_999_999;

const PER_SECOND: u64 = 1_000_000;

/// `2026-11-28T12:00:00`.
const SECOND_BYTES: usize = 19;

thread_local! {
    static SECOND: Cell<(u64, [u8; SECOND_BYTES])> = const { Cell::new((0, *b"1970-01-01T00:00:00")) };
}

/// Microseconds since 1970 as records show them.
pub fn timestamp(at_us: u64) -> String {
    let mut text = Vec::new();
    write(&mut text, at_us);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends a time.
pub(super) fn write(out: &mut Vec<u8>, at_us: u64) {
    let at_us = at_us.min(LAST_US);
    let second = at_us / PER_SECOND;
    let (known, mut text) = SECOND.get();
    if known != second {
        text = format_second(second);
        SECOND.set((second, text));
    }
    out.extend_from_slice(&text);
    let mut end = *b".000000Z";
    let mut left = at_us % PER_SECOND;
    for place in end.iter_mut().skip(1).take(6).rev() {
        // A remainder of ten is a digit.
        *place += u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    out.extend_from_slice(&end);
}

fn format_second(second: u64) -> [u8; SECOND_BYTES] {
    let at = i64::try_from(second)
        .ok()
        .and_then(|second| OffsetDateTime::from_unix_timestamp(second).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut text = [b'0'; SECOND_BYTES];
    // It has room for it: the year is at most 9999.
    let _ = write!(
        text.as_mut_slice(),
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    text
}
