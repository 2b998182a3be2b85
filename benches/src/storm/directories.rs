//! Two directory servers and five hundred log-ins a second that they judge: what is lost
//! while each of them in turn is killed, stalled and restarted?
//!
//! One of them lives all the time, so whatever is not answered with `+OK` is lost. Every
//! log-in is a new connection, and nothing is remembered. Baselines: the same server at
//! rest, and the same log-ins while nothing happens. Every limit is at its default.

use std::thread;
use std::time::Duration;

use warden_tests::patience::{PATIENCE, within};
use warden_tests::slapd::{
    BASE, SERVICE, SERVICE_PASSWORD, Slapd, crowd_name, password_of, user_dn,
};
use warden_tests::{Authority, Directory, Line, Scene};

use super::crowd::Credential;
use super::flood::Flood;
use super::probe::Probe;
use super::report::{LONG_ROUNDS, add_stalls};
use super::stage::{MainThread, builder, start};
use crate::count;
use crate::figures::Question;
use crate::program::Run;

/// Between two log-ins.
const EVERY: Duration = Duration::from_millis(2);

/// Nobody comes again while he may still be waiting: that would be one question for both.
const USERS: usize = 3_000;

/// As many as a role of `rbac` takes.
const ROLE_MEMBERS: usize = 1_000;

const PROBED: Duration = Duration::from_secs(4);

/// How long a server is away: longer than the failure detector needs to notice.
const AWAY: Duration = Duration::from_secs(4);

/// How long it is back before the next thing happens.
const BACK: Duration = Duration::from_secs(2);

/// A name and what is done to a server.
type Event = (&'static str, fn(&Slapd));

const EVENTS: [Event; 3] = [
    ("killed", |slapd| {
        slapd.kill();
        thread::sleep(AWAY);
        slapd.start_amid_others();
    }),
    ("stalled", |slapd| {
        slapd.stall();
        thread::sleep(AWAY);
        slapd.resume();
    }),
    ("restarted", |slapd| {
        slapd.stop();
        slapd.start_amid_others();
    }),
];

/// A bind at the first server that is up, and a search and a bind at each in turn.
pub fn run(Run { line, .. }: Run) -> Vec<Question> {
    let authority = Authority::new("ca");
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("service.password", SERVICE_PASSWORD);
    let dn = user_dn("NAME");
    let (prefix, suffix) = dn.split_once("NAME").expect("the name is in it");
    let by_bind = format!("bind_dn_prefix = '{prefix}'\nbind_dn_suffix = '{suffix}'\n");
    let by_search = format!(
        "auth_mode = 'search+bind'\nsearch_base = '{BASE}'\nsearch_bind_dn = '{SERVICE}'\n\
         search_bind_passwd_file = '{}'\nserver_selection = 'round-robin'\n",
        secrets.file_text("service.password")
    );
    let described = Slapd::builder().crowd(USERS);
    let slapds = [described.start(&authority), described.start(&authority)];
    let mut questions = Vec::new();
    for (way, lines) in [
        ("bind, servers in order", by_bind),
        ("search and bind, servers in rotation", by_search),
    ] {
        let mut question = Question::new(format!(
            "two directories, 500 log-ins a second that they judge; {way}"
        ));
        for _ in 0..LONG_ROUNDS {
            let [first, second] = slapds.each_ref().map(Slapd::url);
            let file = format!(
                "type = 'ldap'\nservers = ['{first}', '{second}']\ncache_seconds = 0\n{lines}"
            );
            round(line, &file, &slapds, &mut question);
        }
        questions.push(question);
    }
    questions
}

fn round(line: Line, file: &str, slapds: &[Slapd], question: &mut Question) {
    let members: Vec<_> = (0..USERS)
        .map(|number| format!("user:corp/{}", crowd_name(number)))
        .collect();
    let roles: String = members
        .chunks(ROLE_MEMBERS)
        .enumerate()
        .map(|(number, members)| {
            format!(
                "[roles.reader{number}]\nmembers = {members:?}\nrules = ['+@read', '~reports:*']\n"
            )
        })
        .collect();
    let scene = start(builder(line).roles(&roles).authenticator_file(file));
    let idle = Probe::idle(&scene, PROBED);
    idle.add_to(question, "GET, idle");
    during(&scene, "undisturbed", idle.p99, question, || {
        thread::sleep(PROBED);
    });
    for (event, happen) in EVENTS {
        during(&scene, event, idle.p99, question, || {
            for (place, slapd) in slapds.iter().enumerate() {
                happen(slapd);
                wait_until_up(&scene, slapd, place);
                thread::sleep(BACK);
            }
        });
    }
}

/// Log-ins for as long as something goes on.
fn during(
    scene: &Scene,
    what: &str,
    idle_p99: f64,
    question: &mut Question,
    goes_on: impl FnOnce(),
) {
    let mut main = MainThread::watch(scene);
    let credentials = (0..USERS).cycle().map(|number| {
        let name = crowd_name(number);
        Credential::new(&name, &password_of(&name))
    });
    let flood = Flood::start(scene.server.address(), EVERY, credentials);
    let probe = Probe::start(scene);
    goes_on();
    let probed = probe.finish();
    let answers = flood.finish();
    question.add(&format!("arrived in a second, {what}"), "", answers.rate);
    for (answer, number) in [
        ("answered OK", answers.granted),
        ("answered TRYAGAIN", answers.undecided),
        ("refused", answers.refused),
        ("connections that broke", answers.broken),
        ("lost in all", answers.all() - answers.granted),
    ] {
        question.add(&format!("{answer}, {what}"), "", count(number));
    }
    let longest = answers.longest.as_secs_f64() * 1e3;
    question.add(&format!("longest log-in, {what}"), "ms", longest);
    probed.add_to(question, &format!("GET, {what}"));
    question.add(
        &format!("GET p99, {what} to idle"),
        "%",
        100.0 * probed.p99 / idle_p99,
    );
    add_stalls(question, what, main.stalls());
    main.wait_until("all are gone", |main| main.clients() < 1.0);
}

/// Waits until warden has found the server at this place to be up.
fn wait_until_up(scene: &Scene, slapd: &Slapd, place: usize) {
    let up = within(PATIENCE, || {
        let all = scene.authenticators_state();
        let servers = all.first()?.field("servers").items();
        let status = servers.get(place)?.field("status").text();
        (status == "up").then_some(())
    });
    assert!(up.is_some(), "it is not up again: {}", slapd.log());
}
