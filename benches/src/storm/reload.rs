//! A reload with ten thousand sessions of a thousand classes: how long until the last
//! of them has been decided anew and has its rules?
//!
//! From the swap, as the module itself measures it, and from the edit of the file, of
//! which 300 ms are the quiet period.

use std::time::Instant;

use super::crowd::{Credential, gather};
use super::probe::Probe;
use super::report::{ROUNDS, add_stalls};
use super::stage::{MainThread, ROLES, scene, tokens};
use crate::figures::{Aim, Question};
use crate::program::Run;

const SESSIONS: usize = 10_000;
const CLASSES: usize = 1_000;

/// Reloads of three kinds on one server, in turn.
pub fn run(run: Run) -> Vec<Question> {
    let scene = scene(run.line);
    let credentials = Credential::tokens(&tokens(&scene, SESSIONS, CLASSES, None));
    let _open = gather(scene.server.address(), &credentials, SESSIONS);
    let mut questions = Vec::new();
    for (what, other) in [
        ("no rule changes", format!("# another file\n{ROLES}")),
        (
            "every class gets other rules",
            ROLES.replace("~reports:*", "~accounts:*"),
        ),
        (
            "every class loses its channels",
            ROLES.replace(", \"&news.*\"", ""),
        ),
    ] {
        let mut question =
            Question::new(format!("{SESSIONS} sessions of {CLASSES} classes, {what}"));
        for _ in 0..run.rounds(ROUNDS) {
            for roles in [other.as_str(), ROLES] {
                let mut main = MainThread::watch(&scene);
                let probe = Probe::start(&scene);
                let generation = main.warden("warden_generation");
                let start = Instant::now();
                scene.policies.replace("rbac.toml", roles);
                main.wait_until("the reload has been applied", |main| {
                    main.warden("warden_generation") > generation
                        && main.warden("warden_review_pending") < 1.0
                });
                let since_edit = start.elapsed().as_secs_f64() * 1e3;
                question.add(
                    "from the swap",
                    "ms",
                    main.warden("warden_last_review_us") / 1e3,
                );
                question.add("from the edit", "ms", since_edit);
                probe.finish().add_to(&mut question, "GET meanwhile");
                add_stalls(&mut question, "meanwhile", main.stalls());
                assert!(main.warden("warden_closed") < 1.0, "nobody is closed");
            }
        }
        let question = question.aim("from the swap", Aim::AtMost(200.0));
        questions.push(question.aim("slices over 1 ms, meanwhile", Aim::AtMost(0.0)));
    }
    questions
}
