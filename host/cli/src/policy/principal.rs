//! A principal that somebody made up, or whom `warden policy eval --record` wrote down,
//! from a JSON document; and how they are connected.
//!
//! ```json
//! {"user": "corp/alice", "groups": ["corp/analysts"], "scopes": [], "method": "jwt",
//!  "claims": {"office": "rome"}, "sole_authenticator": true, "expires": 1795510800,
//!  "address": "192.0.2.7", "tls": true, "certificate": {"subject": "CN=alice"},
//!  "role": "primary", "now": "2026-11-24T09:00:00Z", "reads": ["/office", "client-address"]}
//! ```
//!
//! Only `user` must be given. The keys are those of a test in a test file. Names are as
//! policies see them, qualified by the authenticator. `reads` says what of a request the
//! policies read with which it was recorded: the rest is not known. Whatever is unknown or doubtful is
//! an error with its path.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value};
use warden_core::client::Certificate;
use warden_core::name::read_qualified;
use warden_core::{
    AuthenticatorId, Claims, ClientFacts, Method, Principal, PrincipalName, Timestamp,
};
use warden_policy::Inputs;

use super::reads;
use crate::error::Error;
use crate::moment;

/// Largest document read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Somebody, how they are connected and when, as far as a document says it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) principal: Principal,
    pub(super) address: Option<String>,
    pub(super) tls: Option<bool>,
    pub(super) certificate: Option<Certificate>,
    /// Whether the server is a replica.
    pub(super) replica: Option<bool>,
    pub(super) now: Option<Timestamp>,
    /// How far it is known; without it, as far as it goes.
    pub(super) reads: Option<Inputs>,
}

impl Asked {
    /// What a server would know of the connection.
    pub(super) fn client(&self) -> ClientFacts {
        ClientFacts {
            address: self.address.clone(),
            tls: self.tls.unwrap_or(self.certificate.is_some()),
            certificate: self.certificate.clone(),
            replica: self.replica.unwrap_or(false),
        }
    }

    /// Whether it is known of something: by what it says that it was recorded with, or else
    /// because it is there.
    pub(super) fn says(&self, is_recorded: impl FnOnce(&Inputs) -> bool, is_there: bool) -> bool {
        self.reads.as_ref().map_or(is_there, is_recorded)
    }
}

/// Reads the document of a file; `-` is standard input.
pub(super) fn read(file: &Path) -> Result<Asked, Error> {
    let text = read_text(file, MAX_BYTES)?;
    parse(&text).map_err(|why| Error::Usage(format!("{file:?}: {why}")))
}

/// Largest file of requests read.
const MAX_REQUESTS_BYTES: u64 = 256 << 20;

/// One line of a file of requests.
pub(super) struct Request {
    /// Which.
    pub(super) line: usize,
    pub(super) asked: Asked,
}

/// The requests of a file, a document a line, as `eval --record` writes them; `-` is
/// standard input. There is one at least.
pub(super) fn requests(file: &Path) -> Result<Vec<Request>, Error> {
    let text = read_text(file, MAX_REQUESTS_BYTES)?;
    let lines = (1..).zip(text.lines());
    let filled = lines.filter(|(_, text)| !text.trim().is_empty());
    let requests = filled.map(|(line, text)| {
        let asked = parse(text);
        let asked = asked.map_err(|why| Error::Usage(format!("{file:?}: line {line}: {why}")))?;
        Ok(Request { line, asked })
    });
    let requests = requests.collect::<Result<Vec<_>, Error>>()?;
    if requests.is_empty() {
        return Err(Error::Usage(format!("{file:?}: holds no request")));
    }
    Ok(requests)
}

/// The text of a file that is at most as large as this; `-` is standard input.
fn read_text(file: &Path, max_bytes: u64) -> Result<String, Error> {
    let mut text = String::new();
    let limit = max_bytes + 1;
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut text)?;
    } else {
        let opened = File::open(file).map_err(Error::file(file))?;
        opened
            .take(limit)
            .read_to_string(&mut text)
            .map_err(Error::file(file))?;
    }
    if text.len() as u64 > max_bytes {
        let bound = max_bytes >> 20;
        return Err(Error::Usage(format!(
            "{file:?}: is larger than {bound} MiB"
        )));
    }
    Ok(text)
}

