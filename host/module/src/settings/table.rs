//! The table of settings: names, defaults, bounds and when they may be changed.
//!
//! Out: one row for each, in the order of docs/configuration.md, with which a test compares
//! them. What a value means is none of its business.

use warden_core::permissions::BaseRules;

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text; what it must hold is checked by its own parser.
    Text,
    /// A whole number between two bounds, both included.
    Whole {
        /// Smallest accepted value.
        min: u64,
        /// Largest accepted value.
        max: u64,
    },
    /// `yes` or `no`.
    YesNo,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One row of the table of settings.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The name without the `warden.` prefix.
    pub(crate) name: &'static str,
    /// The default, as text.
    pub(crate) default: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// Needs `enable-protected-configs`.
    pub(crate) protected: bool,
    /// Cannot be changed after the module was loaded.
    pub(crate) load_only: bool,
}

pub(super) const fn text(name: &'static str) -> Setting {
    Setting {
        name,
        default: "",
        kind: Kind::Text,
        protected: true,
        load_only: false,
    }
}

pub(super) const fn whole(
    name: &'static str,
    default: &'static str,
    min: u64,
    max: u64,
) -> Setting {
    Setting {
        name,
        default,
        kind: Kind::Whole { min, max },
        protected: false,
        load_only: false,
    }
}

pub(super) const fn choice(
    name: &'static str,
    default: &'static str,
    words: &'static [&'static str],
) -> Setting {
    Setting {
        name,
        default,
        kind: Kind::Choice(words),
        protected: true,
        load_only: false,
    }
}

/// Every setting, in the order of docs/configuration.md.
pub(crate) static SETTINGS: [Setting; 24] = [
    text("policy_dir"),
    text("preview_dir"),
    text("authenticator_dir"),
    text("audit_dir"),
    Setting {
        load_only: true,
        ..text("state_dir")
    },
    text("required_policies"),
    text("policy_keys"),
    text("ceiling"),
    Setting {
        default: BaseRules::DEFAULT,
        ..text("base_rules")
    },
    text("native_users"),
    choice("fallback", "acl", &["acl", "deny"]),
    choice(
        "reauthentication",
        "same-principal",
        &["same-principal", "any"],
    ),
    Setting {
        name: "require_expiry",
        default: "yes",
        kind: Kind::YesNo,
        protected: true,
        load_only: false,
    },
    whole("session_max_seconds", "0", 0, 315_360_000),
    whole("cache_entries", "100000", 0, 100_000_000),
    whole("cache_seconds", "300", 0, 86_400),
    whole("rejection_seconds", "5", 0, 3600),
    whole("auth_timeout_ms", "5000", 1, 600_000),
    Setting {
        load_only: true,
        ..whole("workers", "2", 1, 64)
    },
    whole("max_pending", "10000", 1, 1_000_000),
    whole("policy_timeout_ms", "20", 1, 10_000),
    whole("policy_memory_mb", "64", 1, 4096),
    Setting {
        name: "audit_enabled",
        default: "yes",
        kind: Kind::YesNo,
        protected: true,
        load_only: false,
    },
    Setting {
        protected: false,
        ..choice(
            "log_level",
            "notice",
            &["debug", "verbose", "notice", "warning"],
        )
    },
];

/// The setting of that name and its position in [`SETTINGS`].
pub(crate) fn find(name: &str) -> Option<(usize, &'static Setting)> {
    SETTINGS
        .iter()
        .enumerate()
        .find(|(_, setting)| setting.name == name)
}
