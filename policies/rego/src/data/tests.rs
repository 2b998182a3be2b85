//! What is refused of the data, and in which words.

use super::*;
use warden_sdk::Policy;

const MODULE: &str = "package warden\nverdict := [\"+get\", \"~a\"]\n";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Rego::configure(&files).unwrap_err()
}

fn with_settings(settings: &str) -> String {
    refusal(&[("rego.rego", MODULE), ("rego.toml", settings)])
}

#[test]
fn settings_may_be_left_out() {
    assert!(Rego::configure(&[File::new("rego.rego", MODULE)]).is_ok());
    assert!(refusal(&[]).starts_with("no module: a *.rego file"));
    assert!(refusal(&[("rego.toml", "")]).starts_with("no module: a *.rego file"));
}

#[test]
fn a_mistake_in_a_module_is_told_with_its_place() {
    for (module, said) in [
        ("package warden\nverdict := [\n", "\"m.rego\" line "),
        ("verdict := 1\n", "\"m.rego\" line 1 column 1: "),
        (
            "package warden\nverdict := x\n",
            "\"m.rego\" line 2 column 12: ",
        ),
        (
            "package warden\nverdict := http.send({})\n",
            "\"m.rego\" line 2 column ",
        ),
        (
            "package warden\nverdict := time.now_ns()\n",
            "\"m.rego\" line 2 column ",
        ),
    ] {
        let refusal = refusal(&[("m.rego", module)]);
        assert!(refusal.starts_with(said), "{module:?}: {refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn what_reaches_out_reads_a_clock_or_rolls_dice_is_no_function() {
    for call in [
        "http.send({})",
        "net.lookup_ip_addr(\"a\")",
        "time.now_ns()",
        "rand.intn(\"a\", 2)",
        "uuid.rfc4122(\"a\")",
        "opa.runtime()",
    ] {
        let module = format!("package warden\nverdict := {call}\n");
        let files = [File::new("m.rego", module)];
        let refused = match Rego::configure(&files) {
            Err(refusal) => refusal,
            Ok(policy) => {
                let request = warden_sdk::Request::new(warden_sdk::Principal::new("corp", "a"));
                let verdict = policy.evaluate(&request);
                let denial = verdict.denial().cloned().unwrap_or_default();
                denial.internal.unwrap_or_default()
            }
        };
        assert!(
            refused.contains("could not find function"),
            "{call}: {refused}"
        );
    }
}

#[test]
fn every_function_of_the_documentation_is_there() {
    let page = include_str!("../../../../docs/policies/rego.md");
    let rows = page.lines();
    let rows = rows.skip_while(|line| *line != "| about | functions |");
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let functions: Vec<&str> = rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect();
    assert!(functions.len() > 80, "{functions:?}");
    let is_there = |function: &str| {
        let module = format!("package warden\nverdict := {function}(\"x\")\n");
        let said = Rego::configure(&[File::new("m.rego", module)]).err();
        !said.is_some_and(|said| said.contains("could not find function"))
    };
    assert!(!is_there("object.frobnicate"));
    let missing: Vec<&str> = functions
        .into_iter()
        .filter(|name| !is_there(name))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_query_is_the_path_of_a_rule_there_is() {
    for query in [
        "warden.verdict",
        "data",
        "data.warden",
        "data.warden.x y",
        "data..x",
        "data.a.1",
    ] {
        let refusal = with_settings(&format!("query = '{query}'"));
        assert!(refusal.contains("\"rego.toml\": query: "), "{refusal}");
        assert!(refusal.contains("names no document"), "{refusal}");
    }
    let refusal = with_settings("query = 'data.warden.rules'");
    assert!(
        refusal.starts_with("\"rego.toml\": query: no rule of the modules makes it"),
        "{refusal}"
    );
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_key() {
    for (settings, said) in [
        (
            "claims = ['department']",
            "\"rego.toml\": claims[0]: \"department\" is no JSON Pointer",
        ),
        (
            "claims = ['/roles', '/roles/0']",
            "\"rego.toml\": claims[1]: \"/roles/0\" names an element of a list: name the list: \"/roles\"",
        ),
        (
            "claims = []\nall_claims = true",
            "\"rego.toml\": all_claims: all of them are read",
        ),
        (
            "inputs = ['clock']",
            "\"rego.toml\": inputs[0]: \"clock\" is no input: write client.address",
        ),
        (
            "claim = []",
            "\"rego.toml\" line 1: unknown field `claim`, expected one of `query`, `claims`, ",
        ),
        (
            "undefined = 'deny'",
            "\"rego.toml\" line 1: unknown variant `deny`, expected `no-opinion` or `refuse`",
        ),
    ] {
        let refusal = with_settings(settings);
        assert!(refusal.starts_with(said), "{refusal}");
    }
    let many = vec!["'/a'"; 257].join(",");
    assert!(with_settings(&format!("claims = [{many}]")).contains("claims: more than 256"));
    let two = refusal(&[
        ("rego.rego", MODULE),
        ("rego.toml", ""),
        ("rego.x.toml", ""),
    ]);
    assert_eq!(
        two,
        "\"rego.x.toml\": the settings stand in \"rego.toml\" already: one *.toml file holds all of them"
    );
}

#[test]
fn a_data_document_that_is_none_is_named() {
    for document in ["{", "[]", "1", ""] {
        let refusal = refusal(&[("rego.rego", MODULE), ("rego.json", document)]);
        assert!(
            refusal.starts_with("\"rego.json\": "),
            "{document:?}: {refusal}"
        );
    }
    let twice = refusal(&[
        ("rego.rego", MODULE),
        ("a.json", r#"{"a": 1}"#),
        ("b.json", r#"{"a": 2}"#),
    ]);
    assert!(twice.starts_with("\"b.json\": "), "{twice}");
}

#[test]
fn a_file_that_is_no_text_is_named() {
    for name in ["rego.rego", "rego.json", "rego.toml"] {
        let files = [
            File::new("m.rego", MODULE),
            File::new(name, b"\xff".to_vec()),
        ];
        let refusal = Rego::configure(&files).unwrap_err();
        assert!(
            refusal.contains(&format!("file {name:?} is not UTF-8")),
            "{refusal}"
        );
    }
}
