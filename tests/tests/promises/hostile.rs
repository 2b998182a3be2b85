//! Whatever the code of a policy tries, it is refused and named, the server's main
//! thread does not feel it, and other log-ins go on as if it were not there.
//!
//! The policies are those of `policies/hostile`: many of them beside `rbac` on each
//! server. Each one that strikes when it is asked strikes at a victim of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, setpriority_process};
use warden_hostile::{Guest, Hostile, Strikes, all};
use warden_tests::{
    Claims, Connection, Line, Scene, SceneBuilder, Server, eventually, on_both_lines, parts,
};

use crate::info;

on_both_lines!(
    hostile_policies_are_refused_at_load_and_change_nothing,
    without_a_good_generation_a_hostile_policy_refuses_every_log_in_and_is_named,
    a_hostile_policy_refuses_its_victim_and_nobody_else,
    a_policy_that_is_valid_for_no_time_is_asked_once_a_second,
    the_largest_verdict_does_not_stall_the_server,
    a_busy_machine_refuses_no_innocent,
    an_answer_is_not_kept_by_a_slow_policy_of_somebody_else,
);

/// The longest a client may wait for the main thread: generous, for both cores may be
/// busy with other tests. A guest on the main thread would take seconds.
const LONGEST_PULSE: Duration = Duration::from_millis(1500);

/// The longest slice of warden's own on the main thread, as generous.
const LONGEST_SLICE_US: u64 = 250_000;

fn striking(strikes: Strikes) -> Vec<Hostile> {
    all().into_iter().filter(|h| h.strikes == strikes).collect()
}

/// `rbac` alone, its compiled policies and those of the hostile ones in a directory
/// that only these tests use: they would push others out.
fn builder(line: Line) -> SceneBuilder {
    let state = parts::shared_state().with_extension("hostile");
    let state = state.display().to_string();
    Scene::builder(line)
        .own_state()
        .module_args(["state_dir", &state])
}

fn put(scene: &Scene, hostile: &Hostile) {
    if hostile.needs_data {
        let data = format!("{}.toml", hostile.name);
        scene.policies.replace(&data, "x = 1");
    }
    let file = format!("{}.wasm", hostile.name);
    scene.policies.replace(&file, hostile.wasm());
}

fn remove(scene: &Scene, hostile: &Hostile) {
    scene.policies.remove(&format!("{}.wasm", hostile.name));
    if hostile.needs_data {
        scene.policies.remove(&format!("{}.toml", hostile.name));
    }
}

/// Somebody whom `rbac` makes a reader.
fn reader(name: &str, number: usize) -> Claims {
    Claims::of(name).groups(&["analysts"]).id(number)
}

