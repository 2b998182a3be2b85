//! Very many log-ins and what they leave behind. Slow: `make test-full` runs it; a
//! million of them are in `benches`, as `storm soak`.

use std::thread;

use warden_tests::{Algorithm, Claims, Issuer, Line, Scene, SigningKey, eventually};

use crate::info;

#[test]
#[ignore = "takes minutes"]
fn log_ins_by_the_hundred_thousand_leave_memory_flat_on_8_0() {
    leave_memory_flat(Line::V8_0);
}

#[test]
#[ignore = "takes minutes"]
fn log_ins_by_the_hundred_thousand_leave_memory_flat_on_9_1() {
    leave_memory_flat(Line::V9_1);
}

const PRINCIPALS: usize = 20_000;
const CLIENTS: usize = 4;

/// Half of them fill the tables: sessions, classes, both caches.
const WARM_UP: usize = 100_000;
const LOG_INS: usize = 200_000;

/// Growth that the allocator and the caches' own clocks may show.
const USED_LIMIT: f64 = 1.05;
const RESIDENT_LIMIT: f64 = 1.10;

fn leave_memory_flat(line: Line) {
    let key = SigningKey::generate(Algorithm::ES256, "soak");
    let scene = Scene::builder(line)
        .issuer(Issuer::new(Issuer::corp().url(), key))
        .module_args(["cache_entries", "2000"])
        .start();
    let tokens: Vec<String> = (0..PRINCIPALS)
        .map(|number| {
            let claims = Claims::of(&format!("user{number}")).groups(&["analysts"]);
            scene
                .issuer
                .token(&claims.set("exp", warden_tests::unix_now() + 7200))
        })
        .collect();
    log_in(&scene, &tokens, WARM_UP);
    let before = memory(&scene);
    log_in(&scene, &tokens, LOG_INS);
    let after = memory(&scene);
    let (used, resident) = (after.0 / before.0, after.1 / before.1);
    assert!(used < USED_LIMIT, "used_memory grew {used}-fold");
    assert!(
        resident < RESIDENT_LIMIT,
        "the process grew {resident}-fold"
    );
    scene.wait_for_info(info::SESSIONS, "0");
    let mut patience = 0;
    while scene.counter(info::CLASSES) > 0 {
        // An idle class is kept for a minute.
        thread::sleep(std::time::Duration::from_secs(1));
        patience += 1;
        assert!(patience < 120, "idle classes are not freed");
    }
}

fn log_in(scene: &Scene, tokens: &[String], count: usize) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut connection = scene.server.connect();
                for number in 0..count / CLIENTS {
                    let whose = (number * 7919 + client * 104_729) % tokens.len();
                    connection.auth("token", &tokens[whose]).expect_ok();
                    connection.run("RESET").expect_text("RESET");
                }
            });
        }
    });
}

/// What the server counts and what the system counts, when it has become quiet.
fn memory(scene: &Scene) -> (f64, f64) {
    eventually("all sessions are gone", || {
        (scene.counter(info::SESSIONS) == 0).then_some(())
    });
    let fields = scene.server.info("memory");
    let number = |name: &str| fields[name].parse::<f64>().unwrap();
    (number("used_memory"), number("used_memory_rss"))
}
