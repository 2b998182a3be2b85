//! The key a token is minted with: read from a file, or made and kept.
//!
//! In: `--key-dir` or `--key`. Out: a signing key, its algorithm and key id. A
//! key that is made is written as `key.pem` (0600) with its public half in
//! `jwks.json`; an existing one is never overwritten.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use clap::ValueEnum;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use zeroize::Zeroizing;

use crate::error::Error;

/// A signature algorithm (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Signature {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    #[value(name = "EdDSA")]
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

impl Signature {
    /// The same for the signing library.
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Hs256 => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
        }
    }

    fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

/// A key that can sign.
pub(crate) struct SigningKey {
    pub(crate) key: EncodingKey,
    /// RFC 7638 thumbprint of the public half; none for a shared secret.
    pub(crate) id: Option<String>,
}

/// Reads a private key (PEM), or a shared secret for the HMAC algorithms.
pub(crate) fn read(path: &Path, signature: Signature) -> Result<SigningKey, Error> {
    let bytes = fs::read(path)
        .map(Zeroizing::new)
        .map_err(Error::file(path))?;
    let refuse = |why: String| Error::Key {
        path: path.to_owned(),
        why,
    };
    if signature.is_symmetric() {
        // As the module reads a secret_file: without one trailing line end.
        let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        return Ok(SigningKey {
            key: EncodingKey::from_secret(secret),
            id: None,
        });
    }
    let key = match signature {
        Signature::Es256 | Signature::Es384 => EncodingKey::from_ec_pem(&bytes),
        Signature::EdDsa => EncodingKey::from_ed_pem(&bytes),
        _ => EncodingKey::from_rsa_pem(&bytes),
    }
    .map_err(|error| refuse(format!("no private key in PEM for this algorithm: {error}")))?;
    let id = public_half(&key, signature).map_err(refuse)?.common.key_id;
    Ok(SigningKey { key, id })
}

/// The key of a directory; made there, with its JWKS, when there is none.
///
/// # Errors
/// A directory with a JWKS and no key is refused: the two would not match.
pub(crate) fn read_or_make(directory: &Path, signature: Signature) -> Result<SigningKey, Error> {
    if signature.is_symmetric() {
        return Err(Error::Usage(
            "--key-dir makes public-key algorithms only; give the shared secret with --key"
                .to_owned(),
        ));
    }
    let path = directory.join("key.pem");
    let public = directory.join("jwks.json");
    if !path.exists() {
        if public.exists() {
            return Err(Error::Key {
                path: public,
                why: "stands there without its key.pem; use an empty directory".to_owned(),
            });
        }
        fs::create_dir_all(directory).map_err(Error::file(directory))?;
        let private =
            make(signature).map_err(|_| Error::Crypto("the key could not be made".to_owned()))?;
        let text = Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", private)));
        write_new(&path, 0o600, text.as_bytes())?;
    }
    let key = read(&path, signature)?;
    if !public.exists() {
        let jwk = public_half(&key.key, signature).map_err(Error::Crypto)?;
        let set = serde_json::to_string_pretty(&JwkSet { keys: vec![jwk] })
            .map_err(|error| Error::Crypto(error.to_string()))?;
        write_new(&public, 0o644, format!("{set}\n").as_bytes())?;
    }
    Ok(key)
}

/// A new private key as PKCS #8 (RFC 5208).
fn make(signature: Signature) -> Result<Vec<u8>, Unspecified> {
    let document = match signature {
        Signature::Es256 => {
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?
        }
        Signature::Es384 => {
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?.to_pkcs8v1()?
        }
        Signature::EdDsa => Ed25519KeyPair::generate()?.to_pkcs8v1()?,
        _ => {
            let der: Pkcs8V1Der<'static> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
            return Ok(der.as_ref().to_vec());
        }
    };
    Ok(document.as_ref().to_vec())
}

/// The public key as a JWK whose id is its RFC 7638 thumbprint.
fn public_half(key: &EncodingKey, signature: Signature) -> Result<Jwk, String> {
    let mut jwk =
        Jwk::from_encoding_key(key, signature.algorithm()).map_err(|error| error.to_string())?;
    jwk.common.key_id = Some(
        jwk.thumbprint(ThumbprintHash::SHA256)
            .map_err(|error| error.to_string())?,
    );
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    // One RSA key serves RS256 today and PS512 tomorrow; its type is bound enough.
    jwk.common.key_algorithm = None;
    Ok(jwk)
}

/// Writes a file that must not exist yet.
fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(Error::file(path))?;
    file.write_all(bytes).map_err(Error::file(path))
}
