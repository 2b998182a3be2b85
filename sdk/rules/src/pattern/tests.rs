//! Matching, by examples; real servers judge the rest in the workspace's `tests/`.

use super::*;

fn matches(pattern: &str, name: &str) -> bool {
    Pattern::parse(pattern)
        .expect(pattern)
        .matches(name.as_bytes())
}

#[test]
fn stars_marks_and_classes_match_as_on_a_server() {
    for (pattern, name) in [
        ("a", "a"),
        ("*", "a"),
        ("a*", "a"),
        ("a**", "a"),
        ("*a*b*", "xxabxx"),
        ("a*b?c", "abbbxc"),
        ("*:*:q1", "a:b:c:q1"),
        ("[abc]", "b"),
        ("[a-c]x", "bx"),
        ("[c-a]x", "bx"),
        ("[^a-c]", "d"),
        ("[^]", "a"),
        ("[a-]]", "_"),
        ("[\\]]", "]"),
        ("[\\-]", "-"),
        ("\\*", "*"),
        ("\\a", "a"),
        ("]", "]"),
        ("é?", "é!"),
        ("??", "é"),
    ] {
        assert!(matches(pattern, name), "{pattern} does not match {name}");
    }
    for (pattern, name) in [
        ("a", "b"),
        ("a", "ab"),
        ("a*b", "a"),
        ("a*b", "abc"),
        ("?", "ab"),
        ("?", "é"),
        ("[]", "a"),
        ("[]", "]"),
        ("[^a]", "a"),
        ("[a-c]", "d"),
        ("\\*", "a"),
        ("a?", "a"),
    ] {
        assert!(!matches(pattern, name), "{pattern} matches {name}");
    }
}

#[test]
fn nothing_matches_an_empty_name() {
    for pattern in ["*", "a", "[^]", "**"] {
        assert!(!matches(pattern, ""), "{pattern}");
    }
}

#[test]
fn many_stars_do_not_take_forever() {
    let name = vec![b'a'; 16_384];
    let stars = Pattern::parse(&"*a".repeat(512)).unwrap();
    assert!(stars.matches(&name));
    let mut hopeless = "*a".repeat(511);
    hopeless.push_str("*b");
    assert!(!Pattern::parse(&hopeless).unwrap().matches(&name));
    let mut marks = "*?".repeat(511);
    marks.push('b');
    assert!(!Pattern::parse(&marks).unwrap().matches(&name));
}

#[test]
fn a_literal_matches_its_value_and_a_prefix_what_begins_with_it() {
    for value in ["a*b", "[x]", "a\\", "^-]", "é?"] {
        let literal = Pattern::literal(value).unwrap();
        let longer = format!("{value}x");
        assert!(literal.matches(value.as_bytes()), "{value}");
        assert!(!literal.matches(longer.as_bytes()), "{value}");
        let prefix = Pattern::prefix(value).unwrap();
        assert!(prefix.matches(longer.as_bytes()), "{value}");
        assert!(!prefix.matches(b"a"), "{value}");
    }
}
