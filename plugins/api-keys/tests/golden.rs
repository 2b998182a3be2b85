//! Whose each key is, from where: keys × addresses, compared with a committed table.
//!
//! In: `golden/api-keys.toml`. Out: `golden/answers.txt`; after a change that is meant,
//! run once with `UPDATE_GOLDEN=1` and read the difference.

use std::path::Path;

use warden_plugin::{Client, Credential, Describe, File, Input, Plugin, Properties};
use warden_plugin_api_keys::ApiKeys;

/// Made up for this table, and not random.
const KEYS: [(&str, &str); 8] = [
    (
        "the old key of billing",
        "Zm9yLXRlc3RzLW9ubHktYmlsbGluZy1vbGQ",
    ),
    ("the new key of billing", "Zm9yLXRlc3RzLW9ubHktYmlsbGluZw"),
    ("the key of press-7", "Zm9yLXRlc3RzLW9ubHktcHJlc3M"),
    ("the key of a laptop", "Zm9yLXRlc3RzLW9ubHktb2Rk"),
    ("a key with a line end", "Zm9yLXRlc3RzLW9ubHktYmlsbGluZw\n"),
    ("the beginning of a key", "Zm9yLXRlc3RzLW9ubHktYmlsbGlu"),
    (
        "a digest instead of its key",
        "cc7214ccab1aaffa42af2b3c92a8c5b7e3d3c2604dda2fd8d2476d6c16d1e9c4",
    ),
    ("nothing", ""),
];

const ADDRESSES: [(&str, Option<&str>); 6] = [
    ("inside", Some("10.1.2.3")),
    ("inside by IPv6", Some("2001:db8::7")),
    ("the laptop", Some("192.0.2.9")),
    ("the laptop, IPv4 in IPv6", Some("::ffff:192.0.2.9")),
    ("the socket", Some("unix")),
    ("unknown", None),
];

fn plugin() -> Result<ApiKeys, String> {
    let keys = File::new("keys", include_str!("../golden/api-keys.toml"));
    ApiKeys::initialise(&Properties::new().with_file(keys))
}

fn client(address: Option<&str>) -> Client {
    match address {
        Some(address) => Client::new().with_address(address),
        None => Client::new(),
    }
}

#[test]
fn answers_are_those_of_the_golden_table() {
    let mut plugin = plugin().expect("the golden data is valid");
    let mut table = String::new();
    for (what, key) in KEYS {
        table += &format!("{what}\n");
        for (place, address) in ADDRESSES {
            let answer = plugin.authenticate(&Credential::new(key), &client(address));
            table += &format!("  {place}: {answer}\n");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/answers.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).expect("the table is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the table is committed");
    assert_eq!(
        table, committed,
        "read the difference, then run with UPDATE_GOLDEN=1"
    );
}

#[test]
fn no_answer_holds_the_key_that_was_presented() {
    let mut plugin = plugin().expect("the golden data is valid");
    for (what, key) in KEYS.iter().filter(|(_, key)| !key.is_empty()) {
        for (_, address) in ADDRESSES {
            let answer = plugin.authenticate(&Credential::new(*key), &client(address));
            assert!(!answer.to_string().contains(key), "{what}");
        }
    }
}

#[test]
fn the_user_name_decides_nothing() {
    let mut plugin = plugin().expect("the golden data is valid");
    let (_, key) = KEYS[1];
    for user in ["billing", "press-7", ""] {
        let credential = Credential::new(key).with_user(user);
        let answer = plugin.authenticate(&credential, &Client::new());
        assert_eq!(answer.principal().expect("verified").name(), "billing");
    }
}

#[test]
fn what_is_configured_by_mistake_is_refused() {
    let refused = |properties: &Properties| ApiKeys::initialise(properties).unwrap_err();
    assert_eq!(
        refused(&Properties::new()),
        r#"[property_files] must name "keys""#
    );
    let keys = || Properties::new().with_file(File::new("keys", ""));
    assert_eq!(
        refused(&keys().with("keys", "api-keys.toml")),
        r#"property "keys" is not known: the plugin takes none"#
    );
    assert_eq!(
        refused(&keys().with_file(File::new("more", ""))),
        r#"property file "more" is not known: the plugin takes keys"#
    );
    assert!(ApiKeys::initialise(&keys()).is_ok());
}

#[test]
fn of_the_connection_only_the_address_is_read() {
    assert_eq!(ApiKeys::DESCRIPTION.inputs, [Input::ClientAddress]);
}
