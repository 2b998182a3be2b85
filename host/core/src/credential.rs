//! What a client presented.

use crate::Secret;

/// The user name given to AUTH.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UserArgument {
    /// One-argument `AUTH x`; the server hands it over as user `default`.
    Default,
    /// Any other name: UTF-8, unchecked otherwise.
    Named(String),
}

/// A user name and a secret, as they arrived in AUTH or HELLO.
///
/// It has no `Debug`: the secret must not be shown, and the name is outside
/// text that only escaped forms may show.
pub struct Credential {
    user: UserArgument,
    secret: Secret<Vec<u8>>,
}

impl Credential {
    /// From AUTH's two arguments. A name that is not UTF-8 cannot be any
    /// principal's and gives `None`.
    pub fn new(user: &[u8], secret: &[u8]) -> Option<Self> {
        let user = match user {
            b"default" => UserArgument::Default,
            name => UserArgument::Named(std::str::from_utf8(name).ok()?.to_owned()),
        };
        Some(Self {
            user,
            secret: Secret::new(secret.to_vec()),
        })
    }

    /// The name the client gave.
    pub fn user(&self) -> &UserArgument {
        &self.user
    }

    /// The secret the client gave.
    pub fn secret(&self) -> &Secret<Vec<u8>> {
        &self.secret
    }
}
