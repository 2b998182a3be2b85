//! The setting most promises are tested in: one issuer `corp`, one policy `rbac`,
//! one server with the module.
//!
//! ```text
//! authenticators/10-corp.toml  ->  id corp, RS256 by authenticators-keys/corp.jwks
//! policies/rbac.wasm           ->  the standard policy
//! policies/rbac.toml           ->  [`ROLES`]
//! ```

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::connection::Connection;
use crate::directory::Directory;
use crate::issuer::{AUDIENCE, Claims, Issuer, SigningKey, key_set};
use crate::parts::{self, Line};
use crate::patience::eventually;
use crate::reply::Reply;
use crate::server::{Server, ServerBuilder, StartFailure};
use crate::signer::Signer;

/// The roles of the scene. Alice is a reader by name, everybody else by group or scope.
pub const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/analysts", "scope:corp/cache.read", "user:corp/alice"]
rules = ["+@read", "~reports:*"]

[roles.writer]
members = ["group:corp/editors"]
rules = ["+@read", "+set", "+del", "~reports:*"]

[roles.listener]
members = ["group:corp/listeners"]
rules = ["+subscribe", "+psubscribe", "+ssubscribe", "+unsubscribe", "&news.*"]

[roles.consumer]
members = ["group:corp/consumers"]
rules = ["+blpop", "+lpush", "~queue:*"]

[roles.watcher]
members = ["group:corp/watchers"]
rules = ["+monitor"]
"#;

/// A scene in the making.
pub struct SceneBuilder {
    server: ServerBuilder,
    roles: String,
    policy_tests: Option<String>,
    issuer: Issuer,
    authenticator: String,
    authenticator_file: Option<String>,
    key_set: Option<String>,
    with_policy: bool,
    more_policies: Vec<(String, Vec<u8>)>,
    own_state: bool,
    sign: Option<Signing>,
    with_authenticator: bool,
    load: bool,
    directory: TempDir,
}

/// What signs a policy directory before the server starts.
type Signing = Box<dyn FnOnce(&Path)>;

/// A running scene.
pub struct Scene {
    /// The server; ended with the scene.
    pub server: Server,
    /// Who signs the tokens of `corp`.
    pub issuer: Issuer,
    /// `authenticator_dir`.
    pub authenticators: Directory,
    /// `policy_dir`.
    pub policies: Directory,
    /// Key files, outside the watched directories.
    pub keys: Directory,
    _directory: TempDir,
}

impl SceneBuilder {
    /// Other lines of `valkey.conf`.
    #[must_use]
    pub fn config<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        lines: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.server = self.server.config(lines);
        self
    }

    /// Further load arguments.
    #[must_use]
    pub fn module_args<A: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.server = self.server.module_args(arguments);
        self
    }

    /// Changes the server in any way.
    #[must_use]
    pub fn server(mut self, change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = change(self.server);
        self
    }

    /// Other roles than [`ROLES`].
    #[must_use]
    pub fn roles(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.roles);
        self
    }

    /// A test file beside the roles.
    #[must_use]
    pub fn policy_tests(mut self, toml: &str) -> Self {
        self.policy_tests = Some(toml.to_owned());
        self
    }

    /// Another issuer behind `corp`.
    #[must_use]
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = issuer;
        self
    }

    /// Further lines of the authenticator's file.
    #[must_use]
    pub fn authenticator_lines(mut self, toml: &str) -> Self {
        self.authenticator.push_str(toml);
        self
    }

    /// Another file in place of the authenticator's, whole.
    #[must_use]
    pub fn authenticator_file(mut self, toml: &str) -> Self {
        self.authenticator_file = Some(toml.to_owned());
        self
    }

    /// Another key set than the issuer's own.
    #[must_use]
    pub fn keys(mut self, keys: &[SigningKey]) -> Self {
        self.key_set = Some(key_set(keys));
        self
    }

    /// Leaves `state_dir` at its default, so that policies are compiled again.
    #[must_use]
    pub fn own_state(mut self) -> Self {
        self.own_state = true;
        self
    }

    /// Takes policies that one of these has signed, and starts with the first one's revision 1.
    /// What was run is remembered by this server alone.
    #[must_use]
    pub fn signed_by(mut self, signers: &[&Signer]) -> Self {
        let letters: Vec<&str> = signers.iter().map(|signer| signer.letters()).collect();
        let key = signers[0].secret_file();
        self.sign = Some(Box::new(move |policies| {
            crate::signer::sign(&key, policies, 1)
        }));
        self.own_state()
            .module_args(["policy_keys", &letters.join(" ")])
    }

    /// Starts with an empty policy directory.
    #[must_use]
    pub fn without_policy(mut self) -> Self {
        self.with_policy = false;
        self
    }

    /// Starts with one more file in the policy directory.
    #[must_use]
    pub fn policy_file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.more_policies.push((name.to_owned(), content.into()));
        self
    }

    /// Starts with an empty authenticator directory.
    #[must_use]
    pub fn without_authenticator(mut self) -> Self {
        self.with_authenticator = false;
        self
    }

    /// Prepares the directories but leaves loading the module to the test.
    #[must_use]
    pub fn without_module(mut self) -> Self {
        self.load = false;
        self
    }

    /// Starts the server and waits until log-ins can succeed.
    #[track_caller]
    pub fn start(self) -> Scene {
        let wait = self.load && self.with_policy;
        let scene = self.start_unready();
        if wait {
            crate::patience::eventually("a sink that refuses has begun", || {
                scene.server.lets_in_admin().then_some(())
            });
            scene.wait_for_generation(1);
        }
        scene
    }

    /// Starts the server without waiting for policies.
    #[track_caller]
    pub fn start_unready(self) -> Scene {
        match self.try_start() {
            Ok(scene) => scene,
            Err(failure) => panic!(
                "the server did not start ({:?}):\n{}",
                failure.status, failure.log
            ),
        }
    }

    /// Starts the server.
    ///
    /// # Errors
    /// When it ended instead of answering.
    pub fn try_start(self) -> Result<Scene, StartFailure> {
        let root = self.directory.path();
        let authenticators = Directory::create(root.join("authenticators"));
        let policies = Directory::create(root.join("policies"));
        let keys = Directory::create(root.join("keys"));
        keys.replace(
            "corp.jwks",
            self.key_set.unwrap_or_else(|| self.issuer.key_set()),
        );
        if self.with_authenticator {
            let head = authenticator(&self.issuer, &keys.file_text("corp.jwks"));
            let file = self
                .authenticator_file
                .unwrap_or_else(|| with_lines(&head, &self.authenticator));
            authenticators.replace("10-corp.toml", file);
        }
        if self.with_policy {
            policies.replace("rbac.wasm", parts::policy("rbac"));
            policies.replace("rbac.toml", &self.roles);
            if let Some(tests) = &self.policy_tests {
                policies.replace("rbac.tests.toml", tests);
            }
        }
        for (name, content) in &self.more_policies {
            policies.replace(name, content);
        }
        if let Some(sign) = self.sign {
            sign(policies.path());
        }
        let mut server = self.server;
        if self.load {
            server = server.module_args(load_arguments(&authenticators, &policies));
            if !self.own_state {
                let state = parts::shared_state().display().to_string();
                server = server.module_args(["state_dir", &state]);
            }
        }
        Ok(Scene {
            server: server.try_start()?,
            issuer: self.issuer,
            authenticators,
            policies,
            keys,
            _directory: self.directory,
        })
    }
}

