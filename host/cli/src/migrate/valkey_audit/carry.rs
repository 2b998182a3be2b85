//! From the settings of ValkeyAudit to what the sink's file will say.
//!
//! In: settings with their places. Out: entries, and a finding for each setting, in the order
//! of the lines; or what is wrong with them. Where the two differ, what is carried over records
//! more rather than less, and a finding says so.

mod lists;
mod protocol;

use toml::Value;

use super::given::{AllGiven, Given};
use super::settings::{Becomes, Kind, SETTINGS, Setting};
use crate::migrate::report::{Finding, Outcome, shown};
use crate::migrate::server_file::ServerFile;

/// One key of the sink's file.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) value: Value,
}

/// All that is to be written and told.
#[derive(Default)]
pub(super) struct Migration {
    pub(super) entries: Vec<Entry>,
    pub(super) findings: Vec<Finding>,
    /// What is wrong, each with its place; then nothing is to be written.
    pub(super) errors: Vec<String>,
}

/// Whether a word names a setting.
pub(super) fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name)
}

/// Looks at every setting.
pub(super) fn carry(file: &ServerFile, given: AllGiven) -> Migration {
    let mut work = Work {
        file,
        given: given.settings,
        findings: given.findings,
        entries: Vec::new(),
        errors: [file.errors.clone(), given.errors].concat(),
    };
    work.settings();
    work.findings.sort_by_key(|(line, _)| *line);
    Migration {
        entries: work.entries,
        findings: work.findings.into_iter().map(|(_, found)| found).collect(),
        errors: work.errors,
    }
}

struct Work<'a> {
    file: &'a ServerFile,
    given: Vec<Given>,
    /// With the number of the line they are about.
    findings: Vec<(usize, Finding)>,
    entries: Vec<Entry>,
    errors: Vec<String>,
}

impl Work<'_> {
    fn settings(&mut self) {
        if !self.given.iter().any(|given| given.name == "protocol") && self.errors.is_empty() {
            self.errors.push(
                "there is no audit.protocol: if it was set with CONFIG SET, run CONFIG REWRITE first"
                    .to_owned(),
            );
        }
        let given = std::mem::take(&mut self.given);
        // In the order of the sink's file.
        for setting in &SETTINGS {
            if let Some(one) = given.iter().find(|one| one.name == setting.name) {
                self.setting(setting, one, &given);
            }
        }
        let says = "no setting of ValkeyAudit that is known here";
        for one in given.iter().filter(|one| !is_known(&one.name)) {
            self.found(one, Outcome::Left, says);
        }
    }

    fn setting(&mut self, setting: &Setting, given: &Given, all: &[Given]) {
        if setting.is_of_tcp && protocol::kind(all) != Some("tcp") {
            return self.found(
                given,
                Outcome::Left,
                "without effect: audit.protocol is not tcp",
            );
        }
        match setting.becomes {
            Becomes::Nothing(why) => self.found(given, Outcome::Left, why),
            Becomes::Same(kind) => self.same(setting, kind, given),
            Becomes::Other(_) => self.other(setting, given, all),
        }
    }

    fn same(&mut self, setting: &Setting, kind: Kind, given: &Given) {
        let text = given.text.to_ascii_lowercase();
        let value = match kind {
            Kind::Flag => match text.as_str() {
                "yes" => Value::Boolean(true),
                "no" => Value::Boolean(false),
                _ => return self.error(given, "the server takes yes or no"),
            },
            Kind::Word(words) if words.contains(&text.as_str()) => Value::String(text),
            Kind::Word(words) => {
                let why = format!("ValkeyAudit takes one of {}", words.join(", "));
                return self.error(given, &why);
            }
            Kind::Whole(least, most) => {
                let Some(number) = whole(&text) else {
                    return self.error(given, "the server takes a whole number");
                };
                let taken = number.clamp(least, most);
                if taken != number {
                    let says = format!("{} = {taken}: {least} to {most} here", setting.key);
                    return self.add(setting.key, integer(taken), given, Outcome::Changed, &says);
                }
                integer(number)
            }
        };
        let says = format!("as {}", setting.key);
        self.add(setting.key, value, given, Outcome::Taken, &says);
    }

    fn other(&mut self, setting: &Setting, given: &Given, all: &[Given]) {
        match setting.name {
            "enabled" => self.enabled(given),
            "protocol" => self.protocol(given, all),
            "tcp_host" | "tcp_port" => self.address(given, all),
            "payload_maxsize" => self.payload_maxsize(setting, given),
            _ => self.list(setting, given, all),
        }
    }

    fn enabled(&mut self, given: &Given) {
        match given.text.to_ascii_lowercase().as_str() {
            "yes" => {
                let says = "as warden.audit_enabled, which is yes by default";
                self.found(given, Outcome::Taken, says);
            }
            "no" => {
                let says = "not in the sink's file: set warden.audit_enabled no, which is for all sinks, or keep the file back";
                self.found(given, Outcome::Changed, says);
            }
            _ => self.error(given, "the server takes yes or no"),
        }
    }

    fn payload_maxsize(&mut self, setting: &Setting, given: &Given) {
        const MOST: u64 = 65_536;
        let key = setting.key;
        match whole(&given.text) {
            None => self.error(given, "the server takes a whole number"),
            Some(0) => {
                let says = "payload_maxsize = 65536: no bound there, and the most here";
                self.add(key, integer(MOST), given, Outcome::Changed, says);
            }
            Some(number) if number > MOST => {
                let says = "payload_maxsize = 65536: the most here";
                self.add(key, integer(MOST), given, Outcome::Changed, says);
            }
            Some(number) => {
                let says = "as payload_maxsize; here it bounds all arguments of a command together";
                self.add(key, integer(number), given, Outcome::Taken, says);
            }
        }
    }

    fn add(
        &mut self,
        key: &'static str,
        value: Value,
        given: &Given,
        outcome: Outcome,
        says: &str,
    ) {
        self.entries.push(Entry { key, value });
        self.found(given, outcome, says);
    }

    fn found(&mut self, given: &Given, outcome: Outcome, says: &str) {
        let finding = Finding {
            setting: format!("audit.{}", shown(&given.name)),
            place: given.place.clone(),
            outcome,
            says: says.to_owned(),
        };
        self.findings.push((given.number, finding));
    }

    fn error(&mut self, given: &Given, why: &str) {
        let error = format!("{}: audit.{}: {why}", given.place, given.name);
        self.errors.push(error);
    }
}

/// A whole number without sign and leading zeros, as the server takes one.
fn whole(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    let is_plain = number.to_string() == text && i64::try_from(number).is_ok();
    is_plain.then_some(number)
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
