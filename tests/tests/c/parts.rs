//! Every part of the SDK for C that `allowlist` has no use for.
//!
//! In: lines of the claim `do`, each a function of the SDK (tests/policies/parts). Out: the
//! verdict the host reads.

use serde_json::json;
use warden_tests::asked::{Asked, Place};

use crate::bundle::{principal, verdict};

/// What is done, and what comes of it.
const CASES: &[(&str, &str)] = &[
    ("", "no opinion"),
    (
        "rule +get\nkey %R a*\nkeys %W b:\nkeys ~ c[\nchannel d?\nchannels e.\ngive",
        r"grant +get %R~a\* %W~b:* ~c\[* &d\? &e.*; label given=yes",
    ),
    ("rule +get\nkeys ~ a b\nrule ~c\ngive", "label given=no"),
    (
        "rule +get\nkey ~ \"\ngive\nrule +del\ngive",
        "grant +del; label given=no; label given=yes",
    ),
    ("rule nopass\ngive", "label given=no"),
    ("give", "label given=no"),
    ("channel a)\ngive", "label given=no"),
    ("channels \ngive", "label given=no"),
    (
        "bound -@dangerous\nbound -config|set\nbound ~a:*\nbound %R~b\nbound &n.*\nbound db=0,2\nbound db=1\nrestrict",
        "restrict -@dangerous -config|set ~a:* %R~b &n.* db=0,1,2",
    ),
    (
        "bound-keys %R a*\nbound-channels n?\nrestrict",
        r"restrict %R~a\** &n\?*",
    ),
    ("restrict", "restrict nothing"),
    ("no-keys\nrestrict", "restrict no-keys"),
    ("no-channels\nrestrict", "restrict no-channels"),
    ("bound-keys ~ a b\nrestrict", REFUSED),
    ("bound-channels \nrestrict", REFUSED),
    ("bound +get\nrestrict", REFUSED),
    ("bound ~a*b\nrestrict", REFUSED),
    ("bound &a?\nrestrict", REFUSED),
    ("bound ~[ab]\nrestrict", REFUSED),
    ("bound alldbs\nrestrict", REFUSED),
    ("bound nopass\nrestrict", REFUSED),
    (
        r"bound ~a\*
restrict",
        r"restrict ~a\*",
    ),
    (
        "deny come back\ndeny-internally it is night",
        r#"deny "come back" "it is night""#,
    ),
    (
        "valid-for 90\nvalid-for 60\nvalid-for 61\nsession-ttl 30\nsession-ttl 31",
        "valid 60s; session 30s",
    ),
    (
        "number 0\nnumber 18446744073709551615",
        "label number=0; label number=18446744073709551615",
    ),
    ("labels a b\nlabels ", "label labels=a,b"),
    ("address", "label address=192.0.2.7"),
    ("more", r#"label more={"a":[1,"x"]}"#),
    (r#"json "plain""#, "label json=plain"),
    (r#"json "\u0061\/\\\"""#, r#"label json=a/\""#),
    (r#"json "\ud83d\ude00\u20ac""#, "label json=😀€"),
    (r#"json "\ud83d""#, "label json=refused"),
    (r#"json "\ud83d\u0061""#, "label json=refused"),
    (r#"json "\ude00""#, "label json=refused"),
    (r#"json "\x""#, "label json=refused"),
    (r#"json "\u12g4""#, "label json=refused"),
    (r#"json "\u12"#, "label json=refused"),
    (r#"json "a\""#, "label json=refused"),
    (r#"json "a"b""#, "label json=refused"),
    (r#"json ""#, "label json=refused"),
    ("json 1", "label json=refused"),
    ("json null", "label json=refused"),
    ("json [\"a\"]", "label json=refused"),
    ("frobnicate", r#"deny - "no such word: frobnicate""#),
];

const REFUSED: &str = r#"deny - "a restriction could not be written""#;

fn bare() -> Result<Asked, String> {
    Place::of("tests/parts").load(&[("", ""); 0])
}

#[test]
fn every_part_of_the_sdk_does_what_the_header_says() {
    let generation = bare().unwrap();
    let alice = principal("alice", &[], &[], false);
    for (done, expected) in CASES {
        let claims = [("do", json!(done)), ("more", json!({"a": [1, "x"]}))];
        assert_eq!(
            &verdict(&generation, alice.clone(), claims),
            expected,
            "{done}"
        );
    }
    let absent = verdict(&generation, alice, [("do", json!("more"))]);
    assert_eq!(absent, "label more=absent");
}

#[test]
fn a_list_too_long_for_one_label_is_divided() {
    let asked = bare().unwrap();
    let names = vec!["r".repeat(100); 3].join(" ");
    let alice = principal("alice", &[], &[], false);
    let done = json!(format!("labels {names}"));
    let (two, one) = (names[..201].replace(' ', ","), &names[202..]);
    let expected = format!("label labels={two}; label labels={one}");
    assert_eq!(verdict(&asked, alice, [("do", done)]), expected);
}

#[test]
fn memory_ends_in_a_refusal_and_the_next_decision_is_as_before() {
    let generation = bare().unwrap();
    let alice = principal("alice", &[], &[], false);
    let failed = verdict(&generation, alice.clone(), [("do", json!("memory"))]);
    assert!(failed.starts_with("failed: "), "{failed}");
    assert_eq!(
        verdict(&generation, alice, [("do", json!("number 7"))]),
        "label number=7"
    );
}

#[test]
fn data_refused_without_a_word_is_refused_in_the_sdks() {
    let error = Place::of("tests/parts").load(&[("txt", "x")]).unwrap_err();
    assert!(
        error.contains("the data was refused, and no reason was given"),
        "{error}"
    );
}
