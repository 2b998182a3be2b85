//! One directory server: its connections, whether it is up, and what it was asked.
//!
//! In comes a bind or a search; out goes the server's answer, or the [`Failure`]. Whoever
//! waits for a server that goes down does not wait any longer. Binds and searches have
//! pools of their own. Never: a connection that failed kept; a server's failure taken for
//! a judgement.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::ClientConfig;
use tokio::sync::Notify;
use warden_core::Secret;

use super::address::Address;
use super::connection::{Binder, Connection, Ended, Found, Pooled, Proof, Searcher};
use super::connector::Connector;
use super::failure::Failure;
use super::filter::Filter;
use super::message::Search;
use super::pool::Pool;
use super::status::{Counted, ServerStatus};
use crate::endpoint::Turn;
use crate::services::Services;

/// How long a connection may be idle: firewalls forget one after a few minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Result codes that say that the server cannot do it now: `busy` and `unavailable`.
const CANNOT_NOW: [u32; 2] = [51, 52];

/// What all servers of an authenticator have in common.
pub(super) struct Manner {
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The service account; `None`: searches are nobody's.
    pub(super) account: Option<(String, Secret<String>)>,
    pub(super) pool_size: usize,
    /// To open a connection, and to wait for a free one.
    pub(super) connection_limit: Duration,
    /// One bind or search.
    pub(super) operation_limit: Duration,
    pub(super) services: Services,
}

/// A server.
pub(super) struct Server {
    connector: Connector,
    manner: Arc<Manner>,
    binders: Pool<Binder>,
    searchers: Pool<Searcher>,
    is_down: AtomicBool,
    went_down: Notify,
    trouble: ArcSwapOption<String>,
    /// Why the service account is not let in.
    account_trouble: ArcSwapOption<String>,
    ping_us: AtomicU64,
    binds: Counted,
    searches: Counted,
}

/// The connection of the service account, lent for searches that belong together.
pub(super) struct Session<'a> {
    server: &'a Server,
    lease: super::pool::Lease<'a, Searcher>,
    /// Why it is over.
    failure: Option<Failure>,
    /// `None` once one search has failed.
    searcher: Option<Searcher>,
}

impl Server {
    pub(super) fn new(address: Address, manner: Arc<Manner>) -> Self {
        Self {
            connector: Connector::new(address, manner.tls.clone()),
            binders: Pool::new(manner.pool_size),
            searchers: Pool::new(manner.pool_size),
            manner,
            is_down: AtomicBool::new(false),
            went_down: Notify::new(),
            trouble: ArcSwapOption::empty(),
            account_trouble: ArcSwapOption::empty(),
            ping_us: AtomicU64::new(0),
            binds: Counted::default(),
            searches: Counted::default(),
        }
    }

    /// Lets a user prove who he is.
    ///
    /// # Errors
    /// When the server did not judge.
    pub(super) async fn bind(&self, proof: Proof<'_>, turn: &Turn) -> Result<Ended, Failure> {
        let result = self.while_up(self.bind_now(proof, turn)).await;
        self.note(&self.binds, result.as_ref().err());
        result
    }

    async fn bind_now(&self, proof: Proof<'_>, turn: &Turn) -> Result<Ended, Failure> {
        let manner = &self.manner;
        let (lease, idle) = self.binders.lease(turn, manner.connection_limit).await?;
        let binder = match idle {
            Some(binder) => binder,
            None => Binder::over(self.connect().await?),
        };
        let started = self.now();
        let (ended, binder) = binder.bind(proof, manner.operation_limit).await?;
        let now = self.now();
        self.binds.took(now.saturating_sub(started));
        able(&ended)?;
        lease.give_back(binder, now);
        Ok(ended)
    }

