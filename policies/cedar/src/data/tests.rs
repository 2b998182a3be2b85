//! What is refused of the data, and in which words.

use super::*;
use warden_sdk::{Policy, Principal, Request};

const MAPPING: &str = include_str!("../../golden/photos.toml");
const POLICIES: &str = include_str!("../../golden/photos.cedar");
const SCHEMA: &str = include_str!("../../golden/photos.cedarschema");
const ENTITIES: &str = include_str!("../../golden/photos.json");

const SMALL: &str = "[principal]\ntype = 'User'\n\
    [spaces.a]\nresource = 'Space::\"a\"'\nrules = ['~a:*']\n\
    [actions.read]\naction = 'Action::\"read\"'\nrules = ['+@read']\n";
const ALL: &str = "permit (principal, action, resource);";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Cedar::configure(&files).unwrap_err()
}

/// What is said of the small mapping with one thing in it replaced.
fn mapped(what: &str, by: &str) -> String {
    assert!(SMALL.contains(what), "{what}");
    refusal(&[
        ("cedar.toml", &SMALL.replace(what, by)),
        ("cedar.cedar", ALL),
    ])
}

/// What is said of the golden data with one thing in one file replaced.
fn changed(name: &str, what: &str, by: &str) -> String {
    let mut files = [
        ("cedar.toml", MAPPING.to_owned()),
        ("cedar.cedar", POLICIES.to_owned()),
        ("cedar.cedarschema", SCHEMA.to_owned()),
        ("cedar.json", ENTITIES.to_owned()),
    ];
    for (file, text) in &mut files {
        if *file == name {
            assert!(text.contains(what), "{what}");
            *text = text.replacen(what, by, 1);
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(n, text)| (*n, text.as_str())).collect();
    refusal(&files)
}

#[test]
fn a_mapping_and_policies_must_be_there() {
    assert!(refusal(&[("cedar.cedar", ALL)]).starts_with("no mapping: one *.toml file"));
    assert!(refusal(&[("cedar.toml", SMALL)]).starts_with("no policy: a *.cedar file"));
    let two = refusal(&[("a.toml", SMALL), ("b.toml", SMALL), ("c.cedar", ALL)]);
    assert!(
        two.starts_with("\"b.toml\": the mapping stands in \"a.toml\" already"),
        "{two}"
    );
    let empty = refusal(&[("a.toml", SMALL), ("c.cedar", "// nothing\n")]);
    assert_eq!(empty, "\"c.cedar\": no policy in this file");
}

#[test]
fn a_mistake_in_a_policy_is_told_with_line_column_and_what_was_expected() {
    for (policies, said) in [
        (
            "permit (principal, action, resource)",
            "\"c.cedar\" line 1 column 37: ",
        ),
        (
            "permit (principal, action, resource);\n\nforbid (principal, action, resource) when { 1 + };",
            "\"c.cedar\" line 3 column 49: ",
        ),
        (
            "permit (principal, action, resource) when { principal.x = 1 };",
            "\"c.cedar\" line 1 column ",
        ),
        (
            "permit (user, action, resource);",
            "\"c.cedar\" line 1 column ",
        ),
        (
            "permit (principal, action, resource) when { frob(1) };",
            "\"c.cedar\" line 1 column ",
        ),
    ] {
        let refusal = refusal(&[("a.toml", SMALL), ("c.cedar", policies)]);
        assert!(refusal.starts_with(said), "{policies:?}: {refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
    let template = refusal(&[
        ("a.toml", SMALL),
        (
            "c.cedar",
            "permit (principal == ?principal, action, resource);",
        ),
    ]);
    assert!(
        template.contains("\"c.cedar\": a template: nothing links it here"),
        "{template}"
    );
}

#[test]
fn a_policy_against_the_schema_is_told_with_its_place_in_its_own_file() {
    let typo = changed(
        "cedar.cedar",
        "principal.department",
        "principal.departement",
    );
    assert!(
        typo.starts_with("\"cedar.cedar\" line 23 column 33: "),
        "{typo}"
    );
    assert!(
        typo.contains("departement") && typo.contains("did you mean `department`?"),
        "{typo}"
    );
    let absent = changed(
        "cedar.cedar",
        "principal has suspended && principal.suspended",
        "principal.suspended",
    );
    assert!(
        absent.starts_with("\"cedar.cedar\" line 35 column "),
        "{absent}"
    );
    let action = changed(
        "cedar.cedar",
        "action == Photos::Action::\"edit\"",
        "action == Photos::Action::\"edits\"",
    );
    assert!(
        action.contains("\"cedar.cedar\" line 30 column ") && action.contains("edits"),
        "{action}"
    );
    let more = refusal(&[
        ("cedar.toml", MAPPING),
        ("cedar.cedarschema", SCHEMA),
        ("cedar.json", ENTITIES),
        ("a.cedar", POLICIES),
        (
            "b.cedar",
            "\npermit (principal, action, resource)\nwhen { principal.size > 1 };\n",
        ),
    ]);
    assert!(more.starts_with("\"b.cedar\" line 3 column "), "{more}");
}

#[test]
fn a_mistake_in_the_schema_is_told_with_its_place() {
    let cut = changed(
        "cedar.cedarschema",
        "entity Album in [Album] {",
        "entity Album in [Album {",
    );
    assert!(
        cut.starts_with("\"cedar.cedarschema\" line 8 column "),
        "{cut}"
    );
    let unknown = changed("cedar.cedarschema", "owner: User", "owner: Owner");
    assert!(
        unknown.starts_with("\"cedar.cedarschema\" line 9 column "),
        "{unknown}"
    );
    assert!(unknown.contains("Owner"), "{unknown}");
}

#[test]
fn a_mistake_in_static_entities_names_file_and_entity() {
    for (what, by, said) in [
        ("\"private\": false", "\"private\": \"no\"", "private"),
        ("\"private\": false", "\"secret\": false", "secret"),
        (
            "\"Photos::Group\", \"id\": \"corp/cousins\"",
            "\"Photos::Grup\", \"id\": \"corp/cousins\"",
            "Grup",
        ),
        ("[\n", "{\n", ""),
    ] {
        let refusal = changed("cedar.json", what, by);
        assert!(refusal.starts_with("\"cedar.json\": "), "{refusal}");
        assert!(refusal.contains(said), "{refusal}");
    }
    let twice = refusal(&[
        ("a.toml", SMALL),
        ("c.cedar", ALL),
        (
            "x.json",
            r#"[{"uid": {"type": "A", "id": "1"}, "attrs": {}, "parents": []}]"#,
        ),
        (
            "y.json",
            r#"[{"uid": {"type": "A", "id": "1"}, "attrs": {"n": 1}, "parents": []}]"#,
        ),
    ]);
    assert!(twice.starts_with("\"y.json\": "), "{twice}");
    let tags = r#"[{"uid": {"type": "User", "id": "corp/a"}, "attrs": {}, "parents": [], "tags": {"t": 1}}]"#;
    let tags = refusal(&[("a.toml", SMALL), ("c.cedar", ALL), ("x.json", tags)]);
    assert!(tags.contains("User::\"corp/a\" has tags"), "{tags}");
}

#[test]
fn a_claim_makes_no_member_of_what_groups_or_scopes_are() {
    let unit = "{ claim = '/unit', entity = 'Team' }";
    for from in ["groups", "scopes"] {
        let parents =
            format!("type = 'User'\nparents = [{{ from = '{from}', entity = 'Team' }}, {unit}]");
        let said = mapped("type = 'User'", &parents);
        let expected = "principal.parents[1].entity: \"Team\" is what groups or scopes are";
        assert!(said.contains(expected), "{said}");
    }
    let apart =
        format!("type = 'User'\nparents = [{unit}, {{ from = 'groups', entity = 'Group' }}]");
    let files = [
        File::new("cedar.toml", SMALL.replace("type = 'User'", &apart)),
        File::new("cedar.cedar", ALL),
    ];
    assert!(Cedar::configure(&files).is_ok());
}

#[test]
fn a_mistake_in_the_mapping_is_told_with_its_key() {
    let user = "type = 'User'";
    for (what, by, said) in [
        (
            user,
            "type = 'User::\"a\"'",
            "principal.type: \"User::\\\"a\\\"\" is no entity type",
        ),
        (user, "type = ''", "principal.type: \"\" is no entity type"),
        (
            user,
            "type = 'User'\nauthenticator = 'Corp'",
            "principal.authenticator: \"Corp\" is no id",
        ),
        (
            user,
            "type = 'User'\nparents = [{ from = 'group', entity = 'G' }]",
            "principal.parents[0]: \"group\" makes no parents",
        ),
        (
            user,
            "type = 'User'\nparents = [{ entity = 'G' }]",
            "principal.parents[0]: give either from or claim",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { }",
            "principal.attributes.a: give either from or claim",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { from = 'name', claim = '/a', type = 'Long' }",
            "give either from or claim",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { from = 'email' }",
            "\"email\" is nothing that is known of a log-in: write name, ",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { from = 'name', type = 'String' }",
            "has a type of its own",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { claim = '/a' }",
            "a claim needs its type",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { claim = 'a', type = 'Long' }",
            "\"a\" is no JSON Pointer",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { claim = '/a', type = 'Int' }",
            "\"Int\" is no type of a claim: write String",
        ),
        (
            user,
            "type = 'User'\nattributes.a = { claim = '/a', type = 'Long', entity = 'A' }",
            "leave out one of them",
        ),
        (
            user,
            "kind = 'User'",
            "line 2: unknown field `kind`, expected one of `type`, `authenticator`, ",
        ),
        ("Space::\"a\"", "a", "spaces.a.resource: \"a\" is no entity"),
        (
            "~a:*",
            "+get",
            "spaces.a.rules[0]: \"+get\" is not about keys",
        ),
        ("~a:*", "~a b", "spaces.a.rules[0]: rule \"~a b\""),
        (
            "[spaces.a]",
            "[spaces.'a b']",
            "spaces.a b: a name takes 1 to 64",
        ),
        (
            "Action::\"read\"",
            "read",
            "actions.read.action: \"read\" is no entity",
        ),
        (
            "+@read",
            "~a",
            "actions.read.rules[0]: \"~a\" is not about commands",
        ),
        (
            "+@read",
            "-get",
            "actions.read.rules: no rule gives a command",
        ),
        (
            "['+@read']",
            "[]",
            "actions.read.rules: no rule gives a command",
        ),
        (
            "[actions.read]",
            "[actions.read]\nspaces = ['b']",
            "actions.read.spaces[0]: there is no [spaces.b]",
        ),
        (
            "[actions.read]",
            "[actions.read]\nspaces = []",
            "actions.read.spaces: empty",
        ),
        (
            "[actions.read]",
            "[actions.read]\ncontext = ['tls']",
            "actions.read.context[0]: there is no \"tls\" in [context]",
        ),
    ] {
        let refusal = mapped(what, by);
        assert!(refusal.starts_with("\"cedar.toml\""), "{refusal}");
        assert!(refusal.contains(said), "{by}: {refusal}");
    }
    let nothing = refusal(&[
        ("cedar.toml", "[principal]\ntype = 'User'\n"),
        ("c.cedar", ALL),
    ]);
    assert!(nothing.contains("actions: nothing to ask"), "{nothing}");
}

#[test]
fn what_the_schema_would_refuse_at_every_log_in_is_refused_when_it_is_read() {
    for (what, by, said) in [
        (
            "type = \"Bool\"",
            "type = \"Long\"",
            "principal: the schema refuses it: ",
        ),
        (
            "department = {",
            "section = {",
            "principal: the schema refuses it: ",
        ),
        (
            "type = \"Photos::User\"",
            "type = \"Photos::Album\"",
            "principal: the schema refuses it: ",
        ),
        (
            "entity = \"Photos::Group\"",
            "entity = \"Photos::Album\"",
            "principal: the schema refuses it: ",
        ),
        (
            "tls = { from = \"client.tls\", required = true }\n",
            "",
            "actions.edit: the schema refuses it: ",
        ),
        (
            "context = []\n",
            "",
            "actions.clear: the schema refuses it: ",
        ),
        (
            "Action::\"view\"",
            "Action::\"look\"",
            "actions.view: the schema lets it apply to none of these spaces",
        ),
        (
            "Action::\"edit\"",
            "Action::\"change\"",
            "actions.edit: the schema refuses it: ",
        ),
    ] {
        let refusal = changed("cedar.toml", what, by);
        assert!(refusal.starts_with("\"cedar.toml\": "), "{refusal}");
        assert!(refusal.contains(said), "{by}: {refusal}");
    }
}

#[test]
fn an_action_without_spaces_is_asked_about_those_it_applies_to() {
    let schema = "entity User; entity Book; entity Film;\n\
                  action read appliesTo { principal: User, resource: Book };\n\
                  action watch appliesTo { principal: User, resource: [Film, Book] };\n";
    let mapping = "[principal]\ntype = 'User'\n\
        [spaces.b]\nresource = 'Book::\"b\"'\nrules = ['~b']\n\
        [spaces.f]\nresource = 'Film::\"f\"'\nrules = ['~f']\n\
        [actions.read]\naction = 'Action::\"read\"'\nrules = ['+get']\n\
        [actions.watch]\naction = 'Action::\"watch\"'\nrules = ['+strlen']\n";
    let files = [
        File::new("a.toml", mapping),
        File::new("b.cedar", ALL),
        File::new("c.cedarschema", schema),
    ];
    let policy = Cedar::configure(&files).unwrap();
    let verdict = policy.evaluate(&Request::new(Principal::new("corp", "a")));
    assert_eq!(
        verdict.to_string(),
        "grant +get +strlen ~b; grant +strlen ~f; label permits=b.cedar#1"
    );
}

#[test]
fn ids_tell_policies_apart() {
    let twice = refusal(&[
        ("a.toml", SMALL),
        (
            "b.cedar",
            "@id(\"x\") permit (principal, action, resource);",
        ),
        (
            "c.cedar",
            "@id(\"x\") forbid (principal, action, resource);",
        ),
    ]);
    assert_eq!(
        twice,
        "\"c.cedar\": a policy of id x stands in \"b.cedar\" already: ids tell policies apart"
    );
    for id in ["", "a,b", "a\\nb"] {
        let policies = format!("@id(\"{id}\") permit (principal, action, resource);");
        let refusal = refusal(&[("a.toml", SMALL), ("b.cedar", &policies)]);
        assert!(
            refusal.contains("an id takes 1 to 128 bytes"),
            "{id}: {refusal}"
        );
    }
    let unnamed = "forbid (principal, action, resource);".repeat(11);
    let files = [File::new("a.toml", SMALL), File::new("b.cedar", unnamed)];
    let mut ids: Vec<String> = Cedar::configure(&files)
        .unwrap()
        .labels()
        .into_iter()
        .map(|(_, id)| id)
        .collect();
    ids.sort();
    assert_eq!(ids[..3], ["b.cedar#1", "b.cedar#10", "b.cedar#11"]);
}

#[test]
fn size_is_bounded_rather_than_cut() {
    let policies = |count: usize| "permit (principal, action, resource);\n".repeat(count);
    let of = |policies: &str| {
        let files = [File::new("a.toml", SMALL), File::new("b.cedar", policies)];
        Cedar::configure(&files).map(drop)
    };
    assert_eq!(of(&policies(1000)), Ok(()));
    assert_eq!(
        of(&policies(1001)),
        Err("more than 1000 policies".to_owned())
    );
    let entity =
        |n| format!(r#"{{"uid": {{"type": "A", "id": "{n}"}}, "attrs": {{}}, "parents": []}}"#);
    let entities: Vec<String> = (0..1001).map(entity).collect();
    let entities = format!("[{}]", entities.join(","));
    let many = refusal(&[("a.toml", SMALL), ("b.cedar", ALL), ("c.json", &entities)]);
    assert_eq!(many, "more than 1000 entities");
    let spaces: String = (0..86)
        .map(|n| format!("[spaces.s{n}]\nresource = 'Space::\"{n}\"'\nrules = ['~{n}']\n"))
        .collect();
    let actions: String = (0..3)
        .map(|n| format!("[actions.a{n}]\naction = 'Action::\"{n}\"'\nrules = ['+get']\n"))
        .collect();
    let mapping = format!("[principal]\ntype = 'User'\n{spaces}{actions}");
    let many = refusal(&[("a.toml", &mapping), ("b.cedar", ALL)]);
    assert!(many.contains("actions: more than 256 questions"), "{many}");
}

#[test]
fn a_half_written_mapping_is_refused() {
    for end in 0..SMALL.len() - 1 {
        let files = [
            File::new("x.toml", &SMALL[..end]),
            File::new("b.cedar", ALL),
        ];
        assert!(Cedar::configure(&files).is_err(), "{end}");
    }
}

#[test]
fn a_file_that_is_no_text_is_named() {
    for name in ["x.cedar", "x.cedarschema", "x.json", "x.toml"] {
        let files = [
            File::new("a.toml", SMALL),
            File::new("b.cedar", ALL),
            File::new(name, b"\xff".to_vec()),
        ];
        let refusal = Cedar::configure(&files).unwrap_err();
        // A second mapping is a mistake of its own.
        assert!(
            refusal.contains(&format!("file {name:?} is not UTF-8")) || name == "x.toml",
            "{refusal}"
        );
    }
}
