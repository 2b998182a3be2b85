//! Identity providers made of nothing but a key: good tokens and broken ones.
//!
//! In: claims. Out: signed tokens, key sets, PEM files and authenticator files.
//! A broken token is broken in exactly one way, so that a refusal proves the one
//! check it is about.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

mod claims;
mod key;

pub use claims::Claims;
pub use key::{Algorithm, SigningKey};

/// The issuer claim of [`Issuer::corp`].
pub const CORP_URL: &str = "https://idp.example.com/realms/prod";

/// The audience every issuer here speaks to, unless a test says otherwise.
pub const AUDIENCE: &str = "valkey";

/// Somebody who signs tokens.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: SigningKey,
}

impl Issuer {
    /// The issuer most tests use: RS256, one key per process since making one is slow.
    pub fn corp() -> Self {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        let key = KEY.get_or_init(|| SigningKey::generate(Algorithm::RS256, "corp-1"));
        Self {
            url: CORP_URL.to_owned(),
            key: key.clone(),
        }
    }

    /// An issuer of its own.
    pub fn new(url: &str, key: SigningKey) -> Self {
        Self {
            url: url.to_owned(),
            key,
        }
    }

    /// The `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key it signs with.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The same issuer with another key: a rotation, or somebody else's claim to its name.
    #[must_use]
    pub fn with_key(&self, key: SigningKey) -> Self {
        Self {
            url: self.url.clone(),
            key,
        }
    }

    /// Its key set, as a `jwks_file` holds it.
    pub fn key_set(&self) -> String {
        key_set([&self.key])
    }

    /// A sound token. Claims that the test did not set are filled in: `iss`,
    /// `aud`, `iat`, and `exp` five minutes from now.
    pub fn token(&self, claims: &Claims) -> String {
        self.sign(&self.header(), &claims.filled(&self.url).to_string())
    }

    /// A token with this header, its claims filled in as in [`Self::token`].
    pub fn token_with_header(&self, header: &Value, claims: &Claims) -> String {
        self.sign(header, &claims.filled(&self.url).to_string())
    }

    /// A token over a payload of any text: doubled claims, no JSON at all.
    pub fn token_of_text(&self, payload: &str) -> String {
        self.sign(&self.header(), payload)
    }

    /// The header of its sound tokens.
    pub fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm().name(), "kid": self.key.id(), "typ": "JWT" })
    }

    /// A token that names this issuer's key id but was signed by another key.
    pub fn forged(&self, claims: &Claims) -> String {
        static OTHER: OnceLock<SigningKey> = OnceLock::new();
        let other = if self.key.algorithm() == Algorithm::RS256 {
            OTHER
                .get_or_init(|| SigningKey::generate(Algorithm::RS256, "other"))
                .clone()
        } else {
            SigningKey::generate(self.key.algorithm(), "other")
        };
        let input = signing_input(&self.header(), &claims.filled(&self.url).to_string());
        let signature = other.signature(input.as_bytes());
        format!("{input}.{signature}")
    }

    /// A token without a signature, with `alg` spelled as given: `none`, `None`, …
    pub fn unsigned(&self, spelling: &str, claims: &Claims) -> String {
        let header = json!({ "alg": spelling, "kid": self.key.id(), "typ": "JWT" });
        format!(
            "{}.",
            signing_input(&header, &claims.filled(&self.url).to_string())
        )
    }

    /// HS256 with the public key's PEM as the secret: the classic confusion.
    pub fn signed_with_public_key(&self, claims: &Claims) -> String {
        let secret = SigningKey::hmac(
            Algorithm::HS256,
            self.key.id(),
            self.key.public_pem().as_bytes(),
        );
        self.with_key(secret).token(claims)
    }

    /// A sound token whose payload was changed after signing.
    pub fn tampered(&self, claims: &Claims, to: &Claims) -> String {
        let sound = self.token(claims);
        let signature = sound.rsplit('.').next().expect("a token has a signature");
        format!(
            "{}.{signature}",
            signing_input(&self.header(), &to.filled(&self.url).to_string())
        )
    }

    /// A sound token of exactly this many bytes.
    ///
    /// The padding is a claim of letters; base64 grows by 4 bytes for every 3, so
    /// the header carries the remainder.
    pub fn token_of_length(&self, claims: &Claims, bytes: usize) -> String {
        for header_padding in 0..3 {
            let mut header = self.header();
            header["cty"] = "x".repeat(header_padding).into();
            let token = |padding: usize| {
                let claims = claims.clone().set("padding", "x".repeat(padding));
                self.token_with_header(&header, &claims)
            };
            let missing = bytes
                .checked_sub(token(0).len())
                .expect("a token has a least length");
            for padding in (missing / 4 * 3).saturating_sub(4)..missing / 4 * 3 + 8 {
                let token = token(padding);
                if token.len() == bytes {
                    return token;
                }
            }
        }
        panic!("no token of {bytes} bytes can be made");
    }

    fn sign(&self, header: &Value, payload: &str) -> String {
        let input = signing_input(header, payload);
        let signature = self.key.signature(input.as_bytes());
        format!("{input}.{signature}")
    }
}

/// A JSON Web Key Set of these keys.
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// `header.payload` as the signature covers it.
pub fn signing_input(header: &Value, payload: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", encode(&header.to_string()), encode(payload))
}

/// A PEM block.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_can_be_made_of_any_length() {
        let issuer = Issuer::new(CORP_URL, SigningKey::generate(Algorithm::ES256, "k"));
        for bytes in [1000, 1001, 1002, 1003, 16_384, 16_385] {
            assert_eq!(
                issuer.token_of_length(&Claims::of("alice"), bytes).len(),
                bytes
            );
        }
    }

    #[test]
    fn every_kind_of_key_signs_and_shows_its_public_half() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm, "k");
            assert!(!key.signature(b"input").is_empty());
            assert_eq!(key.jwk()["kid"], "k");
        }
    }
}
