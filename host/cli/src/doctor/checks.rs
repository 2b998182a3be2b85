//! Every check, in the order in which they are shown. A name, once published,
//! stays: scripts look for it.

mod clock;
mod directories;
mod directory_servers;
mod key_files;
mod loaded;
mod local_users;
mod module_order;
mod native_users;
mod providers;
mod server_settings;
mod warden_settings;

use super::facts::Facts;
use super::finding::{Check, Finding};

/// All of them.
static CHECKS: [&Check; 27] = [
    &local_users::DEFAULT_USER,
    &local_users::OPEN_USERS,
    &loaded::MODULE,
    &loaded::POLICIES,
    &loaded::AUTHENTICATORS,
    &module_order::MODULE_ORDER,
    &server_settings::PROTECTED_CONFIGS,
    &server_settings::DEBUG_COMMAND,
    &server_settings::MODULE_COMMAND,
    &server_settings::LOG_REDACTION,
    &server_settings::NEW_USERS_CHANNELS,
    &directories::POLICY_DIR,
    &directories::AUTHENTICATOR_DIR,
    &directories::STATE_DIR,
    &key_files::KEY_FILES,
    &clock::CLOCK,
    &providers::PROVIDERS,
    &providers::PROVIDER_CLOCKS,
    &directory_servers::DIRECTORY_SERVERS,
    &directory_servers::DIRECTORY_ENCRYPTION,
    &native_users::NATIVE_USERS,
    &native_users::NATIVE_NAMES,
    &local_users::FALLBACK,
    &local_users::NAME_COLLISIONS,
    &warden_settings::REQUIRE_EXPIRY,
    &warden_settings::CEILING,
    &warden_settings::POLICY_KEYS,
];

/// What every check finds.
pub(crate) fn all(facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().map(|check| check.finding(facts)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::doctor::finding::{Outcome, Rank, Untold};

    /// What one check finds.
    pub(in crate::doctor) fn outcome(check: &Check, facts: &Facts) -> Outcome {
        check.finding(facts).outcome
    }

    /// Passes when a check comes to this, and says so with these words.
    #[track_caller]
    pub(in crate::doctor) fn expect(check: &Check, facts: &Facts, rank: Rank, words: &str) {
        let outcome = outcome(check, facts);
        let text = outcome.seen.join("\n");
        assert_eq!(outcome.rank, rank, "{text}");
        assert!(text.contains(words), "{words:?} is not in {text:?}");
        assert_eq!(outcome.advice.is_empty(), rank == Rank::Ok, "{text}");
    }

    #[test]
    fn a_sound_server_has_nothing_wrong_with_it() {
        for finding in all(&Facts::sound()) {
            let text = finding.outcome.seen.join("\n");
            let elsewhere = text.starts_with("not checked: not on this machine: ");
            assert!(
                finding.outcome.rank == Rank::Ok || elsewhere,
                "{}: {text}",
                finding.name
            );
        }
    }

    #[test]
    fn what_is_not_told_is_a_warning_everywhere_and_never_well() {
        fn untold<T>() -> Result<T, Untold> {
            Err(Untold::new("nobody says", "ask"))
        }
        let facts = Facts {
            server: untold(),
            warden: untold(),
            modules: untold(),
            config: untold(),
            users: untold(),
            authenticators: untold(),
            policies: untold(),
            clock: untold(),
            providers: untold(),
            ..Facts::sound()
        };
        for finding in all(&facts) {
            assert_eq!(finding.outcome.rank, Rank::Warning, "{}", finding.name);
            let text = finding.outcome.seen.join("\n");
            assert!(
                text.starts_with("not checked: "),
                "{}: {text}",
                finding.name
            );
        }
    }

    #[test]
    fn names_are_unique_words_with_hyphens() {
        let mut names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        let is_word = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names.iter().all(is_word), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
