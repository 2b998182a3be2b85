//! `warden policy diff` and `warden policy eval --record`, run as their users run them.
//!
//! In: the built command line, the built standard policies and a temporary directory.
//! Out: what it printed and its exit status, compared with what was promised.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test"
)]

mod place;
mod run;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use place::policies;
use run::{Run, warden};

const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/analysts", "user:corp/alice"]
rules = ["+@read", "~reports:*"]

[roles.editor]
members = ["group:corp/editors"]
rules = ["+@write", "~drafts:*"]
"#;

const ALICE: &str = r#"{"user": "corp/alice"}"#;
const ANN: &str = r#"{"user": "corp/ann", "groups": ["corp/analysts"]}"#;
const ED: &str = r#"{"user": "corp/ed", "groups": ["corp/editors"]}"#;
const EVE: &str = r#"{"user": "corp/eve", "groups": ["corp/interns"]}"#;
const MALLORY: &str = r#"{"user": "corp/mallory"}"#;

/// Policy directories and files of requests.
struct Scene(TempDir);

impl Scene {
    /// `before` with [`ROLES`], and `after` with what becomes of them.
    fn with(after: impl FnOnce(&str) -> String) -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        scene.put("before", ROLES);
        scene.put("after", &after(ROLES));
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, roles: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        self.add(name, "rbac");
        fs::write(self.path(name).join("rbac.toml"), roles).unwrap();
    }

    /// A standard policy.
    fn add(&self, directory: &str, name: &str) {
        let file = format!("{name}.wasm");
        fs::copy(policies().join(&file), self.path(directory).join(&file)).unwrap();
    }

    /// Bounds the keys by the claim `/tenant`, too.
    fn bound(&self, directory: &str) {
        self.add(directory, "tenant");
        let data = "claim = \"/tenant\"\nkeys = [\"~reports:{tenant}:*\"]\nchannels = []\n";
        fs::write(self.path(directory).join("tenant.toml"), data).unwrap();
    }

    fn warden(&self, words: &[&str], input: &str) -> Run {
        // What one run compiles serves all others: what is tested is the same.
        let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/policy-diff");
        warden(
            &[&["policy"], words, &["--state-dir", state]].concat(),
            input,
        )
    }

    fn diff(&self, requests: &[&str], more: &[&str]) -> Run {
        let (before, after) = (self.text("before"), self.text("after"));
        let words = ["diff", &before, &after, "--requests", "-"];
        self.warden(&[&words, more].concat(), &requests.join("\n"))
    }

    /// Evaluates under `before` and records.
    fn record(&self, document: &str, more: &[&str]) -> Run {
        let (before, file) = (self.text("before"), self.text("requests"));
        let words = [
            "eval",
            "--dir",
            &before,
            "--principal",
            "-",
            "--record",
            &file,
        ];
        self.warden(&[&words, more].concat(), document)
    }

    fn recorded(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("requests")).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Alice is out, readers may write, editors no longer delete, interns read.
fn other(roles: &str) -> String {
    roles
        .replace(", \"user:corp/alice\"", "")
        .replace("\"+@read\"", "\"+@read\", \"+set\"")
        .replace("\"+@write\"", "\"+@write\", \"-del\"")
        + "\n[roles.intern]\nmembers = [\"group:corp/interns\"]\nrules = [\"+get\", \"~reports:*\"]\n"
}

