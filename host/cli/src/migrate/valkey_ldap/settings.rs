//! The settings of valkey-ldap: what each accepts, and what becomes of it.
//!
//! Names, kinds and bounds are those of its releases; docs/migrating-from-valkey-ldap.md has
//! the same table, and a test compares the two.

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of a name; empty counts, too.
    Part,
    /// A name of the directory; empty: none.
    Name,
    /// A filter; empty: none.
    Filter,
    /// A path; empty: none.
    Path,
    /// `yes` or `no`.
    Flag,
    /// A whole number: the least of valkey-ldap, and the most here.
    Whole { least: u64, most: u64 },
    /// One of these words.
    Word(&'static [&'static str]),
    /// URLs of directory servers.
    Servers,
    /// The password.
    Password,
}

/// When a setting has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Any,
    Bind,
    Search,
}

/// A setting that is carried over.
pub(super) struct Setting {
    /// Its name without `ldap.`, in valkey-ldap and here.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) mode: Mode,
    /// What the authenticator's file says above it.
    pub(super) comment: &'static str,
}

const fn setting(name: &'static str, kind: Kind, mode: Mode, comment: &'static str) -> Setting {
    Setting {
        name,
        kind,
        mode,
        comment,
    }
}

/// In the order of the authenticator's file.
pub(super) const SETTINGS: [Setting; 18] = [
    setting(
        "servers",
        Kind::Servers,
        Mode::Any,
        "Asked in this order; the next one while the one before does not answer.",
    ),
    setting(
        "use_starttls",
        Kind::Flag,
        Mode::Any,
        "Whether ldap:// goes on encrypted, or not at all (RFC 4511, StartTLS).",
    ),
    setting(
        "tls_ca_cert_path",
        Kind::Path,
        Mode::Any,
        "Whose certificates count, for the host name of the URL.",
    ),
    setting(
        "tls_cert_path",
        Kind::Path,
        Mode::Any,
        "The certificate that is shown to the directory.",
    ),
    setting(
        "tls_key_path",
        Kind::Path,
        Mode::Any,
        "Its private key, which not everybody may read.",
    ),
    setting(
        "auth_mode",
        Kind::Word(&["bind", "search+bind"]),
        Mode::Any,
        "How the name that AUTH gives becomes an entry of the directory.",
    ),
    setting(
        "bind_dn_prefix",
        Kind::Part,
        Mode::Bind,
        "What stands before the name in the entry's DN.",
    ),
    setting(
        "bind_dn_suffix",
        Kind::Part,
        Mode::Bind,
        "What stands behind it.",
    ),
    setting(
        "search_base",
        Kind::Name,
        Mode::Search,
        "The entry below which is searched.",
    ),
    setting(
        "search_scope",
        Kind::Word(&["base", "one", "sub"]),
        Mode::Search,
        "How far below: that entry alone, its children, or all.",
    ),
    setting(
        "search_filter",
        Kind::Filter,
        Mode::Search,
        "What an entry must be besides (RFC 4515).",
    ),
    setting(
        "search_attribute",
        Kind::Name,
        Mode::Search,
        "The attribute that holds the name AUTH gives.",
    ),
    setting(
        "search_dn_attribute",
        Kind::Name,
        Mode::Search,
        "The attribute that holds the entry's own DN.",
    ),
    setting("search_bind_dn", Kind::Name, Mode::Search, "Who searches."),
    setting(
        "connection_pool_size",
        Kind::Whole {
            least: 1,
            most: 1024,
        },
        Mode::Any,
        "Connections to each server.",
    ),
    setting(
        "failure_detector_interval",
        Kind::Whole {
            least: 0,
            most: 600,
        },
        Mode::Any,
        "How often each server is looked after, in seconds.",
    ),
    setting(
        "timeout_connection",
        Kind::Whole {
            least: 0,
            most: 600,
        },
        Mode::Any,
        "How long connecting may take, in seconds.",
    ),
    setting(
        "timeout_ldap_operation",
        Kind::Whole {
            least: 0,
            most: 600,
        },
        Mode::Any,
        "How long an answer may take, in seconds.",
    ),
];

/// Goes into a file of its own.
pub(super) const PASSWORD: Setting = setting(
    "search_bind_passwd",
    Kind::Password,
    Mode::Search,
    "Where that one's password is: relative to this file, for its owner alone.",
);

/// Its key here.
pub(super) const PASSWORD_KEY: &str = "search_bind_passwd_file";

/// Says whether valkey-ldap answers at all.
pub(super) const ENABLED: &str = "auth_enabled";

/// What is not carried over, and why. From `groups_search_base` on they are settings of a
/// variant that writes the rights of groups into ACL users.
pub(super) const LEFT: [(&str, &str); 12] = [
    (
        "tls_skip_verify",
        "certificates and host names are always verified: name the authority in tls_ca_cert_path",
    ),
    (
        "exempted_users_regex",
        "no pattern is needed: an enabled local user with a password is never looked for in the directory (local_users), and native_users names those who go straight to Valkey's own check",
    ),
    (
        "acl_fallback_enabled",
        "passwords of the directory are never kept as passwords of ACL users; without a directory the answer is TRYAGAIN, and native_users have their own way in",
    ),
    (
        "return_auth_errors",
        "what the client reads is always the same; the log says why somebody was refused",
    ),
    (
        "groups_search_base",
        "rights of groups are for policies to give: see the guide, \"Groups\"",
    ),
    (
        "groups_filter",
        "rights of groups are for policies to give: see the guide, \"Groups\"",
    ),
    (
        "groups_member_attribute",
        "rights of groups are for policies to give: see the guide, \"Groups\"",
    ),
    (
        "groups_name_attribute",
        "rights of groups are for policies to give: see the guide, \"Groups\"",
    ),
    (
        "groups_rules_attribute",
        "the directory does not write rules here: roles of the policy rbac name its groups",
    ),
    (
        "group_acl_user_map",
        "a session is the ACL user of its own name, or has the rights that policies give its groups",
    ),
    (
        "group_acl_rules_map",
        "roles of the policy rbac give rights to groups",
    ),
    (
        "default_acl_rules",
        "rights of every session are base_rules, or a role of the policy rbac",
    ),
];
