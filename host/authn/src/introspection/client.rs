//! Client authentication: how warden proves to an issuer that it may ask (RFC 6749 §2.3,
//! RFC 8705 §2).
//!
//! In come the keys of a file and the secret it names; out goes a request that bears the
//! proof.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::form_urlencoded::{Serializer, byte_serialize};
use warden_core::Secret;
use warden_settings::{Access, Section};
use zeroize::Zeroizing;

use crate::directory::Built;
use crate::endpoint::Request;

/// Largest secret.
const MAX_SECRET_BYTES: u64 = 4096;

/// The client's identity and its proof.
pub(super) struct ClientAuthentication {
    method: AuthMethod,
    id: String,
    /// `None` where the method has none.
    secret: Option<Secret<String>>,
}

/// Its registered names (RFC 7591 §2), and one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuthMethod {
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
    pub(super) fn read(file: &mut Section, built: &mut Built, directory: &Path) -> Self {
        let name: Option<String> = file.optional("client_authentication", "a string");
        let method = match name.as_deref() {
            None | Some("client_secret_basic") => AuthMethod::Basic,
            Some("client_secret_post") => AuthMethod::Post,
            Some("tls_client_auth" | "self_signed_tls_client_auth") => AuthMethod::Certificate,
            Some("bearer") => AuthMethod::Bearer,
            Some(_) => {
                file.fault(
                    "client_authentication",
                    "must be client_secret_basic, client_secret_post, tls_client_auth, \
                     self_signed_tls_client_auth or bearer",
                );
                AuthMethod::Basic
            }
        };
        let id: Option<String> = match method {
            AuthMethod::Bearer => file.optional("client_id", "a string"),
            _ => file.mandatory("client_id", "a string"),
        };
        let has_secret = matches!(method, AuthMethod::Basic | AuthMethod::Post);
        if !has_secret && file.has("client_secret_file") {
            file.fault(
                "client_secret_file",
                "does not go with this client_authentication",
            );
        }
        Self {
            method,
            id: id.unwrap_or_default(),
            secret: has_secret.then(|| secret(file, built, directory)).flatten(),
        }
    }

    /// Whether `[endpoint]` must have a client certificate.
    pub(super) fn needs_certificate(&self) -> bool {
        self.method == AuthMethod::Certificate
    }

    /// Adds the proof to a request with a form.
    pub(super) fn add_to(&self, request: &mut Request, form: &mut Serializer<'_, String>) {
        let secret = self.secret();
        match self.method {
            AuthMethod::Basic => {
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
            AuthMethod::Post => {
                form.append_pair("client_id", &self.id)
                    .append_pair("client_secret", secret);
            }
            AuthMethod::Certificate => {
                form.append_pair("client_id", &self.id);
            }
            AuthMethod::Bearer => {}
        }
    }

    fn secret(&self) -> &str {
        self.secret.as_ref().map_or("", |secret| secret.expose())
    }
}

/// Takes `client_secret_file`: the text of the file, without white space at its end.
fn secret(file: &mut Section, built: &mut Built, directory: &Path) -> Option<Secret<String>> {
    let key = "client_secret_file";
    let name: String = file.mandatory(key, "the path of a file")?;
    let path = directory.join(name);
    let bytes = built.open(file, key, &path, MAX_SECRET_BYTES, Access::Secret)?;
    match std::str::from_utf8(bytes.trim_ascii_end()) {
        Ok(text) if !text.is_empty() => Some(Secret::new(text.to_owned())),
        _ => {
            file.fault(key, format!("{path:?} holds no secret"));
            None
        }
    }
}
