//! Documents of the documented shape, and of others.

use super::*;

fn read(json: &str) -> Result<String, String> {
    let document = Value::from_json_str(json).unwrap();
    verdict(&document)
        .map(|verdict| verdict.to_string())
        .map_err(|refusal| refusal.to_string())
}

fn taken(json: &str) -> String {
    read(json).unwrap()
}

#[test]
fn an_undefined_document_is_no_opinion() {
    let verdict = verdict(&Value::Undefined).unwrap();
    assert_eq!(verdict.to_string(), "no opinion");
}

#[test]
fn a_list_of_rules_is_one_grant_and_a_list_of_lists_is_several() {
    assert_eq!(taken("[]"), "no opinion");
    assert_eq!(taken("{}"), "no opinion");
    assert_eq!(taken(r#"["+@read", "~a:*"]"#), "grant +@read ~a:*");
    let several = "grant +@read ~a:*; grant +set ~b:*";
    assert_eq!(taken(r#"[["+@read", "~a:*"], ["+set", "~b:*"]]"#), several);
    assert_eq!(
        taken(r#"{"grants": [["+@read", "~a:*"], [], {"rules": ["+set", "~b:*"]}]}"#),
        several
    );
    assert_eq!(taken(r#"{"grants": ["+get", "~a"]}"#), "grant +get ~a");
}

#[test]
fn sets_are_lists() {
    let rules = ["~a:*", "+@read"].map(Value::from);
    let set = Value::from(std::collections::BTreeSet::from(rules));
    assert_eq!(verdict(&set).unwrap().to_string(), "grant +@read ~a:*");
    let sets = Value::from(std::collections::BTreeSet::from([set.clone()]));
    assert_eq!(verdict(&sets).unwrap(), verdict(&set).unwrap());
}

#[test]
fn every_part_of_an_answer_is_read() {
    let whole = r#"{
        "grants": [["+get", "~a"]],
        "restrictions": [
            {"denials": ["-@write", "-flushall"], "keys": ["~t:*", "%R~s"], "channels": [], "databases": [0, 3]},
            {"keys": []}
        ],
        "session_seconds": 60,
        "labels": {"team": "red"}
    }"#;
    assert_eq!(
        taken(whole),
        "grant +get ~a; restrict -@write -flushall ~t:* %R~s no-channels db=0,3; \
         restrict no-keys; session 60s; label team=red"
    );
    assert_eq!(taken(r#"{"denial": "no"}"#), r#"deny "no" -"#);
    assert_eq!(
        taken(r#"{"denial": {"public": "no", "internal": "because"}}"#),
        r#"deny "no" "because""#
    );
    assert_eq!(
        taken(r#"{"denial": {"internal": "because"}}"#),
        r#"deny - "because""#
    );
}

#[test]
fn a_document_of_another_shape_is_refused_whole() {
    for (json, said) in [
        ("true", "the whole of the document is a truth value"),
        ("null", "the whole of the document is null"),
        (r#""+get""#, "the whole of the document is a text"),
        ("[1]", "the whole[0] of the document is a number"),
        (
            r#"["+get", ["+set"]]"#,
            "the whole[1] of the document is a list: it takes a rule",
        ),
        (
            r#"[["+get", 1]]"#,
            "the whole[0][1] of the document is a number",
        ),
        (
            r#"{"rules": ["+get"]}"#,
            "a part \"rules\", which it does not take",
        ),
        (
            r#"{"grants": {"a": ["+get"]}}"#,
            "grants of the document is an object",
        ),
        (
            r#"{"grants": [{"rule": ["+get"]}]}"#,
            "a part \"rule\", which grants[0] does not take",
        ),
        (
            r#"{"grants": [{}]}"#,
            "grants[0] of the document is an object",
        ),
        (r#"{"grants": null}"#, "grants of the document is null"),
        (
            r#"{"restrictions": {"keys": []}}"#,
            "restrictions of the document is an object",
        ),
        (
            r#"{"restrictions": [{}]}"#,
            "restrictions[0] of the document is an object",
        ),
        (
            r#"{"restrictions": [["-get"]]}"#,
            "restrictions[0] of the document is a list",
        ),
        (
            r#"{"restrictions": [{"rules": []}]}"#,
            "which restrictions[0] does not take",
        ),
        (
            r#"{"restrictions": [{"databases": []}]}"#,
            "at least one number",
        ),
        (
            r#"{"restrictions": [{"databases": [-1]}]}"#,
            "a list of numbers of databases",
        ),
        (
            r#"{"denial": false}"#,
            "denial of the document is a truth value",
        ),
        (r#"{"denial": {}}"#, "denial of the document is an object"),
        (
            r#"{"denial": {"text": "x"}}"#,
            "a part \"text\", which denial does not take",
        ),
        (
            r#"{"denial": {"public": 1}}"#,
            "denial.public of the document is a number",
        ),
        (r#"{"session_seconds": 0}"#, "1 to 31536000 seconds"),
        (r#"{"session_seconds": 1.5}"#, "1 to 31536000 seconds"),
        (r#"{"session_seconds": 31536001}"#, "1 to 31536000 seconds"),
        (r#"{"session_seconds": "60"}"#, "1 to 31536000 seconds"),
        (r#"{"labels": ["a"]}"#, "an object of texts"),
        (r#"{"labels": {"a": 1}}"#, "an object of texts"),
    ] {
        let refusal = read(json).unwrap_err();
        assert!(refusal.contains(said), "{json}: {refusal}");
    }
}

#[test]
fn a_rule_that_is_none_refuses_the_whole() {
    for (json, said) in [
        (
            r#"["+get", "nopass"]"#,
            "the whole[1] of the document: rule \"nopass\": not a permission",
        ),
        (
            r#"[["+get", "~a b"]]"#,
            "the whole[0][1] of the document: rule \"~a b\"",
        ),
        (r#"{"grants": ["+get", ">x"]}"#, "about a password"),
        (
            r#"{"restrictions": [{"denials": ["+get"]}]}"#,
            "a restriction takes denials",
        ),
        (
            r#"{"restrictions": [{"denials": ["~a"]}]}"#,
            "restrictions[0].denials of the document: \"~a\" is not of these",
        ),
        (
            r#"{"restrictions": [{"keys": ["-get"]}]}"#,
            "\"-get\" is not of these",
        ),
        (
            r#"{"restrictions": [{"keys": ["~a?b"]}]}"#,
            "a restriction takes denials",
        ),
        (
            r#"{"restrictions": [{"channels": ["~a"]}]}"#,
            "\"~a\" is not of these",
        ),
    ] {
        let refusal = read(json).unwrap_err();
        assert!(refusal.contains(said), "{json}: {refusal}");
    }
}
