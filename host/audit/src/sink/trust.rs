//! The TLS of one sink, and the files it is made of.
//!
//! In: paths. Out: a client of [`warden_tls`], made anew when a file changed; while what is
//! there is no good, the last good one. Never: a connection whose host name is not verified.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use warden_settings::{Access, quoted, read};

use crate::settings::TcpSettings;

/// Longest file of certificates, or of a key.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Time of the last change, length, device and inode of each file; none where it is not there.
type Stamps = [Option<(i64, i64, u64, u64, u64)>; 3];

/// See above.
pub(crate) struct Trust {
    name: ServerName<'static>,
    authorities: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    looked_at: Stamps,
    config: Option<Arc<ClientConfig>>,
    fault: Option<String>,
}

impl Trust {
    /// For a sink with `tls`. Looks at no file.
    ///
    /// # Errors
    /// When the host is neither a name nor an address that a certificate can be for.
    pub(crate) fn new(settings: &TcpSettings) -> io::Result<Self> {
        let name = ServerName::try_from(settings.host.clone()).map_err(|_| {
            let why = "is no name that a certificate can be for";
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?;
        Ok(Self {
            name,
            authorities: settings.ca_file.clone(),
            certificate: settings.certificate_file.clone(),
            key: settings.key_file.clone(),
            looked_at: Stamps::default(),
            config: None,
            fault: None,
        })
    }

    /// Has other files; answers whether they are others than before.
    pub(crate) fn adjust(&mut self, settings: &TcpSettings) -> bool {
        let before = (&self.authorities, &self.certificate, &self.key);
        let now = (
            &settings.ca_file,
            &settings.certificate_file,
            &settings.key_file,
        );
        if before == now {
            return false;
        }
        self.authorities.clone_from(&settings.ca_file);
        self.certificate.clone_from(&settings.certificate_file);
        self.key.clone_from(&settings.key_file);
        // Whom the former ones trusted is trusted no longer, whether the new ones are good or not.
        self.config = None;
        self.looked_at = Stamps::default();
        self.fault = None;
        true
    }

    /// Whom the peer must prove to be.
    pub(crate) fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// The client that is in force.
    ///
    /// # Errors
    /// When there never was a good one.
    pub(crate) fn config(&mut self) -> io::Result<Arc<ClientConfig>> {
        self.look();
        self.config
            .clone()
            .ok_or_else(|| io::Error::other(self.fault.clone().unwrap_or_default()))
    }

    /// What is wrong with the files that are there now.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Looks whether a file changed; whether another client came of it.
    pub(crate) fn look(&mut self) -> bool {
        let files = [&self.authorities, &self.certificate, &self.key];
        let stamps = files.map(|file| file.as_deref().and_then(stamp));
        if stamps == self.looked_at && (self.config.is_some() || self.fault.is_some()) {
            return false;
        }
        self.looked_at = stamps;
        match self.make() {
            Ok(config) => {
                self.fault = None;
                self.config = Some(config);
                true
            }
            Err(why) => {
                self.fault = Some(why);
                false
            }
        }
    }

    fn make(&self) -> Result<Arc<ClientConfig>, String> {
        let open = |key: &str, file: &Option<PathBuf>, access| {
            let Some(file) = file else { return Ok(None) };
            read(file, MAX_FILE_BYTES, access)
                .map(Some)
                .map_err(|error| format!("{key} {}: {error}", quoted(&file.to_string_lossy())))
        };
        let authorities = open("ca_file", &self.authorities, Access::Public)?;
        let certificate = open("certificate_file", &self.certificate, Access::Public)?;
        let key = open("key_file", &self.key, Access::Secret)?;
        let parts = warden_tls::Parts {
            authorities: authorities.as_ref().map(|bytes| bytes.as_slice()),
            identity: certificate
                .as_ref()
                .zip(key.as_ref())
                .map(|(certificate, key)| (certificate.as_slice(), key.as_slice())),
        };
        warden_tls::build(&parts).map_err(|(key, why)| {
            let (key, file) = match key {
                "tls_cert_path" => ("certificate_file", &self.certificate),
                "tls_key_path" => ("key_file", &self.key),
                _ => ("ca_file", &self.authorities),
            };
            // The words name the keys of directories.
            let why = why.replace("tls_key_path", "key_file");
            match file {
                Some(file) => format!("{key} {}: {why}", quoted(&file.to_string_lossy())),
                None => format!("{key} {why}"),
            }
        })
    }
}

fn stamp(path: &Path) -> Option<(i64, i64, u64, u64, u64)> {
    let file = fs::metadata(path).ok()?;
    Some((
        file.mtime(),
        file.mtime_nsec(),
        file.len(),
        file.dev(),
        file.ino(),
    ))
}
