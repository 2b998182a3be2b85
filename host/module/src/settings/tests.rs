//! What load arguments and CONFIG SET accept.

use super::table::{choice, text, whole};
use super::*;

fn arguments(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn every_default_is_accepted_by_its_own_parser() {
    let defaults = Settings::defaults();
    for (position, setting) in SETTINGS.iter().enumerate() {
        let again = defaults.with(setting.name, setting.default).unwrap();
        assert_eq!(again.text(position), setting.default);
        assert_eq!(
            format!("{again:?}"),
            format!("{defaults:?}"),
            "the default of {} in the table is that of the field",
            setting.name
        );
    }
}

/// The fields of settings as they are shown, by name.
fn fields(settings: &Settings) -> Vec<(String, String)> {
    let shown = format!("{settings:#?}");
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in shown.lines() {
        let field = line
            .strip_prefix("    ")
            .filter(|line| !line.starts_with([' ', '}', ')', ']']));
        match (
            field.and_then(|line| line.split_once(": ")),
            fields.last_mut(),
        ) {
            (Some((name, text)), _) => fields.push((name.to_owned(), text.to_owned())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    fields
}

#[test]
fn each_setting_moves_its_own_field_and_no_other() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let moved = [
        ("policy_dir", "/a", "policy_dir"),
        ("preview_dir", "/a", "preview_dir"),
        ("authenticator_dir", "/a", "authenticator_dir"),
        ("audit_dir", "/a", "audit_dir"),
        ("state_dir", "/a", "state_dir"),
        ("required_policies", "rbac", "required_policies"),
        ("policy_keys", key, "policy_keys"),
        ("ceiling", "-@admin", "ceiling"),
        ("base_rules", "+ping", "base_rules"),
        ("native_users", "root", "native_users"),
        ("fallback", "deny", "fallback"),
        ("reauthentication", "any", "reauthentication"),
        ("require_expiry", "no", "require_expiry"),
        ("session_max_seconds", "7", "session_max"),
        ("cache_entries", "7", "cache_entries"),
        ("cache_seconds", "7", "cache_ttl"),
        ("rejection_seconds", "7", "rejection_ttl"),
        ("auth_timeout_ms", "7", "auth_timeout"),
        ("workers", "7", "workers"),
        ("max_pending", "7", "max_pending"),
        ("policy_timeout_ms", "7", "policy_timeout"),
        ("policy_memory_mb", "7", "policy_memory_bytes"),
        ("audit_enabled", "no", "audit_enabled"),
        ("log_level", "debug", "log_level"),
    ];
    assert!(
        SETTINGS
            .iter()
            .map(|setting| setting.name)
            .eq(moved.map(|(name, ..)| name))
    );
    let defaults = Settings::defaults();
    let before = fields(&defaults);
    assert_eq!(before.len(), SETTINGS.len() + 1);
    for (name, value, field) in moved {
        let after = fields(&defaults.with(name, value).unwrap());
        let pairs = before.iter().zip(&after);
        let other = pairs.filter(|(before, after)| before != after);
        let other: Vec<&str> = other.map(|((field, _), _)| field.as_str()).collect();
        assert_eq!(other, [field, "texts"], "{name}");
    }
}

#[test]
fn a_row_of_the_table_that_nothing_takes_is_refused() {
    static ROWS: [Setting; 4] = [
        text("new_list"),
        whole("new_number", "1", 0, 9),
        choice("new_choice", "one", &["one", "two"]),
        Setting {
            kind: Kind::YesNo,
            ..text("new_switch")
        },
    ];
    let defaults = Settings::defaults();
    for (row, value) in ROWS.iter().zip(["root", "7", "two", "yes"]) {
        let mut settings = defaults.clone();
        let error = settings.put(row, value).unwrap_err();
        assert!(error.contains("nothing takes it"), "{error}");
        assert_eq!(fields(&settings), fields(&defaults));
    }
}

#[test]
fn a_bad_value_names_key_value_and_bound() {
    let error = Settings::defaults()
        .with("workers", "65")
        .unwrap_err()
        .to_string();
    assert!(error.contains("warden.workers"), "{error}");
    assert!(error.contains("\"65\""), "{error}");
    assert!(error.contains("from 1 to 64"), "{error}");
    for bad in ["", "-1", "1.5", " 2", "0x10", "99999999999999999999999"] {
        assert!(
            Settings::defaults().with("workers", bad).is_err(),
            "{bad:?}"
        );
    }
}

#[test]
fn a_boolean_is_yes_or_no_and_nothing_else() {
    for bad in ["true", "1", "YES", "", "on"] {
        assert!(
            Settings::defaults().with("require_expiry", bad).is_err(),
            "{bad:?}"
        );
    }
    assert!(
        !Settings::defaults()
            .with("require_expiry", "no")
            .unwrap()
            .require_expiry
    );
}

#[test]
fn unknown_doubled_and_odd_load_arguments_are_refused() {
    let unknown = from_load_arguments(&arguments(&["polcy_dir", "/x"])).unwrap_err();
    assert!(unknown.contains("polcy_dir"), "{unknown}");
    let doubled = from_load_arguments(&arguments(&["workers", "1", "workers", "2"])).unwrap_err();
    assert!(doubled.contains("twice"), "{doubled}");
    let odd = from_load_arguments(&arguments(&["workers", "1", "fallback"])).unwrap_err();
    assert!(
        odd.contains("fallback") && odd.contains("no value"),
        "{odd}"
    );
}

#[test]
fn a_relative_directory_is_refused() {
    let error = Settings::defaults()
        .with("policy_dir", "policies")
        .unwrap_err()
        .to_string();
    assert!(error.contains("absolute"), "{error}");
}

#[test]
fn a_ceiling_that_grants_is_refused() {
    assert!(Settings::defaults().with("ceiling", "+@all").is_err());
    assert!(
        Settings::defaults()
            .with("ceiling", "-@dangerous -@admin")
            .is_ok()
    );
}

#[test]
fn keys_are_public_keys_of_minisign_and_a_secret_key_is_not_repeated() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let settings = Settings::defaults().with("policy_keys", key).unwrap();
    assert!(!settings.policy_keys.is_empty());
    let secret = "RWRTY0Iy".to_owned() + &"S".repeat(204);
    for bad in [" ", "/etc/warden.pub", secret.as_str()] {
        let error = settings.with("policy_keys", bad).unwrap_err().to_string();
        assert!(error.contains("warden.policy_keys"), "{error}");
        assert!(!error.contains("SSS"), "{error}");
    }
}
