//! A million log-ins: what do they leave behind?
//!
//! Fifty thousand principals in no order, a tenth of the credentials in the cache,
//! classes that come and go. Memory after a warm-up against memory at the end.

use std::thread;

use warden_tests::Scene;

use super::crowd::{Credential, authenticate, reset};
use super::stage::{MainThread, scene_with, tokens};
use crate::count;
use crate::figures::Question;
use crate::program::Run;

const PRINCIPALS: usize = 50_000;
const CLIENTS: usize = 8;

/// Log-ins between two readings of memory.
const LAP: usize = 100_000;

/// Log-ins of one connection before it is replaced.
const PER_CONNECTION: usize = 20;

/// Memory after a lap.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What the server counts, in bytes.
    pub used: f64,
    /// What the system counts, in bytes.
    pub resident: f64,
    /// Users of the module.
    pub classes: f64,
}

/// Memory lap by lap.
pub fn run(Run { line, .. }: Run) -> Vec<Question> {
    let scene = scene_with(line, &["cache_entries", "5000"]);
    let credentials = Credential::tokens(&tokens(&scene, PRINCIPALS, PRINCIPALS, None));
    let mut question = Question::new(format!("a million log-ins of {PRINCIPALS} principals"));
    for number in 1..=10 {
        let start = std::time::Instant::now();
        lap(&scene, &credentials, number, LAP);
        let log_ins = count(LAP) / start.elapsed().as_secs_f64();
        question.add("log-ins", "/s", log_ins);
        let after = format!("after {} log-ins", number * LAP);
        read(&scene).add_to(&mut question, &after);
    }
    let mut main = MainThread::watch(&scene);
    for _ in 0..3 {
        // A class without sessions is kept for a minute.
        thread::sleep(std::time::Duration::from_secs(30));
    }
    main.wait_until("every idle class is freed", |main| {
        main.warden("warden_classes") < 1.0
    });
    read(&scene).add_to(&mut question, "after a minute at rest");
    let longest = main.warden("warden_longest_slice_us");
    question.add("longest slice", "us", longest);
    let over = main.warden("warden_slices_over_2ms");
    question.add("slices over 2 ms", "", over);
    vec![question]
}

impl Memory {
    fn add_to(self, question: &mut Question, when: &str) {
        question.add(&format!("used_memory {when}"), "MB", self.used / 1e6);
        question.add(&format!("resident {when}"), "MB", self.resident / 1e6);
        question.add(&format!("classes {when}"), "", self.classes);
    }
}

/// `count` log-ins by some clients; `seed` chooses whose.
pub fn lap(scene: &Scene, credentials: &[Credential], seed: usize, count: usize) {
    let address = scene.server.address();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut place = seed.wrapping_mul(7_919).wrapping_add(client * 104_729);
                for _ in 0..count / CLIENTS / PER_CONNECTION {
                    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
                    stream.set_nodelay(true).expect("an option");
                    for _ in 0..PER_CONNECTION {
                        // A linear congruential generator: in no order, and the same each time.
                        place = place
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let whose = (place >> 33) % credentials.len();
                        if let Some(credential) = credentials.get(whose) {
                            authenticate(&mut stream, credential).expect("a session");
                        }
                        reset(&mut stream).expect("a reset");
                    }
                }
            });
        }
    });
}

/// Memory now.
pub fn read(scene: &Scene) -> Memory {
    let fields = scene.server.info("memory");
    let field = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
    Memory {
        used: field("used_memory").unwrap_or(f64::NAN),
        resident: field("used_memory_rss").unwrap_or(f64::NAN),
        classes: MainThread::watch(scene).warden("warden_classes"),
    }
}
