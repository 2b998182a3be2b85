//! What a client presented.

use std::sync::OnceLock;

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
    /// What [`Self::shape_once`] saw.
    shape: OnceLock<bool>,
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
            shape: OnceLock::new(),
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

    /// What the shape of the secret is, looked at once however often it is asked: `look` is the
    /// same function for everybody, or they are told what the first one saw.
    pub fn shape_once(&self, look: fn(&[u8]) -> bool) -> bool {
        *self.shape.get_or_init(|| look(self.secret.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_looked_at_once() {
        let credential = Credential::new(b"alice", b"secret").unwrap();
        assert!(credential.shape_once(|secret| secret == b"secret"));
        assert!(credential.shape_once(|_| unreachable!("it is known")));
    }
}
