//! Does a log-in cost more than one with a native password: known, new by algorithm, and
//! with a connection of its own?

use std::thread;
use std::time::Instant;

use warden_tests::{Algorithm, Claims, Connection, Issuer, Line, Scene, SigningKey};

use crate::figures::Question;
use crate::latencies::{Latencies, micros};
use crate::pairs::{Answer, Done, Round, measured};
use crate::program::Run;
use crate::{CLIENTS, drive};

/// Log-ins of each client in one round of a known credential.
pub(super) const KNOWN: usize = 800;

/// Log-ins of each client in one round of new tokens.
const NEW: usize = 250;

/// A usual length of a token.
const USUAL_BYTES: usize = 757;

/// Connections of each of four threads in one round.
const CONNECTIONS: usize = 500;

/// Pairs of rounds with known credentials: short ones, and many, for what the kernel does
/// beside varies by a fifth.
pub(super) const SHORT_PAIRS: usize = 25;

/// One credential: the user name and the secret.
pub(super) type Credential = (String, String);

fn native() -> Credential {
    ("native".to_owned(), "secret".to_owned())
}

fn scene(line: Line, issuer: Issuer) -> Scene {
    // A native log-in is the server's alone.
    let scene = Scene::builder(line)
        .issuer(issuer)
        .module_args(["native_users", "native lengthy open"])
        .start();
    scene
        .server
        .admin()
        .run("ACL SETUSER native on >secret ~reports:* +@read +hello +ping")
        .expect_ok();
    scene
}

/// AUTH with tokens that are in the cache: that of the session again, and two of one
/// principal in turn. And what as many bytes cost where nobody looks at them.
pub fn cached(run: Run) -> Vec<Question> {
    let scene = scene(run.line, Issuer::corp());
    let (token, other) = (usual(&scene, "one"), usual(&scene, "two"));
    let bytes = token.len();
    let known = |token: &String| ("alice".to_owned(), token.clone());
    let long = ("lengthy".to_owned(), "x".repeat(bytes));
    let mut admin = scene.server.admin();
    admin
        .call(["ACL", "SETUSER", &long.0, "on", &format!(">{}", long.1)])
        .expect_ok();
    admin.run("ACL SETUSER open on nopass").expect_ok();
    let open = |secret: &str| ("open".to_owned(), secret.to_owned());
    let again = format!("the session's own token again ({bytes} bytes)");
    let in_turn = format!("two known tokens in turn ({bytes} bytes)");
    let unseen = format!("{bytes} bytes that the server does not look at (nopass)");
    let mut clients = connections(&scene);
    let mut questions = Vec::new();
    for (what, ours, baseline, is_asked) in [
        (&again, vec![known(&token)], native(), true),
        (&again, vec![known(&token)], long, true),
        (&in_turn, vec![known(&token), known(&other)], native(), true),
        (&unseen, vec![open(&token)], open("secret"), false),
    ] {
        for depth in [1, 16] {
            let each = |credentials: &[Credential]| {
                let mine = credentials.iter().cycle().take(KNOWN).cloned();
                vec![mine.collect::<Vec<_>>(); CLIENTS]
            };
            let (one, two) = (each(&ours), each(std::slice::from_ref(&baseline)));
            let clients = std::cell::RefCell::new(&mut clients);
            let round = |credentials: &[Vec<Credential>]| {
                auth(&scene, &mut clients.borrow_mut(), credentials, depth)
            };
            let against = match baseline.1.len() {
                length if is_asked => format!("a native password of {length} bytes"),
                length => format!("{length} such bytes"),
            };
            let answer = Answer::ask_often(
                run.pairs(SHORT_PAIRS),
                &format!("AUTH, {what}, P{depth}"),
                ("token", &against),
                || round(&one),
                || round(&two),
            );
            let answer = answer.longest_slice(&scene.server);
            let answer = match depth {
                _ if !is_asked => answer,
                1 => answer.rate_at_least(0.98),
                _ => answer.cpu_at_most(1.5),
            };
            questions.push(answer.question());
        }
    }
    questions
}

/// A token of the usual length.
fn usual(scene: &Scene, id: &str) -> String {
    let padded = |bytes: usize| {
        let claims = Claims::of("alice").id(id).set("padding", "x".repeat(bytes));
        scene.issuer.token(&claims)
    };
    let mut padded = (0..USUAL_BYTES).map(padded);
    let token = padded.find(|token| token.len() >= USUAL_BYTES);
    token.expect("padding makes it long")
}

