//! Directories that are stopped, killed, stalled, cut off and restarted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use warden_tests::hostile_directory::{Answer, Operation};
use warden_tests::patience::{PATIENCE, within};
use warden_tests::proxy::{End, Flow, Proxy};
use warden_tests::slapd::{Slapd, password_of};
use warden_tests::{Authority, HostileDirectory, Line, Reply, Scene, eventually, on_both_lines};

use crate::ldap::{WRONG, by_bind, by_search, password_file, people};

on_both_lines!(
    no_log_in_is_lost_that_another_server_can_answer,
    a_server_that_comes_back_is_asked_again_in_its_order,
    in_rotation_each_server_has_its_share,
    a_directory_that_is_down_is_unavailable_until_it_is_back,
    a_broken_connection_is_replaced_without_a_refusal,
    a_server_that_closes_idle_connections_is_not_down,
    a_directory_far_away_is_waited_for_as_long_as_a_request_may_take,
    a_directory_that_stalls_holds_up_nobody_elses_log_ins,
    who_waits_too_long_for_a_connection_may_try_again,
    a_server_that_says_it_cannot_is_not_the_last_that_is_asked,
    how_each_server_is_can_be_seen,
    what_is_asked_of_a_server_can_be_seen_as_it_happens,
);

/// Between two log-ins of one client.
const PACE: Duration = Duration::from_millis(10);

/// Two directories of the same people, and a server that asks them.
struct Pair {
    scene: Scene,
    slapds: [Slapd; 2],
    _authority: Authority,
}

impl Pair {
    fn start(line: Line, lines: &str) -> Self {
        let authority = Authority::new("ca");
        let described = people();
        let slapds = [described.start(&authority), described.start(&authority)];
        let [first, second] = slapds.each_ref().map(Slapd::url);
        let file = by_bind(&first)
            .replace(&format!("'{first}'"), &format!("'{first}', '{second}'"))
            + "cache_seconds = 0\n"
            + lines;
        Self {
            scene: Scene::builder(line).authenticator_file(&file).start(),
            slapds,
            _authority: authority,
        }
    }

    fn log_in(&self) -> Reply {
        let mut client = self.scene.server.connect();
        client.auth("alice", &password_of("alice"))
    }

    fn binds(&self) -> [u64; 2] {
        self.slapds.each_ref().map(|slapd| slapd.counters().binds)
    }
}

/// How the servers of the authenticator are.
fn servers(scene: &Scene) -> Vec<Reply> {
    scene.authenticators_state()[0].field("servers").items()
}

#[track_caller]
fn wait_for(scene: &Scene, place: usize, status: &str) {
    eventually(&format!("server {place} is {status}"), || {
        let is = servers(scene)[place].field("status").text();
        (is == status).then_some(())
    });
}

fn no_log_in_is_lost_that_another_server_can_answer(line: Line) {
    let pair = Pair::start(line, "connection_pool_size = 4\n");
    let over = AtomicBool::new(false);
    let lost = thread::scope(|scope| {
        let crowd: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut lost = Vec::new();
                    let mut made = 0_u32;
                    while !over.load(Ordering::Relaxed) {
                        let reply = pair.log_in();
                        made += 1;
                        if !reply.is_ok() {
                            lost.push(reply.to_string());
                        }
                        thread::sleep(PACE);
                    }
                    (made, lost)
                })
            })
            .collect();
        for (place, slapd) in pair.slapds.iter().enumerate() {
            slapd.kill();
            wait_for(&pair.scene, place, "down");
            slapd.start_again();
            wait_for(&pair.scene, place, "up");
            slapd.stall();
            wait_for(&pair.scene, place, "down");
            slapd.resume();
            wait_for(&pair.scene, place, "up");
            slapd.restart();
            wait_for(&pair.scene, place, "up");
        }
        over.store(true, Ordering::Relaxed);
        let ended = crowd.into_iter().map(|one| one.join().unwrap());
        ended.fold((0, Vec::new()), |(made, mut all), (more, lost)| {
            all.extend(lost);
            (made + more, all)
        })
    });
    let (made, lost) = lost;
    assert!(made > 200, "only {made} log-ins");
    assert!(
        lost.is_empty(),
        "of {made}: {lost:?}\n{}",
        pair.scene.server.log()
    );
}

