//! Policies need not be in Rust: one in JavaScript, in two engines, and one in Python
//! decide as their tables say, follow their data on live servers, and are held to
//! their tests. All are megabytes that take a minute to compile, so they are built and
//! run by `make test-full`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warden_tests::patience::{unix_now, within};
use warden_tests::{Claims, Line, Scene, eventually, parts};

/// A policy under `sdk/`, and what was built of it.
struct Example {
    /// Its directory under `sdk/`.
    room: &'static str,
    /// Its name, and that of its files.
    name: &'static str,
    /// Its component.
    component: &'static str,
    /// The ending of its data file.
    ending: &'static str,
}

const JAVASCRIPT: Example = Example {
    room: "javascript",
    name: "oncall",
    component: "oncall",
    ending: "json",
};
const QUICKJS: Example = Example {
    component: "oncall-quickjs",
    ..JAVASCRIPT
};
const PYTHON: Example = Example {
    room: "python",
    name: "catalogue",
    component: "catalogue",
    ending: "csv",
};

impl Example {
    fn directory(&self) -> PathBuf {
        parts::workspace()
            .join("sdk")
            .join(self.room)
            .join(self.name)
    }

    /// The file with this ending, and its content.
    fn file(&self, ending: &str) -> (String, Vec<u8>) {
        let name = format!("{}.{ending}", self.name);
        let content = fs::read(self.directory().join(&name)).expect("a file of the example");
        (name, content)
    }

    /// The example as a policy directory.
    fn bundle(&self) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = |(name, content): (String, Vec<u8>)| {
            fs::write(directory.path().join(name), content).expect("it is writable");
        };
        place((
            format!("{}.wasm", self.name),
            parts::example(self.component),
        ));
        place(self.file(self.ending));
        place(self.file("tests.toml"));
        directory
    }

    /// Has it compiled and kept where the servers of the tests look, once: a server does so
    /// with the least priority.
    fn compile(&self) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let inspected = policy("inspect", self.bundle().path(), &[], "");
        assert!(inspected.status.success(), "{inspected:?}");
    }

    /// A server with this policy and no other, with this data.
    fn scene(&self, line: Line, data: &str) -> Scene {
        self.compile();
        let component = parts::example(self.component);
        Scene::of_policy(line, self.name, component, &[(self.ending, data)])
    }
}

