//! The way to one directory server.
//!
//! In: its address, and how it proves itself. Out: connections, over TLS where that was asked
//! for. Never: a byte of a request before TLS then; a second look-up of its name while one is
//! under way, for there are few threads for them and one that hangs keeps its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, Security};
use super::connection::{Connection, words};
use super::failure::Failure;

/// What it takes to connect.
pub(super) struct Connector {
    pub(super) address: Address,
    tls: Option<Arc<ClientConfig>>,
    /// Held by whatever looks up the name.
    looking_up: Arc<Mutex<()>>,
}

impl Connector {
    pub(super) fn new(address: Address, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            address,
            tls,
            looking_up: Arc::default(),
        }
    }

    /// A connection that is nobody's and has asked for nothing, within `limit`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`]; whatever came of a server that was asked for TLS.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Connection, Failure> {
        let connecting = timeout(limit, self.reach(limit)).await;
        connecting.unwrap_or_else(|_| {
            let why = format!("no connection within {} s", limit.as_secs());
            Err(Failure::Unreachable(why))
        })
    }

    async fn reach(&self, limit: Duration) -> Result<Connection, Failure> {
        let unreachable = |error: io::Error| Failure::Unreachable(words(&error));
        let places = self.places().await.map_err(unreachable)?;
        let stream = first_of(&places, limit).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let plain = Connection::in_clear(stream);
        let stream = match self.address.security {
            Security::Plain => return Ok(plain),
            Security::StartTls => plain.start_tls().await?,
            Security::Tls => plain.into_tcp()?,
        };
        // Without TLS there is no connection, rather than one in clear.
        let tls = self.tls.clone();
        let tls = tls.ok_or_else(|| Failure::Unreachable("no TLS was made".to_owned()))?;
        let handshake = TlsConnector::from(tls).connect(self.address.name.clone(), stream);
        Ok(Connection::over_tls(handshake.await.map_err(unreachable)?))
    }

    async fn places(&self) -> io::Result<Vec<SocketAddr>> {
        if let Some(place) = self.address.numeric() {
            return Ok(vec![place]);
        }
        let turn = Arc::clone(&self.looking_up).lock_owned().await;
        let name = (self.address.host(), self.address.port);
        // Goes on when nobody waits for it any more, and so does its turn.
        let looking_up = tokio::spawn(async move {
            let places = lookup_host(name).await.map(Iterator::collect);
            drop(turn);
            places
        });
        looking_up.await.unwrap_or_else(|error| Err(error.into()))
    }
}

/// Connects to the first of a host's addresses that takes it. Each has its share of the time:
/// one that is silent must not take it from the others.
async fn first_of(places: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
    let share = limit.checked_div(count).unwrap_or_default();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for place in places {
        match timeout(share, TcpStream::connect(*place)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_name_is_looked_up_once_at_a_time_and_nobody_waits_for_that_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = |host: &str| {
            let address = Address::parse(&format!("ldap://{host}:{port}"), false).unwrap();
            Connector::new(address, None)
        };
        let (named, numeric) = (to("localhost"), to("127.0.0.1"));
        runtime().block_on(async {
            let hanging = Arc::clone(&named.looking_up).lock_owned().await;
            let _numeric_hangs_too = Arc::clone(&numeric.looking_up).lock_owned().await;
            let failed = named.connect(Duration::from_millis(20)).await;
            assert!(matches!(failed, Err(Failure::Unreachable(_))));
            assert!(numeric.connect(Duration::from_secs(10)).await.is_ok());
            drop(hanging);
            assert!(named.connect(Duration::from_secs(10)).await.is_ok());
            assert!(named.looking_up.try_lock().is_ok());
        });
    }

    /// A domain's name is that of all its controllers, and one of them may be gone.
    #[test]
    fn an_address_that_is_silent_leaves_time_for_the_next_of_the_host() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = (silent.local_addr().unwrap(), silent);
        // Nobody accepts them: at last the system takes no more, and says nothing.
        let soon = Duration::from_millis(100);
        let waiting: Vec<_> = (0..10_000)
            .map_while(|_| std::net::TcpStream::connect_timeout(&silent.0, soon).ok())
            .collect();
        assert!(waiting.len() < 10_000);
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = (there.local_addr().unwrap(), there);
        let limit = Duration::from_millis(400);
        let reached = |places: &[SocketAddr]| {
            let reached = runtime().block_on(first_of(places, limit));
            reached.map(|stream| stream.peer_addr().unwrap())
        };
        assert_eq!(reached(&[silent.0, there.0]).unwrap(), there.0);
        assert_eq!(reached(&[there.0, silent.0]).unwrap(), there.0);
        let none = reached(&[silent.0]).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::TimedOut);
        assert!(reached(&[]).is_err());
    }
}
