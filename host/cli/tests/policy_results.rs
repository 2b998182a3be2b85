//! What `warden policy test` and `bench` tell of a directory, for people and for machines.
//!
//! In: the built command line and the built `rbac`. Out: results as text, JSON and JUnit
//! XML; which roles no test touched; and times, of which only the shape is held.

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

use place::Place;
use warden_hostile::Guest;

const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/analysts"]
rules = ["+@read", "~reports:*"]

[roles.editor]
members = ["group:corp/editors"]
rules = ["+set", "~drafts:*"]

[roles.listener]
members = ["group:corp/editors"]
rules = ["+subscribe", "&news.*"]
"#;

const READS: &str = r#"
[[tests]]
name = "analysts read <reports>"
principal = "corp/ann"
groups = ["corp/analysts"]
can = ["+get %R~reports:q1"]
"#;

const EDITS: &str = r#"
[[tests]]
name = "editors write & listen"
principal = "corp/ed"
groups = ["corp/editors"]
can = ["+set ~drafts:a", "+subscribe &news.eu"]
"#;

const WRONG: &str = r#"
[[tests]]
name = "analysts write"
principal = "corp/ann"
groups = ["corp/analysts"]
can = ["+set ~reports:q1"]
"#;

fn place(tests: &[&str]) -> Place {
    let place = Place::with_roles(ROLES);
    place.write("rbac.tests.toml", &tests.concat());
    place
}

#[test]
fn roles_that_no_test_touches_are_told() {
    let place = place(&[READS]);
    let text = place.run("test", &[]).expect(0).out;
    assert!(
        text.contains("labels   rbac: 1 of 3 touched; by no test: roles=editor, roles=listener\n"),
        "{text}"
    );
    assert!(text.ends_with("\n1 test: 1 passed, 0 failed\n"), "{text}");
    place.run("test", &["--strict"]).expect(1);

    // One verdict brings both about, with a comma between them.
    place.write("rbac.tests.toml", &[READS, EDITS].concat());
    let run = place.run("test", &["--strict", "--json"]).expect(0);
    let all = json!([{ "policy": "rbac", "possible": 3, "touched": 3, "untouched": [], "failure": null }]);
    assert_eq!(run.json()["labels"], all);
}

#[test]
fn a_policy_is_heard_once_in_each_test() {
    let place = place(&[READS]);
    let guest = Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))"
            .into(),
        fields: "(data (i32.const 512) \"heard\")".into(),
        ..Guest::evaluating("(call $log (i32.const 2) (i32.const 512) (i32.const 5))")
    };
    fs::write(place.path("policies/p.wasm"), guest.wasm()).unwrap();
    let err = place.run("test", &[]).expect(0).err;
    assert_eq!(err.matches("heard").count(), 1, "{err}");
}

#[test]
fn a_policy_without_labels_has_nothing_untouched() {
    let place = place(&[READS, EDITS]);
    place.add_test_policy("role");
    let text = place.run("test", &["--strict"]).expect(0).out;
    assert!(text.contains("labels   rbac: 3 of 3 touched\n"), "{text}");
    assert!(!text.contains("labels   role"), "{text}");
}

#[test]
fn results_are_written_for_ci_systems() {
    let place = place(&[READS, WRONG]);
    let file = place.text("results.xml");
    place.run("test", &["--junit", &file]).expect(1);
    let xml = fs::read_to_string(&file).unwrap();
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<testsuites name=\"warden policy test\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
        "<testsuite name=\"rbac\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
        "<property name=\"untouched\" value=\"roles=editor\"/>",
        "<testcase classname=\"rbac.tests.toml\" name=\"analysts read &lt;reports&gt;\"/>",
        "corp/ann should be able to &quot;+set ~reports:q1&quot; and may not call set; ",
    ] {
        assert!(xml.contains(part), "{part} is not in {xml}");
    }

    // A directory that cannot be loaded is no missing file, and none of yesterday.
    place.write("rbac.toml", "[roles]\n");
    place.run("test", &["--junit", &file]).expect(1);
    let xml = fs::read_to_string(&file).unwrap();
    assert!(
        xml.contains("tests=\"1\" failures=\"0\" errors=\"1\""),
        "{xml}"
    );
    assert!(xml.contains("rbac.toml"), "{xml}");

    let nowhere = place.text("nowhere/results.xml");
    let err = place.run("test", &["--junit", &nowhere]).expect(1).err;
    assert!(err.contains("nowhere/results.xml"), "{err}");
}

