//! A schema, and files that are not as it says.

use super::*;

const ROLES: &str = r##"{
    "type": "object",
    "required": ["roles"],
    "additionalProperties": false,
    "properties": {
        "limit": { "type": "integer", "minimum": 1, "maximum": 9 },
        "share": { "type": "number" },
        "since": { "type": "string", "format": "date" },
        "mode": { "enum": ["open", "closed"] },
        "either": { "anyOf": [{ "type": "integer" }, { "type": "array", "minItems": 1 }] },
        "named": { "description": "a day", "anyOf": [{ "type": "integer" }, { "type": "boolean" }] },
        "only": { "propertyNames": { "maxLength": 3 } },
        "roles": {
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/the%20role" }
        }
    },
    "$defs": {
        "the role": {
            "type": "object",
            "required": ["rules"],
            "additionalProperties": false,
            "properties": {
                "members": { "type": "array", "uniqueItems": true },
                "rules": {
                    "description": "a list of ACL rules",
                    "type": "array",
                    "items": {
                        "description": "an ACL rule, such as +@read",
                        "type": "string",
                        "pattern": "^[+~]"
                    }
                }
            }
        }
    }
}"##;

fn schema() -> Schema {
    Schema::read(ROLES).unwrap_or_else(|why| panic!("{why}"))
}

fn mistakes(toml: &str) -> Vec<String> {
    schema().mistakes(toml.as_bytes())
}

/// The only mistake of a file that otherwise is as it should be.
#[track_caller]
fn mistake(toml: &str) -> String {
    let mistakes = mistakes(&format!("{toml}\n[roles.a]\nrules = []\n"));
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    mistakes.into_iter().next().unwrap_or_default()
}

#[test]
fn what_the_schema_accepts_has_no_mistake() {
    let toml = "limit = 9\nshare = 0.5\nsince = 2026-11-24\nmode = 'open'\neither = [1]\n\
                named = true\n[only]\nabc = 1\n[roles.reader]\nmembers = ['a', 'b']\n\
                rules = ['+@read', '~a']\n";
    assert_eq!(mistakes(toml), [""; 0]);
}

#[test]
fn every_mistake_is_told_with_its_line_its_key_and_what_is_accepted() {
    let toml = "[roles.reader]\nrules = [\n  '+get',\n  'get',\n  7,\n]\nrule = 1\n\n\
                [roles.\"two words\"]\nmembers = []\n";
    assert_eq!(
        mistakes(toml),
        [
            "line 4: roles.reader.rules[1]: \"get\" does not match \"^[+~]\"; it is: an ACL rule, such as +@read",
            "line 5: roles.reader.rules[2]: is a number, not text; it is: an ACL rule, such as +@read",
            "line 7: roles.reader.rule: is unknown; known are members, rules",
            "line 9: roles.\"two words\": lacks \"rules\"; it is: a list of ACL rules",
        ]
    );
    assert_eq!(mistakes("mode = 'open'"), ["line 1: lacks \"roles\""]);
}

#[test]
fn each_kind_of_mistake_has_its_words() {
    for (toml, says) in [
        ("limit = 0", "line 1: limit: 0 is less than 1"),
        ("limit = 10", "line 1: limit: 10 is more than 9"),
        (
            "\nlimit = 1.5",
            "line 2: limit: is a number, not an integer",
        ),
        ("since = 'today'", "line 1: since: \"today\" is no date"),
        (
            "mode = 'ajar'",
            "line 1: mode: must be one of \"open\", \"closed\"",
        ),
        (
            "either = []",
            "line 1: either: is a list, not an integer, or holds 0, at least 1",
        ),
        (
            "named = 'x'",
            "line 1: named: is none of what is accepted; it is: a day",
        ),
        (
            "[only]\nabcd = 1",
            "line 1: the key \"abcd\" has 4 characters, at most 3",
        ),
        (
            "other = 1",
            "line 1: other: is unknown; known are either, limit, mode, named, only, roles, share, since",
        ),
        ("share = inf", "line 1: share: is no finite number"),
        ("share = 1e999", "line 1: share: is no finite number"),
        (
            "limit = 99999999999999999999",
            "line 1: limit: is no integer of 64 bits",
        ),
        (
            "[roles.b]\nrules = []\nmembers = [1, 2, 1]",
            "line 3: roles.b.members: holds the same at [0] and [2]",
        ),
    ] {
        assert_eq!(mistake(toml), says, "{toml}");
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    assert!(mistakes("a = 1\nb = ")[0].starts_with("line 2: "));
    assert_eq!(schema().mistakes(b"a = 1\n\xff"), ["line 2: is not UTF-8"]);
}

#[test]
fn a_file_of_nothing_but_mistakes_has_an_end() {
    let toml: String = (0..60).map(|n| format!("k{n} = 1\n")).collect();
    let told = mistakes(&format!("{toml}[roles]\n"));
    assert_eq!(told.len(), MAX_TOLD + 1);
    assert_eq!(told[MAX_TOLD], "and 10 more mistakes");
}

#[test]
fn what_is_no_schema_is_refused_in_one_line() {
    for (text, says) in [
        ("{", "is not JSON: "),
        (r#"{"type": "text"}"#, "is no JSON Schema: "),
        (r#"{"pattern": "("}"#, "is no JSON Schema: "),
        (r##"{"$ref": "#/$defs/none"}"##, "is no JSON Schema: "),
        (
            r#"{"$schema": "https://example.com/other"}"#,
            "is no JSON Schema: ",
        ),
    ] {
        let why = Schema::read(text).err().unwrap_or_default();
        assert!(
            why.starts_with(says) && !why.contains('\n'),
            "{text}: {why}"
        );
    }
}

#[test]
fn no_other_document_is_read() {
    for reference in [
        "file:///etc/hostname",
        "https://example.com/a",
        "other.json",
    ] {
        let why = Schema::read(&format!(r#"{{"$ref": "{reference}"}}"#));
        let why = why.err().unwrap_or_default();
        assert!(
            why.contains("no other document is read"),
            "{reference}: {why}"
        );
    }
}
