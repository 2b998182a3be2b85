//! Does a command cost more in a session than for a native user; and does the module cost
//! those who do not use it?

use warden_tests::{ADMIN_PASSWORD, Scene, Server};

use super::load::{User, drive};
use super::processor::handing_over;
use crate::figures::{Aim, Question};
use crate::pairs::{Answer, Round, measured};
use crate::program::Run;

const ROLES: &str = "[roles.worker]\nmembers = [\"user:corp/alice\"]\nrules = [\"+@read\", \"+set\", \"~reports:*\"]\n";

/// Requests of one round: a second or more.
fn requests(run: Run, depth: usize) -> usize {
    run.requests(if depth == 1 { 60_000 } else { 600_000 })
}

/// GET and SET of a session, against a native user with the same rendered rules, and
/// against one whose rules were written by hand.
pub fn sessions(run: Run) -> Vec<Question> {
    let scene = Scene::builder(run.line).roles(ROLES).start();
    let mut admin = scene.server.admin();
    let rules = scene.log_in("alice").whoami().field("rules").text();
    // As one line: the quoted selectors are words for the server to split.
    admin.send_raw(format!("ACL SETUSER rendered {rules} >secret\r\n").as_bytes());
    admin.receive().expect_ok();
    admin
        .run("ACL SETUSER flat on >secret ~reports:* +@read +set")
        .expect_ok();
    let session = User::new("alice", &scene.token("alice"));
    let mut questions = Vec::new();
    for command in ["GET reports:q3", "SET reports:q3 x"] {
        for depth in run.depths() {
            for (name, what, least) in [
                ("rendered", "a native user with the same rules", 0.99),
                ("flat", "a native user with rules by hand", 0.95),
            ] {
                let native = User::new(name, "secret");
                let round = |user: &User| -> Round {
                    let load = (command, requests(run, *depth), *depth);
                    Round::watched(&scene.server, || {
                        measured(scene.server.pid(), || {
                            drive(run.line, &scene.server, Some(user), load)
                        })
                    })
                };
                let word = command.split(' ').next().unwrap_or_default();
                let answer = Answer::ask_often(
                    run.pairs(11),
                    &format!("{word} of a session, P{depth}"),
                    ("session", what),
                    || round(&session),
                    || round(&native),
                );
                let answer = answer.longest_slice(&scene.server);
                let answer = if *depth == 16 {
                    answer.rate_at_least(least)
                } else {
                    answer
                };
                questions.push(answer.question());
            }
        }
    }
    questions
}

/// GET of user `default` on a server with the module loaded, and one without; and the same of a
/// module that does nothing but be there.
pub fn unused(run: Run) -> Vec<Question> {
    let unused = |what: &str, depth: usize, loaded: &dyn Fn() -> Scene| {
        let asked = format!("GET with {what} loaded and unused, P{depth}");
        pairs_of_servers(run, depth, &asked, loaded)
    };
    let mut questions = Vec::new();
    for depth in run.depths() {
        let question = unused("the module", *depth, &|| Scene::start(run.line));
        questions.push(question.aim("server CPU", Aim::AtMost(1.005)));
        let other = || handing_over(run.line, 0.0);
        questions.push(unused("a module that does nothing", *depth, &other));
    }
    questions
}

/// Half a part in a hundred is asked for, and two servers differ by more from one start to the
/// next: some of each, the middle of many short pairs of each.
fn pairs_of_servers(run: Run, depth: usize, asked: &str, loaded: &dyn Fn() -> Scene) -> Question {
    let default = User::new("default", ADMIN_PASSWORD);
    let on_new_servers = || {
        let with = loaded();
        let without = Server::builder(run.line).start();
        let load = ("GET reports:q3", requests(run, depth) / 2, depth);
        let round = |server: &Server| -> Round {
            measured(server.pid(), || {
                drive(run.line, server, Some(&default), load)
            })
        };
        let answer = Answer::ask_often(
            run.pairs(11),
            asked,
            ("loaded", "no module"),
            || round(&with.server),
            || round(&without),
        );
        answer.question()
    };
    let all = std::iter::repeat_with(on_new_servers).take(run.rounds(7));
    let question = Question::new(format!("{asked}, against no module"));
    all.fold(question, Question::with_the_middle_of)
}
