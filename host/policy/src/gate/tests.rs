//! What is a test file, and what of one is told.

use std::fmt::Write;

use super::*;

/// A test with further lines.
fn one(lines: &str) -> String {
    format!("[[tests]]\nname = \"t\"\nprincipal = \"corp/alice\"\n{lines}\n")
}

fn parsed(text: &str) -> Test {
    let mut file = TestFile::parse("p", text.as_bytes()).expect(text);
    file.tests.remove(0)
}

fn mistakes(text: impl AsRef<[u8]>) -> Vec<String> {
    TestFile::parse("p", text.as_ref()).expect_err("is a test file")
}

#[test]
fn what_is_left_out_has_its_default() {
    let test = parsed(&one("can = [\"+get %R~a\"]"));
    let principal = &test.principal;
    assert_eq!(principal.user_name().as_str(), "corp/alice");
    assert!(principal.groups.is_empty() && principal.scopes.is_empty());
    assert!(principal.claims == warden_core::Claims::default() && principal.sole_authenticator);
    assert_eq!(principal.expires, None);
    assert_eq!(test.client, ClientFacts::default());
    assert_eq!(test.now, None);
    assert!(
        matches!(test.expectation, Expectation::LogIn { ref can, ref cannot } if can.len() == 1 && cannot.is_empty())
    );
}

#[test]
fn everything_can_be_said() {
    let test = parsed(&one(r#"
groups = ["corp/b", "corp/My%20Team", "corp/b"]
scopes = ["corp/cache.read"]
method = "jwt"
claims = { department = "sales", level = 3, share = 0.5, teams = ["a", { b = true }] }
sole_authenticator = false
address = "2001:db8::7"
certificate = { subject = "CN=alice", fingerprint = "ab12" }
role = "replica"
now = 2026-11-24T09:00:00Z
refused = "office hours"
"#));
    assert_eq!(test.principal.groups, ["corp/My%20Team", "corp/b"]);
    assert_eq!(test.principal.scopes, ["corp/cache.read"]);
    assert_eq!(
        serde_json::Value::Object(test.principal.claims.to_map()),
        serde_json::json!({"department": "sales", "level": 3, "share": 0.5, "teams": ["a", {"b": true}]})
    );
    assert!(!test.principal.sole_authenticator);
    assert_eq!(test.client.address.as_deref(), Some("2001:db8::7"));
    assert!(test.client.tls && test.client.replica);
    let certificate = test.client.certificate.unwrap();
    assert_eq!(
        (certificate.subject.as_str(), certificate.serial.as_str()),
        ("CN=alice", "")
    );
    assert_eq!(certificate.fingerprint, "ab12");
    assert_eq!(test.now, Some(Timestamp::from_unix_seconds(1_795_510_800)));
    assert!(
        matches!(test.expectation, Expectation::Refused { words: Some(ref words) } if words == "office hours")
    );
}

#[test]
fn every_mistake_is_told_with_its_key_and_the_tests_name() {
    let file = format!(
        "{}{}",
        one(r#"
groups = ["analysts", "other/x", "corp/a b"]
method = "password"
claims = { born = 1970-01-01, nan = nan }
address = "192.0.2.7:6379"
role = "master"
now = 2026-11-24
can = ["+get %R~a", "get", "~a"]
"#),
        "[[tests]]\nname = \"u\"\nprincipal = \"alice\"\ncann = []\n"
    );
    let mistakes = mistakes(&file);
    for key in [
        "tests[0].groups[0] (\"t\")",
        "tests[0].groups[1] (\"t\")",
        "tests[0].groups[2] (\"t\")",
        "tests[0].method (\"t\")",
        "tests[0].claims.born (\"t\")",
        "tests[0].claims.nan (\"t\")",
        "tests[0].address (\"t\")",
        "tests[0].role (\"t\")",
        "tests[0].now (\"t\")",
        "tests[0].can[1] (\"t\")",
        "tests[0].can[2] (\"t\")",
        "tests[1] (\"u\")",
    ] {
        let told = mistakes
            .iter()
            .filter(|m| m.starts_with(&format!("{key}: ")));
        assert_eq!(told.count(), 1, "{key}: {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 12, "{mistakes:#?}");
    assert!(mistakes.iter().all(|m| !m.contains('\n')), "{mistakes:#?}");
}

#[test]
fn a_test_expects_exactly_one_thing() {
    for lines in [
        "",
        "can = []",
        "refused = false",
        "refused = \"\"",
        "refused = 1",
        "refused = true\ncan = [\"+get\"]",
        "refused = true\ncannot = [\"+get\"]",
    ] {
        assert_eq!(mistakes(one(lines)).len(), 1, "{lines:?}");
    }
    for lines in ["refused = true", "can = [\"+get\"]\ncannot = [\"+set\"]"] {
        parsed(&one(lines));
    }
}

#[test]
fn names_are_there_short_and_used_once() {
    for name in ["", "a\\nb", &"x".repeat(MAX_NAME_BYTES + 1)] {
        let file =
            format!("[[tests]]\nname = \"{name}\"\nprincipal = \"corp/a\"\nrefused = true\n");
        assert_eq!(mistakes(&file).len(), 1, "{name:?}");
    }
    let twice = one("refused = true").repeat(2);
    let mistakes = mistakes(&twice);
    assert!(
        mistakes[0].starts_with("tests[1].name (\"t\")"),
        "{mistakes:?}"
    );
}

#[test]
fn what_is_no_test_file_is_one_mistake() {
    for bytes in [
        &b""[..],
        b"tests = []",
        b"[[tests]]\nname = ",
        b"other = 1\n[[tests]]\n",
        b"tests = 1",
        b"\xff",
    ] {
        assert_eq!(mistakes(bytes).len(), 1, "{bytes:?}");
    }
}

#[test]
fn the_number_of_tests_and_rights_is_bounded() {
    let file = |tests: usize| {
        (0..tests).fold(String::new(), |mut text, number| {
            let _ = writeln!(
                text,
                "[[tests]]\nname = \"{number}\"\nprincipal = \"corp/a\"\nrefused = true"
            );
            text
        })
    };
    assert!(TestFile::parse("p", file(MAX_TESTS).as_bytes()).is_ok());
    assert_eq!(mistakes(file(MAX_TESTS + 1)).len(), 1);
    let rights = |count: usize| one(&format!("can = [{}]", "\"+get\",".repeat(count)));
    assert!(TestFile::parse("p", rights(MAX_RIGHTS).as_bytes()).is_ok());
    assert_eq!(mistakes(rights(MAX_RIGHTS + 1)).len(), 1);
}
