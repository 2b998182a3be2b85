//! A policy in C with some data, loaded as a server loads it.
//!
//! In: its name, text of its data file, and principals. Out: what it answers, as text, or why
//! it is not taken.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{
    Attach, AuthenticatorId, ClientFacts, Method, Now, Principal, PrincipalName, Server, Timestamp,
};
use warden_policy::{Denial, Engine, EngineSettings, Frame, Generation, Opinion};
use warden_tests::parts;

/// One engine and one directory for all that a test loads.
pub(crate) struct Place {
    directory: TempDir,
    name: &'static str,
    engine: Engine,
}

impl Place {
    /// For a policy of `target/policies/tests/`.
    pub(crate) fn of(name: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let policies = directory.path().join("policies");
        fs::create_dir(&policies).unwrap();
        let wasm = parts::policy(&format!("tests/{name}"));
        fs::write(policies.join(format!("{name}.wasm")), wasm).unwrap();
        let engine = Engine::new(EngineSettings {
            state_dir: Some(directory.path().join("state")),
            ..EngineSettings::default()
        });
        Self {
            directory,
            name,
            engine: engine.unwrap(),
        }
    }

    /// Loads it with this data; `Err`: why it is not taken.
    pub(crate) fn load(&self, data: impl AsRef<[u8]>) -> Result<Arc<Generation>, String> {
        let policies = self.directory.path().join("policies");
        fs::write(policies.join(format!("{}.txt", self.name)), data).unwrap();
        self.load_bare()
    }

    /// Loads it without data.
    pub(crate) fn load_bare(&self) -> Result<Arc<Generation>, String> {
        let policies = self.directory.path().join("policies");
        let frame = Frame {
            base: BaseRules::default(),
            ceiling: Restriction::default(),
            server: Arc::new(Server::of_release("9.1").unwrap()),
            required: [].into(),
        };
        let loaded = self.engine.load(&policies, frame, None, now());
        loaded.map_err(|error| error.to_string())
    }
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_795_510_800),
        monotonic: Duration::ZERO,
    }
}

/// Somebody of `corp`.
pub(crate) fn principal(name: &str, groups: &[&str], scopes: &[&str], sole: bool) -> Principal {
    let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Principal {
        authenticator: AuthenticatorId::new("corp").unwrap(),
        name: PrincipalName::new(name).unwrap(),
        method: Method::Jwt,
        groups: texts(groups),
        scopes: texts(scopes),
        sole_authenticator: sole,
        claims: serde_json::Map::new(),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::default(),
        account: None,
    }
}

/// What the policy answers to somebody with these claims, on one line.
pub(crate) fn verdict(
    generation: &Generation,
    mut principal: Principal,
    claims: impl IntoIterator<Item = (&'static str, Value)>,
) -> String {
    let claims = claims.into_iter();
    principal
        .claims
        .extend(claims.map(|(name, value)| (name.to_owned(), value)));
    let client = ClientFacts {
        address: Some("192.0.2.7".to_owned()),
        ..ClientFacts::default()
    };
    let explanation = generation.explain_made_up(&principal, &client, now());
    match &explanation.opinions[0].1 {
        Ok(opinion) => line(opinion),
        Err(failure) => format!("failed: {failure}"),
    }
}

fn line(opinion: &Opinion) -> String {
    let mut parts = Vec::new();
    if let Some(Denial { public, internal }) = &opinion.denial {
        parts.push(format!("deny {public:?} {internal:?}"));
    }
    parts.extend(opinion.grants.iter().map(|grant| format!("grant {grant}")));
    parts.extend(opinion.restrictions.iter().map(|restriction| {
        let words = restriction.to_string();
        match words.is_empty() {
            true if *restriction == Restriction::default() => "restrict nothing".to_owned(),
            true => "restrict to none".to_owned(),
            false => format!("restrict {words}"),
        }
    }));
    let seconds =
        |what, time: Option<Duration>| time.map(|time| format!("{what} {}s", time.as_secs()));
    parts.extend(seconds("valid", opinion.valid_for));
    parts.extend(seconds("session", opinion.session_ttl));
    let labels = opinion.labels.iter();
    parts.extend(labels.map(|(key, value)| format!("label {key}={value}")));
    if parts.is_empty() {
        return "no opinion".to_owned();
    }
    parts.join("; ")
}