/// Tells the threads of a test that it is over, also when it fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` while a client asks the server for a sign of life over and over;
/// passes when no answer took too long.
fn alive_throughout<T>(server: &Server, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let mut client = server.admin();
    std::thread::scope(|scope| {
        let (longest, told) = channel();
        let over = &over;
        scope.spawn(move || {
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                client.run("PING").expect_text("PONG");
                slowest = slowest.max(asked.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            longest.send(slowest).expect("somebody listens");
        });
        let ending = Ending(over);
        let done = work();
        drop(ending);
        let slowest = told.recv().expect("the client had answers");
        assert!(
            slowest < LONGEST_PULSE,
            "the server stood still for {slowest:?}"
        );
        done
    })
}

fn expect_unharmed(scene: &Scene) {
    let slice = scene.counter("warden_longest_slice_us");
    assert!(slice < LONGEST_SLICE_US, "a slice took {slice} µs");
    assert_eq!(scene.counter("warden_panics"), 0);
    scene.server.expect_healthy();
}

fn hostile_policies_are_refused_at_load_and_change_nothing(line: Line) {
    let scene = builder(line).start();
    let mut alice = scene.log_in("alice");
    let before = scene.generation();
    let hostile = striking(Strikes::AtLoad);
    let errors = alive_throughout(&scene.server, || {
        hostile.iter().for_each(|h| put(&scene, h));
        let mut number = 0;
        eventually("every hostile policy is told", || {
            number += 1;
            scene.attempt(&reader("bob", number)).expect_ok();
            let errors = scene.policies_state().field("errors").texts();
            (errors.len() >= hostile.len()).then_some(errors)
        })
    });
    assert_eq!(errors.len(), hostile.len(), "{errors:#?}");
    let log = scene.server.log();
    for h in &hostile {
        let file = format!("\"{}.wasm\": ", h.name);
        let told = |line: &&str| line.contains(&file) && line.contains(h.words);
        assert!(
            errors.iter().any(|e| told(&e.as_str())),
            "{}: {errors:#?}",
            h.name
        );
        assert!(
            log.lines().any(|l| told(&l)),
            "{} is not in the log",
            h.name
        );
    }
    assert_eq!(scene.info(info::POLICY_ERROR), errors[0]);
    assert_eq!(scene.info(info::STATUS), "stale");
    assert_eq!(scene.generation(), before);
    assert!(alice.run("GET reports:q1").is_nil());
    scene
        .log_in("alice")
        .run("SET reports:q1 x")
        .expect_error("NOPERM");
    hostile.iter().for_each(|h| remove(&scene, h));
    scene.wait_for_info(info::POLICY_ERROR, "");
    assert_eq!(scene.generation(), before);
    expect_unharmed(&scene);
}

fn without_a_good_generation_a_hostile_policy_refuses_every_log_in_and_is_named(line: Line) {
    let hostile = all()
        .into_iter()
        .find(|h| h.name == "endless-start")
        .expect("it is in the table");
    let scene = builder(line)
        .policy_file("endless-start.wasm", hostile.wasm())
        .start_unready();
    alive_throughout(&scene.server, || {
        scene.wait_for_info(info::STATUS, "none");
        scene
            .attempt(&Claims::of("alice"))
            .expect_error("TRYAGAIN no policies are in force.");
    });
    let error = scene.info(info::POLICY_ERROR);
    assert!(
        error.contains("\"endless-start.wasm\": ") && error.contains(hostile.words),
        "{error}"
    );
    scene.policies.remove("endless-start.wasm");
    scene.wait_for_generation(1);
    scene.attempt(&reader("alice", 2)).expect_ok();
    expect_unharmed(&scene);
}

fn a_hostile_policy_refuses_its_victim_and_nobody_else(line: Line) {
    let scene = builder(line).start();
    let hostile = striking(Strikes::AtEvaluation);
    let vain: Vec<_> = striking(Strikes::InVain);
    let mut before = scene.log_in("alice");
    // A few at a time: compiling all of them takes a while on a busy machine.
    let all: Vec<_> = hostile.iter().chain(&vain).collect();
    for some in all.chunks(6) {
        scene.next_generation(|| some.iter().for_each(|h| put(&scene, h)));
    }
    alive_throughout(&scene.server, || {
        for (round, some) in hostile.chunks(8).enumerate() {
            strike(&scene, some, round);
        }
        for h in &vain {
            let reply = scene.attempt(&reader(&h.victim(), 0));
            // What it says of its victim is a verdict like any other: no time, no session.
            match h.name {
                "session-of-no-time" => drop(reply.expect_error("WRONGPASS a policy denies")),
                _ => reply.expect_ok(),
            }
        }
    });
    assert!(before.run("GET reports:q1").is_nil());
    for h in &hostile {
        expect_line(&scene, h);
    }
    scene.next_generation(|| hostile.iter().chain(&vain).for_each(|h| remove(&scene, h)));
    for h in &hostile {
        scene.attempt(&reader(&h.victim(), 9)).expect_ok();
    }
    assert!(before.run("GET reports:q1").is_nil());
    expect_unharmed(&scene);
}

/// Victims and others log in at once, on connections of their own.
fn strike(scene: &Scene, hostile: &[Hostile], round: usize) {
    let send = |claims: &Claims| -> Connection {
        let mut client = scene.server.connect();
        client.send(["AUTH", "token", &scene.issuer.token(claims)]);
        client
    };
    let victims: Vec<_> = hostile
        .iter()
        .map(|h| send(&reader(&h.victim(), 0)))
        .collect();
    let others: Vec<_> = ["alice", "bob", "carol", "dave"]
        .iter()
        .map(|name| send(&reader(name, round)))
        .collect();
    for mut client in others {
        client.receive().expect_ok();
        assert!(client.run("GET reports:q1").is_nil());
    }
    for (mut client, h) in victims.into_iter().zip(hostile) {
        let reply = client.receive();
        assert!(
            reply.is_error("TRYAGAIN a policy failed."),
            "{}: {reply}",
            h.name
        );
        client.run("GET reports:q1").expect_error("NOAUTH");
    }
}

/// Waits for the line about a refusal: of many in one second some are only counted.
fn expect_line(scene: &Scene, hostile: &Hostile) {
    let bundle = format!("policy \"{}\" ", hostile.name);
    eventually(&format!("the log names {}", hostile.name), || {
        let log = scene.server.log();
        let told = log
            .lines()
            .any(|l| l.contains(&bundle) && l.contains(hostile.words) && l.contains("refused"));
        if !told {
            scene
                .attempt(&reader(&hostile.victim(), 0))
                .expect_error("TRYAGAIN");
        }
        told.then_some(())
    });
}

fn a_policy_that_is_valid_for_no_time_is_asked_once_a_second(line: Line) {
    let scene = builder(line).start();
    let hostile = all()
        .into_iter()
        .find(|h| h.name == "valid-for-no-time")
        .expect("it is in the table");
    scene.next_generation(|| put(&scene, &hostile));
    let mut sessions: Vec<_> = (0..5)
        .map(|number| scene.log_in_with(&reader(&hostile.victim(), number)))
        .collect();
    let evaluations = || {
        let policies = scene.policies_state().field("policies").items();
        let ours = policies
            .iter()
            .find(|p| p.field("name").text() == hostile.name)
            .expect("it is in force");
        ours.field("evaluations").number()
    };
    let (before, begun) = (evaluations(), Instant::now());
    eventually("it is asked again", || {
        (evaluations() >= before + 4).then_some(())
    });
    assert!(
        begun.elapsed() > Duration::from_millis(2500),
        "four times in {:?}",
        begun.elapsed()
    );
    for session in &mut sessions {
        assert!(session.run("GET reports:q1").is_nil());
    }
    expect_unharmed(&scene);
}

/// As much as the bounds allow of what costs the main thread most: many keys in one
/// selector, which the server compares with one another; many denials in many
/// selectors; many grants.
fn largest(scene: &Scene) -> Vec<(&'static str, Guest)> {
    let commands = scene.server.admin().run("COMMAND LIST").texts();
    let denials = commands.iter().take(900).map(|name| format!("-{name}"));
    let grant = |number: usize, keys: usize| -> Vec<String> {
        let keys = (0..keys).map(move |key| format!("~{number}:{key}:*"));
        ["+@all", "-acl"]
            .map(str::to_owned)
            .into_iter()
            .chain(keys)
            .collect()
    };
    let granting = |grants: usize, keys: usize| Guest {
        grants: (0..grants).map(|number| grant(number, keys)).collect(),
        ..Guest::default()
    };
    vec![
        ("deep", granting(16, 254)),
        ("wide", granting(64, 62)),
        (
            "denying",
            Guest {
                denials: denials.filter(|name| name != "-get").collect(),
                ..granting(64, 40)
            },
        ),
    ]
}

fn the_largest_verdict_does_not_stall_the_server(line: Line) {
    let scene = builder(line).start();
    let largest = largest(&scene);
    scene.reload_after(|| {
        for (name, guest) in &largest {
            let guest = Guest {
                victim: Some(format!("mallory-{name}")),
                ..guest.clone()
            };
            scene
                .policies
                .replace(&format!("{name}.wasm"), guest.wasm());
        }
    });
    for (name, _) in &largest {
        alive_throughout(&scene.server, || {
            let reply = scene.attempt(&reader(&format!("mallory-{name}"), 0));
            assert!(
                reply.is_ok() || reply.is_error("TRYAGAIN"),
                "{name}: {reply}"
            );
            scene.attempt(&reader("alice", 0)).expect_ok();
        });
    }
    expect_unharmed(&scene);
}

/// CPU time of an evaluation below, as a share of its limit, leaves room for a slow machine.
const LIMIT: Duration = Duration::from_millis(100);

fn a_busy_machine_refuses_no_innocent(line: Line) {
    let scene = builder(line)
        .module_args(["policy_timeout_ms", "100", "auth_timeout_ms", "60000"])
        .start();
    let busy = Guest {
        fields: "(global $i (mut i32) (i32.const 0))".into(),
        ..Guest::evaluating(
            "(loop (global.set $i (i32.add (global.get $i) (i32.const 1))) \
             (br_if 0 (i32.lt_u (global.get $i) (i32.const 12000000))))",
        )
    };
    scene.next_generation(|| scene.policies.replace("busy.wasm", busy.wasm()));
    // As little of the processors as possible, without taking them from other tests.
    for thread in threads(&scene, "warden-work") {
        setpriority_process(Some(thread), 19).expect("our own process");
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..processors * 2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let _ending = Ending(&over);
        let mut number = 0;
        eventually("a log-in takes ten times its CPU limit", || {
            number += 1;
            let begun = Instant::now();
            let claims = reader(&format!("user-{number}"), 0);
            scene.attempt(&claims).expect_ok();
            let took = begun.elapsed();
            (took > LIMIT * 10).then_some(())
        });
    });
    // How long the main thread was kept says nothing on a machine made busy.
    scene.server.expect_healthy();
    scene.log_in("alice");
}

