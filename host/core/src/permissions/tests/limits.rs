//! Restrictions, the order of things, and what a server does not know.

use proptest::prelude::*;

use super::*;

#[test]
fn unknown_in_a_grant_is_dropped_and_shown() {
    let one = rendered(
        "",
        &["+get +nosuch +config|nosuch +select|0 +@nosuch -nosuch ~a"],
        &[],
        false,
    );
    assert_eq!(one.rules, "reset on resetchannels -@all +get ~a");
    assert_eq!(
        dropped(&one),
        [
            ("+@nosuch", Why::UnknownHere),
            ("+config|nosuch", Why::UnknownHere),
            ("+nosuch", Why::UnknownHere),
            ("+select|0", Why::UnknownHere),
            ("-nosuch", Why::UnknownHere),
        ]
    );
}

#[test]
fn unknown_in_a_restriction_applies_when_it_appears() {
    let permissions = compose("", &["+@all ~*"], &["-later -@newer"]);
    let mut server = server(false);
    assert!(
        !permissions
            .render(&server)
            .expect("renders")
            .rules
            .contains("later")
    );
    let mut commands = (*server.commands).clone();
    commands.insert(
        "later".to_owned(),
        BTreeSet::from(["slow".to_owned(), "newer".to_owned()]),
    );
    server.commands = commands.into();
    server.categories.insert("newer".to_owned());
    let text = permissions.render(&server).expect("renders").rules;
    assert!(text.ends_with("-@newer -later ~*"), "{text}");
    assert!(!permissions.runnable(&server).contains("later"));
}

#[test]
fn a_grant_that_is_denied_whole_is_no_grant() {
    for (grant, restriction) in [
        ("+get ~a", "-get"),
        ("+config|get ~a", "-config"),
        ("+@read ~a", "-@all"),
        ("+nosuch ~a", ""),
        ("~a", ""),
        ("+get -get ~a", ""),
        ("+get ~a", "~b"),
        ("+publish &a", "&b"),
        ("+get ~a db=0", "db=1"),
    ] {
        let one = rendered("+ping", &[grant], &[restriction], true);
        assert!(
            one.grants_nothing() && !one.dropped.is_empty(),
            "{grant} under {restriction}"
        );
    }
}

#[test]
fn a_bound_on_databases_is_refused_where_there_is_none() {
    let permissions = compose("", &["+get ~a"], &["db=0"]);
    assert!(matches!(
        permissions.render(&server(false)),
        Err(PermissionError::NoDatabases { .. })
    ));
    assert!(
        permissions
            .render(&server(true))
            .expect("renders")
            .rules
            .ends_with("~a db=0")
    );
    assert!(
        compose("", &["+get ~a"], &["alldbs"])
            .render(&server(false))
            .is_ok()
    );
}

#[test]
fn a_grant_for_some_databases_is_dropped_where_they_cannot_be_told_apart() {
    let one = rendered("", &["+get ~a db=0", "+set ~b"], &[], false);
    assert_eq!(one.rules, "reset on resetchannels -@all +set ~b");
    assert_eq!(dropped(&one), [("+get ~a db=0", Why::NoDatabases)]);
}

#[test]
fn a_bound_denies_what_would_reach_around_it() {
    let text = rendered("", &["+@all ~*"], &["~a:*"], false).rules;
    for command in ["-dbsize", "-flushall", "-keys", "-monitor"] {
        assert!(
            text.split(' ').any(|word| word == command),
            "{command}: {text}"
        );
    }
    for (bound, denied) in [
        ("&a", true),
        ("db=0", true),
        ("~*", false),
        ("&*", false),
        ("alldbs", false),
        ("%R~*", true),
    ] {
        let text = rendered("", &["+@all ~* &*"], &[bound], true).rules;
        assert_eq!(text.contains("-monitor"), denied, "{bound}: {text}");
    }
}

#[test]
fn a_restriction_only_denies() {
    for text in ["+get", "+@read", "on", "nopass", "x", "(-get)"] {
        assert!(Restriction::parse(text).is_err(), "{text}");
    }
    for text in ["~a*b", "~[ab]", "~?", "&a*b*", "%R~a?*"] {
        assert!(
            matches!(
                Restriction::parse(text),
                Err(PermissionError::NotABound { .. })
            ),
            "{text}"
        );
    }
    let parts = |denials: &[&str],
                 keys: Option<&[&str]>,
                 channels: Option<&[&str]>,
                 databases: Option<&[u32]>| {
        let own = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let (keys, channels) = (keys.map(own), channels.map(own));
        Restriction::from_parts(
            &own(denials),
            keys.as_deref(),
            channels.as_deref(),
            databases,
        )
    };
    assert!(matches!(
        parts(&["+get"], None, None, None),
        Err(PermissionError::NotADenial { .. })
    ));
    assert!(matches!(
        parts(&["~a"], None, None, None),
        Err(PermissionError::NotADenial { .. })
    ));
    assert!(matches!(
        parts(&[], Some(&["&a"]), None, None),
        Err(PermissionError::WrongBound { .. })
    ));
    assert!(matches!(
        parts(&[], None, Some(&["~a"]), None),
        Err(PermissionError::WrongBound { .. })
    ));
    assert!(parts(&[], None, None, Some(&[u32::MAX])).is_err());
    let all = parts(&["-get"], Some(&["~a"]), Some(&["&b*"]), Some(&[1])).expect("a restriction");
    assert_eq!(all, restriction("-get ~a &b* db=1"));
    assert_eq!(all.to_string(), "-get ~a &b* db=1");
}

