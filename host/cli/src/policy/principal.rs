//! A principal that somebody made up, from a JSON document.
//!
//! ```json
//! {"user": "corp/alice", "groups": ["corp/analysts"], "scopes": [], "method": "jwt",
//!  "claims": {"office": "rome"}, "sole_authenticator": true, "expires": 1795510800}
//! ```
//!
//! Only `user` must be given. Names are as policies see them, qualified by the
//! authenticator. Whatever is unknown or doubtful is an error with its path.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use warden_core::name::read_qualified;
use warden_core::{AuthenticatorId, Method, Principal, PrincipalName, Timestamp};

use super::moment;
use crate::error::Error;

/// Largest document read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the document of a file; `-` is standard input.
pub(super) fn read(file: &Path) -> Result<Principal, Error> {
    let fail = |source| Error::File {
        path: file.to_owned(),
        source,
    };
    let mut text = String::new();
    let limit = MAX_BYTES + 1;
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_string(&mut text)?;
    } else {
        let opened = File::open(file).map_err(fail)?;
        opened.take(limit).read_to_string(&mut text).map_err(fail)?;
    }
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::Usage(format!("{file:?}: is larger than 1 MiB")));
    }
    parse(&text).map_err(|why| Error::Usage(format!("{file:?}: {why}")))
}

/// The principal of a document.
fn parse(text: &str) -> Result<Principal, String> {
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
    let expires = take(&mut document, "expires", expiry)?;
    if let Some(unknown) = document.keys().next() {
        return Err(format!(
            "{}: unknown; known are user, groups, scopes, method, claims, sole_authenticator, expires",
            unknown.escape_debug()
        ));
    }
    Ok(Principal {
        authenticator,
        name,
        method,
        groups: groups.unwrap_or_default(),
        scopes: scopes.unwrap_or_default(),
        sole_authenticator: sole.unwrap_or(true),
        claims: claims.unwrap_or_default(),
        expires,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
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

fn expiry(value: Value) -> Result<Timestamp, String> {
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
        let principal = parse(
            r#"{"user": "corp/alice", "groups": ["corp/b", "corp/a", "corp/b"], "scopes": ["corp/s"],
                "method": "jwt", "claims": {"office": "rome"}, "sole_authenticator": false,
                "expires": "2026-11-24T09:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(principal.user_name().to_string(), "corp/alice");
        assert_eq!(principal.groups, ["corp/a", "corp/b"]);
        assert_eq!(principal.scopes, ["corp/s"]);
        assert_eq!(principal.claims["office"], "rome");
        assert!(!principal.sole_authenticator);
        assert_eq!(
            principal.expires,
            Some(Timestamp::from_unix_seconds(1_795_510_800))
        );
        let short = parse(r#"{"user": "corp/alice"}"#).unwrap();
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
        ] {
            let why = parse(document).expect_err(document);
            assert!(why.starts_with(path), "{document}: {why}");
        }
    }
}
