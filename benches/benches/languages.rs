//! What does a decision by a hundred Cedar policies cost, and one by a Rego document:
//! from a snapshot, policy and composition together?

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark has nobody to return an error to"
)]

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use warden_benches::rooms;
use warden_core::clock::{Clock, SystemClock};
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{Attach, AuthenticatorId, Claims, ClientFacts, Method, Principal, PrincipalName};
use warden_policy::{Engine, EngineSettings, Frame, Generation};
use warden_tests::parts;

/// So many policies, each about one team, one action and one of ten spaces.
fn policies(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let action = if n / 10 % 2 == 0 { "read" } else { "write" };
        let _ = writeln!(
            text,
            "@id(\"p{n}\") permit (principal in Team::\"corp/t{}\", action == Action::\"{action}\", \
             resource == Space::\"s{}\") when {{ principal has level && principal.level >= {} }};",
            n % 7,
            n % 10,
            n % 3,
        );
    }
    text
}

/// Ten spaces and two actions: twenty questions.
fn mapping() -> String {
    let mut text = String::from(
        "[principal]\ntype = 'User'\nparents = [{ from = 'groups', entity = 'Team' }]\n\
         attributes = { level = { claim = '/level', type = 'Long' } }\n",
    );
    for n in 0..10 {
        let _ = writeln!(
            text,
            "[spaces.s{n}]\nresource = 'Space::\"s{n}\"'\nrules = ['~s{n}:*']"
        );
    }
    for (action, rule) in [("read", "+@read"), ("write", "+@write")] {
        let _ = writeln!(
            text,
            "[actions.{action}]\naction = 'Action::\"{action}\"'\nrules = ['{rule}']"
        );
    }
    text
}

const REGO: &str = "package warden\n\
    verdict.grants contains data.roles[role] if {\n\
        some group in input.principal.groups\n\
        some role in data.bindings[group]\n\
    }\n";

/// A hundred roles, each bound to one of ten groups.
fn documents() -> String {
    let role = |n: usize| format!("\"r{n}\": [\"+@read\", \"~r{n}:*\"]");
    let roles: Vec<String> = (0..100).map(role).collect();
    let bound = |group: usize| {
        let roles: Vec<String> = (0..10)
            .map(|n| format!("\"r{}\"", n * 10 + group))
            .collect();
        format!("\"corp/t{group}\": [{}]", roles.join(", "))
    };
    let bindings: Vec<String> = (0..10).map(bound).collect();
    format!(
        "{{\"roles\": {{{}}}, \"bindings\": {{{}}}}}",
        roles.join(", "),
        bindings.join(", ")
    )
}

fn generation(directory: &Path, policy: &str, files: &[(&str, String)]) -> Arc<Generation> {
    let put = |name: String, bytes: &[u8]| {
        fs::write(directory.join(name), bytes).expect("the file can be written");
    };
    put(format!("{policy}.wasm"), &parts::policy(policy));
    for (extension, text) in files {
        put(format!("{policy}.{extension}"), text.as_bytes());
    }
    let engine = Engine::new(EngineSettings::default()).expect("an engine");
    let frame = Frame {
        base: BaseRules::default(),
        ceiling: Restriction::default(),
        server: Arc::new(rooms::server()),
        required: [].into(),
    };
    match engine.load(directory, frame, None, SystemClock.now()) {
        Ok(generation) => generation,
        Err(error) => panic!("{policy} does not load: {error}"),
    }
}

fn somebody() -> Principal {
    let claims = [("level".to_owned(), 2.into())];
    Principal {
        authenticator: AuthenticatorId::new("corp").expect("an id"),
        name: PrincipalName::new("alice").expect("a name"),
        method: Method::Jwt,
        groups: vec!["corp/t1".to_owned(), "corp/t4".to_owned()],
        scopes: Vec::new(),
        sole_authenticator: false,
        claims: Claims::new(&claims.into_iter().collect()),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::Policies,
        account: None,
    }
}

fn languages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("languages");
    let principal = somebody();
    let now = SystemClock.now();
    let bundles = [10, 100].map(|count| {
        let files = vec![("toml", mapping()), ("cedar", policies(count))];
        (
            format!("cedar, {count} policies, 20 questions"),
            "cedar",
            files,
        )
    });
    let rego = vec![("rego", REGO.to_owned()), ("json", documents())];
    let rego = ("rego, 100 roles".to_owned(), "rego", rego);
    for (name, policy, files) in bundles.into_iter().chain([rego]) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let generation = generation(directory.path(), policy, &files);
        while generation.take_snapshot().is_some() {}
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let client = ClientFacts::default();
                let explained = generation.explain_made_up(black_box(&principal), &client, now);
                assert!(explained.answer.is_ok());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, languages);
criterion_main!(benches);
