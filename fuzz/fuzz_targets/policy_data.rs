//! Data files of the standard policies, and what these answer with them.
//!
//! In: a line with a policy's name and with words that become groups, scopes, the user's
//! name and a claim; then the bytes of `data.toml`.
//! Held: data is taken or refused in one line that names the file; what a policy then
//! answers, the host takes; every label of an answer is one the policy said it could give.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::server::Server;
use warden_core::{Now, Timestamp};
use warden_fuzz::world;
use warden_policy::Frame;
use warden_policy::fuzzing::{Answer, contract, decide};
use warden_sdk::__private::{Instance, bindings};
use warden_sdk::{Describe, Input, Policy};

/// The most words of the first line that are used.
const MAX_WORDS: usize = 8;
const NOW: u64 = 1_800_000_000;

static SERVERS: LazyLock<[Arc<Server>; 2]> =
    LazyLock::new(|| [false, true].map(|databases| Arc::new(world::server(databases))));

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (line, bytes) = data.split_at(end.unwrap_or(data.len()));
    let Ok(line) = std::str::from_utf8(line) else {
        return;
    };
    let mut words = line.split(' ');
    let policy = words.next().unwrap_or_default();
    let words: Vec<&str> = words.take(MAX_WORDS).collect();
    let bytes = bytes.get(1..).unwrap_or_default();
    match policy {
        "rbac" => hold::<warden_policy_rbac::Rbac>(policy, &words, bytes),
        "tenant" => hold::<warden_policy_tenant::Tenant>(policy, &words, bytes),
        "guardrails" => hold::<warden_policy_guardrails::Guardrails>(policy, &words, bytes),
        "scopes" => hold::<warden_policy_scopes::Scopes>(policy, &words, bytes),
        _ => {}
    }
});

fn hold<P: Policy + Describe>(name: &str, words: &[&str], bytes: &[u8]) {
    let instance: Instance<P> = Instance::new();
    let file = bindings::File {
        name: "data.toml".to_owned(),
        media_type: "application/toml".to_owned(),
        bytes: bytes.to_vec(),
    };
    if let Err(refusal) = instance.configure_wire(vec![file]) {
        assert!(refusal.contains("data.toml"), "names no file: {refusal:?}");
        assert!(!refusal.contains('\n'), "{refusal:?}");
        return;
    }
    let possible = instance.labels();
    let sound = |text: &str| text.len() <= 256 && !text.chars().any(char::is_control);
    assert!(
        possible
            .iter()
            .all(|(key, value)| sound(key) && sound(value)),
        "{possible:?}"
    );
    let reads_clock = P::DESCRIPTION.inputs.contains(&Input::Clock);
    for now in [None, Some(NOW)]
        .into_iter()
        .filter(|now| now.is_none() || reads_clock)
    {
        let verdict = instance.evaluate_wire(request(words, now));
        // A tenant's name is a claim's: there is no list of them.
        if name != "tenant" {
            for (key, value) in &verdict.labels {
                for value in value.split(',') {
                    let label = (key.clone(), value.to_owned());
                    assert!(
                        possible.contains(&label),
                        "{label:?} is none of {possible:?}"
                    );
                }
            }
        }
        let answer = Answer {
            bundle: name.to_owned(),
            reads_clock,
            verdict: wired(verdict),
        };
        for server in SERVERS.iter() {
            let decided = decide(std::slice::from_ref(&answer), &frame(server), now_of());
            assert!(
                decided.is_ok(),
                "the host does not take it: {decided:?}: {answer:?}"
            );
        }
    }
}

fn request(words: &[&str], now: Option<u64>) -> bindings::Request {
    let qualified = || words.iter().map(|word| format!("corp/{word}")).collect();
    let first = words.first().copied().unwrap_or("alice");
    bindings::Request {
        principal: bindings::warden::policy::types::Principal {
            name: first.to_owned(),
            authenticator: "corp".to_owned(),
            method: "jwt".to_owned(),
            groups: qualified(),
            scopes: qualified(),
            sole_authenticator: true,
        },
        claims: ["/tenant", "/org_id"]
            .map(|pointer| bindings::warden::policy::types::Claim {
                pointer: pointer.to_owned(),
                json: serde_json::to_string(first).expect("text is JSON"),
            })
            .into(),
        client_address: Some("10.1.2.3".to_owned()),
        client_tls: None,
        client_certificate: None,
        now,
        server_role: None,
        server_version: None,
    }
}

/// What crosses between guest and host: the same type on either side.
fn wired(verdict: bindings::Verdict) -> contract::Verdict {
    let grants = verdict.grants.into_iter();
    let restrictions = verdict.restrictions.into_iter();
    contract::Verdict {
        grants: grants
            .map(|grant| contract::Grant { rules: grant.rules })
            .collect(),
        restrictions: restrictions
            .map(|one| contract::Restriction {
                denials: one.denials,
                keys: one.keys,
                channels: one.channels,
                databases: one.databases,
            })
            .collect(),
        denial: verdict.denial.map(|denial| contract::Denial {
            public: denial.public,
            internal: denial.internal,
        }),
        valid_for: verdict.valid_for,
        session_ttl: verdict.session_ttl,
        labels: verdict.labels,
    }
}

fn frame(server: &Arc<Server>) -> Frame {
    Frame {
        base: BaseRules::default(),
        ceiling: Restriction::default(),
        server: Arc::clone(server),
        required: Default::default(),
    }
}

fn now_of() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(NOW),
        monotonic: Duration::from_secs(1000),
    }
}
