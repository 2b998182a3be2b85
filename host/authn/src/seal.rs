//! A credential that is needed again later, kept so that it is nowhere in clear.
//!
//! In: a credential; out: the same, when it is asked about again. In between it is
//! ciphertext under a key that lives and dies with the process: a copy of the memory that
//! lacks the key, or a search of it for tokens, finds nothing.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use warden_core::{Credential, Secret};
use zeroize::Zeroizing;

use crate::Error;

/// The key.
pub struct Seal(RandomizedNonceKey);

/// A credential under it.
pub struct Sealed {
    user: Box<str>,
    nonce: [u8; 12],
    text: Box<[u8]>,
}

impl Seal {
    /// A fresh key.
    ///
    /// # Errors
    /// [`Error::Random`] when the operating system gives no random bytes.
    pub fn new() -> Result<Self, Error> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| Error::Random)?;
        let key = Secret::new(key);
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Random)?;
        Ok(Self(key))
    }

    /// Seals a credential; `None` when the operating system gives no random bytes.
    pub fn close(&self, user: &str, secret: &[u8]) -> Option<Sealed> {
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(secret);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(user.as_bytes()), &mut *text)
            .ok()?;
        Some(Sealed {
            user: user.into(),
            nonce: *nonce.as_ref(),
            text: text.as_slice().into(),
        })
    }

    /// The credential; `None` for what this did not seal.
    pub fn open(&self, sealed: &Sealed) -> Option<Credential> {
        let mut text = Zeroizing::new(sealed.text.to_vec());
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let secret = self
            .0
            .open_in_place(nonce, Aad::from(sealed.user.as_bytes()), &mut text)
            .ok()?;
        Credential::new(sealed.user.as_bytes(), secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::UserArgument;

    #[test]
    fn a_sealed_credential_comes_back_and_is_nowhere_in_clear() {
        let seal = Seal::new().unwrap();
        let secret = b"a token that is looked for";
        let sealed = seal.close("alice", secret).unwrap();
        assert!(!sealed.text.windows(8).any(|part| part == &secret[..8]));
        let credential = seal.open(&sealed).unwrap();
        assert_eq!(credential.secret().expose(), secret);
        assert_eq!(credential.user(), &UserArgument::Named("alice".to_owned()));
    }

    #[test]
    fn what_another_process_sealed_or_somebody_changed_does_not_open() {
        let (seal, other) = (Seal::new().unwrap(), Seal::new().unwrap());
        let mut sealed = seal.close("alice", b"x").unwrap();
        assert!(other.open(&sealed).is_none());
        sealed.user = "bob".into();
        assert!(seal.open(&sealed).is_none());
    }
}
