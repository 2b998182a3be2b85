//! Compiled policies, kept between starts of the server.
//!
//! In comes the digest of a bundle's wasm, out goes the component this very
//! node compiled from it earlier, or nothing. Loading native code is only sound
//! for what our own compiler wrote, so every artefact carries a MAC under the
//! node's key over the wasm's digest, the compiler's settings and the code; an
//! artefact in doubt is compiled again, never loaded.

pub(crate) mod deserialise;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::hmac;
use wasmtime::component::Component;

use crate::bundle::directory::MAX_BUNDLES;
use crate::digest::{Digest, Digester};
use crate::error::{Error, gist};
use warden_state::{NodeKey, PrivateDir};

/// Raised whenever what is compiled from a wasm changes (lifting, for example).
const FORMAT: &str = "warden artefact 1";
/// The most one artefact may hold: bounds what reading one costs.
const MAX_BYTES: u64 = 512 << 20;
/// Artefacts kept; the least recently used go first. Room for the policies in force and a
/// candidate, each with its policy, the policy to be read out and the snapshot, and for
/// plugins.
pub(crate) const KEPT: usize = 2 * 3 * MAX_BUNDLES + 64;

/// The artefacts of one state directory.
pub(crate) struct Artefacts {
    dir: PrivateDir,
    key: hmac::Key,
}

/// What was found for a digest.
pub(crate) enum Taken {
    /// Compiled earlier on this node.
    Component(Component),
    /// Not compiled yet, or by another version.
    Missing,
    /// There is one, but it is not to be trusted; says why.
    Distrusted(String),
}

impl Artefacts {
    /// Opens `state_dir/artefacts`, creating directories and the node key where missing.
    ///
    /// # Errors
    /// When the directories or the key are not ours alone.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, Error> {
        let state = PrivateDir::open(state_dir)?;
        let key = NodeKey::of(&state)?.hmac().clone();
        let dir = PrivateDir::open(&state.path("artefacts"))?;
        Ok(Self { dir, key })
    }

    /// The component compiled from this wasm, if it is certainly ours.
    pub(crate) fn take(&self, engine: &wasmtime::Engine, wasm: &Digest) -> Taken {
        let (name, subject) = identify(engine, wasm);
        let sealed = match self
            .dir
            .check()
            .and_then(|()| self.dir.read(&name, MAX_BYTES))
        {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Taken::Missing,
            Err(error) => return Taken::Distrusted(error.to_string()),
        };
        let Some(proven) = deserialise::prove(&self.key, &subject, &sealed) else {
            return Taken::Distrusted(format!(
                "{:?} was not written by this node or was changed since",
                self.dir.path(&name)
            ));
        };
        match deserialise::deserialise(engine, proven) {
            Ok(component) => {
                // Were it not noted, it would only go sooner.
                let _ = self.dir.touch(&name);
                Taken::Component(component)
            }
            Err(error) => Taken::Distrusted(gist(&format!("{error:#}"))),
        }
    }

    /// Notes that an artefact is in use, if there is such a one: it goes later.
    pub(crate) fn touch(&self, engine: &wasmtime::Engine, wasm: &Digest) {
        let (name, _) = identify(engine, wasm);
        // One that is not there was not kept, or is made again when it is wanted.
        let _ = self.dir.touch(&name);
    }

    /// Keeps the code that was just compiled from this wasm for an engine.
    ///
    /// # Errors
    /// In words: without an artefact the next start only takes longer.
    pub(crate) fn keep(
        &self,
        engine: &wasmtime::Engine,
        wasm: &Digest,
        code: &[u8],
    ) -> Result<(), String> {
        let (name, subject) = identify(engine, wasm);
        let mac = deserialise::seal(&self.key, &subject, code);
        self.dir
            .replace(&name, &[mac.as_ref(), code])
            .map_err(|e| e.to_string())?;
        self.prune();
        Ok(())
    }

    /// Removes the oldest artefacts over the bound; failing that leaves more files, no more.
    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(self.dir.path("")) else {
            return;
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let used = entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH);
                entry
                    .file_type()
                    .is_ok_and(|t| t.is_file())
                    .then(|| (used, entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        for (_, path) in files.iter().skip(KEPT) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The name of an artefact's file, and what the MAC binds the code to.
fn identify(engine: &wasmtime::Engine, wasm: &Digest) -> (String, Digest) {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let engine = hasher.finish();
    let mut digester = Digester::new(FORMAT);
    digester.bytes(wasm.as_bytes());
    digester.bytes(&engine.to_be_bytes());
    (format!("{wasm}-{engine:016x}"), digester.finish())
}
