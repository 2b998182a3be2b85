//! The module's configuration: the checked values, and the table of their names and bounds.
//!
//! Every value arrives as text, from load arguments, `CONFIG SET` or the
//! configuration file, and goes through [`Settings::with`]: a bad value is an
//! error that names key, value and bound, and the old value stays. Nothing here
//! does I/O; what a change sets in motion is decided in [`crate::configuration`].

mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use warden_core::permissions::{BaseRules, Restriction};
use warden_policy::PolicyKeys;

use crate::ffi::Level;
pub(crate) use table::{Kind, SETTINGS, Setting, find};

/// What happens to a credential that no authenticator claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Valkey's own password check decides.
    Acl,
    /// It is refused.
    Deny,
}

/// All settings, checked. Fields are read-only outside this file's constructors.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy_dir: Option<PathBuf>,
    pub(crate) preview_dir: Option<PathBuf>,
    pub(crate) authenticator_dir: Option<PathBuf>,
    pub(crate) audit_dir: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) required_policies: BTreeSet<String>,
    pub(crate) policy_keys: PolicyKeys,
    pub(crate) ceiling: Restriction,
    pub(crate) base_rules: BaseRules,
    pub(crate) native_users: BTreeSet<String>,
    pub(crate) fallback: Fallback,
    pub(crate) reauthentication: warden_session::Reauthentication,
    pub(crate) require_expiry: bool,
    pub(crate) session_max: Option<Duration>,
    pub(crate) cache_entries: u64,
    pub(crate) cache_ttl: Duration,
    pub(crate) rejection_ttl: Duration,
    pub(crate) auth_timeout: Duration,
    pub(crate) workers: usize,
    pub(crate) max_pending: usize,
    pub(crate) policy_timeout: Duration,
    pub(crate) policy_memory_bytes: usize,
    pub(crate) audit_enabled: bool,
    pub(crate) log_level: Level,
    /// The text each value was given as, by position in [`SETTINGS`]: what CONFIG GET shows.
    texts: Vec<String>,
}

/// Why a value was refused; `Display` is what the operator reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    /// No such name.
    #[error("{PREFIX}{name}: no such setting; see docs/configuration.md", PREFIX = PREFIX, name = .0.escape_debug())]
    Unknown(String),
    /// The value is not of the setting's kind or outside its bounds.
    #[error("{PREFIX}{name}: {value:?} is refused: {expected}", PREFIX = PREFIX)]
    Value {
        /// The setting's name.
        name: &'static str,
        /// What was given, at most 100 characters of it.
        value: String,
        /// What would be accepted.
        expected: String,
    },
}

/// What the server puts before our names.
pub(crate) const PREFIX: &str = "warden.";

impl Settings {
    /// Whether the server's own check alone decides about this user.
    pub(crate) fn is_native(&self, user: &[u8]) -> bool {
        std::str::from_utf8(user).is_ok_and(|name| self.native_users.contains(name))
    }

    /// All defaults.
    pub(crate) fn defaults() -> Self {
        Self {
            policy_dir: None,
            preview_dir: None,
            authenticator_dir: None,
            audit_dir: None,
            state_dir: None,
            required_policies: BTreeSet::new(),
            policy_keys: PolicyKeys::default(),
            ceiling: Restriction::default(),
            base_rules: BaseRules::default(),
            native_users: BTreeSet::new(),
            fallback: Fallback::Acl,
            reauthentication: warden_session::Reauthentication::SamePrincipal,
            require_expiry: true,
            session_max: None,
            cache_entries: 100_000,
            cache_ttl: Duration::from_secs(300),
            rejection_ttl: Duration::from_secs(5),
            auth_timeout: Duration::from_secs(5),
            workers: 2,
            max_pending: 10_000,
            policy_timeout: Duration::from_millis(20),
            policy_memory_bytes: 64 << 20,
            audit_enabled: true,
            log_level: Level::Notice,
            texts: SETTINGS
                .iter()
                .map(|setting| setting.default.to_owned())
                .collect(),
        }
    }

    /// These settings with one value replaced.
    ///
    /// # Errors
    /// Names the key, the value and what is accepted; nothing is changed.
    pub(crate) fn with(&self, name: &str, value: &str) -> Result<Self, SettingError> {
        let (position, setting) = find(name).ok_or_else(|| SettingError::Unknown(bounded(name)))?;
        let mut next = self.clone();
        next.put(setting, value)
            .map_err(|expected| SettingError::Value {
                name: setting.name,
                value: shown(setting, value),
                expected,
            })?;
        if let Some(text) = next.texts.get_mut(position) {
            value.clone_into(text);
        }
        Ok(next)
    }

    /// The text of a setting, as CONFIG GET shows it.
    pub(crate) fn text(&self, position: usize) -> &str {
        self.texts.get(position).map_or("", String::as_str)
    }

