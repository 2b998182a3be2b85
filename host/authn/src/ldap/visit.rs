//! Looking once whether the servers of a directory are there: for the command line.
//!
//! In come servers; out goes for each whether it can be reached as it is configured, by TLS
//! where that is wanted, whether it lets the service account in, and how long that took. A
//! connection is made for this alone. Never: a name or a password of a user.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::failure::Failure;
use super::servers::Servers;
use crate::services::{Services, Task};

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVisit {
    /// `HOST:PORT`.
    pub host: String,
    /// Whether passwords go to it over a network in clear.
    pub exposes_passwords: bool,
    /// What came of it.
    pub welcome: Welcome,
}

/// What a visit came to. All texts are for the operator: one line, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It answered, and let the service account in where there is one; how long it took
    /// from the first byte on.
    Open(Duration),
    /// It gave no answer: the name, the network, TLS, or the time was over.
    Silent(String),
    /// It does not let the service account in.
    Closed(String),
}

/// A visit under way; it ends when this is dropped.
pub struct Visiting {
    seen: ServerVisit,
    task: Option<Task<Welcome>>,
}

/// Begins to visit all of them at once, each for no longer than `limit`.
pub(super) fn begin(servers: &Arc<Servers>, services: &Services, limit: Duration) -> Vec<Visiting> {
    let places = servers.list().iter().map(|server| server.address());
    places
        .enumerate()
        .map(|(number, address)| {
            let (place, servers) = (address.place(), Arc::clone(servers));
            let stopped = Welcome::Silent(format!("{place} was not asked: there is no network"));
            Visiting {
                seen: ServerVisit {
                    host: place.clone(),
                    exposes_passwords: address.exposes_passwords(),
                    welcome: stopped,
                },
                task: services.spawn(async move { visit(&servers, number, &place, limit).await }),
            }
        })
        .collect()
}

async fn visit(servers: &Servers, number: usize, place: &str, limit: Duration) -> Welcome {
    let Some(server) = servers.list().get(number) else {
        return Welcome::Silent(format!("{place} {}", Failure::Down));
    };
    let visit = timeout(limit, server.visit()).await;
    match visit.unwrap_or(Err(Failure::TooSlow(limit))) {
        Ok(took) => Welcome::Open(took),
        Err(failure) => match server.account_trouble() {
            Some(why) => Welcome::Closed(why),
            None => Welcome::Silent(format!("{place} {failure}")),
        },
    }
}

impl Visiting {
    /// Waits for what comes of it.
    pub(crate) async fn end(mut self) -> ServerVisit {
        if let Some(task) = self.task
            && let Some(welcome) = task.outcome().await
        {
            self.seen.welcome = welcome;
        }
        self.seen
    }
}
