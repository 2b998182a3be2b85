//! From the lines of a server's file to what the authenticator's file will say.
//!
//! In: lines. Out: entries, the password apart, and a finding for every line that concerns
//! valkey-ldap, in the order of the lines; or what is wrong with them. Of lines with the same
//! name the last counts, as for the server.

mod others;

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::settings::{Mode, PASSWORD, PASSWORD_KEY, SETTINGS, Setting};
use super::value::{self, Read, Value, Way};
use crate::migrate::report::{Finding, Outcome, shown};
use crate::migrate::server_file::{Line, ServerFile};
use crate::migrate::words;

/// One line of the authenticator's file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) comment: &'static str,
}

/// All that is to be written and told. It has no Debug: the password is in it.
#[derive(Default)]
pub(super) struct Migration {
    pub(super) entries: Vec<Entry>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) findings: Vec<Finding>,
    /// The `authenticator_dir` of warden, where the file has one.
    pub(super) authenticator_dir: Option<PathBuf>,
    /// What is wrong, each with its place; then nothing is to be written.
    pub(super) errors: Vec<String>,
}

/// What a setting without a value comes to.
const EMPTY: &str = "empty: as if it were not given";

/// Prefix of valkey-ldap's settings.
const PREFIX: &str = "ldap.";

/// Looks at every line.
pub(super) fn carry(file: &ServerFile) -> Migration {
    let mut work = Work {
        file,
        migration: Migration {
            errors: file.errors.clone(),
            ..Migration::default()
        },
        findings: Vec::new(),
    };
    work.settings();
    work.password();
    work.encryption();
    work.others();
    work.findings.sort_by_key(|(line, _)| *line);
    Migration {
        findings: work.findings.into_iter().map(|(_, found)| found).collect(),
        ..work.migration
    }
}

struct Work<'a> {
    file: &'a ServerFile,
    migration: Migration,
    /// With the number of the line they are about.
    findings: Vec<(usize, Finding)>,
}

/// The last line of a setting, and its value as one text.
struct Given<'a> {
    number: usize,
    line: &'a Line,
    text: Zeroizing<String>,
}

impl<'a> Work<'a> {
    fn settings(&mut self) {
        let servers = self
            .file
            .lines
            .iter()
            .any(|line| line.name == "ldap.servers");
        if !servers && self.migration.errors.is_empty() {
            self.migration.errors.push(
                "there is no ldap.servers: if it was set with CONFIG SET, run CONFIG REWRITE first"
                    .to_owned(),
            );
        }
        let mode = self.mode();
        for setting in &SETTINGS {
            let Some(given) = self.given(setting.name) else {
                continue;
            };
            if setting.mode != Mode::Any && setting.mode != mode {
                self.found(&given, Outcome::Left, unused(mode));
                continue;
            }
            self.setting(setting, &given);
        }
    }

    /// The mode that is in force.
    fn mode(&self) -> Mode {
        let last = self.last("auth_mode");
        match last.and_then(|(_, line)| words::joined(&line.values)) {
            Some(text) if text.eq_ignore_ascii_case("search+bind") => Mode::Search,
            _ => Mode::Bind,
        }
    }

    fn setting(&mut self, setting: &Setting, given: &Given<'_>) {
        let directory = self.file.directory.as_deref();
        let value = match value::read(setting.kind, &given.text, directory) {
            Err(why) => return self.error(given, &why),
            Ok(Read::Nothing) => return self.found(given, Outcome::Taken, EMPTY),
            Ok(Read::Left(why)) => return self.found(given, Outcome::Left, why),
            Ok(Read::Other(value, why)) => {
                self.found(given, Outcome::Changed, &why);
                value
            }
            Ok(Read::Same(value)) => {
                self.found(given, Outcome::Taken, &format!("as {}", setting.name));
                value
            }
        };
        self.migration.entries.push(Entry {
            key: setting.name,
            value,
            comment: setting.comment,
        });
    }

    /// The password, which counts only with a name, as the name only with a password.
    fn password(&mut self) {
        let given = self.given(PASSWORD.name);
        let is_named = self.has("search_bind_dn");
        let Some(given) = given else {
            if is_named {
                self.without_password();
            }
            return;
        };
        if let Err(why) = value::read(PASSWORD.kind, &given.text, None) {
            return self.error(&given, &why);
        }
        if self.mode() != PASSWORD.mode {
            return self.found(&given, Outcome::Left, unused(Mode::Bind));
        }
        match (is_named, given.text.is_empty()) {
            (true, false) => {
                self.found(
                    &given,
                    Outcome::Changed,
                    &format!(
                        "into a file of its own, which {PASSWORD_KEY} names; it still stands here: remove it, and let nobody read copies"
                    ),
                );
                self.migration.password = Some(given.text);
            }
            (true, true) => {
                self.found(&given, Outcome::Taken, EMPTY);
                self.without_password();
            }
            (false, _) => self.found(
                &given,
                Outcome::Left,
                "there is no search_bind_dn: valkey-ldap searches as anybody",
            ),
        }
    }

