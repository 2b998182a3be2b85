//! Lines in the server's log.
//!
//! In: a level and text that may hold anything. Out: one bounded line, `warden: …`, printed with a fixed format.
//! Never: our text as a printf format, a line break or control byte taken from outside, a NUL.
//! Callable from any thread: the server's log call takes a null context and keeps no state of ours.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU8, Ordering};

/// The longest text of one line, in bytes: the server cuts a line at 1024 including its own prefix.
const MAX_LINE_BYTES: usize = 960;

/// Put before every line: the server names only `<module>` when it has no context.
const PREFIX: &str = "warden: ";

/// How loud a line is; the server's own `loglevel` decides as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// Everything.
    Debug = 0,
    /// Rarely useful detail.
    Verbose = 1,
    /// What an operator wants to see.
    Notice = 2,
    /// What an operator must see.
    Warning = 3,
}

impl Level {
    fn word(self) -> &'static CStr {
        match self {
            Self::Debug => c"debug",
            Self::Verbose => c"verbose",
            Self::Notice => c"notice",
            Self::Warning => c"warning",
        }
    }
}

static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Notice as u8);

/// Sets the quietest level that is still written. The default is notice.
pub(crate) fn set_level(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Writes one line to the server's log, from any thread.
///
/// Control characters are escaped and a line above 960 bytes ends in `…`. Without a server nothing is written.
pub(crate) fn log(level: Level, text: &str) {
    if (level as u8) < THRESHOLD.load(Ordering::Relaxed) {
        return;
    }
    let Ok(line) = CString::new(printable(text)) else {
        return;
    };
    let Ok(write) = api!(ValkeyModule_Log) else {
        return;
    };
    // SAFETY: the context may be null and the call is thread-safe; level, format and line are NUL-terminated and live
    // across it, and the format `%s` takes exactly the one C string given.
    unsafe {
        write(
            std::ptr::null_mut(),
            level.word().as_ptr(),
            c"%s".as_ptr(),
            line.as_ptr(),
        )
    };
}

/// The line as it is printed: prefix, escaped text, bounded.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(PREFIX.len() + text.len().min(MAX_LINE_BYTES) + 4);
    line.push_str(PREFIX);
    for character in text.chars() {
        let before = line.len();
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > MAX_LINE_BYTES {
            line.truncate(before);
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE_BYTES, printable};

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            printable("a\nb\0c\u{7f}\u{9b}%s%n"),
            "warden: a\\nb\\u{0}c\\u{7f}\\u{9b}%s%n"
        );
    }

    #[test]
    fn a_long_line_is_cut_at_a_character_and_says_so() {
        let line = printable(&"é".repeat(2000));
        assert!(line.len() <= MAX_LINE_BYTES + '…'.len_utf8());
        assert!(line.ends_with('…'));
    }

    #[test]
    fn a_line_of_the_full_length_is_whole() {
        let text = "x".repeat(MAX_LINE_BYTES - super::PREFIX.len());
        assert!(printable(&text).ends_with('x'));
    }
}
