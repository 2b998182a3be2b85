//! A policy in the engine, asked about people who are made up.
//!
//! In: the name of a standard policy, its data, principals and clients. Out: checked
//! verdicts, or why the data is refused.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tempfile::TempDir;
use warden_core::clock::{Clock, SystemClock};
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{Attach, AuthenticatorId, ClientFacts, Method, Principal, PrincipalName, Server};
use warden_policy::{Engine, EngineSettings, Failure, Frame, Generation, Limits, Opinion};
use warden_tests::parts;

/// A generation of one policy, as a server would have it.
pub(crate) struct Asked {
    generation: Arc<Generation>,
    _directory: TempDir,
}

impl Asked {
    /// Loads a standard policy with these data files, by extension. What was compiled is
    /// kept in the target directory, as for the servers of other tests.
    ///
    /// # Errors
    /// In words, what the engine says of a policy that does not load.
    pub(crate) fn new(policy: &str, files: &[(&str, String)]) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wasm = parts::policy(policy);
        let put = |name: &str, bytes: &[u8]| {
            fs::write(directory.path().join(name), bytes).expect("the file can be written");
        };
        put(&format!("{policy}.wasm"), &wasm);
        for (extension, text) in files {
            put(&format!("{policy}.{extension}"), text.as_bytes());
        }
        let engine = Engine::new(EngineSettings {
            state_dir: Some(parts::shared_state()),
            // Each question configures the policy, on a machine that may be busy.
            limits: Limits {
                cpu: Duration::from_secs(1),
                ..Limits::default()
            },
            ..EngineSettings::default()
        });
        let frame = Frame {
            base: BaseRules::default(),
            ceiling: Restriction::default(),
            server: Arc::new(Server::of_release("9.1").expect("a known release")),
            required: [].into(),
        };
        let now = SystemClock::new().now();
        let engine = engine.expect("an engine");
        let loaded = engine.load(directory.path(), frame, None, now);
        Ok(Self {
            generation: loaded.map_err(|error| error.to_string())?,
            _directory: directory,
        })
    }

    /// The same on one line, of somebody with these groups and claims, who comes from there.
    pub(crate) fn line(&self, groups: &[&str], claims: &Value, address: &str) -> String {
        let claims = claims.as_object().expect("claims are an object");
        let opinion = self.about(&principal("alice", groups, claims), &client(address, true));
        line(&opinion.expect("a verdict"))
    }

    /// What the policy thinks of somebody.
    pub(crate) fn about(
        &self,
        principal: &Principal,
        client: &ClientFacts,
    ) -> Result<Opinion, Failure> {
        let now = SystemClock::new().now();
        let explanation = self.generation.explain_made_up(principal, client, now);
        let mut opinions = explanation.opinions.into_iter();
        opinions.next().expect("one bundle").1
    }
}

/// Somebody of authenticator `corp` with groups of it.
pub(crate) fn principal<G: AsRef<str>>(
    name: &str,
    groups: &[G],
    claims: &Map<String, Value>,
) -> Principal {
    let qualified = |group: &G| format!("corp/{}", group.as_ref());
    let mut groups: Vec<String> = groups.iter().map(qualified).collect();
    groups.sort();
    Principal {
        authenticator: AuthenticatorId::new("corp").expect("an id"),
        name: PrincipalName::new(name).expect("a name"),
        method: Method::Jwt,
        groups,
        scopes: Vec::new(),
        sole_authenticator: false,
        claims: claims.clone(),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::Policies,
        account: None,
    }
}

/// A client from there.
pub(crate) fn client(address: &str, tls: bool) -> ClientFacts {
    ClientFacts {
        address: Some(address.to_owned()),
        tls,
        ..ClientFacts::default()
    }
}

/// A verdict on one line, as a policy's golden table has it.
pub(crate) fn line(opinion: &Opinion) -> String {
    let mut parts = Vec::new();
    if let Some(denial) = &opinion.denial {
        let say =
            |text: &Option<String>| text.as_ref().map_or("-".to_owned(), |t| format!("{t:?}"));
        parts.push(format!(
            "deny {} {}",
            say(&denial.public),
            say(&denial.internal)
        ));
    }
    parts.extend(opinion.grants.iter().map(|grant| format!("grant {grant}")));
    parts.extend(opinion.restrictions.iter().map(restriction));
    parts.extend(
        opinion
            .session_ttl
            .map(|ttl| format!("session {}s", ttl.as_secs())),
    );
    let labels = opinion.labels.iter();
    parts.extend(labels.map(|(key, value)| format!("label {key}={value}")));
    if parts.is_empty() {
        return "no opinion".to_owned();
    }
    parts.join("; ")
}

/// A restriction as a policy's golden table has it: the host's own words leave out that a
/// bound on channels admits none.
fn restriction(restriction: &Restriction) -> String {
    let text = restriction.to_string();
    let denials = text.split(' ').filter(|word| word.starts_with('-'));
    let denials: Vec<String> = denials.map(str::to_owned).collect();
    let none = Restriction::from_parts(&denials, None, Some(&[]), None);
    match none {
        Ok(none) if none == *restriction => format!("restrict {text} no-channels"),
        _ => format!("restrict {text}"),
    }
}
