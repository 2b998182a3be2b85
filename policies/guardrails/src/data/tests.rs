//! What data is refused, and with which words.

use warden_sdk::{ClaimSelection, Describe, File, Input, Policy};

use super::*;
use crate::Guardrails;

const SOUND: &str = "[[rules]]\nname = \"a\"\ndays = [\"sun\"]\ndenials = [\"-@write\"]\n";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Guardrails::configure(&files).unwrap_err()
}

/// One rule of these lines.
fn rule(lines: &str) -> String {
    format!("[[rules]]\nname = \"a\"\n{lines}\n")
}

#[test]
fn several_files_are_read_as_one_in_their_order() {
    let files = [
        File::new("guardrails.d/z.toml", SOUND.replace("\"a\"", "\"z\"")),
        File::new("guardrails.toml", SOUND),
        File::new("guardrails.d/README.md", "not for us"),
    ];
    let rules = read(&files).unwrap();
    assert_eq!(rules.iter().map(Rule::name).collect::<Vec<_>>(), ["z", "a"]);
}

#[test]
fn a_name_stands_once() {
    assert_eq!(
        refusal(&[("x.toml", SOUND), ("y.toml", SOUND)]),
        r#""y.toml": rules[0].name: a rule of this name stands in "x.toml" already"#
    );
    let twice = refusal(&[("x.toml", &[SOUND, SOUND].concat())]);
    assert!(
        twice.contains("rules[1].name: a rule of this name"),
        "{twice}"
    );
}

#[test]
fn a_file_without_rules_is_refused() {
    assert_eq!(
        refusal(&[("x.toml", "")]),
        "\"x.toml\" line 1: missing field `rules`"
    );
    assert_eq!(
        refusal(&[("x.toml", "rules = []\n")]),
        "\"x.toml\": rules: no [[rules]] table in this file"
    );
    assert!(refusal(&[]).starts_with("no rule: a *.toml file"));
    assert!(refusal(&[("x.tml", SOUND)]).starts_with("no rule: a *.toml file"));
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    let text = rule("member = []");
    let refusal = refusal(&[("x.toml", &text)]);
    assert!(
        refusal.starts_with("\"x.toml\" line 3: unknown field `member`, expected one of `name`, `members`, `not_members`, "),
        "{refusal}"
    );
}

#[test]
fn a_half_written_file_is_refused() {
    for end in 0..SOUND.len() - 1 {
        let files = [File::new("x.toml", &SOUND[..end])];
        assert!(Guardrails::configure(&files).is_err(), "{end}");
    }
}

#[test]
fn a_rule_does_exactly_one_kind_of_thing() {
    let refused = |lines: &str| refusal(&[("x.toml", &rule(lines))]);
    assert!(refused("days = [\"sun\"]").contains("rules[0]: does nothing"));
    let both = "days = [\"sun\"]\ndeny_login = \"closed\"\nkeys = []";
    assert!(refused(both).contains("rules[0].deny_login: who is refused needs no"));
    assert!(refused("deny_login = \"closed\"").contains("refuses everybody at any time"));
    let files = [File::new("x.toml", rule("denials = [\"-flushall\"]"))];
    assert!(
        Guardrails::configure(&files).is_ok(),
        "for everybody, always"
    );
}

#[test]
fn every_problem_of_every_rule_is_told() {
    let text = "[[rules]]\nname = \"a b\"\nmembers = [\"group:x\", \"x\"]\nnot_members = []\n\
                addresses = [\"10.1.2.3/8\", \"home\"]\nhours = [\"8-9\"]\ndays = [\"Mon\"]\n\
                denials = [\"+get\", \"nopass\"]\nkeys = [\"~*\", \"~a?\", \"&x\"]\n\
                channels = [\"&*\", \"~x\"]\ndatabases = [4294967295]\n\
                [[rules]]\nname = \"c\"\ndays = [\"sun\"]\ndeny_login = \"a\\nb\"\n";
    let refusal = refusal(&[("x.toml", text)]);
    for part in [
        "rules[0].name: a rule's name",
        "rules[0].members[0]: \"group:x\" lacks its authenticator",
        "rules[0].members[1]: \"x\" is not a member",
        "rules[0].not_members: empty",
        "rules[0].addresses[0]: \"10.1.2.3/8\" has bits behind its length: did you mean \"10.0.0.0/8\"?",
        "rules[0].addresses[1]: \"home\" is no range",
        "rules[0].hours[0]: \"8-9\" are no hours",
        "rules[0].days[0]: \"Mon\" is no day",
        "rules[0].denials[0]: \"+get\" is not a denial",
        "rules[0].denials[1]: ",
        "rules[0].keys[0]: \"~*\" bounds nothing",
        "rules[0].keys[1]: a restriction takes",
        "rules[0].keys[2]: \"&x\" is not about keys",
        "rules[0].channels[0]: \"&*\" bounds nothing",
        "rules[0].channels[1]: \"~x\" is not about channels",
        "rules[0].databases[0]: 4294967295 is the number of no database",
        "rules[1].deny_login: takes one line",
    ] {
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    assert!(!refusal.contains('\n'));
}

#[test]
fn conditions_and_bounds_with_nothing_in_them_are_refused_where_they_would_open() {
    for key in [
        "members",
        "not_members",
        "addresses",
        "not_addresses",
        "hours",
        "days",
        "denials",
        "databases",
    ] {
        let text = rule(&format!("{key} = []\nkeys = []"));
        let refusal = refusal(&[("x.toml", &text)]);
        assert!(
            refusal.contains(&format!("rules[0].{key}: empty")),
            "{refusal}"
        );
    }
    let files = [File::new("x.toml", rule("keys = []\nchannels = []"))];
    assert!(
        Guardrails::configure(&files).is_ok(),
        "no keys and no channels"
    );
}

#[test]
fn lists_are_bounded() {
    let rules: String = (0..=MAX_RULES)
        .map(|i| SOUND.replace("\"a\"", &format!("\"r{i}\"")))
        .collect();
    assert_eq!(refusal(&[("x.toml", &rules)]), "more than 32 rules");
    let long = format!("denials = [{}]", "'-get',".repeat(200));
    let rules: String = (0..21)
        .map(|i| rule(&long).replace("\"a\"", &format!("\"r{i}\"")))
        .collect();
    assert_eq!(
        refusal(&[("x.toml", &rules)]),
        "more than 4096 denials, bounds and databases in all rules together"
    );
    for (key, entry, most) in [
        ("members", "'user:corp/a'", 1000),
        ("addresses", "'::1'", 200),
        ("hours", "'01:00-02:00'", 8),
        ("days", "'sun'", 7),
        ("denials", "'-get'", 200),
        ("keys", "'~a'", 200),
        ("databases", "1", 200),
    ] {
        let list = format!("{entry},").repeat(most + 1);
        let lines = if key == "denials" {
            String::new()
        } else {
            "denials = ['-get']\n".to_owned()
        };
        let text = rule(&format!("{lines}{key} = [{list}]"));
        let refusal = refusal(&[("x.toml", &text)]);
        assert!(
            refusal.contains(&format!("{key}: more than {most}")),
            "{refusal}"
        );
    }
}

#[test]
fn the_policy_reads_the_address_and_the_clock() {
    assert_eq!(Guardrails::DESCRIPTION.name, "guardrails");
    assert_eq!(Guardrails::DESCRIPTION.claims, ClaimSelection::None);
    assert_eq!(
        Guardrails::DESCRIPTION.inputs,
        [Input::ClientAddress, Input::Clock]
    );
}
