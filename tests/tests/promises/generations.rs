//! Log-ins by the hundred while policies change by the second: each decision is one
//! generation's, whole, and none outlives the last.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use warden_tests::patience::within;
use warden_tests::{
    Claims, Connection, Line, Reply, Scene, ServerBuilder, eventually, on_both_lines,
};

use crate::info;

on_both_lines!(
    each_decision_belongs_to_one_generation,
    a_log_in_decided_before_a_reload_keeps_nothing_of_before,
    a_log_in_verified_before_a_reload_of_authenticators_is_refused,
    a_log_in_verified_before_a_revocation_gets_no_session,
);

/// How long the storm lasts.
const STORM: Duration = Duration::from_secs(4);

/// Between two changes of the ceiling.
const PACE: Duration = Duration::from_millis(50);

/// Between two changes of the file: a directory must be quiet to be read.
const QUIET: Duration = Duration::from_millis(700);

/// One of two roles, and in it the number of the version.
fn roles(version: u32) -> String {
    let (role, other) = if version.is_multiple_of(2) {
        ("even", "odd")
    } else {
        ("odd", "even")
    };
    format!(
        "[roles.{role}]\nmembers = ['group:corp/apps']\n\
         rules = ['+get', '~gen:0:{version}', '~gen:1:{version}']\n\
         [roles.{other}]\nmembers = ['group:corp/nobody']\nrules = ['+@all', '~*']\n"
    )
}

/// What a session said about itself, and what it could do just then.
struct Seen {
    generation: i64,
    rules: String,
}

/// What everybody saw, by generation.
#[derive(Default)]
struct Chronicle {
    rules: BTreeMap<i64, String>,
    log_ins: u64,
    refusals: Vec<String>,
}

impl Chronicle {
    fn add(&mut self, seen: Seen) {
        let known = self
            .rules
            .entry(seen.generation)
            .or_insert_with(|| seen.rules.clone());
        assert_eq!(
            *known, seen.rules,
            "two rules of generation {}",
            seen.generation
        );
    }
}

/// The keys a rule text names: `gen:CEILING:VERSION`.
fn keys(rules: &str) -> Vec<String> {
    rules
        .split(['~', ' ', ')', '"'])
        .filter(|word| word.starts_with("gen:"))
        .map(str::to_owned)
        .collect()
}

/// Asks a session about itself before and after what it does; `None` when a reload
/// came between.
fn look(client: &mut Connection, newest: u32) -> Option<Seen> {
    let versions: Vec<String> = (newest.saturating_sub(3)..=newest + 1)
        .flat_map(|version| (0..2).map(move |ceiling| format!("gen:{ceiling}:{version}")))
        .collect();
    let mut commands: Vec<Vec<&str>> = vec![vec!["WARDEN.WHOAMI"]];
    commands.extend(versions.iter().map(|key| vec!["GET", key]));
    commands.push(vec!["WARDEN.WHOAMI"]);
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    let replies = client.pipeline(&commands);
    let (first, last) = (replies.first()?, replies.last()?);
    let generation = first.field("generation").number();
    if last.field("generation").number() != generation
        || first.field("rules") != last.field("rules")
    {
        return None;
    }
    let rules = first.field("rules").text();
    let named = keys(&rules);
    assert_eq!(named.len(), 1, "one key of one generation: {rules}");
    for (key, reply) in versions.iter().zip(&replies[1..]) {
        let granted = reply.is_nil();
        assert_eq!(granted, named.contains(key), "{key} under {rules}: {reply}");
    }
    Some(Seen { generation, rules })
}

/// Logs in over and over, keeps some sessions, and looks at new ones and old ones.
fn client(
    scene: &Scene,
    number: usize,
    stop: &AtomicBool,
    version: &Mutex<u32>,
    chronicle: &Mutex<Chronicle>,
) -> Vec<Connection> {
    let tokens: Vec<String> = (0..5)
        .map(|n| {
            let claims = Claims::of(&format!("app{number}-{n}")).groups(&["apps"]);
            scene.issuer.token(&claims)
        })
        .collect();
    let mut kept: Vec<Connection> = Vec::new();
    let mut round = 0_usize;
    let start = Instant::now();
    // Bounded also when whoever should stop it has failed.
    while !stop.load(Ordering::Relaxed) && start.elapsed() < 3 * STORM {
        let mut client = scene.server.connect();
        let reply = client.auth("token", &tokens[round % tokens.len()]);
        let newest = *version.lock().unwrap();
        let seen = reply.is_ok().then(|| look(&mut client, newest));
        let again = kept.get_mut(round % 5).map(|client| look(client, newest));
        let mut chronicle = chronicle.lock().unwrap();
        chronicle.log_ins += 1;
        if !reply.is_ok() {
            chronicle.refusals.push(reply.to_string());
        }
        for seen in [seen, again].into_iter().flatten().flatten() {
            chronicle.add(seen);
        }
        drop(chronicle);
        if kept.len() < 5 && reply.is_ok() {
            kept.push(client);
        }
        round += 1;
    }
    kept
}