#[test]
fn bench_tells_times_and_memory_beside_their_bounds() {
    let place = place(&[READS, EDITS]);
    let told = place
        .run("bench", &["--decisions", "50", "--json"])
        .expect(0)
        .json();
    assert_eq!(told["is_server"], false);
    assert!(told["build"] == "debug" || told["build"] == "release");
    assert!(told["machine"]["cpus"].as_u64().unwrap() > 0);
    assert_eq!(told["principals"], 2);
    assert_eq!(told["policy_timeout_us"], 20_000.0);
    assert_eq!(told["policy_memory_bytes"], 64 << 20);
    assert_eq!(told["decision"]["count"], 50);
    let policy = &told["policies"][0];
    assert_eq!(
        (&policy["name"], &policy["failure"]),
        (&json!("rbac"), &Value::Null)
    );
    assert_eq!(policy["no_snapshot"], Value::Null);
    let number = |value: &Value| value.as_f64().unwrap();
    for stage in ["compile_us", "describe_us", "configure_us", "snapshot_us"] {
        assert!(number(&policy[stage]) > 0.0, "{stage}: {policy}");
    }
    let memory = policy["memory_bytes"].as_u64().unwrap();
    assert!((1..=64 << 20).contains(&memory), "{policy}");
    let ordered = ["p50_us", "p90_us", "p99_us", "max_us"];
    for figures in [&policy["decision"], &policy["cpu"], &told["decision"]] {
        let times = ordered.map(|name| number(&figures[name]));
        assert!(times[0] > 0.0 && times.is_sorted(), "{figures}");
    }
    assert!(number(&told["decision"]["p50_us"]) >= number(&policy["decision"]["p50_us"]));

    let text = place.run("bench", &["--decisions", "5"]).expect(0).out;
    assert!(text.contains("this is no server"), "{text}");
    assert!(
        text.contains(" of 20.00 ms (policy_timeout_ms)\n"),
        "{text}"
    );
    assert!(text.contains(" of 67108864 (policy_memory_mb)\n"), "{text}");
    assert!(
        text.contains("nothing compiled, all taken from --state-dir"),
        "{text}"
    );
    assert!(
        text.ends_with("\n5 decisions about 2 principals on Valkey 9.1.2\n"),
        "{text}"
    );
}

#[test]
fn bench_decides_about_somebody() {
    let place = Place::with_roles(ROLES);
    // That is said before anything is compiled, for which this is no policy.
    let good = fs::read(place.path("policies/rbac.wasm")).unwrap();
    place.write("rbac.wasm", "nonsense");
    let run = place.run("bench", &[]);
    run.fails(2, "write a test file, or give --principal");
    fs::write(place.path("policies/rbac.wasm"), good).unwrap();
    let ann = place.path("ann.json");
    fs::write(&ann, r#"{"user": "corp/ann"}"#).unwrap();
    let more = [
        "--principal",
        ann.to_str().unwrap(),
        "--decisions",
        "1",
        "--json",
    ];
    let told = place.run("bench", &more).expect(0).json();
    assert_eq!(
        (&told["principals"], &told["decision"]["count"]),
        (&json!(1), &json!(1))
    );
    place.run("bench", &["--decisions", "0"]).expect(2);
    let requests = place.path("requests.jsonl");
    fs::write(
        &requests,
        "{\"user\": \"corp/ann\"}\n\n{\"user\": \"corp/bob\"}\n",
    )
    .unwrap();
    let more = ["--requests", requests.to_str().unwrap(), "--json"];
    let told = place.run("bench", &more).expect(0).json();
    assert_eq!(told["principals"], 2);
    fs::write(&requests, "{\"user\": \"corp/ann\"}\nann\n").unwrap();
    let err = place.run("bench", &more).expect(2).err;
    assert!(err.contains("line 2: is not JSON"), "{err}");
}
