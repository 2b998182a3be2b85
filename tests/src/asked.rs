//! A policy in the engine, asked about people who are made up.
//!
//! In: the name of a built policy, its data, principals and clients. Out: checked verdicts,
//! also as one line each, or why the data is refused.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tempfile::TempDir;
use warden_core::clock::{Clock, SystemClock};
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{
    Attach, AuthenticatorId, Claims, ClientFacts, Method, Principal, PrincipalName, Server,
};
use warden_policy::{Engine, EngineSettings, Failure, Frame, Generation, Limits, Opinion};

use crate::parts;

/// One engine and one directory, in which a policy is loaded with one data after another.
pub struct Place {
    directory: TempDir,
    name: String,
    engine: Engine,
}

/// A generation of one policy, as a server would have it.
#[derive(Debug)]
pub struct Asked(Arc<Generation>);

impl Place {
    /// For a policy by its name, or one of the tests' as `tests/NAME`. What was compiled is
    /// kept in the target directory, as for the servers of other tests.
    pub fn of(policy: &str) -> Self {
        let engine = Engine::new(EngineSettings {
            state_dir: Some(parts::shared_state()),
            // Each question configures the policy, on a machine that may be busy.
            limits: Limits {
                cpu: Duration::from_secs(1),
                ..Limits::default()
            },
            ..EngineSettings::default()
        });
        let place = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            name: policy.rsplit('/').next().unwrap_or(policy).to_owned(),
            engine: engine.expect("an engine"),
        };
        place.put("wasm", &parts::policy(policy));
        place
    }

    fn put(&self, extension: &str, bytes: &[u8]) {
        let file = format!("{}.{extension}", self.name);
        fs::write(self.directory.path().join(file), bytes).expect("the file can be written");
    }

    /// Loads it with these data files, by extension; others that were there stay.
    ///
    /// # Errors
    /// In words, what the engine says of a policy that does not load.
    pub fn load<B: AsRef<[u8]>>(&self, files: &[(&str, B)]) -> Result<Asked, String> {
        for (extension, bytes) in files {
            self.put(extension, bytes.as_ref());
        }
        let frame = Frame {
            base: BaseRules::default(),
            ceiling: Restriction::default(),
            server: Arc::new(Server::of_release("9.1").expect("a known release")),
            required: [].into(),
        };
        let now = SystemClock.now();
        let loaded = self.engine.load(self.directory.path(), frame, None, now);
        loaded.map(Asked).map_err(|error| error.to_string())
    }
}

impl Asked {
    /// A policy with these data files, by extension.
    ///
    /// # Errors
    /// In words, what the engine says of a policy that does not load.
    pub fn new<B: AsRef<[u8]>>(policy: &str, files: &[(&str, B)]) -> Result<Self, String> {
        Place::of(policy).load(files)
    }

    /// What the policy thinks of somebody with these groups and claims, who comes from there,
    /// on one line.
    pub fn line(&self, groups: &[&str], claims: &Value, address: &str) -> String {
        let claims = claims.as_object().expect("claims are an object");
        let opinion = self.about(&principal("alice", groups, claims), &client(address, true));
        line(&opinion.expect("a verdict"))
    }

    /// What the policy thinks of somebody.
    ///
    /// # Errors
    /// When the engine refuses what it answers.
    pub fn about(&self, principal: &Principal, client: &ClientFacts) -> Result<Opinion, Failure> {
        let now = SystemClock.now();
        let explanation = self.0.explain_made_up(principal, client, now);
        let mut opinions = explanation.opinions.into_iter();
        opinions.next().expect("one bundle").1
    }

    /// The labels that its verdicts can carry, as `key=value`.
    pub fn labels(&self) -> Vec<String> {
        let labels = self.0.labels_of(&self.0.bundles()[0]).expect("labels");
        let labels = labels.into_iter();
        labels.map(|(key, value)| key + "=" + &value).collect()
    }
}

/// Somebody of authenticator `corp` with groups of it.
pub fn principal<G: AsRef<str>>(
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
        claims: Claims::new(claims),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::Policies,
        account: None,
    }
}

/// A client from there.
pub fn client(address: &str, tls: bool) -> ClientFacts {
    ClientFacts {
        address: Some(address.to_owned()),
        tls,
        ..ClientFacts::default()
    }
}

/// A verdict on one line, as a policy's golden table has it.
pub fn line(opinion: &Opinion) -> String {
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
    let seconds =
        |what: &str, time: Option<Duration>| time.map(|time| format!("{what} {}s", time.as_secs()));
    parts.extend(seconds("valid", opinion.valid_for));
    parts.extend(seconds("session", opinion.session_ttl));
    let labels = opinion.labels.iter();
    parts.extend(labels.map(|(key, value)| format!("label {key}={value}")));
    if parts.is_empty() {
        return "no opinion".to_owned();
    }
    parts.join("; ")
}

/// A restriction as a policy's golden table has it: the host's own words leave out that a
/// bound admits none.
fn restriction(restriction: &Restriction) -> String {
    let text = restriction.to_string();
    let denials = text.split(' ').filter(|word| word.starts_with('-'));
    let denials: Vec<String> = denials.map(str::to_owned).collect();
    let none: Option<&[String]> = Some(&[]);
    let words = [
        (None, None, ""),
        (none, None, "no-keys"),
        (None, none, "no-channels"),
        (none, none, "no-keys no-channels"),
    ];
    let word = words.into_iter().find_map(|(keys, channels, word)| {
        let made = Restriction::from_parts(&denials, keys, channels, None).ok()?;
        (made == *restriction).then_some(word)
    });
    let parts = [text.as_str(), word.unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => "restrict nothing".to_owned(),
        parts => format!("restrict {}", parts.join(" ")),
    }
}
