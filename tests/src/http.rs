//! The head of an HTTP message, a request's or an answer's, as it came.
//!
//! In: bytes. Out: the first line and the headers; what is left is the body.

use std::io::{self, BufRead};

/// Names in lower case, in the order they came.
pub(crate) type Headers = Vec<(String, String)>;

/// Reads a head and the empty line behind it.
///
/// # Errors
/// When it ends too early, or is no head.
pub(crate) fn head(from: &mut impl BufRead) -> io::Result<(String, Headers)> {
    let first = line(from)?;
    let mut headers = Headers::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok((first, headers));
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}

/// The first header of this name, written in lower case.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// A line without its end.
fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
