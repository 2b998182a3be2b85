//! docs/policies/rego.md: its examples are data the policy takes and mean what is said, the
//! warning it quotes and the messages it lists are those that are given, and the input is
//! the documented one.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use warden_tests::parts;

use crate::markdown::{blocks, code, document, table};
use warden_tests::asked::{Asked, client, principal};

type File = (&'static str, String);

/// A block of the page as a file of that extension.
fn file(extension: &'static str, nth: usize) -> File {
    let text = document("docs/policies/rego.md");
    (extension, blocks(&text, extension)[nth].clone())
}

#[test]
fn the_first_rego_example_means_what_is_said() {
    let asked = Asked::new("rego", &[file("rego", 0)]).unwrap();
    let of = |groups: &[&str]| asked.line(groups, &json!({}), "10.0.0.1");
    let home = "grant +@read +@write -@dangerous -@scripting -scan -randomkey -dbsize ~home:{corp/alice}:*";
    assert_eq!(of(&[]), format!("{home}; session 3600s"));
    assert_eq!(
        of(&["analysts"]),
        format!("{home}; grant +@read ~reports:*; session 3600s")
    );
}

/// What `warden policy check` says of a document, with a test that brings its grants about.
fn checked(module: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).unwrap();
    put("rego.wasm", &parts::policy("rego"));
    put("rego.rego", module.as_bytes());
    let tests =
        "[[tests]]\nname = 'home'\nprincipal = 'corp/alice'\ncan = ['+get ~home:{corp/alice}:x']\n";
    put("rego.tests.toml", tests.as_bytes());
    let mut check = Command::new(parts::cli());
    check.args(["policy", "check", "--dir"]).arg(place.path());
    check.arg("--state-dir").arg(parts::shared_state());
    let output = check.output().expect("the command line runs");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_quoted_warning_is_what_check_says_of_the_example_without_its_denials() {
    let (_, example) = file("rego", 0);
    let whole = checked(&example);
    assert!(
        whole.contains("0 errors") && !whole.contains("flush: "),
        "{whole}"
    );
    let bare = example.replace(
        " \"-@dangerous\", \"-@scripting\", \"-scan\", \"-randomkey\", \"-dbsize\",",
        "",
    );
    assert_ne!(bare, example);
    let text = document("docs/policies/rego.md");
    let quoted = text.split("warns of it as `flush`:\n`").nth(1).unwrap();
    let quoted = quoted.split('`').next().unwrap();
    let bare = checked(&bare);
    assert!(bare.contains("flush: ") && bare.contains(quoted), "{bare}");
}

#[test]
fn a_tenant_less_session_is_refused_where_its_restriction_is_undefined() {
    let settings = (
        "toml",
        "claims = ['/tenant']\nundefined = 'refuse'\n".to_owned(),
    );
    let (_, whole) = file("rego", 1);
    let (bare, _) = whole.split_once("verdict.denial").unwrap();
    let of = |module: &str, claims: &Value| {
        let asked = Asked::new("rego", &[settings.clone(), ("rego", module.to_owned())]);
        asked.unwrap().line(&[], claims, "10.0.0.1")
    };
    let granted = "grant +@read -@dangerous -scan -randomkey -dbsize ~*";
    let acme = json!({"tenant": "acme"});
    assert_eq!(
        of(&whole, &acme),
        format!("{granted}; restrict ~{{acme}}:*")
    );
    assert_eq!(of(bare, &json!({})), granted, "as the page warns");
    let refused = of(&whole, &json!({}));
    assert!(refused.starts_with("deny \"no tenant\" -"), "{refused}");
}

#[test]
fn the_second_rego_example_means_what_is_said() {
    let files = [file("toml", 0), file("rego", 2), file("json", 1)];
    let asked = Asked::new("rego", &files).unwrap();
    let of = |department: &str, address: &str| {
        asked.line(&[], &json!({"department": department}), address)
    };
    let press = "grant +@read +@write -@dangerous -@scripting -scan -randomkey -dbsize ~articles:*; \
                 grant +@read ~archive:*";
    assert_eq!(of("press", "10.1.2.3"), press);
    assert_eq!(
        of("press", "192.0.2.7"),
        format!("{press}; restrict -@write")
    );
    assert_eq!(of("press", "unix"), format!("{press}; restrict -@write"));
    assert_eq!(of("sales", "10.1.2.3"), "grant +@read ~articles:*");
    let nothing = r#"deny "nothing is for you" -"#;
    assert_eq!(of("other", "10.1.2.3"), nothing);
    assert_eq!(asked.line(&[], &json!({}), "10.1.2.3"), nothing);
}

#[test]
fn the_input_is_the_documented_one() {
    let (_, text) = file("json", 0);
    let mut input: Value = serde_json::from_str(&text).unwrap();
    let server = warden_core::Server::of_release("9.1").expect("a known release");
    input["server"]["version"] = server.version.into();
    // A document that is there exactly when the input is this very one.
    let module = format!("package warden\nverdict := [\"+ping\"] if input == {input}\n");
    let settings = "claims = ['/department']\n\
                    inputs = ['client.address', 'client.tls', 'server.role', 'server.version']\n";
    let files = [("rego", module), ("toml", settings.to_owned())];
    let asked = Asked::new("rego", &files).unwrap();
    let claims = json!({"department": "press", "other": 1});
    let mut alice = principal("alice", &["analysts"], claims.as_object().unwrap());
    alice.scopes = vec!["corp/cache.read".to_owned()];
    alice.sole_authenticator = true;
    let grants = |tls| {
        let opinion = asked.about(&alice, &client("10.1.2.3", tls)).unwrap();
        opinion.grants.len()
    };
    assert_eq!((grants(true), grants(false)), (1, 0));
}

const SOUND: &str = "package warden\nverdict := []\n";

/// Files that deserve each of the documented messages.
const MISTAKES: [&[(&str, &str)]; 10] = [
    &[],
    &[("rego", "package warden\nverdict := [\n")],
    &[("rego", "package warden\nverdict := http.send({})\n")],
    &[("rego", SOUND), ("json", "{\"warden\": {\"verdict\": []}}")],
    &[("rego", SOUND), ("toml", "query = 'data.warden'")],
    &[("rego", SOUND), ("toml", "query = 'data.warden.rules'")],
    &[("rego", SOUND), ("toml", "claims = ['department']")],
    &[("rego", SOUND), ("toml", "claims = ['/roles/0']")],
    &[("rego", SOUND), ("toml", "inputs = ['clock']")],
    &[("rego", SOUND), ("toml", "claim = []")],
];

#[test]
fn the_documented_messages_of_rego_are_those_the_policy_gives() {
    let messages = table(&document("docs/policies/rego.md"), "message", 2);
    assert_eq!(messages.len(), MISTAKES.len());
    for (row, mistake) in messages.iter().zip(MISTAKES) {
        let message = code(&row[0]).expect("a message");
        let files: Vec<(&str, String)> = mistake
            .iter()
            .map(|(extension, text)| (*extension, (*text).to_owned()))
            .collect();
        let error = Asked::new("rego", &files).expect_err(message);
        assert!(error.contains(message), "{message}: {error}");
    }
}
