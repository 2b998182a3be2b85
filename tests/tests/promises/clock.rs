//! The wall clock of a running server is set: no end is postponed, none is lost.
//!
//! Sessions are kept on the wall clock and on one that only goes forward, and end
//! by whichever comes first. The clock is set for the server's process alone.

use std::time::Duration;

use warden_tests::patience::until;
use warden_tests::{
    Claims, Line, Scene, SceneBuilder, WallClock, eventually, on_both_lines, unix_now,
};

use crate::info;
use crate::restrictions::{ROLES, add, app, operator};

on_both_lines!(
    a_clock_set_back_postpones_no_sessions_end,
    a_clock_set_forward_ends_sessions_and_forgets_tokens,
    a_clock_that_jumps_about_ends_each_session_once,
    a_clock_set_back_prolongs_no_operators_bound,
    rights_change_at_the_hour_the_server_sees,
    rights_change_when_the_clock_jumps_over_the_hour,
    a_clock_set_back_keeps_no_rights_beyond_their_hour,
);

/// How long after its time a session may linger on a busy machine.
const LATE: Duration = Duration::from_secs(10);

const HOUR_MS: i64 = 3_600_000;

fn with_clock(builder: SceneBuilder) -> (Scene, WallClock, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let clock = WallClock::in_directory(directory.path());
    let scene = builder.server(|server| clock.of(server)).start();
    (scene, clock, directory)
}

fn exact(line: Line) -> SceneBuilder {
    Scene::builder(line).authenticator_lines("leeway_seconds = 0\n")
}

/// The server's own idea of the time, in seconds.
fn servers_time(scene: &Scene) -> u64 {
    scene.server.admin().run("TIME").texts()[0].parse().unwrap()
}

fn set(scene: &Scene, clock: &WallClock, ahead_ms: i64) {
    clock.set_ahead_ms(ahead_ms);
    // It looks at the clock some times a second.
    eventually("the server shows the time that was set", || {
        let expected = unix_now().saturating_add_signed(ahead_ms / 1000);
        (servers_time(scene).abs_diff(expected) <= 5).then_some(())
    });
}

fn a_clock_set_back_postpones_no_sessions_end(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line));
    let exp = unix_now() + 4;
    let mut idle = scene.log_in_with(&Claims::of("alice").set("exp", exp));
    let mut subscribed =
        scene.log_in_with(&Claims::of("carol").groups(&["listeners"]).set("exp", exp));
    subscribed.run("SUBSCRIBE news.eu");
    set(&scene, &clock, -HOUR_MS);
    for client in [&mut idle, &mut subscribed] {
        assert!(
            client.closes_within(until(exp) + LATE),
            "an hour is won by setting the clock"
        );
        // The end by the other clock is that of the log-in's second.
        assert!(unix_now() + 2 >= exp, "closed long before its end");
    }
    scene.wait_for_info(info::SESSIONS, "0");
    scene
        .attempt(&Claims::of("alice").set("iat", 0))
        .expect_ok();
}

fn a_clock_set_forward_ends_sessions_and_forgets_tokens(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line));
    let short = scene.issuer.token(&Claims::of("alice").expires_in(300));
    let long = scene
        .issuer
        .token(&Claims::of("bob").groups(&["analysts"]).expires_in(86_400));
    let mut ends = scene.server.connect();
    ends.auth("alice", &short).expect_ok();
    let mut lasts = scene.server.connect();
    lasts.auth("bob", &long).expect_ok();
    // Both are in the cache now.
    let verified = scene.counter(info::VERIFICATIONS);
    scene.server.connect().auth("alice", &short).expect_ok();
    assert_eq!(scene.counter(info::VERIFICATIONS), verified);
    set(&scene, &clock, HOUR_MS);
    assert!(ends.closes_within(LATE), "still open an hour after its end");
    scene.expect_refused("alice", &short, "WRONGPASS the token has expired.");
    lasts.run("PING").expect_text("PONG");
    scene.server.connect().auth("bob", &long).expect_ok();
}

