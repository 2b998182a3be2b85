//! What load arguments and CONFIG SET accept.

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