fn a_server_that_comes_back_is_asked_again_in_its_order(line: Line) {
    let pair = Pair::start(line, "");
    let [first, second] = &pair.slapds;
    pair.log_in().expect_ok();
    assert_eq!(pair.binds(), [1, 0]);
    first.kill();
    pair.log_in().expect_ok();
    pair.log_in().expect_ok();
    assert_eq!(second.counters().binds, 2);
    wait_for(&pair.scene, 0, "down");
    first.start_again();
    wait_for(&pair.scene, 0, "up");
    pair.log_in().expect_ok();
    assert_eq!(pair.binds(), [1, 2]);
}

fn in_rotation_each_server_has_its_share(line: Line) {
    let pair = Pair::start(line, "server_selection = 'round-robin'\n");
    for _ in 0..10 {
        pair.log_in().expect_ok();
    }
    assert_eq!(pair.binds(), [5, 5]);
    pair.slapds[0].stop();
    wait_for(&pair.scene, 0, "down");
    for _ in 0..10 {
        pair.log_in().expect_ok();
    }
    assert_eq!(pair.slapds[1].counters().binds, 15);
}

fn a_directory_that_is_down_is_unavailable_until_it_is_back(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let file = by_search(&slapd.url(), &password_file(&authority));
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let log_in = || scene.server.connect().auth("alice", &password_of("alice"));
    slapd.stop();
    log_in().expect_error("TRYAGAIN");
    wait_for(&scene, 0, "down");
    let corp = &scene.authenticators_state()[0];
    assert_eq!(corp.field("status").text(), "failing");
    let trouble = corp.field("trouble").text();
    assert!(trouble.contains(&slapd.address().to_string()), "{trouble}");
    slapd.start_again();
    wait_for(&scene, 0, "up");
    log_in().expect_ok();
    assert_eq!(scene.authenticators_state()[0].field("status").text(), "ok");
}

fn a_broken_connection_is_replaced_without_a_refusal(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let proxy = Proxy::to(slapd.address());
    let url = format!("ldap://{}", proxy.address());
    let file = by_search(&url, &password_file(&authority)) + "cache_seconds = 0\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let log_in = || {
        let mut client = scene.server.connect();
        client.auth("alice", &password_of("alice")).expect_ok();
    };
    for _ in 0..3 {
        log_in();
        proxy.reset();
        log_in();
        proxy.close();
        log_in();
        proxy.half_close(End::Client);
        log_in();
        proxy.half_close(End::Server);
        log_in();
    }
    assert!(
        scene.authenticators_state()[0]
            .field("unavailable")
            .number()
            == 0
    );
}

fn a_server_that_closes_idle_connections_is_not_down(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let proxy = Proxy::to(slapd.address());
    let file = by_bind(&format!("ldap://{}", proxy.address()));
    let scene = Scene::builder(line).authenticator_file(&file).start();
    wait_for(&scene, 0, "up");
    for _ in 0..3 {
        let looks = slapd.counters().searches;
        eventually("it is looked after", || {
            (slapd.counters().searches > looks + 1).then_some(())
        });
        let before = proxy.connections();
        proxy.close();
        eventually("it is looked after on another connection", || {
            let state = &servers(&scene)[0];
            assert_eq!(state.field("status").text(), "up");
            assert!(state.field("error").is_nil());
            (proxy.connections() > before).then_some(())
        });
    }
}

fn a_directory_far_away_is_waited_for_as_long_as_a_request_may_take(line: Line) {
    const FAR: Duration = Duration::from_millis(100);
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let proxy = Proxy::to(slapd.address());
    let url = format!("ldap://{}", proxy.address());
    let file = by_search(&url, &password_file(&authority))
        + "cache_seconds = 0\ntimeout_ldap_operation = 1\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let log_in = || {
        let mut client = scene.server.connect();
        client.auth("alice", &password_of("alice"))
    };
    wait_for(&scene, 0, "up");
    proxy.flow(Flow::Delayed(FAR));
    let asked = Instant::now();
    log_in().expect_ok();
    assert!(asked.elapsed() > 4 * FAR, "a search, a bind, and back");
    proxy.flow(Flow::Delayed(Duration::from_secs(2)));
    log_in().expect_error("TRYAGAIN");
    proxy.flow(Flow::Passing);
    wait_for(&scene, 0, "up");
    log_in().expect_ok();
}

