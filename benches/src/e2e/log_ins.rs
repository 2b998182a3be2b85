//! Does a log-in cost more than one with a native password: known, new by algorithm, and
//! with a connection of its own?

use std::thread;

use warden_tests::{Algorithm, Claims, Connection, Issuer, Line, Scene, SigningKey};

use crate::pairs::{Answer, Figures, measured};
use crate::{CLIENTS, drive};

/// Log-ins of each client in one round of a known credential.
pub(super) const KNOWN: usize = 800;

/// Log-ins of each client in one round of new tokens.
const NEW: usize = 250;

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
    let scene = Scene::builder(line).issuer(issuer).start();
    scene
        .server
        .admin()
        .run("ACL SETUSER native on >secret ~reports:* +@read +hello +ping")
        .expect_ok();
    scene
}

/// AUTH with tokens that are in the cache: that of the session again, and two of one
/// principal in turn.
pub fn cached(line: Line) -> Vec<Answer> {
    let scene = scene(line, Issuer::corp());
    let (token, other) = (
        scene.token("alice"),
        scene.issuer.token(&Claims::of("alice").id("other")),
    );
    let mut clients = connections(&scene);
    let turns = [
        ("the session's own token again", [&token, &token]),
        ("two known tokens in turn", [&token, &other]),
    ];
    turns
        .into_iter()
        .flat_map(|turn| [(turn, 1), (turn, 16)])
        .map(|((what, tokens), depth)| {
            let in_turn = tokens.into_iter().cycle().take(KNOWN);
            let in_turn = in_turn.map(|token| ("alice".to_owned(), token.clone()));
            let (session, native) = (
                vec![in_turn.collect::<Vec<_>>(); CLIENTS],
                vec![vec![native(); KNOWN]; CLIENTS],
            );
            let clients = std::cell::RefCell::new(&mut clients);
            let round = |credentials: &[Vec<Credential>]| {
                auth(&scene, &mut clients.borrow_mut(), credentials, depth)
            };
            Answer::ask_often(
                SHORT_PAIRS,
                &format!("AUTH, {what} ({} bytes), P{depth}", token.len()),
                ("token", "password"),
                || round(&session),
                || round(&native),
            )
        })
        .collect()
}

/// AUTH with tokens nobody has seen, all of one class.
pub fn uncached(line: Line) -> Vec<Answer> {
    [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .into_iter()
        .map(|algorithm| {
            let key = SigningKey::generate(algorithm, "corp-1");
            let scene = scene(line, Issuer::corp().with_key(key));
            let clients = std::cell::RefCell::new(connections(&scene));
            let native = vec![vec![native(); NEW]; CLIENTS];
            let mut seen = 0;
            Answer::ask(
                &format!("AUTH with a new {} token, P1", algorithm.name()),
                ("token", "password"),
                || {
                    seen += 1;
                    let fresh = fresh(&scene, seen);
                    auth(&scene, &mut clients.borrow_mut(), &fresh, 1)
                },
                || auth(&scene, &mut clients.borrow_mut(), &native, 1),
            )
        })
        .collect()
}

/// Connect, HELLO with a credential, PING, close.
pub fn whole(line: Line) -> Answer {
    let scene = scene(line, Issuer::corp());
    let token = scene.token("alice");
    // Known from the first round on.
    let round = |user: &str, secret: &str| -> Figures {
        measured(scene.server.pid(), || {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..CONNECTIONS {
                            let mut client = scene.server.connect();
                            let hello = client.hello_auth(3, user, secret);
                            assert!(hello.error().is_none(), "{hello}");
                            client.run("PING").expect_text("PONG");
                        }
                    });
                }
            });
            4 * CONNECTIONS
        })
    };
    Answer::ask_often(
        SHORT_PAIRS,
        "connect, HELLO with a known token, PING, close",
        ("token", "password"),
        || round("alice", &token),
        || round("native", "secret"),
    )
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
) -> Figures {
    let commands: Vec<Vec<Vec<String>>> = credentials
        .iter()
        .map(|list| {
            list.iter()
                .map(|(user, secret)| vec!["AUTH".to_owned(), user.clone(), secret.clone()])
                .collect()
        })
        .collect();
    measured(scene.server.pid(), || {
        thread::scope(|scope| {
            let clients: Vec<_> = clients
                .iter_mut()
                .zip(&commands)
                .map(|(client, commands)| scope.spawn(move || drive(client, commands, depth)))
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("a client ends"))
                .sum()
        })
    })
}