fn each_decision_belongs_to_one_generation(line: Line) {
    let scene = Scene::builder(line)
        .roles(&roles(0))
        .module_args(["ceiling", "~gen:0:*"])
        .server(ServerBuilder::protected_configs)
        .start();
    let stop = AtomicBool::new(false);
    let version = Mutex::new(0);
    let chronicle = Mutex::new(Chronicle::default());
    let mut sessions = thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|number| {
                let (scene, stop, version, chronicle) = (&scene, &stop, &version, &chronicle);
                scope.spawn(move || client(scene, number, stop, version, chronicle))
            })
            .collect();
        change_for(STORM, &scene, &version);
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client saw what may not be"))
            .collect::<Vec<Connection>>()
    });
    let last = *version.lock().unwrap() + 1;
    scene
        .server
        .config_set("warden.ceiling", "~gen:1:*")
        .expect_ok();
    scene.policies.replace("rbac.toml", roles(last));
    for client in &mut sessions {
        eventually("the last generation has reached the session", || {
            let seen = look(client, last)?;
            let is_newest = seen.generation == scene.generation();
            (is_newest && keys(&seen.rules) == [format!("gen:1:{last}")]).then_some(())
        });
    }
    let chronicle = chronicle.lock().unwrap();
    // Reloads of policies are no reason to send anybody away.
    assert!(chronicle.refusals.is_empty(), "{:?}", chronicle.refusals);
    assert!(
        chronicle.rules.len() > 5,
        "only {} generations were seen",
        chronicle.rules.len()
    );
    assert!(chronicle.log_ins > 20, "only {} log-ins", chronicle.log_ins);
    assert!(!sessions.is_empty());
    println_figures(&chronicle);
}

#[allow(
    clippy::print_stdout,
    reason = "shown only with --nocapture: figures of a run"
)]
fn println_figures(chronicle: &Chronicle) {
    println!(
        "{} log-ins, {} generations seen, in {STORM:?}",
        chronicle.log_ins,
        chronicle.rules.len()
    );
}

/// The ceiling from one half to the other every [`PACE`], the file every [`QUIET`].
fn change_for(length: Duration, scene: &Scene, version: &Mutex<u32>) {
    let mut admin = scene.server.admin();
    let start = Instant::now();
    let mut written = start;
    let mut half = 0;
    while start.elapsed() < length {
        half = 1 - half;
        let ceiling = format!("~gen:{half}:*");
        admin
            .call(["CONFIG", "SET", "warden.ceiling", &ceiling])
            .expect_ok();
        if written.elapsed() > QUIET {
            written = Instant::now();
            let mut version = version.lock().unwrap();
            *version += 1;
            scene.policies.replace("rbac.toml", roles(*version));
        }
        thread::sleep(PACE);
    }
}

/// Sends an AUTH that is not cached in the turn of the server's loop before it is
/// held up, so that a worker answers while nobody takes the answer, and changes
/// something meanwhile. Answers the reply, and whether it was held up while the log spoke
/// of the change; on a busy machine either may come too late.
fn meanwhile(
    scene: &Scene,
    client: &mut Connection,
    claims: &Claims,
    change: impl FnOnce(),
    words: &str,
) -> (bool, Reply) {
    let token = scene.issuer.token(claims);
    let said = |log: &str| log.matches(words).count();
    let before = said(&scene.server.log());
    let mut admin = scene.server.admin();
    let mut first = scene.server.hold(0.2);
    client.send(["AUTH", "token", &token]);
    // Behind the AUTH in the same turn: sockets are served as they became ready.
    thread::sleep(Duration::from_millis(50));
    admin.send(["DEBUG", "SLEEP", "2"]);
    first.receive().expect_ok();
    // What was answered before was not held up.
    let early = client.receive_within(Duration::from_millis(50)).ok();
    change();
    let in_time = within(Duration::from_millis(1700), || {
        (said(&scene.server.log()) > before).then_some(())
    });
    let still_held = admin.receive_within(Duration::from_millis(1)).is_err();
    if still_held {
        admin.receive().expect_ok();
    }
    let in_time = in_time.is_some() && still_held && early.is_none();
    (in_time, early.unwrap_or_else(|| client.receive()))
}

