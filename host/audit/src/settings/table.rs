//! Every key of a sink's file: one row for each.
//!
//! In: a [`Section`] and a key. Out: its value, or its default after a fault. The rows are what
//! docs/audit/settings.md says, with which a test compares them.

mod keys;

use std::fmt::Write as _;

use warden_settings::Section;

pub use keys::KEYS;

/// For which sinks a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Every sink.
    All,
    /// `type = "file"`.
    File,
    /// `type = "syslog"`.
    Syslog,
    /// `type = "tcp"`, and `"syslog"` with `host`.
    Network,
    /// `type = "tcp"` and `"syslog"`.
    Away,
}

/// What a value is, with its default and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words; without a default it must be there.
    Word(Option<&'static str>, &'static [&'static str]),
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(u64, u64, u64),
    /// A whole number that need not be there; what that means.
    OptionalWhole(&'static str, u64, u64),
    /// Text of at most so many bytes; what its absence means.
    Text(&'static str, usize),
    /// A path; what its absence means.
    Path(&'static str),
    /// A list of at most 1,000 strings; what its absence means.
    Strings(&'static str),
    /// A table of lists.
    Lists,
    /// At most so many tables.
    Tables(usize),
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// For which sinks it is.
    pub of: For,
    /// What its value is.
    pub kind: Kind,
    /// What it does.
    pub meaning: &'static str,
}

impl For {
    /// The words of `type` it belongs to.
    pub(super) const fn types(self) -> &'static [&'static str] {
        match self {
            Self::All => &["file", "syslog", "tcp"],
            Self::File => &["file"],
            Self::Syslog => &["syslog"],
            Self::Network | Self::Away => &["syslog", "tcp"],
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::File => "file",
            Self::Syslog => "syslog",
            Self::Network => "tcp, syslog with `host`",
            Self::Away => "tcp, syslog",
        }
    }
}

impl Key {
    /// The row of docs/audit/settings.md, without a line end.
    pub fn row(&self) -> String {
        let (kind, default, bounds) = self.kind.cells();
        let mut row = String::new();
        // Nothing goes wrong where memory is written to.
        let _ = write!(
            row,
            "| `{}` | {} | {kind} | {default} | {bounds} | {} |",
            self.name,
            self.of.as_str(),
            self.meaning
        );
        row
    }
}

impl Kind {
    /// Type, default and bounds, as the page has them.
    fn cells(self) -> (&'static str, String, String) {
        let nothing = String::new;
        match self {
            Self::Word(default, words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                let default =
                    default.map_or("must be there".to_owned(), |word| format!("`{word}`"));
                ("word", default, words.join(", "))
            }
            Self::Flag(default) => ("boolean", format!("`{default}`"), nothing()),
            Self::Whole(default, least, most) => {
                ("number", default.to_string(), format!("{least} to {most}"))
            }
            Self::OptionalWhole(absent, least, most) => {
                ("number", absent.to_owned(), format!("{least} to {most}"))
            }
            Self::Text(absent, most) => ("string", absent.to_owned(), format!("{most} bytes")),
            Self::Path(absent) => ("path", absent.to_owned(), nothing()),
            Self::Strings(absent) => ("list of strings", absent.to_owned(), "1000".to_owned()),
            Self::Lists => ("table of lists", "none".to_owned(), "1000 each".to_owned()),
            Self::Tables(most) => ("tables", "none".to_owned(), most.to_string()),
        }
    }
}

/// The row of a key.
fn row(name: &str) -> Option<Kind> {
    KEYS.iter().find(|key| key.name == name).map(|key| key.kind)
}

/// The word of a key; its default when there is none or a fault, empty where it has none.
pub(super) fn word(section: &mut Section, key: &str) -> &'static str {
    let Some(Kind::Word(default, words)) = row(key) else {
        return "";
    };
    let expected = words.join(", ");
    let given: Option<String> = match default {
        Some(_) => section.optional(key, &expected),
        None => section.mandatory(key, &expected),
    };
    let known = given
        .as_ref()
        .map(|given| words.iter().find(|word| *word == given));
    match known {
        Some(Some(word)) => word,
        Some(None) => {
            section.fault(key, format!("must be one of {expected}"));
            default.unwrap_or_default()
        }
        None => default.unwrap_or_default(),
    }
}

/// The value of a flag; its default when there is none or a fault.
pub(super) fn flag(section: &mut Section, key: &str) -> bool {
    let default = matches!(row(key), Some(Kind::Flag(true)));
    section.optional(key, "true or false").unwrap_or(default)
}

/// The value of a whole number; its default when there is none or a fault.
pub(super) fn whole(section: &mut Section, key: &str) -> u64 {
    match row(key) {
        Some(Kind::Whole(default, least, most)) => section.whole(key, default, least..=most),
        _ => 0,
    }
}

/// The value of a whole number that need not be there; without or after a fault nothing.
pub(super) fn optional_whole(section: &mut Section, key: &str, is_mandatory: bool) -> Option<u64> {
    let Some(Kind::OptionalWhole(_, least, most)) = row(key) else {
        return None;
    };
    let expected = format!("a whole number from {least} to {most}");
    let given: Option<u64> = if is_mandatory {
        section.mandatory(key, &expected)
    } else {
        section.optional(key, &expected)
    };
    let is_good = |given: &u64| (least..=most).contains(given);
    if given.is_some_and(|given| !is_good(&given)) {
        section.fault(key, format!("must be {expected}"));
    }
    given.filter(is_good)
}

/// As [`whole`], of what is in memory.
pub(super) fn size(section: &mut Section, key: &str) -> usize {
    usize::try_from(whole(section, key)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/audit/settings.md");

    #[test]
    fn the_page_of_settings_has_these_rows_in_this_order() {
        let table = PAGE
            .lines()
            .skip_while(|line| !line.starts_with("| key | for |"));
        let rows = table.skip(2).take_while(|line| line.starts_with("| `"));
        let expected: Vec<String> = KEYS.iter().map(Key::row).collect();
        assert_eq!(
            rows.collect::<Vec<_>>(),
            expected,
            "{}",
            expected.join("\n")
        );
    }

    #[test]
    fn no_key_is_there_twice_and_defaults_are_within_bounds() {
        for (place, key) in KEYS.iter().enumerate() {
            assert!(KEYS.iter().skip(place + 1).all(|one| one.name != key.name));
            match key.kind {
                Kind::Whole(default, least, most) => {
                    assert!((least..=most).contains(&default), "{}", key.name);
                }
                Kind::Word(Some(default), words) => assert!(words.contains(&default)),
                _ => {}
            }
        }
    }
}