impl Scene {
    /// A scene on a server of this line.
    pub fn builder(line: Line) -> SceneBuilder {
        SceneBuilder {
            server: Server::builder(line),
            roles: ROLES.to_owned(),
            policy_tests: None,
            issuer: Issuer::corp(),
            authenticator: String::new(),
            authenticator_file: None,
            key_set: None,
            with_policy: true,
            more_policies: Vec::new(),
            own_state: false,
            sign: None,
            with_authenticator: true,
            load: true,
            directory: tempfile::Builder::new()
                .prefix("warden-scene-")
                .tempdir()
                .expect("a temporary directory"),
        }
    }

    /// The scene as it stands, started.
    #[track_caller]
    pub fn start(line: Line) -> Self {
        Self::builder(line).start()
    }

    /// A scene with one policy, its component and its data files by extension, in force.
    #[track_caller]
    pub fn of_policy(line: Line, name: &str, component: Vec<u8>, data: &[(&str, &str)]) -> Self {
        let bare = Self::builder(line).without_policy();
        let bare = bare.policy_file(&format!("{name}.wasm"), component);
        let whole = data.iter().fold(bare, |scene, (extension, content)| {
            scene.policy_file(&format!("{name}.{extension}"), *content)
        });
        let scene = whole.start();
        scene.wait_for_generation(1);
        scene
    }

    /// A scene whose key set holds these keys instead of the issuer's own.
    #[track_caller]
    pub fn start_with_keys(line: Line, keys: &[SigningKey]) -> Self {
        Self::builder(line).keys(keys).start()
    }

    /// The load arguments that name the two directories.
    pub fn load_arguments(&self) -> Vec<String> {
        load_arguments(&self.authenticators, &self.policies)
    }

    /// A token of `corp` about this subject.
    pub fn token(&self, subject: &str) -> String {
        self.issuer.token(&Claims::of(subject))
    }

    /// A session of this subject.
    #[track_caller]
    pub fn log_in(&self, subject: &str) -> Connection {
        self.log_in_with(&Claims::of(subject))
    }

    /// A session by a token of these claims. On a machine that is busy for longer than
    /// `auth_timeout_ms` it tries again, as a client would.
    #[track_caller]
    pub fn log_in_with(&self, claims: &Claims) -> Connection {
        let mut connection = self.server.connect();
        let token = self.issuer.token(claims);
        let mut answer = connection.auth("token", &token);
        let _ = crate::patience::within(crate::server::PATIENCE, || {
            if answer.is_error("TRYAGAIN the credential could not be verified in time") {
                answer = connection.auth("token", &token);
                return None;
            }
            Some(())
        });
        answer.expect_ok();
        connection
    }

