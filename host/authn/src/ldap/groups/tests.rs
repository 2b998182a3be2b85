//! Groups of accounts in small and in hostile directories.

use proptest::prelude::*;
use warden_core::{Reason, ReasonKind};

use super::testing::{Script, Tree, answered, described, entry, group, profile};
use super::{Entry, Search, SearchError, Searches};

const ALICE: &str = "uid=alice,ou=people,dc=x";

const MEMBER_OF: &str = "[groups]\nbase = 'ou=groups,dc=x'\n";
const SEARCH: &str = "[groups]\nfrom = 'search'\nbase = 'ou=groups,dc=x'\n";

/// alice is in `dev`, that in `staff`, that in `all`; and in `ops`.
fn nested() -> Tree {
    let [dev, staff] = ["dev", "staff"].map(group);
    Tree::default()
        .entry(ALICE, &["uid: alice"])
        .group("dev", &[ALICE])
        .group("ops", &[ALICE])
        .group("staff", &[&dev])
        .group("all", &[&staff])
        .group("other", &["uid=bob,ou=people,dc=x"])
}

fn groups(settings: &str, tree: &mut Tree) -> Vec<String> {
    described(settings, ALICE, tree).unwrap().groups
}

fn refusal(settings: &str, tree: &mut Tree) -> String {
    let reason = described(settings, ALICE, tree).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::Claims, "{reason}");
    reason.to_string()
}

#[test]
fn without_settings_nobody_has_groups_and_nobody_is_asked() {
    let mut tree = nested();
    assert_eq!(groups("", &mut tree), Vec::<String>::new());
    assert!(tree.asked.is_empty());
}

#[test]
fn groups_of_the_account_itself_need_no_search_when_its_entry_names_them() {
    let mut tree = nested();
    assert_eq!(groups(MEMBER_OF, &mut tree), ["corp/dev", "corp/ops"]);
    assert!(tree.asked.is_empty());
}

#[test]
fn every_way_finds_the_same_groups_of_groups() {
    let all = ["corp/all", "corp/dev", "corp/ops", "corp/staff"];
    let ways = [
        format!("{MEMBER_OF}nested = 'walk'"),
        format!("{SEARCH}nested = 'walk'"),
        format!("{SEARCH}nested = 'in-chain'"),
    ];
    let searches = ways.map(|way| {
        let mut tree = nested();
        assert_eq!(groups(&way, &mut tree), all, "{way}");
        tree.asked.len()
    });
    // One for each level, and one in all where the directory follows them.
    assert_eq!(searches, [3, 4, 1]);
}

#[test]
fn a_search_asks_by_the_names_of_the_entry_and_never_by_what_the_client_wrote() {
    let settings = format!("{SEARCH}filter = '(memberUid={{name}})'");
    let mut tree = Tree::default()
        .entry("uid=alice,ou=people,dc=x", &["uid: alice", "uid: a(*)"])
        .entry("cn=one,ou=groups,dc=x", &["memberUid: alice"])
        .entry("cn=two,ou=groups,dc=x", &["memberUid: a(*)"])
        .entry("cn=three,ou=groups,dc=x", &["memberUid: bob"]);
    assert_eq!(groups(&settings, &mut tree), ["corp/one", "corp/two"]);
    assert_eq!(tree.asked.len(), 1);
    let mut nameless = Tree::default().entry(ALICE, &[]);
    assert!(refusal(&settings, &mut nameless).contains("uid"));
}

#[test]
fn a_loop_of_groups_ends() {
    let [one, two, three] = ["one", "two", "three"].map(group);
    let mut tree = Tree::default().entry(ALICE, &[&format!("memberOf: {one}")]);
    // one is in two and three, two in itself and three, three in one.
    for (dn, members, above) in [
        (&one, [ALICE, &three], [&two, &three]),
        (&two, [&one, &two], [&two, &three]),
        (&three, [&one, &two], [&one, &one]),
    ] {
        let members = members.map(|dn| format!("member: {dn}"));
        let above = above.map(|dn| format!("memberOf: {dn}"));
        let lines: Vec<&str> = members.iter().chain(&above).map(String::as_str).collect();
        tree = tree.entry(dn, &lines);
    }
    for way in [MEMBER_OF, SEARCH] {
        let all = groups(&format!("{way}nested = 'walk'"), &mut tree);
        assert_eq!(all, ["corp/one", "corp/three", "corp/two"], "{way}");
    }
}

