//! The keys that may sign policies, and whether one of them has.
//!
//! In: public keys as minisign writes them, `MANIFEST` and `MANIFEST.minisig` as bytes.
//! Out: the key that signed, or why it is none of these. Nothing secret is here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{Error, PublicKey, Signature};

use super::Distrust;

/// The most keys there may be: each is tried.
const MAX_KEYS: usize = 16;
/// Letters of a public key.
const KEY_LETTERS: usize = 56;

/// The number minisign gives a key, as minisign shows it. It says which key is meant, and
/// proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Of a key or a signature: two letters of the algorithm, then the id.
    fn of(letters: &str) -> Option<Self> {
        let bytes = STANDARD.decode(letters.trim()).ok()?;
        bytes.get(2..10)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyKey {
    id: KeyId,
    key: PublicKey,
}

impl PolicyKey {
    /// Reads the second line of a `.pub` file; `None` when it is none.
    pub fn parse(letters: &str) -> Option<Self> {
        let fits = letters.len() == KEY_LETTERS;
        let key = fits.then(|| PublicKey::from_base64(letters).ok());
        Some(Self {
            key: key.flatten()?,
            id: KeyId::of(letters)?,
        })
    }

    /// Reads a `.pub` file: a comment and the key, each on its line.
    pub fn parse_file(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let comment = lines.next()?;
        let key = Self::parse(lines.next()?.trim())?;
        let is_file = comment.starts_with("untrusted comment:");
        (is_file && lines.all(|line| line.trim().is_empty())).then_some(key)
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

/// The keys of which any may have signed. None at all: nothing needs to be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyKeys(Vec<PolicyKey>);

impl PolicyKeys {
    /// Reads `policy_keys`: public keys, spaces between them; an empty text is none.
    ///
    /// # Errors
    /// Which word is no key. A text of spaces alone is an error: it would trust anybody.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let keys = text.split(' ').filter(|word| !word.is_empty());
        let keys = keys.zip(1..).map(|(word, place)| {
            PolicyKey::parse(word).ok_or_else(|| {
                format!(
                    "word {place} is no public key of minisign: give the second line of each .pub file, {KEY_LETTERS} letters that begin with RW, with spaces between them"
                )
            })
        });
        let keys = Self::new(keys.collect::<Result<_, _>>()?)?;
        if keys.is_empty() {
            return Err("give public keys, or nothing at all".to_owned());
        }
        Ok(keys)
    }

    /// These keys.
    ///
    /// # Errors
    /// When there are more than 16.
    pub fn new(keys: Vec<PolicyKey>) -> Result<Self, String> {
        if keys.len() > MAX_KEYS {
            return Err(format!("give at most {MAX_KEYS} keys"));
        }
        Ok(Self(keys))
    }

    /// Whether nothing needs to be signed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn keys(&self) -> impl Iterator<Item = &PolicyKey> {
        self.0.iter()
    }

    /// Whether this very key is one of them.
    pub fn contains(&self, key: &PolicyKey) -> bool {
        self.0.contains(key)
    }

    /// The key that signed.
    ///
    /// # Errors
    /// When none of them did, in this format.
    pub(crate) fn verify(&self, manifest: &[u8], signature: &[u8]) -> Result<PolicyKey, Distrust> {
        let text = std::str::from_utf8(signature).map_err(|_| Distrust::Malformed)?;
        let signer = text.lines().nth(1).and_then(KeyId::of);
        let signer = signer.ok_or(Distrust::Malformed)?;
        let signature = Signature::decode(text).map_err(|_| Distrust::Malformed)?;
        let mut why = Distrust::UnknownKey(signer);
        for key in &self.0 {
            match key.key.verify(manifest, &signature, false) {
                Ok(()) => return Ok(key.clone()),
                Err(Error::UnexpectedKeyId) => {}
                Err(Error::UnexpectedAlgorithm) => why = Distrust::Legacy,
                Err(_) => why = Distrust::Wrong(signer),
            }
        }
        Err(why)
    }
}
