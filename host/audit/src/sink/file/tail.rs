//! The end of a file that is there already.
//!
//! In: an open file. Out: what its last whole line says, and how many bytes follow that a
//! crash left; or why it is not ours to go on with. Reads backwards, a few blocks at most, and
//! never more than a line may have.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::as_u64;
use super::shape::{Last, Shape};
use crate::MAX_LINE_BYTES;

/// Bytes read at a time.
const BLOCK: u64 = 64 * 1024;

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing, or whole lines of ours.
    Ours {
        /// What its last line says; none where it has no record.
        last: Option<Last>,
        /// Bytes of whole lines.
        whole_bytes: u64,
        /// Bytes behind them.
        cut_bytes: u64,
    },
    /// Something else; the words say what.
    Foreign {
        why: &'static str,
        /// Whether lines of something are in it, and not only the beginning of one.
        has_lines: bool,
    },
}

/// Reads the end of a file.
pub(super) fn read(file: &File, shape: Shape) -> io::Result<End> {
    let length = file.metadata()?.len();
    let header = shape.header();
    let head = bytes(file, 0, length.min(as_u64(header.len())))?;
    let foreign = |why| End::Foreign {
        why,
        has_lines: true,
    };
    if !header.starts_with(&head) {
        return Ok(foreign("it does not begin with the names of the columns"));
    }
    let ours = |last, whole_bytes| End::Ours {
        last,
        whole_bytes,
        cut_bytes: length.saturating_sub(whole_bytes),
    };
    if head.len() < header.len() || length == 0 {
        return Ok(ours(None, 0));
    }
    let Some(end) = line_end_before(file, length)? else {
        return Ok(foreign("what it ends with is longer than a line may be"));
    };
    if end == 0 {
        return Ok(End::Foreign {
            why: "it holds no whole line",
            has_lines: false,
        });
    }
    if end == as_u64(header.len()) {
        return Ok(ours(None, end));
    }
    let Some(start) = line_end_before(file, end.saturating_sub(1))? else {
        return Ok(foreign("its last line is longer than a line may be"));
    };
    let line = bytes(file, start, end - start)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(match shape.last(line) {
        Some(last) => ours(Some(last), end),
        None => foreign("its last line is not of the format and chain that are set"),
    })
}

/// Where the last line end before `end` ends; 0 where there is none, `None` where a line
/// without an end is longer than lines are.
fn line_end_before(file: &File, end: u64) -> io::Result<Option<u64>> {
    let lowest = end.saturating_sub(as_u64(MAX_LINE_BYTES).saturating_add(1));
    let mut upper = end;
    while upper > lowest {
        let lower = upper.saturating_sub(BLOCK).max(lowest);
        let block = bytes(file, lower, upper - lower)?;
        if let Some(place) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(lower.saturating_add(as_u64(place)).saturating_add(1)));
        }
        upper = lower;
    }
    Ok((lowest == 0).then_some(0))
}

fn bytes(file: &File, from: u64, count: u64) -> io::Result<Vec<u8>> {
    let count = usize::try_from(count).map_err(io::Error::other)?;
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}
