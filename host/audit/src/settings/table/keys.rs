//! The rows: every key, its default, its bounds and what it does.

use super::{For, Key, Kind};

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
        "Records are written as soon as there are so many bytes of them, though not more than a hundred times a second,",
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
