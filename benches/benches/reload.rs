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
use std::time::Instant;

use tempfile::TempDir;
use warden_benches::bundles::{self, BUNDLES};
use warden_benches::figures::{Spread, spread};
use warden_benches::rooms::generation;
use warden_policy::{Engine, EngineSettings, Generation};

const ROUNDS: usize = 11;

fn main() {
    let scene = Scene::new();
    println!("| {BUNDLES} bundles, artefacts warm | milliseconds |\n|---|---|");
    let start = || scene.load(&scene.engine(), None);
    println!("| at a start | {} |", rounds(|_| timed(start).1));

    let engine = scene.engine();
    scene.write(0, 0);
    let mut current = scene.load(&engine, None);
    let mut after = |change: &dyn Fn(u8)| {
        rounds(|round| {
            change(round);
            let (next, took) = timed(|| scene.load(&engine, Some(&current)));
            current = next;
            took
        })
    };
    let data = after(&|round| scene.write(0, round + 1));
    println!("| every data file changed | {data} |");
    let wasm = after(&|round| scene.write(1 - round % 2, 0));
    println!("| every wasm goes back to one of before | {wasm} |");
    println!("| nothing changed | {} |", after(&|_| ()));
}

fn rounds(mut round: impl FnMut(u8) -> f64) -> Spread {
    spread((0..ROUNDS).zip(0..).map(|(_, number)| round(number)))
}

/// What it comes to, and how many milliseconds it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64() * 1e3)
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