/// AUTH with tokens nobody has seen, all of one class.
pub fn uncached(run: Run) -> Vec<Question> {
    [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .into_iter()
        .map(|algorithm| {
            let key = SigningKey::generate(algorithm, "corp-1");
            let scene = scene(run.line, Issuer::corp().with_key(key));
            let clients = std::cell::RefCell::new(connections(&scene));
            let native = vec![vec![native(); NEW]; CLIENTS];
            let mut seen = 0;
            let answer = Answer::ask(
                &format!("AUTH with a new {} token, P1", algorithm.name()),
                ("token", "a native password"),
                || {
                    seen += 1;
                    let fresh = fresh(&scene, seen);
                    auth(&scene, &mut clients.borrow_mut(), &fresh, 1)
                },
                || auth(&scene, &mut clients.borrow_mut(), &native, 1),
            );
            answer.longest_slice(&scene.server).question()
        })
        .collect()
}

/// Connect, HELLO with a credential, PING, close.
pub fn whole(run: Run) -> Vec<Question> {
    let scene = scene(run.line, Issuer::corp());
    let token = scene.token("alice");
    // Known from the first round on. Each client comes from an address of its own, the next
    // time from another: the system looks long for a port that no closed connection still has.
    let addresses = std::cell::RefCell::new((1..=254).cycle());
    let round = |user: &str, secret: &str| -> Round {
        let client = |last: u8| {
            let connection = |_| {
                let start = Instant::now();
                let mut client = scene.server.connect_from(last);
                let hello = client.hello_auth(3, user, secret);
                assert!(hello.error().is_none(), "{hello}");
                client.run("PING").expect_text("PONG");
                drop(client);
                micros(start.elapsed())
            };
            (0..CONNECTIONS).map(connection).collect()
        };
        Round::watched(&scene.server, || {
            measured(scene.server.pid(), || {
                let mut addresses = addresses.borrow_mut();
                let these = addresses.by_ref().take(4);
                all(these.map(|last| move || client(last)))
            })
        })
    };
    let answer = Answer::ask_often(
        run.pairs(SHORT_PAIRS),
        "connect, HELLO with a known token, PING, close",
        ("token", "a native password"),
        || round("alice", &token),
        || round("native", "secret"),
    );
    let answer = answer.longest_slice(&scene.server);
    vec![answer.rate_at_least(0.97).question()]
}

/// Runs clients, each on a thread of its own, which say how long each request took.
fn all<C: FnOnce() -> Vec<f64> + Send>(clients: impl Iterator<Item = C>) -> Done {
    let took: Vec<f64> = thread::scope(|scope| {
        let clients: Vec<_> = clients.map(|client| scope.spawn(client)).collect();
        let took = clients.into_iter().map(|client| client.join());
        took.flat_map(|took| took.expect("a client ends")).collect()
    });
    Done {
        requests: took.len(),
        latencies: Some(Latencies::of(took)),
    }
}

/// As many as there are clients, which are nobody yet.
pub(super) fn connections(scene: &Scene) -> Vec<Connection> {
    (0..CLIENTS).map(|_| scene.server.connect()).collect()
}

fn fresh(scene: &Scene, round: usize) -> Vec<Vec<Credential>> {
    let token = |client: usize, number: usize| {
        let claims = Claims::of("alice").set("jti", format!("{round}-{client}-{number}"));
        ("alice".to_owned(), scene.issuer.token(&claims))
    };
    (0..CLIENTS)
        .map(|client| (0..NEW).map(|number| token(client, number)).collect())
        .collect()
}

/// AUTH by each client with its credentials, so many at once.
pub(super) fn auth(
    scene: &Scene,
    clients: &mut [Connection],
    credentials: &[Vec<Credential>],
    depth: usize,
) -> Round {
    let commands: Vec<Vec<Vec<String>>> = credentials
        .iter()
        .map(|list| {
            list.iter()
                .map(|(user, secret)| vec!["AUTH".to_owned(), user.clone(), secret.clone()])
                .collect()
        })
        .collect();
    Round::watched(&scene.server, || {
        measured(scene.server.pid(), || {
            let clients = clients.iter_mut().zip(&commands);
            all(clients.map(|(client, commands)| move || drive(client, commands, depth)))
        })
    })
}