#[test]
fn groups_nested_deeper_than_may_be_are_refused_rather_than_cut() {
    for way in [MEMBER_OF, SEARCH] {
        let depth = |depth| format!("{way}nested = 'walk'\ndepth = {depth}");
        assert_eq!(groups(&depth(2), &mut nested()).len(), 4);
        assert!(refusal(&depth(1), &mut nested()).contains("groups.depth = 1"));
    }
}

#[test]
fn more_groups_than_may_be_are_refused_rather_than_cut() {
    let names: Vec<String> = (0..10_001).map(|n| group(&format!("g{n}"))).collect();
    let lines: Vec<String> = names.iter().map(|dn| format!("memberOf: {dn}")).collect();
    let account = |count: usize| {
        let lines: Vec<&str> = lines[..count].iter().map(String::as_str).collect();
        Tree::default().entry(ALICE, &lines)
    };
    let most = |most| format!("{MEMBER_OF}most_groups = {most}");
    assert_eq!(groups(&most(10_000), &mut account(10_000)).len(), 10_000);
    assert!(refusal(&most(10_000), &mut account(10_001)).contains("10000 values"));
    assert_eq!(groups(MEMBER_OF, &mut account(1000)).len(), 1000);
    assert!(refusal(MEMBER_OF, &mut account(1001)).contains("groups.most_groups = 1000"));
    for way in [
        format!("{SEARCH}most_groups = 3\nnested = 'walk'"),
        format!("{SEARCH}most_groups = 3\nnested = 'in-chain'"),
        format!("{SEARCH}most_groups = 1"),
        format!("{MEMBER_OF}most_groups = 3\nnested = 'walk'"),
    ] {
        assert!(
            refusal(&way, &mut nested()).contains("groups.most_groups"),
            "{way}"
        );
    }
}

#[test]
fn many_groups_are_looked_up_in_few_searches() {
    let mut tree = Tree::default().entry(ALICE, &[]);
    let names: Vec<String> = (0..120).map(|n| format!("g{n}")).collect();
    for name in &names {
        tree = tree.group(name, &[ALICE]);
    }
    let walked = groups(&format!("{MEMBER_OF}nested = 'walk'"), &mut tree);
    assert_eq!((walked.len(), tree.asked.len()), (120, 3));
    tree.asked.clear();
    let walked = groups(&format!("{SEARCH}nested = 'walk'"), &mut tree);
    assert_eq!((walked.len(), tree.asked.len()), (120, 4));
}

/// Whoever may add entries below `ou=people` must not become an administrator.
#[test]
fn a_group_elsewhere_never_counts_whatever_it_is_called() {
    let fake = "cn=admins,ou=people,dc=x";
    let tricks = [
        fake,
        r"cn=admins\,ou\=groups\,dc\=x,ou=people,dc=x",
        "cn=admins,ou=xgroups,dc=x",
        "cn=admins,ou=groups,dc=x,dc=evil",
    ];
    let tree = || {
        let lines = tricks.map(|dn| format!("memberOf: {dn}"));
        let lines = lines.each_ref().map(String::as_str);
        let member = format!("member: {ALICE}");
        let mut tree = Tree::default().entry(ALICE, &lines).group("dev", &[ALICE]);
        for dn in tricks {
            // Through it a real group could be reached.
            let up = format!("memberOf: {}", group("admins"));
            tree = tree.entry(dn, &[&member, &up]);
        }
        tree.group("admins", &[fake])
    };
    for way in [MEMBER_OF, SEARCH] {
        assert_eq!(groups(way, &mut tree()), ["corp/dev"], "{way}");
    }
    // Walking by attribute does not look at them; a search for a group's members finds
    // groups below the base alone.
    let walk = format!("{MEMBER_OF}nested = 'walk'");
    assert_eq!(groups(&walk, &mut tree()), ["corp/dev"]);
    let walk = format!("{SEARCH}nested = 'walk'");
    assert_eq!(groups(&walk, &mut tree()), ["corp/dev"]);
}

