//! From the bytes of a test file to checked tests.
//!
//! Every mistake of the file is told, each with its key; one is enough to refuse
//! all of it. Nothing here asks a policy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Number, Value as Json};
use toml::value::{Datetime, Table, Value};
use warden_core::client::Certificate;
use warden_core::name::read_qualified;
use warden_core::permissions::Right;
use warden_core::{
    AuthenticatorId, Claims, ClientFacts, Method, NameError, Principal, PrincipalName, line_at,
};

use super::moment::timestamp;
use super::{Expectation, MAX_NAME_BYTES, MAX_RIGHTS, MAX_TESTS, Test};
use crate::error::gist;

/// The shape of a file. Its tests are read one by one, so that each tells its mistakes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    tests: Vec<Table>,
}

/// The shape of a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTest {
    name: String,
    principal: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    method: Option<String>,
    #[serde(default)]
    claims: Table,
    sole_authenticator: Option<bool>,
    address: Option<String>,
    tls: Option<bool>,
    certificate: Option<RawCertificate>,
    role: Option<String>,
    now: Option<Datetime>,
    #[serde(default)]
    can: Vec<String>,
    #[serde(default)]
    cannot: Vec<String>,
    refused: Option<Value>,
}

/// The client's certificate, as policies see it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCertificate {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    serial: String,
    #[serde(default)]
    fingerprint: String,
}

/// Reads every test.
///
/// # Errors
/// All mistakes of the file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Test>, Vec<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| vec!["is not UTF-8".to_owned()])?;
    let file: RawFile = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = line_at(bytes, start);
        vec![format!("line {line}: {}", gist(error.message()))]
    })?;
    if file.tests.is_empty() || file.tests.len() > MAX_TESTS {
        return Err(vec![format!(
            "tests: holds {}, and may hold 1 to {MAX_TESTS}",
            file.tests.len()
        )]);
    }
    let mut mistakes = Vec::new();
    let mut names = BTreeSet::new();
    let mut tests = Vec::new();
    for (place, table) in file.tests.into_iter().enumerate() {
        let mut checked = Checked {
            place,
            name: table.get("name").and_then(Value::as_str).map(gist),
            mistakes: &mut mistakes,
        };
        if checked.name.iter().any(|name| !names.insert(name.clone())) {
            checked.mistake("name", "another test of this file has it too");
        }
        tests.extend(checked.test(table));
    }
    if mistakes.is_empty() {
        Ok(tests)
    } else {
        Err(mistakes)
    }
}

/// A test being checked, and where its mistakes go.
struct Checked<'a> {
    place: usize,
    name: Option<String>,
    mistakes: &'a mut Vec<String>,
}

