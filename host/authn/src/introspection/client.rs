//! How warden proves to an issuer who asks (RFC 6749 §2.3, RFC 8705 §2).

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::form_urlencoded::{Serializer, byte_serialize};
use warden_core::Secret;
use zeroize::Zeroizing;

use crate::asking::Draft;
use crate::configuration::Section;
use crate::endpoint::Request;
use crate::file::{self, Access};

/// Largest secret.
const MAX_SECRET_BYTES: u64 = 4096;

/// The client's identity and its proof.
pub(super) struct ClientAuthentication {
    method: Way,
    id: String,
    secret: Option<Secret<String>>,
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// `tls_client_auth`, `self_signed_tls_client_auth`: the certificate of `[endpoint]`.
    Certificate,
    /// `bearer`: the token of `endpoint.bearer_token_file`.
    Bearer,
}

impl ClientAuthentication {
    /// Takes `client_authentication`, `client_id` and `client_secret_file` out of a file.
    pub(super) fn read(file: &mut Section, directory: &Path) -> Self {
        let name: Option<String> = file.optional("client_authentication", "a string");
        let method = match name.as_deref() {
            None | Some("client_secret_basic") => Way::Basic,
            Some("client_secret_post") => Way::Post,
            Some("tls_client_auth" | "self_signed_tls_client_auth") => Way::Certificate,
            Some("bearer") => Way::Bearer,
            Some(_) => {
                file.fault(
                    "client_authentication",
                    "must be client_secret_basic, client_secret_post, tls_client_auth, \
                     self_signed_tls_client_auth or bearer",
                );
                Way::Basic
            }
        };
        let id: Option<String> = match method {
            Way::Bearer => file.optional("client_id", "a string"),
            _ => file.mandatory("client_id", "a string"),
        };
        let mut this = Self {
            method,
            id: id.unwrap_or_default(),
            secret: None,
            file: None,
        };
        if matches!(method, Way::Basic | Way::Post) {
            this.read_secret(file, directory);
        } else if file.has("client_secret_file") {
            file.fault(
                "client_secret_file",
                "does not go with this client_authentication",
            );
        }
        this
    }

    fn read_secret(&mut self, file: &mut Section, directory: &Path) {
        let Some(name) = file.mandatory::<String>("client_secret_file", "the path of a file")
        else {
            return;
        };
        let path = directory.join(name);
        match file::read(&path, MAX_SECRET_BYTES, Access::Secret) {
            Ok(bytes) => match std::str::from_utf8(bytes.trim_ascii_end()) {
                Ok(text) if !text.is_empty() => self.secret = Some(Secret::new(text.to_owned())),
                _ => file.fault("client_secret_file", format!("{path:?} holds no secret")),
            },
            Err(error) => file.fault("client_secret_file", format!("{path:?} {error}")),
        }
        self.file = Some(path);
    }

    /// Whether `[endpoint]` must have a client certificate.
    pub(super) fn needs_certificate(&self) -> bool {
        self.method == Way::Certificate
    }

    /// Adds what a reload depends on.
    pub(super) fn watch_files(&self, draft: &mut Draft) {
        if let Some(file) = &self.file {
            draft.watch(file.clone(), self.secret().as_bytes());
        }
    }

    /// Adds the proof to a request with a form.
    pub(super) fn add_to(&self, request: &mut Request, form: &mut Serializer<'_, String>) {
        let secret = self.secret();
        match self.method {
            Way::Basic => {
                // Both are form-encoded first (RFC 6749 §2.3.1).
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = Zeroizing::new(format!("{}:{}", encoded(&self.id), encoded(secret)));
                let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                // Base64 is always a header's value.
                if let Ok(mut value) = HeaderValue::from_str(&text) {
                    value.set_sensitive(true);
                    request.headers.insert(AUTHORIZATION, value);
                }
            }
            Way::Post => {
                form.append_pair("client_id", &self.id)
                    .append_pair("client_secret", secret);
            }
            Way::Certificate => {
                form.append_pair("client_id", &self.id);
            }
            Way::Bearer => {}
        }
    }

    fn secret(&self) -> &str {
        self.secret.as_ref().map_or("", |secret| secret.expose())
    }
}
