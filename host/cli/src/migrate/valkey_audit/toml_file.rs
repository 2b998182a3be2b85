//! The sink's file: what was carried over, each value with what it is for.

use std::path::Path;

use toml::Value;
use warden_audit::settings::table::KEYS;

use super::carry::Migration;

/// The whole file. `source`: where it is from.
pub(super) fn render(migration: &Migration, source: &Path) -> String {
    let source = source.to_string_lossy();
    let mut text = format!(
        "# From the settings of ValkeyAudit in {}, by `warden migrate valkey-audit`.\n\
         # What is not said here has its default: docs/audit/settings.md.\n",
        source.escape_debug()
    );
    let (tables, plain): (Vec<_>, Vec<_>) = migration
        .entries
        .iter()
        .partition(|entry| entry.value.is_table());
    for entry in plain {
        let meaning = meaning(entry.key);
        text.push_str(&format!("\n# {meaning}\n{} = {}\n", entry.key, entry.value));
    }
    for entry in tables {
        let meaning = meaning(entry.key);
        text.push_str(&format!("\n# {meaning}\n[{}]\n", entry.key));
        if let Value::Table(table) = &entry.value {
            text.push_str(&toml::to_string(table).unwrap_or_default());
        }
    }
    text
}

fn meaning(key: &str) -> String {
    let row = KEYS.iter().find(|row| row.name == key);
    row.map_or("", |row| row.meaning).replace("\\|", "|")
}
