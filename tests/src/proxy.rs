//! A TCP proxy on loopback that treats connections as networks do.
//!
//! In: the address of any server. Out: an address that leads there, as long as it is
//! told to; what it is told holds for connections that are open as well as for new
//! ones. It looks at no byte.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//! use warden_tests::proxy::{Flow, Proxy};
//!
//! let server = TcpListener::bind("127.0.0.1:0").unwrap();
//! let proxy = Proxy::to(server.local_addr().unwrap());
//! let mut client = TcpStream::connect(proxy.address()).unwrap();
//! let (mut served, _) = server.accept().unwrap();
//! client.write_all(b"x").unwrap();
//! served.read_exact(&mut [0]).unwrap();
//! proxy.flow(Flow::Stalled);
//! proxy.reset();
//! client.read(&mut [0]).unwrap_err();
//! assert_eq!(proxy.connections(), 1);
//! ```
//!
//! Everything it has open is closed with the value.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

mod pair;

use pair::{Order, Pair, copy};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// How bytes get through, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// At once.
    Passing,
    /// Each piece so much later, and those behind it wait for it.
    Delayed(Duration),
    /// Not at all, until this ends: then nothing has been lost. New connections are
    /// still accepted.
    Stalled,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Who connected to the proxy.
    Client,
    /// Whom the proxy connected to.
    Server,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    _holder: Socket,
}

/// What its threads share.
struct Shared {
    target: SocketAddr,
    listener: Socket,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    ended: bool,
    accepting: bool,
    flow: Flow,
    accepted: u64,
    open: HashMap<u64, Arc<Pair>>,
    /// All there were: what was accepted before one must follow it, though it may not
    /// be open at the other end yet.
    orders: Vec<Order>,
}

impl Proxy {
    /// Listens on a loopback port and passes everything on to this address.
    pub fn to(target: SocketAddr) -> Self {
        // The first chooses the port and keeps it. Only of a socket that was bound to a
        // port by number does the number outlast listening.
        let holder = bound_to(0);
        let address = address_of(&holder);
        let listener = bound_to(address.port());
        listener.listen(BACKLOG).expect("a bound socket can listen");
        let shared = Arc::new(Shared {
            target,
            listener,
            state: Mutex::new(State {
                ended: false,
                accepting: true,
                flow: Flow::Passing,
                accepted: 0,
                open: HashMap::new(),
                orders: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&shared)
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
            _holder: holder,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets bytes through so from now on.
    pub fn flow(&self, flow: Flow) {
        self.state().flow = flow;
        self.shared.tell();
    }

    /// Refuses new connections from now on, as a machine does on whose port nobody
    /// listens. Open ones live on; the port stays this proxy's.
    pub fn refuse(&self) {
        self.state().accepting = false;
        // A socket that listened is merely bound then, and can listen again.
        self.shared
            .listener
            .shutdown(Shutdown::Read)
            .expect("a listening socket can be shut");
    }

    /// Accepts connections again.
    pub fn accept(&self) {
        self.shared
            .listener
            .listen(BACKLOG)
            .expect("a bound socket can listen");
        self.state().accepting = true;
        self.shared.tell();
    }

    /// Tells one end of every open connection that nothing more will come from the
    /// other (FIN). What it still sends gets through; what is sent to it is lost.
    pub fn half_close(&self, end: End) {
        self.shared.order(Order::HalfClose(end));
    }

    /// Closes every open connection at both ends, in good order.
    pub fn close(&self) {
        self.shared.order(Order::Close);
    }

    /// Breaks every open connection off at both ends (RST).
    pub fn reset(&self) {
        self.shared.order(Order::Reset);
    }

    /// How many connections were accepted so far, whatever became of them.
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

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state().ended = true;
        self.shared.tell();
        self.close();
        // Wakes the acceptor; one that refuses is awake.
        let _not_listening = self.shared.listener.shutdown(Shutdown::Read);
        if let Some(acceptor) = self.acceptor.take() {
            let _ended = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked here")
    }

    /// Wakes all who wait, for something they look at has changed.
    fn tell(&self) {
        // With the lock, or one that has looked and does not wait yet would sleep on.
        let _held = self.state();
        self.changed.notify_all();
    }

    fn order(&self, order: Order) {
        let mut state = self.state();
        state.orders.push(order);
        for pair in state.open.values() {
            pair.follow(order);
        }
        drop(state);
        self.tell();
    }

    /// Waits until a piece that was read may be passed on.
    fn hold(&self, pair: &Pair) -> io::Result<()> {
        let mut state = self.state();
        loop {
            pair.goes_on()?;
            state = match state.flow {
                Flow::Passing => return Ok(()),
                Flow::Stalled => self.changed.wait(state).expect("nobody panicked here"),
                Flow::Delayed(time) => {
                    let waited = self.changed.wait_timeout_while(state, time, |state| {
                        state.flow == Flow::Delayed(time) && pair.goes_on().is_ok()
                    });
                    let (state, waited) = waited.expect("nobody panicked here");
                    if waited.timed_out() {
                        return Ok(());
                    }
                    state
                }
            };
        }
    }

    /// Waits until connections are accepted; false when the proxy ends.
    fn may_accept(&self) -> bool {
        let state = self
            .changed
            .wait_while(self.state(), |state| !state.ended && !state.accepting)
            .expect("nobody panicked here");
        !state.ended
    }
}

fn bound_to(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("a fresh socket");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.bind(&address.into()).expect("a loopback port");
    socket
}

fn address_of(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("a bound socket has an address");
    address.as_socket().expect("an address of IPv4")
}

fn accept(shared: &Arc<Shared>) {
    while shared.may_accept() {
        // Refusing ends the wait with an error.
        let Ok((client, _)) = shared.listener.accept() else {
            continue;
        };
        let client = TcpStream::from(client);
        let (number, orders) = {
            let mut state = shared.state();
            state.accepted += 1;
            (state.accepted, state.orders.len())
        };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Either end may leave at any time.
            let _left = carry(&shared, number, orders, client);
            shared.state().open.remove(&number);
        });
    }
}

/// Carries one connection to its end. It follows the orders from this number on.
fn carry(shared: &Arc<Shared>, number: u64, orders: usize, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(shared.target).inspect_err(|_| {
        // As the server itself would have: the client is broken off.
        let _already_closed = SockRef::from(&client).set_linger(Some(Duration::ZERO));
    })?;
    let pair = Arc::new(Pair::new(client, server)?);
    {
        let mut state = shared.state();
        if state.ended {
            return Ok(());
        }
        state.open.insert(number, Arc::clone(&pair));
        for order in &state.orders[orders..] {
            pair.follow(*order);
        }
    }
    let back = thread::spawn({
        let (shared, pair) = (Arc::clone(shared), Arc::clone(&pair));
        move || copy(&shared, &pair, &pair.server, &pair.client)
    });
    copy(shared, &pair, &pair.client, &pair.server);
    back.join().expect("copying does not panic");
    Ok(())
}
