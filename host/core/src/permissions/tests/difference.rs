//! What one has and another lacks, told in rules: judged by the calls both may make.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::permissions::difference::TOO_MUCH;

fn beyond(these: &Permissions, others: &Permissions, has_databases: bool) -> Vec<String> {
    let line = if has_databases { "9.1" } else { "8.0" };
    these.beyond(Some(others), &Server::of_release(line).unwrap())
}

/// What grants under base rules gain and lose against others, without databases.
fn between(before: &[&str], after: &[&str]) -> (Vec<String>, Vec<String>) {
    let base = "+ping +select";
    let (before, after) = (compose(base, before, &[]), compose(base, after, &[]));
    (
        beyond(&after, &before, false),
        beyond(&before, &after, false),
    )
}

#[test]
fn what_differs_is_told_and_nothing_else() {
    for (before, after, gains, loses) in [
        (
            &["+@read ~a:*"][..],
            &["+@read ~a:* ~b:*"][..],
            &["+@read ~b:*"][..],
            &[][..],
        ),
        (
            &["+@read ~a:*"],
            &["+@read ~a:*", "+set ~a:*"],
            &["+set ~a:*"],
            &[],
        ),
        (
            &["+get +set ~a:*"],
            &["+get %R~a:*"],
            &[],
            &["+get %W~a:*", "+set ~a:*"],
        ),
        (&["+get ~a:*"], &["+get ~a:b"], &[], &["+get ~a:*"]),
        (&["+get ~a:b"], &["+get ~a:*"], &["+get ~a:*"], &[]),
        (&["+get ~a:b ~c"], &["+get ~[ac]*"], &["+get ~[ac]*"], &[]),
        (
            &["+subscribe &n.a &m"],
            &["+subscribe &n.*"],
            &["+subscribe &n.*"],
            &["+subscribe &m"],
        ),
        (
            &["+config ~*"],
            &["+config -config|set ~*"],
            &[],
            &["+config|set"],
        ),
    ] {
        let told = between(before, after);
        let expected = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
        assert_eq!(
            told,
            (expected(gains), expected(loses)),
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn equal_rights_in_other_words_are_no_difference() {
    for (one, other) in [
        (&["+get +set ~a:*"][..], &["+get ~a:*", "+set ~a:*"][..]),
        (&["+get ~a:* ~a:b"], &["+get ~a:*"]),
        (&["+get ~a:*", "+get ~a:b"], &["+get ~a:*"]),
        (&["+@read -get +get ~a:*"], &["+@read ~a:*"]),
        // A command that takes no keys is the same wherever it stands.
        (
            &["+get ~a:*", "+dbsize ~b:*"],
            &["+get ~a:*", "+dbsize ~c:*"],
        ),
        (&["+publish ~a &n"], &["+publish ~b &n"]),
        (&["+get ~a &n"], &["+get ~a &m"]),
    ] {
        assert_eq!(between(one, other), (vec![], vec![]), "{one:?} {other:?}");
    }
}

#[test]
fn keys_of_two_grants_in_one_call_are_a_gain_of_their_own() {
    let apart = ["+get ~a", "+get ~b"];
    assert_eq!(
        between(&apart, &["+get ~a ~b"]),
        (vec!["+get ~a ~b".to_owned()], vec![])
    );
    let halves = ["+set %R~a %W~a*"];
    let told = between(&halves, &["+set ~a"]);
    assert_eq!(told.0, ["+set ~a"], "no single pattern allowed both");
}

#[test]
fn a_pattern_of_channels_is_subscribed_to_letter_for_letter() {
    let (gains, loses) = between(
        &["+subscribe +psubscribe &n.*"],
        &["+subscribe +psubscribe &n*"],
    );
    assert_eq!(gains, ["+psubscribe +subscribe &n*"]);
    assert_eq!(loses, ["+psubscribe &n.*"]);
}

#[test]
fn databases_count_for_what_is_about_data() {
    let base = "+ping +select";
    let of = |rules: &str| compose(base, &[rules], &[]);
    let (before, after) = (
        of("+get +publish ~a &n db=0,1"),
        of("+get +publish ~a &n db=1,2"),
    );
    assert_eq!(
        beyond(&after, &before, true),
        ["+get ~a db=2", "+select db=2"]
    );
    assert_eq!(
        beyond(&before, &after, true),
        ["+get ~a db=0", "+select db=0"]
    );
    let all = of("+get +flushall ~a");
    let some = of("+get +flushall ~a db=0");
    assert_eq!(
        beyond(&all, &some, true),
        ["+flushall +select", "+get ~a"],
        "a server flushes all only for who may use all databases"
    );
}

#[test]
fn what_a_module_brought_is_taken_to_touch_everything() {
    let server = server(false);
    let of = |rules: &str| compose("+ping", &[rules], &[]);
    let (before, after) = (of("+mod.get ~a &n"), of("+mod.get ~a &m"));
    assert_eq!(after.beyond(Some(&before), &server), ["+mod.get ~a &m"]);
    let (before, after) = (of("+mod.bare ~a"), of("+mod.bare ~b"));
    assert_eq!(after.beyond(Some(&before), &server), ["+mod.bare ~b"]);
}

#[test]
fn who_is_refused_loses_everything_and_who_comes_in_gains_it() {
    let server = server(false);
    let reader = compose("+ping", &["+get ~a"], &[]);
    assert_eq!(reader.beyond(None, &server), ["+get ~a", "+ping"]);
    assert_eq!(compose("", &[], &[]).beyond(None, &server), [""; 0]);
}

const COMMANDS: [&str; 20] = [
    "+get",
    "+set",
    "+@read",
    "+@write",
    "+@all",
    "+@dangerous",
    "-@dangerous",
    "-get",
    "-keys",
    "+keys",
    "+dbsize",
    "+flushall",
    "+subscribe",
    "+@pubsub",
    "+publish",
    "+config",
    "-config|set",
    "+client|id",
    "+mod.get",
    "+mod.bare",
];
const KEYS: [&str; 9] = [
    "~a:*", "~a:b", "%R~a:*", "%W~a:*", "~*", "~[ab]*", "~b", "%R~*", "%W~a:?",
];
const CHANNELS: [&str; 4] = ["&n.*", "&n.a", "&*", "&n.?"];
const DATABASES: [&str; 4] = ["alldbs", "alldbs", "db=0", "db=0,1"];

fn rules() -> impl Strategy<Value = String> {
    let commands = proptest::collection::vec(select(&COMMANDS[..]), 1..4);
    let keys = subsequence(&KEYS[..], 0..3);
    let channels = subsequence(&CHANNELS[..], 0..2);
    (commands, keys, channels, select(&DATABASES[..])).prop_map(|(commands, keys, channels, of)| {
        [commands, keys, channels, vec![of]].concat().join(" ")
    })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let grants = proptest::collection::vec(rules(), 0..4);
    let limits = select(&["", "", "-@dangerous", "~a:*", "&n.*", "-get"][..]);
    let base = select(&["+ping +select", "+ping +select", "+ping +get", ""][..]);
    (grants, limits, base).prop_map(|(grants, limits, base)| {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        compose(base, &grants, &[limits])
    })
}

/// Calls of every command, each with what it takes, and the calls with one of its keys, to
/// read or to write.
fn calls(has_databases: bool) -> Vec<(Right, Vec<Right>)> {
    let keys = [
        "%R~a:b",
        "%W~a:b",
        "~a:b",
        "%R~a:c",
        "%W~b",
        "%R~b",
        "~x",
        "%R~a:b ~b",
        "%R~b %W~a:c",
    ];
    let channels = ["&n.a", "&n.b", "&n.*", "&m"];
    let server = server(has_databases);
    let mut texts = Vec::new();
    for name in server.commands.keys() {
        if ["client", "config"].contains(&name.as_str()) {
            continue;
        }
        let (keyed, channeled) = match name.as_str() {
            "get" | "set" => (true, false),
            "publish" | "subscribe" => (false, true),
            name if name.starts_with("mod.") => (true, true),
            _ => (false, false),
        };
        texts.push(format!("+{name}"));
        let keys = keys.iter().filter(|_| keyed);
        texts.extend(keys.clone().map(|keys| format!("+{name} {keys}")));
        let channels = channels.iter().filter(|_| channeled);
        texts.extend(channels.clone().map(|channel| format!("+{name} {channel}")));
        let both = keys.flat_map(|keys| channels.clone().map(move |channel| (keys, channel)));
        texts.extend(both.map(|(keys, channel)| format!("+{name} {keys} {channel}")));
    }
    let databases: &[&str] = if has_databases {
        &["", " db=0", " db=1", " db=2"]
    } else {
        &[""]
    };
    let all = texts
        .iter()
        .flat_map(|text| databases.iter().map(move |of| format!("{text}{of}")));
    let right = |text: &str| Right::parse(text).expect(text);
    all.map(|text| {
        let (keys, rest): (Vec<&str>, Vec<&str>) =
            text.split(' ').partition(|word| word.contains('~'));
        let kinds = keys.iter().flat_map(|key| match key.split_once('~') {
            Some(("", name)) => vec![format!("%R~{name}"), format!("%W~{name}")],
            _ => vec![(*key).to_owned()],
        });
        let parts = kinds.map(|key| right(&format!("{} {key}", rest.join(" "))));
        (right(&text), parts.collect())
    })
    .collect()
}

fn allows(held: &Held<'_>, call: &Right) -> bool {
    held.lacking(call).is_empty()
}

/// Grants of so many patterns each, none of which covers another.
fn wide(grants: usize, patterns: usize, mark: &str) -> Vec<String> {
    let grant = |number: usize| {
        let patterns = (0..patterns).map(|pattern| format!(" ~{mark}:{number}:{pattern}:*"));
        format!("+get{}", patterns.collect::<String>())
    };
    (0..grants).map(grant).collect()
}

#[test]
fn what_is_too_much_to_compare_is_said_to_be_so_in_bounded_time() {
    let of = |rules: &[String]| {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        compose("+ping", &rules, &[])
    };
    let (before, after) = (of(&wide(64, 64, "a")), of(&wide(64, 64, "b")));
    let clock = SystemClock;
    assert_eq!(beyond(&after, &before, true), [TOO_MUCH]);
    assert_eq!(beyond(&before, &after, true), [TOO_MUCH]);
    assert_eq!(beyond(&before, &before, true), [""; 0]);
    let took = clock.now().monotonic;
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");

    // As much of which little differs is no trouble.
    let mut rules = wide(64, 64, "a");
    rules.push("+set ~new".to_owned());
    let more = of(&rules);
    assert_eq!(beyond(&more, &before, true), ["+set ~new"]);
    assert_eq!(beyond(&before, &more, true), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_one_may_call_and_the_other_may_not_is_told_and_no_more(
        before in permissions(),
        after in permissions(),
        has_databases in any::<bool>(),
    ) {
        let server = server(has_databases);
        let told = after.beyond(Some(&before), &server);
        let rules: Vec<Permissions> = told.iter().map(|rules| compose("", &[rules], &[])).collect();
        let rules: Vec<Held<'_>> = rules.iter().map(|rules| rules.on(&server)).collect();
        let (old, new) = (before.on(&server), after.on(&server));
        for (call, parts) in calls(has_databases) {
            let says = |call: &Right| rules.iter().any(|rules| allows(rules, call));
            let (is_told, is_partly) = (says(&call), parts.iter().any(says));
            let (is_old, is_new) = (allows(&old, &call), allows(&new, &call));
            prop_assert!(
                is_old || !is_new || is_told || is_partly,
                "{call} is gained and not told: {told:?}"
            );
            prop_assert!(is_new || !is_told, "{call} is told and not allowed: {told:?}");
        }
    }

    #[test]
    fn the_same_in_any_order_and_more_than_once_is_no_difference(
        grants in proptest::collection::vec(rules(), 0..4).prop_shuffle(),
        limits in select(&["", "-@dangerous", "~a:*"][..]),
        has_databases in any::<bool>(),
    ) {
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let mut others = [grants.as_slice(), &grants].concat();
        others.reverse();
        let (one, other) = (compose("+ping", &grants, &[limits]), compose("+ping", &others, &[limits]));
        prop_assert_eq!(beyond(&one, &other, has_databases), [""; 0]);
        prop_assert_eq!(beyond(&other, &one, has_databases), [""; 0]);
    }
}
