//! A line of CSV.

use csv_core::{ReadRecordResult, Reader};

use super::{Fields, Unreadable, name};
use crate::format::Field;

/// Reads a line of CSV; the columns are those of [`Field::ALL`], the last of which need not
/// be there. A header is no such line: its first column is no time.
///
/// # Errors
/// When it is not one.
pub fn csv(line: &[u8]) -> Result<Fields, Unreadable> {
    let wrong = |why: &str| Unreadable::syntax("CSV", why);
    let text = std::str::from_utf8(line).map_err(|_| Unreadable::NotText)?;
    if text.contains(['\n', '\r']) {
        return Err(wrong("more than one line"));
    }
    if text.matches('"').count() % 2 != 0 {
        return Err(wrong("a quotation mark that is not closed"));
    }
    let (values, ends) = split(line).ok_or_else(|| wrong("too many columns, or none"))?;
    if !matches!(ends.len() + 1, n if n == Field::ALL.len() || n == Field::ALL.len() + 1) {
        return Err(wrong("too few columns"));
    }
    let mut fields = Fields::default();
    let mut start = 0;
    for (field, end) in Field::ALL.iter().zip(ends) {
        let value = values.get(start..end).unwrap_or_default();
        let value = std::str::from_utf8(value).map_err(|_| Unreadable::NotText)?;
        if *field == Field::Time && !value.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong("the first column is no time"));
        }
        if !value.is_empty() {
            fields.add(name(field.name()), value)?;
        }
        start = end;
    }
    Ok(fields)
}

/// The values of all columns one behind the other, and where each ends.
fn split(line: &[u8]) -> Option<(Vec<u8>, Vec<usize>)> {
    let mut reader = Reader::new();
    let mut values = vec![0; line.len() + 1];
    let mut ends = vec![0; Field::ALL.len() + 1];
    let (_, _, written, columns) = reader.read_record(line, &mut values, &mut ends);
    // An empty input is the end of the line.
    let rest = (values.get_mut(written..)?, ends.get_mut(columns..)?);
    let (done, _, _, more) = reader.read_record(&[], rest.0, rest.1);
    ends.truncate(columns + more);
    let is_whole = done == ReadRecordResult::Record && ends.len() <= Field::ALL.len();
    is_whole.then_some((values, ends))
}
