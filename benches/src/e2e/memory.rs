//! What does a session take, a class, a remembered credential?
//!
//! In: a server that counts what it allocates, for warden's memory is the server's. Out: bytes
//! each, as the difference that a thousand of them make. The connections are there before, and
//! what they take when they log in once more as somebody else is the server's own.

use std::thread;
use std::time::Duration;

use warden_tests::{Claims, Connection, Scene};

use crate::count;
use crate::figures::{Aim, Question};
use crate::program::Run;

/// How many of each.
const MANY: usize = 1_000;

/// By then the server has given back what connections needed for what they sent last.
const AT_REST: Duration = Duration::from_secs(4);

const ROLES: &str =
    "[roles.reader]\nmembers = [\"group:corp/analysts\"]\nrules = [\"+@read\", \"~reports:*\"]\n";

/// Bytes of each.
pub fn of_each(run: Run) -> Vec<Question> {
    let mut question = Question::new("memory of a thousand more, each");
    for _ in 0..run.rounds(5) {
        round(run, &mut question);
    }
    let question = question.aim("a session", Aim::AtMost(200.0));
    let question = question.aim("a class", Aim::AtMost(4096.0));
    vec![question.aim("a remembered credential", Aim::AtMost(256.0))]
}

fn round(run: Run, question: &mut Question) {
    let scene = Scene::builder(run.line)
        .roles(ROLES)
        .module_args(["reauthentication", "any"])
        .start();
    let token = |subject: &str, id: &str| {
        let claims = Claims::of(subject).groups(&["analysts"]).id(id);
        scene.issuer.token(&claims)
    };
    let alice = token("alice", "0");
    let mut admin = scene.server.admin();
    // As long as a token, so that connections have room for one.
    let password = "x".repeat(alice.len());
    for name in ["native", "other"] {
        let native = format!("ACL SETUSER {name} on >{password} ~reports:* +@read");
        admin.run(&native).expect_ok();
    }
    let mut clients: Vec<Connection> = (0..MANY).map(|_| scene.server.connect()).collect();
    let mut first = scene.server.connect();
    first.auth("alice", &alice).expect_ok();
    for client in &mut clients {
        client.auth("native", &password).expect_ok();
    }
    let once = used(&scene);
    for client in &mut clients {
        client.auth("other", &password).expect_ok();
    }
    let before = used(&scene);
    for client in &mut clients {
        client.auth("alice", &alice).expect_ok();
    }
    let sessions = used(&scene);
    for number in 0..MANY {
        let other = token("alice", &format!("other{number}"));
        first.auth("alice", &other).expect_ok();
    }
    let remembered = used(&scene);
    for (number, client) in clients.iter_mut().enumerate() {
        let subject = format!("alice{number}");
        client.auth(&subject, &token(&subject, "0")).expect_ok();
    }
    let classes = used(&scene);
    let native = (before - once) / count(MANY);
    question.add("another native log-in", "B", native);
    let credential = (remembered - sessions) / count(MANY);
    question.add("a session", "B", (sessions - before) / count(MANY));
    question.add("a remembered credential", "B", credential);
    let class = (classes - remembered) / count(MANY) - credential;
    question.add("a class", "B", class);
}

fn used(scene: &Scene) -> f64 {
    thread::sleep(AT_REST);
    let fields = scene.server.info("memory");
    let used = fields.get("used_memory").and_then(|text| text.parse().ok());
    used.expect("the server counts its memory")
}
