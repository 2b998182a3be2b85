//! Ten thousand tokens that name keys nobody has, of an issuer that publishes its own: how
//! often is it asked, and what do others notice?
//!
//! Baselines: the same server at rest, and as many log-ins of a native user.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::{
    ADMIN_PASSWORD, Algorithm, Authority, Claims, Issuer, Scene, SigningKey, eventually,
};

use super::crowd::Credential;
use super::flood::Flood;
use super::probe::Probe;
use super::report::{LONG_ROUNDS, NATIVE, add_stalls, in_turn};
use super::stage::{MainThread, builder, start};
use crate::count;
use crate::figures::Question;
use crate::program::Run;

const TOKENS: usize = 10_000;

/// Between two of them.
const EVERY: Duration = Duration::from_millis(1);

/// The default of `unknown_key_seconds`.
const COOL_DOWN: Duration = Duration::from_secs(5);

/// Fetches, the time between two of them, and GET meanwhile.
pub fn run(Run { line, .. }: Run) -> Vec<Question> {
    let mut question = Question::new(format!(
        "{TOKENS} tokens of unknown keys, 1,000 a second; a cool-down lasts {} s",
        COOL_DOWN.as_secs()
    ));
    for round in 0..LONG_ROUNDS {
        let authority = Authority::new("idp");
        let provider = Hostile::start(&authority);
        let key = SigningKey::generate(Algorithm::ES256, "published");
        let issuer = Issuer::new(&provider.issuer(), key);
        let fetches = publish(&provider, &issuer);
        let file = format!(
            "type = 'jwt'\nissuer = '{}'\naudience = ['valkey']\n[endpoint]\nca_file = '{}'\n",
            issuer.url(),
            authority.ca_file().display()
        );
        let scene = start(builder(line).issuer(issuer).authenticator_file(&file));
        let good = Claims::of("alice").groups(&["analysts"]);
        eventually("the keys are there", || {
            scene.attempt(&good).is_ok().then_some(())
        });
        let native = vec![Credential::new("default", ADMIN_PASSWORD); TOKENS];
        let unknown = of_unknown_keys(&scene);
        std::thread::sleep(COOL_DOWN);

        let idle = Probe::idle(&scene, Duration::from_secs(2));
        idle.add_to(&mut question, "GET, idle");
        for (kind, credentials) in in_turn(round, [(NATIVE, native), ("unknown keys", unknown)]) {
            let mut main = MainThread::watch(&scene);
            let before = count(fetches.lock().expect("nobody panicked here").len());
            let probe = Probe::start(&scene);
            let flood = Flood::start(scene.server.address(), EVERY, credentials.into_iter());
            let answers = flood.to_the_end();
            probe
                .finish()
                .add_to(&mut question, &format!("GET, {kind}"));
            add_stalls(&mut question, kind, main.stalls());
            question.add(&format!("let in, {kind}"), "", count(answers.granted));
            question.add(&format!("TRYAGAIN, {kind}"), "", count(answers.undecided));
            question.add(
                &format!("refused, {kind}"),
                "",
                count(answers.refused + answers.broken),
            );
            let fetches = fetches.lock().expect("nobody panicked here");
            question.add(
                &format!("fetches, {kind}"),
                "",
                count(fetches.len()) - before,
            );
        }
        scene.attempt(&good.id("afterwards")).expect_ok();
        question.add(
            "shortest time between two fetches",
            "ms",
            shortest(&fetches),
        );
    }
    vec![question]
}

/// Publishes an issuer's key, and notes when a fetch of it begins: with the discovery
/// document.
fn publish(provider: &Hostile, issuer: &Issuer) -> Arc<Mutex<Vec<Instant>>> {
    let fetches: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let (noted, document) = (Arc::clone(&fetches), Answer::json(provider.discovery()));
    provider.answer_by("/.well-known/openid-configuration", move |_| {
        let mut noted = noted.lock().expect("nobody panicked here");
        noted.push(Instant::now());
        document.clone()
    });
    provider.answer("/jwks", Answer::json(issuer.key_set()));
    fetches
}

fn of_unknown_keys(scene: &Scene) -> Vec<Credential> {
    let token = |number: usize| {
        // In no order, and no two alike.
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let header = json!({ "alg": "ES256", "kid": format!("{id:016x}"), "typ": "JWT" });
        let claims = Claims::of("alice").groups(&["analysts"]).id(number);
        scene.issuer.token_with_header(&header, &claims)
    };
    Credential::tokens(&(0..TOKENS).map(token).collect::<Vec<_>>())
}

fn shortest(fetches: &Mutex<Vec<Instant>>) -> f64 {
    let fetches = fetches.lock().expect("nobody panicked here");
    let times = fetches.iter().zip(fetches.iter().skip(1));
    let between = times.map(|(one, next)| next.duration_since(*one).as_secs_f64() * 1e3);
    between.fold(f64::INFINITY, f64::min)
}
