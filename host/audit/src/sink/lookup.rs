//! The addresses of a host.
//!
//! In: a name or an IP address. Out: where it listens, asked anew each time. The system's
//! resolver cannot be told to hurry or to stop, so that it runs on a thread of its own
//! (`warden-lookup`), which is abandoned when it takes too long: it touches nothing but its
//! answer, and there is at most one for each sink. Never: a wait beyond the deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::stop::Stop;

type Answer = io::Result<Vec<SocketAddr>>;

/// See above.
pub(crate) struct Lookup {
    host: String,
    port: u16,
    /// One that took too long for who asked first.
    under_way: Option<Receiver<Answer>>,
}

impl Lookup {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            under_way: None,
        }
    }

    /// At least one address.
    ///
    /// # Errors
    /// When the resolver knows none, or gives no answer by then.
    pub(crate) fn addresses(&mut self, stop: &Stop, by: Duration) -> Answer {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let answer = match self.under_way.take() {
            Some(answer) => answer,
            None => self.ask()?,
        };
        let addresses = match stop.receive(&answer, by) {
            Ok(addresses) => addresses,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.under_way = Some(answer);
                let why = "looking up the host name took too long";
                return Err(io::Error::new(error.kind(), why));
            }
            Err(error) => Err(error),
        };
        let addresses = addresses
            .map_err(|error| io::Error::new(error.kind(), format!("no such host: {error}")))?;
        if addresses.is_empty() {
            let why = "no such host: it has no address";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        Ok(addresses)
    }

    fn ask(&self) -> io::Result<Receiver<Answer>> {
        let (tell, answer) = channel();
        let (host, port) = (self.host.clone(), self.port);
        thread::Builder::new()
            .name("warden-lookup".to_owned())
            .spawn(move || {
                let addresses = (host.as_str(), port).to_socket_addrs();
                // Nobody listens any more when the sink is gone.
                let _abandoned = tell.send(addresses.map(Iterator::collect));
            })?;
        Ok(answer)
    }
}
