//! What is a place, what a value becomes, and what is refused.

use super::*;

fn filled(text: &str, value: &str) -> Result<String, FillError> {
    let template = PatternTemplate::parse(text).expect(text);
    template
        .fill(|_| Some(value))
        .map(|pattern| pattern.as_str().to_owned())
}

#[test]
fn a_value_takes_its_place() {
    for (text, result) in [
        ("{t}:*", "acme:*"),
        ("app:{t}:*", "app:acme:*"),
        ("settings:{t}", "settings:acme"),
        ("{{t}}:*", "{acme}:*"),
        (r"\{app:{t}\}:*", r"\{app:acme\}:*"),
        ("shared:*", "shared:*"),
        (r"a\*{t}:*", r"a\*acme:*"),
        ("*:{t}", "*:acme"),
        ("{t}:[{}]?", "acme:[{}]?"),
        ("é{t}ü*", "éacmeü*"),
        ("{t}:{t}:*", "acme:acme:*"),
    ] {
        assert_eq!(filled(text, "acme").unwrap(), result, "{text}");
    }
}

#[test]
fn each_place_has_its_own_value() {
    let template = PatternTemplate::parse("{org/unit}.{user}:*").unwrap();
    assert_eq!(template.places().collect::<Vec<_>>(), ["org/unit", "user"]);
    let value = |place: &str| Some(if place == "user" { "ann" } else { "eu" });
    assert_eq!(template.fill(value).unwrap().as_str(), "eu.ann:*");
    let one = |place: &str| (place == "user").then_some("ann");
    let place = "org/unit".to_owned();
    assert_eq!(template.fill(one), Err(FillError::Missing { place }));
}

#[test]
fn a_value_is_literal_text_or_refused() {
    assert_eq!(filled("{t}:*", "*").unwrap(), r"\*:*");
    assert_eq!(filled("{t}:*", "[a-z]").unwrap(), r"\[a-z\]:*");
    assert_eq!(filled("{t}:*", r"a\").unwrap(), r"a\\:*");
    assert_eq!(filled("{t}:*", "{t}").unwrap(), "{t}:*");
    for value in ["", "a b", "a\n", "a\"", "a'", "(a", "a)", "a\u{a0}b"] {
        let error = filled("{t}:*", value).unwrap_err();
        assert!(matches!(error, FillError::Value { .. }), "{value:?}");
    }
    let long = "a".repeat(1023);
    let error = filled("{t}:*", &long).unwrap_err();
    assert_eq!(error, FillError::Pattern(PatternError::TooLong));
}

#[test]
fn a_value_ends_where_its_place_does() {
    for (text, value, separator) in [
        ("{t}:*", "acme:eu", ':'),
        ("{{t}}:*", "a}b", '}'),
        ("{t}:x", "a:x", ':'),
        ("{t}-{t}", "a-b", '-'),
        ("*:{t}", "x:acme", ':'),
        ("?/{t}", "a/b", '/'),
        (r"{t}\*a", "a*", '*'),
    ] {
        let place = "t".to_owned();
        let error = FillError::Separator { place, separator };
        assert_eq!(filled(text, value), Err(error), "{text}");
    }
    // Without wildcards before it a value at the end ends with the name.
    assert_eq!(filled("user:{t}", "a:b").unwrap(), "user:a:b");
}

#[test]
fn a_pattern_is_taken_as_it_is() {
    let template = PatternTemplate::parse("{t}:{p}").unwrap();
    let pattern = Pattern::parse("cart:*").unwrap();
    let value = |place: &str| {
        Some(match place {
            "p" => PlaceValue::Pattern(&pattern),
            _ => PlaceValue::Text("acme*"),
        })
    };
    assert_eq!(template.fill(value).unwrap().as_str(), r"acme\*:cart:*");
}

#[test]
fn where_a_value_would_not_end_the_template_is_refused() {
    for text in [
        "{t}*", "{t}?", "{t}[a]:", "*{t}", "a[b]{t}", "{a}{b}:", "{t}**",
    ] {
        let error = PatternTemplate::parse(text).unwrap_err();
        assert!(
            matches!(error, TemplateError::NoSeparator { .. }),
            "{text}: {error}"
        );
    }
    for text in ["*:{t}:*", "?:{a}:{b}:[x]"] {
        let error = PatternTemplate::parse(text).unwrap_err();
        assert!(
            matches!(error, TemplateError::Between { .. }),
            "{text}: {error}"
        );
    }
    for text in ["{a}:*:{b}", "{a}:?", "*:{a}:x"] {
        assert!(PatternTemplate::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn braces_are_for_places() {
    for text in [
        "{t:*",
        "t}:*",
        "{{t}:*",
        "{t}}:*",
        "{}:*",
        "{a b}",
        "{t*}",
        "{{{t}}}:*",
        "{é}",
        r"{\{t}",
        r"{t\}",
        "{{a}:{b}}",
    ] {
        let error = PatternTemplate::parse(text).unwrap_err();
        let pattern = matches!(error, TemplateError::Pattern(_)) && text == "{a b}";
        assert!(
            pattern || matches!(error, TemplateError::Brace { .. }),
            "{text}: {error}"
        );
    }
    let long = format!("{{{}}}", "a".repeat(MAX_PLACE_BYTES + 1));
    assert!(PatternTemplate::parse(&long).is_err());
    assert!(matches!(
        PatternTemplate::parse("a[b"),
        Err(TemplateError::Pattern(PatternError::UnclosedClass))
    ));
}

#[test]
fn the_beginning_is_what_stands_before_places_and_wildcards() {
    for (text, beginning) in [
        ("{t}:*", ""),
        ("app:{t}:*", "app:"),
        (r"a\*{t}:*", "a*"),
        ("{{t}}:*", "{"),
        ("shared:*", "shared:"),
        ("a?:{t}", "a"),
    ] {
        let template = PatternTemplate::parse(text).unwrap();
        assert_eq!(template.beginning(), beginning.as_bytes(), "{text}");
        assert_eq!(template.to_string(), text);
    }
}
