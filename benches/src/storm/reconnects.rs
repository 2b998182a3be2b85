//! Five thousand clients come back at once with one token that nobody remembers.
//!
//! Twice: a token that warden verifies itself, and an opaque one that a service is asked
//! about, slow enough for all to arrive before its answer. Baseline: a native password.

use std::time::{Duration, Instant};

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::{ADMIN_PASSWORD, Authority, Claims, Scene};

use super::crowd::{Credential, all_at_once, scatter, strangers};
use super::probe::Probe;
use super::report::{NATIVE, ROUNDS, add_stalls, in_turn};
use super::stage::{MainThread, builder, start};
use crate::count;
use crate::figures::Question;
use crate::program::Run;

const CONNECTIONS: usize = 5_000;

/// What the service takes for an answer.
const THOUGHT: Duration = Duration::from_millis(500);

/// How often the credential was verified, and until when all were in.
pub fn run(Run { line, .. }: Run) -> Vec<Question> {
    let mut question = Question::new(format!(
        "{CONNECTIONS} connections with one token at once; the service answers after {} ms",
        THOUGHT.as_millis()
    ));
    for round in 0..ROUNDS {
        let scene = start(builder(line));
        let native = Credential::new("default", ADMIN_PASSWORD);
        let claims = Claims::of("alice").groups(&["analysts"]);
        let token = Credential::new("token", &scene.issuer.token(&claims));
        for (kind, credential) in in_turn(round, [(NATIVE, native), ("verified here", token)]) {
            come_back(&scene, kind, &credential, &mut question);
        }

        let authority = Authority::new("slow");
        let service = Hostile::start(&authority);
        let alice = json!({ "sub": "alice", "groups": ["analysts"] });
        service.answer("/userinfo", Answer::json(alice).delayed(THOUGHT));
        let file = format!(
            "type = 'userinfo'\nurl = '{}'\n[endpoint]\nca_file = '{}'\n",
            service.url("/userinfo"),
            authority.ca_file().display()
        );
        let scene = start(builder(line).authenticator_file(&file));
        come_back(
            &scene,
            "asked about",
            &Credential::new("token", "an-opaque-token"),
            &mut question,
        );
        let calls = count(service.requests("/userinfo").len());
        question.add("calls of the service, asked about", "", calls);
    }
    vec![question]
}

fn come_back(scene: &Scene, kind: &str, credential: &Credential, question: &mut Question) {
    let credentials = vec![credential.clone(); CONNECTIONS];
    let mut open = strangers(scene.server.address(), CONNECTIONS);
    let mut main = MainThread::watch(scene);
    let before = main.warden("warden_verifications");
    let probe = Probe::start(scene);
    let started = Instant::now();
    all_at_once(&mut open, &credentials);
    let took = started.elapsed().as_secs_f64() * 1e3;
    question.add(&format!("time until all are in, {kind}"), "ms", took);
    let verified = main.warden("warden_verifications") - before;
    question.add(&format!("verifications, {kind}"), "", verified);
    probe.finish().add_to(question, &format!("GET, {kind}"));
    add_stalls(question, kind, main.stalls());
    scatter(open);
    main.wait_until("all are gone", |main| main.clients() < 1.0);
}
