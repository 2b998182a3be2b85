//! The servers of one directory: which of them is asked, and which are up.
//!
//! In comes a request; out goes the answer of one server. A server that gives none is
//! given up for this request, and another asked once. Meanwhile every server is looked
//! after: one that does not answer is left alone until it does, whatever waits for it
//! asks another, and when it is back it is asked again in its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::connection::{Ended, Found, Proof};
use super::failure::Failure;
use super::message::Search;
use super::server::{Server, Session};
use super::status::ServerStatus;
use crate::endpoint::Turn;
use crate::services::sleep;

/// Times a request is made: where it gets no answer, once more elsewhere.
const ATTEMPTS: usize = 2;

/// Shortest time in which a server must answer whether it is up.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// How long idle connections are not looked at, at most: much less than they may be idle.
const MOST_PAUSE: Duration = Duration::from_secs(10);

/// Which server is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// The first that is up.
    Order,
    /// Each in turn.
    RoundRobin,
}

/// The servers.
pub(super) struct Servers {
    list: Vec<Server>,
    selection: Selection,
    /// Of binds and of inquiries: of each every server has its share.
    bind_turns: AtomicUsize,
    inquiry_turns: AtomicUsize,
    /// `failure_detector_interval`.
    interval: Duration,
    /// `timeout_ldap_operation`.
    operation_limit: Duration,
}

/// No server answered: the last that was asked, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {failure}")]
pub(super) struct NoAnswer {
    pub(super) place: String,
    pub(super) failure: Failure,
}

/// Searches that belong together.
pub(super) trait Inquiry: Sync {
    /// What they come to. Of a session that failed it counts for nothing.
    type Answer: Send;

    /// Makes them.
    fn make(&self, session: &mut Session<'_>) -> impl Future<Output = Self::Answer> + Send;
}

impl Inquiry for Search<'_> {
    type Answer = Result<Found, Failure>;

    async fn make(&self, session: &mut Session<'_>) -> Self::Answer {
        session.search(self).await
    }
}

/// The servers that one request is put to.
struct Attempts<'a> {
    servers: &'a Servers,
    start: usize,
    left: usize,
    last: Option<usize>,
}

impl Servers {
    pub(super) fn new(
        list: Vec<Server>,
        selection: Selection,
        interval: Duration,
        operation_limit: Duration,
    ) -> Self {
        Self {
            list,
            selection,
            bind_turns: AtomicUsize::new(0),
            inquiry_turns: AtomicUsize::new(0),
            interval,
            operation_limit,
        }
    }

    /// Lets a user prove who he is.
    ///
    /// # Errors
    /// When nobody judged.
    pub(super) async fn bind(&self, proof: Proof<'_>, turn: &Turn) -> Result<Ended, NoAnswer> {
        let mut attempts = self.attempts(&self.bind_turns);
        let mut last = nobody();
        while let Some(server) = attempts.next() {
            match server.bind(proof, turn).await {
                Ok(ended) => return Ok(ended),
                Err(failure) => last = no_answer(server, failure)?,
            }
        }
        Err(last)
    }

    /// Lends the connection of the service account for an inquiry: all its searches are put
    /// to one server. Where one gets no answer the whole is made once more elsewhere.
    ///
    /// # Errors
    /// When nobody answered.
    pub(super) async fn lend<I: Inquiry>(
        &self,
        inquiry: &I,
        turn: &Turn,
    ) -> Result<I::Answer, NoAnswer> {
        let mut attempts = self.attempts(&self.inquiry_turns);
        let mut last = nobody();
        while let Some(server) = attempts.next() {
            let result = async {
                let mut session = server.lend(turn).await?;
                let answer = inquiry.make(&mut session).await;
                session.close().map(|()| answer)
            };
            match result.await {
                Ok(result) => return Ok(result),
                Err(failure) => last = no_answer(server, failure)?,
            }
        }
        Err(last)
    }

