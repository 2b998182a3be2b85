//! The schema of a policy's data, as `warden policy check` and `inspect` show it.
//!
//! In: the built command line and the built `rbac`, which carries a schema. Out: what is
//! told of data that is not as it says, whatever the policy itself says of it.

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
use std::path::Path;

use serde_json::Value;

use place::Place;

const SECTION: &str = "warden:data-schema";
const ROLES: &str = "[roles.reader]\nmembers = ['group:corp/a']\nrules = ['+get', '~a']\n";

/// A WebAssembly file without its custom sections of one name, and with this one.
fn with_section(wasm: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = wasm[..8].to_vec();
    let mut rest = &wasm[8..];
    while let [id, after @ ..] = rest {
        let (size, content) = leb128(after);
        let (section, next) = content.split_at(size);
        let (name_size, named) = leb128(section);
        if *id != 0 || &named[..name_size] != name.as_bytes() {
            bytes.extend(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    let content = [&to_leb128(name.len()), name.as_bytes(), data].concat();
    [bytes, vec![0], to_leb128(content.len()), content].concat()
}

fn leb128(bytes: &[u8]) -> (usize, &[u8]) {
    let last = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let value = bytes[..=last].iter().rev();
    let value = value.fold(0, |value, byte| (value << 7) | usize::from(byte & 0x7f));
    (value, &bytes[last + 1..])
}

fn to_leb128(mut left: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// `rbac` with another schema.
fn rbac_with(place: &Place, schema: &[u8]) {
    let path = place.path("policies/rbac.wasm");
    let wasm = fs::read(&path).unwrap();
    fs::write(&path, with_section(&wasm, SECTION, schema)).unwrap();
}

fn errors(place: &Place) -> Vec<String> {
    let run = place.run("check", &["--json"]).expect(1);
    let errors = run.json()["errors"].clone();
    let errors = errors.as_array().unwrap().iter();
    errors
        .map(|error| error["error"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn check_tells_file_line_and_key_of_data_that_no_server_would_take() {
    let place = Place::with_roles("[roles.reader]\nmembers = ['group:corp/a']\nrule = ['+get']\n");
    fs::create_dir_all(place.path("policies/rbac.d/eu")).unwrap();
    place.write(
        "rbac.d/eu/more.toml",
        "[roles.b]\nmembers = ['team:x']\nrules = [1]\n",
    );
    let errors = errors(&place);
    let told = |start: &str| errors.iter().filter(|e| e.starts_with(start)).count();
    assert_eq!(
        told("\"rbac.toml\": line 3: roles.reader.rule: is unknown; known are members, rules"),
        1,
        "{errors:#?}"
    );
    assert_eq!(
        told("\"rbac.toml\": line 1: roles.reader: lacks \"rules\"; it is: "),
        1,
        "{errors:#?}"
    );
    assert_eq!(
        told("\"rbac.d/eu/more.toml\": line 2: roles.b.members[0]: \"team:x\" does not match "),
        1,
        "{errors:#?}"
    );
    assert_eq!(
        told("\"rbac.d/eu/more.toml\": line 3: roles.b.rules[0]: is a number, not text; it is: "),
        1,
        "{errors:#?}"
    );
    assert_eq!(told("\"rbac.wasm\": refuses its data: "), 1, "{errors:#?}");
    assert_eq!(errors.len(), 5, "{errors:#?}");
}

#[test]
fn check_holds_data_to_a_schema_that_is_stricter_than_the_policy() {
    let place = Place::with_roles(ROLES);
    let good = place.run("check", &["--json"]).expect(0).json();
    assert_eq!(good["errors"], serde_json::json!([]));
    rbac_with(
        &place,
        br#"{"properties": {"roles": {"maxProperties": 0}}}"#,
    );
    assert_eq!(
        errors(&place),
        ["\"rbac.toml\": line 1: roles: has 1 keys, at most 0"]
    );
}

#[test]
fn check_says_what_is_wrong_with_a_schema() {
    let place = Place::with_roles(ROLES);
    rbac_with(&place, br#"{"type": "text"}"#);
    let told = errors(&place);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].starts_with("\"rbac.wasm\": its data schema is no JSON Schema: "),
        "{told:#?}"
    );
    rbac_with(&place, &vec![b' '; (256 << 10) + 1]);
    assert_eq!(
        errors(&place),
        ["\"rbac.wasm\": its data schema is larger than the bound of 262144 bytes"]
    );
}

#[test]
fn a_schema_that_asks_for_more_steps_than_anybody_waits_for_is_an_error() {
    let place = Place::with_roles(ROLES);
    let mut definitions = serde_json::Map::new();
    for number in 0..40 {
        let next = serde_json::json!({ "$ref": format!("#/$defs/d{}", number + 1) });
        let both = serde_json::json!({ "allOf": [next, next] });
        definitions.insert(format!("d{number}"), both);
    }
    definitions.insert("d40".to_owned(), Value::Bool(true));
    let schema = serde_json::json!({ "$ref": "#/$defs/d0", "$defs": definitions });
    rbac_with(&place, schema.to_string().as_bytes());
    assert_eq!(
        errors(&place),
        ["\"rbac.wasm\": its data is not held to its schema within 10s"]
    );
}

#[test]
fn inspect_shows_the_schema_of_a_policy_whose_data_is_not_there_yet() {
    let place = Place::with_roles("");
    fs::remove_file(place.path("policies/rbac.toml")).unwrap();
    place.run("inspect", &["rbac"]).expect(1);
    let shown = place.run("inspect", &["rbac", "--schema"]).expect(0);
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../policies/rbac/schema.json"
    );
    let source = fs::read_to_string(source).unwrap();
    assert_eq!(
        shown.out, source,
        "the schema goes into the component as it is"
    );
    assert_eq!(shown.json()["required"], serde_json::json!(["roles"]));

    place.write("rbac.toml", ROLES);
    let policies = place.run("inspect", &["--json"]).expect(0).json()["policies"].clone();
    assert_eq!(policies[0]["schema_bytes"], Value::from(source.len()));
}

#[test]
fn a_schema_that_is_not_json_is_not_shown_on_the_terminal() {
    let place = Place::with_roles(ROLES);
    for schema in [
        &b"{} \x1b[2J"[..],
        b"\x1b]0;title\x07{}",
        b"{\"a\": \"\x1b[2J\"}",
    ] {
        rbac_with(&place, schema);
        let run = place.run("inspect", &["rbac", "--schema"]).expect(1);
        assert!(
            run.out.is_empty() && !run.err.contains('\x1b'),
            "{:?}",
            run.err
        );
    }
}

#[test]
fn inspect_of_one_policy_shows_no_other() {
    let place = Place::with_roles(ROLES);
    let wasm = fs::read(place.path("policies/rbac.wasm")).unwrap();
    let other = with_section(&wasm, "note", b"rbac under another name");
    fs::write(place.path("policies/other.wasm"), other).unwrap();
    place.write("other.toml", ROLES);
    let shown = place.run("inspect", &["other"]).expect(0).out;
    assert!(
        shown.starts_with("other\n") && !shown.contains("\nrbac\n"),
        "{shown}"
    );
    assert!(shown.contains("\n  schema    "), "{shown}");
    for more in [&["none"][..], &["none", "--schema"]] {
        let err = place.run("inspect", more).expect(1).err;
        assert_eq!(err, "\"none.wasm\": is not in the directory\n");
    }
    place.run("inspect", &["--schema"]).expect(2);
}

#[test]
fn the_golden_data_of_every_standard_policy_is_as_its_schema_says() {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let mut held = 0;
    for policy in fs::read_dir(room).unwrap() {
        let policy = policy.unwrap().path();
        let name = policy.file_name().unwrap().to_str().unwrap();
        let Ok(schema) = fs::read_to_string(policy.join("schema.json")) else {
            continue;
        };
        let place = Place::with_roles(ROLES);
        for file in ["rbac.wasm", "rbac.toml"] {
            fs::remove_file(place.path("policies").join(file)).unwrap();
        }
        place.add(name);
        let shown = place.run("inspect", &[name, "--schema"]).expect(0).out;
        assert_eq!(shown, schema, "{name}");
        let golden = fs::read_dir(policy.join("golden")).unwrap();
        let golden = golden.map(|entry| entry.unwrap().path());
        let (tables, others): (Vec<_>, Vec<_>) =
            golden.partition(|file| file.extension().is_some_and(|e| e == "toml"));
        let put = |file: &Path| {
            let extension = file.extension().unwrap().to_str().unwrap();
            let text = fs::read_to_string(file).unwrap();
            place.write(&format!("{name}.{extension}"), &text);
        };
        // Beside its table a policy of another language has that language's files.
        let others = others.iter().filter(|file| !file.ends_with("verdicts.txt"));
        others.for_each(|file| put(file));
        for table in &tables {
            put(table);
            let told = place.run("check", &["--json"]).expect(0).json();
            assert_eq!(told["errors"], serde_json::json!([]), "{table:?}");
            held += 1;
        }
    }
    assert!(held > 0, "rbac at least has a schema and golden data");
}
