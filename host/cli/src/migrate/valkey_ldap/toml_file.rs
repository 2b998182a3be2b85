//! The authenticator's file: what was carried over, each value with what it is for.
//!
//! In: entries. Out: text that reads back as the same values; a test reads it.

use std::path::Path;

use super::carry::Migration;
use super::settings::{PASSWORD, PASSWORD_KEY};
use super::value::Value;

/// The whole file. `source`: where it is from; `secret`: the name of the password's file.
pub(super) fn render(migration: &Migration, source: &Path, secret: &str) -> String {
    let source = source.to_string_lossy();
    let mut text = format!(
        "# From the settings of valkey-ldap in {}, by `warden migrate valkey-ldap`.\n\
         # What is not said here has the default that it had there.\n\
         \n\
         type = \"ldap\"\n\
         \n\
         # As there, a session is the ACL user of its name, and has that user's rights. Without\n\
         # this line no such user is needed, and policies say what a session may do.\n\
         attach = \"acl-user\"\n",
        source.escape_debug()
    );
    for entry in &migration.entries {
        add(&mut text, entry.comment, entry.key, &entry.value);
    }
    if migration.password.is_some() {
        let value = Value::Text(secret.to_owned());
        add(&mut text, PASSWORD.comment, PASSWORD_KEY, &value);
    }
    text
}

fn add(text: &mut String, comment: &str, key: &str, value: &Value) {
    let value = match value {
        Value::Text(value) => string(value),
        Value::Flag(value) => value.to_string(),
        Value::Whole(value) => value.to_string(),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| string(value)).collect();
            format!("[{}]", values.join(", "))
        }
    };
    text.push_str(&format!("\n# {comment}\n{key} = {value}\n"));
}

/// A basic string of TOML: a string of JSON whose delete character is escaped as well.
fn string(value: &str) -> String {
    serde_json::Value::from(value)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_reads_back_as_itself() {
        let all: String = (0..0x300)
            .chain(0x2020..0x2070)
            .chain([0x1f600])
            .filter_map(char::from_u32)
            .collect();
        for value in [all.as_str(), "", "a\\\"b", "'''", "\"\"\"", r"DOMAIN\u0041"] {
            let read: toml::Table = toml::from_str(&format!("a = {}", string(value))).unwrap();
            assert_eq!(read["a"].as_str(), Some(value));
        }
    }
}
