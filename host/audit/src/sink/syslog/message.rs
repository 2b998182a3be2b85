//! A line as a message of syslog.
//!
//! In: a line and its head. Out: to collectors a message of RFC 5424 behind its length (RFC 6587
//! section 3.4.1, RFC 5425 section 4.3); to the daemon of this machine the form that the C library sends. Never: a
//! byte of the line that is changed.
//!
//! | | RFC 5424 | of this machine |
//! |---|---|---|
//! | form | `<133>1 TIMESTAMP HOSTNAME valkey-warden PID CATEGORY [origin …][meta …] LINE` | `<133>valkey-warden[PID]: LINE` |
//! | why | what collectors agree on | rsyslog and journald read a name and a process from it; of RFC 5424 journald makes plain text, and rsyslog takes the version for the name |
//!
//! The second has no time of its own: both daemons replace it by that of arrival, and it would
//! be one without year and zone. The line has one with both.

use std::io::Write;
use std::process;

use super::Facility;
use crate::format::timestamp;
use crate::sink::Head;

/// The name of the program, in messages and as `software` of `origin` (section 7.2.3).
const NAME: &str = "valkey-warden";

/// The program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Severities of table 2: normal but significant, informational.
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// Section 6.4: text in UTF-8 begins with it. US-ASCII is any text, and goes without: most
/// programs that read what a collector wrote do not expect it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The highest `sequenceId`; 1 comes after it (section 7.3.1).
const LAST_SEQUENCE_ID: u64 = 2_147_483_647;

/// Writes messages of one program on one machine.
pub(crate) struct Writer {
    facility: Facility,
    host: String,
    process: u32,
    message: Vec<u8>,
}

impl Writer {
    /// Of this process, on this machine.
    pub(crate) fn new(facility: Facility) -> Self {
        let name = rustix::system::uname();
        Self {
            facility,
            host: host(&name.nodename().to_string_lossy()),
            process: process::id(),
            message: Vec::new(),
        }
    }

    /// Appends the message of RFC 5424 behind its length.
    pub(crate) fn counted(&mut self, bytes: &mut Vec<u8>, line: &[u8], head: &Head) {
        let mut message = std::mem::take(&mut self.message);
        message.clear();
        self.standard(&mut message, line, head);
        // Nothing goes wrong where memory is written to.
        let _written = write!(bytes, "{} ", message.len());
        bytes.extend_from_slice(&message);
        self.message = message;
    }

    fn standard(&self, message: &mut Vec<u8>, line: &[u8], head: &Head) {
        let sequence_id = head.sequence.saturating_sub(1) % LAST_SEQUENCE_ID + 1;
        let _written = write!(
            message,
            "<{}>1 {} {} {NAME} {} {} [origin software=\"{NAME}\" swVersion=\"{VERSION}\"]\
             [meta sequenceId=\"{sequence_id}\"] ",
            self.priority(head),
            timestamp(head.at_us),
            self.host,
            self.process,
            head.category.as_str(),
        );
        if !line.is_ascii() {
            message.extend_from_slice(BYTE_ORDER_MARK);
        }
        message.extend_from_slice(line);
    }

    /// The messages for the daemon of this machine, each of at most `most_bytes`: more than one
    /// where the line is too long, each then with its place (`part=1/3 sequence=17 `) before
    /// the text. Characters stay whole.
    pub(crate) fn local(&self, line: &[u8], head: &Head, most_bytes: usize) -> Vec<Vec<u8>> {
        let begin = |room: usize| {
            let mut message = Vec::with_capacity(room);
            let _written = write!(
                message,
                "<{}>{NAME}[{}]: ",
                self.priority(head),
                self.process
            );
            message
        };
        let mut whole = begin(line.len().saturating_add(64));
        if whole.len().saturating_add(line.len()) <= most_bytes {
            whole.extend_from_slice(line);
            return vec![whole];
        }
        // Three numbers of at most 20 digits, and the words around them.
        let room = most_bytes.saturating_sub(whole.len()).saturating_sub(80);
        let pieces = pieces(line, room);
        let number = pieces.len();
        let part = |(place, piece): (usize, &[u8])| {
            let mut message = begin(most_bytes);
            let (place, sequence) = (place + 1, head.sequence);
            let _written = write!(message, "part={place}/{number} sequence={sequence} ");
            message.extend_from_slice(piece);
            message
        };
        pieces.into_iter().enumerate().map(part).collect()
    }

