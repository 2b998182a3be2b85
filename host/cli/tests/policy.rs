//! `warden policy`, run as its users run it.
//!
//! In: the built command line, the built standard policies and a temporary directory.
//! Out: what it printed and its exit status, compared with what was promised. No server
//! is involved; that the answers are those of one is held by the workspace's `tests/`.

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

use serde_json::{Value, json};

use place::{Place, policies};
use run::warden;

const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/analysts"]
rules = ["+@read", "~reports:*"]

[roles.editor]
members = ["group:corp/editors"]
rules = ["+@write", "~drafts:*"]
"#;

const TESTS: &str = r#"
[[tests]]
name = "analysts read reports"
principal = "corp/ann"
groups = ["corp/analysts"]
can = ["+get %R~reports:q1"]
cannot = ["+set ~reports:q1"]

[[tests]]
name = "nobody else comes in"
principal = "corp/mallory"
refused = true
"#;

fn ann() -> Value {
    json!({ "user": "corp/ann", "groups": ["corp/analysts"] })
}

fn ed() -> Value {
    json!({ "user": "corp/ed", "groups": ["corp/editors"] })
}

#[test]
fn eval_tells_who_says_what_and_what_it_comes_to() {
    let place = Place::with_roles(ROLES);
    let run = place.eval(&ann(), &["--json"]).expect(0);
    let told = run.json();
    assert_eq!(told["outcome"], "granted");
    assert_eq!(told["reply"], "OK");
    assert_eq!(told["user"], "corp/ann");
    assert_eq!(told["policies"][0]["name"], "rbac");
    assert_eq!(told["policies"][0]["grants"], json!(["+@read ~reports:*"]));
    let rules = told["rules"].as_str().unwrap();
    assert!(
        rules.contains("+@read") && rules.contains("~reports:*"),
        "{rules}"
    );
    let commands = told["allows"][1]["commands"].as_array().unwrap();
    assert!(commands.contains(&json!("get")) && !commands.contains(&json!("set")));
    assert_eq!(run.err, "");

    let text = place.eval(&ann(), &[]).expect(0).out;
    assert!(text.starts_with("granted corp/ann on Valkey 9.1"), "{text}");
    assert!(text.contains(rules), "{text}");
    assert!(
        !text.contains('\x1b'),
        "no colours outside a terminal: {text:?}"
    );
    let row = text
        .lines()
        .find(|line| line.contains("~reports:*  ") && line.contains("none"));
    assert!(row.is_some_and(|row| row.ends_with("@read")), "{text}");
    let all = place.eval(&ann(), &["--commands"]).expect(0).out;
    assert!(
        all.contains("bitcount") && !text.contains("bitcount"),
        "{all}"
    );
}

#[test]
fn eval_answers_no_with_the_reason() {
    let place = Place::with_roles(ROLES);
    let run = place
        .eval(&json!({ "user": "corp/mallory" }), &["--json"])
        .expect(1);
    let told = run.json();
    assert_eq!(told["outcome"], "refused");
    assert_eq!(told["reply"], "WRONGPASS no policy grants access.");
    assert_eq!(told["policies"][0]["outcome"], "no opinion");
    assert!(told["rules"].is_null());
    let mut past = ann();
    past["expires"] = json!(1_000);
    let told = place.eval(&past, &["--json"]).expect(1).json();
    assert_eq!(told["reply"], "WRONGPASS the token has expired.");
    place
        .eval(&past, &["--now", "1970-01-01T00:16:39Z"])
        .expect(0);
}

#[test]
fn eval_sees_the_ceiling_the_release_and_the_client() {
    let place = Place::with_roles(&ROLES.replace("\"~reports:*\"", "\"~reports:*\", \"~x\""));
    let ceiling = ["--ceiling", "-@dangerous ~reports:*", "--json"];
    let told = place.eval(&ann(), &ceiling).expect(0).json();
    let dropped = json!([{ "rule": "~x", "why": "outside the bounds of a restriction" }]);
    assert_eq!(told["dropped"], dropped);
    let old = place
        .eval(&ann(), &["--server", "8.0", "--json"])
        .expect(0)
        .json();
    assert!(!old["rules"].as_str().unwrap().contains("resetdbs"));

    place.add("guardrails");
    place.write(
        "guardrails.toml",
        "[[rules]]\nname = \"inside\"\nnot_addresses = [\"10.0.0.0/8\"]\ndeny_login = \"from the office only\"\n",
    );
    place.eval(&ann(), &["--address", "10.1.2.3"]).expect(0);
    let told = place
        .eval(&ann(), &["--address", "192.0.2.1", "--json"])
        .expect(1)
        .json();
    assert_eq!(told["reply"], "WRONGPASS from the office only");
    assert_eq!(told["client"]["address"], "192.0.2.1");

    let file = place.text("client.pem");
    let certificate = rcgen::generate_simple_self_signed(["ann".to_owned()]).unwrap();
    let der = certificate.cert.der().to_vec();
    fs::write(&file, pem::encode(&pem::Pem::new("CERTIFICATE", der))).unwrap();
    let shown = ["--certificate", &file, "--json", "--address", "10.0.0.1"];
    let told = place.eval(&ann(), &shown).expect(0).json();
    assert_eq!(told["client"]["tls"], true);
    let fingerprint = told["client"]["certificate"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 64);
    fs::write(&file, "nobody").unwrap();
    place.eval(&ann(), &shown).expect(2);
}

