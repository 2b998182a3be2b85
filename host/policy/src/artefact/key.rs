//! The node key: 32 random bytes that prove a file was written by this node.
//!
//! Made at the first start, kept in `state_dir/node.key`, never shown. Whoever
//! can read it can already run code as the server's user.

use aws_lc_rs::hmac;
use warden_core::Secret;
use warden_state::{Error, PrivateDir};

const FILE: &str = "node.key";
const BYTES: usize = 32;

/// Reads the key, making one where there is none.
///
/// # Errors
/// When the file is not ours alone or does not hold a key.
pub(super) fn node_key(state: &PrivateDir) -> Result<hmac::Key, Error> {
    if let Some(key) = read(state)? {
        return Ok(key);
    }
    let mut fresh = [0; BYTES];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| {
        Error::new(
            &state.path(FILE),
            "the operating system gives no random bytes".into(),
        )
    })?;
    let fresh = Secret::new(fresh);
    // Another process of the same state directory may be first: its key is then the one.
    state.create(FILE, &[fresh.expose()])?;
    read(state)?.ok_or_else(|| Error::new(&state.path(FILE), "disappeared while being made".into()))
}

fn read(state: &PrivateDir) -> Result<Option<hmac::Key>, Error> {
    let Some(bytes) = state.read(FILE, BYTES as u64)? else {
        return Ok(None);
    };
    let bytes = Secret::new(bytes);
    if bytes.expose().len() != BYTES {
        return Err(Error::new(
            &state.path(FILE),
            format!("holds no key of {BYTES} bytes; remove it, a new one is made"),
        ));
    }
    Ok(Some(hmac::Key::new(hmac::HMAC_SHA256, bytes.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_a_cut_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = PrivateDir::open(&root.path().join("state")).unwrap();
        let first = node_key(&state).unwrap();
        let again = node_key(&state).unwrap();
        let tag = hmac::sign(&first, b"x");
        hmac::verify(&again, b"x", tag.as_ref()).unwrap();

        state.replace(FILE, &[b"short"]).unwrap();
        assert!(node_key(&state).is_err());
    }
}