fn a_directory_that_stalls_holds_up_nobody_elses_log_ins(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let proxy = Proxy::to(slapd.address());
    let url = format!("ldap://{}", proxy.address());
    let scene = Scene::builder(line)
        .config([("loglevel", "notice")])
        .start();
    let file = by_bind(&url) + "users = ['staff-*']\n";
    scene.authenticators.replace("20-directory.toml", file);
    let reply = scene.server.admin().call(["WARDEN.RELOAD"]);
    let errors = reply.field("authenticators").field("errors").texts();
    assert!(errors.is_empty(), "{errors:?}");
    proxy.flow(Flow::Stalled);
    let mut waiting: Vec<_> = (0..50)
        .map(|number| {
            let mut client = scene.server.connect();
            client.send(["AUTH", &format!("staff-{number}"), "any"]);
            client
        })
        .collect();
    for _ in 0..50 {
        scene.log_in("alice");
    }
    for client in &mut waiting {
        client.receive().expect_error("TRYAGAIN");
    }
    scene.server.expect_healthy();
}

fn who_waits_too_long_for_a_connection_may_try_again(line: Line) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    directory.answer_by(|request| match &request.operation {
        Operation::Bind { password, .. } if password == "slow" => {
            Answer::success().delayed(Duration::from_secs(3))
        }
        _ => Answer::success(),
    });
    let file = by_bind(&directory.url()) + "connection_pool_size = 1\ntimeout_connection = 1\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let mut slow = scene.server.connect();
    slow.send(["AUTH", "alice", "slow"]);
    eventually("the slow one is asked about", || {
        (directory.binds().len() == 1).then_some(())
    });
    scene.expect_refused(
        "alice",
        "other",
        "TRYAGAIN too many credentials are waiting.",
    );
    slow.receive().expect_ok();
    scene.server.connect().auth("alice", "third").expect_ok();
    drop(authority);
}

fn a_server_that_says_it_cannot_is_not_the_last_that_is_asked(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let busy = HostileDirectory::start();
    let (first, second) = (busy.url(), slapd.url());
    let file = by_bind(&first).replace(&format!("'{first}'"), &format!("'{first}', '{second}'"))
        + "cache_seconds = 0\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    for code in [51, 52] {
        busy.answer_by(move |request| match &request.operation {
            Operation::Bind { .. } => Answer::result(code, "later"),
            _ => Answer::success(),
        });
        let mut client = scene.server.connect();
        client.auth("alice", &password_of("alice")).expect_ok();
    }
    // A judgement is one, whoever gave it.
    busy.answer_by(|request| match &request.operation {
        Operation::Bind { .. } => Answer::result(49, ""),
        _ => Answer::success(),
    });
    wait_for(&scene, 0, "up");
    scene.expect_refused("alice", &password_of("alice"), WRONG);
}

fn how_each_server_is_can_be_seen(line: Line) {
    let pair = Pair::start(line, "");
    for _ in 0..5 {
        pair.log_in().expect_ok();
    }
    pair.scene.expect_refused("bob", "wrong", WRONG);
    wait_for(&pair.scene, 0, "up");
    pair.slapds[1].kill();
    wait_for(&pair.scene, 1, "down");
    let [first, second] = servers(&pair.scene).try_into().unwrap();
    let place = |slapd: &Slapd| slapd.address().to_string();
    assert_eq!(first.field("host").text(), place(&pair.slapds[0]));
    assert!(first.field("error").is_nil());
    assert!(first.field("ping_usec").number() > 0);
    let binds = first.field("binds");
    assert_eq!(binds.field("connections").number(), 2);
    assert_eq!(binds.field("answered").number(), 6);
    assert_eq!(binds.field("failed").number(), 0);
    assert_eq!(binds.field("in_use").number(), 0);
    assert_eq!(binds.field("idle").number(), 1);
    let latency = binds.field("latency_usec").text();
    assert!(latency.starts_with("count=6,p50="), "{latency}");
    assert!(second.field("ping_usec").is_nil());
    let error = second.field("error").text();
    assert!(error.starts_with(&place(&pair.slapds[1])), "{error}");
    let text = pair.scene.info("warden_directory_corp_1");
    let host = place(&pair.slapds[0]);
    assert!(
        text.starts_with(&format!("host={host},status=up,ping_usec=")),
        "{text}"
    );
    assert_eq!(
        pair.scene.info("warden_directory_corp_1_binds"),
        "connections=2,in_use=0,idle=1,waiting=0,answered=6,failed=0"
    );
    assert_eq!(pair.scene.info("warden_directory_corp_2_error"), error);
}

