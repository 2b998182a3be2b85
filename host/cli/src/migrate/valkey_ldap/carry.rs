//! From the lines of a server's file to what the authenticator's file will say.
//!
//! In: lines. Out: entries, the password apart, and a finding for every line that concerns
//! valkey-ldap, in the order of the lines; or what is wrong with them. Of lines with the same
//! name the last counts, as for the server.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::settings::{ENABLED, Kind, LEFT, Mode, PASSWORD, PASSWORD_KEY, SETTINGS, Setting};
use super::value::{self, Value};
use crate::migrate::server_file::{Line, Place, ServerFile};
use crate::migrate::words::Word;

/// One line of the authenticator's file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) comment: &'static str,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It means the same in the authenticator's file.
    Taken,
    /// It means the same in another way.
    Changed,
    /// It is not carried over.
    Left,
    /// Nothing is to be carried over, but something is to be known.
    Note,
}

/// A line, what became of it, and how or why.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) setting: String,
    pub(super) place: Place,
    pub(super) outcome: Outcome,
    pub(super) says: String,
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
    work.certificate();
    work.clear_text();
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
        match last.and_then(|(_, line)| text(&line.values)) {
            Some(text) if text.eq_ignore_ascii_case("search+bind") => Mode::Search,
            _ => Mode::Bind,
        }
    }

    fn setting(&mut self, setting: &Setting, given: &Given<'_>) {
        let directory = self.file.directory.as_deref();
        match value::read(setting.kind, &given.text, directory) {
            Err(why) => self.error(given, &why),
            Ok(None) => self.found(given, Outcome::Taken, "empty: as if it were not given"),
            // Nothing waits for no time.
            Ok(Some(Value::Whole(0))) => self.found(
                given,
                Outcome::Left,
                "0 is refused here: the default counts, as docs/configuration.md has it",
            ),
            Ok(Some(value)) => {
                if setting.kind == Kind::Servers && given.text.contains(',') {
                    self.found(
                        given,
                        Outcome::Changed,
                        "divided at commas, at which valkey-ldap does not divide",
                    );
                } else {
                    self.found(given, Outcome::Taken, &format!("as {}", setting.name));
                }
                self.migration.entries.push(Entry {
                    key: setting.name,
                    value,
                    comment: setting.comment,
                });
            }
        }
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
                self.found(&given, Outcome::Taken, "empty: as if it were not given");
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

    /// Passwords that anybody on the way can read.
    fn clear_text(&mut self) {
        let encrypted = self
            .migration
            .entries
            .iter()
            .any(|entry| entry.key == "use_starttls" && entry.value == Value::Flag(true));
        let plain = self.migration.entries.iter().any(|entry| {
            matches!(&entry.value, Value::List(urls) if urls.iter().any(|url| url.to_ascii_lowercase().starts_with("ldap:")))
        });
        if plain
            && !encrypted
            && let Some(given) = self.given("servers")
        {
            self.found(
                &given,
                Outcome::Note,
                "passwords cross the network unencrypted: ldaps://, or use_starttls = true",
            );
        }
    }

    /// What is not an entry of the authenticator's file.
    fn others(&mut self) {
        let file = self.file;
        for (number, line) in file.lines.iter().enumerate() {
            match (line.name.as_str(), line.values.as_slice()) {
                ("loadmodule", [path, arguments @ ..]) => self.module(number, path, arguments),
                ("warden.authenticator_dir", values) => {
                    self.migration.authenticator_dir = text(values).map(|t| PathBuf::from(&*t));
                }
                ("user", [name, rules @ ..]) => self.user(number, name, rules),
                (name, values) => {
                    if let Some(name) = name.strip_prefix(PREFIX) {
                        self.other(number, name, values);
                    }
                }
            }
        }
    }

    /// A setting that is not, or not any more, an entry.
    fn other(&mut self, number: usize, name: &str, values: &[Word]) {
        let file = self.file;
        let is_last = self.last(name).is_some_and(|(last, _)| last == number);
        if values.is_empty() {
            if let Some(line) = file.lines.get(number) {
                let error = format!("{}: {} has no value", line.place, line.name);
                self.migration.errors.push(error);
            }
        } else if !is_last {
            if let Some((_, last)) = self.last(name) {
                let says = format!("{} counts", last.place);
                self.about(number, Outcome::Left, says);
            }
        } else if let Some((_, why)) = LEFT.iter().find(|(left, _)| *left == name) {
            self.about(number, Outcome::Left, (*why).to_owned());
        } else if name == ENABLED {
            self.enabled(number, values);
        } else if !SETTINGS
            .iter()
            .chain([&PASSWORD])
            .any(|known| known.name == name)
        {
            let says = "no setting of valkey-ldap that is known here".to_owned();
            self.about(number, Outcome::Left, says);
        }
    }

    fn enabled(&mut self, number: usize, values: &[Word]) {
        match text(values).as_deref().map(|text| value::flag(text)) {
            Some(Ok(true)) => self.about(
                number,
                Outcome::Changed,
                "an authenticator is in use as soon as its file is in authenticator_dir".to_owned(),
            ),
            Some(Ok(false)) => self.about(
                number,
                Outcome::Left,
                "valkey-ldap is switched off; an authenticator is in use as soon as its file is in authenticator_dir"
                    .to_owned(),
            ),
            Some(Err(why)) => {
                if let Some(line) = self.file.lines.get(number) {
                    self.migration.errors.push(format!("{}: {why}", line.place));
                }
            }
            None => {}
        }
    }

    fn module(&mut self, number: usize, path: &[u8], arguments: &[Word]) {
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("warden") {
            for pair in arguments.chunks_exact(2) {
                if let [key, value] = pair
                    && key.as_slice() == b"authenticator_dir"
                    && self.migration.authenticator_dir.is_none()
                {
                    self.migration.authenticator_dir =
                        Some(PathBuf::from(String::from_utf8_lossy(value).into_owned()));
                }
            }
        } else if name.contains("valkey_ldap") || name.contains("valkey-ldap") {
            let says = "remove it when warden has taken over; meanwhile before warden's line";
            self.about(number, Outcome::Note, says.to_owned());
            if !arguments.is_empty() {
                let says = "its arguments: valkey-ldap takes no settings from there";
                self.about(number, Outcome::Left, says.to_owned());
            }
        }
    }

    /// A local user whose own password counts from now on.
    fn user(&mut self, number: usize, name: &[u8], rules: &[Word]) {
        let has_password = rules
            .iter()
            .any(|rule| matches!(rule.as_slice(), [b'>' | b'#', ..] | b"nopass"));
        if has_password && name != b"default" {
            let says = "has a password of its own, which alone counts: its name is never looked for in the directory (local_users)";
            self.about(number, Outcome::Note, says.to_owned());
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
        let text = text(&line.values);
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

    /// Takes back an entry.
    fn withdraw(&mut self, key: &'static str, why: &str) {
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
            (name, _) => name.escape_debug().to_string(),
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

/// Words as one value: with one space between them, as the server makes one of them.
fn text(words: &[Word]) -> Option<Zeroizing<String>> {
    let length = words.iter().map(|word| word.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(
            std::str::from_utf8(word)
                .ok()
                .filter(|word| !word.contains('\0'))?,
        );
    }
    Some(text)
}
