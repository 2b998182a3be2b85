//! The two attributes, and in what they differ.

/// One attribute: how it speaks of itself and what it takes.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// `policy`, as in `#[policy]`, and the word for what it makes.
    pub(crate) name: &'static str,
    /// The trait it stands on.
    pub(crate) implements: &'static str,
    /// Its arguments, for messages.
    pub(crate) takes: &'static str,
    /// Why it takes no `claims`; `None` when it does.
    pub(crate) no_claims: Option<&'static str>,
    /// Why it takes no `schema`; `None` when it does.
    pub(crate) no_schema: Option<&'static str>,
    /// The words of `inputs(…)` and the variant each one becomes.
    pub(crate) inputs: &'static [(&'static str, &'static str)],
}

pub(crate) const POLICY: Attribute = Attribute {
    name: "policy",
    implements: "Policy",
    takes: "`name = \"…\"`, `summary = \"…\"`, `claims = [\"/pointer\", …]` or `claims = all`, \
            `inputs(…)` and `schema = \"…\"`",
    no_claims: None,
    no_schema: None,
    inputs: &[
        ("client_address", "ClientAddress"),
        ("client_tls", "ClientTls"),
        ("client_certificate", "ClientCertificate"),
        ("clock", "Clock"),
        ("server_role", "ServerRole"),
        ("server_version", "ServerVersion"),
    ],
};

pub(crate) const PLUGIN: Attribute = Attribute {
    name: "plugin",
    implements: "Plugin",
    takes: "`name = \"…\"`, `summary = \"…\"` and `inputs(…)`",
    no_claims: Some(
        "a plugin is told no claims, it makes them: `Principal::with_claim` in what it answers",
    ),
    no_schema: Some("a plugin has no data files, its properties are looked at by `initialise`"),
    inputs: &[
        ("client_address", "ClientAddress"),
        ("client_tls", "ClientTls"),
        ("client_certificate", "ClientCertificate"),
    ],
};
