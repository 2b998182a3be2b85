//! What an authenticator makes of its file and of what a plugin answers. The host here is
//! a fake: what real plugins do is tested where they are run.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use serde_json::json;
use warden_core::client::Certificate;
use warden_core::plugin::{Answer, Plugin, Plugins, Question, Reads, Setup, StartError, Vouched};
use warden_core::{AuthenticatorId, ClientFacts, Method, ReasonKind, Secret, Timestamp};

use super::PluginRegistry;
use crate::testing::online::Online;
use crate::testing::{NOW, at, credential};
use crate::{Chain, ChainSettings, LoadReport, Outcome, Presented, Services};

/// A host whose plugins answer what is laid ready, and that notes what happens.
#[derive(Default)]
struct Host {
    notes: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<Result<Answer, String>>>,
    reads: Mutex<Reads>,
    refuses: Mutex<Option<StartError>>,
}

impl Host {
    fn note(&self, note: String) {
        self.notes.lock().unwrap().push(note);
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

/// The host as whoever starts plugins.
struct Shared(Arc<Host>);

impl Plugins for Shared {
    fn start(&self, setup: Setup) -> Result<Box<dyn Plugin>, StartError> {
        let file = |(name, content): &(String, Secret<Vec<u8>>)| {
            format!("{name}={}", String::from_utf8_lossy(content.expose()))
        };
        let files: Vec<String> = setup.files.iter().map(file).collect();
        let wasm = String::from_utf8_lossy(&setup.wasm).into_owned();
        self.0.note(format!(
            "start {} {wasm} {:?} {files:?}",
            setup.id.as_str(),
            setup.properties
        ));
        match self.0.refuses.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(Box::new(Guest(Arc::clone(&self.0)))),
        }
    }

    fn retire(&self, plugin: Box<dyn Plugin>) {
        plugin.close();
    }
}

struct Guest(Arc<Host>);

impl Plugin for Guest {
    fn title(&self) -> &str {
        "test"
    }

    fn reads(&self) -> Reads {
        *self.0.reads.lock().unwrap()
    }

    fn authenticate(&mut self, question: &Question<'_>) -> Result<Answer, String> {
        let secret = String::from_utf8_lossy(question.secret).into_owned();
        self.0.note(format!("ask {:?} {secret}", question.user));
        let ready = self.0.answers.lock().unwrap().pop_front();
        ready.unwrap_or(Ok(Answer::NotMine))
    }

    fn close(self: Box<Self>) {
        self.0.note("close".to_owned());
    }
}

/// A directory with one plugin file, the host, and the chain in force.
struct Scene {
    directory: tempfile::TempDir,
    host: Arc<Host>,
    services: Services,
    chain: Option<Arc<Chain>>,
}

const FILE: &str = "type = 'plugin'\ncomponent = 'keys.wasm'\n";

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("keys.wasm"), "v1").unwrap();
        let host = Arc::new(Host::default());
        let registry = PluginRegistry::new(Arc::new(Shared(Arc::clone(&host))));
        Self {
            directory,
            host,
            services: Services::offline().with_plugins(registry),
            chain: None,
        }
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn load(&mut self) -> LoadReport {
        let report = Chain::load(
            self.directory.path(),
            &ChainSettings::default(),
            &self.services,
            self.chain.as_ref(),
        );
        self.chain = Some(Arc::clone(&report.chain));
        report
    }

    /// The one error of a load.
    fn error(&mut self) -> String {
        let mut report = self.load();
        assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
        let error = report.errors.remove(0);
        format!("{}: {}", error.key, error.message)
    }

    fn in_force(file: &str) -> Self {
        let mut scene = Self::new();
        scene.write("keys.toml", file);
        let report = scene.load();
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        scene.host.take_notes();
        scene
    }

    fn answering(&self, answer: Result<Answer, String>) -> Outcome {
        self.host.answers.lock().unwrap().push_back(answer);
        self.ask("token", "key", ClientFacts::default())
    }

    fn ask(&self, user: &str, secret: &str, client: ClientFacts) -> Outcome {
        let presented = Presented {
            credential: credential(user, secret),
            client,
            is_local: false,
        };
        let chain = self.chain.as_ref().unwrap();
        chain.authenticate_alone(&presented, &at(NOW))
    }
}