#[test]
fn with_scope_one_groups_of_teams_below_do_not_count() {
    let team = "cn=admins,ou=team,ou=groups,dc=x";
    let mut tree = Tree::default()
        .entry(ALICE, &[&format!("memberOf: {team}")])
        .entry(team, &[&format!("member: {ALICE}")])
        .group("dev", &[ALICE]);
    for way in [MEMBER_OF, SEARCH] {
        assert_eq!(groups(way, &mut tree), ["corp/admins", "corp/dev"]);
        assert_eq!(
            groups(&format!("{way}scope = 'one'"), &mut tree),
            ["corp/dev"]
        );
    }
}

#[test]
fn a_group_is_called_by_its_common_name_its_whole_name_or_an_attribute() {
    let dn = r"cn=Data\2C Admins,ou=groups,dc=x";
    let mut tree = Tree::default()
        .entry(ALICE, &[&format!("memberOf: {dn}")])
        .entry(
            dn,
            &[
                &format!("member: {ALICE}"),
                "cn: admins",
                "SAMACCOUNTNAME: data",
            ],
        );
    for way in [MEMBER_OF, SEARCH] {
        // The common name is that of the entry's own name, not one more value of it.
        assert_eq!(groups(way, &mut tree), ["corp/Data,%20Admins"]);
        assert_eq!(
            groups(&format!("{way}name = 'dn'"), &mut tree),
            ["corp/cn=Data%5C2C%20Admins,ou=groups,dc=x"]
        );
        let by_attribute = format!("{way}name = 'sAMAccountName'");
        assert_eq!(groups(&by_attribute, &mut tree), ["corp/data"]);
        let missing = refusal(&format!("{way}name = 'displayName'"), &mut tree);
        assert!(missing.contains("displayName"), "{missing}");
    }
    let several = group("a");
    let mut tree = Tree::default()
        .entry(ALICE, &[&format!("memberOf: {several}")])
        .entry(&several, &["mail: a", "mail: b"]);
    assert!(refusal(&format!("{MEMBER_OF}name = 'mail'"), &mut tree).contains("several"));
}

#[test]
fn a_group_that_cannot_be_named_refuses_the_account() {
    let long = group(&"x".repeat(257));
    for dn in [
        "cn=,ou=groups,dc=x",
        r"cn=a\0ab,ou=groups,dc=x",
        r"cn=a\00b,ou=groups,dc=x",
        "cn=a+cn=b,ou=groups,dc=x",
        "cn=#0461,ou=groups,dc=x",
        "gidNumber=5,ou=groups,dc=x",
        &long,
    ] {
        let mut tree = Tree::default().entry(ALICE, &[&format!("memberOf: {dn}")]);
        let why = refusal(MEMBER_OF, &mut tree);
        assert!(!why.contains('\n') && why.len() < 300, "{why}");
    }
    assert_eq!(
        groups(
            MEMBER_OF,
            &mut Tree::default().entry(ALICE, &["memberOf: CN=a+uid=5,ou=groups,dc=x"])
        ),
        ["corp/a"]
    );
}

#[test]
fn a_group_that_cannot_be_looked_up_refuses_the_account() {
    let mut tree = Tree::default().entry(ALICE, &[&format!("memberOf: {}", group("gone"))]);
    assert_eq!(
        groups(MEMBER_OF, &mut tree),
        ["corp/gone"],
        "none is needed"
    );
    for more in ["nested = 'walk'", "name = 'mail'"] {
        let why = refusal(&format!("{MEMBER_OF}{more}"), &mut tree);
        assert!(why.contains("entryDN"), "{why}");
    }
}

#[test]
fn one_group_in_two_spellings_is_one() {
    let tree = || {
        Tree::default()
            .entry(
                ALICE,
                &[
                    "memberOf: cn=Dev,ou=groups,dc=x",
                    "memberOf: CN=DEV, OU=Groups, DC=X",
                ],
            )
            .entry("CN=dev,OU=groups,DC=x", &[])
    };
    assert_eq!(groups(MEMBER_OF, &mut tree()), ["corp/Dev"]);
    let walk = format!("{MEMBER_OF}nested = 'walk'");
    assert_eq!(groups(&walk, &mut tree()), ["corp/Dev"]);
}

#[test]
fn groups_come_in_ranges_too() {
    let mut tree = Tree::default().entry(ALICE, &[]);
    for n in 0..25 {
        tree = tree.group(&format!("g{n}"), &[ALICE]);
    }
    tree.range = Some(10);
    assert_eq!(groups(MEMBER_OF, &mut tree).len(), 25);
    let asked: Vec<&str> = tree.asked.iter().map(|(_, of)| of[0].as_str()).collect();
    assert_eq!(asked, ["memberOf;range=10-*", "memberOf;range=20-*"]);
}

