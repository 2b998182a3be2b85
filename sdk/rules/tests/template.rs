//! For every template and every value: a filled rule is of its template's kind, names
//! what holds the value as it is, and never meets the rule of another value.
//!
//! In: generated templates and values, thick with what means something in a rule.
//! Nothing is judged by the templates' own escaping: rules are read back by the
//! rules' parser, and names are matched by its matcher.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "this is test code: a failed expectation is a failed test"
)]

use proptest::prelude::*;
use warden_rules::{Access, AclRule, Pattern, PatternTemplate, Template};

/// Pieces of a template; `{a}` and `{b}` are places.
fn template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just("{a}:"),
        2 => Just(":{a}"),
        1 => Just("{b}."),
        1 => Just("{{a}}"),
        1 => Just("{a}"),
        2 => Just(":"),
        1 => Just("."),
        2 => Just("x"),
        2 => Just("*"),
        1 => Just("?"),
        1 => Just("[a-c]"),
        1 => Just(r"\*"),
        1 => Just(r"\{"),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// Text of what means something to a rule, a glob or a template.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ax]{1,2}",
        3 => r#"[*?\[\]\\^{}:/.x~&%+@()"' -]"#,
        1 => Just("{a}".to_owned()),
        1 => Just(" ~* +@all".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// A name that a template's pattern matches: wildcards replaced by this text, which
/// may be anything that another value's rule would like to see there.
fn name(template: &str, a: &str, b: &str, any: &str) -> String {
    let one = any.chars().next().unwrap_or('q').to_string();
    let one = if one.len() == 1 { one } else { "q".to_owned() };
    template
        .replace(r"\*", "\u{1}")
        .replace(r"\{", "\u{2}")
        .replace("[a-c]", "b")
        .replace('*', any)
        .replace('?', &one)
        .replace("{a}", a)
        .replace("{b}", b)
        .replace('\u{1}', "*")
        .replace('\u{2}', "{")
}

fn fill(template: &PatternTemplate, a: &str, b: &str) -> Option<Pattern> {
    let value = |place: &str| match place {
        "a" => Some(a),
        "b" => Some(b),
        _ => None,
    };
    template.fill(value).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn a_filled_rule_is_one_rule_of_its_kind(text in template(), a in value(), b in value()) {
        for (sign, access) in [("~", Some(Access::ReadWrite)), ("%R~", Some(Access::Read)), ("&", None)] {
            let Ok(template) = Template::parse(&[sign, &text].concat()) else { continue };
            let value = |place: &str| Some(if place == "a" { a.as_str() } else { b.as_str() });
            let Ok(rule) = template.fill(value) else { continue };
            let printed = rule.to_string();
            prop_assert!(!printed.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'()".contains(c)));
            prop_assert_eq!(AclRule::parse(&printed), Ok(rule.clone()));
            match (rule, access) {
                (AclRule::Keys(kept, _), Some(access)) => prop_assert_eq!(kept, access),
                (AclRule::Channels(_), None) => {}
                (other, _) => prop_assert!(false, "{} became {}", text, other),
            }
        }
    }

    #[test]
    fn a_filled_pattern_names_what_holds_the_value_as_it_is(
        text in template(), a in value(), b in value(), any in value(), near in value(),
    ) {
        let Ok(template) = PatternTemplate::parse(&text) else { return Ok(()) };
        let Some(pattern) = fill(&template, &a, &b) else { return Ok(()) };
        // The model below cannot tell wildcards of the template from those of a value.
        if [&a, &b, &any].iter().any(|v| v.contains(['{', '*', '?', '\\'])) {
            return Ok(());
        }
        let held = name(&text, &a, &b, &any);
        // To a server an empty name is named by no pattern.
        prop_assert!(held.is_empty() || pattern.matches(held.as_bytes()), "{} {:?}", pattern, held);
        // Without wildcards, nothing else.
        if !text.replace(r"\*", "").contains(['*', '?', '[']) {
            prop_assert_eq!(pattern.matches(near.as_bytes()), near == held);
        }
    }
}

/// Every name of up to six of these characters.
fn names() -> Vec<String> {
    let mut names = vec![String::new()];
    let mut last = names.clone();
    for _ in 0..6 {
        let longer = |name: &String| ["a", "x", ":"].map(|end| [name, end].concat());
        last = last.iter().flat_map(longer).collect();
        names.extend(last.clone());
    }
    names
}

/// Templates that may name one another's, whatever the values are.
fn short_template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{a}:", ":{a}", "*:{a}:*", ":", "x", "*", "?", "[a:]", ":*",
    ]);
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_two_values_reach_never_meets(text in short_template(), one in "[ax:]{1,3}", other in "[ax:]{1,3}") {
        let Ok(template) = PatternTemplate::parse(&text) else { return Ok(()) };
        if one == other || template.places().next().is_none() {
            return Ok(());
        }
        let (Some(a), Some(b)) = (fill(&template, &one, ""), fill(&template, &other, "")) else {
            return Ok(());
        };
        for name in names() {
            let both = a.matches(name.as_bytes()) && b.matches(name.as_bytes());
            prop_assert!(!both, "{name:?}: {a} and {b}");
        }
    }
}
