//! Lines that are no entry of the authenticator's file: what is left of valkey-ldap's settings,
//! modules that are loaded, and users whom the change concerns.

use super::{PREFIX, Work};
use crate::migrate::report::{Outcome, shown};
use crate::migrate::valkey_ldap::settings::{ENABLED, LEFT, Mode, PASSWORD, SETTINGS};
use crate::migrate::valkey_ldap::value;
use crate::migrate::words::{self, Word};

impl Work<'_> {
    /// What is not an entry of the authenticator's file.
    pub(super) fn others(&mut self) {
        let file = self.file;
        self.migration.authenticator_dir = file.of_warden("authenticator_dir");
        for (number, line) in file.lines.iter().enumerate() {
            if let Some(arguments) = line.module(&["valkey_ldap", "valkey-ldap"]) {
                self.module(number, arguments);
            }
            match (line.name.as_str(), line.values.as_slice()) {
                ("aclfile", _) => self.acl_file(number),
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
                let error = format!("{}: {} has no value", line.place, shown(&line.name));
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
        match words::joined(values).as_deref().map(|text| value::flag(text)) {
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
                    self.migration.errors.push(format!("{}: {}: {why}", line.place, line.name));
                }
            }
            None => {}
        }
    }

    fn module(&mut self, number: usize, arguments: &[Word]) {
        let mut before = self.file.lines.iter().take(number);
        let says = if before.any(|line| line.module(&["warden"]).is_some()) {
            "behind warden's line: it is asked first and sees every token; put it before, and remove it when warden has taken over"
        } else {
            "remove it when warden has taken over; meanwhile it stays before warden's line"
        };
        self.about(number, Outcome::Note, says.to_owned());
        if !arguments.is_empty() {
            let says = "its arguments: valkey-ldap takes no settings from there";
            self.about(number, Outcome::Left, says.to_owned());
        }
    }

    /// Users in it are not looked at.
    fn acl_file(&mut self, number: usize) {
        let mut says = "not read: users in it that have a password of their own are never looked for in the directory (local_users)".to_owned();
        if self.mode() == Mode::Bind {
            says.push_str(
                ", and with auth_mode bind nobody becomes one whose name has capital letters (attach)",
            );
        }
        self.about(number, Outcome::Note, says);
    }

    /// A local user whose own password counts from now on, or whom nobody becomes.
    fn user(&mut self, number: usize, name: &[u8], rules: &[Word]) {
        let has_password = rules
            .iter()
            .any(|rule| matches!(rule.as_slice(), [b'>' | b'#', ..] | b"nopass"));
        if has_password && name != b"default" {
            let says = "has a password of its own, which alone counts: its name is never looked for in the directory (local_users)";
            self.about(number, Outcome::Note, says.to_owned());
        } else if self.mode() == Mode::Bind
            && String::from_utf8_lossy(name).contains(char::is_uppercase)
        {
            let says = "has capital letters, and nobody becomes it after a bind, which does not tell how the directory spells a name (attach): auth_mode = \"search+bind\", or another name";
            self.about(number, Outcome::Note, says.to_owned());
        }
    }
}
