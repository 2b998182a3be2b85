//! Whether permissions hold a right; real servers judge the rest in the
//! workspace's `tests/`.

use super::*;

fn right(text: &str) -> Right {
    Right::parse(text).expect(text)
}

/// Whether the right is held as a whole, and whether any part of it is.
fn judged(permissions: &Permissions, text: &str, has_databases: bool) -> (bool, bool) {
    let server = server(has_databases);
    let right = right(text);
    assert!(right.unknown_to(&server).is_empty(), "{text}");
    let held = permissions.on(&server);
    (
        held.lacking(&right).is_empty(),
        !held.having(&right).is_empty(),
    )
}

const WHOLE: (bool, bool) = (true, true);
const PART: (bool, bool) = (false, true);
const NOTHING: (bool, bool) = (false, false);

#[test]
fn a_right_is_held_by_one_grant_after_denials_and_bounds() {
    let permissions = compose(
        "+ping +select",
        &["+get +set ~a:* ~b:1", "+set ~c", "+subscribe &news.?"],
        &["~a:* ~b:* ~c %R~x", "-config|set"],
    );
    for (text, expected) in [
        ("+get ~a:1", WHOLE),
        ("+get %R~a:1 ~b:1", WHOLE),
        ("+get +set ~a:1", WHOLE),
        ("+set ~c", WHOLE),
        // Each command may come from another grant: they are two calls.
        ("+get +set ~c", PART),
        ("+set ~a:1 ~c", NOTHING),
        ("+get %R~d", NOTHING),
        ("+keys", NOTHING),
        ("+subscribe &news.a", WHOLE),
        ("+subscribe &news.ab", NOTHING),
        ("+get &news.a ~a:1", NOTHING),
        ("+ping", WHOLE),
        ("+ping +get", WHOLE),
        ("+config", NOTHING),
    ] {
        assert_eq!(judged(&permissions, text, false), expected, "{text}");
    }
}

#[test]
fn reading_and_writing_are_two_rights() {
    let permissions = compose("", &["+get +set %R~a %W~b %R~c %W~c*"], &[]);
    for (text, expected) in [
        ("+get %R~a", WHOLE),
        ("+get %W~a", NOTHING),
        ("+get ~a", PART),
        ("+set ~b", PART),
        // One pattern must allow both, as on a server.
        ("+get ~c", PART),
    ] {
        assert_eq!(judged(&permissions, text, false), expected, "{text}");
    }
}

#[test]
fn names_of_a_right_are_no_patterns() {
    let permissions = compose("", &["+get ~a[bc]", r"+set ~\*"], &[]);
    assert_eq!(judged(&permissions, "+get %R~ab", false), WHOLE);
    assert_eq!(judged(&permissions, "+get %R~a[bc]", false), NOTHING);
    assert_eq!(judged(&permissions, "+get %R~*", false), NOTHING);
    assert_eq!(judged(&permissions, "+set %W~*", false), WHOLE);
}

#[test]
fn a_category_is_every_command_of_it_and_a_container_all_its_subcommands() {
    let permissions = compose("", &["+@read -keys ~*", "+config|get"], &[]);
    assert_eq!(judged(&permissions, "+@read %R~a", false), PART);
    assert_eq!(judged(&permissions, "+@string %R~a", false), PART);
    assert_eq!(judged(&permissions, "+config", false), PART);
    assert_eq!(judged(&permissions, "+config|set", false), NOTHING);
    let server = server(false);
    let held = permissions.on(&server);
    let lacking: Vec<_> = held.lacking(&right("+@read %R~a")).into_iter().collect();
    assert_eq!(lacking, ["keys"]);
    let whole = compose("", &["+config|get", "+config|set"], &[]);
    assert_eq!(judged(&whole, "+config", false), WHOLE);
}

#[test]
fn what_reaches_around_keys_is_not_checked_against_any() {
    let permissions = compose("", &["+flushall ~a"], &[]);
    assert_eq!(judged(&permissions, "+flushall ~secret", false), WHOLE);
}

#[test]
fn databases_count_where_a_server_bounds_them() {
    let permissions = compose("+ping +select", &["+get ~* db=0,1", "+set ~* db=2"], &[]);
    for (text, expected) in [
        ("+get %R~a", WHOLE),
        ("+get %R~a db=1", WHOLE),
        ("+get %R~a db=0,1", WHOLE),
        ("+get %R~a db=1,2", PART),
        ("+get %R~a db=2", NOTHING),
        ("+get %R~a alldbs", PART),
        ("+select db=2", WHOLE),
        ("+select db=3", NOTHING),
        // It concerns no data, so it may be called wherever one is.
        ("+ping db=5", WHOLE),
    ] {
        assert_eq!(judged(&permissions, text, true), expected, "{text}");
    }
    let everywhere = compose("", &["+get +flushall ~*"], &[]);
    assert_eq!(judged(&everywhere, "+get %R~a alldbs", true), WHOLE);
    assert_eq!(judged(&everywhere, "+flushall", true), WHOLE);
    assert_eq!(judged(&everywhere, "+get %R~a db=5", false), WHOLE);
    let one = compose("", &["+flushall ~* db=0"], &[]);
    assert_eq!(judged(&one, "+flushall db=0", true), NOTHING);
}

#[test]
fn what_a_server_does_not_have_is_named() {
    let server = server(true);
    let right = right("+get +gett +@reed %R~a");
    assert_eq!(right.unknown_to(&server), ["+@reed", "+gett"]);
}

#[test]
fn only_commands_and_names_make_a_right() {
    for bad in [
        "",
        "~a",
        "&a",
        "db=1",
        "get",
        "-get ~a",
        "+get -set",
        "+@read -@write",
        "+get %Q~a",
        "+get ~",
        "+get &",
        "+get R~a",
        "+get nopass",
        "+get db=x",
        "+get *",
    ] {
        assert!(Right::parse(bad).is_err(), "{bad:?}");
    }
    for good in [
        "+get ~a~b",
        "+get ~\"x\" %rw~[",
        "+get  ~a\t&b",
        "+GET|x",
        "+get db=1 db=2,3 alldbs",
    ] {
        let right = right(good);
        assert_eq!(Right::parse(&right.to_string()), Ok(right), "{good:?}");
    }
}