impl Checked<'_> {
    fn mistake(&mut self, key: &str, what: impl std::fmt::Display) {
        let place = self.place;
        let key = if key.is_empty() {
            String::new()
        } else {
            format!(".{key}")
        };
        let name = self.name.iter().map(|name| format!(" ({name:?})"));
        let name: String = name.collect();
        self.mistakes
            .push(format!("tests[{place}]{key}{name}: {what}"));
    }

    /// The test; nothing when it has a mistake.
    fn test(&mut self, table: Table) -> Option<Test> {
        // Taken as they are written: on its way into a type, a date becomes a text.
        let claims = table.get("claims").and_then(Value::as_table).cloned();
        let raw = match table.try_into::<RawTest>() {
            Ok(raw) => RawTest {
                claims: claims.unwrap_or_default(),
                ..raw
            },
            Err(error) => {
                self.mistake("", gist(error.message()));
                return None;
            }
        };
        let before = self.mistakes.len();
        let fits = (1..=MAX_NAME_BYTES).contains(&raw.name.len());
        if !fits || raw.name.chars().any(char::is_control) {
            let what = format!("takes 1 to {MAX_NAME_BYTES} bytes without control characters");
            self.mistake("name", what);
        }
        let expectation = self.expectation(&raw);
        let client = self.client(&raw);
        let now = raw.now.and_then(|moment| {
            let point = timestamp(moment);
            if point.is_none() {
                let what = "write date, time and offset: 2026-11-24T09:00:00Z";
                self.mistake("now", what);
            }
            point
        });
        let principal = self.principal(raw);
        if self.mistakes.len() > before {
            return None;
        }
        Some(Test {
            name: self.name.take()?,
            principal: principal?,
            client,
            now,
            expectation: expectation?,
        })
    }

    fn expectation(&mut self, raw: &RawTest) -> Option<Expectation> {
        let (can, cannot) = (
            self.rights("can", &raw.can),
            self.rights("cannot", &raw.cannot),
        );
        let has_rights = !raw.can.is_empty() || !raw.cannot.is_empty();
        let words = match &raw.refused {
            None if has_rights => return Some(Expectation::LogIn { can, cannot }),
            None => {
                self.mistake("", "expects nothing: give can, cannot or refused");
                return None;
            }
            Some(Value::Boolean(true)) => None,
            Some(Value::String(words)) if !words.is_empty() => Some(words.clone()),
            Some(_) => {
                self.mistake("refused", "must be true, or words of the reason");
                return None;
            }
        };
        if has_rights {
            let what = "who is refused has no rights: give either refused, or can and cannot";
            self.mistake("refused", what);
        }
        Some(Expectation::Refused { words })
    }

    fn rights(&mut self, key: &str, texts: &[String]) -> Vec<Right> {
        if texts.len() > MAX_RIGHTS {
            self.mistake(key, format_args!("holds more than {MAX_RIGHTS} rights"));
            return Vec::new();
        }
        let mut rights = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            match Right::parse(text) {
                Ok(right) => rights.push(right),
                Err(error) => self.mistake(&format!("{key}[{place}]"), gist(&error.to_string())),
            }
        }
        rights
    }

    fn client(&mut self, raw: &RawTest) -> ClientFacts {
        let address = raw.address.as_deref();
        if address.is_some_and(|text| text != "unix" && text.parse::<IpAddr>().is_err()) {
            self.mistake("address", "must be an IP address without port, or \"unix\"");
        }
        let replica = match raw.role.as_deref() {
            None | Some("primary") => false,
            Some("replica") => true,
            Some(_) => {
                self.mistake("role", "must be \"primary\" or \"replica\"");
                false
            }
        };
        let certificate = raw.certificate.as_ref().map(|raw| Certificate {
            subject: raw.subject.clone(),
            issuer: raw.issuer.clone(),
            serial: raw.serial.clone(),
            fingerprint: raw.fingerprint.clone(),
            ..Certificate::default()
        });
        if certificate.is_some() && raw.tls == Some(false) {
            self.mistake("tls", "there are no certificates without TLS");
        }
        ClientFacts {
            address: raw.address.clone(),
            tls: raw.tls.unwrap_or(certificate.is_some()),
            certificate,
            replica,
        }
    }

    fn principal(&mut self, raw: RawTest) -> Option<Principal> {
        let method = raw
            .method
            .as_deref()
            .map_or(Some(Method::Jwt), Method::named);
        let method = method.unwrap_or_else(|| {
            self.mistake("method", format_args!("must be one of {}", Method::names()));
            Method::Jwt
        });
        let named = read_qualified(&raw.principal)
            .and_then(|(id, name)| Ok((id, PrincipalName::new(&name)?)));
        let (authenticator, name) = match named {
            Ok(named) => named,
            Err(error) => {
                self.mistake("principal", error);
                return None;
            }
        };
        let groups = self.qualified("groups", raw.groups, &authenticator);
        let scopes = self.qualified("scopes", raw.scopes, &authenticator);
        let mut claims = Map::new();
        for (key, value) in raw.claims {
            match json(value) {
                Ok(value) => drop(claims.insert(key, value)),
                Err(what) => self.mistake(&format!("claims.{}", gist(&key)), what),
            }
        }
        Some(Principal {
            authenticator,
            name,
            method,
            groups,
            scopes,
            sole_authenticator: raw.sole_authenticator.unwrap_or(true),
            claims: Claims::new(&claims),
            expires: None,
            remembered_for: None,
            bound_to: None,
            recheck: None,
            attach: warden_core::Attach::default(),
            account: None,
        })
    }

    /// Groups or scopes as an authenticator gives them: its own, sorted, without doubles.
    fn qualified(&mut self, key: &str, names: Vec<String>, of: &AuthenticatorId) -> Vec<String> {
        for (place, name) in names.iter().enumerate() {
            let key = format!("{key}[{place}]");
            match read_qualified(name) {
                Ok((id, _)) if id == *of => {}
                Ok(_) => self.mistake(
                    &key,
                    format_args!("must be of the principal's authenticator, {of}"),
                ),
                Err(NameError::Unqualified) => {
                    self.mistake(
                        &key,
                        format_args!("write {of}/NAME, with the authenticator's id"),
                    );
                }
                Err(error) => self.mistake(&key, error),
            }
        }
        names
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }
}

/// A claim as a token has it.
fn json(value: Value) -> Result<Json, &'static str> {
    Ok(match value {
        Value::String(text) => Json::String(text),
        Value::Integer(number) => Json::Number(number.into()),
        Value::Float(number) => Json::Number(
            Number::from_f64(number).ok_or("a claim that is a number is a finite one")?,
        ),
        Value::Boolean(flag) => Json::Bool(flag),
        Value::Datetime(_) => {
            return Err("a claim is no date: write the text, or the seconds since 1970");
        }
        Value::Array(values) => {
            Json::Array(values.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        Value::Table(table) => Json::Object(
            table
                .into_iter()
                .map(|(key, value)| json(value).map(|value| (key, value)))
                .collect::<Result<_, _>>()?,
        ),
    })
}
