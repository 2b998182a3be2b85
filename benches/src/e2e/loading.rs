//! How long does a server take that loads the module with twenty policies which were compiled
//! before?

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::{Scene, parts};

use crate::bundles;
use crate::figures::{Aim, Question};
use crate::program::Run;

const ROUNDS: usize = 11;

/// `MODULE LOAD`, until it has answered and until the policies are in force.
pub fn with_policies(run: Run) -> Vec<Question> {
    const ANSWERED: &str = "until MODULE LOAD has answered";
    const IN_FORCE: &str = "until the policies are in force";
    let files = bundles::files(0, 0);
    let scene = files.fold(
        Scene::builder(run.line)
            .without_module()
            .without_policy()
            .config([("enable-module-command", "yes")]),
        |scene, (name, content)| scene.policy_file(&name, content),
    );
    let scene = scene.start();
    let state = tempfile::tempdir().expect("a temporary directory");
    let state = state.path().join("state").display().to_string();
    let module = parts::module().display().to_string();
    let mut words = vec!["MODULE".to_owned(), "LOAD".to_owned(), module];
    words.extend(scene.load_arguments());
    words.extend(["state_dir".to_owned(), state]);
    let mut admin = scene.server.admin();
    let mut question = Question::new("MODULE LOAD with 20 policies that were compiled before");
    for round in 0..=run.rounds(ROUNDS) {
        let start = Instant::now();
        admin.call(&words).expect_ok();
        let answered = start.elapsed();
        scene.wait_for_generation(1);
        let in_force = start.elapsed();
        if round == 0 {
            scene.await_snapshots();
        } else {
            question.add(ANSWERED, "ms", millis(answered));
            question.add(IN_FORCE, "ms", millis(in_force));
        }
        while !admin.run("MODULE UNLOAD warden").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    }
    vec![question.aim(IN_FORCE, Aim::AtMost(150.0))]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
