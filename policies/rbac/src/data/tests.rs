//! What data is refused, and with which words.

use warden_sdk::{File, Policy};

use super::*;
use crate::Rbac;

/// A role without faults, under another name each time.
fn role(name: &str) -> String {
    format!("[roles.{name}]\nmembers = [\"group:corp/a\"]\nrules = [\"+@read\", \"~a:*\"]\n")
}

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Rbac::configure(&files).unwrap_err()
}

#[test]
fn several_files_are_read_as_one() {
    let files = [
        File::new("rbac.toml", role("b")),
        File::new("rbac.d/eu.toml", role("a")),
        File::new("rbac.d/README.md", "not for us"),
    ];
    let roles = read(&files).unwrap();
    assert_eq!(roles.iter().map(Role::name).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_role_stands_in_one_file_only() {
    let text = role("a");
    let refusal = refusal(&[("x.toml", &text), ("y.toml", &text)]);
    assert_eq!(
        refusal,
        r#""y.toml": roles.a: this role stands in "x.toml" already"#
    );
}

#[test]
fn a_role_twice_in_one_file_is_refused() {
    let refusal = refusal(&[("x.toml", &[role("a"), role("a")].concat())]);
    assert!(
        refusal.starts_with(r#""x.toml" line 4: duplicate key"#),
        "{refusal}"
    );
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    let refusal = refusal(&[("x.toml", "[roles.a]\nmember = []\n")]);
    assert_eq!(
        refusal,
        "\"x.toml\" line 2: unknown field `member`, expected one of `members`, `rules`, `session_seconds` in `roles.a`"
    );
}

#[test]
fn a_key_outside_the_roles_is_refused() {
    let text = ["version = 1\n", &role("a")].concat();
    let refusal = refusal(&[("x.toml", &text)]);
    assert_eq!(
        refusal,
        "\"x.toml\" line 1: unknown field `version`, expected `roles`"
    );
}

#[test]
fn a_value_of_another_type_is_named_with_its_key() {
    let refusal = refusal(&[("x.toml", "[roles.a]\nmembers = \"group:a\"\n")]);
    assert_eq!(
        refusal,
        "\"x.toml\" line 2: invalid type: string \"group:a\", expected a sequence in `roles.a.members`"
    );
}

#[test]
fn a_file_without_roles_is_refused() {
    assert_eq!(
        refusal(&[("x.toml", "")]),
        "\"x.toml\" line 1: missing field `roles`"
    );
    assert_eq!(
        refusal(&[("x.toml", "[roles]\n")]),
        "\"x.toml\": roles: no [roles.NAME] table in this file"
    );
    assert!(refusal(&[]).starts_with("no role: a *.toml file"));
    assert!(refusal(&[("rbac.tml", &role("a"))]).starts_with("no role: a *.toml file"));
}

#[test]
fn a_half_written_file_is_refused() {
    let text = role("a");
    let whole = Rbac::configure(&[File::new("x.toml", text.clone())]);
    assert!(whole.is_ok());
    let rules_start = text.find("\"+@read\"").unwrap();
    for end in 0..rules_start {
        assert!(
            Rbac::configure(&[File::new("x.toml", &text[..end])]).is_err(),
            "{end}"
        );
    }
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let error = Rbac::configure(&[File::new("x.toml", b"\xff")]).unwrap_err();
    assert_eq!(error, r#"file "x.toml" is not UTF-8 at byte 0"#);
}

#[test]
fn every_problem_of_every_role_is_told() {
    let text = "[roles.a]\nmembers = []\nrules = [\"+@read\", \"nopass\"]\nsession_seconds = 0\n\
                [roles.\"b c\"]\nmembers = [\"analysts\"]\nrules = [\"~a:*\"]\n";
    let refusal = refusal(&[("x.toml", text)]);
    for part in [
        "roles.a.members: empty",
        "roles.a.rules[1]: ",
        "roles.a.session_seconds: 0 is out of range: 1 to 31536000 seconds",
        "roles.b c: a role's name",
        "roles.b c.members[0]: \"analysts\" is not a member",
    ] {
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    assert!(!refusal.contains('\n'));
}

#[test]
fn a_role_that_gives_nothing_is_refused() {
    for rules in ["[]", "[\"~a:*\"]", "[\"-@write\", \"~a:*\"]"] {
        let text = format!("[roles.a]\nmembers = [\"group:a\"]\nrules = {rules}\n");
        assert!(
            refusal(&[("x.toml", &text)]).contains("roles.a.rules"),
            "{rules}"
        );
    }
}

#[test]
fn what_is_no_permission_is_refused() {
    for rule in [
        "on",
        "nopass",
        ">secret",
        "reset",
        "resetkeys",
        "#abc",
        "(+@all ~*)",
        "+@all ~*",
        "",
    ] {
        let text = format!("[roles.a]\nmembers = [\"group:a\"]\nrules = [\"+@read\", {rule:?}]\n");
        assert!(
            refusal(&[("x.toml", &text)]).contains("roles.a.rules[1]"),
            "{rule}"
        );
    }
}

#[test]
fn session_seconds_outside_their_bounds_are_refused() {
    for seconds in [
        "-1",
        "0",
        "31536001",
        "9223372036854775807",
        "1.5",
        "\"60\"",
    ] {
        let text = format!("{}session_seconds = {seconds}\n", role("a"));
        assert!(
            refusal(&[("x.toml", &text)]).contains("roles.a.session_seconds"),
            "{seconds}"
        );
    }
}

#[test]
fn lists_are_bounded() {
    let roles: String = (0..=MAX_ROLES).map(|i| role(&format!("r{i}"))).collect();
    assert_eq!(refusal(&[("x.toml", &roles)]), "more than 10000 roles");
    let members = "\"user:a\",".repeat(MAX_MEMBERS + 1);
    let text = format!("[roles.a]\nmembers = [{members}]\nrules = [\"+get\"]\n");
    assert!(refusal(&[("x.toml", &text)]).contains(".members: more than 1000"));
    let rules = "\"+get\",".repeat(MAX_RULES + 1);
    let text = format!("[roles.a]\nmembers = [\"user:a\"]\nrules = [{rules}]\n");
    assert!(refusal(&[("x.toml", &text)]).contains(".rules: more than 200"));
}

#[test]
fn control_characters_never_reach_the_log() {
    let refusal = refusal(&[(
        "x.toml",
        "\"a\\u0007\\n\" = 1\n[roles.\"b\\u001b\"]\nmembers = []\nrules = []\n",
    )]);
    assert!(!refusal.contains(|c: char| c.is_control()), "{refusal:?}");
}