    fn attempts(&self, turns: &AtomicUsize) -> Attempts<'_> {
        let start = match self.selection {
            Selection::Order => 0,
            Selection::RoundRobin => turns.fetch_add(1, Ordering::Relaxed),
        };
        Attempts {
            servers: self,
            start,
            left: ATTEMPTS,
            last: None,
        }
    }

    /// Looks after the server at this place, for ever.
    pub(super) async fn look_after(self: Arc<Self>, place: usize) {
        let Some(server) = self.list.get(place) else {
            return;
        };
        let patience = self.interval.max(LEAST_PATIENCE).min(self.operation_limit);
        let mut kept = None;
        loop {
            let answer = timeout(patience, server.ping(&mut kept, patience)).await;
            match answer.unwrap_or(Err(Failure::TooSlow(patience))) {
                Ok(()) => server.mark_up(),
                Err(failure) => {
                    server.mark_down(&failure);
                    // Where nobody else answers, a late answer is better than none.
                    if self.list.iter().any(|other| !other.is_down()) {
                        server.release();
                    }
                }
            }
            for pause in pauses(self.interval) {
                server.retire();
                sleep(pause).await;
            }
        }
    }

    /// All of them, in their order.
    pub(super) fn list(&self) -> &[Server] {
        &self.list
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// What keeps all of them from answering, or the service account from being let in;
    /// `None` while log-ins can succeed.
    pub(super) fn trouble(&self) -> Option<String> {
        let refuses = self.list.iter().find_map(Server::account_trouble);
        let is_lost = self.list.iter().all(Server::is_down);
        if !is_lost {
            return refuses;
        }
        let words: Vec<_> = self.list.iter().filter_map(Server::trouble).collect();
        Some(words.join("; "))
    }

    pub(super) fn status(&self) -> Vec<ServerStatus> {
        self.list.iter().map(Server::status).collect()
    }

    /// Those to which passwords go in clear over a network.
    pub(super) fn exposed(&self) -> impl Iterator<Item = String> {
        self.list
            .iter()
            .filter(|server| server.address().exposes_passwords())
            .map(|server| server.address().place())
    }
}

impl<'a> Attempts<'a> {
    /// The next to ask: one that is up before one that is not, one that was not asked yet
    /// before one that was.
    fn next(&mut self) -> Option<&'a Server> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let list = &self.servers.list;
        let count = list.len();
        let from_start = (0..count).map(|offset| (self.start % count + offset) % count);
        let best = from_start
            .filter_map(|place| Some((place, list.get(place)?)))
            .min_by_key(|(place, server)| (server.is_down(), self.last == Some(*place)));
        let (place, server) = best?;
        self.last = Some(place);
        Some(server)
    }
}

/// An interval in parts, between which idle connections are looked at.
fn pauses(interval: Duration) -> impl Iterator<Item = Duration> {
    let mut left = interval;
    std::iter::from_fn(move || {
        let pause = left.min(MOST_PAUSE);
        left = left.saturating_sub(pause);
        (!pause.is_zero()).then_some(pause)
    })
}

fn nobody() -> NoAnswer {
    NoAnswer {
        place: "the directory".to_owned(),
        failure: Failure::Down,
    }
}

/// A failure after which another server is asked.
///
/// # Errors
/// One after which none is.
fn no_answer(server: &Server, failure: Failure) -> Result<NoAnswer, NoAnswer> {
    let is_of_the_server = failure.is_of_the_server();
    let answer = NoAnswer {
        place: server.address().place(),
        failure,
    };
    if is_of_the_server {
        Ok(answer)
    } else {
        Err(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_seldom_servers_are_looked_after_idle_connections_are_looked_at_soon() {
        let second = Duration::from_secs;
        for (interval, parts) in [(1, 1), (10, 1), (11, 2), (600, 60)] {
            let pauses: Vec<_> = pauses(second(interval)).collect();
            assert_eq!(pauses.len(), parts);
            assert!(pauses.iter().all(|pause| *pause <= MOST_PAUSE));
            assert_eq!(pauses.iter().sum::<Duration>(), second(interval));
        }
    }
}
