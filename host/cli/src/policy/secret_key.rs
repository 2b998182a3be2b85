//! A secret key of minisign: made, kept under a password, and taken up again.
//!
//! In: a file, and its password by file, environment or keyboard. Out: a key that signs.
//! No password is an argument, and neither it nor the key is shown.
//!
//! What is read of a file or a variable is wiped as soon as it is done with, and so is the
//! text of a new key. What minisign is handed is not: it takes the password by value, keeps
//! the key as numbers of its own, and wipes neither. Both go with the process, which ends
//! after the one key or signature it was started for.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use minisign::{ErrorKind, KeyPair, PublicKey, SecretKey, SecretKeyBox};
use warden_policy::PolicyKey;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::password;

/// Where the password is when no option names a file.
const VARIABLE: &str = "WARDEN_KEY_PASSWORD";
/// What is wrong with a key whose parts do not fit each other.
const DAMAGED: &str = "is damaged, or not all of a key: take it from where it is kept safe";
/// Bytes at the end of a secret key that check all others.
const CHECKSUM_BYTES: usize = 32;
/// The longest password minisign takes.
const MAX_PASSWORD_BYTES: usize = 1024;

/// The key's password.
#[derive(Args)]
pub(super) struct Password {
    /// File with the password of the secret key. Without it, the environment variable
    /// WARDEN_KEY_PASSWORD; without either it is asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Password {
    /// The password. One that is new is asked for twice.
    fn read(&self, is_new: bool) -> Result<Zeroizing<String>, Error> {
        let password = match password::given(self.password_file.as_deref(), VARIABLE)? {
            Some(password) => password,
            None => ask(is_new)?,
        };
        if is_new && password.is_empty() {
            return Err(Error::Usage(
                "the password is empty: give one, or --without-password".to_owned(),
            ));
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(Error::Usage(format!(
                "the password is over {MAX_PASSWORD_BYTES} bytes"
            )));
        }
        Ok(password)
    }
}

fn ask(is_new: bool) -> Result<Zeroizing<String>, Error> {
    let prompt = |words: &str| {
        rpassword::prompt_password(words)
            .map(Zeroizing::new)
            .map_err(|error| {
                Error::Usage(format!(
                    "the key's password cannot be asked for ({error}): give --password-file, or set {VARIABLE}"
                ))
            })
    };
    let password = prompt("Password of the secret key: ")?;
    if is_new && prompt("The same once more: ")? != password {
        return Err(Error::Usage("the two passwords differ".to_owned()));
    }
    Ok(password)
}

/// A key that can sign.
pub(super) struct SigningKey {
    secret: SecretKey,
    pair: PublicKey,
    /// What its signatures are verified with.
    pub(super) public: PolicyKey,
}

/// The texts of two files.
pub(super) struct Written {
    pub(super) secret: Zeroizing<String>,
    pub(super) public: String,
    /// The public key's one line, as `policy_keys` takes it.
    pub(super) letters: String,
    pub(super) key: PolicyKey,
}

/// Makes a key; under a password when one is given.
pub(super) fn make(password: Option<&Password>) -> Result<Written, Error> {
    let crypto = |error: minisign::PError| Error::Crypto(error.to_string());
    let pair = match password {
        Some(password) => {
            let mut password = password.read(true)?;
            KeyPair::generate_encrypted_keypair(Some(std::mem::take(&mut *password)))
        }
        None => KeyPair::generate_unencrypted_keypair(),
    }
    .map_err(crypto)?;
    let comment = match password {
        Some(_) => "secret key of warden policy sign, under a password",
        None => "secret key of warden policy sign, without a password",
    };
    let secret = pair.sk.to_box(Some(comment)).map_err(crypto)?;
    let letters = pair.pk.to_base64();
    Ok(Written {
        secret: Zeroizing::new(secret.into_string()),
        public: pair.pk.to_box().map_err(crypto)?.into_string(),
        key: public(&letters)?,
        letters,
    })
}

fn public(letters: &str) -> Result<PolicyKey, Error> {
    PolicyKey::parse(letters).ok_or_else(|| Error::Crypto("the key's public half is none".into()))
}

impl SigningKey {
    /// Takes up a key that `keygen` or minisign has made.
    pub(super) fn read(path: &Path, password: &Password) -> Result<Self, Error> {
        let refuse = |why: String| Error::Key {
            path: path.to_owned(),
            why,
        };
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let text = Zeroizing::new(text);
        let none = || {
            refuse("no secret key of minisign: give the .key file of warden policy keygen, or minisign.key".to_owned())
        };
        let letters = text.lines().nth(1).unwrap_or_default().trim();
        let bytes = STANDARD.decode(letters).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| none())?;
        // Two letters each: how it signs, what keeps it, what checks it.
        let secret = match bytes.get(2..4) {
            // minisign itself leaves the checksum of such a key empty: whether its halves
            // fit then shows when it signs.
            Some([0, 0]) if is_open(path)? => {
                let why = "is under no password and open to others: chmod 600, or keygen another";
                return Err(refuse(why.to_owned()));
            }
            Some([0, 0]) if has_no_checksum(&bytes) => {
                SecretKey::from_bytes(&bytes).map_err(|_| none())?
            }
            Some([0, 0]) => {
                let boxed = SecretKeyBox::from((*text).clone());
                let secret = boxed.into_unencrypted_secret_key();
                secret.map_err(|error| match error.kind() {
                    ErrorKind::Verify => refuse(DAMAGED.to_owned()),
                    _ => none(),
                })?
            }
            Some(b"Sc") => {
                let mut password = password.read(false)?;
                let password = std::mem::take(&mut *password);
                let boxed = SecretKeyBox::from((*text).clone());
                let secret = boxed.into_secret_key(Some(password));
                secret.map_err(|error| match error.kind() {
                    ErrorKind::Verify => refuse("the password is not that of this key".into()),
                    _ => refuse(error.to_string()),
                })?
            }
            _ => return Err(none()),
        };
        let pair =
            PublicKey::from_secret_key(&secret).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            public: public(&pair.to_base64())?,
            pair,
            secret,
        })
    }

    /// Signs, with a comment that is signed as well; the signature was verified with the
    /// key's public half.
    ///
    /// # Errors
    /// When it does not verify, because the key is damaged.
    pub(super) fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, Error> {
        let of = format!("signature by key {}", self.public.id());
        let signed = minisign::sign(
            Some(&self.pair),
            &self.secret,
            bytes,
            Some(comment),
            Some(&of),
        );
        let signed = signed.map_err(|error| match error.kind() {
            ErrorKind::Verify => Error::Crypto(format!("{of}: the key's file {DAMAGED}")),
            _ => Error::Crypto(error.to_string()),
        })?;
        Ok(signed.into_string())
    }
}

/// Whether others than its owner may read or write it.
fn is_open(path: &Path) -> Result<bool, Error> {
    let found = fs::metadata(path).map_err(Error::file(path))?;
    Ok(found.mode() & 0o077 != 0)
}

/// Whether the last bytes of a key, those of its checksum, are empty.
fn has_no_checksum(bytes: &[u8]) -> bool {
    let checksum = bytes.last_chunk::<CHECKSUM_BYTES>();
    checksum.is_some_and(|checksum| checksum.iter().all(|byte| *byte == 0))
}
