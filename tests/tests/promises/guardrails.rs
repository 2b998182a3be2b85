//! Guardrails hold by address and by the hour, on live sessions too.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use warden_tests::{Line, Scene, eventually, on_both_lines, unix_now};

use crate::restrictions::{ROLES, add, app, operator};

on_both_lines!(
    a_guardrail_holds_by_address,
    a_guardrail_tells_the_socket_from_the_network,
);

fn a_guardrail_holds_by_address(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let rules = "[[rules]]\nname = 'here'\naddresses = ['127.0.0.0/8']\ndenials = ['-@write']\n\
                 [[rules]]\nname = 'elsewhere'\nnot_addresses = ['127.0.0.1']\ndeny_login = 'not from there'\n\
                 [[rules]]\nname = 'inside'\nmembers = ['group:corp/operators']\n\
                 not_addresses = ['10.0.0.0/8', '::1', 'unix']\ndeny_login = 'from inside only'\n";
    add(&scene, "guardrails", rules);
    let mut app = scene.log_in_with(&app("acme"));
    assert!(app.run("GET acme:x").is_nil());
    app.run("SET acme:x 1").expect_error("NOPERM");
    scene
        .attempt(&operator())
        .expect_error("WRONGPASS from inside only");
    scene.next_generation(|| {
        let moved = rules
            .replace("127.0.0.0/8", "127.0.0.2/31")
            .replace("10.0.0.0/8", "127.0.0.1/32");
        scene.policies.replace("guardrails.toml", moved);
    });
    eventually("the session writes", || {
        app.run("SET acme:x 1").is_ok().then_some(())
    });
    scene
        .log_in_with(&operator())
        .run("PING")
        .expect_text("PONG");
}

fn a_guardrail_tells_the_socket_from_the_network(line: Line) {
    let scene = Scene::builder(line)
        .roles(ROLES)
        .config([("unixsocket", "warden.sock")])
        .start();
    let rules = "[[rules]]\nname = 'socket'\nnot_addresses = ['unix']\ndeny_login = 'by the socket only'\n\
                 [[rules]]\nname = 'no-net'\naddresses = ['0.0.0.0/0', '::/0']\ndenials = ['-get']\n";
    add(&scene, "guardrails", rules);
    scene
        .attempt(&app("acme"))
        .expect_error("WRONGPASS by the socket only");
    let path = scene.server.directory().join("warden.sock");
    let stream = UnixStream::connect(path).expect("the server listens on its socket");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a socket takes a time limit");
    let mut replies = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut stream = stream;
    let mut ask = |command: &str| {
        write!(stream, "{command}\r\n").expect("the server takes a command");
        let mut reply = String::new();
        replies.read_line(&mut reply).expect("the server replies");
        reply
    };
    let token = scene.issuer.token(&app("acme"));
    assert_eq!(ask(&format!("AUTH token {token}")), "+OK\r\n");
    assert_eq!(ask("GET acme:x"), "$-1\r\n");
}

/// Until a minute begins that is some seconds away; its clock is given.
fn next_minute() -> (u64, String, String) {
    let begin = (unix_now() + 10) / 60 * 60 + 60;
    let clock = |at: u64| format!("{:02}:{:02}", at / 3600 % 24, at / 60 % 60);
    (begin, clock(begin), clock(begin + 300))
}

fn rights_change_when_the_hour_strikes(line: Line) {
    let scene = Scene::builder(line).roles(ROLES).start();
    let (begin, from, to) = next_minute();
    let rules = format!(
        "[[rules]]\nname = 'night'\nhours = ['{from}-{to}']\ndenials = ['-@write']\n\
         [[rules]]\nname = 'closed'\nmembers = ['group:corp/operators']\nhours = ['{from}-{to}']\ndeny_login = 'closed'\n\
         [[rules]]\nname = 'day'\nhours = ['{to}-{from}']\ndenials = ['-echo']\n"
    );
    add(&scene, "guardrails", &rules);
    let mut app = scene.log_in_with(&app("acme"));
    let mut boss = scene.log_in_with(&operator());
    app.run("SET acme:x 1").expect_ok();
    app.run("ECHO x").expect_error("NOPERM");
    boss.run("SET acme:x 1").expect_ok();
    while unix_now() + 1 < begin {
        app.run("SET acme:x 1").expect_ok();
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(boss.closes_within(Duration::from_secs(10)));
    eventually("the session no longer writes", || {
        app.run("SET acme:y 2").is_error("NOPERM").then_some(())
    });
    assert!(
        unix_now() <= begin + 5,
        "the hour took {}s to strike",
        unix_now() - begin
    );
    app.run("GET acme:x").expect_text("1");
    app.run("ECHO x").expect_text("x");
    scene.attempt(&operator()).expect_error("WRONGPASS closed");
}

#[test]
#[ignore = "waits up to 70 seconds for a minute to begin"]
fn rights_change_when_the_hour_strikes_on_8_0() {
    rights_change_when_the_hour_strikes(Line::V8_0);
}

#[test]
#[ignore = "waits up to 70 seconds for a minute to begin"]
fn rights_change_when_the_hour_strikes_on_9_1() {
    rights_change_when_the_hour_strikes(Line::V9_1);
}
