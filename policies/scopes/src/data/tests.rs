//! What data is refused, and with which words.

use warden_sdk::{ClaimSelection, Describe, File, Policy, Reads};

use super::*;

const SOUND: &str = "prefix = \"v.\"\n[scopes.read]\nrules = [\"+get\", \"~{tenant}:*\"]\n\
    [patterns.get]\nrules = [\"+get\", \"%R~{pattern}\"]\nwithin = [\"a:*\"]\n\
    [claims]\ntenant = \"/tenant\"\n";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Scopes::configure(&files).unwrap_err()
}

/// The refusal of sound data with these lines behind it.
fn with(lines: &str) -> String {
    refusal(&[("scopes.toml", &[SOUND, lines].concat())])
}

#[test]
fn sound_data_is_taken() {
    let whole = "prefix = \"\"\nauthenticators = [\"corp\"]\nignore = [\"openid\", \"reed:x\"]\n\
        [patterns.get]\nrules = [\"+get\", \"-@dangerous\", \"~{{tenant}}:{pattern}\", \"&x\"]\n\
        within = [\"*\", \"a\", \"b:{org}:*\"]\n\
        [scopes.\"https://api.example.com/read\"]\nrules = [\"+@read\", \"~{user}\", \"db=0\"]\n\
        [aliases]\n\"any name\" = [\"https://api.example.com/read\", \"get:x*\"]\n\
        [claims]\ntenant = \"/tenant\"\norg = \"/https:~1~1example.com~1org/0/~0id\"\n";
    for text in [SOUND, whole] {
        let files = [File::new("scopes.toml", text), File::new("scopes.md", "x")];
        assert!(Scopes::configure(&files).is_ok(), "{text}");
    }
}

#[test]
fn data_is_one_file() {
    assert!(refusal(&[]).starts_with("no data: scopes.toml"));
    assert_eq!(
        refusal(&[("scopes.d/a.toml", SOUND), ("scopes.toml", SOUND)]),
        r#""scopes.toml": the data stands in "scopes.d/a.toml" already, it is one file"#
    );
}

