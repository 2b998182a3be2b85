//! The way out by HTTP: every call to somebody else's service goes through here.
//!
//! In: a request to an allowed host. Out: a bounded answer, or a [`CallError`] in words
//! for the operator. Never: plain `http` but to this machine when asked for, a redirect,
//! a proxy of the environment, a host that is not allowed, an answer without bounds of
//! time and size, more than `max_in_flight` calls at once, a secret in an error.

mod client;
mod gate;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, StatusCode, Url};
use warden_core::Now;
use warden_settings::{self as file, Access};
use zeroize::Zeroizing;

use crate::services::{Services, sleep};

pub(crate) use gate::{Full, Gate, Place, Priority};
pub(crate) use settings::{Draft, Settings, address, parse, read};

/// Time between a call that failed and its repetition.
const PAUSE: Duration = Duration::from_millis(100);
/// Most calls of low priority that wait: bounds what a flood of refused log-ins takes.
const MAX_LOW: usize = 1000;

/// A checked `[endpoint]` table with its client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Inner>);

struct Inner {
    settings: Settings,
    client: Client,
    in_flight: Gate,
    /// Why the last call came to nothing.
    trouble: ArcSwapOption<String>,
    services: Services,
}

/// What is sent.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// Whether the token of `bearer_token_file` is left out.
    pub(crate) is_anonymous: bool,
}

impl Request {
    /// A GET without further headers.
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            is_anonymous: false,
        }
    }
}

/// How a call queues, and whether it is still to be made when its turn comes.
pub(crate) struct Turn {
    pub(crate) priority: Priority,
    pub(crate) is_wanted: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Default for Turn {
    /// As every call whose caller has done nothing to be mistrusted.
    fn default() -> Self {
        Self {
            priority: Priority::Normal,
            is_wanted: Box::new(|| true),
        }
    }
}

/// What came back, whole and within the bound.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header's value, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer. Words for the operator; no secret, no outside text unquoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The address is none of those allowed.
    #[error("{0}")]
    NotAllowed(String),
    /// No connection: unreachable, TLS refused, or `connect_timeout_ms` passed.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, String),
    /// `timeout_ms` passed.
    #[error("{0} did not answer within {1} ms")]
    TooSlow(String, u128),
    /// The answer was broken off, or is larger than `max_response_bytes`.
    #[error("the answer of {0} {1}")]
    Unreadable(String, String),
    /// The answer is a redirect, a server error, or otherwise none.
    #[error("{0} answered {1}")]
    Status(String, StatusCode),
    /// It was not made: no place for it within `timeout_ms`, or too many of low priority
    /// before it.
    #[error("{0} was not asked: too many calls just now")]
    Busy(String),
    /// It was not made: when its turn came it was not wanted any more.
    #[error("nobody was asked: the call was not wanted any more")]
    Unwanted,
    /// The module is being unloaded, or this process has no network.
    #[error("there is no network here")]
    Stopped,
}

impl Endpoint {
    pub(crate) fn new(settings: Settings, client: Client, services: Services) -> Self {
        Self(Arc::new(Inner {
            in_flight: Gate::new(settings.max_in_flight, MAX_LOW),
            trouble: ArcSwapOption::empty(),
            settings,
            client,
            services,
        }))
    }

    /// Whether calls may go to this address.
    ///
    /// # Errors
    /// [`CallError::NotAllowed`].
    pub(crate) fn check(&self, url: &Url) -> Result<(), CallError> {
        self.0.settings.check(url).map_err(CallError::NotAllowed)
    }

    /// Whether calls bear a token, unless they are anonymous.
    pub(crate) fn bears_token(&self) -> bool {
        self.0.settings.bearer_token_file.is_some()
    }

    /// Sends a request, waits for its whole answer, and tries again where that may help,
    /// all within `timeout_ms`. May be awaited on any thread; ends when it is dropped.
    ///
    /// # Errors
    /// See [`CallError`]: whatever is no answer below 500, other than a redirect.
    pub(crate) async fn call(&self, request: Request) -> Result<Response, CallError> {
        self.call_in_turn(request, Turn::default()).await
    }

    /// The same for a call of another priority, or one that may not be wanted any more.
    ///
    /// # Errors
    /// See [`Endpoint::call`]; [`CallError::Busy`] or [`CallError::Unwanted`] when it was
    /// not made.
    pub(crate) async fn call_in_turn(
        &self,
        request: Request,
        turn: Turn,
    ) -> Result<Response, CallError> {
        self.check(&request.url)?;
        let inner = Arc::clone(&self.0);
        let task = self
            .0
            .services
            .spawn(async move { inner.bounded(request, turn).await });
        let task = task.ok_or(CallError::Stopped)?;
        let answer = task.outcome().await.unwrap_or(Err(CallError::Stopped));
        // A call that was not made tells nothing about who was to be called.
        if !matches!(answer, Err(CallError::Busy(_) | CallError::Unwanted)) {
            let trouble = answer.as_ref().err().map(|error| error.to_string().into());
            self.0.trouble.store(trouble);
        }
        answer
    }

