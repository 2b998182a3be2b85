//! A request as it was read.

use std::io::{self, BufRead, Read};

use crate::http;

/// More than any client here sends.
const LIMIT_BYTES: u64 = 1 << 20;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Behind the question mark, as it came.
    pub query: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name, written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        http::header(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut from = from.take(LIMIT_BYTES);
        let (first, headers) = http::head(&mut from)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: Vec::new(),
        };
        let length = request
            .header("content-length")
            .map_or(Ok(0), str::parse::<u64>)
            .map_err(io::Error::other)?;
        from.take(length).read_to_end(&mut request.body)?;
        Ok(request)
    }
}