    /// Why no session may run as a user of the server's own ACL, to which neither applies;
    /// `None` where neither is set.
    pub(crate) fn binds_every_session(&self) -> Option<&'static str> {
        if self.ceiling != Restriction::default() {
            Some("warden.ceiling binds every session, and no user of the server's own ACL")
        } else if !self.required_policies.is_empty() {
            Some("warden.required_policies bind every session, and no user of the server's own ACL")
        } else {
            None
        }
    }

    /// What the session room needs of them.
    pub(crate) fn of_sessions(&self) -> warden_session::Settings {
        warden_session::Settings {
            session_max: self.session_max,
            reauthentication: self.reauthentication,
            ..warden_session::Settings::default()
        }
    }

    /// Checks a value and puts it into its field; the error says what is accepted.
    fn put(&mut self, setting: &'static Setting, value: &str) -> Result<(), String> {
        match (setting.kind, setting.name) {
            (Kind::Whole { min, max }, name) => {
                self.put_whole(name, whole_number(value, min, max)?)?;
            }
            (Kind::YesNo, "require_expiry") => self.require_expiry = yes_or_no(value)?,
            (Kind::YesNo, "audit_enabled") => self.audit_enabled = yes_or_no(value)?,
            (Kind::Choice(words), name) => {
                if !words.contains(&value) {
                    return Err(format!("use one of: {}", words.join(", ")));
                }
                self.put_choice(name, value)?;
            }
            (Kind::Text, "policy_dir") => self.policy_dir = directory(value)?,
            (Kind::Text, "preview_dir") => self.preview_dir = directory(value)?,
            (Kind::Text, "authenticator_dir") => self.authenticator_dir = directory(value)?,
            (Kind::Text, "audit_dir") => self.audit_dir = directory(value)?,
            (Kind::Text, "state_dir") => self.state_dir = directory(value)?,
            (Kind::Text, "required_policies") => self.required_policies = words(value)?,
            (Kind::Text, "policy_keys") => self.policy_keys = PolicyKeys::parse(value)?,
            (Kind::Text, "ceiling") => {
                self.ceiling = Restriction::parse(value).map_err(|error| error.to_string())?;
            }
            (Kind::Text, "base_rules") => {
                self.base_rules = BaseRules::parse(value).map_err(|error| error.to_string())?;
            }
            (Kind::Text, "native_users") => self.native_users = words(value)?,
            (Kind::Text | Kind::YesNo, _) => return Err(no_field()),
        }
        Ok(())
    }

    fn put_whole(&mut self, name: &str, value: u64) -> Result<(), String> {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        match name {
            "session_max_seconds" => {
                self.session_max = (value > 0).then(|| Duration::from_secs(value));
            }
            "cache_entries" => self.cache_entries = value,
            "cache_seconds" => self.cache_ttl = Duration::from_secs(value),
            "rejection_seconds" => self.rejection_ttl = Duration::from_secs(value),
            "auth_timeout_ms" => self.auth_timeout = Duration::from_millis(value),
            "workers" => self.workers = size,
            "max_pending" => self.max_pending = size,
            "policy_timeout_ms" => self.policy_timeout = Duration::from_millis(value),
            "policy_memory_mb" => self.policy_memory_bytes = size.saturating_mul(1 << 20),
            _ => return Err(no_field()),
        }
        Ok(())
    }

    fn put_choice(&mut self, name: &str, value: &str) -> Result<(), String> {
        use warden_session::Reauthentication;
        match (name, value) {
            ("fallback", "deny") => self.fallback = Fallback::Deny,
            ("fallback", "acl") => self.fallback = Fallback::Acl,
            ("reauthentication", "any") => self.reauthentication = Reauthentication::Any,
            ("reauthentication", "same-principal") => {
                self.reauthentication = Reauthentication::SamePrincipal;
            }
            ("log_level", "debug") => self.log_level = Level::Debug,
            ("log_level", "verbose") => self.log_level = Level::Verbose,
            ("log_level", "notice") => self.log_level = Level::Notice,
            ("log_level", "warning") => self.log_level = Level::Warning,
            (_, _) => return Err(no_field()),
        }
        Ok(())
    }
}

/// Of a row of the table that nothing takes: a default that is refused is seen by the first
/// test, and a value never lands in another setting.
fn no_field() -> String {
    "nothing takes it: this is a mistake in warden, please report it".to_owned()
}

/// Load arguments: `name value` pairs without the `warden.` prefix.
///
/// # Errors
/// An odd number of them, a name twice, an unknown name or a bad value: the
/// module is not loaded.
pub(crate) fn from_load_arguments(arguments: &[Vec<u8>]) -> Result<Settings, String> {
    let mut settings = Settings::defaults();
    let mut seen = BTreeSet::new();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            let last = pair
                .first()
                .map(|name| String::from_utf8_lossy(name).into_owned());
            return Err(format!(
                "load argument {:?} has no value: give `name value` pairs",
                bounded(&last.unwrap_or_default())
            ));
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let value = std::str::from_utf8(value)
            .map_err(|_| format!("{PREFIX}{}: the value is not UTF-8", bounded(&name)))?;
        if !seen.insert(name.clone()) {
            return Err(format!("load argument {:?} is given twice", bounded(&name)));
        }
        settings = settings
            .with(&name, value)
            .map_err(|error| error.to_string())?;
    }
    Ok(settings)
}

/// Outside text in a message: bounded.
fn bounded(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A refused value in a message. Whoever gives a key may have taken the wrong file: of what
/// could be a secret key only the beginning is shown, which is the same in all of them.
fn shown(setting: &Setting, value: &str) -> String {
    match setting.name {
        "policy_keys" if value.len() > 8 => {
            let beginning: String = value.chars().take(8).collect();
            format!("{beginning}…")
        }
        _ => bounded(value),
    }
}

fn whole_number(value: &str, min: u64, max: u64) -> Result<u64, String> {
    let expected = || format!("use a whole number from {min} to {max}");
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(expected());
    }
    let number: u64 = value.parse().map_err(|_| expected())?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(expected())
    }
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("use yes or no".to_owned()),
    }
}

/// An absolute path, or nothing. Whether it exists is looked at when it is read.
fn directory(value: &str) -> Result<Option<PathBuf>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(value);
    if value.contains('\0') || !path.is_absolute() {
        return Err("use an absolute path".to_owned());
    }
    Ok(Some(path))
}

/// Names separated by spaces.
fn words(value: &str) -> Result<BTreeSet<String>, String> {
    if value.chars().any(|c| c.is_control()) {
        return Err("use names separated by spaces".to_owned());
    }
    Ok(value.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
