//! Does a command cost more in a session than for a native user; and does the module cost
//! those who do not use it?

use warden_tests::{ADMIN_PASSWORD, Line, Scene, Server};

use super::load::{User, drive};
use crate::pairs::{Answer, Figures, measured};

/// Requests of one round, by pipeline depth: a second or more.
const REQUESTS: [(usize, usize); 2] = [(1, 60_000), (16, 600_000)];

const ROLES: &str = "[roles.worker]\nmembers = [\"user:corp/alice\"]\nrules = [\"+@read\", \"+set\", \"~reports:*\"]\n";

/// GET and SET of a session, against a native user with the same rendered rules, and
/// against one whose rules were written by hand.
pub fn sessions(line: Line) -> Vec<Answer> {
    let scene = Scene::builder(line).roles(ROLES).start();
    let mut admin = scene.server.admin();
    let rules = scene.log_in("alice").whoami().field("rules").text();
    // As one line: the quoted selectors are words for the server to split.
    admin.send_raw(format!("ACL SETUSER rendered {rules} >secret\r\n").as_bytes());
    admin.receive().expect_ok();
    admin
        .run("ACL SETUSER flat on >secret ~reports:* +@read +set")
        .expect_ok();
    let session = User::new("alice", &scene.token("alice"));
    let mut answers = Vec::new();
    for command in ["GET reports:q3", "SET reports:q3 x"] {
        for (depth, requests) in REQUESTS {
            for (name, what) in [
                ("rendered", "a native user with the same rules"),
                ("flat", "a native user with rules by hand"),
            ] {
                let native = User::new(name, "secret");
                let round = |user: &User| -> Figures {
                    let load = (command, requests, depth);
                    measured(scene.server.pid(), || {
                        drive(line, &scene.server, Some(user), load)
                    })
                };
                let word = command.split(' ').next().unwrap_or_default();
                answers.push(Answer::ask(
                    &format!("{word} of a session, P{depth}, against {what}"),
                    ("session", name),
                    || round(&session),
                    || round(&native),
                ));
            }
        }
    }
    answers
}

/// GET of user `default` on a server with the module loaded, and one without.
pub fn unused(line: Line) -> Vec<Answer> {
    let with = Scene::start(line);
    let without = Server::builder(line).start();
    let default = User::new("default", ADMIN_PASSWORD);
    REQUESTS
        .into_iter()
        .map(|(depth, requests)| {
            let round = |server: &Server| -> Figures {
                let load = ("GET reports:q3", requests, depth);
                measured(server.pid(), || drive(line, server, Some(&default), load))
            };
            Answer::ask(
                &format!("GET with the module loaded and unused, P{depth}, against no module"),
                ("loaded", "without"),
                || round(&with.server),
                || round(&without),
            )
        })
        .collect()
}
