//! The settings of ValkeyAudit, and what each becomes.
//!
//! docs/audit/migrating-from-valkey-audit.md has the same table, and a test compares the two.

/// What a setting becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    /// The key of that name, with the same values.
    Same(Kind),
    /// Keys of other names, or with other values; [`super::carry`] knows how.
    Other(&'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}

/// A value that means the same here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number, with the bounds here.
    Whole(u64, u64),
}

/// A setting.
pub(super) struct Setting {
    /// Its name without `audit.`.
    pub(super) name: &'static str,
    pub(super) becomes: Becomes,
    /// The key here; empty for [`Becomes::Nothing`].
    pub(super) key: &'static str,
    /// Whether it counts with `protocol tcp` only.
    pub(super) is_of_tcp: bool,
}

const fn setting(name: &'static str, key: &'static str, becomes: Becomes) -> Setting {
    Setting {
        name,
        becomes,
        key,
        is_of_tcp: false,
    }
}

const fn of_tcp(name: &'static str, key: &'static str, becomes: Becomes) -> Setting {
    Setting {
        name,
        becomes,
        key,
        is_of_tcp: true,
    }
}

/// Every setting, in the order of the page, which is that of the sink's file.
pub(super) const SETTINGS: [Setting; 24] = [
    setting(
        "enabled",
        "warden.audit_enabled",
        Becomes::Other("a setting of the module, for all sinks"),
    ),
    setting(
        "protocol",
        "type",
        Becomes::Other("with `path`; `facility`; `host` and `port`"),
    ),
    setting(
        "format",
        "format",
        Becomes::Same(Kind::Word(&["text", "json", "csv"])),
    ),
    setting(
        "events",
        "events",
        Becomes::Other(
            "a list; `acl` beside `config`, for ACL commands are a category of their own",
        ),
    ),
    setting(
        "custom_category",
        "custom_category",
        Becomes::Other("a table of lists; only what `events` names"),
    ),
    setting(
        "command_result_mode",
        "command_result_mode",
        Becomes::Same(Kind::Word(&["all", "failures"])),
    ),
    setting(
        "excluderules",
        "exclude",
        Becomes::Other("a list; networks can be named too"),
    ),
    setting(
        "exclude_commands",
        "exclude_commands",
        Becomes::Other("a list"),
    ),
    setting("prefix_filter", "prefix_filter", Becomes::Other("a list")),
    setting(
        "always_audit_config",
        "always_audit_config",
        Becomes::Same(Kind::Flag),
    ),
    setting(
        "ignore_internal_clients",
        "ignore_internal_clients",
        Becomes::Same(Kind::Flag),
    ),
    setting(
        "payload_disable",
        "payload_disable",
        Becomes::Same(Kind::Flag),
    ),
    setting(
        "payload_maxsize",
        "payload_maxsize",
        Becomes::Other("at most 65536; 0, no bound there, is that too"),
    ),
    setting(
        "flush_threshold_bytes",
        "flush_threshold_bytes",
        Becomes::Same(Kind::Whole(1, 16_777_216)),
    ),
    setting(
        "flush_interval_seconds",
        "flush_interval_seconds",
        Becomes::Same(Kind::Whole(1, 3600)),
    ),
    setting(
        "buffer_size",
        "buffer_bytes",
        Becomes::Same(Kind::Whole(1 << 20, 16 << 30)),
    ),
    of_tcp(
        "tcp_host",
        "host",
        Becomes::Other("where `protocol` names none"),
    ),
    of_tcp(
        "tcp_port",
        "port",
        Becomes::Other("where `protocol` names none"),
    ),
    of_tcp(
        "tcp_timeout_ms",
        "timeout_ms",
        Becomes::Same(Kind::Whole(10, 600_000)),
    ),
    of_tcp(
        "tcp_retry_interval_ms",
        "retry_interval_ms",
        Becomes::Same(Kind::Whole(10, 600_000)),
    ),
    of_tcp(
        "tcp_max_retries",
        "max_retries",
        Becomes::Same(Kind::Whole(0, 1_000_000)),
    ),
    of_tcp(
        "tcp_reconnect_on_failure",
        "reconnect_on_failure",
        Becomes::Same(Kind::Flag),
    ),
    of_tcp(
        "tcp_buffer_on_disconnect",
        "buffer_on_disconnect",
        Becomes::Same(Kind::Flag),
    ),
    setting(
        "auth_result_check_delay_ms",
        "",
        Becomes::Nothing("obsolete: how a log-in ends is known when it ends"),
    ),
];

impl Setting {
    /// The row of the page.
    #[cfg(test)]
    fn row(&self) -> String {
        let key = match self.key {
            "" => "–".to_owned(),
            key => format!("`{key}`"),
        };
        let says = match self.becomes {
            Becomes::Same(Kind::Whole(least, most)) => format!("the same; {least} to {most}"),
            Becomes::Same(_) => "the same".to_owned(),
            Becomes::Other(says) | Becomes::Nothing(says) => says.to_owned(),
        };
        format!("| `audit.{}` | {key} | {says} |", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../../docs/audit/migrating-from-valkey-audit.md");

    #[test]
    fn the_page_has_these_rows_in_this_order() {
        let rows: Vec<&str> = PAGE
            .lines()
            .filter(|line| line.starts_with("| `audit."))
            .collect();
        let expected: Vec<String> = SETTINGS.iter().map(Setting::row).collect();
        assert_eq!(rows, expected, "{}", expected.join("\n"));
    }

    #[test]
    fn every_key_is_one_of_a_sink_with_the_bounds_it_has_there() {
        use warden_audit::settings::table::{KEYS, Kind as Here};
        for setting in &SETTINGS {
            let Becomes::Same(kind) = setting.becomes else {
                continue;
            };
            let here = KEYS.iter().find(|key| key.name == setting.key).unwrap();
            let is_same = match (kind, here.kind) {
                (Kind::Flag, Here::Flag(_)) => true,
                (Kind::Word(words), Here::Word(_, known)) => words == known,
                (Kind::Whole(least, most), Here::Whole(_, low, high))
                | (Kind::Whole(least, most), Here::OptionalWhole(_, low, high)) => {
                    (least, most) == (low, high)
                }
                _ => false,
            };
            assert!(is_same, "{}", setting.name);
        }
    }
}
