//! Composition and rendering on two small servers; the real ones are asked in
//! the workspace's `tests/`.

mod cutting;
mod difference;
mod limits;
mod rights;
mod texts;

use super::*;

/// Commands with their categories; a name with `|` is a subcommand.
const COMMANDS: &[(&str, &str)] = &[
    ("client", "slow connection"),
    ("client|id", "slow connection"),
    ("client|kill", "slow admin dangerous connection"),
    ("config", "slow"),
    ("config|get", "slow admin dangerous"),
    ("config|set", "slow admin dangerous"),
    ("dbsize", "fast keyspace read"),
    ("flushall", "slow keyspace write dangerous"),
    ("get", "fast read string"),
    ("keys", "slow keyspace read dangerous"),
    ("mod.bare", ""),
    ("mod.get", "read"),
    ("monitor", "slow admin dangerous"),
    ("ping", "fast connection"),
    ("publish", "fast pubsub"),
    ("select", "fast connection"),
    ("set", "slow write string"),
    ("subscribe", "slow pubsub"),
];

fn server(has_databases: bool) -> Server {
    let words = |text: &str| {
        text.split(' ')
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    Server {
        commands: COMMANDS
            .iter()
            .map(|(name, of)| ((*name).to_owned(), words(of)))
            .collect(),
        categories: COMMANDS.iter().flat_map(|(_, of)| words(of)).collect(),
        has_databases,
        version: if has_databases { "9.1.2" } else { "8.0.1" }.to_owned(),
    }
}

fn grant(text: &str) -> Grant {
    Grant::parse(&text.split(' ').collect::<Vec<_>>()).expect(text)
}

fn restriction(text: &str) -> Restriction {
    Restriction::parse(text).expect(text)
}

fn base(text: &str) -> BaseRules {
    BaseRules::parse(text).expect(text)
}

fn compose(base_rules: &str, grants: &[&str], restrictions: &[&str]) -> Permissions {
    let grants = grants.iter().map(|text| grant(text)).collect();
    let restrictions = restrictions.iter().map(|text| restriction(text)).collect();
    Permissions::compose(&base(base_rules), grants, restrictions)
}

fn rendered(
    base_rules: &str,
    grants: &[&str],
    restrictions: &[&str],
    has_databases: bool,
) -> Rendered {
    let permissions = compose(base_rules, grants, restrictions);
    permissions.render(&server(has_databases)).expect("renders")
}

fn dropped(rendered: &Rendered) -> Vec<(&str, Why)> {
    rendered
        .dropped
        .iter()
        .map(|one| (one.rule.as_str(), one.why))
        .collect()
}

#[test]
fn a_part_that_cannot_be_said_is_shown_as_dropped() {
    let rendered = rendered("", &["+set ~[ax]*"], &["~a:b %R~*"], false);
    assert!(rendered.rules.contains("%R~[ax]*"), "{}", rendered.rules);
    assert_eq!(dropped(&rendered), [("~[ax]*", Why::OutsideBounds)]);
}

fn composed(grants: &[&str], limits: &str) -> Permissions {
    let grants = grants.iter().map(|text| grant(text)).collect();
    Permissions::compose(&base("+ping"), grants, vec![restriction(limits)])
}

#[test]
fn rights_are_within_others_only_when_that_is_sure() {
    let narrow = composed(&["+get ~a:*"], "");
    for wider in [
        &["+get ~a:*"][..],
        &["+get +set ~a:*"],
        &["+get ~a:* ~b:*"],
        &["+get ~a:*", "+set ~b:*"],
    ] {
        assert!(narrow.is_within(&composed(wider, "")), "{wider:?}");
    }
    for other in [
        &["+set ~a:*"][..],
        &["+get %R~a:*"],
        &["+get ~a:b"],
        &["+get ~a:* db=1"],
        &["+get -set ~a:*"],
        &[],
    ] {
        assert!(!narrow.is_within(&composed(other, "")), "{other:?}");
    }
    assert!(!narrow.is_within(&composed(&["+get ~a:*"], "-set")));
    assert!(composed(&[], "").is_within(&narrow));
}

#[test]
fn a_table_names_every_command_and_what_it_may_touch() {
    let server = server(true);
    let permissions = composed(
        &["+@read %R~a:* db=1", "+publish &news", "+config ~x"],
        "-@dangerous",
    );
    let table = permissions.table(&server);
    let rows: Vec<_> = table
        .iter()
        .map(|row| {
            let commands: Vec<_> = row.commands.iter().copied().collect();
            format!(
                "{}; {}; {}; {}",
                commands.join(" "),
                row.keys.join(" "),
                row.channels.join(" "),
                row.databases
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "ping; ; ; alldbs",
            "dbsize get mod.get; %R~a:*; ; db=1",
            "config; ~x; ; alldbs",
            "publish; ; &news; alldbs",
        ]
    );
}
