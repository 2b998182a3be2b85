//! Patterns against bounds: what is kept lies inside both, and nothing exact is lost.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The server's glob, written for reading.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        [b'?', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
        [b'\\', literal, rest @ ..] => name.first() == Some(literal) && matches(rest, &name[1..]),
        [b'[', class @ ..] => {
            let end = class
                .iter()
                .position(|b| *b == b']')
                .expect("generated classes close");
            let inside = !name.is_empty() && class[..end].contains(&name[0]);
            inside && matches(&class[end + 1..], &name[1..])
        }
        [literal, rest @ ..] => name.first() == Some(literal) && matches(rest, &name[1..]),
    }
}

fn cut(grant_text: &str, restrictions: &[&str]) -> String {
    compose("", &[grant_text], restrictions)
        .grants()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" | ")
}

#[test]
fn keys_are_cut_to_their_bounds() {
    for (keys, bounds, left) in [
        ("~*", "~a:*", "~a:*"),
        ("~a:b*", "~a:*", "~a:b*"),
        ("~a:*", "~a:b:*", "~a:b:*"),
        ("~a:*", "~a:b", "~a:b"),
        ("~a:b", "~a:b", "~a:b"),
        ("~a:b", "~a:*", "~a:b"),
        ("~a:?x", "~a:*", "~a:?x"),
        ("~a:*z", "~a:*", "~a:*z"),
        ("~a:[bc]", "~a:*", "~a:[bc]"),
        ("~*z", "~a:*", ""),
        ("~a*z", "~a:*", ""),
        ("~b", "~a:*", ""),
        ("~a:", "~a:*", "~a:"),
        ("~a", "~a:*", ""),
        (r"~a\*b*", r"~a\**", r"~a\*b*"),
        (r"~a*", r"~a\**", r"~a\**"),
        (r"~\a:b", "~a:*", r"~\a:b"),
        (r"~a\?", r"~a?", ""),
        ("%R~*", "%RW~a:*", "%R~a:*"),
        ("~*", "%R~a:*", "%R~a:*"),
        ("%W~*", "%R~a:*", ""),
        ("~*", "%R~a:* %W~b:*", "%R~a:* %W~b:*"),
        ("~a:b", "%R~a:* %W~a:b*", "~a:b"),
        ("~a:* ~b:*", "~a:b:* ~a:c ~b:*", "~a:b:* ~a:c ~b:*"),
        ("&* ~x", "&n.*", "~x &n.*"),
        ("&n.a* ~x", "&n.*", "~x &n.a*"),
        ("&m ~x", "&n.*", "~x"),
        ("~x", "db=1", "~x db=1"),
        ("~x db=0,1", "db=1,2", "~x db=1"),
    ] {
        let Ok(limit) = Restriction::parse(bounds) else {
            assert_eq!(left, "", "{bounds} is no bound");
            continue;
        };
        let permissions =
            Permissions::compose(&base(""), vec![grant(&format!("+get {keys}"))], vec![limit]);
        let kept: Vec<_> = permissions.grants().map(ToString::to_string).collect();
        let expected: Vec<_> = (!left.is_empty())
            .then(|| format!("+get {left}"))
            .into_iter()
            .collect();
        assert_eq!(kept, expected, "{keys} within {bounds}");
    }
}

#[test]
fn bounds_of_several_restrictions_all_apply() {
    assert_eq!(cut("+get ~*", &["~a:*", "~a:b:*"]), "+get ~a:b:*");
    assert_eq!(cut("+get ~*", &["~a:*", "~b:*"]), "");
    assert_eq!(cut("+get ~*", &["~a:* ~b:*", "~b:c ~d*"]), "+get ~b:c");
    assert_eq!(cut("+get ~*", &["%R~a:*", "%W~a:*"]), "");
    assert_eq!(cut("+get ~* db=1,2", &["db=2,3", "db=2"]), "+get ~* db=2");
}

#[test]
fn what_lies_outside_is_shown() {
    let one = rendered("", &["+get ~a:b %R~c* &x"], &["~a:* &y"], false);
    assert_eq!(
        dropped(&one),
        [("%R~c*", Why::OutsideBounds), ("&x", Why::OutsideBounds)]
    );
}

type Keys = Vec<(&'static str, String)>;

fn patterns(wild: &'static str) -> impl Strategy<Value = Keys> {
    let one = (prop::sample::select(vec!["~", "%R~", "%W~"]), wild);
    prop::collection::vec(one, 1..4)
}

fn rules(keys: &Keys) -> String {
    keys.iter()
        .map(|(access, pattern)| format!("{access}{pattern}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a key may be read (or written) by these rules.
fn reaches(keys: &Keys, writes: bool, name: &str) -> bool {
    keys.iter().any(|(access, pattern)| {
        let allowed = *access == "~" || (*access == "%W~") == writes;
        allowed && matches(pattern.as_bytes(), name.as_bytes())
    })
}

fn kept(text: &str) -> Keys {
    let words = text.split(' ').filter(|word| word.contains('~'));
    let access = BTreeMap::from([("", "~"), ("%R", "%R~"), ("%W", "%W~")]);
    words
        .map(|word| word.split_once('~').expect("a key"))
        .map(|(flags, pattern)| (access[flags], pattern.to_owned()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn what_is_kept_lies_inside_the_grant_and_every_bound(
        keys in patterns(r"([ab]|\*|\?|\\\*|\[ab\]){1,4}"),
        bounds in prop::collection::vec(patterns(r"([ab]|\\\*){0,3}\*|([ab]|\\\*){1,3}"), 1..3),
        names in prop::collection::vec("[ab*]{1,4}", 8),
    ) {
        let limits: Vec<String> = bounds.iter().map(rules).collect();
        let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
        let left = kept(&cut(&format!("+get {}", rules(&keys)), &limits));
        let literal = keys.iter().all(|(_, pattern)| !pattern.trim_end_matches('*').replace("\\*", "").contains(['*', '?', '[']));
        for name in &names {
            for writes in [false, true] {
                let inside = reaches(&keys, writes, name) && bounds.iter().all(|bound| reaches(bound, writes, name));
                let reached = reaches(&left, writes, name);
                prop_assert!(!reached || inside, "{name} (write: {writes}) is reached by {left:?}");
                if literal {
                    prop_assert_eq!(reached, inside, "{} (write: {}), nothing exact is lost: {:?}", name, writes, left);
                }
            }
        }
    }
}
