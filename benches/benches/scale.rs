//! Does a decision cost more where a policy has read more? `rbac` with ten roles and with
//! ten thousand, of which the principal holds the same two.
//!
//! Processor time of the thread that decides, in rounds taken in turn; the ratio is that
//! of the pairs.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its figures and has nobody to return an error to"
)]

use std::fmt::Write;

use rustix::time::{ClockId, clock_gettime};
use warden_benches::count;
use warden_benches::figures::{Aim, Question};
use warden_benches::program::inside_one_process;
use warden_benches::rooms::Rooms;
use warden_policy::Request;

/// Decisions of one round.
const DECISIONS: usize = 2_000;
/// Pairs of rounds.
const ROUNDS: usize = 11;

fn main() {
    let few = Scene::new(10);
    let many = Scene::new(10_000);
    few.round();
    many.round();
    let mut question = Question::new("a decision of rbac, two roles held of so many");
    for _ in 0..ROUNDS {
        let (few, many) = (few.round(), many.round());
        question.add("of 10", "us", few);
        question.add("of 10,000", "us", many);
        question.add("of 10,000 to of 10", "times", many / few);
    }
    let question = question.aim("of 10,000", Aim::AtMost(50.0));
    let question = question.aim("of 10,000 to of 10", Aim::AtMost(1.3));
    inside_one_process("scale", vec![question]);
}

struct Scene {
    rooms: Rooms,
    request: Request,
}

impl Scene {
    fn new(roles: usize) -> Self {
        let rooms = Rooms::deciding_by("rbac", &[("rbac.toml", &data(roles))]);
        while rooms.generation.take_snapshot().is_some() {}
        let [bundle] = rooms.generation.bundles() else {
            panic!("one bundle");
        };
        println!("of {roles} roles: {:?}", bundle.snapshot());
        let request = rooms.request(&rooms.principal("alice"));
        Self { rooms, request }
    }

    /// Microseconds a decision.
    fn round(&self) -> f64 {
        let start = thread_time();
        for _ in 0..DECISIONS {
            let explained = self.rooms.generation.explain(&self.request, self.rooms.now);
            assert!(explained.answer.is_ok());
        }
        (thread_time() - start) * 1e6 / count(DECISIONS)
    }
}

fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// So many roles, two of them held by analysts and by alice, in the middle of the others.
fn data(roles: usize) -> String {
    let mut text = String::new();
    for number in 0..roles {
        let half = if number < roles / 2 { "a" } else { "z" };
        let members = match number {
            3 => "'group:corp/analysts'".to_owned(),
            4 => "'user:corp/alice'".to_owned(),
            _ => format!(
                "'group:corp/team-{number}', 'scope:corp/team-{number}.read', 'user:corp/lead-{number}'"
            ),
        };
        let name = if number == 3 || number == 4 {
            "m"
        } else {
            half
        };
        let _infallible = write!(
            text,
            "[roles.{name}-{number}]\nmembers = [{members}]\n\
             rules = ['+@read', '+set', '~team-{number}:*', '&team-{number}.*']\n"
        );
    }
    text
}
