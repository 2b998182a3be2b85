//! A line of text.

use super::{Fields, Unreadable, name};

/// Reads a line of text.
///
/// # Errors
/// When it is not one.
pub fn text(line: &[u8]) -> Result<Fields, Unreadable> {
    let line = std::str::from_utf8(line).map_err(|_| Unreadable::NotText)?;
    let wrong = |left: &str, why: &str| {
        let byte = line.len() - left.len() + 1;
        Unreadable::syntax("text", &format!("byte {byte}: {why}"))
    };
    let mut fields = Fields::default();
    let mut left = line;
    loop {
        let (key, rest) = left
            .split_once('=')
            .ok_or_else(|| wrong(left, "no `=` behind a name"))?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if key.is_empty() || !key.chars().all(is_name) {
            return Err(wrong(left, "no name"));
        }
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or_else(|| wrong(rest, "a quotation mark that is not closed"))?,
            None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
        };
        if value.contains('"') {
            return Err(wrong(left, "a quotation mark within a value"));
        }
        fields.add(name(key), value)?;
        if rest.is_empty() {
            return Ok(fields);
        }
        left = rest
            .strip_prefix(' ')
            .ok_or_else(|| wrong(rest, "no space behind a value"))?;
    }
}
