//! What is a rule, what is not, and that text and value say the same.

use proptest::prelude::*;

use super::*;
use crate::{PatternError, Tail};

fn refusal(text: &str) -> RuleError {
    AclRule::parse(text).expect_err(text)
}

#[test]
fn every_kind_of_permission_is_a_rule() {
    for (text, canonical) in [
        ("+get", "+get"),
        ("+GET", "+get"),
        ("-Config|Set", "-config|set"),
        ("+ft._list", "+ft._list"),
        ("+@ALL", "+@all"),
        ("-@dangerous", "-@dangerous"),
        ("~*", "~*"),
        ("%rw~a", "~a"),
        ("%WR~a", "~a"),
        ("%r~a~b", "%R~a~b"),
        ("%W~[^a-c]?\\**", "%W~[^a-c]?\\**"),
        ("&*", "&*"),
        ("db=3,1,1", "db=1,3"),
        ("alldbs", "alldbs"),
    ] {
        assert_eq!(AclRule::parse(text).expect(text).to_string(), canonical);
    }
}

#[test]
fn what_is_not_a_permission_is_refused() {
    for text in [
        "on",
        "off",
        "ON",
        "nopass",
        "reset",
        "resetpass",
        "resetkeys",
        "resetchannels",
        "resetdbs",
        "clearselectors",
        "sanitize-payload",
        "skip-sanitize-payload",
    ] {
        assert!(
            matches!(refusal(text), RuleError::NotPermission { .. }),
            "{text}"
        );
    }
    assert!(matches!(refusal("(+get ~a)"), RuleError::Selector { .. }));
    assert!(matches!(refusal("something"), RuleError::Unknown { .. }));
    assert_eq!(refusal(""), RuleError::Empty);
}

#[test]
fn a_password_in_a_rule_is_refused_and_not_repeated() {
    for text in [">hunter2", "<hunter2", "#hunter2", "!hunter2"] {
        let error = refusal(text);
        assert_eq!(error, RuleError::Password);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn an_alias_is_refused_with_what_to_write_instead() {
    for (text, instead) in [
        ("allkeys", "~*"),
        ("AllChannels", "&*"),
        ("allcommands", "+@all"),
        ("nocommands", "-@all"),
    ] {
        assert!(refusal(text).to_string().contains(instead), "{text}");
    }
}

#[test]
fn names_that_could_be_something_else_are_refused() {
    for text in [
        "+", "-", "+@", "+@a b", "+get ~*", " +get", "+get ", "+a|b|c", "+a|", "+|a", "+get\n",
        "++get", "+-get", "+gét", "+get\0", "+\"get\"", "+(get", "+*",
    ] {
        assert!(AclRule::parse(text).is_err(), "{text:?}");
    }
    assert!(AclRule::parse(&format!("+{}", "a".repeat(64))).is_ok());
    assert!(AclRule::parse(&format!("+{}", "a".repeat(65))).is_err());
}

#[test]
fn access_is_read_write_or_both() {
    for text in ["%~a", "%X~a", "%RR~a", "%R", "%R&a", "%RWR~a", "% R~a"] {
        assert!(matches!(refusal(text), RuleError::Access { .. }), "{text}");
    }
}

#[test]
fn a_list_of_databases_is_numbers_and_commas() {
    for text in [
        "db=",
        "db=,",
        "db=1,",
        "db=-1",
        "db=+1",
        "db= 1",
        "db=a",
        "db=4294967296",
        "db=2147483648",
        "db=0x1",
    ] {
        assert!(
            matches!(refusal(text), RuleError::Databases { .. }),
            "{text}"
        );
    }
}

#[test]
fn a_pattern_that_would_end_its_rule_is_refused() {
    for bad in [
        '"', '\'', '(', ')', ' ', '\t', '\r', '\n', '\0', '\u{b}', '\u{a0}', '\u{7f}', '\u{85}',
        '\u{2028}',
    ] {
        for text in [format!("~a{bad}b"), format!("&{bad}"), format!("%R~{bad}a")] {
            let error = refusal(&text);
            assert!(
                matches!(error, RuleError::Pattern { error: PatternError::Forbidden(c), .. } if c == bad),
                "{text:?}"
            );
        }
        assert_eq!(
            Pattern::literal(&format!("x{bad}")),
            Err(PatternError::Forbidden(bad))
        );
    }
}

#[test]
fn half_a_glob_is_refused() {
    for (text, error) in [
        ("a\\", PatternError::LoneBackslash),
        ("a[bc", PatternError::UnclosedClass),
        ("[", PatternError::UnclosedClass),
        ("[^", PatternError::UnclosedClass),
        ("[a-]", PatternError::UnclosedClass),
        ("[\\]", PatternError::UnclosedClass),
        ("", PatternError::Empty),
    ] {
        assert_eq!(Pattern::parse(text), Err(error), "{text}");
    }
    for text in ["a\\\\", "[]", "[^]", "[a-]]", "[\\]]", "]"] {
        assert!(Pattern::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn an_empty_value_never_becomes_everything() {
    assert_eq!(Pattern::prefix(""), Err(PatternError::Empty));
    assert_eq!(Pattern::literal(""), Err(PatternError::Empty));
}

#[test]
fn a_pattern_too_long_after_escaping_is_refused() {
    assert!(Pattern::literal(&"*".repeat(512)).is_ok());
    assert_eq!(
        Pattern::literal(&"*".repeat(513)),
        Err(PatternError::TooLong)
    );
    assert_eq!(
        Pattern::prefix(&"a".repeat(1024)),
        Err(PatternError::TooLong)
    );
}

#[test]
fn messages_are_one_line_and_short() {
    let long = format!("{}\n\u{1b}", "x".repeat(5000));
    for text in [long.as_str(), "+\n", "~\n", "nopass", "(", "%~"] {
        let message = refusal(text).to_string();
        assert!(
            message.len() < 400 && !message.contains(['\n', '\u{1b}']),
            "{message:?}"
        );
    }
}

proptest! {
    #[test]
    fn canonical_text_reads_back_as_the_same_rule(text in "[-+~&%@|RWa-cA-C0-9*?\\[\\]\\\\^.=,db]{0,24}") {
        if let Ok(rule) = AclRule::parse(&text) {
            prop_assert_eq!(AclRule::parse(&rule.to_string()), Ok(rule));
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error(text in any::<String>()) {
        if let Ok(rule) = AclRule::parse(&text) {
            prop_assert!(!rule.to_string().contains([' ', '\n', '"', '\'', '(', ')']));
        }
    }

    #[test]
    fn a_literal_is_one_name(value in "[ -~é*?\\[\\]\\\\]{1,40}") {
        if let Ok(pattern) = Pattern::literal(&value) {
            let shape = pattern.shape();
            prop_assert_eq!(shape.tail, Tail::Exact);
            prop_assert_eq!(shape.literal, value.as_bytes());
            prop_assert_eq!(Pattern::parse(pattern.as_str()), Ok(pattern));
        }
    }

    #[test]
    fn a_prefix_is_its_value_and_anything(value in "[ -~é*?\\[\\]\\\\]{1,40}") {
        if let Ok(pattern) = Pattern::prefix(&value) {
            let shape = pattern.shape();
            prop_assert_eq!(shape.tail, Tail::Any);
            prop_assert_eq!(shape.literal, value.as_bytes());
        }
    }
}
