//! The node key: 32 random bytes that only this node has.
//!
//! Made at the first start, kept in `state_dir/node.key`, never shown. Whoever
//! can read it can already run code as the server's user.

use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

use crate::{Error, PrivateDir};

const FILE: &str = "node.key";
const BYTES: usize = 32;

/// A key by which this node knows its own work again.
#[derive(Clone)]
pub struct NodeKey(hmac::Key);

impl NodeKey {
    /// Reads the key, making one where there is none.
    ///
    /// # Errors
    /// When the file is not ours alone or does not hold a key.
    pub fn of(state: &PrivateDir) -> Result<Self, Error> {
        if let Some(key) = read(state)? {
            return Ok(Self(key));
        }
        Self::fresh_bytes(state).and_then(|fresh| {
            // Another process of the same state directory may be first: its key is then the one.
            state.create(FILE, &[&*fresh])
        })?;
        let key = read(state)?;
        key.map(Self)
            .ok_or_else(|| Error::new(&state.path(FILE), "disappeared while being made".into()))
    }

    /// The HMAC-SHA-256 of bytes under this key.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut tag = [0; 32];
        // HMAC-SHA-256 is 32 bytes long; zip copies all of them.
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }

    /// The key itself, for whoever verifies.
    pub fn hmac(&self) -> &hmac::Key {
        &self.0
    }

    fn fresh_bytes(state: &PrivateDir) -> Result<Zeroizing<[u8; BYTES]>, Error> {
        let mut fresh = Zeroizing::new([0; BYTES]);
        rand::fill(&mut *fresh).map_err(|_| {
            Error::new(
                &state.path(FILE),
                "the operating system gives no random bytes".into(),
            )
        })?;
        Ok(fresh)
    }
}

fn read(state: &PrivateDir) -> Result<Option<hmac::Key>, Error> {
    let Some(bytes) = state.read(FILE, BYTES as u64)? else {
        return Ok(None);
    };
    let bytes = Zeroizing::new(bytes);
    if bytes.len() != BYTES {
        return Err(Error::new(
            &state.path(FILE),
            format!("holds no key of {BYTES} bytes; remove it, a new one is made"),
        ));
    }
    Ok(Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_a_cut_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = PrivateDir::open(&root.path().join("state")).unwrap();
        let first = NodeKey::of(&state).unwrap();
        let again = NodeKey::of(&state).unwrap();
        assert_eq!(first.tag(&[b"x", b"y"]), again.tag(&[b"xy"]));
        assert_ne!(first.tag(&[b"x"]), first.tag(&[b"y"]));

        state.replace(FILE, &[b"short"]).unwrap();
        assert!(NodeKey::of(&state).is_err());
    }
}
