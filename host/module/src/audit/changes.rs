//! What settings and users of the server's own ACL were, and are now.
//!
//! In: word that some may have changed. Out: what did, with before and after; secrets are
//! digests under a key of this node.

mod settings;
mod users;

use warden_audit::event::{Argument, Change};

pub(super) use settings::Settings;
pub(super) use users::{Look, Users};

/// What a record holds of a value, in bytes: escaped, it still fits into a line.
const VALUE_BYTES: usize = 64 * 1024;

/// A change, on its own.
#[derive(Debug)]
pub(super) struct OwnedChange {
    name: Vec<u8>,
    before: Option<Value>,
    after: Option<Value>,
}

/// A value that may be a secret.
#[derive(Debug)]
enum Value {
    Shown(Vec<u8>),
    Digest([u8; 16]),
}

impl Value {
    fn borrow(&self) -> Argument<'_> {
        match self {
            Self::Shown(bytes) => match bytes.get(..VALUE_BYTES) {
                Some(start) if bytes.len() > VALUE_BYTES => {
                    Argument::Cut(start, bytes.len() as u64)
                }
                _ => Argument::Plain(bytes),
            },
            Self::Digest(digest) => Argument::Digest(*digest),
        }
    }
}

impl OwnedChange {
    /// As records tell it.
    pub(super) fn borrow(&self) -> Change<'_> {
        Change {
            name: &self.name,
            before: self.before.as_ref().map(Value::borrow),
            after: self.after.as_ref().map(Value::borrow),
        }
    }
}
