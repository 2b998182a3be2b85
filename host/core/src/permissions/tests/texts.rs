//! The rule string, word by word.

use proptest::prelude::*;

use super::*;

#[test]
fn a_single_grant_goes_into_the_root() {
    let text = rendered(
        "+ping +select",
        &["+@read ~a:* %R~b &n.*"],
        &["-@dangerous"],
        false,
    )
    .rules;
    assert_eq!(
        text,
        "reset on resetchannels -@all +@read +ping +select -@dangerous %R~b ~a:* &n.*"
    );
    let text = rendered("+ping +select", &["+@read ~a:* db=1"], &[], true).rules;
    assert_eq!(
        text,
        "reset on resetchannels resetdbs -@all +@read +ping +select ~a:* db=1"
    );
}

#[test]
fn several_grants_are_quoted_selectors_that_repeat_the_denials() {
    let grants = ["+get ~a:*", "+set ~b:*"];
    let text = rendered("+ping", &grants, &["-keys"], false).rules;
    assert_eq!(
        text,
        "reset on resetchannels -@all +ping -keys \"(resetchannels -@all +get -keys ~a:*)\" \
         \"(resetchannels -@all +set -keys ~b:*)\""
    );
    let text = rendered("+ping", &grants, &["-keys"], true).rules;
    assert_eq!(
        text,
        "reset on resetchannels resetdbs -@all +ping -keys \"(resetchannels resetdbs -@all +get -keys ~a:* alldbs)\" \
         \"(resetchannels resetdbs -@all +set -keys ~b:* alldbs)\""
    );
}

#[test]
fn the_right_to_select_goes_along_where_it_is_checked_against_databases() {
    let grants = ["+get ~a:* db=0", "+set ~b:* db=1"];
    let text = rendered("+ping +select", &grants, &[], true).rules;
    assert!(text.contains("+get +select ~a:* db=0)"), "{text}");
    let text = rendered("+ping +select", &grants, &["-select"], true).rules;
    assert!(!text.contains("+get +select"), "{text}");
    let text = rendered("+ping", &grants, &[], true).rules;
    assert!(!text.contains("select "), "{text}");
}

#[test]
fn a_grants_own_denials_do_not_reach_the_base_rules() {
    let text = rendered("+ping", &["+@fast -@connection ~a"], &[], false).rules;
    assert!(text.contains("-@connection +ping ~a"), "{text}");
}

#[test]
fn base_rules_that_could_use_a_grants_keys_keep_the_root_to_themselves() {
    for base_rules in ["+ping +get", "+subscribe", "+@read", "+mod.bare"] {
        let text = rendered(base_rules, &["+set ~a &b"], &[], false).rules;
        assert!(
            text.ends_with("\"(resetchannels -@all +set ~a &b)\""),
            "{text}"
        );
    }
}

#[test]
fn everything_is_said_without_the_word_that_reaches_future_commands() {
    for restrictions in [&[][..], &["-@dangerous"]] {
        let text = rendered("+ping", &["+get +@all ~*"], restrictions, false).rules;
        assert!(
            text.contains("-@all +@fast +@slow +mod.bare +mod.get +ping"),
            "{text}"
        );
        assert!(!text.contains("+@all"), "{text}");
    }
    let text = rendered("", &["+@all -@all +get ~*"], &[], false).rules;
    assert_eq!(text, "reset on resetchannels -@all +get ~*");
}

#[test]
fn grants_over_the_same_keys_are_one_selector() {
    let one = rendered("", &["+get ~a:* ~b", "+set ~b ~a:*"], &[], false);
    assert_eq!(
        (one.rules.as_str(), one.grants),
        ("reset on resetchannels -@all +get +set ~a:* ~b", 1)
    );
    for (a, b) in [
        ("+get ~a", "+set %R~a"),
        ("+get ~a", "+set ~a &c"),
        ("+get ~a db=1", "+set ~a"),
        ("+@read -get ~a", "+get ~a"),
    ] {
        let two = rendered("", &[a, b], &[], true);
        assert_eq!(two.grants, 2, "{a} and {b} do not mix: {}", two.rules);
    }
}