#[test]
fn a_token_is_verified_by_the_modules_own_chain() {
    let place = Place::with_roles(ROLES);
    let keys = place.text("keys");
    let mint = |audience: &str| {
        let arguments = [
            "token",
            "mint",
            "--key-dir",
            &keys,
            "--issuer",
            "https://idp.example.com",
            "--audience",
            audience,
            "--subject",
            "ann",
            "--group",
            "analysts",
        ];
        warden(&arguments, "").expect(0).out
    };
    let (token, other) = (mint("valkey"), mint("elsewhere"));
    fs::create_dir(place.path("authenticators")).unwrap();
    let file = format!(
        "type = \"jwt\"\nissuer = \"https://idp.example.com\"\naudience = [\"valkey\"]\njwks_file = \"{keys}/jwks.json\"\n"
    );
    let corp = place.path("authenticators/10-corp.toml");
    fs::write(&corp, &file).unwrap();
    let authenticators = place.text("authenticators");
    let by = |token: &str, more: &[&str]| {
        let fixed = [
            "--token",
            "-",
            "--authenticators",
            &authenticators,
            "--json",
        ];
        place.run_with_input("eval", &[&fixed, more].concat(), token)
    };
    let told = by(&token, &[]).expect(0).json();
    assert_eq!(told["user"], "corp/ann");
    assert_eq!(told["groups"], json!(["corp/analysts"]));
    by(&token, &["--user", "ann"]).expect(0);
    let told = by(&token, &["--user", "bob"]).expect(1).json();
    assert!(
        told["reply"].as_str().unwrap().starts_with("WRONGPASS"),
        "{told}"
    );
    let run = by(&other, &[]).expect(1);
    assert_eq!(
        run.json()["reply"],
        "WRONGPASS the token is for another audience."
    );
    assert!(!run.out.contains(other.trim()), "no credential is shown");
    assert_eq!(by("no token", &[]).expect(1).json()["outcome"], "unclaimed");

    fs::write(&corp, file.replace("issuer", "isuer")).unwrap();
    let run = by(&token, &[]).expect(1);
    assert!(
        run.json()["errors"][0]
            .as_str()
            .unwrap()
            .contains("10-corp.toml"),
        "{}",
        run.out
    );
}

#[test]
fn errors_of_the_directory_are_told_and_keep_everything_from_being_answered() {
    let place = Place::with_roles("[roles.a]\nmember = ['group:corp/x']\nrules = ['+get']\n");
    for (verb, more) in [
        ("inspect", &[][..]),
        ("eval", &["--principal", "-"]),
        ("test", &[]),
    ] {
        let run = place
            .run_with_input(verb, more, &ann().to_string())
            .expect(1);
        assert_eq!(run.out, "");
        assert!(
            run.err.starts_with("\"rbac.wasm\": refuses its data: "),
            "{}",
            run.err
        );
    }
    let run = place.run("check", &["--json"]).expect(1);
    let errors = run.json()["errors"].as_array().unwrap().clone();
    // The policy's own words, and two of its schema.
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for error in &errors {
        assert_eq!(error["servers"], json!(["8.0", "9.1"]), "{error}");
    }
    place.write("rbac.toml", ROLES);
    let run = place
        .run("inspect", &["--required", "rbac tenant"])
        .expect(1);
    assert!(
        run.err.contains("required_policies names it"),
        "{}",
        run.err
    );
}

