//! An HTTPS server that answers exactly what a test says, and nothing sensible of itself.
//!
//! In: an authority for its certificate, and an [`Answer`] for each path. Out: those
//! bytes at that pace, and a record of all that was asked. What no test wrote a script
//! for is 404. One request a connection; a thread for each.
//!
//! ```
//! use std::time::Duration;
//! use warden_tests::hostile_provider::{Answer, Hostile};
//! use warden_tests::{Authority, https::Https};
//!
//! let authority = Authority::new("corp");
//! let hostile = Hostile::start(&authority);
//! hostile.answer("/jwks", Answer::html().delayed(Duration::from_millis(10)));
//!
//! let answer = Https::trusting(&authority).get(&hostile.url("/jwks"), &[]);
//! assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
//! assert_eq!(hostile.requests("/jwks").len(), 1);
//! ```
//!
//! Everything it has open is closed with the value.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::authority::{Authority, Identity};
use crate::tls;

mod answer;
mod request;
mod wire;

pub use answer::Answer;
pub use request::Request;

/// What happens before any request can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// As it should.
    Complete,
    /// The connection is closed behind the client's first bytes.
    HangUp,
    /// The client's bytes are taken and nothing ever comes back.
    Silence,
    /// Something comes back that is no TLS.
    Nonsense,
}

/// A running server.
pub struct Hostile {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

type Script = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// What its threads share.
struct Shared {
    state: Mutex<State>,
    ending: Condvar,
}

struct State {
    ended: bool,
    handshake: Handshake,
    /// None for plain HTTP.
    tls: Option<Arc<ServerConfig>>,
    scripts: HashMap<String, Script>,
    requests: Vec<Request>,
    accepted: u64,
    open: HashMap<u64, TcpStream>,
}

impl Hostile {
    /// Listens on a loopback port with a sound certificate of this authority.
    pub fn start(authority: &Authority) -> Self {
        Self::listen(Some(tls::server(&authority.server())))
    }

    /// Listens on a loopback port and speaks plain HTTP.
    pub fn start_plain() -> Self {
        Self::listen(None)
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                ended: false,
                handshake: Handshake::Complete,
                tls,
                scripts: HashMap::new(),
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
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its issuer: the URL without a path.
    pub fn issuer(&self) -> String {
        let scheme = if self.state().tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The URL of a path, for example `/jwks`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// A sound discovery document of its own, for [`Answer::json`] or to be spoiled first.
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": self.issuer(),
            "jwks_uri": self.url("/jwks"),
            "token_endpoint": self.url("/token"),
            "introspection_endpoint": self.url("/introspect"),
            "userinfo_endpoint": self.url("/userinfo"),
            "authorization_endpoint": self.url("/authorize"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }

    /// Answers so at this path from now on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.answer_by(path, move |_| answer.clone());
    }

    /// Answers one after the other at this path, and with the last from then on.
    pub fn answer_in_turn(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut left: Vec<Answer> = answers.into_iter().collect();
        left.reverse();
        let left = Mutex::new(left);
        self.answer_by(path, move |_| {
            let mut left = left.lock().expect("nobody panicked here");
            match left.as_slice() {
                [last] => last.clone(),
                _ => left.pop().expect("at least one answer"),
            }
        });
    }

    /// Answers at this path what this makes of the request.
    pub fn answer_by(
        &self,
        path: &str,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) {
        self.state()
            .scripts
            .insert(path.to_owned(), Arc::new(script));
    }

    /// Greets so from now on.
    pub fn handshake(&self, handshake: Handshake) {
        self.state().handshake = handshake;
    }

    /// Shows this certificate from now on: expired, of another authority, for another host.
    pub fn show(&self, identity: &Identity) {
        self.state().tls = Some(tls::server(identity));
    }

    /// The requests for this path so far, the first one first. One is recorded when it
    /// was read, before it is answered.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let state = self.state();
        let those = state.requests.iter().filter(|one| one.path == path);
        those.cloned().collect()
    }

    /// How many connections were taken so far, whatever became of them.
    pub fn connections(&self) -> u64 {
        self.state().accepted
    }

    /// How many of them are open: none, once clients have given up.
    pub fn open_connections(&self) -> usize {
        self.state().open.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Hostile {
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
    fn answer_to(&self, request: Request) -> Answer {
        let script = {
            let mut state = self.state();
            state.requests.push(request.clone());
            state.scripts.get(&request.path).cloned()
        };
        script.map_or_else(|| Answer::status(404), |script| script(&request))
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
            let _left = wire::serve(socket, &shared);
            shared.state().open.remove(&number);
        });
    }
}
