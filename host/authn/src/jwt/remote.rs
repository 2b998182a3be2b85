//! The keys of an issuer that publishes them.
//!
//! ```text
//! background: fetch ── good ──→ in force, kept on disk ── refresh_seconds ──→ again
//!                  └─ anything else: the last good keys stay ── 1 s, 2 s, 4 s … ──→ again
//!
//! unknown key: newer keys by now? ── yes ──→ try those
//!                  │ no
//!                  ├─ looked for a moment ago and not there ──→ refused
//!                  ├─ the last fetch was a moment ago ────────→ undecided
//!                  └─ fetch, once for all who wait
//! ```
//!
//! In: the configured issuer or address. Out: keys, as of the last good answer. Never: a
//! key set that is empty, malformed, too large or not certainly this issuer's in place of
//! a good one; more than one fetch for a cool-down, whatever tokens say; a key older than
//! `max_key_age_seconds`.

mod absent;
mod fetched;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use reqwest::{StatusCode, Url};
use tokio::sync::Mutex;
use warden_core::{AuthenticatorId, Reason, Timestamp};

use crate::asking::unavailable;
use crate::endpoint::{Endpoint, Request, Response};
use crate::jwt::algorithm::Algorithm;
use crate::services::{Services, Task, sleep};
use absent::Absent;
pub(crate) use fetched::Fetched;
pub(crate) use settings::{Place, RemoteSettings};
use store::Store;

/// Longest pause after fetches that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The keys and the task that renews them.
pub(crate) struct RemoteKeys {
    inner: Arc<Inner>,
    /// Ends with this.
    renewal: OnceLock<Option<Task<()>>>,
}

struct Inner {
    id: AuthenticatorId,
    settings: RemoteSettings,
    algorithms: Option<Vec<Algorithm>>,
    endpoint: Endpoint,
    services: Services,
    store: Store,
    current: ArcSwapOption<Fetched>,
    absent: Absent,
    /// Held by whoever fetches; the others wait for what it brings.
    last: Mutex<Last>,
    trouble: ArcSwapOption<String>,
}

/// The last fetch.
#[derive(Default)]
struct Last {
    /// When it began, on the monotonic clock.
    began: Option<Duration>,
    /// Whether it brought an answer.
    succeeded: bool,
    /// What makes the next one conditional (RFC 9110 §13.1), and for which address.
    validators: Option<(Url, HeaderMap)>,
}

/// What became of the search for a key.
pub(crate) enum Search {
    /// There are newer keys: try those.
    Newer(Arc<Fetched>),
    /// The issuer has no such key.
    Absent,
    /// The issuer could not be asked, or was asked a moment ago.
    Undecided(Reason),
}

impl RemoteKeys {
    /// Takes what is left of an earlier process.
    pub(crate) fn new(
        id: AuthenticatorId,
        settings: RemoteSettings,
        algorithms: Option<Vec<Algorithm>>,
        endpoint: Endpoint,
        services: Services,
    ) -> Self {
        let store = Store::new(&id, &settings.place);
        let kept = store.read(&services, algorithms.as_deref());
        let inner = Arc::new(Inner {
            id,
            settings,
            algorithms,
            endpoint,
            store,
            current: ArcSwapOption::new(kept.map(Arc::new)),
            absent: Absent::default(),
            last: Mutex::default(),
            trouble: ArcSwapOption::empty(),
            services,
        });
        Self {
            inner,
            renewal: OnceLock::new(),
        }
    }

    /// Begins to renew them.
    pub(crate) fn start(&self) {
        let inner = &self.inner;
        self.renewal
            .get_or_init(|| inner.services.spawn(renew_forever(Arc::clone(inner))));
    }

    /// The keys in force; waits for the first ones.
    ///
    /// # Errors
    /// `ReasonKind::Unavailable` when there are none, or none young enough.
    pub(crate) async fn current(&self) -> Result<Arc<Fetched>, Reason> {
        let inner = &self.inner;
        if let Some(keys) = inner.usable() {
            return Ok(keys);
        }
        let mut last = inner.last.lock().await;
        if inner.usable().is_none() && !inner.is_cooling(&last) {
            inner.renew(&mut last).await;
        }
        inner.usable().ok_or_else(|| {
            let trouble = inner.trouble.load();
            let why = trouble
                .as_ref()
                .map_or("not fetched yet", |why| why.as_str());
            unavailable(format!("no keys of the issuer: {why}"))
        })
    }

    /// Looks for a key that is not among those `seen`. `name` is how the token names it.
    pub(crate) async fn search(&self, name: &str, seen: &Arc<Fetched>) -> Search {
        let inner = &self.inner;
        let asked = inner.services.now().monotonic;
        if let Some(found) = inner.answer(name, seen) {
            return found;
        }
        let mut last = inner.last.lock().await;
        if let Some(found) = inner.answer(name, seen) {
            return found;
        }
        let reflects =
            |last: &Last| last.succeeded && last.began.is_some_and(|began| began > asked);
        if !reflects(&last) {
            if inner.is_cooling(&last) {
                return Search::Undecided(unavailable(format!(
                    "its key is unknown, and the issuer was asked less than {} s ago",
                    inner.settings.cooldown.as_secs()
                )));
            }
            inner.renew(&mut last).await;
        }
        if !last.succeeded {
            return Search::Undecided(unavailable(
                "its key is unknown, and the issuer cannot be asked",
            ));
        }
        inner.absent.remember(name, inner.services.now().monotonic);
        inner.answer(name, seen).unwrap_or(Search::Absent)
    }