fn a_clock_that_jumps_about_ends_each_session_once(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line));
    let exp = unix_now() + 86_400;
    let mut clients: Vec<_> = (0..20)
        .map(|n| scene.log_in_with(&Claims::of("alice").set("exp", exp).id(n)))
        .collect();
    for ahead in [-HOUR_MS, HOUR_MS, 0, -24 * HOUR_MS, 12 * HOUR_MS, 0] {
        set(&scene, &clock, ahead);
        for client in &mut clients {
            client.run("PING").expect_text("PONG");
        }
    }
    set(&scene, &clock, 25 * HOUR_MS);
    for client in &mut clients {
        assert!(client.closes_within(LATE), "still open after its end");
    }
    scene.wait_for_info(info::SESSIONS, "0");
    assert_eq!(scene.counter("warden_expired"), 20);
    scene.server.expect_healthy();
}

fn a_clock_set_back_prolongs_no_operators_bound(line: Line) {
    let (scene, clock, _directory) =
        with_clock(exact(line).module_args(["session_max_seconds", "2"]));
    let mut client = scene.log_in("alice");
    set(&scene, &clock, -HOUR_MS);
    assert!(client.closes_within(Duration::from_secs(2) + LATE));
}

/// Guardrails that take writing away between two clocks, and log-ins of operators.
fn by_night(from: u64, to: u64) -> String {
    let clock = |at: u64| format!("{:02}:{:02}", at / 3600 % 24, at / 60 % 60);
    let (from, to) = (clock(from), clock(to));
    format!(
        "[[rules]]\nname = 'night'\nhours = ['{from}-{to}']\ndenials = ['-@write']\n\
         [[rules]]\nname = 'closed'\nmembers = ['group:corp/operators']\nhours = ['{from}-{to}']\n\
         deny_login = 'closed'\n"
    )
}

fn writes(client: &mut warden_tests::Connection) -> bool {
    client.run("SET acme:x 1").is_ok()
}

/// The server's clock is put so that a minute begins in some seconds.
fn rights_change_at_the_hour_the_server_sees(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line).roles(ROLES));
    let begin = (unix_now() + 5) / 60 * 60 + 60;
    let rules = by_night(begin, begin + 300);
    add(&scene, "guardrails", &rules);
    let ahead = i64::try_from(begin - unix_now()).unwrap() - 3;
    set(&scene, &clock, ahead * 1000);
    let strikes = unix_now() + 3;
    let mut app = scene.log_in_with(&app("acme"));
    let mut boss = scene.log_in_with(&operator());
    assert!(writes(&mut app) && writes(&mut boss));
    while unix_now() + 1 < strikes {
        assert!(writes(&mut app), "the night came early");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(boss.closes_within(LATE), "nobody may be logged in by night");
    eventually("the session no longer writes", || {
        app.run("SET acme:y 2").is_error("NOPERM").then_some(())
    });
    assert!(
        unix_now() <= strikes + 5,
        "late by {}s",
        unix_now() - strikes
    );
    app.run("GET acme:x").expect_text("1");
    scene
        .attempt(&operator().id("late"))
        .expect_error("WRONGPASS closed");
}

fn rights_change_when_the_clock_jumps_over_the_hour(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line).roles(ROLES));
    let noon = unix_now() / 60 * 60;
    add(&scene, "guardrails", &by_night(noon + 3600, noon + 7200));
    let day = |claims: Claims| claims.expires_in(86_400);
    let mut app = scene.log_in_with(&day(app("acme")));
    let mut boss = scene.log_in_with(&day(operator()));
    assert!(writes(&mut app) && writes(&mut boss));
    set(&scene, &clock, HOUR_MS + HOUR_MS / 2);
    assert!(boss.closes_within(LATE));
    eventually("the session no longer writes", || {
        (!writes(&mut app)).then_some(())
    });
    // And on into the next day's light.
    set(&scene, &clock, 3 * HOUR_MS);
    eventually("the session writes again", || {
        writes(&mut app).then_some(())
    });
}

fn a_clock_set_back_keeps_no_rights_beyond_their_hour(line: Line) {
    let (scene, clock, _directory) = with_clock(exact(line).roles(ROLES));
    let noon = unix_now() / 60 * 60;
    add(
        &scene,
        "guardrails",
        &by_night(noon.saturating_sub(7200), noon.saturating_sub(1800)),
    );
    let mut app = scene.log_in_with(&app("acme").set("iat", 0));
    assert!(writes(&mut app));
    // It is night again by the clock: whoever logs in now may not write, and what was
    // decided before holds no longer than it was promised for.
    set(&scene, &clock, -HOUR_MS);
    let mut late = scene.log_in_with(
        &warden_tests::Claims::of("late")
            .groups(&["apps"])
            .set("iat", 0),
    );
    assert!(!writes(&mut late));
}