    /// A name without a password: valkey-ldap does not bind then.
    fn without_password(&mut self) {
        self.withdraw(
            "search_bind_dn",
            "there is no search_bind_passwd: valkey-ldap searches as anybody",
        );
    }

    /// What encrypts, and whether anything does.
    fn encryption(&mut self) {
        let ways: Vec<Way> = self
            .migration
            .entries
            .iter()
            .filter_map(|entry| match &entry.value {
                Value::List(urls) => Some(urls.iter().map(|url| value::way(url))),
                _ => None,
            })
            .flatten()
            .collect();
        let uses_starttls = self
            .migration
            .entries
            .iter()
            .any(|entry| entry.key == "use_starttls" && entry.value == Value::Flag(true));
        if !uses_starttls && !ways.contains(&Way::Tls) && !ways.is_empty() {
            for key in ["tls_ca_cert_path", "tls_cert_path", "tls_key_path"] {
                self.withdraw(
                    key,
                    "of no use: no server is ldaps://, and use_starttls is not yes",
                );
            }
        }
        self.certificate();
        if !uses_starttls
            && ways.contains(&Way::Network)
            && let Some(given) = self.given("servers")
        {
            self.found(
                &given,
                Outcome::Note,
                "passwords cross the network unencrypted: ldaps://, or use_starttls = true",
            );
        }
    }

    /// Certificate and key go together.
    fn certificate(&mut self) {
        match (self.has("tls_cert_path"), self.has("tls_key_path")) {
            (true, false) => {
                if let Some(given) = self.given("tls_cert_path") {
                    self.error(
                        &given,
                        "there is no tls_key_path: valkey-ldap cannot connect",
                    );
                }
            }
            (false, true) => self.withdraw("tls_key_path", "there is no tls_cert_path"),
            _ => {}
        }
    }

    /// The last line of a setting.
    fn last(&self, name: &str) -> Option<(usize, &'a Line)> {
        let lines = self.file.lines.iter().enumerate();
        lines
            .rev()
            .find(|(_, line)| line.name.strip_prefix(PREFIX) == Some(name))
    }

    /// The last line of a setting, if its value is a text.
    fn given(&mut self, name: &str) -> Option<Given<'a>> {
        let (number, line) = self.last(name)?;
        if line.values.is_empty() {
            return None;
        }
        let text = words::joined(&line.values);
        if text.is_none() {
            let error = format!("{}: not UTF-8 text without NUL", line.place);
            self.migration.errors.push(error);
        }
        Some(Given {
            number,
            line,
            text: text?,
        })
    }

    fn has(&self, key: &str) -> bool {
        self.migration.entries.iter().any(|entry| entry.key == key)
    }

    /// Takes back an entry, if there is one.
    fn withdraw(&mut self, key: &'static str, why: &str) {
        if !self.has(key) {
            return;
        }
        self.migration.entries.retain(|entry| entry.key != key);
        let Some((number, _)) = self.last(key) else {
            return;
        };
        self.findings.retain(|(about, _)| *about != number);
        self.about(number, Outcome::Left, why.to_owned());
    }

    fn found(&mut self, given: &Given<'_>, outcome: Outcome, says: &str) {
        self.about(given.number, outcome, says.to_owned());
    }

    fn about(&mut self, number: usize, outcome: Outcome, says: String) {
        let Some(line) = self.file.lines.get(number) else {
            return;
        };
        let setting = match (line.name.as_str(), line.values.first()) {
            ("user", Some(name)) => {
                format!("user {}", String::from_utf8_lossy(name).escape_debug())
            }
            (name, _) => shown(name),
        };
        let finding = Finding {
            setting,
            place: line.place.clone(),
            outcome,
            says,
        };
        self.findings.push((number, finding));
    }

    fn error(&mut self, given: &Given<'_>, why: &str) {
        let line = given.line;
        let error = format!("{}: {}: {why}", line.place, line.name);
        self.migration.errors.push(error);
    }
}

fn unused(mode: Mode) -> &'static str {
    match mode {
        Mode::Search => "without effect: auth_mode is search+bind",
        _ => "without effect: auth_mode is bind",
    }
}