    /// The way to the issuer.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Where the keys are.
    pub(crate) fn place(&self) -> &Place {
        &self.inner.settings.place
    }

    /// When the keys last changed.
    pub(crate) fn changed(&self) -> Option<Timestamp> {
        self.inner.current.load().as_ref().map(|keys| keys.changed)
    }

    /// What keeps them from being renewed.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.inner.trouble.load().as_deref().cloned()
    }
}

impl Inner {
    /// The keys, unless they are too old to be trusted.
    fn usable(&self) -> Option<Arc<Fetched>> {
        let now = self.services.now().wall;
        self.current
            .load_full()
            .filter(|keys| now.since(keys.confirmed()) <= self.settings.max_age)
    }

    /// The end of a search that needs no fetch.
    fn answer(&self, name: &str, seen: &Arc<Fetched>) -> Option<Search> {
        if let Some(keys) = self.usable().filter(|keys| !Arc::ptr_eq(keys, seen)) {
            return Some(Search::Newer(keys));
        }
        let now = self.services.now().monotonic;
        self.absent.holds(name, now).then_some(Search::Absent)
    }

    fn is_cooling(&self, last: &Last) -> bool {
        let now = self.services.now().monotonic;
        last.began
            .is_some_and(|began| now.saturating_sub(began) < self.settings.cooldown)
    }

    /// Fetches, and takes what is good.
    async fn renew(&self, last: &mut Last) {
        last.began = Some(self.services.now().monotonic);
        last.succeeded = false;
        let fetched = self.fetch(last).await;
        last.succeeded = fetched.is_ok();
        let before = self.trouble.load_full();
        match fetched {
            Ok(()) => self.trouble.store(None),
            Err(why) => {
                if before.as_deref() != Some(&why) {
                    let stays = match self.current.load().as_ref() {
                        Some(_) => "the last good ones stay in force",
                        None => "log-ins wait for them",
                    };
                    let line = format!("keys could not be fetched: {why}; {stays}");
                    self.services.notices().warn(&self.id, &line);
                }
                self.trouble.store(Some(Arc::new(why)));
            }
        }
    }

    async fn fetch(&self, last: &mut Last) -> Result<(), String> {
        let url = match &self.settings.place {
            Place::Url(url) => url.clone(),
            Place::Discovery(discovery) => discovery
                .metadata(&self.endpoint)
                .await?
                .address("jwks_uri", &self.endpoint)?,
        };
        let mut request = Request::get(url.clone());
        let current = self.current.load_full();
        if let Some((_, validators)) = last.validators.as_ref().filter(|(of, _)| *of == url)
            && current.is_some()
        {
            request.headers = validators.clone();
        }
        let is_conditional = !request.headers.is_empty();
        let response = self
            .endpoint
            .call(request)
            .await
            .map_err(|error| error.to_string())?;
        let now = self.services.now().wall;
        match (response.status, current) {
            (StatusCode::NOT_MODIFIED, Some(current)) if is_conditional => current.confirm(now),
            (StatusCode::OK, current) => {
                let next = Fetched::parse(&response.body, self.algorithms.as_deref(), now)?;
                last.validators = Some((url, validators(&response)));
                self.take(next, current);
            }
            (status, _) => return Err(format!("the key set: status {status}")),
        }
        if let Some(keys) = self.current.load_full() {
            self.store.keep(&self.services, &keys);
        }
        Ok(())
    }

    /// Puts keys in force, unless they are the same as before.
    fn take(&self, next: Fetched, current: Option<Arc<Fetched>>) {
        match current {
            Some(current) if current.has_same_keys(&next) => current.confirm(next.confirmed()),
            current => {
                let withdrawn = current.is_some_and(|current| !next.has_all_of(&current));
                self.current.store(Some(Arc::new(next)));
                if withdrawn {
                    self.services.notices().keys_withdrawn(&self.id);
                }
            }
        }
    }
}

/// Fetches for ever. Each fetch is a task of its own: should one panic, the next comes
/// all the same.
async fn renew_forever(inner: Arc<Inner>) {
    let mut failures = 0_u32;
    loop {
        let this = Arc::clone(&inner);
        let fetch = inner.services.spawn(async move {
            let mut last = this.last.lock().await;
            // A log-in may have asked a moment ago.
            if !(last.succeeded && this.is_cooling(&last)) {
                this.renew(&mut last).await;
            }
            last.succeeded
        });
        let Some(fetch) = fetch else { return };
        failures = match fetch.outcome().await {
            Some(true) => 0,
            _ => failures.saturating_add(1),
        };
        sleep(pause(failures, inner.settings.refresh)).await;
    }
}

/// How long to wait after so many failures in a row. Spread by a tenth, so that a fleet
/// does not ask in step.
fn pause(failures: u32, refresh: Duration) -> Duration {
    let base = match failures.checked_sub(1) {
        None => refresh,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6))
            .min(LONGEST_PAUSE)
            .min(refresh),
    };
    let mut byte = [0; 1];
    // Without randomness there is no spread.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    let [byte] = byte;
    base.saturating_sub(base / 10)
        .saturating_add(base / 1280 * u32::from(byte))
}

/// `ETag` and `Last-Modified` of an answer, as the conditions of the next request.
fn validators(response: &Response) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    let pairs: [(&str, HeaderName); 2] = [
        ("etag", IF_NONE_MATCH),
        ("last-modified", IF_MODIFIED_SINCE),
    ];
    for (header, condition) in pairs {
        let value = response.header(header);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            conditions.insert(condition, value);
        }
    }
    conditions
}