/// Tries until a change fell into the time between verification and answer.
fn until_in_time(mut attempt: impl FnMut(usize) -> bool) {
    let in_time = (0..5).any(&mut attempt);
    assert!(in_time, "no change was in force before its hold ended");
}

fn a_log_in_decided_before_a_reload_keeps_nothing_of_before(line: Line) {
    let generous =
        "[roles.reader]\nmembers = ['user:corp/alice']\nrules = ['+@read', '+set', '~*']\n";
    let narrow = "[roles.reader]\nmembers = ['user:corp/alice']\nrules = ['+@read', '~*']\n";
    let nobody = "[roles.reader]\nmembers = ['user:corp/bob']\nrules = ['+@read', '~*']\n";
    let scene = Scene::builder(line).roles(generous).start();
    for (name, next) in [("narrow", narrow), ("nobody", nobody)] {
        until_in_time(|round| {
            let mut client = scene.server.connect();
            let claims = Claims::of("alice").id(format!("{name}-{round}"));
            let before = scene.generation();
            let change = || scene.policies.replace("rbac.toml", next);
            let (in_time, answer) =
                meanwhile(&scene, &mut client, &claims, change, " in force: rbac");
            scene.wait_for_generation(before + 1);
            if next == narrow {
                answer.expect_ok();
                eventually("the right of before is gone", || {
                    client.run("SET key x").is_error("NOPERM").then_some(())
                });
            } else if answer.is_ok() {
                assert!(client.closes_within(warden_tests::server::PATIENCE));
            }
            scene.next_generation(|| scene.policies.replace("rbac.toml", generous));
            in_time
        });
    }
}

fn a_log_in_verified_before_a_reload_of_authenticators_is_refused(line: Line) {
    let scene = Scene::start(line);
    let file = std::fs::read_to_string(scene.authenticators.file("10-corp.toml")).unwrap();
    until_in_time(|round| {
        let mut client = scene.server.connect();
        let claims = Claims::of("alice").id(format!("late-{round}"));
        let leeway = format!("leeway_seconds = {}\naudience = [", round + 1);
        let changed = file.replace("audience = [", &leeway);
        assert_ne!(changed, file);
        let change = || scene.authenticators.replace("10-corp.toml", changed);
        let (in_time, answer) = meanwhile(
            &scene,
            &mut client,
            &claims,
            change,
            "authenticators in force",
        );
        if in_time {
            answer.expect_error("TRYAGAIN");
            client.run("PING").expect_error("NOAUTH");
            scene.wait_for_info(info::SESSIONS, "0");
        }
        // The next attempt is judged by what is in force.
        client
            .auth("alice", &scene.issuer.token(&claims))
            .expect_ok();
        in_time
    });
}

fn a_log_in_verified_before_a_revocation_gets_no_session(line: Line) {
    let scene = Scene::start(line);
    let file = std::fs::read_to_string(scene.authenticators.file("10-corp.toml")).unwrap();
    until_in_time(|round| {
        let mut client = scene.server.connect();
        let claims = Claims::of("alice").id(format!("late-{round}"));
        let change = || scene.authenticators.remove("10-corp.toml");
        let (in_time, answer) = meanwhile(
            &scene,
            &mut client,
            &claims,
            change,
            "authenticators in force: none",
        );
        if in_time {
            assert!(!answer.is_ok(), "a session by a revoked authenticator");
            client.run("PING").expect_error("NOAUTH");
        } else if answer.is_ok() {
            assert!(client.closes_within(warden_tests::server::PATIENCE));
        }
        scene.wait_for_info(info::SESSIONS, "0");
        scene.authenticators.replace("10-corp.toml", &file);
        let mut again = 0;
        eventually("the authenticator is back", || {
            again += 1;
            let claims = Claims::of("alice").id(format!("back-{round}-{again}"));
            scene.attempt(&claims).is_ok().then_some(())
        });
        in_time
    });
}
