//! What a client presents.

use std::fmt;

use zeroize::Zeroizing;

/// A user name and a secret.
///
/// `Debug` does not show the secret, it cannot be cloned or compared, and it is wiped
/// when it is dropped. Compare digests of secrets, never secrets: how long a comparison
/// of digests takes tells nobody what the secret is.
pub struct Credential {
    user: Option<String>,
    secret: Zeroizing<Vec<u8>>,
}

impl Credential {
    /// A credential for a native test: `AUTH SECRET`, with no user name.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self {
            user: None,
            secret: Zeroizing::new(secret.into()),
        }
    }

    /// Sets the user name: `AUTH USER SECRET`.
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The user name given to `AUTH`; `None` when only a secret was given.
    ///
    /// Nothing is proved by it. Warden itself refuses a credential whose principal has
    /// another name than was given here.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The secret, without the authenticator's `token_prefix`. Empty when the client
    /// shows its certificate instead.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The secret as text; `None` when it is not UTF-8.
    pub fn secret_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.secret).ok()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential::new("hunter2").with_user("alice");
        assert_eq!(
            format!("{credential:?}"),
            r#"Credential { user: Some("alice"), .. }"#
        );
    }

    #[test]
    fn a_secret_that_is_no_text_is_still_a_secret() {
        let credential = Credential::new([0xff, 0x00]);
        assert_eq!(credential.secret_str(), None);
        assert_eq!(credential.secret(), [0xff, 0x00]);
        assert_eq!(credential.user(), None);
    }
}
