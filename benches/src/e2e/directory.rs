//! What does a log-in cost that a directory judges, against its bind alone?
//!
//! Twenty users log in again and again, each on a connection of its own, and nothing is
//! remembered. The baseline is as many binds sent to the same `slapd` without anything
//! between. `slapd` has sixteen threads unless it is told otherwise, and two are what this
//! machine has processors. What is remembered is held against tokens that are.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use warden_tests::slapd::{BASE, crowd_name, password_of, user_dn};
use warden_tests::{Authority, Line, Scene, Slapd, eventually};

use super::log_ins::{self, KNOWN, SHORT_PAIRS, connections};
use crate::CLIENTS;
use crate::figures::Question;
use crate::pairs::{Answer, Done, measured};
use crate::program::Run;

/// Log-ins of each client in one round.
const ROUNDS: usize = 2000;

/// Threads that drive the clients.
const THREADS: usize = 2;

/// AUTH by a simple bind, with a connection for each user and with as few as by default;
/// and AUTH that is remembered.
pub fn log_ins(Run { line, .. }: Run) -> Vec<Question> {
    let remembered = [1, 16].map(|depth| remembered(line, depth));
    [(CLIENTS, 16), (CLIENTS, 2), (2, 16), (2, 2)]
        .into_iter()
        .map(|(connections, threads)| binds(line, connections, threads))
        .chain(remembered)
        .map(|answer| answer.question())
        .collect()
}

/// The file of a directory whose users bind by their names.
fn file(slapd: &Slapd, more: &str) -> String {
    format!(
        "type = 'ldap'\nservers = ['{}']\nbind_dn_prefix = 'uid='\n\
         bind_dn_suffix = ',ou=people,{BASE}'\n{more}",
        slapd.url()
    )
}

/// AUTH with a password that a directory has judged, against a token that has been
/// verified: each the session's own again.
fn remembered(line: Line, depth: usize) -> Answer {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().crowd(1).start(&authority);
    let (alice, user) = ("alice".to_owned(), crowd_name(0));
    let scene = Scene::builder(line)
        .roles(&format!("[roles.reader]\nmembers = ['user:directory/{user}', 'user:corp/alice']\nrules = ['+@read', '~reports:*']\n"))
        .start();
    let passwords = file(&slapd, "");
    scene.authenticators.replace("20-directory.toml", passwords);
    eventually("the directory is asked", || {
        let mut client = scene.server.connect();
        client
            .auth(&user, &password_of(&user))
            .is_ok()
            .then_some(())
    });
    let token = scene.token("alice");
    let by_token = vec![vec![(alice, token); KNOWN]; CLIENTS];
    let by_password = vec![vec![(user.clone(), password_of(&user)); KNOWN]; CLIENTS];
    let (mut some, mut others) = (connections(&scene), connections(&scene));
    Answer::ask_often(
        SHORT_PAIRS,
        &format!("AUTH that a directory has judged before, P{depth}"),
        ("password", "a known token"),
        || log_ins::auth(&scene, &mut some, &by_password, depth),
        || log_ins::auth(&scene, &mut others, &by_token, depth),
    )
}

/// A directory of as many people as there are clients.
fn crowd(threads: usize, authority: &Authority) -> Slapd {
    Slapd::builder()
        .global(&format!("threads {threads}"))
        .crowd(CLIENTS)
        .start(authority)
}

/// A server that asks it about every log-in.
fn asking(line: Line, slapd: &Slapd, connections: usize) -> Scene {
    let more = format!("connection_pool_size = {connections}\ncache_seconds = 0\n");
    let members: Vec<_> = (0..CLIENTS)
        .map(|number| format!("user:corp/{}", crowd_name(number)))
        .collect();
    let roles =
        format!("[roles.reader]\nmembers = {members:?}\nrules = ['+@read', '~reports:*']\n");
    Scene::builder(line)
        .roles(&roles)
        .authenticator_file(&file(slapd, &more))
        .start()
}

fn binds(line: Line, connections: usize, threads: usize) -> Answer {
    let authority = Authority::new("ca");
    let slapd = crowd(threads, &authority);
    let scene = asking(line, &slapd, connections);
    let pid = scene.server.pid();
    let mut clients = open(scene.server.address(), auth, "+OK\r\n".len());
    let mut bare = open(slapd.address(), bind, BOUND_BYTES);
    Answer::ask(
        &format!(
            "AUTH that a directory judges by a bind, {CLIENTS} users, {connections} connections, \
             a directory of {threads} threads"
        ),
        ("log-in", "as many bare binds"),
        || measured(pid, || drive(&mut clients)),
        || measured(slapd.pid(), || drive(&mut bare)),
    )
}

/// The same binds through warden and through valkey-ldap, each in a server of its own, before
/// the same directory. Where its library is says `VALKEY_LDAP_MODULE`.
pub fn beside_valkey_ldap(Run { line, .. }: Run) -> Vec<Question> {
    let library = std::env::var("VALKEY_LDAP_MODULE")
        .expect("VALKEY_LDAP_MODULE names the library of valkey-ldap");
    [(CLIENTS, 16), (CLIENTS, 2), (2, 16), (2, 2)]
        .into_iter()
        .map(|(connections, threads)| beside(line, &library, connections, threads).question())
        .collect()
}

fn beside(line: Line, library: &str, connections: usize, threads: usize) -> Answer {
    let authority = Authority::new("ca");
    let slapd = crowd(threads, &authority);
    let ours = asking(line, &slapd, connections);
    let theirs = Scene::builder(line).without_module().start();
    let connection_pool_size = connections.to_string();
    let admin = |words: &[&str]| theirs.server.admin().call(words).expect_ok();
    admin(&["MODULE", "LOAD", library]);
    for (setting, value) in [
        ("bind_dn_prefix", "uid="),
        ("bind_dn_suffix", &format!(",ou=people,{BASE}")),
        ("connection_pool_size", &connection_pool_size),
        ("servers", &slapd.url()),
    ] {
        admin(&["CONFIG", "SET", &format!("ldap.{setting}"), value]);
    }
    for number in 0..CLIENTS {
        let name = crowd_name(number);
        admin(&[
            "ACL",
            "SETUSER",
            &name,
            "on",
            "resetpass",
            "+@read",
            "~reports:*",
        ]);
    }
    eventually("it knows that the directory is there", || {
        let mut client = theirs.server.connect();
        let (name, password) = (crowd_name(0), password_of(&crowd_name(0)));
        client.auth(&name, &password).is_ok().then_some(())
    });
    let (our_pid, their_pid) = (ours.server.pid(), theirs.server.pid());
    let mut our_clients = open(ours.server.address(), auth, "+OK\r\n".len());
    let mut their_clients = open(theirs.server.address(), auth, "+OK\r\n".len());
    Answer::ask(
        &format!(
            "AUTH that a directory judges by a bind, {CLIENTS} users, {connections} connections, \
             a directory of {threads} threads, beside valkey-ldap"
        ),
        ("warden", "valkey-ldap"),
        || measured(our_pid, || drive(&mut our_clients)),
        || measured(their_pid, || drive(&mut their_clients)),
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
fn drive(clients: &mut [Client]) -> Done {
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
    Done {
        requests,
        latencies: None,
    }
}