#[test]
fn an_empty_list_of_bounds_admits_nothing() {
    let nothing: [String; 0] = [];
    let keys = Restriction::from_parts(&[], Some(&nothing), None, None).expect("a restriction");
    let channels = Restriction::from_parts(&[], None, Some(&nothing), None).expect("a restriction");
    let databases = Restriction::from_parts(&[], None, None, Some(&[])).expect("a restriction");
    for (bound, text) in [
        (keys, "+get ~*"),
        (channels, "+publish &*"),
        (databases, "+get ~*"),
    ] {
        let permissions = Permissions::compose(&base(""), vec![grant(text)], vec![bound]);
        assert!(
            permissions
                .render(&server(true))
                .expect("renders")
                .grants_nothing(),
            "{text}"
        );
    }
}

#[test]
fn one_bad_rule_refuses_the_whole_grant() {
    for rules in [
        &["+get", "nopass"][..],
        &["+get", "~a ~*"],
        &["+get ~*"],
        &[""],
        &["+get", "~a\n"],
        &["+get", ">x"],
    ] {
        assert!(Grant::parse(rules).is_err(), "{rules:?}");
    }
    assert!(matches!(
        Grant::parse(&vec!["+get"; 4097]),
        Err(PermissionError::TooManyRules)
    ));
}

fn any_grant() -> impl Strategy<Value = String> {
    let commands = prop::sample::subsequence(
        vec![
            "+@all",
            "+@read",
            "-get",
            "+get",
            "+set",
            "-@dangerous",
            "+client",
            "-client|kill",
            "+nosuch",
            "+config|get",
        ],
        1..5,
    );
    let places = prop::sample::subsequence(
        vec![
            "~*", "~a:*", "%R~a:b:*", "%W~*", "~a:b", "~x*y", "&*", "&n.*", "&n.a", "db=0,1",
            "db=2",
        ],
        0..5,
    );
    (commands.prop_shuffle(), places)
        .prop_map(|(commands, places)| [commands, places].concat().join(" "))
}

fn any_restriction() -> impl Strategy<Value = String> {
    prop::sample::subsequence(
        vec![
            "-@dangerous",
            "-get",
            "-client|kill",
            "-nosuch",
            "~a:*",
            "%R~a:b*",
            "~a:b",
            "%W~*",
            "&n.*",
            "&n.a",
            "db=1,2",
            "db=0",
        ],
        0..6,
    )
    .prop_map(|rules| rules.join(" "))
}

proptest! {
    #[test]
    fn order_has_no_meaning(
        (grants, shuffled) in prop::collection::vec(any_grant(), 0..5).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        (limits, mixed) in prop::collection::vec(any_restriction(), 0..5).prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
    ) {
        fn refs(list: &[String]) -> Vec<&str> { list.iter().map(String::as_str).collect() }
        let one = compose("+ping", &refs(&grants), &refs(&limits));
        let other = compose("+ping", &refs(&shuffled), &refs(&mixed));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.render(&server(true)), other.render(&server(true)));
    }

    #[test]
    fn nothing_reaches_future_commands_and_denials_come_last(
        grants in prop::collection::vec(any_grant(), 0..4),
        limits in prop::collection::vec(any_restriction(), 0..3),
    ) {
        fn refs(list: &[String]) -> Vec<&str> { list.iter().map(String::as_str).collect() }
        let permissions = compose("+ping", &refs(&grants), &refs(&limits));
        let one = permissions.render(&server(true)).expect("renders");
        prop_assert!(!one.rules.contains("+@all"));
        let denials: Vec<String> = one.selectors[0].commands.iter().rev().take_while(|r| r.starts_with('-')).cloned().collect();
        for rule in limits.iter().flat_map(|text| text.split(' ')).filter(|r| r.starts_with('-') && *r != "-nosuch") {
            prop_assert!(denials.iter().any(|d| d == rule), "{rule} in {denials:?}");
            for selector in &one.selectors {
                let place = selector.commands.iter().rposition(|r| r == rule).expect("repeated everywhere");
                prop_assert!(selector.commands[place..].iter().all(|r| r.starts_with('-')));
            }
        }
    }
}