    fn priority(&self, head: &Head) -> u8 {
        let severity = match head.is_failure {
            true => NOTICE,
            false => INFORMATIONAL,
        };
        self.facility.number() * 8 + severity
    }
}

/// Cuts between characters; a piece has `room` bytes or up to three less.
fn pieces(line: &[u8], room: usize) -> Vec<&[u8]> {
    let room = room.max(4);
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.len() > room {
        let goes_on = |&at: &usize| rest.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let cut = (room - 3..=room)
            .rev()
            .find(|at| !goes_on(at))
            .unwrap_or(room);
        let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// `HOSTNAME` has 1 to 255 printable characters of US-ASCII.
fn host(name: &str) -> String {
    let is_good = (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    if is_good { name } else { "-" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Category;

    fn writer() -> Writer {
        Writer {
            facility: Facility::LOCAL0,
            host: "db1".to_owned(),
            process: 42,
            message: Vec::new(),
        }
    }

    fn head(sequence: u64, is_failure: bool) -> Head {
        Head {
            bytes: 0,
            sequence,
            at_us: 1_795_881_600_000_007,
            category: Category::Auth,
            is_failure,
            lost: 0,
        }
    }

    fn counted(line: &str, head: Head) -> String {
        let mut bytes = b"before".to_vec();
        writer().counted(&mut bytes, line.as_bytes(), &head);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_message_of_rfc_5424_has_every_field_behind_its_length() {
        let message = format!(
            "<134>1 2026-11-28T16:00:00.000007Z db1 valkey-warden 42 auth \
             [origin software=\"valkey-warden\" swVersion=\"{VERSION}\"][meta sequenceId=\"7\"] a=\"b\""
        );
        assert_eq!(
            counted("a=\"b\"", head(7, false)),
            format!("before{} {message}", message.len())
        );
        assert!(counted("x", head(7, true)).contains(" <133>1 "), "notice");
    }

    #[test]
    fn text_beyond_ascii_is_announced_and_its_bytes_are_counted() {
        let text = counted("käse 🧀", head(1, false));
        assert!(text.ends_with("] \u{FEFF}käse 🧀"), "{text}");
        let (length, message) = text
            .strip_prefix("before")
            .unwrap()
            .split_once(' ')
            .unwrap();
        assert_eq!(length.parse(), Ok(message.len()));
    }

    #[test]
    fn the_sequence_id_begins_anew_after_its_highest() {
        for (sequence, id) in [
            (1, "1"),
            (2_147_483_647, "2147483647"),
            (2_147_483_648, "1"),
            (2_147_483_649, "2"),
        ] {
            let id = format!("[meta sequenceId=\"{id}\"]");
            assert!(counted("x", head(sequence, false)).contains(&id));
        }
    }

    #[test]
    fn a_host_that_has_no_form_is_the_nil_value() {
        for bad in ["", "a b", "käse", &"a".repeat(256)] {
            assert_eq!(host(bad), "-");
        }
        assert_eq!(host("db1.example.com"), "db1.example.com");
    }

    #[test]
    fn the_daemon_gets_one_message_where_it_fits_and_parts_in_order_where_not() {
        let line = "1234567890🧀".repeat(2_000);
        let whole = writer().local(line.as_bytes(), &head(17, true), 100_000);
        assert_eq!(
            whole,
            [format!("<133>valkey-warden[42]: {line}").into_bytes()]
        );
        for most_bytes in 200..230 {
            let parts = writer().local(line.as_bytes(), &head(17, true), most_bytes);
            let mut joined = String::new();
            for (place, part) in parts.iter().enumerate() {
                assert!(part.len() <= most_bytes);
                let text = std::str::from_utf8(part).expect("characters stay whole");
                let before = format!(
                    "<133>valkey-warden[42]: part={}/{} sequence=17 ",
                    place + 1,
                    parts.len()
                );
                joined += text.strip_prefix(&before).unwrap();
            }
            assert_eq!(joined, line);
        }
    }

    #[test]
    fn every_facility_has_a_name_and_no_other_name_is_one() {
        let numbers: Vec<_> = Facility::names()
            .map(|name| Facility::named(name).unwrap().number())
            .collect();
        assert_eq!(numbers, (0..=11).chain(16..=23).collect::<Vec<_>>());
        for bad in ["", "LOCAL0", "local8", "local", "none"] {
            assert_eq!(Facility::named(bad), None);
        }
    }
}
