//! Looking whether those are there whom the authenticators of a directory depend on.
//!
//! In: a directory, and how long to wait. Out: for each authenticator that depends on
//! somebody else, whether their published documents can be had and are what they must be,
//! and how far their clock is off; of servers of an LDAP directory, whether they can be
//! reached and let the service account in. It asks as log-ins do, by the same settings.
//! Never: a credential, neither a client's nor the `bearer_token_file`, but for the service
//! account's; anything in the background.

mod offset;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, HeaderValue};
use reqwest::{StatusCode, Url};
use warden_core::AuthenticatorId;
use warden_settings::FileError;

use crate::asking::Address;
use crate::authenticator::Authenticator;
use crate::directory;
use crate::discovery::Discovery;
use crate::endpoint::{self, CallError, Endpoint, Request, Response};
use crate::error::Error;
use crate::jwt::{KeySet, Place};
use crate::ldap::{ServerVisit, Visiting};
use crate::services::{Services, Task};
pub use offset::Offset;

/// One file of the directory whose authenticator depends on somebody else, or may.
pub struct Surveyed {
    /// The file.
    pub file: PathBuf,
    /// What came of it; every fault of a file from which nothing can be made.
    pub outcome: Result<Visited, Vec<FileError>>,
}

/// Whom an authenticator depends on.
pub enum Visited {
    /// Somebody who is asked by HTTP.
    Provider(Provider),
    /// A directory.
    Directory(LdapDirectory),
}

/// A directory that an authenticator asks about names and passwords.
pub struct LdapDirectory {
    /// The authenticator.
    pub id: AuthenticatorId,
    /// Its servers, in their order.
    pub servers: Vec<ServerVisit>,
}

/// Somebody an authenticator depends on.
pub struct Provider {
    /// The authenticator.
    pub id: AuthenticatorId,
    /// The configured host, with its port when that is not the usual one.
    pub host: String,
    /// How far its clock may be off; `None` where none of its dates is compared with ours.
    pub leeway: Option<Duration>,
    /// What asking came to.
    pub visit: Visit,
}

/// What asking for published documents came to. All texts are for the operator: one line,
/// escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visit {
    /// They are as they must be. With its clock beside ours, when it told its time.
    Answered(Option<Offset>),
    /// Nobody answered: the name, the network, TLS, or the time was over.
    Silent(String),
    /// The answer is not what it must be.
    Wrong(String),
    /// Nothing that anybody may read is known of it.
    NotAsked,
}

/// Whom an authenticator depends on, and how it asks.
pub struct Dependency<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) published: Published<'a>,
    pub(crate) leeway: Option<Duration>,
}

/// What is published: both may lead to a discovery document.
pub(crate) enum Published<'a> {
    /// Keys.
    Keys(&'a Place),
    /// The address at which it is asked about credentials.
    Address(&'a Address),
}

/// Asks all of them at once; `limit` bounds the whole. Reads files first, so it is for
/// threads that may wait.
///
/// # Errors
/// When the directory cannot be listed or holds too many files.
pub async fn survey(
    directory: &Path,
    services: &Services,
    limit: Duration,
) -> Result<Vec<Surveyed>, Error> {
    let mut begun = Vec::new();
    for file in directory::list(directory)? {
        let Some(read) = directory::read(&file, services) else {
            continue;
        };
        let visiting = read
            .result
            .map(|made| begin(made.authenticator, services, limit));
        begun.push((file, visiting));
    }
    let mut surveyed = Vec::new();
    for (file, visiting) in begun {
        let outcome = match visiting {
            Ok(None) => continue,
            Ok(Some(begun)) => Ok(begun.end().await),
            Err(faults) => Err(faults
                .into_iter()
                .map(|fault| fault.in_file(&file))
                .collect()),
        };
        surveyed.push(Surveyed { file, outcome });
    }
    Ok(surveyed)
}

/// Who is being asked.
enum Begun {
    Provider(Provider, Option<Task<Visit>>),
    Directory(AuthenticatorId, Vec<Visiting>),
}

impl Begun {
    /// Waits for what comes of it.
    async fn end(self) -> Visited {
        match self {
            Self::Provider(mut provider, task) => {
                if let Some(task) = task
                    && let Some(visit) = task.outcome().await
                {
                    provider.visit = visit;
                }
                Visited::Provider(provider)
            }
            Self::Directory(id, visiting) => {
                let mut servers = Vec::with_capacity(visiting.len());
                for one in visiting {
                    servers.push(one.end().await);
                }
                Visited::Directory(LdapDirectory { id, servers })
            }
        }
    }
}

/// Begins to ask, where there is a network; `None` when there is nobody to ask.
fn begin(
    authenticator: Box<dyn Authenticator>,
    services: &Services,
    limit: Duration,
) -> Option<Begun> {
    let visiting = authenticator.visit_servers(limit);
    if !visiting.is_empty() {
        return Some(Begun::Directory(authenticator.id().clone(), visiting));
    }
    let dependency = authenticator.dependency()?;
    let host = endpoint::host(dependency.published.url());
    let provider = Provider {
        id: authenticator.id().clone(),
        host: host.clone(),
        leeway: dependency.leeway,
        visit: Visit::Silent(CallError::Stopped.to_string()),
    };
    let at = services.clone();
    let task = services.spawn(async move {
        let visiting = async {
            match authenticator.dependency() {
                Some(dependency) => dependency.visit(&at).await,
                None => Visit::NotAsked,
            }
        };
        let too_slow = || Visit::Silent(CallError::TooSlow(host, limit.as_millis()).to_string());
        let visit = tokio::time::timeout(limit, visiting).await;
        visit.unwrap_or_else(|_| too_slow())
    });
    Some(Begun::Provider(provider, task))
}

impl Published<'_> {
    fn url(&self) -> &Url {
        match self {
            Self::Keys(place) => place.url(),
            Self::Address(address) => address.url(),
        }
    }
}

