//! How long does it take to load twenty bundles whose artefacts are there: at a start, back
//! to wasm that was in force before, with other data, and when nothing changed?
//!
//! On the wall, with everything a load does: listing, reading, digests, artefacts, `describe`
//! and `configure` of each policy. Each bundle has a wasm of its own, by a section that says
//! nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints its figures and has nobody to return an error to"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use warden_benches::bundles::{self, BUNDLES};
use warden_benches::figures::{Aim, Question};
use warden_benches::latencies::timed;
use warden_benches::program::inside_one_process;
use warden_benches::rooms::generation;
use warden_policy::{Engine, EngineSettings, Generation};

const ROUNDS: u8 = 11;

fn main() {
    let scene = Scene::new();
    let mut question = Question::new(format!("{BUNDLES} bundles loaded, artefacts warm"));
    let start = || scene.load(&scene.engine(), None);
    rounds(&mut question, "at a start", |_| timed(start).1 / 1e3);

    let engine = scene.engine();
    scene.write(0, 0);
    let mut current = scene.load(&engine, None);
    let mut after = |what: &str, change: &dyn Fn(u8)| {
        rounds(&mut question, what, |round| {
            change(round);
            let (next, took) = timed(|| scene.load(&engine, Some(&current)));
            current = next;
            took / 1e3
        });
    };
    after("every data file changed", &|round| {
        scene.write(0, round + 1)
    });
    let back = "every wasm goes back to one of before";
    after(back, &|round| scene.write(1 - round % 2, 0));
    after("nothing changed", &|_| ());
    let question = question.aim(back, Aim::AtMost(150.0));
    inside_one_process("reload", vec![question]);
}

fn rounds(question: &mut Question, what: &str, mut round: impl FnMut(u8) -> f64) {
    for number in 0..ROUNDS {
        question.add(what, "ms", round(number));
    }
}

struct Scene(TempDir);

impl Scene {
    /// Two versions of every bundle, compiled, with a snapshot of one.
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(scene.policies()).expect("a directory can be made");
        let engine = scene.engine();
        for version in [1, 0] {
            scene.write(version, 0);
            let generation = generation(&engine, &scene.policies(), None);
            while generation.take_snapshot().is_some() {}
        }
        scene
    }

    fn policies(&self) -> PathBuf {
        self.0.path().join("policies")
    }

    fn engine(&self) -> Engine {
        let settings = EngineSettings {
            state_dir: Some(self.0.path().join("state")),
            ..EngineSettings::default()
        };
        Engine::new(settings).expect("an engine")
    }

    /// Loads what was compiled before, if only by another engine.
    fn load(&self, engine: &Engine, previous: Option<&Arc<Generation>>) -> Arc<Generation> {
        let compiled = engine.compilations();
        let generation = generation(engine, &self.policies(), previous);
        let all = engine.compilations();
        assert_eq!(all, compiled, "an artefact was missing");
        generation
    }

    /// Every bundle: its wasm in this version, its data with a comment.
    fn write(&self, version: u8, comment: u8) {
        for (name, content) in bundles::files(version, comment) {
            fs::write(self.policies().join(name), content).expect("it can be written");
        }
    }
}