#[test]
fn diff_tells_who_would_be_refused_lose_gain_and_come_in() {
    let scene = Scene::with(other);
    let run = scene.diff(&[EVE, ANN, ALICE, ED, MALLORY, ANN], &["--json"]);
    let told = run.expect(1).json();
    let changes = told["changes"].as_array().unwrap();
    let brief: Vec<Value> = changes
        .iter()
        .map(|change| json!([change["user"], change["outcome"], change["lines"]]))
        .collect();
    assert_eq!(
        brief,
        [
            json!(["corp/alice", "refused", [3]]),
            json!(["corp/ed", "loses", [4]]),
            json!(["corp/ann", "gains", [2, 6]]),
            json!(["corp/eve", "admitted", [1]]),
        ]
    );
    let [alice, ed, ann, eve] = &changes[..] else {
        panic!("{told:#}");
    };
    assert_eq!(alice["reason"], "no policy grants anything");
    assert!(alice["after"].is_null() && alice["gains"] == json!([]));
    assert_eq!(ed["loses"], json!(["+del ~drafts:*"]));
    assert_eq!(
        (&ann["gains"], &ann["loses"]),
        (&json!(["+set ~reports:*"]), &json!([]))
    );
    let gains = eve["gains"].as_array().unwrap();
    assert!(gains.contains(&json!("+get ~reports:*")), "{gains:?}");
    assert!(eve["before"].is_null() && eve["after"].as_str().unwrap().contains("+get"));
    for (field, number) in [
        ("requests", 6),
        ("unchanged", 1),
        ("refused", 1),
        ("losing", 1),
        ("gaining", 2),
        ("admitted", 1),
    ] {
        assert_eq!(told[field], number, "{field}");
    }
    assert_eq!(told["warnings"], json!([]));

    // What one gains, the other loses on the way back.
    let (before, after) = (scene.text("before"), scene.text("after"));
    let back = ["diff", &after, &before, "--requests", "-", "--json"];
    let back = scene.warden(&back, ANN).expect(1).json();
    assert_eq!(back["changes"][0]["loses"], ann["gains"]);
    assert_eq!(back["changes"][0]["gains"], ann["loses"]);
}

#[test]
fn diff_answers_as_diff_does() {
    let scene = Scene::with(str::to_owned);
    let same = scene.diff(&[ANN, ED, MALLORY], &[]).expect(0);
    assert_eq!(
        same.out,
        "3 requests: 0 refused, 0 losing, 0 gaining, 0 admitted, 3 unchanged\n"
    );
    scene.put("after", &other(ROLES));
    let text = scene.diff(&[ALICE, ED, ANN], &[]).expect(1).out;
    for line in [
        "refused   corp/alice  line 1",
        "  no policy grants anything",
        "loses     corp/ed  line 2",
        "- +del ~drafts:*",
        "gains     corp/ann  line 3",
        "+ +set ~reports:*",
        "3 requests: 1 refused, 1 losing, 1 gaining, 0 admitted, 0 unchanged",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line:?} in\n{text}"
        );
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    // Other words for the same rights are no change.
    let words = ROLES.replace("\"+@read\"", "\"+get\", \"+@read\"");
    scene.put("after", &words);
    scene.diff(&[ALICE, ANN], &[]).expect(0);
}

#[test]
fn what_cannot_be_compared_is_neither_yes_nor_no() {
    let scene = Scene::with(|roles| roles.replace("[roles.editor]", "[roles.editor"));
    let run = scene.diff(&[ANN], &[]).expect(2);
    assert!(
        run.out.is_empty() && run.err.contains("after: \"rbac.wasm\""),
        "{}",
        run.err
    );
    let json = scene.diff(&[ANN], &["--json"]).expect(2).json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 1);
    scene.put("after", ROLES);
    for (requests, words) in [
        (
            "{\"user\": \"corp/ann\"}\n\n{\"user\": 1}",
            "line 3: user: ",
        ),
        ("nonsense", "line 1: is not JSON"),
        (
            "{\"user\": \"corp/a\", \"token\": \"x\"}",
            "line 1: token: unknown",
        ),
        ("\n", "holds no request"),
    ] {
        let run = scene.diff(&[requests], &[]).expect(2);
        assert!(run.err.contains(words) && run.out.is_empty(), "{}", run.err);
    }
    let (before, none) = (scene.text("before"), scene.text("none"));
    let words = ["diff", &before, &none, "--requests", "-"];
    scene.warden(&words, ANN).expect(2);
    let words = ["diff", &before, &before, "--requests", &none];
    scene.warden(&words, "").expect(2);
    let words = ["diff", &before, &before];
    scene.warden(&words, "").expect(2);
}

