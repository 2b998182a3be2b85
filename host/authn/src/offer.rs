//! Which credentials are offered to an authenticator that takes tokens.
//!
//! In: a user name and a secret, on the server's main thread. Out: the token within it,
//! or nothing. Never: the password of a user of the server's own ACL on its way to
//! somebody else because it might be a token.

use warden_core::{Credential, UserArgument};
use warden_settings::Section;

use crate::jwt::is_jws_shaped;

/// Longest `token_prefix`.
const MAX_PREFIX_BYTES: usize = 64;

/// Longest credential that is sent to anybody.
const MAX_SECRET_BYTES: usize = 16 * 1024;

/// The rule of one authenticator.
#[derive(Debug)]
pub(crate) struct Offer {
    prefix: Option<String>,
    opaque: Opaque,
}

/// Whether tokens that do not look like any are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opaque {
    /// Never.
    No,
    /// Under the user name `token`.
    AsToken,
    /// Under any name that reaches the authenticator: `users` says which do.
    AnyName,
}

impl Offer {
    /// Takes `token_prefix` out of a file.
    pub(crate) fn read(file: &mut Section, opaque: Opaque) -> Self {
        let prefix: Option<String> = file.optional("token_prefix", "a string");
        let printable = |prefix: &String| prefix.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let is_good =
            |prefix: &String| (1..=MAX_PREFIX_BYTES).contains(&prefix.len()) && printable(prefix);
        if prefix.as_ref().is_some_and(|prefix| !is_good(prefix)) {
            file.fault(
                "token_prefix",
                format!("takes 1 to {MAX_PREFIX_BYTES} printable ASCII characters"),
            );
        }
        Self { prefix, opaque }
    }

    /// The token within the credential, without the configured prefix: whatever has the
    /// prefix and is neither empty nor longer than any is, or has the shape of a JWS; without a configured prefix also, where opaque ones
    /// are taken, what could be sent as a bearer token (RFC 6750 §2.1).
    pub(crate) fn token<'a>(&self, credential: &'a Credential) -> Option<&'a [u8]> {
        let secret = credential.secret().expose().as_slice();
        let unprefixed = self
            .prefix
            .as_ref()
            .and_then(|prefix| secret.strip_prefix(prefix.as_bytes()))
            .filter(|token| (1..=MAX_SECRET_BYTES).contains(&token.len()));
        let shaped = || is_shaped(credential).then_some(secret);
        unprefixed.or_else(shaped).or_else(|| {
            let is_taken = self.prefix.is_none()
                && match (self.opaque, credential.user()) {
                    (Opaque::No, _) | (_, UserArgument::Default) => false,
                    (Opaque::AsToken, UserArgument::Named(name)) => {
                        name == "token" && is_bearer_token(secret)
                    }
                    (Opaque::AnyName, UserArgument::Named(_)) => is_text(secret),
                };
            is_taken.then_some(secret)
        })
    }
}

/// The secret as a password: any text but what is shaped like a token, which is not a
/// directory's to see.
pub(crate) fn password(credential: &Credential) -> Option<&str> {
    let secret = credential.secret().expose().as_slice();
    if !is_text(secret) || is_shaped(credential) {
        return None;
    }
    std::str::from_utf8(secret).ok()
}

/// Whether the secret has the shape of a JWS.
fn is_shaped(credential: &Credential) -> bool {
    credential.shape_once(is_jws_shaped)
}

/// `b64token` of RFC 6750 §2.1.
fn is_bearer_token(secret: &[u8]) -> bool {
    let body = secret.trim_ascii_end();
    let padding = body.iter().rev().take_while(|byte| **byte == b'=').count();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    body.len() == secret.len()
        && (1..=MAX_SECRET_BYTES).contains(&secret.len())
        && padding < secret.len()
        && secret.iter().take(secret.len() - padding).all(allowed)
}

/// A password: text without control characters.
fn is_text(secret: &[u8]) -> bool {
    (1..=MAX_SECRET_BYTES).contains(&secret.len())
        && std::str::from_utf8(secret).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(lines: &str, opaque: Opaque) -> Offer {
        let mut file = Section::parse(lines.as_bytes()).unwrap();
        let offer = Offer::read(&mut file, opaque);
        assert!(file.finish().is_empty(), "{lines}");
        offer
    }

    fn takes(offer: &Offer, user: &str, secret: &str) -> bool {
        let credential = Credential::new(user.as_bytes(), secret.as_bytes()).unwrap();
        offer.token(&credential).is_some()
    }

    #[test]
    fn a_password_of_the_servers_own_user_is_offered_to_nobody() {
        let offer = offer("", Opaque::AsToken);
        for user in ["alice", "default", "corp/alice"] {
            assert!(!takes(&offer, user, "hunter2"), "{user}");
        }
        assert!(takes(&offer, "token", "opaque-token_1~+/="));
        for odd in ["", "with space", "=", "a=b", "line\n", "ünï"] {
            assert!(!takes(&offer, "token", odd), "{odd:?}");
        }
    }

    #[test]
    fn with_a_prefix_only_what_has_it_or_the_shape_of_a_jws_is_offered() {
        let offer = offer("token_prefix = 'idp:'", Opaque::AnyName);
        assert!(takes(&offer, "default", "idp:x"));
        assert!(takes(&offer, "alice", "idp:x"));
        assert!(!takes(&offer, "token", "x"));
        assert!(takes(&offer, "alice", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
    }

    #[test]
    fn nothing_and_more_than_a_credential_may_be_are_offered_to_nobody() {
        let offer = offer("token_prefix = 'idp:'", Opaque::AsToken);
        let longest = "x".repeat(MAX_SECRET_BYTES);
        assert!(takes(&offer, "token", &format!("idp:{longest}")));
        assert!(!takes(&offer, "token", &format!("idp:{longest}x")));
        assert!(!takes(&offer, "token", &format!("e30.e30.{longest}")));
        assert!(!takes(&offer, "token", "idp:"));
    }

    #[test]
    fn under_names_bound_to_the_authenticator_any_text_is_offered() {
        let offer = offer("", Opaque::AnyName);
        assert!(takes(&offer, "alice", "correct horse"));
        for odd in ["", "a\u{0}b", "a\nb"] {
            assert!(!takes(&offer, "alice", odd), "{odd:?}");
        }
        assert!(!takes(&offer, "default", "correct horse"));
    }
}