#[test]
fn eval_of_a_directory_whose_tests_fail_must_be_asked_for() {
    let place = Place::with_roles(ROLES);
    place.write(
        "rbac.tests.toml",
        &TESTS.replace("refused = true", "can = [\"+get\"]"),
    );
    let run = place.eval(&ann(), &[]).expect(1);
    assert!(
        run.err.starts_with("\"rbac.tests.toml\": test "),
        "{}",
        run.err
    );
    place.eval(&ann(), &["--without-tests"]).expect(0);
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let place = Place::with_roles(ROLES);
    for more in [
        &["--principal", "-", "--address", "10.0.0.1:6379"][..],
        &["--principal", "-", "--now", "yesterday"],
        &["--principal", "-", "--ceiling", "+get"],
        &["--principal", "-", "--server", "7.2"],
        &["--principal", "-", "--role", "sentinel"],
        &["--token", "x"],
        &[],
    ] {
        let run = place
            .run_with_input("eval", more, &ann().to_string())
            .expect(2);
        assert_eq!(run.out, "", "{more:?}");
    }
    let document = json!({ "user": "corp/ann", "group": [] });
    let run = place.eval(&document, &[]).expect(2);
    assert!(run.err.contains("group: unknown"), "{}", run.err);
}

#[test]
fn inspect_shows_what_a_bundle_is() {
    let place = Place::with_roles(ROLES);
    place.write("rbac.tests.toml", TESTS);
    place.write("lonely.toml", "");
    let document = place.run("inspect", &["--json"]).expect(0).json();
    let rbac = &document["policies"][0];
    assert_eq!(rbac["name"], "rbac");
    assert_eq!(rbac["title"], "rbac");
    assert_eq!(
        rbac["files"],
        json!([{ "name": "rbac.toml", "bytes": ROLES.len() }])
    );
    assert_eq!(rbac["tests"], 2);
    let size = fs::metadata(policies().join("rbac.wasm")).unwrap().len();
    assert_eq!(rbac["wasm_bytes"], size);
    assert_eq!(rbac["inputs"], json!([]));
    assert_eq!(
        document["warnings"].as_array().unwrap().len(),
        1,
        "{document}"
    );
    let text = place.run("inspect", &[]).expect(0).out;
    for part in [
        "rbac\n",
        rbac["digest"].as_str().unwrap(),
        "rbac.toml, ",
        "name, groups, scopes",
        "lonely",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn test_runs_each_test_and_none_is_no_success() {
    let place = Place::with_roles(ROLES);
    let run = place.run("test", &[]).expect(1);
    assert_eq!(run.out, "0 tests: 0 passed, 0 failed\n");
    place.write("rbac.tests.toml", TESTS);
    let run = place.run("test", &[]).expect(0);
    assert_eq!(
        run.out,
        "passed   rbac.tests.toml: analysts read reports\npassed   rbac.tests.toml: nobody else comes in\nlabels   rbac: 1 of 2 touched; by no test: roles=editor\n2 tests: 2 passed, 0 failed\n"
    );
    place.write(
        "rbac.toml",
        &ROLES.replace("\"+@read\"", "\"+@read\", \"+set\""),
    );
    let document = place.run("test", &["--json"]).expect(1).json();
    assert_eq!(
        (&document["passed"], &document["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(document["tests"][0]["outcome"], "failed");
    let problem = document["tests"][0]["problems"][0].as_str().unwrap();
    assert!(problem.contains("may call set"), "{problem}");
}

#[test]
fn check_warns_of_flushall_and_of_what_reaches_beyond_the_keys() {
    let place = Place::with_roles(ROLES);
    place.write("rbac.tests.toml", TESTS);
    fs::write(place.path("ed.json"), ed().to_string()).unwrap();
    let ed = place.text("ed.json");
    let run = place
        .run("check", &["--principal", &ed, "--json"])
        .expect(0);
    let flush = &run.warnings("flush")[0];
    assert_eq!(flush["bundle"], "rbac");
    assert_eq!(flush["rule"], "+@write");
    assert_eq!(flush["principals"], json!(["corp/ed"]));
    let (why, instead) = (
        flush["why"].as_str().unwrap(),
        flush["instead"].as_str().unwrap(),
    );
    assert!(
        why.contains("flushall") && why.contains("~drafts:*"),
        "{why}"
    );
    assert!(instead.contains("-flushall -flushdb"), "{instead}");
    let listing = run.warnings("beyond-keys");
    let reader = listing
        .iter()
        .find(|warning| warning["rule"] == "+@read")
        .unwrap();
    assert_eq!(reader["principals"], json!(["corp/ann"]), "of the tests");
    assert!(reader["why"].as_str().unwrap().contains("scan"), "{reader}");
    assert!(run.warnings("no-tests").is_empty());
    place
        .run("check", &["--principal", &ed, "--strict"])
        .expect(1);

    // What is said to be the way out is one.
    let mended = ROLES
        .replace(
            "\"+@write\"",
            "\"+@write\", \"-flushall\", \"-flushdb\", \"-swapdb\"",
        )
        .replace("\"+@read\"", "\"+get\"");
    place.write("rbac.toml", &mended);
    let run = place
        .run("check", &["--principal", &ed, "--json"])
        .expect(0);
    assert!(run.warnings("flush").is_empty(), "{}", run.out);
    assert!(!run.out.contains("scan"), "{}", run.out);
    // A bound by a restriction, the ceiling for one, takes them away as well.
    place.write("rbac.toml", ROLES);
    let run = place.run(
        "check",
        &[
            "--principal",
            &ed,
            "--ceiling",
            "~drafts:* ~reports:*",
            "--json",
        ],
    );
    assert!(run.warnings("flush").is_empty() && run.warnings("beyond-keys").is_empty());
}

#[test]
fn check_warns_of_what_a_ceiling_would_cut() {
    let place = Place::with_roles(ROLES);
    fs::write(place.path("ed.json"), ed().to_string()).unwrap();
    let ed = place.text("ed.json");
    let check = |ceiling: &str| {
        let more = ["--principal", &ed, "--ceiling", ceiling, "--json"];
        place.run("check", &more).expect(0).warnings("ceiling")
    };
    assert!(check("").is_empty() && check("-acl").is_empty());
    let cut = &check("-@dangerous")[0];
    assert_eq!(cut["rule"], "+@write ~drafts:*");
    assert!(cut["why"].as_str().unwrap().contains("flushall"), "{cut}");
    let cut = &check("~drafts:a:*")[0];
    assert!(
        cut["why"].as_str().unwrap().contains("~drafts:a:*"),
        "{cut}"
    );
    let cut = &check("~other:*")[0];
    assert!(
        cut["why"]
            .as_str()
            .unwrap()
            .contains("nothing of it is left"),
        "{cut}"
    );
}

#[test]
fn check_warns_of_everything_of_the_unknown_and_of_databases() {
    let place = Place::with_roles(
        "[roles.a]\nmembers = ['user:corp/a']\nrules = ['+@all', '~*']\n\
         [roles.b]\nmembers = ['user:corp/b']\nrules = ['+get', '+clusterscan', '+gett', 'db=0', '~*']\n\
         [roles.c]\nmembers = ['user:corp/c']\nrules = ['+get', '+gett', '~*']\n",
    );
    let files: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|name| {
            let file = place.path(&format!("{name}.json"));
            fs::write(&file, json!({ "user": format!("corp/{name}") }).to_string()).unwrap();
            file.to_str().unwrap().to_owned()
        })
        .collect();
    let mut more = vec!["--json"];
    more.extend(files.iter().flat_map(|file| ["--principal", file]));
    let run = place.run("check", &more).expect(0);
    let all = &run.warnings("all")[0];
    assert_eq!(all["principals"], json!(["corp/a"]));
    let databases = &run.warnings("databases")[0];
    assert_eq!(
        (&databases["principals"], &databases["servers"]),
        (&json!(["corp/b"]), &json!(["8.0"]))
    );
    let unknown = run.warnings("unknown");
    let unknown = unknown
        .iter()
        .find(|warning| warning["rule"] == "+gett")
        .unwrap();
    assert_eq!(unknown["servers"], json!(["8.0", "9.1"]));
    assert_eq!(run.warnings("no-tests").len(), 1);
}

#[test]
fn check_warns_of_a_restriction_that_may_go_missing() {
    let place = Place::with_roles(ROLES);
    place.add("tenant");
    place.write(
        "tenant.toml",
        "claim = \"/tenant\"\nkeys = [\"~{tenant}:*\"]\nchannels = []\n",
    );
    let mut member = ann();
    member["claims"] = json!({ "tenant": "rome" });
    fs::write(place.path("ann.json"), member.to_string()).unwrap();
    let ann = place.text("ann.json");
    let run = place.run("check", &["--principal", &ann, "--json"]);
    let warning = &run.warnings("not-required")[0];
    assert_eq!(warning["bundle"], "tenant", "{}", run.out);
    let run = place.run(
        "check",
        &["--principal", &ann, "--required", "tenant", "--json"],
    );
    assert!(run.warnings("not-required").is_empty());
}

#[test]
fn check_says_in_text_what_to_do() {
    let place = Place::with_roles(ROLES);
    place.write("rbac.tests.toml", TESTS);
    let text = place.run("check", &[]).expect(0).out;
    assert!(
        text.starts_with("warning  beyond-keys: rbac \"+@read\"\n         for: corp/ann"),
        "{text}"
    );
    assert!(text.contains("\n         do:  write "), "{text}");
    assert!(
        text.contains("1 policy and 2 tests on Valkey 8.0 and 9.1: 0 errors, "),
        "{text}"
    );
}
