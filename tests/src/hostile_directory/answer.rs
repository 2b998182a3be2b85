//! What is answered to a request, and at which pace.

use std::sync::Arc;
use std::time::Duration;

use lber::common::TagClass;
use lber::structure::StructureTag;
use rustls::ServerConfig;

use super::message::{self, Verdict};
use super::request::Request;
use crate::authority::Identity;
use crate::ldap::Entry;
use crate::tls;

/// An answer in the making.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What comes before the result.
    found: Vec<Found>,
    result: Option<Verdict>,
    kind: Option<u64>,
    message_id: Option<i64>,
    trailing: Vec<u8>,
    pub(super) sent_bytes: Option<usize>,
    pub(super) hangs_up: bool,
    pub(super) endless: bool,
    pub(super) delay: Duration,
    pub(super) pace: Option<Duration>,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

#[derive(Clone, Debug)]
enum Found {
    Entry(Entry),
    Reference(String),
    /// A message to no request.
    Notice(Verdict),
}

impl Answer {
    /// Success (0).
    pub fn success() -> Self {
        Self::result(0, "")
    }

    /// A result of this code, whatever kind of result the request wants.
    pub fn result(code: u32, diagnostic: &str) -> Self {
        Self {
            result: Some(Verdict {
                code,
                diagnostic: diagnostic.to_owned(),
                referrals: Vec::new(),
            }),
            ..Self::never()
        }
    }

    /// Ask those instead (10).
    pub fn referral(urls: &[&str]) -> Self {
        let mut answer = Self::result(10, "");
        if let Some(verdict) = &mut answer.result {
            verdict.referrals = urls.iter().map(|&url| url.to_owned()).collect();
        }
        answer
    }

    /// Nothing; the connection stays open, and further requests are read.
    pub fn never() -> Self {
        Self {
            found: Vec::new(),
            result: None,
            kind: None,
            message_id: None,
            trailing: Vec::new(),
            sent_bytes: None,
            hangs_up: false,
            endless: false,
            delay: Duration::ZERO,
            pace: None,
            tls: None,
        }
    }

    /// These bytes in place of LDAP.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::never().followed_by(bytes)
    }

    /// Nothing; the connection is closed.
    pub fn hang_up() -> Self {
        Self::never().and_hang_up()
    }

    /// A notice of disconnection, which answers no request, with this code; then the
    /// connection is closed.
    pub fn disconnection(code: u32) -> Self {
        let mut answer = Self::hang_up();
        answer.found.push(Found::Notice(Verdict {
            code,
            diagnostic: "going down".to_owned(),
            referrals: Vec::new(),
        }));
        answer
    }

    /// Success, and from then on TLS with this certificate.
    pub fn start_tls(identity: &Identity) -> Self {
        let mut answer = Self::success();
        answer.tls = Some(tls::server(identity));
        answer
    }

    /// Finds this entry, behind those before it.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.found.push(Found::Entry(entry));
        self
    }

    /// Finds these entries.
    #[must_use]
    pub fn entries(mut self, entries: impl IntoIterator<Item = Entry>) -> Self {
        self.found.extend(entries.into_iter().map(Found::Entry));
        self
    }

    /// Says that more can be found there.
    #[must_use]
    pub fn reference(mut self, url: &str) -> Self {
        self.found.push(Found::Reference(url.to_owned()));
        self
    }

    /// The result that ends the answer never comes.
    #[must_use]
    pub fn without_result(mut self) -> Self {
        self.result = None;
        self
    }

    /// The result is of another kind, by its tag in RFC 4511: 1 bind, 5 search, 24 extended.
    #[must_use]
    pub fn of_kind(mut self, tag: u64) -> Self {
        self.kind = Some(tag);
        self
    }

    /// It claims to answer another request.
    #[must_use]
    pub fn with_message_id(mut self, id: i64) -> Self {
        self.message_id = Some(id);
        self
    }

    /// These bytes come right behind it, in the same piece.
    #[must_use]
    pub fn followed_by(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.trailing = bytes.into();
        self
    }

    /// The connection is closed behind it.
    #[must_use]
    pub fn and_hang_up(mut self) -> Self {
        self.hangs_up = true;
        self
    }

    /// The connection is closed behind so many bytes of it.
    #[must_use]
    pub fn truncated(mut self, bytes: usize) -> Self {
        self.sent_bytes = Some(bytes);
        self.and_hang_up()
    }

    /// What it finds is repeated until the client leaves.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    /// The first byte comes so much later.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// It comes byte by byte, one in this time.
    #[must_use]
    pub fn dripping(mut self, pace: Duration) -> Self {
        self.pace = Some(pace);
        self
    }

    /// The messages before the result.
    pub(super) fn found(&self, request: &Request) -> Vec<u8> {
        let id = self.message_id.unwrap_or(request.message_id);
        let messages = self.found.iter().map(|found| match found {
            Found::Entry(entry) => message::message(id, message::entry(entry)),
            Found::Reference(url) => message::message(id, message::reference(url)),
            Found::Notice(verdict) => {
                message::message(0, message::notice_of_disconnection(verdict))
            }
        });
        messages.flat_map(encoded).collect()
    }

    /// The result, and what comes behind it.
    pub(super) fn end(&self, request: &Request) -> Vec<u8> {
        let id = self.message_id.unwrap_or(request.message_id);
        let tag = self.kind.unwrap_or(message::result_of(request.tag));
        let result = self
            .result
            .as_ref()
            .map(|verdict| encoded(message::message(id, message::result(tag, verdict))));
        [result.unwrap_or_default(), self.trailing.clone()].concat()
    }
}

fn encoded(message: StructureTag) -> Vec<u8> {
    debug_assert_eq!(message.class, TagClass::Universal);
    let mut bytes = Default::default();
    lber::write::encode_into(&mut bytes, message).expect("memory takes bytes");
    bytes.to_vec()
}