impl Dependency<'_> {
    async fn visit(&self, services: &Services) -> Visit {
        let visited = match &self.published {
            Published::Keys(Place::Url(url)) => self.keys(url, services).await,
            Published::Keys(Place::Discovery(discovery)) => {
                self.discovered_keys(discovery, services).await
            }
            Published::Address(Address::Discovered {
                discovery, member, ..
            }) => self
                .document(discovery, member, services)
                .await
                .map(|(offset, _)| offset),
            Published::Address(Address::Named(_)) => return Visit::NotAsked,
        };
        visited.map_or_else(|visit| visit, Visit::Answered)
    }

    /// Asks for the issuer's document and the keys it leads to.
    async fn discovered_keys(
        &self,
        discovery: &Discovery,
        services: &Services,
    ) -> Result<Option<Offset>, Visit> {
        let (offset, url) = self.document(discovery, "jwks_uri", services).await?;
        if let Some(url) = url {
            self.keys(&url, services).await?;
        }
        Ok(offset)
    }

    /// Asks for the issuer's document and finds an address in it; `None` when it is shown
    /// only for the token.
    async fn document(
        &self,
        discovery: &Discovery,
        member: &str,
        services: &Services,
    ) -> Result<(Option<Offset>, Option<Url>), Visit> {
        let (offset, response) = self.get(&discovery.url, services).await?;
        let Some(response) = response else {
            return Ok((offset, None));
        };
        let address = discovery
            .check(&response)
            .and_then(|metadata| metadata.address(member, self.endpoint));
        match address {
            Ok(url) => Ok((offset, Some(url))),
            Err(why) => Err(wrong(&discovery.url, &why)),
        }
    }

    /// Asks for keys.
    async fn keys(&self, url: &Url, services: &Services) -> Result<Option<Offset>, Visit> {
        let (offset, response) = self.get(url, services).await?;
        let Some(response) = response else {
            return Ok(offset);
        };
        if response.status != StatusCode::OK {
            let why = format!("the key set: status {}", response.status);
            return Err(wrong(url, &why));
        }
        match KeySet::from_jwks(&response.body) {
            Ok(_) => Ok(offset),
            Err(error) => Err(wrong(url, &format!("the key set {error}"))),
        }
    }

    /// One question; no answer when it is given only for the token.
    async fn get(
        &self,
        url: &Url,
        services: &Services,
    ) -> Result<(Option<Offset>, Option<Response>), Visit> {
        let mut request = Request::get(url.clone());
        request.is_anonymous = true;
        // Its clock tells the time of an answer made now.
        request
            .headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let asked = services.now().wall;
        let response = self.endpoint.call(request).await.map_err(failed)?;
        let offset = Offset::of(&response, asked, services.now().wall);
        let is_closed = self.endpoint.bears_token()
            && matches!(
                response.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
        Ok((offset, (!is_closed).then_some(response)))
    }
}

fn failed(error: CallError) -> Visit {
    match error {
        CallError::NotAllowed(_) | CallError::Status(..) | CallError::Unreadable(..) => {
            Visit::Wrong(error.to_string())
        }
        CallError::Unreachable(..)
        | CallError::TooSlow(..)
        | CallError::Busy(_)
        | CallError::Unwanted
        | CallError::Stopped => Visit::Silent(error.to_string()),
    }
}

fn wrong(url: &Url, why: &str) -> Visit {
    Visit::Wrong(format!("{}: {why}", endpoint::host(url)))
}
