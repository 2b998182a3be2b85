//! The rooms as a log-in finds them: one authenticator, a policy (`rbac` where none is
//! named), a known server. For the benches that measure inside one process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use warden_authn::{Chain, ChainSettings, Outcome, Services};
use warden_core::clock::{Clock, SystemClock};
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::{ClientFacts, Credential, Now, Principal, Server, Verified};
use warden_policy::{Engine, EngineSettings, Frame, Generation, Request};
use warden_tests::scene::{ROLES, authenticator};
use warden_tests::{Claims, Issuer, parts};

/// One issuer, its authenticator, and one generation of policies.
pub struct Rooms {
    /// Who signs.
    pub issuer: Issuer,
    /// Who verifies.
    pub chain: Arc<Chain>,
    /// Who decides.
    pub generation: Arc<Generation>,
    /// When the bench began.
    pub now: Now,
    _directory: TempDir,
}

impl Rooms {
    /// Sets them up: reads, compiles, configures.
    pub fn new() -> Self {
        Self::deciding_by("rbac", &[("rbac.toml", ROLES)])
    }

    /// The same with another policy, and its data by name.
    pub fn deciding_by(policy: &str, data: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let issuer = Issuer::corp();
        let chain = chain(directory.path(), std::slice::from_ref(&issuer));
        let policies = directory.path().join("policies");
        fs::create_dir(&policies).expect("a directory can be made");
        let wasm = policies.join(format!("{policy}.wasm"));
        fs::write(wasm, parts::policy(policy)).expect("it can be written");
        for (name, text) in data {
            fs::write(policies.join(name), text).expect("it can be written");
        }
        let engine = Engine::new(EngineSettings::default()).expect("an engine");
        let generation = generation(&engine, &policies, None);
        Self {
            issuer,
            chain,
            generation,
            now: SystemClock.now(),
            _directory: directory,
        }
    }

    /// A credential of this subject that nobody has seen.
    pub fn credential(&self, subject: &str) -> Credential {
        let token = self.issuer.token(&Claims::of(subject));
        Credential::new(subject.as_bytes(), token.as_bytes()).expect("a name in UTF-8")
    }

    /// The proof of this subject, member of a group that the policy knows.
    pub fn principal(&self, subject: &str) -> Arc<Verified<Principal>> {
        let token = self
            .issuer
            .token(&Claims::of(subject).groups(&["analysts"]));
        let credential =
            Credential::new(subject.as_bytes(), token.as_bytes()).expect("a name in UTF-8");
        match self.chain.authenticate_alone(&credential.into(), &self.now) {
            Outcome::Verified(principal) => principal,
            other => panic!("not verified: {other:?}"),
        }
    }

    /// What the policies are told of this principal.
    pub fn request(&self, principal: &Arc<Verified<Principal>>) -> Request {
        self.generation
            .project(principal, &ClientFacts::default(), self.now)
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}

/// The newest server that is known.
pub fn server() -> Server {
    Server::of_release("9.1").expect("a known release")
}

/// An authenticator for each issuer, their files in this directory.
pub fn chain(directory: &Path, issuers: &[Issuer]) -> Arc<Chain> {
    let authenticators = directory.join("authenticators");
    fs::create_dir(&authenticators).expect("a directory can be made");
    for (number, issuer) in issuers.iter().enumerate() {
        let id = match number {
            0 => "corp".to_owned(),
            _ => format!("corp{number}"),
        };
        let keys = directory.join(format!("{id}.jwks"));
        fs::write(&keys, issuer.key_set()).expect("the key file can be written");
        let file = authenticator(issuer, &keys.display().to_string());
        fs::write(authenticators.join(format!("{id}.toml")), file).expect("it can be written");
    }
    let report = Chain::load(
        &authenticators,
        &ChainSettings::default(),
        &Services::offline(),
        None,
    );
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    report.chain
}

/// What a directory of policies comes to.
pub fn generation(
    engine: &Engine,
    policies: &Path,
    previous: Option<&Arc<Generation>>,
) -> Arc<Generation> {
    let frame = Frame {
        base: BaseRules::default(),
        ceiling: Restriction::default(),
        server: Arc::new(server()),
        required: [].into(),
    };
    match engine.load(policies, frame, previous, SystemClock.now()) {
        Ok(generation) => generation,
        Err(error) => panic!("the policies do not load: {error}"),
    }
}