#[test]
fn the_shape_is_strict() {
    for (text, part) in [
        ("[scopes.a]\nrules = []\n", "missing field `prefix`"),
        (
            "prefix = \"\"\nprefixes = 1\n",
            "line 2: unknown field `prefixes`, expected one of `prefix`, `authenticators`, `ignore`, `patterns`, `scopes`, `aliases`, `claims`",
        ),
        ("prefix = 1\n", "line 1: invalid type: integer `1`"),
        (
            "prefix = \"\"\n[patterns.a]\nrules = []\n",
            "missing field `within`",
        ),
        (
            "prefix = \"\"\n[scopes.a]\nmembers = []\n",
            "unknown field `members`, expected `rules`",
        ),
        ("prefix = \"\"\n", "scopes: gives nothing"),
    ] {
        let refusal = refusal(&[("scopes.toml", text)]);
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    let error = Scopes::configure(&[File::new("scopes.toml", b"\xff")]).unwrap_err();
    assert_eq!(error, r#"file "scopes.toml" is not UTF-8 at byte 0"#);
}

#[test]
fn a_half_written_file_is_refused() {
    for end in 0..SOUND.len() - 1 {
        // A whole table less, or a whole list, is sound data of its own.
        let cut = &SOUND[..end];
        let whole = cut.ends_with(']') || cut.ends_with("]\n");
        let taken = Scopes::configure(&[File::new("scopes.toml", cut)]).is_ok();
        assert!(whole || !taken, "{cut}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let text = r#"
prefix = "my scopes."
authenticators = ["Corp"]
ignore = []
[patterns.read]
rules = ["%R~{pattern}"]
within = []
[patterns."a b"]
rules = ["+get", "~{pattern}:x", "~*{pattern}"]
within = ["a?", "{user}:*", "{pattern}"]
[patterns.all]
rules = ["+get", "~{tenant}:*"]
within = ["*"]
[scopes."read:x"]
rules = []
[scopes.a]
rules = ["+get", "~{pattern}", "~{tennant}:*", "nopass", "~{tenant}*"]
[scopes."a,b"]
rules = ["~x"]
[claims]
tenant = "/tenant"
"#;
    let refusal = refusal(&[("scopes.toml", text)]);
    for part in [
        "prefix: a prefix takes",
        "authenticators[0]: \"Corp\" is no authenticator's id",
        "ignore: empty: leave it out",
        "patterns.read.rules: no rule gives a command",
        "patterns.read.within: empty: name the bounds",
        "patterns.a b: a word takes 1 to 64",
        "patterns.a b.rules[1]: \"~{pattern}:x\": {pattern} stands at the rule's end",
        "patterns.a b.rules[2]: ",
        "patterns.a b.within[0]: \"a?\" is no bound",
        "patterns.a b.within[2]: \"{pattern}\": {pattern} is no place here: give it a claim in [claims], and write \\{ for a brace",
        "patterns.all.rules: no rule takes the pattern",
        "scopes.read:x: could be [scopes.\"read:x\"] or a pattern of [patterns.read]",
        "scopes.read:x.rules: empty: give at least one rule",
        "scopes.a.rules[1]: \"~{pattern}\": {pattern} is no place here",
        "scopes.a.rules[2]: \"~{tennant}:*\": {tennant} is no place here: give it a claim in [claims]",
        "scopes.a.rules[3]: rule \"nopass\": not a permission",
        "scopes.a.rules[4]: \"{tenant}*\": put a character between {tenant} and the wildcard",
        "scopes.a,b: a scope's name, without the prefix, takes",
        "scopes.a,b.rules: no rule gives a command",
    ] {
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    assert!(!refusal.contains('\n'));
}

#[test]
fn an_alias_stands_for_what_is_there_and_lies_inside() {
    for (lines, part) in [
        (
            "x = [\"reed\"]",
            "aliases.x[0]: \"reed\" is none of our scopes: neither",
        ),
        (
            "x = [\"v.read\"]",
            "aliases.x[0]: \"v.read\" is none of our scopes",
        ),
        (
            "x = [\"get:a?\"]",
            "the only wildcard of a scope's pattern is '*': it holds '?'",
        ),
        (
            "x = [\"get:b:*\"]",
            "aliases.x[0]: \"get:b:*\" lies outside [patterns.get] within",
        ),
        ("x = [\"x\"]", "aliases.x[0]: \"x\" is none of our scopes"),
        ("x = []", "aliases.x: empty"),
        ("\"\" = [\"read\"]", "a scope takes 1 to 256 bytes"),
        (
            "\"v.read\" = [\"read\"]",
            "aliases.v.read: means something already",
        ),
        (
            "\"v.get:x\" = [\"read\"]",
            "aliases.v.get:x: means something already",
        ),
    ] {
        let refusal = with(&format!("[aliases]\n{lines}\n"));
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    let ignored =
        SOUND.replace("prefix", "ignore = [\"x\"]\nprefix") + "[aliases]\n\"v.x\" = [\"read\"]\n";
    assert!(refusal(&[("scopes.toml", &ignored)]).contains("aliases.v.x: means something already"));
}

#[test]
fn what_is_ignored_means_nothing_else() {
    for name in ["read", "get:x"] {
        let text = format!("ignore = [\"x\", \"{name}\"]\n{SOUND}");
        let refusal = refusal(&[("scopes.toml", &text)]);
        assert!(
            refusal.contains("ignore[1]: means something already"),
            "{refusal}"
        );
    }
}

#[test]
fn lists_are_bounded() {
    let rules = "\"+get\",".repeat(MAX_RULES + 1);
    let refusal = with(&format!("[scopes.b]\nrules = [{rules}]\n"));
    assert!(refusal.contains("scopes.b.rules: more than 200"));
    let scopes: String = (0..=MAX_NAMED)
        .map(|n| format!("[scopes.s{n}]\nrules = [\"+get\"]\n"))
        .collect();
    assert!(with(&scopes).contains("scopes: more than 1000 scopes"));
    let words: String = (0..=MAX_WORDS)
        .map(|n| {
            format!("[patterns.w{n}]\nrules = [\"+get\", \"~{{pattern}}\"]\nwithin = [\"*\"]\n")
        })
        .collect();
    assert!(with(&words).contains("patterns: more than 64 words"));
    let within = "\"*\",".repeat(MAX_WITHIN + 1);
    let text = format!("[patterns.w]\nrules = [\"+get\", \"~{{pattern}}\"]\nwithin = [{within}]\n");
    assert!(with(&text).contains("patterns.w.within: more than 64"));
}

#[test]
fn a_claim_is_named_for_a_place_that_is_there() {
    let tenant = "tenant = \"/tenant\"\n";
    for (line, part) in [
        (
            "user = \"/sub\"",
            "claims.user: user, authenticator and pattern have values of their own",
        ),
        (
            "pattern = \"/sub\"",
            "claims.pattern: user, authenticator and pattern have",
        ),
        (
            "org = \"/org\"",
            "claims.org: stands in no rule and in no within",
        ),
        ("\"a b\" = \"/org\"", "claims.a b: stands in no rule"),
        ("org = 1", "invalid type: integer `1`, expected a string"),
    ] {
        let text = SOUND.replace(tenant, &[tenant, line, "\n"].concat());
        let refusal = refusal(&[("scopes.toml", &text)]);
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    for pointer in ["", "tenant", "/te~nant", "/a\\u0000"] {
        let text = SOUND.replace("\"/tenant\"", &format!("\"{pointer}\""));
        let refusal = refusal(&[("scopes.toml", &text)]);
        assert!(
            refusal.contains("points to no claim: write a JSON Pointer"),
            "{refusal}"
        );
    }
    let many: String = (0..=MAX_CLAIMS)
        .map(|n| format!("c{n} = \"/c\"\n"))
        .collect();
    let text = SOUND.replace(tenant, &many);
    assert!(refusal(&[("scopes.toml", &text)]).contains("claims: more than 32 claims"));
}

/// [claims] that names each of these where a token has it.
fn claims(names: &[&str]) -> String {
    let lines = names.iter().map(|name| format!("{name} = \"/{name}\"\n"));
    ["[claims]\n".to_owned(), lines.collect()].concat()
}

#[test]
fn who_has_more_than_can_be_granted_is_told_so() {
    let scopes = |scopes: usize, rules: usize| -> String {
        let rules = "\"+get\",".repeat(rules);
        (0..scopes)
            .map(|n| format!("[scopes.s{n}]\nrules = [{rules} \"~x{n}:{{tenant}}\"]\n"))
            .collect()
    };
    let holder = |count: usize, tenants: usize| {
        let zoe = warden_sdk::Principal::new("corp", "zoe").with_sole_authenticator();
        let zoe = (0..count).fold(zoe, |zoe, n| zoe.with_scope(format!("corp/s{n}")));
        let tenants: Vec<String> = (0..tenants).map(|n| n.to_string()).collect();
        warden_sdk::Request::new(zoe).with_claim(warden_sdk::Claim::of("/tenant", tenants))
    };
    for (count, tenants, denied) in [
        (64, 2, false),
        (65, 2, true),
        (64, 32, false),
        (1, 33, true),
    ] {
        let text = [
            "prefix = \"\"\n".to_owned(),
            scopes(count, 1),
            claims(&["tenant"]),
        ]
        .concat();
        let policy = Scopes::configure(&[File::new("scopes.toml", text)]).unwrap();
        let verdict = policy.evaluate(&holder(count, tenants));
        assert_eq!(verdict.denial().is_some(), denied, "{count} of {tenants}");
        assert_eq!(verdict.grants().is_empty(), denied, "{count} of {tenants}");
    }
    // The longest names of as many as can be granted are in labels the host takes.
    let name = |n: usize| format!("{n:a>100}");
    let text: String = (0..64)
        .map(|n| format!("[scopes.{}]\nrules = [\"+get\"]\n", name(n)))
        .collect();
    let text = format!("prefix = \"\"\n{text}");
    let policy = Scopes::configure(&[File::new("scopes.toml", text)]).unwrap();
    let zoe = warden_sdk::Principal::new("corp", "zoe").with_sole_authenticator();
    let zoe = (0..64).fold(zoe, |zoe, n| zoe.with_scope(format!("corp/{}", name(n))));
    let verdict = policy.evaluate(&warden_sdk::Request::new(zoe));
    assert_eq!((verdict.grants().len(), verdict.labels().len()), (64, 32));
    // Each combination of values is a rule.
    let scope = "prefix = \"\"\n[scopes.s0]\nrules = [\"+get\", \"~{tenant}:{org}:x\"]\n";
    let text = [scope, &claims(&["tenant", "org"])].concat();
    let policy = Scopes::configure(&[File::new("scopes.toml", text)]).unwrap();
    for (orgs, denied) in [(15, false), (32, true)] {
        let orgs: Vec<String> = (0..orgs).map(|n| n.to_string()).collect();
        let request = holder(1, 16).with_claim(warden_sdk::Claim::of("/org", orgs));
        let verdict = policy.evaluate(&request);
        assert_eq!(verdict.denial().is_some(), denied, "{verdict}");
    }
}

#[test]
fn the_policy_reads_the_claims_of_its_data_and_nothing_else() {
    assert_eq!(Scopes::DESCRIPTION.name, "scopes");
    assert_eq!(Scopes::DESCRIPTION.claims, ClaimSelection::None);
    assert!(Scopes::DESCRIPTION.inputs.is_empty());
    let text = SOUND.replace("/tenant", "/org/unit");
    let policy = Scopes::configure(&[File::new("scopes.toml", text)]).unwrap();
    assert_eq!(policy.reads(), Some(Reads::nothing().claim("/org/unit")));
    let text = "prefix = \"\"\n[scopes.s]\nrules = [\"+get\", \"~{user}\"]\n";
    let policy = Scopes::configure(&[File::new("scopes.toml", text)]).unwrap();
    assert_eq!(policy.reads(), Some(Reads::nothing()));
}