    /// Lends the service account's connection.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn lend(&self, turn: &Turn) -> Result<Session<'_>, Failure> {
        let lending = self.while_up(async {
            let limit = self.manner.connection_limit;
            let (lease, idle) = self.searchers.lease(turn, limit).await?;
            let searcher = match idle {
                Some(searcher) => searcher,
                None => self.open_searcher().await?,
            };
            Ok(Session {
                server: self,
                lease,
                failure: None,
                searcher: Some(searcher),
            })
        });
        let result = lending.await;
        if let Err(failure) = &result {
            self.note(&self.searches, Some(failure));
        }
        result
    }

    async fn open_searcher(&self) -> Result<Searcher, Failure> {
        let manner = &self.manner;
        let searcher = Searcher::over(self.connect().await?);
        let Some((name, password)) = &manner.account else {
            return Ok(searcher);
        };
        let proof = Proof {
            name,
            password: password.expose(),
        };
        let served = searcher.serve(proof, manner.operation_limit).await;
        let refused = match &served {
            Err(failure @ Failure::Declined(_)) => Some(Arc::new(self.words(failure))),
            _ => None,
        };
        self.account_trouble.store(refused);
        served
    }

    /// Makes a connection for searches as a log-in would, and asks for what every server
    /// tells everybody; how long that took.
    ///
    /// # Errors
    /// When there is no connection, or no answer on it.
    pub(super) async fn visit(&self) -> Result<Duration, Failure> {
        let started = self.now();
        let searcher = self.open_searcher().await?;
        let limit = self.manner.operation_limit;
        self.ping_on(searcher, limit).await?.part();
        Ok(self.now().saturating_sub(started))
    }

    /// A new connection. A server to which none can be made is down at once.
    async fn connect(&self) -> Result<Connection, Failure> {
        let connecting = self.connector.connect(self.manner.connection_limit).await;
        connecting.inspect_err(|failure| self.mark_down(failure))
    }

    pub(super) fn address(&self) -> &Address {
        &self.connector.address
    }

    /// Whatever is asked of it, for as long as it does not go down.
    async fn while_up<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut went_down = pin!(self.went_down.notified());
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            went_down
                .as_mut()
                .poll(context)
                .map(|()| Err(Failure::Down))
        })
        .await
    }

    /// Asks for what every server tells everybody. Any answer but that it cannot is one.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn ping(
        &self,
        kept: &mut Option<Searcher>,
        limit: Duration,
    ) -> Result<(), Failure> {
        // Servers close what is idle for long: that is no sign of anything.
        if let Some(mut searcher) = kept.take()
            && searcher.is_quiet()
            && let Ok(searcher) = self.ping_on(searcher, limit).await
        {
            *kept = Some(searcher);
            return Ok(());
        }
        let connecting = self.connector.connect(limit);
        *kept = Some(
            self.ping_on(Searcher::over(connecting.await?), limit)
                .await?,
        );
        Ok(())
    }

    async fn ping_on(&self, searcher: Searcher, limit: Duration) -> Result<Searcher, Failure> {
        let search = Search {
            base: "",
            scope: ldap3::Scope::Base,
            filter: &Filter::present("objectClass"),
            attributes: &["1.1"],
            size_limit: 1,
        };
        let started = self.now();
        let (found, searcher) = searcher.search(&search, limit).await?;
        able(&found.ended)?;
        let took = self.now().saturating_sub(started).as_micros();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        self.ping_us.store(took.max(1), Ordering::Relaxed);
        Ok(searcher)
    }

    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Acquire)
    }

    /// From now on it is asked when no other server can be.
    pub(super) fn mark_down(&self, failure: &Failure) {
        // Whoever sees that it is down sees why.
        self.tell(failure);
        self.ping_us.store(0, Ordering::Relaxed);
        self.is_down.store(true, Ordering::Release);
        self.binders.clear();
        self.searchers.clear();
    }

    /// Whoever waits for it asks somebody else.
    pub(super) fn release(&self) {
        self.went_down.notify_waiters();
    }

    pub(super) fn mark_up(&self) {
        if self.is_down.swap(false, Ordering::Relaxed) {
            self.trouble.store(None);
        }
    }

    /// Takes leave of connections that nobody has used for a while.
    pub(super) fn retire(&self) {
        if let Some(oldest) = self.now().checked_sub(IDLE_LIMIT) {
            self.binders.retire(oldest);
            self.searchers.retire(oldest);
        }
    }

    /// Why it did not answer when it last did not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.load().as_deref().cloned()
    }

    /// Why it does not let the service account in.
    pub(super) fn account_trouble(&self) -> Option<String> {
        self.account_trouble.load().as_deref().cloned()
    }

    fn note(&self, counted: &Counted, failure: Option<&Failure>) {
        match failure {
            // Nothing was asked.
            Some(Failure::Busy | Failure::Unwanted) => {}
            Some(failure) => {
                counted.failed();
                self.tell(failure);
            }
            None => counted.answered(),
        }
    }

    fn tell(&self, failure: &Failure) {
        self.trouble.store(Some(Arc::new(self.words(failure))));
    }

    fn words(&self, failure: &Failure) -> String {
        format!("{} {failure}", self.address().place())
    }

    fn now(&self) -> Duration {
        self.manner.services.now().monotonic
    }

    pub(super) fn status(&self) -> ServerStatus {
        let is_down = self.is_down();
        let ping_us = self.ping_us.load(Ordering::Relaxed);
        ServerStatus {
            host: self.address().place(),
            is_up: !is_down,
            error: self.trouble(),
            ping: (ping_us > 0).then(|| Duration::from_micros(ping_us)),
            binds: super::status::PoolStatus::of(&self.binders, &self.binds),
            searches: super::status::PoolStatus::of(&self.searchers, &self.searches),
        }
    }
}

impl Session<'_> {
    /// Searches.
    ///
    /// # Errors
    /// When there is no answer; then the session is over, and whatever was made of it
    /// counts for nothing.
    pub(super) async fn search(&mut self, search: &Search<'_>) -> Result<Found, Failure> {
        let server = self.server;
        let result = server.while_up(self.search_now(search)).await;
        server.note(&server.searches, result.as_ref().err());
        self.failure = result.as_ref().err().cloned();
        result
    }

    async fn search_now(&mut self, search: &Search<'_>) -> Result<Found, Failure> {
        let server = self.server;
        let over = || Failure::Broken("the connection is no more".to_owned());
        let searcher = self.searcher.take().ok_or_else(over)?;
        let started = server.now();
        let (found, searcher) = searcher
            .search(search, server.manner.operation_limit)
            .await?;
        server.searches.took(server.now().saturating_sub(started));
        able(&found.ended)?;
        self.searcher = Some(searcher);
        Ok(found)
    }

    /// Gives the connection back.
    ///
    /// # Errors
    /// Why there is none to give back.
    pub(super) fn close(self) -> Result<(), Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some(searcher) = self.searcher {
            self.lease.give_back(searcher, self.server.now());
        }
        Ok(())
    }
}

/// That the server cannot now is no answer.
fn able(ended: &Ended) -> Result<(), Failure> {
    if CANNOT_NOW.contains(&ended.code) {
        return Err(Failure::Declined(ended.to_string()));
    }
    Ok(())
}