#[test]
fn diff_sees_ceiling_and_release() {
    let scene = Scene::with(|roles| roles.replace("\"+@write\"", "\"+@write\", \"+flushall\""));
    scene.put(
        "before",
        &ROLES.replace("\"+@write\"", "\"+@write\", \"-flushall\""),
    );
    let gains = |more: &[&str]| {
        let run = scene.diff(&[ED], &[&["--json"], more].concat());
        run.json()["changes"][0]["gains"].clone()
    };
    assert_eq!(gains(&[]), json!(["+flushall"]));
    assert_eq!(gains(&["--server", "8.0"]), json!(["+flushall"]));
    scene.diff(&[ED], &["--ceiling", "-@dangerous"]).expect(0);
}

#[test]
fn eval_records_what_policies_read_and_diff_takes_it() {
    let scene = Scene::with(str::to_owned);
    for directory in ["before", "after"] {
        scene.bound(directory);
    }
    let document = json!({
        "user": "corp/ann", "groups": ["corp/analysts"],
        "claims": {"tenant": "red", "iban": "AT61", "email": "ann@example.com"},
    });
    scene
        .record(
            &document.to_string(),
            &["--address", "192.0.2.7", "--now", "2026-11-24T09:00:00Z"],
        )
        .expect(0);
    scene.record(ED, &[]).expect(1);
    let [ann, ed] = &scene.recorded()[..] else {
        panic!("two requests");
    };
    assert_eq!(
        *ann,
        json!({
            "user": "corp/ann", "groups": ["corp/analysts"], "scopes": [], "method": "jwt",
            "sole_authenticator": true, "claims": {"tenant": "red"}, "now": "2026-11-24T09:00:00Z",
            "reads": ["/tenant"],
        })
    );
    assert_eq!(
        (&ed["user"], &ed["claims"]),
        (&json!("corp/ed"), &json!({}))
    );
    let mode = fs::metadata(scene.path("requests"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let (before, after, file) = (
        scene.text("before"),
        scene.text("after"),
        scene.text("requests"),
    );
    let words = ["diff", &before, &after, "--requests", &file, "--json"];
    scene.warden(&words, "").expect(0);
    fs::remove_file(scene.path("after/tenant.wasm")).unwrap();
    let told = scene.warden(&words, "").expect(1).json();
    assert_eq!(told["changes"][0]["user"], "corp/ann");
    assert_eq!(told["changes"][0]["gains"], json!(["+@read ~reports:*"]));
}

#[test]
fn nothing_is_recorded_where_others_can_read_it_or_a_link_leads() {
    let scene = Scene::with(str::to_owned);
    let requests = scene.path("requests");
    fs::write(&requests, "").unwrap();
    fs::set_permissions(&requests, fs::Permissions::from_mode(0o644)).unwrap();
    let run = scene.record(ANN, &[]);
    assert!(run.err.contains("make it 0600"), "{}", run.err);
    fs::rename(&requests, scene.path("victim")).unwrap();
    std::os::unix::fs::symlink(scene.path("victim"), &requests).unwrap();
    let run = scene.record(ANN, &[]);
    assert!(
        run.status != 0 && run.err.contains("requests"),
        "{}",
        run.err
    );
    assert_eq!(fs::read(scene.path("victim")).unwrap(), b"");
}

#[test]
fn who_is_nobody_to_policies_is_not_recorded() {
    let scene = Scene::with(str::to_owned);
    let late = r#"{"user": "corp/ann", "expires": 1}"#;
    let run = scene.record(late, &[]).expect(1);
    assert!(run.err.contains("nothing is recorded"), "{}", run.err);
    assert!(!scene.path("requests").exists());
    // Nor is one whom a directory in error could not be asked about.
    fs::write(scene.path("before/rbac.toml"), "[roles").unwrap();
    scene.record(ANN, &[]).expect(1);
    assert!(!scene.path("requests").exists());
}

#[test]
fn a_token_leaves_nothing_in_what_is_recorded_but_what_policies_read() {
    let scene = Scene::with(str::to_owned);
    scene.bound("before");
    let (keys, authenticators) = (scene.text("keys"), scene.text("authenticators"));
    let mint = "token mint --issuer https://idp.example.com --audience valkey --subject ann \
                --group analysts --claim tenant=red --claim iban=AT611904300234573201 --key-dir";
    let words: Vec<&str> = mint.split(' ').chain([keys.as_str()]).collect();
    let token = warden(&words, "").expect(0).out;
    fs::create_dir(&authenticators).unwrap();
    let file = format!(
        "type = \"jwt\"\nissuer = \"https://idp.example.com\"\naudience = [\"valkey\"]\n\
         jwks_file = \"{keys}/jwks.json\"\n"
    );
    fs::write(scene.path("authenticators/corp.toml"), file).unwrap();
    let (before, requests) = (scene.text("before"), scene.text("requests"));
    let eval = ["eval", "--dir", &before, "--record", &requests];
    let by = ["--token", "-", "--authenticators", &authenticators];
    scene.warden(&[&eval[..], &by].concat(), &token).expect(0);
    let text = fs::read_to_string(&requests).unwrap();
    let [ann] = &scene.recorded()[..] else {
        panic!("one request: {text}");
    };
    assert_eq!(ann["user"], "corp/ann");
    assert_eq!(ann["claims"], json!({ "tenant": "red" }));
    // No part of the token, and no claim that nobody reads.
    for part in token.trim().split('.').chain(["AT61", "idp.example.com"]) {
        let pieces = part.as_bytes().chunks(12);
        for piece in pieces.filter(|piece| piece.len() == 12 || part.len() < 12) {
            let piece = str::from_utf8(piece).unwrap();
            assert!(!text.contains(piece), "{piece:?} in {text}");
        }
    }
    // Who is refused is recorded nowhere.
    let (head, _) = token.trim().rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(342));
    scene.warden(&[&eval[..], &by].concat(), &forged).expect(1);
    assert_eq!(fs::read_to_string(&requests).unwrap(), text);
}

#[test]
fn what_both_directories_read_and_requests_were_recorded_without_is_no_sure_answer() {
    let scene = Scene::with(str::to_owned);
    let bo = r#"{"user": "corp/bo", "groups": ["corp/analysts"], "claims": {"tenant": "red"}}"#;
    scene.record(bo, &[]).expect(0);
    let (before, after, file) = (
        scene.text("before"),
        scene.text("after"),
        scene.text("requests"),
    );
    let words = ["diff", &before, &after, "--requests", &file, "--json"];
    scene.warden(&words, "").expect(0);
    scene.bound("before");
    scene.bound("after");
    let run = scene.warden(&words, "").expect(2);
    assert!(
        run.err.contains("do not say all that is read"),
        "{}",
        run.err
    );
    let told = run.json();
    assert_eq!(
        (&told["unchanged"], &told["changes"]),
        (&json!(1), &json!([]))
    );
    let warnings = &told["warnings"];
    assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
    let words_of_it = "1 request without the claim /tenant, which both directories read";
    assert!(
        warnings[0].as_str().unwrap().starts_with(words_of_it),
        "{warnings}"
    );
    let text = scene.warden(&words[..5], "").expect(2).out;
    assert!(text.contains(&format!("warning  {words_of_it}")), "{text}");
    // What was recorded without it does not know it the next time either.
    let recorded = fs::read_to_string(&file).unwrap();
    scene.record(recorded.trim(), &[]).expect(1);
    assert_eq!(scene.recorded()[1]["reads"], json!([]));
    // One recorded with it may lack the claim: then nobody has it. So may one by hand that
    // says so.
    fs::remove_file(&file).unwrap();
    scene.record(ED, &[]).expect(1);
    scene.record(bo, &[]).expect(0);
    assert_eq!(scene.recorded()[0]["reads"], json!(["/tenant"]));
    scene.warden(&words, "").expect(0);
    scene.diff(&[ANN], &[]).expect(2);
    let by_hand = r#"{"user": "corp/ann", "groups": ["corp/analysts"], "reads": ["/tenant"]}"#;
    scene.diff(&[by_hand, bo], &[]).expect(0);
}

#[test]
fn many_requests_are_answered_as_few_are() {
    let scene = Scene::with(other);
    // So many that policies are asked from their snapshots, and then all once more.
    let others = (0..100).map(|number| ANN.replace("ann", &format!("ann{number}")));
    let others: Vec<String> = others.collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let few = [ALICE, ED, ANN, EVE];
    let many = [&few[..], &others, &few, &others].concat();
    let told = scene.diff(&many, &["--json"]).expect(1).json();
    let alone = scene.diff(&few, &["--json"]).expect(1).json();
    let of = |told: &Value, user: &str| {
        let changes = told["changes"].as_array().unwrap().iter();
        let mut of_user = changes.filter(|change| change["user"] == *user).cloned();
        let mut change = of_user.next().unwrap();
        assert_eq!(of_user.next(), None);
        let lines = change.as_object_mut().unwrap().remove("lines").unwrap();
        (change, lines)
    };
    for (place, user) in (1..).zip(["corp/alice", "corp/ed", "corp/ann", "corp/eve"]) {
        let (change, lines) = of(&told, user);
        assert_eq!(change, of(&alone, user).0);
        assert_eq!(lines, json!([place, place + 104]));
    }
    let (last, _) = of(&told, "corp/ann99");
    assert_eq!(last["gains"], json!(["+set ~reports:*"]));
    assert_eq!(
        (&told["gaining"], &told["unchanged"]),
        (&json!(202), &json!(0))
    );
}

#[test]
fn what_only_one_directory_reads_and_requests_lack_is_told() {
    let scene = Scene::with(str::to_owned);
    scene.bound("after");
    let with_claim =
        r#"{"user": "corp/bo", "groups": ["corp/analysts"], "claims": {"tenant": "red"}}"#;
    let told = scene.diff(&[ANN, with_claim], &["--json"]).expect(2).json();
    let warnings = told["warnings"].as_array().unwrap();
    let about = warnings
        .iter()
        .find(|w| w.as_str().unwrap().contains("the claim /tenant,"));
    let about = about
        .unwrap_or_else(|| panic!("{warnings:?}"))
        .as_str()
        .unwrap();
    assert!(
        about.starts_with("1 request without") && about.contains("only AFTER reads"),
        "{about}"
    );
}

#[test]
fn a_document_and_the_options_do_not_both_say_where_from() {
    let scene = Scene::with(str::to_owned);
    let document =
        r#"{"user": "corp/ann", "groups": ["corp/analysts"], "address": "192.0.2.7", "tls": true}"#;
    let before = scene.text("before");
    let eval = |more: &[&str]| {
        let words = ["eval", "--dir", &before, "--principal", "-", "--json"];
        scene.warden(&[&words, more].concat(), document)
    };
    let client = eval(&["--role", "replica"]).expect(0).json()["client"].clone();
    assert_eq!(
        (&client["address"], &client["tls"]),
        (&json!("192.0.2.7"), &json!(true))
    );
    assert_eq!(client["server_role"], "replica");
    let run = eval(&["--address", "192.0.2.8"]).expect(2);
    assert!(
        run.err
            .contains("--address: the document of --principal says it, too"),
        "{}",
        run.err
    );
}
