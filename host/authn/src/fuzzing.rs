//! Ways in for the fuzz targets (fuzz/); no other build has them.

use std::path::Path;

use warden_core::client::Certificate;
use warden_core::{AuthenticatorId, Now, Principal};
use warden_settings::Section;

use crate::certificate::CertificateAuthenticator;
pub use crate::ldap::fuzzing::{Said, directory_answer};
use crate::{Authenticator, FileError, Services, directory};

/// What [`crate::Chain::load`] makes of a file that holds these bytes. The path
/// gives its id and the directory of its keys; it need not exist.
///
/// # Errors
/// Everything wrong with the file.
pub fn authenticator_file(
    path: &Path,
    bytes: &[u8],
) -> Result<Box<dyn Authenticator>, Vec<FileError>> {
    match directory::parse(path, bytes, &Services::offline()).result {
        Ok(made) => Ok(made.authenticator),
        Err(faults) => Err(faults
            .into_iter()
            .map(|fault| fault.in_file(path))
            .collect()),
    }
}

/// Whom a certificate names by the settings of a file that has the id `corp` and no
/// `type`.
///
/// # Errors
/// Every fault of the settings, or why the certificate is refused.
pub fn certificate(
    settings: &str,
    certificate: &Certificate,
    now: Now,
) -> Result<Principal, String> {
    let mut file = Section::parse(settings.as_bytes()).map_err(|fault| format!("{fault:?}"))?;
    let id = AuthenticatorId::new("corp").map_err(|why| why.to_string())?;
    let (authenticator, _) =
        CertificateAuthenticator::assemble(&mut file, Path::new("/"), Some(&id));
    let faults = file.finish();
    match authenticator {
        Some(authenticator) if faults.is_empty() => authenticator
            .examine(certificate, now)
            .map_err(|reason| reason.to_string()),
        _ => Err(format!("{faults:?}")),
    }
}