/// Runs a verb of `warden policy` on a directory.
fn policy(verb: &str, directory: &Path, more: &[&str], input: &str) -> Output {
    let mut child = Command::new(parts::cli())
        .args(["policy", verb, "--dir"])
        .arg(directory)
        .arg("--state-dir")
        .arg(parts::shared_state())
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command line runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What the policy answers about a principal at a time, as one block of the table.
fn told(directory: &Path, user: &str, groups: &[&str], now: &str) -> String {
    let principal = json!({ "user": user, "groups": groups }).to_string();
    let more = ["--json", "--principal", "-", "--now", now];
    let output = policy("eval", directory, &more, &principal);
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    let opinion = &answer["policies"][0];
    let mut block = format!(
        "{user} of {} at {now}: {}\n",
        if groups.is_empty() {
            "no group".into()
        } else {
            groups.join(" ")
        },
        answer["outcome"].as_str().expect("an outcome")
    );
    for grant in opinion["grants"].as_array().expect("grants") {
        block += &format!("  grant {}\n", grant.as_str().expect("rules"));
    }
    if let Some(seconds) = opinion["valid_seconds"].as_u64() {
        block += &format!("  valid for {seconds} s\n");
    }
    for (name, value) in opinion["labels"].as_object().expect("labels") {
        block += &format!("  label {name}: {}\n", value.as_str().expect("a text"));
    }
    assert!(opinion["failure"].is_null(), "{answer}");
    block
}

fn decides_as_its_table_says(example: &Example, asked: &[(&str, &[&str], &str)]) {
    example.compile();
    let bundle = example.bundle();
    let table: Vec<String> = asked
        .iter()
        .map(|(user, groups, now)| told(bundle.path(), user, groups, now))
        .collect();
    let table = table.concat();
    let path = example.directory().join("verdicts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &table).expect("the table is writable");
    }
    let committed = fs::read_to_string(&path).expect("the table is committed");
    assert_eq!(
        table, committed,
        "read the difference, then run with UPDATE_GOLDEN=1"
    );
    let tested = policy("test", bundle.path(), &[], "");
    let text = String::from_utf8_lossy(&tested.stdout);
    assert!(
        tested.status.success() && text.contains("5 tests: 5 passed"),
        "{text}"
    );
}

const ROTA: [(&str, &[&str], &str); 8] = [
    ("corp/alice", &[], "2026-11-30T07:59:59Z"),
    ("corp/alice", &[], "2026-11-30T08:00:00Z"),
    ("corp/alice", &[], "2026-12-07T08:00:00Z"),
    ("corp/bob", &[], "2026-12-01T00:00:00Z"),
    ("corp/bob", &[], "2026-12-07T07:00:00Z"),
    ("corp/carol", &["corp/leads"], "2026-12-01T00:00:00Z"),
    ("corp/carol", &["corp/readers"], "2026-12-01T00:00:00Z"),
    ("other/alice", &["other/leads"], "2026-12-01T00:00:00Z"),
];

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_javascript_decides_as_its_table_says() {
    decides_as_its_table_says(&JAVASCRIPT, &ROTA);
}

#[test]
#[ignore = "compiles for a minute"]
fn the_same_policy_decides_the_same_in_quickjs() {
    decides_as_its_table_says(&QUICKJS, &ROTA);
}

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_python_decides_as_its_table_says() {
    let now = "2026-12-01T00:00:00Z";
    let asked: [(&str, &[&str], &str); 6] = [
        ("corp/ann", &["corp/shop"], now),
        ("corp/fred", &["corp/finance"], now),
        ("corp/sue", &["corp/support"], now),
        ("corp/both", &["corp/finance", "corp/shop"], now),
        ("corp/mallory", &["corp/shops"], now),
        ("other/ann", &["other/shop"], now),
    ];
    decides_as_its_table_says(&PYTHON, &asked);
}

/// A rota with one shift of this member, from an hour ago until an hour ahead.
fn rota(member: &str) -> String {
    let time = |seconds: u64| {
        let seconds = i64::try_from(seconds).expect("a time");
        let moment = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        moment.format(&Rfc3339).expect("a time")
    };
    let (from, until) = (time(unix_now() - 3600), time(unix_now() + 3600));
    let shift = json!({ "name": "now", "from": from, "until": until, "members": [member] });
    json!({ "rules": ["+get", "~orders:*"], "shifts": [shift] }).to_string()
}

#[track_caller]
fn wait_for_error(scene: &Scene, words: &str) {
    eventually(&format!("an error says {words:?}"), || {
        let errors = scene.policies_state().field("errors").texts();
        errors
            .iter()
            .any(|error| error.contains(words))
            .then_some(())
    });
}

/// What is wrong changes nothing for somebody who may read `orders:1` and not write it.
fn what_is_wrong_changes_nothing(
    scene: &Scene,
    file: &str,
    mistakes: &[(&str, &str)],
    claims: &Claims,
) {
    let before = scene.generation();
    for (data, words) in mistakes {
        scene.policies.replace(file, data);
        wait_for_error(scene, words);
    }
    assert_eq!(scene.generation(), before);
    assert!(scene.log_in_with(claims).run("GET orders:1").is_nil());
}

fn a_policy_in_javascript_follows_its_data(example: &Example, line: Line) {
    let scene = example.scene(line, &rota("user:corp/alice"));
    let mut alice = scene.log_in("alice");
    assert!(alice.run("GET orders:1").is_nil());
    alice.run("SET orders:1 x").expect_error("NOPERM");
    alice.run("GET salaries:1").expect_error("NOPERM");
    scene.attempt(&Claims::of("bob")).expect_error("WRONGPASS");

    // Live sessions follow the data: she stays, and he gets in.
    let hers = rota("user:corp/alice").replace("+get", "+set");
    scene.next_generation(|| scene.policies.replace("oncall.json", &hers));
    eventually("she may write instead", || {
        alice.run("SET orders:1 x").is_ok().then_some(())
    });
    scene.next_generation(|| {
        scene
            .policies
            .replace("oncall.json", rota("group:corp/leads"))
    });
    eventually("she is not on call any more", || {
        (!alice.is_open()).then_some(())
    });
    let lead = Claims::of("bob").groups(&["leads"]);
    assert!(!scene.log_in_with(&lead).run("GET orders:1").is_nil());

    let without_offset = rota("group:corp/leads").replace("Z\"", "\"");
    let bare = rota("group:leads");
    let odd_rule = rota("group:corp/leads").replace("+get", "nopass");
    let mistakes = [
        ("{", "oncall.json"),
        (
            r#"{"rules": ["+get"], "shift": []}"#,
            r#"unknown key "shift""#,
        ),
        (without_offset.as_str(), "write a time with its offset"),
        (bare.as_str(), r#""group:leads" is neither"#),
        (odd_rule.as_str(), r#"rules: "nopass" is no permission"#),
    ];
    scene.server.admin().run("DEL orders:1");
    what_is_wrong_changes_nothing(&scene, "oncall.json", &mistakes, &lead);

    // Its tests hold it to what they say.
    scene
        .policies
        .replace("oncall.json", rota("user:corp/alice"));
    let tests = "[[tests]]\nname = 'bob'\nprincipal = 'corp/bob'\ncan = ['+get ~orders:1']\n";
    scene.policies.replace("oncall.tests.toml", tests);
    wait_for_error(&scene, "corp/bob should log in and is refused");
}

fn a_policy_in_python_follows_its_data(line: Line) {
    const DATA: &str = "dataset,owner,readers\norders,corp/shop,corp/finance\n";
    let scene = PYTHON.scene(line, DATA);
    let mut ann = scene.log_in_with(&Claims::of("ann").groups(&["shop"]));
    let finance = Claims::of("fred").groups(&["finance"]);
    let mut fred = scene.log_in_with(&finance);
    ann.run("SET orders:1 x").expect_ok();
    fred.run("GET orders:1").expect_text("x");
    fred.run("SET orders:1 y").expect_error("NOPERM");
    scene
        .attempt(&Claims::of("mallory"))
        .expect_error("WRONGPASS");

    let handed_over = "dataset,owner,readers\norders,corp/finance,\n";
    scene.next_generation(|| scene.policies.replace("catalogue.csv", handed_over));
    eventually("he owns it", || {
        fred.run("SET orders:1 y").is_ok().then_some(())
    });
    eventually("she lost it", || (!ann.is_open()).then_some(()));

    fred.run("DEL orders:1");
    let mistakes = [
        (
            "dataset,owner\norders,corp/finance\n",
            "the first line must be",
        ),
        (
            "dataset,owner,readers\norders,finance,\n",
            "line 2: 'finance' is no group",
        ),
        (
            "dataset,owner,readers\norders,corp/finance,\norders:eu,corp/shop,\n",
            "line 3: 'orders:eu' is no name",
        ),
        ("dataset,owner,readers\n", "it names no dataset"),
    ];
    what_is_wrong_changes_nothing(&scene, "catalogue.csv", &mistakes, &finance);

    scene.policies.replace("catalogue.csv", handed_over);
    let tests = "[[tests]]\nname = 'a'\nprincipal = 'corp/a'\ngroups = ['corp/finance']\ncannot = ['+set ~orders:1']\n";
    scene.policies.replace("catalogue.tests.toml", tests);
    wait_for_error(&scene, "and may call set");
}

/// Waits until decisions start from a snapshot, which takes two more compilations.
#[track_caller]
fn await_snapshot(scene: &Scene) {
    let taken = within(Duration::from_secs(900), || {
        let policies = scene.policies_state().field("policies").items();
        let state = policies[0].field("snapshot").text();
        assert!(!state.starts_with("impossible"), "{state}");
        (state == "taken").then_some(())
    });
    assert!(taken.is_some(), "{}", scene.policies_state());
}

#[test]
#[ignore = "compiles for minutes"]
fn a_policy_in_javascript_decides_the_same_from_a_snapshot() {
    // The same data each time, so that a snapshot of an earlier run is found.
    let rota = rota("user:corp/alice");
    let mut data: Value = serde_json::from_str(&rota).expect("JSON");
    data["shifts"][0]["from"] = "2001-01-01T00:00:00Z".into();
    data["shifts"][0]["until"] = "2999-01-01T00:00:00Z".into();
    let scene = JAVASCRIPT.scene(Line::V9_1, &data.to_string());
    await_snapshot(&scene);
    let mut alice = scene.log_in("alice");
    assert!(alice.run("GET orders:1").is_nil());
    alice.run("SET orders:1 x").expect_error("NOPERM");
    scene.attempt(&Claims::of("bob")).expect_error("WRONGPASS");
}

#[test]
#[ignore = "compiles for minutes"]
fn a_policy_in_python_decides_the_same_from_a_snapshot() {
    let data = "dataset,owner,readers\norders,corp/shop,corp/finance\n";
    let scene = PYTHON.scene(Line::V9_1, data);
    await_snapshot(&scene);
    let mut ann = scene.log_in_with(&Claims::of("ann").groups(&["shop"]));
    let mut fred = scene.log_in_with(&Claims::of("fred").groups(&["finance"]));
    ann.run("SET orders:1 x").expect_ok();
    fred.run("GET orders:1").expect_text("x");
    fred.run("SET orders:1 y").expect_error("NOPERM");
    scene
        .attempt(&Claims::of("mallory"))
        .expect_error("WRONGPASS");
}

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_javascript_follows_its_data_on_8_0() {
    a_policy_in_javascript_follows_its_data(&JAVASCRIPT, Line::V8_0);
}

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_javascript_follows_its_data_on_9_1() {
    a_policy_in_javascript_follows_its_data(&JAVASCRIPT, Line::V9_1);
}

#[test]
#[ignore = "compiles for seconds"]
fn a_policy_in_quickjs_follows_its_data_on_9_1() {
    a_policy_in_javascript_follows_its_data(&QUICKJS, Line::V9_1);
}

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_python_follows_its_data_on_8_0() {
    a_policy_in_python_follows_its_data(Line::V8_0);
}

#[test]
#[ignore = "compiles for a minute"]
fn a_policy_in_python_follows_its_data_on_9_1() {
    a_policy_in_python_follows_its_data(Line::V9_1);
}