    /// Both clocks of whoever lends the network.
    pub(crate) fn now(&self) -> Now {
        self.0.services.now()
    }

    /// Why the last call came to nothing; `None` when it did not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.trouble.load().as_deref().cloned()
    }
}

impl Inner {
    async fn bounded(&self, request: Request, turn: Turn) -> Result<Response, CallError> {
        let timeout = self.settings.timeout;
        let host = host(&request.url);
        let has_place = AtomicBool::new(false);
        let attempts = async {
            let place = self.in_flight.place(turn.priority).await;
            let _place = place.map_err(|Full| CallError::Busy(host.clone()))?;
            if !(turn.is_wanted)() {
                return Err(CallError::Unwanted);
            }
            has_place.store(true, Ordering::Relaxed);
            let silence = Silence(&self.in_flight);
            // Only now is there room for it: thousands may wait that never get here.
            let answer = Box::pin(self.attempts(request)).await;
            if !matches!(answer, Err(CallError::Unreachable(..))) {
                silence.end();
            }
            answer
        };
        match tokio::time::timeout(timeout, attempts).await {
            Ok(answer) => answer,
            Err(_) if has_place.into_inner() => Err(CallError::TooSlow(host, timeout.as_millis())),
            // Whoever was to be asked is not to blame.
            Err(_) => Err(CallError::Busy(host)),
        }
    }

    async fn attempts(&self, request: Request) -> Result<Response, CallError> {
        let mut left = self.settings.retries;
        loop {
            let answer = self.once(request.clone()).await;
            let again = match &answer {
                Err(CallError::Unreachable(..) | CallError::Unreadable(..)) => true,
                Err(CallError::Status(_, status)) => status.is_server_error(),
                _ => false,
            };
            if !again || left == 0 {
                return answer;
            }
            left -= 1;
            sleep(PAUSE).await;
        }
    }

    async fn once(&self, request: Request) -> Result<Response, CallError> {
        let host = host(&request.url);
        let mut headers = request.headers;
        if !request.is_anonymous
            && let Some(token) = self.bearer_token(&host)?
        {
            headers.insert(AUTHORIZATION, token);
        }
        let mut sending = self
            .client
            .request(request.method, request.url)
            .headers(headers);
        if let Some(body) = request.body {
            sending = sending.body(body);
        }
        let mut answer = sending
            .send()
            .await
            .map_err(|error| CallError::Unreachable(host.clone(), client::words(&error)))?;
        let status = answer.status();
        if status.is_server_error() || status.is_redirection() && status != StatusCode::NOT_MODIFIED
        {
            return Err(CallError::Status(host, status));
        }
        let unreadable = |why: String| CallError::Unreadable(host.clone(), why);
        let limit = self.settings.max_response_bytes;
        let too_large = || unreadable(format!("is larger than {limit} bytes"));
        if answer
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| unreadable(format!("was broken off: {}", client::words(&error))))?
        {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status,
            headers: std::mem::take(answer.headers_mut()),
            body,
        })
    }

    /// The content of `bearer_token_file`, read for each call: such files are replaced
    /// every hour.
    fn bearer_token(&self, host: &str) -> Result<Option<HeaderValue>, CallError> {
        let Some(path) = &self.settings.bearer_token_file else {
            return Ok(None);
        };
        let refused = |why: String| {
            CallError::Unreachable(host.to_owned(), format!("bearer_token_file {path:?} {why}"))
        };
        let bytes = file::read(path, settings::MAX_TOKEN_BYTES, Access::Secret)
            .map_err(|error| refused(error.to_string()))?;
        let text = Zeroizing::new([b"Bearer ", bytes.trim_ascii()].concat());
        let mut value = HeaderValue::from_bytes(&text)
            .map_err(|_| refused("does not hold a token".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A call until somebody has answered. Given up without that, also because nobody waits for it any more, it tells those
/// who wait for a place.
struct Silence<'a>(&'a Gate);

impl Silence<'_> {
    fn end(self) {
        self.0.serve_last_first(false);
        std::mem::forget(self);
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.serve_last_first(true);
    }
}

/// Whose server this is, for messages: never the path or query.
pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}