fn what_is_asked_of_a_server_can_be_seen_as_it_happens(line: Line) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    directory.answer_by(move |request| match &request.operation {
        Operation::Bind { name, .. } if name.starts_with("uid=") => {
            // Until the test lets go.
            let _over = held.lock().expect("nobody panicked here").recv();
            Answer::success()
        }
        _ => Answer::success(),
    });
    let file = by_bind(&directory.url()) + "connection_pool_size = 1\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let mut waiting: Vec<_> = (0..3)
        .map(|number| {
            let mut client = scene.server.connect();
            client.send(["AUTH", "alice", &format!("password-{number}")]);
            client
        })
        .collect();
    let shown = |field: &str, expected: &str| {
        scene.wait_for_info(&format!("warden_directory_corp_1_{field}"), expected);
    };
    shown(
        "binds",
        "connections=1,in_use=1,idle=0,waiting=2,answered=0,failed=0",
    );
    let binds = servers(&scene)[0].field("binds");
    assert_eq!(binds.field("in_use").number(), 1);
    assert_eq!(binds.field("waiting").number(), 2);
    assert_eq!(binds.field("latency_usec").text(), "");
    for _ in &waiting {
        release.send(()).expect("the directory answers");
    }
    for client in &mut waiting {
        client.receive().expect_ok();
    }
    shown(
        "binds",
        "connections=1,in_use=0,idle=1,waiting=0,answered=3,failed=0",
    );
    let latency = scene.info("warden_directory_corp_1_latency_usec_binds");
    assert!(latency.starts_with("count=3,p50="), "{latency}");
    for part in [",p99=", ",p99.9="] {
        assert!(latency.contains(part), "{latency}");
    }
    // Searches are counted apart, and what got no answer.
    let slapd = people().start(&authority);
    let file = by_search(&slapd.url(), &password_file(&authority))
        + "cache_seconds = 0\ncheck_account = false\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    for _ in 0..4 {
        let mut client = scene.server.connect();
        client.auth("alice", &password_of("alice")).expect_ok();
    }
    let searches = || scene.info("warden_directory_corp_1_searches");
    assert_eq!(
        searches(),
        "connections=2,in_use=0,idle=1,waiting=0,answered=4,failed=0"
    );
    let latency = scene.info("warden_directory_corp_1_latency_usec_searches");
    assert!(latency.starts_with("count=4,p50="), "{latency}");
    let of_command = servers(&scene)[0].field("searches");
    assert_eq!(of_command.field("answered").number(), 4);
    let latency = of_command.field("latency_usec").text();
    assert!(latency.starts_with("count=4,p50="), "{latency}");
    slapd.kill();
    scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    assert!(
        servers(&scene)[0]
            .field("searches")
            .field("failed")
            .number()
            >= 1
    );
    assert!(!searches().ends_with("failed=0"));
}

#[test]
#[ignore = "waits the minute that connections are kept"]
fn connections_that_nobody_uses_are_closed_in_good_order_on_8_0() {
    connections_that_nobody_uses_are_closed_in_good_order(Line::V8_0);
}

#[test]
#[ignore = "waits the minute that connections are kept"]
fn connections_that_nobody_uses_are_closed_in_good_order_on_9_1() {
    connections_that_nobody_uses_are_closed_in_good_order(Line::V9_1);
}

fn connections_that_nobody_uses_are_closed_in_good_order(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().logging_operations().start(&authority);
    let file = by_search(&slapd.url(), &password_file(&authority)) + "cache_seconds = 0\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let log_in = || {
        let mut client = scene.server.connect();
        client.auth("alice", &password_of("alice")).expect_ok();
    };
    log_in();
    let open = || slapd.counters().open_connections;
    // One for binds, one for searches, and one to look after it.
    eventually("all are open", || (open() == 3).then_some(()));
    let closed = within(4 * PATIENCE, || (open() == 1).then_some(()));
    assert!(closed.is_some(), "{} are open", open());
    assert!(slapd.log().matches(" UNBIND").count() >= 2);
    log_in();
}
