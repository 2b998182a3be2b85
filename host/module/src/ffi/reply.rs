//! Replies, in both directions.
//!
//! In: a [`Reply`] to send to the client of a call, or the answer of a command we called. Out: the client's own protocol,
//! maps flattened for RESP2 by the server; or an owned value. Never: a line break in an error; a value
//! nested deeper than 16 levels.

use super::context::Context;
use super::error::Error;
use super::string::c_string;
use std::ffi::{CString, c_int, c_long};
use valkey_module::raw;

/// The deepest nesting sent or read; bounds the stack.
pub(super) const MAX_DEPTH: usize = 16;

/// A value of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A fraction; a bulk string in RESP2.
    Double(f64),
    /// Yes or no; 1 or 0 in RESP2.
    Bool(bool),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Code and text of an error, without the leading minus.
    Error(String),
    /// A list.
    Array(Vec<Reply>),
    /// A set; a list in RESP2.
    Set(Vec<Reply>),
    /// Pairs; a flat list in RESP2.
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// A bulk string of a text.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Bulk(text.as_ref().as_bytes().to_vec())
    }

    /// All texts in it, from left to right; of a map, names and values alternate. What is not UTF-8 is left out.
    pub(crate) fn into_texts(self) -> Vec<String> {
        match self {
            Self::Bulk(bytes) => String::from_utf8(bytes).into_iter().collect(),
            Self::Array(items) | Self::Set(items) => {
                items.into_iter().flat_map(Self::into_texts).collect()
            }
            Self::Map(pairs) => pairs
                .into_iter()
                .flat_map(|(key, value)| [key, value])
                .flat_map(Self::into_texts)
                .collect(),
            Self::Null | Self::Integer(_) | Self::Double(_) | Self::Bool(_) | Self::Error(_) => {
                Vec::new()
            }
        }
    }

    fn depth(&self) -> usize {
        let below = match self {
            Self::Array(items) | Self::Set(items) => items.iter().map(Self::depth).max(),
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| key.depth().max(value.depth()))
                .max(),
            _ => return 1,
        };
        below.unwrap_or(0).saturating_add(1)
    }
}

impl Context<'_> {
    /// Replies with an error: code and text, without the leading minus. Line breaks and NULs become spaces.
    pub(super) fn reply_error(&self, text: &str) {
        if let (Ok(reply), Ok(line)) = (api!(ValkeyModule_ReplyWithError), one_line(text)) {
            // SAFETY: the context is live for `self`; the text is NUL-terminated and copied.
            unsafe { reply(self.as_ptr(), line.as_ptr()) };
        }
    }

    /// Sends one whole reply to the client of this call.
    ///
    /// # Errors
    /// When it is nested too deep; then nothing is sent.
    pub(super) fn reply(&self, value: &Reply) -> Result<(), Error> {
        if value.depth() > MAX_DEPTH {
            return Err(Error::TooDeep(MAX_DEPTH));
        }
        self.send(value)
    }

    fn send(&self, value: &Reply) -> Result<(), Error> {
        match value {
            Reply::Null => self.send_null(),
            Reply::Integer(number) => self.send_integer(*number),
            Reply::Double(number) => self.send_double(*number),
            Reply::Bool(yes) => self.send_bool(*yes),
            Reply::Bulk(bytes) => self.send_bulk(bytes),
            Reply::Error(text) => {
                self.reply_error(text);
                Ok(())
            }
            Reply::Array(items) => {
                self.open(api!(ValkeyModule_ReplyWithArray)?, items.len())?;
                items.iter().try_for_each(|item| self.send(item))
            }
            Reply::Set(items) => {
                self.open(api!(ValkeyModule_ReplyWithSet)?, items.len())?;
                items.iter().try_for_each(|item| self.send(item))
            }
            Reply::Map(pairs) => {
                self.open(api!(ValkeyModule_ReplyWithMap)?, pairs.len())?;
                pairs.iter().try_for_each(|(key, value)| {
                    self.send(key)?;
                    self.send(value)
                })
            }
        }
    }

    fn open(
        &self,
        open: unsafe extern "C" fn(*mut raw::ValkeyModuleCtx, c_long) -> c_int,
        length: usize,
    ) -> Result<(), Error> {
        let length = c_long::try_from(length).map_err(|_large| Error::Refused("a reply"))?;
        // SAFETY: the context is live for `self`; `open` is one of the server's calls that begin a collection.
        unsafe { open(self.as_ptr(), length) };
        Ok(())
    }

    fn send_null(&self) -> Result<(), Error> {
        let reply = api!(ValkeyModule_ReplyWithNull)?;
        // SAFETY: the context is live for `self`.
        unsafe { reply(self.as_ptr()) };
        Ok(())
    }

    fn send_integer(&self, number: i64) -> Result<(), Error> {
        let reply = api!(ValkeyModule_ReplyWithLongLong)?;
        // SAFETY: the context is live for `self`.
        unsafe { reply(self.as_ptr(), number) };
        Ok(())
    }

    fn send_double(&self, number: f64) -> Result<(), Error> {
        let reply = api!(ValkeyModule_ReplyWithDouble)?;
        // SAFETY: the context is live for `self`.
        unsafe { reply(self.as_ptr(), number) };
        Ok(())
    }

    fn send_bool(&self, yes: bool) -> Result<(), Error> {
        let reply = api!(ValkeyModule_ReplyWithBool)?;
        // SAFETY: the context is live for `self`.
        unsafe { reply(self.as_ptr(), c_int::from(yes)) };
        Ok(())
    }

    fn send_bulk(&self, bytes: &[u8]) -> Result<(), Error> {
        let reply = api!(ValkeyModule_ReplyWithStringBuffer)?;
        // SAFETY: the context is live for `self`; pointer and length are of one slice, which is copied.
        unsafe { reply(self.as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }
}

/// The text as one line of the protocol.
fn one_line(text: &str) -> Result<CString, Error> {
    let line: Vec<u8> = text
        .bytes()
        .map(|byte| {
            if matches!(byte, b'\r' | b'\n' | 0) {
                b' '
            } else {
                byte
            }
        })
        .collect();
    c_string("a reply", &line)
}

#[cfg(test)]
mod tests {
    use super::{Reply, one_line};

    #[test]
    fn line_breaks_and_nuls_do_not_end_a_line() {
        let line = one_line("a\r\n+OK\0b").expect("no NUL is left");
        assert_eq!(line.to_bytes(), b"a  +OK b");
    }

    #[test]
    fn texts_are_found_at_every_level() {
        let map = Reply::Map(vec![(
            Reply::text("dir"),
            Reply::Array(vec![
                Reply::Integer(1),
                Reply::text("/a"),
                Reply::Bulk(vec![0xff]),
            ]),
        )]);
        assert_eq!(map.into_texts(), ["dir", "/a"]);
        assert!(Reply::Error("ERR no".into()).into_texts().is_empty());
    }

    #[test]
    fn depth_counts_levels() {
        assert_eq!(Reply::Null.depth(), 1);
        assert_eq!(Reply::Array(Vec::new()).depth(), 1);
        let nested = Reply::Map(vec![(Reply::text("k"), Reply::Array(vec![Reply::Null]))]);
        assert_eq!(nested.depth(), 3);
    }
}