fn an_answer_is_not_kept_by_a_slow_policy_of_somebody_else(line: Line) {
    let scene = builder(line)
        .module_args(["workers", "1"])
        .module_args(["policy_timeout_ms", "10000", "auth_timeout_ms", "60000"])
        .start();
    let slow = Guest {
        fields: "(global $i (mut i32) (i32.const 0))".into(),
        ..Guest::evaluating(
            "(loop (global.set $i (i32.add (global.get $i) (i32.const 1))) \
             (br_if 0 (i32.lt_u (global.get $i) (i32.const 1000000000))))",
        )
    };
    scene.next_generation(|| scene.policies.replace("slow.wasm", slow.wasm()));
    scene.attempt(&reader("alice", 0)).expect_ok();
    let asked = scene.counter(info::VERIFICATIONS) + 1;
    let waiting = |counter: &str, count| {
        eventually("they wait", || {
            (scene.counter(counter) == count).then_some(())
        });
    };
    // The only worker is asking the policy about the first. Then it answers the second, whose decision is remembered, and
    // asks about the third.
    let begun = Instant::now();
    let ends = std::thread::scope(|scope| {
        let people = [
            ("bob", 0, (info::VERIFICATIONS, asked)),
            ("alice", 1, (info::PENDING, 1)),
            ("carol", 0, (info::PENDING, 2)),
        ];
        let attempts = people.map(|(name, number, (counter, count))| {
            let scene = &scene;
            let attempt = scope.spawn(move || {
                scene.attempt(&reader(name, number)).expect_ok();
                Instant::now()
            });
            waiting(counter, count);
            attempt
        });
        let ends = attempts.into_iter().map(|attempt| attempt.join());
        ends.map(|end| end.expect("an answer")).collect::<Vec<_>>()
    });
    let whole = ends[2].duration_since(begun);
    for end in &ends[..2] {
        let before = ends[2].saturating_duration_since(*end);
        assert!(before > whole / 4, "{before:?} before the third: {whole:?}");
    }
}

/// The threads of the server with names that begin so.
fn threads(scene: &Scene, name: &str) -> Vec<Pid> {
    let tasks = format!("/proc/{}/task", scene.server.pid());
    let found: Vec<Pid> = std::fs::read_dir(tasks)
        .expect("the server runs")
        .flatten()
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|c| c.starts_with(name))
        })
        .filter_map(|task| Pid::from_raw(task.file_name().to_str()?.parse().ok()?))
        .collect();
    assert!(!found.is_empty(), "no thread named {name}");
    found
}
