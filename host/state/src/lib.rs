//! What warden keeps on disk between restarts: compiled policies, key sets, the node key.
//!
//! In: a directory and names. Out: the bytes of files that only the server's own user can
//! have written, or an error. Never: a file of somebody else's, one half-written, one
//! over its bound.

#![forbid(unsafe_code)]

mod node_key;
mod private_dir;
mod whole_file;

pub use node_key::NodeKey;
pub use private_dir::{Error, PrivateDir, append_private};
pub use whole_file::{Existing, write_whole};
