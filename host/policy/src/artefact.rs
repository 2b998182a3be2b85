//! Compiled policies, kept between starts of the server.
//!
//! In comes the digest of a bundle's wasm, out goes the component this very
//! node compiled from it earlier, or nothing. Loading native code is only sound
//! for what our own compiler wrote, so every artefact carries a MAC under the
//! node's key over the wasm's digest, the compiler's settings and the code; an
//! artefact in doubt is compiled again, never loaded.

mod deserialise;
mod key;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::hmac;
use wasmtime::component::Component;

use crate::digest::{Digest, Digester};
use crate::error::{Error, gist};
use warden_state::PrivateDir;

/// Raised whenever what is compiled from a wasm changes (lifting, for example).
const FORMAT: &str = "warden artefact 1";
/// The most one artefact may hold: bounds what reading one costs.
const MAX_BYTES: u64 = 512 << 20;
/// Artefacts kept; the least recently written go first.
const KEPT: usize = 64;

/// The artefacts of one state directory.
pub(crate) struct Artefacts {
    dir: PrivateDir,
    key: hmac::Key,
    engine: u64,
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
    pub(crate) fn open(state_dir: &Path, engine: &wasmtime::Engine) -> Result<Self, Error> {
        let state = PrivateDir::open(state_dir)?;
        let key = key::node_key(&state)?;
        let dir = PrivateDir::open(&state.path("artefacts"))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            dir,
            key,
            engine: hasher.finish(),
        })
    }

    /// The component compiled from this wasm, if it is certainly ours.
    pub(crate) fn take(&self, engine: &wasmtime::Engine, wasm: &Digest) -> Taken {
        let sealed = match self
            .dir
            .check()
            .and_then(|()| self.dir.read(&self.name(wasm), MAX_BYTES))
        {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Taken::Missing,
            Err(error) => return Taken::Distrusted(error.to_string()),
        };
        let Some(proven) = deserialise::prove(&self.key, &self.subject(wasm), &sealed) else {
            return Taken::Distrusted(format!(
                "{:?} was not written by this node or was changed since",
                self.dir.path(&self.name(wasm))
            ));
        };
        match deserialise::deserialise(engine, proven) {
            Ok(component) => Taken::Component(component),
            Err(error) => Taken::Distrusted(gist(&format!("{error:#}"))),
        }
    }

    /// Keeps a component that was just compiled from this wasm.
    ///
    /// # Errors
    /// In words: without an artefact the next start only takes longer.
    pub(crate) fn keep(&self, wasm: &Digest, component: &Component) -> Result<(), String> {
        let code = component.serialize().map_err(|e| gist(&format!("{e:#}")))?;
        let mac = deserialise::seal(&self.key, &self.subject(wasm), &code);
        self.dir
            .replace(&self.name(wasm), &[mac.as_ref(), &code])
            .map_err(|e| e.to_string())?;
        self.prune();
        Ok(())
    }

    fn name(&self, wasm: &Digest) -> String {
        format!("{wasm}-{:016x}", self.engine)
    }

    /// What the MAC binds the code to.
    fn subject(&self, wasm: &Digest) -> Digest {
        let mut digester = Digester::new(FORMAT);
        digester.bytes(wasm.as_bytes());
        digester.bytes(&self.engine.to_be_bytes());
        digester.finish()
    }

    /// Removes the oldest artefacts over the bound; failing that leaves more files, no more.
    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(self.dir.path("")) else {
            return;
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let written = entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH);
                entry
                    .file_type()
                    .is_ok_and(|t| t.is_file())
                    .then(|| (written, entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        for (_, path) in files.iter().skip(KEPT) {
            let _ = std::fs::remove_file(path);
        }
    }
}