#[test]
fn answers_that_are_not_to_the_question_decide_nothing() {
    let outside = entry("cn=admins,ou=people,dc=x", &[]);
    let broken = entry("admins", &[]);
    for answer in [outside, broken] {
        let mut script = Script::new([vec![answer]]);
        let reason = answered(&profile(SEARCH), &entry(ALICE, &[]), &mut script).unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::Unavailable, "{reason}");
    }
    let account = entry(ALICE, &[("memberOf", &["admins"])]);
    let reason = answered(&profile(MEMBER_OF), &account, &mut Script::new([])).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::Unavailable);
}

#[test]
fn a_search_that_fails_leaves_the_account_undecided() {
    struct Broken;
    impl Searches for Broken {
        async fn search(&mut self, _search: Search<'_>) -> Result<Vec<Entry>, SearchError> {
            let reason = Reason::new(ReasonKind::Busy, "all connections are in use");
            Err(SearchError::Failed(reason))
        }
    }
    let account = entry(ALICE, &[("memberOf", &[&group("a")])]);
    for settings in [SEARCH, &format!("{MEMBER_OF}nested = 'walk'")] {
        let reason = answered(&profile(settings), &account, &mut Broken).unwrap_err();
        assert_eq!(reason.kind(), ReasonKind::Busy);
    }
    let ranged = entry(ALICE, &[("memberOf;range=0-0", &[&group("a")])]);
    assert!(answered(&profile(MEMBER_OF), &ranged, &mut Broken).is_err());
}

/// A directory that has another group for every question.
#[test]
fn a_directory_without_end_is_left_at_a_limit() {
    let endless = (0..200).map(|n| vec![entry(&group(&n.to_string()), &[])]);
    let mut script = Script::new(endless);
    let walk = profile(&format!("{SEARCH}nested = 'walk'\ndepth = 32"));
    let reason = answered(&walk, &entry(ALICE, &[]), &mut script).unwrap_err();
    assert!(reason.detail().contains("groups.depth"), "{reason}");
    assert_eq!(script.asked, 34);
}

#[test]
fn what_is_wanted_of_an_entry_follows_the_settings() {
    let of = |text: &str| -> Vec<String> {
        let profile = profile(&format!("check_account = false\n{text}"));
        profile.wanted().into_iter().map(str::to_owned).collect()
    };
    assert!(of("").is_empty());
    assert_eq!(of(MEMBER_OF), ["memberOf"]);
    assert!(of(SEARCH).is_empty());
    assert_eq!(
        of(&format!(
            "attributes = ['mail', 'uid']\n{SEARCH}filter = 'memberUid={{name}}'"
        )),
        ["mail", "uid"]
    );
    assert!(profile("").wanted().contains(&"userAccountControl"));
}

/// Text out of pieces that mean something in names, ranges and filters.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "cn=",
        "CN=",
        "ou=groups",
        "OU=Groups",
        ",dc=x",
        ", DC=X",
        "admins",
        "a",
        " ",
        ",",
        "+",
        "\\",
        "\\2c",
        "\\,",
        "#04",
        "=",
        "\"",
        ";",
        "\0",
        "é",
        "dc=evil",
        "ou=people",
    ]);
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

fn descriptions() -> impl Strategy<Value = String> {
    let range = prop_oneof![
        Just(String::new()),
        Just(";range=0-*".to_owned()),
        (0_u8..4, 0_u8..4).prop_map(|(first, last)| format!(";RANGE={first}-{last}")),
        (0_u8..4).prop_map(|first| format!(";range={first}-*")),
        Just(";range=".to_owned()),
    ];
    let name = prop::sample::select(vec!["memberOf", "MEMBEROF", "mail", "uid"]);
    (name, range).prop_map(|(name, range)| format!("{name}{range}"))
}

fn entries() -> impl Strategy<Value = Option<Entry>> {
    let dn = prop_oneof![
        pieces(),
        Just(group("a")),
        Just(group("B")),
        Just(ALICE.to_owned())
    ];
    let values = prop::collection::vec(prop_oneof![pieces(), Just(group("c"))], 0..3);
    let values = values.prop_map(|values| values.into_iter().map(String::into_bytes).collect());
    let attributes = prop::collection::vec((descriptions(), values), 0..3);
    (dn, attributes).prop_map(|(dn, attributes)| Entry::new(dn, attributes).ok())
}

