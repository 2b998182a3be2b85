//! The C SDK takes for a rule, and escapes in a pattern, exactly what the Rust SDK does.

use serde_json::json;
use warden_rules::{AclRule, Pattern, Template};
use warden_tests::asked::{Asked, Place};

use crate::bundle::{principal, verdict};

/// Rules and what are none. Blanks divide the words of a line, and `{` is a placeholder's.
const TEXTS: &[&str] = &[
    "+get",
    "+GET",
    "+config|get",
    "+config|",
    "+|get",
    "+config|get|x",
    "-del",
    "-",
    "+",
    "+_x",
    "+.x",
    "+a.b-c_d",
    "+é",
    "+@read",
    "+@",
    "-@all",
    "+@a b",
    "+@read|x",
    "~*",
    "~",
    "~a:*",
    "~a\\",
    "~a\\\\",
    "~\\*",
    "~[ab]",
    "~[ab",
    "~[a-]",
    "~[a-]]",
    "~[^]",
    "~[^]]",
    "~[]",
    "~[\\]",
    "~[\\]]",
    "~a]",
    "~a\"b",
    "~a'b",
    "~(a)",
    "~a\u{7f}",
    "~a\u{85}b",
    "~a\u{a0}b",
    "~a\u{2003}b",
    "~a\u{3000}",
    "~a\u{200b}b",
    "~\u{1680}",
    "~\u{180e}",
    "~😀",
    "%R~a",
    "%r~a",
    "%W~a",
    "%RW~a",
    "%wr~a",
    "%RR~a",
    "%~a",
    "%X~a",
    "%R",
    "%RWR~a",
    "%R~",
    "&news.*",
    "&",
    "&*",
    "&[",
    "db=0",
    "db=0,1",
    "db=",
    "db=,",
    "db=0,",
    "db=,0",
    "db=00,007",
    "db=2147483647",
    "db=2147483648",
    "db=99999999999999999999",
    "db=-1",
    "db=0x",
    "db=1;2",
    "DB=0",
    "alldbs",
    "ALLDBS",
    "alldb",
    "allkeys",
    "on",
    "nopass",
    "resetkeys",
    ">secret",
    "#0",
    "<x",
    "!x",
];

#[test]
fn what_is_a_rule_is_so_in_both_languages() {
    let place = Place::of("tests/allowlist");
    let long = [
        "~".to_owned() + &"a".repeat(1024),
        "~".to_owned() + &"a".repeat(1025),
    ];
    let names = [
        "+".to_owned() + &"a".repeat(64),
        "+".to_owned() + &"a".repeat(65),
    ];
    let texts = TEXTS.iter().map(|&text| text.to_owned());
    for text in texts.chain(long).chain(names) {
        // A line's words are divided by blanks; the whole of it is no rule of either.
        let in_c = place.load(&[("txt", format!("group:corp/a {text}"))]);
        let in_rust = AclRule::parse(&text);
        let is_one_word = !text.contains(' ');
        assert_eq!(
            in_c.is_ok(),
            in_rust.is_ok() && is_one_word,
            "{text:?}: {in_c:?}, {in_rust:?}"
        );
    }
}

#[test]
fn a_value_is_escaped_or_refused_as_in_rust() {
    let place = Place::of("tests/allowlist");
    let generation = place
        .load(&[("txt", "group:corp/a +get ~{department} ~{department}:*")])
        .unwrap();
    let every_byte = (0..=255u8).map(|byte| format!("a{}b", char::from(byte)));
    let odd = [
        "",
        "*",
        "?",
        "[",
        "]",
        "\\",
        "a*b",
        "\u{1680}",
        "\u{2028}",
        "\u{202f}",
        "\u{205f}",
        "\u{200b}",
        "\u{feff}",
        "\u{10ffff}",
        "{name}",
        "a/b",
        "\u{0}",
    ];
    let odd = odd.map(str::to_owned).into_iter();
    let long = [1022, 1023, 1024, 1025].map(|length| "x".repeat(length));
    let stars = [511, 512, 513].map(|length| "*".repeat(length));
    for value in every_byte.chain(odd).chain(long).chain(stars) {
        let alice = principal("alice", &["corp/a"], &[], false);
        let in_c = verdict(&generation, alice, [("department", json!(value))]);
        let literal = Pattern::literal(&value);
        // Behind it stands ":*", which has to fit, and not to be in it, too.
        let room = Template::parse("~{department}:*").unwrap();
        let whole = literal.ok().zip(room.fill(|_| Some(value.as_str())).ok());
        let in_rust = match whole {
            Some((own, more)) => format!("grant +get ~{own} {more}; label line=group:corp/a"),
            None => "no opinion".to_owned(),
        };
        assert_eq!(in_c, in_rust, "{value:?}");
    }
}

#[test]
fn a_place_is_filled_or_refused_as_that_of_a_template() {
    let asked: Asked = Place::of("tests/parts").load(&[("", ""); 0]).unwrap();
    let sides = [
        ("~", ":*"),
        ("~home:", ":*"),
        ("%R~", ""),
        ("&news.", ""),
        ("~", r"\*x*"),
        ("~", "€:*"),
        ("~*:", ""),
        ("~*€", ":a"),
        ("~*:", ":*"),
        ("~[ab]c", ""),
        ("~[ab]", ""),
        ("~", "*"),
        ("~", "?x"),
        ("~", "[ab]"),
        ("~", "[ab"),
        ("~[ab", ":*"),
        (r"~x\\", ":*"),
        (r"~x\*", ":*"),
        ("~x", ")"),
        ("%Q~", ":*"),
        ("+", ""),
    ];
    let values = [
        "sales", "sales:eu", ":", "a*b", "*", "€", "a€", "\u{ac}", "x", "c", "", "a b", "(", r"\",
        "[", "]",
    ];
    let alice = principal("alice", &[], &[], false);
    for (before, behind) in sides {
        for value in values {
            let word = if behind.is_empty() { "-" } else { behind };
            let done = format!("rule +get\nplace {before} {word} {value}\ngive");
            let in_c = verdict(&asked, alice.clone(), [("do", json!(done))]);
            let template = Template::parse(&format!("{before}{{value}}{behind}"));
            let in_rust = template
                .ok()
                .and_then(|rule| rule.fill(|_| Some(value)).ok());
            let in_rust = match in_rust {
                Some(rule) => format!("grant +get {rule}; label given=yes"),
                None => "label given=no".to_owned(),
            };
            assert_eq!(in_c, in_rust, "{before} {value:?} {behind}");
        }
    }
    // A lone backslash would make a wildcard of the value's first character.
    let done = "rule +get\nplace ~x\\ :* *\ngive";
    let escaped = verdict(&asked, alice, [("do", json!(done))]);
    assert_eq!(escaped, "label given=no");
}