#[test]
fn backslashes_are_doubled_inside_quotes_and_only_there() {
    let text = rendered("", &[r"+get ~a\*", r"+set ~b\\"], &[], false).rules;
    assert!(
        text.contains(r#""(resetchannels -@all +get ~a\\*)""#),
        "{text}"
    );
    assert!(
        text.contains(r#""(resetchannels -@all +set ~b\\\\)""#),
        "{text}"
    );
    let text = rendered("", &[r"+get ~a\*"], &[], false).rules;
    assert!(text.ends_with(r" ~a\*"), "{text}");
}

#[test]
fn beside_any_key_no_other_is_written() {
    let text = rendered("", &["+get ~a ~* %R~b &* &c"], &[], false).rules;
    assert!(text.ends_with("+get ~* &*"), "{text}");
    let text = rendered("", &["+get %R~* ~a"], &[], false).rules;
    assert!(text.ends_with("+get %R~* ~a"), "{text}");
}

#[test]
fn no_grant_leaves_the_base_rules_and_says_so() {
    let none = rendered("+ping", &[], &["-keys"], true);
    assert!(none.grants_nothing());
    assert_eq!(
        none.rules,
        "reset on resetchannels resetdbs -@all +ping -keys"
    );
}

#[test]
fn the_default_base_rules_are_sound() {
    let rules = BaseRules::default();
    assert_ne!(rules, BaseRules::none());
    assert_eq!(base(&rules.to_string()), rules);
    for text in [
        "-ping", "~a", "&a", "db=0", "+@all", "nopass", "alldbs", "+a|b|c",
    ] {
        assert!(BaseRules::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_may_run_is_asked_of_base_rules_and_grants_after_the_denials() {
    let permissions = compose(
        "+ping",
        &["+@all ~*", "+monitor ~b"],
        &["-monitor -config|set"],
    );
    let server = server(false);
    for (command, runs) in [
        ("ping", true),
        ("get", true),
        ("monitor", false),
        ("config|set", false),
        ("nosuch", false),
    ] {
        assert_eq!(
            permissions.runnable(&server).contains(command),
            runs,
            "{command}"
        );
    }
}

#[test]
fn a_description_matches_only_what_was_rendered() {
    let one = rendered(
        "+ping",
        &["+@read -get +get ~a &c db=0,1", r"+set %R~b\*"],
        &["-client -client|kill"],
        true,
    );
    let root = "on sanitize-payload resetchannels resetdbs -@all +ping -client -client|kill";
    let first = "(~a resetchannels &c db=0,1 -@all +@read +get -client -client|kill)";
    let second = r"(%R~b\* resetchannels -@all +set -client -client|kill)";
    assert!(
        one.matches(&format!("{root} {first} {second}")),
        "{}",
        one.rules
    );
    for other in [
        String::new(),
        root.to_owned(),
        format!("{root} {first}"),
        format!("{root} {second} {first}"),
        format!("{root} {first} {second} {second}"),
        format!("{root} {first} {second}").replace("on ", "off "),
        format!("{root} {first} {second}").replace("on ", "on nopass "),
        format!("{root} {first} {second}").replace("on ", "on #00 "),
        format!("{root} {first} {second}").replace("~a", "~a ~b"),
        format!("{root} {first} {second}").replace("&c", "&*"),
        format!("{root} {first} {second}").replace("db=0,1", "db=0"),
        format!("{root} {first} {second}").replace("resetdbs ", ""),
        format!("{root} {first} {second}").replace("-client|kill)", ")"),
        format!("{root} {first} {second}").replace("+set", "+set +get"),
        format!("{root} {first} {second}").replace("-@all", "+@all"),
        format!("{root} {first} {second}").replace("%R~", "~"),
        format!("{root} {first} {second} x"),
        format!("{root} {first} {second} ("),
    ] {
        assert!(!one.matches(&other), "{other}");
    }
}

/// What a server does with a rule string before anything else.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = text.chars().peekable();
    while characters.peek().is_some() {
        let mut word = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next().expect("the quote closes") {
                    '"' => break,
                    '\\' => word.push(characters.next().expect("something follows a backslash")),
                    other => word.push(other),
                }
            }
            assert!(matches!(characters.next(), None | Some(' ')));
        } else {
            word.extend(std::iter::from_fn(|| characters.next_if(|c| *c != ' ')));
            characters.next();
        }
        words.push(word);
    }
    words
}

proptest! {
    #[test]
    fn no_value_of_a_claim_breaks_out_of_its_rule(value in "[ -~]{1,24}") {
        let Ok(pattern) = warden_rules::Pattern::prefix(&value) else { return Ok(()) };
        let rule = format!("~{pattern}");
        let permissions = Permissions::compose(
            &base(""),
            vec![Grant::parse(&["+get", &rule]).expect("a grant"), grant("+set ~other")],
            vec![],
        );
        let words = split(&permissions.render(&server(false)).expect("renders").rules);
        let mut selectors = [format!("(resetchannels -@all +get {rule})"), "(resetchannels -@all +set ~other)".to_owned()];
        let mut last = words[words.len() - 2..].to_vec();
        selectors.sort();
        last.sort();
        prop_assert_eq!(last, selectors.to_vec());
        prop_assert_eq!(&words[..4], ["reset", "on", "resetchannels", "-@all"]);
    }
}