proptest! {
    /// Whatever a directory answers, it names groups of the base by their own names, or
    /// nobody is anything.
    #[test]
    fn no_answer_makes_a_group_of_what_is_none(
        account in entries(),
        answers in prop::collection::vec(prop::collection::vec(entries(), 0..3), 0..5),
        way in prop::sample::select(vec![
            MEMBER_OF.to_owned(),
            format!("{MEMBER_OF}nested = 'walk'\ndepth = 3\n"),
            SEARCH.to_owned(),
            format!("{SEARCH}nested = 'walk'\ndepth = 3\n"),
            format!("{SEARCH}filter = '(memberUid={{name}})'\n"),
        ]),
    ) {
        let Some(account) = account else { return Ok(()) };
        let answers = answers.into_iter().map(|answer| answer.into_iter().flatten().collect());
        let profile = profile(&format!("{way}name = 'dn'"));
        let described = match answered(&profile, &account, &mut Script::new(answers)) {
            Ok(described) => described,
            Err(reason) => {
                prop_assert!(!reason.detail().contains(char::is_control));
                return Ok(());
            }
        };
        for group in described.groups {
            let (_, dn) = warden_core::name::read_qualified(&group).unwrap();
            let dn: String = dn.to_lowercase().split(' ').collect();
            let own = dn.strip_suffix("ou=groups,dc=x").expect("it lies in the base");
            let escapes = own.trim_end_matches(',').bytes().rev().take_while(|&b| b == b'\\');
            prop_assert!(own.is_empty() || own.ends_with(',') && escapes.count() % 2 == 0, "{dn}");
        }
    }

    /// Whatever the graph of groups is, the two ways of walking agree with reachability.
    #[test]
    fn walking_finds_what_can_be_reached(
        edges in prop::collection::vec((0_usize..8, 0_usize..8), 0..24),
        direct in prop::collection::vec(0_usize..8, 0..4),
    ) {
        let dn = |n: usize| group(&format!("g{n}"));
        let mut lines: Vec<Vec<String>> = vec![Vec::new(); 8];
        for &(inner, outer) in &edges {
            lines[inner].push(format!("memberOf: {}", dn(outer)));
            lines[outer].push(format!("member: {}", dn(inner)));
        }
        for &n in &direct {
            lines[n].push(format!("member: {ALICE}"));
        }
        let own: Vec<String> = direct.iter().map(|&n| format!("memberOf: {}", dn(n))).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let mut tree = Tree::default().entry(ALICE, &own);
        for (n, lines) in lines.iter().enumerate() {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            tree = tree.entry(&dn(n), &lines);
        }
        let mut reached = direct;
        let mut next = 0;
        while let Some(&n) = reached.get(next) {
            let above = edges.iter().filter(|(inner, _)| *inner == n).map(|(_, outer)| *outer);
            let new: Vec<usize> = above.filter(|outer| !reached.contains(outer)).collect();
            reached.extend(new);
            next += 1;
        }
        let mut expected: Vec<String> = reached.iter().map(|n| format!("corp/g{n}")).collect();
        expected.sort();
        expected.dedup();
        for way in [MEMBER_OF, SEARCH] {
            let walk = format!("{way}nested = 'walk'");
            prop_assert_eq!(&groups(&walk, &mut tree), &expected);
        }
    }
}

#[test]
fn an_account_is_told_from_a_later_one_by_what_the_directory_gives_no_other() {
    let identity = |attributes: &[(&str, &[&str])]| {
        let mut profile = profile("");
        profile.is_watched = true;
        assert!(profile.wanted().contains(&"entryUUID"));
        profile.identity(&entry("CN=Alice,DC=x", attributes))
    };
    assert_eq!(identity(&[("entryuuid", &["ab"])]), "entryUUID=6162");
    assert_eq!(identity(&[("objectGUID", &["ab"])]), "objectGUID=6162");
    // Without any by its name, however it is written.
    assert_eq!(identity(&[]), identity(&[("entryUUID", &["a", "b"])]));
    assert!(identity(&[]).starts_with("dn="));
    assert_eq!(profile("").identity(&entry("cn=a", &[])), "");
    assert!(!profile("").wanted().contains(&"entryUUID"));
}