/// Whom a document is about.
pub(super) fn parse(text: &str) -> Result<Asked, String> {
    let document = serde_json::from_str(text).map_err(|e| format!("is not JSON: {e}"))?;
    let Value::Object(mut document) = document else {
        return Err("must be a JSON object".to_owned());
    };
    let user = take(&mut document, "user", |value| match value {
        Value::String(user) => Ok(user),
        _ => Err("must be text: \"corp/alice\"".to_owned()),
    })?;
    let user = user.ok_or("user: must be given: \"corp/alice\"")?;
    let (authenticator, name) = read_qualified(&user)
        .and_then(|(id, name)| Ok((id, PrincipalName::new(&name)?)))
        .map_err(|e| format!("user: {e}"))?;
    let mut qualified = |key| take(&mut document, key, |value| names(value, &authenticator));
    let (groups, scopes) = (qualified("groups")?, qualified("scopes")?);
    let method = take(&mut document, "method", |value| {
        let method = value.as_str().and_then(Method::named);
        method.ok_or_else(|| format!("must be one of {}", Method::names()))
    })?;
    let method = method.unwrap_or(Method::Jwt);
    let claims = take(&mut document, "claims", |value| match value {
        Value::Object(claims) => Ok(claims),
        _ => Err("must be an object".to_owned()),
    })?;
    let sole = take(&mut document, "sole_authenticator", |value| {
        value.as_bool().ok_or("must be true or false".to_owned())
    })?;
    let expires = take(&mut document, "expires", point)?;
    let address = take(&mut document, "address", address)?;
    let tls = take(&mut document, "tls", |value| {
        value.as_bool().ok_or("must be true or false".to_owned())
    })?;
    let certificate = take(&mut document, "certificate", certificate)?;
    if certificate.is_some() && tls == Some(false) {
        return Err("tls: there are no certificates without TLS".to_owned());
    }
    let replica = take(&mut document, "role", |value| match value.as_str() {
        Some("primary") => Ok(false),
        Some("replica") => Ok(true),
        _ => Err("must be \"primary\" or \"replica\"".to_owned()),
    })?;
    let now = take(&mut document, "now", point)?;
    let reads = take(&mut document, "reads", |value| reads::parse(&value))?;
    if let Some(unknown) = document.keys().next() {
        return Err(format!(
            "{}: unknown; known are user, groups, scopes, method, claims, sole_authenticator, expires, \
             address, tls, certificate, role, now, reads",
            unknown.escape_debug()
        ));
    }
    let principal = Principal {
        authenticator,
        name,
        method,
        groups: groups.unwrap_or_default(),
        scopes: scopes.unwrap_or_default(),
        sole_authenticator: sole.unwrap_or(true),
        claims: Claims::new(&claims.unwrap_or_default()),
        expires,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    };
    Ok(Asked {
        principal,
        address,
        tls,
        certificate,
        replica,
        now,
        reads,
    })
}

/// The value of a key, read; an error begins with the path.
fn take<T>(
    document: &mut Map<String, Value>,
    key: &str,
    read: impl FnOnce(Value) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let value = document.remove(key);
    value.map(read).transpose().map_err(|why| {
        let separator = if why.starts_with('[') { "" } else { ": " };
        format!("{key}{separator}{why}")
    })
}

/// Groups or scopes as an authenticator gives them: its own, sorted, without doubles.
fn names(value: Value, of: &AuthenticatorId) -> Result<Vec<String>, String> {
    let Value::Array(values) = value else {
        return Err("must be a list of text".to_owned());
    };
    let mut names = BTreeSet::new();
    for (place, value) in values.into_iter().enumerate() {
        let Value::String(name) = value else {
            return Err(format!("[{place}]: must be text"));
        };
        match read_qualified(&name) {
            Ok((id, _)) if id == *of => names.insert(name),
            Ok(_) => {
                return Err(format!(
                    "[{place}]: must be of the user's authenticator, {of}"
                ));
            }
            Err(error) => return Err(format!("[{place}]: {error}; write {of}/NAME")),
        };
    }
    Ok(names.into_iter().collect())
}

fn address(value: Value) -> Result<String, String> {
    let text = value.as_str().unwrap_or_default();
    let is_address = text == "unix" || text.parse::<IpAddr>().is_ok();
    let wrong = "must be an IP address without port, or \"unix\"";
    is_address.then(|| text.to_owned()).ok_or(wrong.to_owned())
}

