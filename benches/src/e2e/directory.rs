//! What does a log-in cost that a directory judges, against its bind alone?
//!
//! Twenty users log in again and again, each on a connection of its own, and nothing is
//! remembered. The baseline is as many binds sent to the same `slapd` without anything
//! between.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use warden_tests::slapd::{BASE, crowd_name, password_of, user_dn};
use warden_tests::{Authority, Line, Scene, Slapd};

use crate::CLIENTS;
use crate::pairs::{Answer, measured};

/// Log-ins of each client in one round.
const ROUNDS: usize = 2000;

/// Threads that drive the clients.
const THREADS: usize = 2;

/// AUTH by a simple bind, with a connection for each user and with as few as by default.
pub fn binds(line: Line) -> Vec<Answer> {
    [CLIENTS, 2]
        .into_iter()
        .map(|connections| with(line, connections))
        .collect()
}

fn with(line: Line, connections: usize) -> Answer {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().crowd(CLIENTS).start(&authority);
    let file = format!(
        "type = 'ldap'\nservers = ['{}']\nbind_dn_prefix = 'uid='\n\
         bind_dn_suffix = ',ou=people,{BASE}'\nconnection_pool_size = {connections}\ncache_seconds = 0\n",
        slapd.url()
    );
    let members: Vec<_> = (0..CLIENTS)
        .map(|number| format!("user:corp/{}", crowd_name(number)))
        .collect();
    let roles =
        format!("[roles.reader]\nmembers = {members:?}\nrules = ['+@read', '~reports:*']\n");
    let scene = Scene::builder(line)
        .roles(&roles)
        .authenticator_file(&file)
        .start();
    let pid = scene.server.pid();
    let mut clients = open(scene.server.address(), auth, "+OK\r\n".len());
    let mut bare = open(slapd.address(), bind, BOUND_BYTES);
    Answer::ask(
        &format!("AUTH that a directory judges by a bind, 20 users and {connections} connections"),
        ("log-in", "bare bind"),
        || measured(pid, || drive(&mut clients)),
        || measured(slapd.pid(), || drive(&mut bare)),
    )
}

/// One that asks the same again and again.
struct Client {
    socket: TcpStream,
    request: Vec<u8>,
    answer_bytes: usize,
}

impl Client {
    fn ask(&mut self) {
        self.socket.write_all(&self.request).expect("it takes");
    }

    fn take_answer(&mut self) {
        let mut answer = [0; 64];
        let answer = answer.get_mut(..self.answer_bytes).expect("room");
        self.socket.read_exact(answer).expect("it answers");
        let is_yes = answer == b"+OK\r\n" || answer.starts_with(b"0\x0c\x02");
        assert!(is_yes, "{}", String::from_utf8_lossy(answer));
    }
}

/// A client for each user.
fn open(
    address: SocketAddr,
    request: impl Fn(&str) -> Vec<u8>,
    answer_bytes: usize,
) -> Vec<Client> {
    (0..CLIENTS)
        .map(|number| {
            let socket = TcpStream::connect(address).expect("the server accepts");
            socket.set_nodelay(true).expect("a socket takes options");
            Client {
                socket,
                request: request(&crowd_name(number)),
                answer_bytes,
            }
        })
        .collect()
}

fn auth(name: &str) -> Vec<u8> {
    let password = password_of(name);
    let mut command = b"*3\r\n".to_vec();
    for word in ["AUTH", name, &password] {
        let _ = write!(command, "${}\r\n{word}\r\n", word.len());
    }
    command
}

/// The answer to a bind that succeeded, with a number of one byte.
const BOUND_BYTES: usize = 14;

fn bind(name: &str) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).expect("a short element");
        assert!(length < 0x80, "a short element");
        [&[tag, length], content].concat()
    };
    let (dn, password) = (user_dn(name), password_of(name));
    let request = [
        element(0x02, &[3]),
        element(0x04, dn.as_bytes()),
        element(0x80, password.as_bytes()),
    ];
    let message = [element(0x02, &[1]), element(0x60, &request.concat())];
    element(0x30, &message.concat())
}

/// All clients, [`ROUNDS`] times each.
fn drive(clients: &mut [Client]) -> usize {
    let requests = clients.len() * ROUNDS;
    thread::scope(|scope| {
        for group in clients.chunks_mut(CLIENTS / THREADS) {
            scope.spawn(move || {
                for client in &mut *group {
                    client.ask();
                }
                for round in 1..=ROUNDS {
                    for client in &mut *group {
                        client.take_answer();
                        if round < ROUNDS {
                            client.ask();
                        }
                    }
                }
            });
        }
    });
    requests
}