    /// The reply to AUTH with a token of these claims, on a connection of its own.
    #[track_caller]
    pub fn attempt(&self, claims: &Claims) -> Reply {
        self.server
            .connect()
            .auth("token", &self.issuer.token(claims))
    }

    /// Presents a credential; panics unless it is refused with these words.
    #[track_caller]
    pub fn expect_refused(&self, user: &str, secret: &str, words: &str) {
        self.server.connect().auth(user, secret).expect_error(words);
    }

    /// The authenticators of `WARDEN.AUTHENTICATORS`.
    #[track_caller]
    pub fn authenticators_state(&self) -> Vec<Reply> {
        self.server
            .admin()
            .call(["WARDEN.AUTHENTICATORS"])
            .field("authenticators")
            .items()
    }

    /// `WARDEN.POLICIES`.
    #[track_caller]
    pub fn policies_state(&self) -> Reply {
        self.server.admin().call(["WARDEN.POLICIES"])
    }

    /// Waits until decisions start from a snapshot of every policy.
    pub fn await_snapshots(&self) {
        eventually("all snapshots are taken", || {
            let policies = self.policies_state().field("policies").items();
            let mut states = policies
                .iter()
                .map(|policy| policy.field("snapshot").text());
            states.all(|state| state == "taken").then_some(())
        });
    }

    /// The number of the generation in force; 0 before the first.
    #[track_caller]
    pub fn generation(&self) -> i64 {
        number_of(&self.policies_state())
    }

    /// Waits until the generation in force is this one or a later one.
    #[track_caller]
    pub fn wait_for_generation(&self, number: i64) {
        let mut admin = self.server.admin();
        let mut last = None;
        let reached = crate::patience::within(crate::server::PATIENCE, || {
            let state = admin.call(["WARDEN.POLICIES"]);
            let there = number_of(&state) >= number;
            last = Some(state);
            there.then_some(())
        });
        assert!(
            reached.is_some(),
            "generation {number} did not come: {last:?}\n{}",
            self.server.log()
        );
    }

    /// Changes something, then waits for the next generation.
    #[track_caller]
    pub fn next_generation(&self, change: impl FnOnce()) {
        let before = self.generation();
        change();
        self.wait_for_generation(before + 1);
    }

    /// Changes several files, then loads them with `WARDEN.RELOAD`: what is in force after
    /// it has seen them all, where the watch of the directory may see the first before
    /// the last is there.
    #[track_caller]
    pub fn reload_after(&self, change: impl FnOnce()) {
        change();
        let mut admin = self.server.admin();
        admin.send(["WARDEN.RELOAD"]);
        // What nobody compiled before takes as long as wait_for_generation gives it.
        let reply = admin.receive_within(crate::server::PATIENCE);
        let reply = reply.unwrap_or_else(|ended| panic!("no reply to a reload: {ended:?}"));
        let errors = reply.field("policies").field("errors").texts();
        assert!(errors.is_empty(), "{reply}");
    }

    /// The section `warden` of INFO, one number.
    #[track_caller]
    pub fn counter(&self, field: &str) -> u64 {
        self.server.info_number("warden", field)
    }

    /// The section `warden` of INFO, one text.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let fields = self.server.info("warden");
        fields
            .get(field)
            .cloned()
            .unwrap_or_else(|| panic!("no {field} in INFO warden: {fields:?}"))
    }

    /// Waits until a field of INFO's section has this value.
    #[track_caller]
    pub fn wait_for_info(&self, field: &str, value: &str) {
        eventually(&format!("{field} becomes {value}"), || {
            (self.info(field) == value).then_some(())
        });
    }

    /// Whether a session that should be open stays so for a moment.
    pub fn stays_open(connection: &mut Connection) -> bool {
        !connection.closes_within(Duration::from_millis(300))
    }
}

impl Drop for Scene {
    /// No test passes while the module caught a panic of its own.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let log = self.server.log();
            assert!(!log.contains("internal error: panic"), "{log}");
        }
    }
}

/// The generation in a reply of `WARDEN.POLICIES`; nil before the first.
fn number_of(state: &Reply) -> i64 {
    let generation = state.field("generation");
    if generation.is_nil() {
        0
    } else {
        generation.number()
    }
}

/// The file of an authenticator of local keys.
pub fn authenticator(issuer: &Issuer, key_set_path: &str) -> String {
    format!(
        "type = \"jwt\"\nissuer = \"{}\"\naudience = [\"{AUDIENCE}\"]\njwks_file = \"{key_set_path}\"\n",
        issuer.url()
    )
}

/// Puts further lines behind the head, tables last as TOML wants it.
fn with_lines(head: &str, lines: &str) -> String {
    format!("{head}{lines}\n[claims]\ngroups = \"groups\"\nscopes = \"scope\"\n")
}

fn load_arguments(authenticators: &Directory, policies: &Directory) -> Vec<String> {
    vec![
        "authenticator_dir".to_owned(),
        authenticators.path().display().to_string(),
        "policy_dir".to_owned(),
        policies.path().display().to_string(),
    ]
}
