//! The policy `allowlist` with some data, loaded as a server loads it.
//!
//! In: text of its data file, and principals. Out: what it grants, as text, or why it is not
//! taken.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{
    Attach, AuthenticatorId, ClientFacts, Method, Now, Principal, PrincipalName, Server, Timestamp,
};
use warden_policy::{Engine, EngineSettings, Frame, Generation};
use warden_tests::parts;

/// One engine and one directory for all that a test loads.
pub(crate) struct Place {
    directory: TempDir,
    engine: Engine,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let policies = directory.path().join("policies");
        fs::create_dir(&policies).unwrap();
        fs::write(
            policies.join("allowlist.wasm"),
            parts::policy("tests/allowlist"),
        )
        .unwrap();
        let engine = Engine::new(EngineSettings {
            state_dir: Some(directory.path().join("state")),
            ..EngineSettings::default()
        });
        Self {
            directory,
            engine: engine.unwrap(),
        }
    }

    /// Loads it with this data; `Err`: why it is not taken.
    pub(crate) fn load(&self, data: impl AsRef<[u8]>) -> Result<Arc<Generation>, String> {
        let policies = self.directory.path().join("policies");
        fs::write(policies.join("allowlist.txt"), data).unwrap();
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
        monotonic: std::time::Duration::ZERO,
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

/// What the policy answers, on one line.
pub(crate) fn verdict(
    generation: &Generation,
    mut principal: Principal,
    department: Option<Value>,
) -> String {
    let department = department.map(|value| ("department".to_owned(), value));
    principal.claims.extend(department);
    let explanation = generation.explain_made_up(&principal, &ClientFacts::default(), now());
    let opinion = match &explanation.opinions[0].1 {
        Ok(opinion) => opinion,
        Err(failure) => return format!("failed: {failure}"),
    };
    let grants = opinion.grants.iter().map(|grant| format!("grant {grant}"));
    let labels = opinion.labels.iter();
    let labels = labels.map(|(key, value)| format!("label {key}={value}"));
    let parts: Vec<String> = grants.chain(labels).collect();
    if parts.is_empty() {
        return "no opinion".to_owned();
    }
    parts.join("; ")
}
