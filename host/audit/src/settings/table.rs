//! Every key of a sink's file: one row for each.
//!
//! In: a [`Section`] and a key. Out: its value, or its default after a fault. The rows are what
//! docs/audit/settings.md says, with which a test compares them.

use std::fmt::Write as _;

use warden_settings::Section;

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

const fn key(name: &'static str, of: For, kind: Kind, meaning: &'static str) -> Key {
    Key {
        name,
        of,
        kind,
        meaning,
    }
}

/// Every key, in the order of docs/audit/settings.md.
pub const KEYS: [Key; 38] = [
    key(
        "type",
        For::All,
        Kind::Word(None, &["file", "syslog", "tcp"]),
        "Where records go.",
    ),
    key(
        "format",
        For::All,
        Kind::Word(Some("text"), &["text", "json", "csv"]),
        "How a record is written.",
    ),
    key(
        "events",
        For::All,
        Kind::Strings("`all`"),
        "Which records: `connections`, `auth`, `session`, `config`, `acl`, `policy`, `admin`, `keys`, `other`, a name of `custom_category`; `all` of them, or `none`.",
    ),
    key(
        "custom_category",
        For::All,
        Kind::Lists,
        "Names with the commands they stand for, for `events`.",
    ),
    key(
        "command_result_mode",
        For::All,
        Kind::Word(Some("failures"), &["all", "failures"]),
        "Whether commands of `keys` and `other` that succeed are recorded too. Of every other category each command is recorded.",
    ),
    key(
        "exclude",
        For::All,
        Kind::Strings("nobody"),
        "Whose records are not wanted: `user`, `@address`, `@network/bits`, `user@address`.",
    ),
    key(
        "exclude_commands",
        For::All,
        Kind::Strings("none"),
        "Commands that are not wanted: `ping`, `config\\|get`, `client` with all its subcommands.",
    ),
    key(
        "prefix_filter",
        For::All,
        Kind::Strings("none"),
        "Commands that are not wanted, by the beginning of their names: `!ft.*`.",
    ),
    key(
        "always_audit_config",
        For::All,
        Kind::Flag(false),
        "Records of `config` whoever it was, also of excluded clients and commands.",
    ),
    key(
        "ignore_internal_clients",
        For::All,
        Kind::Flag(true),
        "Nothing of replication links and other clients without a user.",
    ),
    key(
        "payload_disable",
        For::All,
        Kind::Flag(false),
        "Shows nothing of a command's arguments but its key.",
    ),
    key(
        "payload_maxsize",
        For::All,
        Kind::Whole(1024, 1, 65_536),
        "Bytes that are shown of all arguments of a command together.",
    ),
    key(
        "redact",
        For::All,
        Kind::Tables(100),
        "Arguments that no sink shows, besides what is a secret anyway: see [redaction](redaction.md).",
    ),
    key(
        "flush_threshold_bytes",
        For::All,
        Kind::Whole(8192, 1, 16_777_216),
        "Records are written as soon as there are so many bytes of them,",
    ),
    key(
        "flush_interval_seconds",
        For::All,
        Kind::Whole(1, 1, 3600),
        "or after so many seconds.",
    ),
    key(
        "buffer_bytes",
        For::All,
        Kind::Whole(64 << 20, 1 << 20, 16 << 30),
        "What may wait in memory for the sink. What does not fit is lost and counted.",
    ),
    key(
        "on_loss",
        For::All,
        Kind::Word(Some("drop"), &["drop", "refuse"]),
        "`refuse`: while the sink cannot write nobody logs in, and CONFIG SET, ACL and MODULE are refused.",
    ),
    key(
        "chain",
        For::All,
        Kind::Flag(false),
        "Each record carries a hash of all before it.",
    ),
    key(
        "signing_key_file",
        For::All,
        Kind::Path("no signatures"),
        "Signs the chain: an ed25519 key, PKCS#8 in PEM. With `chain`.",
    ),
    key(
        "checkpoint_seconds",
        For::All,
        Kind::Whole(60, 1, 86_400),
        "How long until what was written is signed. With `signing_key_file`.",
    ),
    key(
        "path",
        For::File,
        Kind::Path("must be there"),
        "The file, absolute.",
    ),
    key(
        "fsync",
        For::File,
        Kind::Word(Some("interval"), &["never", "interval", "always"]),
        "When what was written survives a loss of power: when the system does so, with each flush, before anything is taken for written.",
    ),
    key(
        "rotate_bytes",
        For::File,
        Kind::Whole(0, 0, 1 << 40),
        "Largest size of one file; 0 for any.",
    ),
    key(
        "rotate_seconds",
        For::File,
        Kind::Whole(0, 0, 31_536_000),
        "How long one file is written to, 86400 for a day from midnight to midnight UTC; 0 for ever.",
    ),
    key(
        "keep_files",
        For::File,
        Kind::Whole(0, 0, 100_000),
        "How many rotated files stay; 0 for all.",
    ),
    key(
        "facility",
        For::Syslog,
        Kind::Text("`local0`", 16),
        "The facility: `auth`, `authpriv`, `daemon`, `local0` to `local7` and so on.",
    ),
    key(
        "socket",
        For::Syslog,
        Kind::Path("`/dev/log`"),
        "The socket of this machine's daemon; not with `host`.",
    ),
    key(
        "host",
        For::Away,
        Kind::Text("must be there for `tcp`", 253),
        "Name or address of the collector; for `syslog` without one the daemon of this machine.",
    ),
    key(
        "port",
        For::Away,
        Kind::OptionalWhole("must be there with `host`", 1, 65_535),
        "Its port.",
    ),
    key(
        "tls",
        For::Network,
        Kind::Flag(false),
        "Speaks TLS. The collector's name is always verified.",
    ),
    key(
        "ca_file",
        For::Network,
        Kind::Path("the system's authorities"),
        "Authorities that are trusted, PEM. With `tls`.",
    ),
    key(
        "certificate_file",
        For::Network,
        Kind::Path("none is shown"),
        "The certificate to show, PEM. With `tls` and `key_file`.",
    ),
    key(
        "key_file",
        For::Network,
        Kind::Path("none is shown"),
        "Its key, PEM.",
    ),
    key(
        "timeout_ms",
        For::Away,
        Kind::Whole(5000, 10, 600_000),
        "How long connecting, or writing without progress, may take.",
    ),
    key(
        "retry_interval_ms",
        For::Away,
        Kind::Whole(1000, 10, 600_000),
        "The wait before the second try; later ones are longer, up to a minute.",
    ),
    key(
        "max_retries",
        For::Away,
        Kind::OptionalWhole("without end", 0, 1_000_000),
        "Tries after the first that fails.",
    ),
    key(
        "reconnect_on_failure",
        For::Away,
        Kind::Flag(true),
        "Whether it tries again at all.",
    ),
    key(
        "buffer_on_disconnect",
        For::Away,
        Kind::Flag(true),
        "`false`: records that come while the receiver is away are lost, and counted, at once.",
    ),
];

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