fn vouched(name: &str) -> Vouched {
    Vouched {
        name: name.to_owned(),
        ..Vouched::default()
    }
}

fn reason(outcome: Outcome) -> (ReasonKind, String) {
    match outcome {
        Outcome::Refused(reason) | Outcome::Unavailable(reason) => {
            (reason.kind(), reason.detail().to_owned())
        }
        Outcome::Verified(_) => panic!("verified"),
        Outcome::NotMine => panic!("not mine"),
    }
}

#[test]
fn whom_a_plugin_vouches_for_is_named_qualified_and_bounded_in_time() {
    let scene = Scene::in_force(FILE);
    let outcome = scene.answering(Ok(Answer::Verified(Vouched {
        name: "Ann Lee".into(),
        groups: vec!["ops".into(), "ops".into()],
        scopes: vec!["read".into()],
        claims: vec![("team".into(), r#"{"id": 7}"#.into())],
        expires: Some(NOW + 60),
    })));
    let Outcome::Verified(principal) = outcome else {
        panic!("{outcome:?}");
    };
    let principal = principal.get();
    assert_eq!(principal.user_name().as_str(), "keys/Ann%20Lee");
    assert_eq!(principal.method, Method::Plugin);
    assert_eq!(principal.groups, ["keys/ops"]);
    assert_eq!(principal.scopes, ["keys/read"]);
    assert_eq!(principal.claims.get("team").unwrap(), json!({ "id": 7 }));
    let end = Timestamp::from_unix_seconds(NOW + 60);
    assert_eq!(principal.expires, Some(end));
    assert_eq!(principal.remembered_for.unwrap().as_secs(), 30);
    assert!(principal.recheck.is_none());
}

#[test]
fn without_an_end_of_its_own_a_session_ends_with_its_lifetime() {
    let scene = Scene::in_force(&format!(
        "{FILE}lifetime_seconds = 100\nrecheck_seconds = 9"
    ));
    for expires in [None, Some(NOW + 5000)] {
        let vouched = Vouched {
            expires,
            ..vouched("ann")
        };
        let Outcome::Verified(principal) = scene.answering(Ok(Answer::Verified(vouched))) else {
            panic!("verified");
        };
        let end = Timestamp::from_unix_seconds(NOW + 100);
        assert_eq!(principal.get().expires, Some(end));
        assert_eq!(principal.get().recheck.unwrap().every.as_secs(), 9);
    }
}

#[test]
fn each_answer_that_is_no_yes_keeps_its_meaning() {
    let scene = Scene::in_force(FILE);
    assert!(matches!(
        scene.answering(Ok(Answer::NotMine)),
        Outcome::NotMine
    ));
    let refused = scene.answering(Ok(Answer::Refused("no such key".into())));
    assert!(matches!(&refused, Outcome::Refused(_)));
    let (kind, detail) = reason(refused);
    assert_eq!(kind, ReasonKind::Credential);
    assert!(detail.ends_with("no such key"), "{detail}");
    let unavailable = scene.answering(Ok(Answer::Unavailable("still reading".into())));
    assert!(matches!(&unavailable, Outcome::Unavailable(_)));
    assert_eq!(reason(unavailable).0, ReasonKind::Unavailable);
}

#[test]
fn a_failure_is_undecided_and_shown_until_an_answer_comes() {
    let scene = Scene::in_force(FILE);
    let health = || {
        let chain = scene.chain.as_ref().unwrap();
        let status = chain.authenticators().next().unwrap();
        (status.health(), status.trouble)
    };
    let failed = scene.answering(Err("authenticate failed: trapped".into()));
    assert!(matches!(&failed, Outcome::Unavailable(_)));
    assert_eq!(
        reason(failed).1,
        "the plugin failed: authenticate failed: trapped"
    );
    assert_eq!(
        health(),
        ("failing", Some("authenticate failed: trapped".into()))
    );
    scene.answering(Ok(Answer::NotMine));
    assert_eq!(health(), ("ok", None));
}

#[test]
fn an_answer_that_is_not_what_the_contract_says_lets_nobody_in() {
    let scene = Scene::in_force(FILE);
    let claims = |claims: &[(&str, &str)]| Vouched {
        claims: claims
            .iter()
            .map(|(name, json)| ((*name).to_owned(), (*json).to_owned()))
            .collect(),
        ..vouched("ann")
    };
    let long = "x".repeat(257);
    let many: Vec<String> = (0..1001).map(|n| format!("g{n}")).collect();
    let cases = [
        (vouched(""), ReasonKind::Name),
        (vouched("a\u{0}b"), ReasonKind::Name),
        (vouched("token"), ReasonKind::Name),
        (vouched(&long), ReasonKind::Name),
        (claims(&[("a", "1"), ("a", "2")]), ReasonKind::Unavailable),
        (claims(&[("sub", "\"root\"")]), ReasonKind::Unavailable),
        (claims(&[("groups", "[]")]), ReasonKind::Unavailable),
        (claims(&[("a", "{")]), ReasonKind::Unavailable),
        (
            claims(&[("a", r#"{"x":1,"x":2}"#)]),
            ReasonKind::Unavailable,
        ),
        (claims(&[("a", "1 2")]), ReasonKind::Unavailable),
        (claims(&[("cnf", "7")]), ReasonKind::Claims),
        (
            Vouched {
                groups: vec!["a\nb".into()],
                ..vouched("ann")
            },
            ReasonKind::Claims,
        ),
        (
            Vouched {
                groups: many,
                ..vouched("ann")
            },
            ReasonKind::Claims,
        ),
        (
            Vouched {
                expires: Some(NOW),
                ..vouched("ann")
            },
            ReasonKind::Expired,
        ),
        (
            Vouched {
                expires: Some(u64::MAX),
                ..vouched("ann")
            },
            ReasonKind::Unavailable,
        ),
    ];
    for (answer, expected) in cases {
        let shown = format!("{answer:?}");
        let (kind, detail) = reason(scene.answering(Ok(Answer::Verified(answer))));
        assert_eq!(kind, expected, "{shown:.200}: {detail}");
    }
}

#[test]
fn what_a_plugin_vouches_for_is_required_and_mapped_as_any_other_claim() {
    let scene = Scene::in_force(&format!(
        "{FILE}[require]\nteam = 'a'\n[claims]\nname = 'login'\n"
    ));
    let of_team = |team: &str| {
        Ok(Answer::Verified(Vouched {
            claims: vec![
                ("team".into(), format!("{team:?}")),
                ("login".into(), r#""ann""#.into()),
            ],
            ..vouched("7")
        }))
    };
    let Outcome::Verified(principal) = scene.answering(of_team("a")) else {
        panic!("verified");
    };
    assert_eq!(principal.get().name.as_str(), "ann");
    assert_eq!(reason(scene.answering(of_team("b"))).0, ReasonKind::Claims);
}

#[test]
fn only_what_is_offered_to_it_reaches_a_plugin() {
    let scene = Scene::in_force(&format!("{FILE}token_prefix = 'key_'"));
    let facts = ClientFacts::default;
    assert!(matches!(
        scene.ask("alice", "hunter2", facts()),
        Outcome::NotMine
    ));
    assert!(matches!(
        scene.ask("token", "hunter2", facts()),
        Outcome::NotMine
    ));
    assert!(matches!(
        scene.ask("certificate", "", facts()),
        Outcome::NotMine
    ));
    assert!(scene.host.take_notes().is_empty());
    scene.ask("alice", "key_abc", facts());
    scene.ask("default", "key_abc", facts());
    assert_eq!(
        scene.host.take_notes(),
        ["ask Some(\"alice\") abc", "ask None abc"]
    );

    let bound = Scene::in_force(&format!("{FILE}users = ['svc-*']"));
    bound.ask("svc-1", "hunter2", facts());
    assert!(matches!(
        bound.ask("alice", "hunter2", facts()),
        Outcome::NotMine
    ));
    assert_eq!(bound.host.take_notes(), ["ask Some(\"svc-1\") hunter2"]);
}

#[test]
fn a_plugin_that_reads_certificates_is_asked_about_clients_without_a_secret() {
    let mut scene = Scene::new();
    scene.host.reads.lock().unwrap().certificate = true;
    scene.write("keys.toml", FILE);
    scene.load();
    scene.host.take_notes();
    let client = ClientFacts {
        tls: true,
        certificate: Some(Certificate::default()),
        ..ClientFacts::default()
    };
    scene.ask("certificate", "", client);
    assert_eq!(scene.host.take_notes(), ["ask Some(\"certificate\") "]);
}

#[test]
fn whoever_shows_neither_secret_nor_certificate_is_put_before_no_plugin() {
    let mut scene = Scene::new();
    scene.host.reads.lock().unwrap().certificate = true;
    scene.write("keys.toml", FILE);
    scene.load();
    scene.host.take_notes();
    let client = |tls, certificate| ClientFacts {
        tls,
        certificate,
        ..ClientFacts::default()
    };
    for (user, client) in [
        ("alice", client(false, None)),
        ("certificate", client(true, None)),
        // Not verified by the server.
        ("alice", client(false, Some(Certificate::default()))),
    ] {
        assert!(matches!(scene.ask(user, "", client), Outcome::NotMine));
    }
    assert!(scene.host.take_notes().is_empty());
}

#[test]
fn what_any_plugin_reads_is_part_of_what_an_outcome_is_remembered_under() {
    let mut scene = Scene::new();
    scene.host.reads.lock().unwrap().address = true;
    scene.write("keys.toml", FILE);
    scene.load();
    let chain = scene.chain.unwrap();
    let address_only = Reads {
        address: true,
        ..Reads::default()
    };
    assert_eq!(chain.reads(b"secret"), address_only);
    assert!(chain.reads(b"").certificate);
    assert_eq!(Chain::empty().reads(b"secret"), Reads::default());
}

#[test]
fn a_plugin_is_started_once_until_something_it_sees_changes() {
    let mut scene = Scene::new();
    let properties = "[properties]\nrealm = 'eu'\nlist = [1, 2.5, 2027-01-01]\n[property_files]\nkeys = 'secret.txt'\n";
    scene.write("secret.txt", "s1");
    scene.write("keys.toml", &format!("{FILE}{properties}"));
    scene.load();
    assert_eq!(
        scene.host.take_notes(),
        [r#"start keys v1 [("list", "[1,2.5,\"2027-01-01\"]"), ("realm", "\"eu\"")] ["keys=s1"]"#]
    );
    scene.load();
    scene.write(
        "keys.toml",
        &format!("{FILE}cache_seconds = 1\n{properties}"),
    );
    assert!(scene.load().changed);
    assert!(scene.host.take_notes().is_empty());
    for (name, content) in [("secret.txt", "s2"), ("keys.wasm", "v2")] {
        scene.write(name, content);
        assert!(scene.load().changed, "{name}");
        let notes = scene.host.take_notes();
        assert!(notes[0].starts_with("start keys"), "{notes:?}");
        assert_eq!(notes[1], "close", "{notes:?}");
    }
    fs::remove_file(scene.directory.path().join("keys.toml")).unwrap();
    scene.load();
    assert_eq!(scene.host.take_notes(), ["close"]);
}

#[test]
fn another_file_that_takes_its_id_leaves_a_plugin_alone() {
    let mut scene = Scene::in_force(FILE);
    let other = format!("{FILE}id = 'keys'\n[properties]\nrealm = 'eu'\n");
    scene.write("others.toml", &other);
    assert!(scene.error().contains("is taken by"));
    scene.host.take_notes();
    scene.error();
    let notes = scene.host.take_notes();
    assert!(
        notes.iter().all(|note| !note.ends_with("[] []")),
        "{notes:?}"
    );
}

#[test]
fn a_plugin_that_cannot_be_started_leaves_the_last_good_one_at_work() {
    let mut scene = Scene::in_force(FILE);
    for error in [
        StartError::Faulty("refuses its properties: realm".into()),
        StartError::Starting,
    ] {
        *scene.host.refuses.lock().unwrap() = Some(error.clone());
        scene.write("keys.wasm", &format!("{error:?}"));
        let told = scene.load().errors.remove(0);
        assert_eq!(
            (told.key.as_str(), told.message),
            ("component", error.to_string())
        );
        assert_eq!(told.passes, error == StartError::Starting);
        scene.host.take_notes();
        scene.answering(Ok(Answer::NotMine));
        assert_eq!(scene.host.take_notes().len(), 1, "the old one answers");
    }
}

#[test]
fn every_fault_of_a_file_is_told_and_nothing_is_started() {
    let mut scene = Scene::new();
    let cases = [
        ("", "component: is missing"),
        ("component = 'none.wasm'", "component: \""),
        (
            "component = 'keys.wasm'\nlifetime_seconds = 0",
            "lifetime_seconds: must be",
        ),
        ("component = 'keys.wasm'\nurl = 'x'", "url: "),
        (
            "component = 'keys.wasm'\n[properties]\nx = inf",
            "properties.x: ",
        ),
        (
            "component = 'keys.wasm'\n[property_files]\nk = 7",
            "property_files.k: must be the path",
        ),
        (
            "component = 'keys.wasm'\n[property_files]\nk = 'none'",
            "property_files.k: \"",
        ),
        (
            "component = 'keys.wasm'\n[property_files]\nk = 'open.txt'",
            "can be read by every user",
        ),
    ];
    scene.write("open.txt", "s");
    let open = scene.directory.path().join("open.txt");
    fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
    for (lines, expected) in cases {
        scene.write("keys.toml", &format!("type = 'plugin'\n{lines}"));
        let error = scene.error();
        assert!(error.contains(expected), "{error}");
    }
    let many: String = (0..17).map(|n| format!("k{n} = 'x'\n")).collect();
    scene.write("keys.toml", &format!("{FILE}[property_files]\n{many}"));
    assert_eq!(scene.error(), "property_files: names more than 16 files");
    assert!(scene.host.take_notes().is_empty());
}

#[test]
fn where_nobody_runs_plugins_the_file_is_in_error() {
    let mut scene = Scene::new();
    scene.services = Services::offline();
    scene.write("keys.toml", FILE);
    assert_eq!(scene.error(), "type: plugins cannot be run here");
}

#[test]
fn who_has_waited_too_long_for_a_turn_is_not_asked_about() {
    let (host, online) = (Arc::new(Host::default()), Online::new());
    let registry = PluginRegistry::new(Arc::new(Shared(Arc::clone(&host))));
    let setup = Setup {
        id: AuthenticatorId::new("keys").unwrap(),
        wasm: Arc::from(&b""[..]),
        properties: Vec::new(),
        files: Vec::new(),
        content: Vec::new(),
    };
    let running = registry.obtain(setup).unwrap();
    host.take_notes();
    let client = ClientFacts::default();
    let question = Question {
        user: None,
        secret: b"key",
        client: &client,
    };
    let clock = online.clock.as_ref();
    for (passes, is_asked) in [(9, true), (10, false)] {
        let turn = running.occupy();
        let mut waiting = std::pin::pin!(running.authenticate(&question, clock));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        online.pass(Duration::from_secs(passes));
        drop(turn);
        let answer = online.wait(waiting);
        assert_eq!(answer.is_ok(), is_asked, "{answer:?}");
        assert_eq!(host.take_notes().len(), usize::from(is_asked));
        if let Err(reason) = answer {
            assert_eq!(reason.kind(), ReasonKind::Busy);
        }
    }
}
