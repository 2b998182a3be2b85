//! What is answered to a request, and at which pace.

use std::time::Duration;

/// How a body's length is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// By `Content-Length`: the body's own, or whatever is claimed.
    Told(Option<usize>),
    /// Not at all: it ends with the connection.
    Untold,
    /// In chunks.
    Chunked,
}

/// An answer in the making.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) never: bool,
    pub(super) raw: Option<Vec<u8>>,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) length: Length,
    pub(super) sent_bytes: Option<usize>,
    pub(super) endless: bool,
    pub(super) delay: Duration,
    pub(super) head_pace: Option<Duration>,
    pub(super) body_pace: Option<Duration>,
}

impl Answer {
    /// 200 with a body of this type.
    pub fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self::status(200).header("Content-Type", content_type);
        answer.body = body.into();
        answer
    }

    /// 200 with JSON, or with what calls itself so.
    pub fn json(body: impl ToString) -> Self {
        Self::body("application/json", body.to_string())
    }

    /// 200 with a page, as portals and proxies answer anything.
    pub fn html() -> Self {
        let page = "<!DOCTYPE html><html><body>Please sign in.</body></html>";
        Self::body("text/html; charset=utf-8", page)
    }

    /// An empty body under this status.
    pub fn status(status: u16) -> Self {
        Self {
            never: false,
            raw: None,
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: Length::Told(None),
            sent_bytes: None,
            endless: false,
            delay: Duration::ZERO,
            head_pace: None,
            body_pace: None,
        }
    }

    /// 302 to another place.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// Nothing at all; the connection stays open until the client leaves.
    pub fn never() -> Self {
        let mut answer = Self::status(200);
        answer.never = true;
        answer
    }

    /// These bytes in place of HTTP.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self::status(200);
        answer.raw = Some(bytes.into());
        answer
    }

    /// Under another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another `Content-Type`, or with none.
    #[must_use]
    pub fn content_type(mut self, content_type: Option<&str>) -> Self {
        self.headers.retain(|(name, _)| name != "Content-Type");
        match content_type {
            Some(content_type) => self.header("Content-Type", content_type),
            None => self,
        }
    }

    /// The first byte comes so much later.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The body comes byte by byte, one in this time.
    #[must_use]
    pub fn dripping(mut self, pace: Duration) -> Self {
        self.body_pace = Some(pace);
        self
    }

    /// Everything comes byte by byte, the status line too.
    #[must_use]
    pub fn dripping_from_the_start(mut self, pace: Duration) -> Self {
        self.head_pace = Some(pace);
        self.dripping(pace)
    }

    /// The body comes in chunks, its length untold.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    /// The body's length is untold; it ends with the connection.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.length = Length::Untold;
        self
    }

    /// The header claims this length, whatever the body's is.
    #[must_use]
    pub fn claiming_length(mut self, bytes: usize) -> Self {
        self.length = Length::Told(Some(bytes));
        self
    }

    /// The body is repeated until the client leaves; chunked unless its length is untold.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.endless = true;
        if matches!(self.length, Length::Told(_)) {
            self.length = Length::Chunked;
        }
        self
    }

    /// The connection ends behind so many bytes of the body, without a TLS good-bye.
    #[must_use]
    pub fn truncated(mut self, bytes: usize) -> Self {
        self.sent_bytes = Some(bytes);
        self
    }

    /// The bytes before the body.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        let length = match self.length {
            Length::Told(claimed) => Some((
                "Content-Length",
                claimed.unwrap_or(self.body.len()).to_string(),
            )),
            Length::Chunked => Some(("Transfer-Encoding", "chunked".to_owned())),
            Length::Untold => None,
        };
        let length = length.map(|(name, value)| (name.to_owned(), value));
        for (name, value) in self.headers.iter().cloned().chain(length) {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "\r\n").into_bytes()
    }
}
