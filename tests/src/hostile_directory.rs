//! An LDAP server that answers exactly what a test says, and nothing sensible of itself.
//!
//! In: an [`Answer`] for each request, or an [`ActiveDirectory`] to act as. Out: those
//! messages at that pace, and a record of all that was asked. Without a script it is
//! unwilling (53). It answers the requests of a connection one after the other; a
//! thread for each connection.
//!
//! ```
//! use warden_tests::HostileDirectory;
//! use warden_tests::hostile_directory::{Answer, Operation};
//! use warden_tests::ldap::Entry;
//!
//! let directory = HostileDirectory::start();
//! directory.answer_by(|request| match &request.operation {
//!     Operation::Bind { password, .. } if password.is_empty() => Answer::success(),
//!     Operation::Bind { .. } => Answer::result(49, "wrong"),
//!     _ => Answer::success()
//!         .entry(Entry::new("cn=a,dc=example").with("cn", "a"))
//!         .reference("ldap://127.0.0.1:1/dc=example"),
//! });
//! assert_eq!(directory.requests().len(), 0);
//! ```
//!
//! What real directories do is tested against [`crate::Slapd`]. Everything it has open
//! is closed with the value.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;

use crate::authority::Identity;
use crate::ldap::Client;
use crate::tls;

mod active_directory;
mod answer;
mod filter;
mod message;
mod request;
mod wire;

pub use active_directory::{ActiveDirectory, RANGE};
pub use answer::Answer;
pub use filter::Filter;
pub use request::{Operation, Request, Scope};

/// The code of a result that says no to the kind of request as such.
const UNWILLING: u32 = 53;

/// A running server.
pub struct HostileDirectory {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

type Script = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// What its threads share.
struct Shared {
    /// None for LDAP without TLS, or with StartTLS.
    tls: Option<Arc<ServerConfig>>,
    state: Mutex<State>,
    ending: Condvar,
}

struct State {
    ended: bool,
    script: Script,
    requests: Vec<Request>,
    accepted: u64,
    open: HashMap<u64, TcpStream>,
}

impl HostileDirectory {
    /// Listens on a loopback port and speaks LDAP; StartTLS is as the script says.
    pub fn start() -> Self {
        Self::listen(None)
    }

    /// Listens on a loopback port and speaks LDAPS with this certificate.
    pub fn start_tls(identity: &Identity) -> Self {
        Self::listen(Some(tls::server(identity)))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let secure = tls.is_some();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            tls,
            state: Mutex::new(State {
                ended: false,
                script: Arc::new(|_| Answer::result(UNWILLING, "no script")),
                requests: Vec::new(),
                accepted: 0,
                open: HashMap::new(),
            }),
            ending: Condvar::new(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            address,
            tls: secure,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `ldap://127.0.0.1:PORT`, or `ldaps://…`.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "ldaps" } else { "ldap" };
        format!("{scheme}://{}", self.address)
    }

    /// An anonymous client of it.
    pub fn client(&self) -> Client {
        Client::at(&self.url())
    }

    /// Answers every request so from now on.
    pub fn answer(&self, answer: Answer) {
        self.answer_by(move |_| answer.clone());
    }

    /// Answers every search so from now on, and lets every bind succeed.
    pub fn answer_searches(&self, answer: Answer) {
        self.answer_by(move |request| match request.operation {
            Operation::Search { .. } => answer.clone(),
            Operation::Bind { .. } => Answer::success(),
            _ => Answer::result(UNWILLING, "only binds and searches"),
        });
    }

    /// Answers what this makes of each request.
    pub fn answer_by(&self, script: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        self.state().script = Arc::new(script);
    }

    /// Answers as a domain controller with these entries would.
    pub fn act_as(&self, active_directory: ActiveDirectory) {
        self.answer_by(move |request| active_directory.answer(request));
    }

    /// The requests so far, the first one first. One is recorded when it was read,
    /// before it is answered.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Names and passwords of the simple binds among them.
    pub fn binds(&self) -> Vec<(String, String)> {
        let operations = self.requests().into_iter().map(|one| one.operation);
        operations
            .filter_map(|operation| match operation {
                Operation::Bind { name, password } => Some((name, password)),
                _ => None,
            })
            .collect()
    }

    /// How many connections were taken so far, whatever became of them.
    pub fn connections(&self) -> u64 {
        self.state().accepted
    }

    /// How many of them are open.
    pub fn open_connections(&self) -> usize {
        self.state().open.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for HostileDirectory {
    fn drop(&mut self) {
        {
            let mut state = self.state();
            state.ended = true;
            for socket in state.open.values() {
                let _already_closed = socket.shutdown(Shutdown::Both);
            }
        }
        self.shared.ending.notify_all();
        // Wakes the acceptor, which looks whether it shall end.
        let _woken = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            // A script may fail its test.
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Waits; false when the server ends meanwhile.
    fn pause(&self, time: Duration) -> bool {
        let (state, _) = self
            .ending
            .wait_timeout_while(self.state(), time, |state| !state.ended)
            .expect("nobody panicked here");
        !state.ended
    }

    /// Records the request and finds what to answer.
    fn answer_to(&self, request: &Request) -> Answer {
        let script = {
            let mut state = self.state();
            state.requests.push(request.clone());
            Arc::clone(&state.script)
        };
        script(request)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming() {
        let Ok(socket) = socket else { continue };
        let number = {
            let mut state = shared.state();
            if state.ended {
                return;
            }
            state.accepted += 1;
            let number = state.accepted;
            let handle = socket.try_clone().expect("a socket can be shared");
            state.open.insert(number, handle);
            number
        };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that leaves is no failure of this side.
            let _left = wire::serve(socket, number, &shared);
            shared.state().open.remove(&number);
        });
    }
}
