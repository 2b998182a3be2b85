//! What a policy says about itself.
//!
//! `#[policy]` writes it; the host reads it before anything else and puts nothing
//! into a request that is not named here.

/// Implemented by `#[policy]`, never by hand.
pub trait Describe {
    /// The attribute's arguments with the crate's version.
    const DESCRIPTION: Description;
}

/// The arguments of `#[policy]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The policy's name.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// One line for operators.
    pub summary: &'static str,
    /// The claims it reads.
    pub claims: ClaimSelection,
    /// What else it reads.
    pub inputs: &'static [Input],
}

/// Which claims a policy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimSelection {
    /// None: groups, scopes and the name suffice.
    None,
    /// These JSON Pointers (RFC 6901).
    Pointers(&'static [&'static str]),
    /// Every claim of the token: two tokens of one user are then two decisions.
    All,
}

/// What a policy may read besides the principal and its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`crate::Request::client_address`].
    ClientAddress,
    /// [`crate::Request::client_tls`].
    ClientTls,
    /// [`crate::Request::client_certificate`].
    ClientCertificate,
    /// [`crate::Request::now`]. Verdicts must then carry [`crate::Verdict::valid_for`].
    Clock,
    /// [`crate::Request::server_role`].
    ServerRole,
    /// [`crate::Request::server_version`].
    ServerVersion,
}
