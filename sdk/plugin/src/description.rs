//! What a plugin says about itself.
//!
//! `#[plugin]` writes it; the host reads it before anything else and tells the plugin
//! nothing of a connection that is not named here.

/// Implemented by `#[plugin]`, never by hand.
pub trait Describe {
    /// The attribute's arguments with the crate's version.
    const DESCRIPTION: Description;
}

/// The arguments of `#[plugin]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The plugin's name.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// One line for operators.
    pub summary: &'static str,
    /// What it reads of the connection.
    pub inputs: &'static [Input],
}

/// What a plugin may read of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`crate::Client::address`].
    ClientAddress,
    /// [`crate::Client::tls`].
    ClientTls,
    /// [`crate::Client::certificate`].
    ClientCertificate,
}