/// A certificate as policies see it; what is not there is empty.
fn certificate(value: Value) -> Result<Certificate, String> {
    let Value::Object(mut parts) = value else {
        return Err("must be an object of texts".to_owned());
    };
    let mut part = |key: &str| match parts.remove(key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{key} must be text")),
    };
    let certificate = Certificate {
        subject: part("subject")?,
        issuer: part("issuer")?,
        serial: part("serial")?,
        fingerprint: part("fingerprint")?,
        ..Certificate::default()
    };
    match parts.keys().next() {
        Some(unknown) => Err(format!(
            "{} is unknown; known are subject, issuer, serial, fingerprint",
            unknown.escape_debug()
        )),
        None => Ok(certificate),
    }
}

fn point(value: Value) -> Result<Timestamp, String> {
    match &value {
        Value::Number(seconds) => moment::read(&seconds.to_string()),
        Value::String(text) => moment::read(text),
        _ => moment::read(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_a_principal_as_an_authenticator_gives_it() {
        let asked = parse(
            r#"{"user": "corp/alice", "groups": ["corp/b", "corp/a", "corp/b"], "scopes": ["corp/s"],
                "method": "jwt", "claims": {"office": "rome"}, "sole_authenticator": false,
                "expires": "2026-11-24T09:00:00Z", "address": "192.0.2.7", "role": "replica",
                "certificate": {"subject": "CN=alice"}, "now": 1795510800}"#,
        )
        .unwrap();
        let client = asked.client();
        assert_eq!(client.address.as_deref(), Some("192.0.2.7"));
        assert!(client.tls && client.replica && asked.tls.is_none());
        assert_eq!(client.certificate.unwrap().subject, "CN=alice");
        assert_eq!(asked.now, Some(Timestamp::from_unix_seconds(1_795_510_800)));
        let principal = asked.principal;
        assert_eq!(principal.user_name().to_string(), "corp/alice");
        assert_eq!(principal.groups, ["corp/a", "corp/b"]);
        assert_eq!(principal.scopes, ["corp/s"]);
        assert_eq!(principal.claims.get("office").unwrap(), "rome");
        assert!(!principal.sole_authenticator);
        assert_eq!(
            principal.expires,
            Some(Timestamp::from_unix_seconds(1_795_510_800))
        );
        let short = parse(r#"{"user": "corp/alice"}"#).unwrap();
        assert_eq!(short.client(), ClientFacts::default());
        let short = short.principal;
        assert!(short.sole_authenticator && short.expires.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_path() {
        for (document, path) in [
            ("[]", "must be a JSON object"),
            ("{", "is not JSON: "),
            ("{}", "user: must be given"),
            (r#"{"user": "alice"}"#, "user: "),
            (r#"{"user": 1}"#, "user: "),
            (r#"{"user": "corp/a", "group": []}"#, "group: unknown"),
            (r#"{"user": "corp/a", "groups": "x"}"#, "groups: "),
            (
                r#"{"user": "corp/a", "groups": ["corp/x", 1]}"#,
                "groups[1]: ",
            ),
            (r#"{"user": "corp/a", "groups": ["x"]}"#, "groups[0]: "),
            (
                r#"{"user": "corp/a", "scopes": ["other/x"]}"#,
                "scopes[0]: ",
            ),
            (r#"{"user": "corp/a", "method": "kerberos"}"#, "method: "),
            (r#"{"user": "corp/a", "claims": []}"#, "claims: "),
            (
                r#"{"user": "corp/a", "sole_authenticator": 1}"#,
                "sole_authenticator: ",
            ),
            (r#"{"user": "corp/a", "expires": -1}"#, "expires: "),
            (
                r#"{"user": "corp/a", "address": "10.0.0.1:1"}"#,
                "address: ",
            ),
            (r#"{"user": "corp/a", "tls": "yes"}"#, "tls: "),
            (
                r#"{"user": "corp/a", "tls": false, "certificate": {}}"#,
                "tls: there are no certificates",
            ),
            (r#"{"user": "corp/a", "certificate": "x"}"#, "certificate: "),
            (
                r#"{"user": "corp/a", "certificate": {"cn": "x"}}"#,
                "certificate: cn is unknown",
            ),
            (r#"{"user": "corp/a", "role": "master"}"#, "role: "),
            (r#"{"user": "corp/a", "now": "noon"}"#, "now: "),
        ] {
            let why = parse(document).expect_err(document);
            assert!(why.starts_with(path), "{document}: {why}");
        }
    }
}
