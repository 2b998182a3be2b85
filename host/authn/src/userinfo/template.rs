//! `[request]`: how a user-information service is asked.
//!
//! In come a method, headers and one of several bodies with places `{credential}` and
//! `{user}`; out goes a request in which each place holds that text and nothing else:
//! JSON, forms and headers are rendered as values. An address has no places, for
//! addresses are logged on their way.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use reqwest::{Method, Url};
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;
use warden_core::{Reason, ReasonKind};
use warden_settings::Section;
use zeroize::Zeroizing;

use crate::endpoint::Request;

const CREDENTIAL: &str = "{credential}";
const USER: &str = "{user}";

/// A checked template.
#[derive(Debug)]
pub(super) struct Template {
    method: Method,
    /// User name and credential as `Authorization: Basic` (RFC 7617).
    basic: bool,
    headers: Vec<(HeaderName, String)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Form(BTreeMap<String, String>),
    Json(Map<String, Value>),
}

impl Template {
    /// Takes `[request]` out of a file. Absent, it is a GET with the credential as bearer
    /// token, as an OpenID provider wants it.
    pub(super) fn read(file: &mut Section) -> Option<Self> {
        let is_given = file.has("request");
        let mut table = file.section("request");
        let method: Option<String> = table.optional("method", "GET or POST");
        let basic = table.optional("basic", "true or false").unwrap_or(false);
        let headers = headers(&mut table);
        let body = body(&mut table);
        let method = match method.as_deref() {
            Some("GET") => Method::GET,
            Some("POST") => Method::POST,
            None if matches!(body, Body::None) => Method::GET,
            None => Method::POST,
            Some(_) => {
                table.fault("method", "must be GET or POST");
                Method::GET
            }
        };
        if method == Method::GET && !matches!(body, Body::None) {
            table.fault("method", "GET takes no form and no json");
        }
        let mut template = Self {
            method,
            basic,
            headers,
            body,
        };
        if !is_given {
            template.headers = vec![(AUTHORIZATION, format!("Bearer {CREDENTIAL}"))];
        } else if !template.holds_credential() {
            table.fault(
                "",
                "names no place for the credential: write {credential} into a header, form or json, or basic = true",
            );
        }
        let is_good = table.is_good();
        file.close(table);
        is_good.then_some(template)
    }

    fn holds_credential(&self) -> bool {
        let holds = |text: &String| text.contains(CREDENTIAL);
        self.basic
            || self.headers.iter().any(|(_, value)| holds(value))
            || match &self.body {
                Body::None => false,
                Body::Form(fields) => fields.values().any(holds),
                Body::Json(members) => members.values().any(holds_in),
            }
    }

    /// The request about a credential.
    ///
    /// # Errors
    /// `ReasonKind::Credential` when it cannot stand in a header.
    pub(super) fn request(
        &self,
        url: Url,
        user: &str,
        credential: &str,
    ) -> Result<Request, Reason> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, text) in &self.headers {
            headers.insert(name.clone(), header(&filled(text, user, credential))?);
        }
        if self.basic {
            if user.contains(':') {
                return Err(Reason::new(
                    ReasonKind::Credential,
                    "the user name holds a colon, which basic authentication cannot carry",
                ));
            }
            let pair = Zeroizing::new(format!("{user}:{credential}"));
            let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            headers.insert(AUTHORIZATION, header(&text)?);
        }
        let body = match &self.body {
            Body::None => None,
            Body::Form(fields) => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/x-www-form-urlencoded"),
                );
                let mut form = Serializer::new(String::new());
                for (name, text) in fields {
                    form.append_pair(name, &filled(text, user, credential));
                }
                Some(form.finish().into_bytes())
            }
            Body::Json(members) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let filled = filled_in(&Value::Object(members.clone()), user, credential);
                Some(filled.to_string().into_bytes())
            }
        };
        Ok(Request {
            method: self.method.clone(),
            headers,
            body,
            ..Request::get(url)
        })
    }
}

fn headers(table: &mut Section) -> Vec<(HeaderName, String)> {
    let mut section = table.section("headers");
    let mut headers = Vec::new();
    for (name, value) in section.rest() {
        let header = HeaderName::from_bytes(name.as_bytes());
        let is_ours = |header: &HeaderName| {
            [HOST, TRANSFER_ENCODING, CONTENT_TYPE].contains(header)
                || header.as_str() == "content-length"
        };
        match (header, value) {
            (Ok(header), _) if is_ours(&header) => {
                section.fault(&name, "is a header that warden itself sets: leave it out");
            }
            (Ok(header), toml::Value::String(text)) if HeaderValue::from_str(&text).is_ok() => {
                headers.push((header, text));
            }
            (Ok(_), _) => section.fault(&name, "must be a text that can stand in a header"),
            (Err(_), _) => section.fault(&name, "is not the name of a header"),
        }
    }
    table.close(section);
    headers
}

fn body(table: &mut Section) -> Body {
    let form: Option<BTreeMap<String, String>> = table.optional("form", "a table of strings");
    let json: Option<Map<String, Value>> = table.optional("json", "a table");
    match (form, json) {
        (None, None) => Body::None,
        (Some(form), None) => Body::Form(form),
        (None, Some(json)) => Body::Json(json),
        (Some(_), Some(_)) => {
            table.fault("json", "does not go together with form");
            Body::None
        }
    }
}

/// The text with its places filled. What is filled in has no places.
fn filled(text: &str, user: &str, credential: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() + credential.len()));
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, place) = rest.split_at(start);
        out.push_str(before);
        rest = if let Some(after) = place.strip_prefix(CREDENTIAL) {
            out.push_str(credential);
            after
        } else if let Some(after) = place.strip_prefix(USER) {
            out.push_str(user);
            after
        } else {
            out.push('{');
            place.get(1..).unwrap_or_default()
        };
    }
    out.push_str(rest);
    out
}

fn filled_in(value: &Value, user: &str, credential: &str) -> Value {
    let inner = |value: &Value| filled_in(value, user, credential);
    match value {
        Value::String(text) => Value::String(filled(text, user, credential).to_string()),
        Value::Array(items) => Value::Array(items.iter().map(inner).collect()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), inner(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn holds_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(CREDENTIAL),
        Value::Array(items) => items.iter().any(holds_in),
        Value::Object(members) => members.values().any(holds_in),
        _ => false,
    }
}

fn header(text: &str) -> Result<HeaderValue, Reason> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Reason::new(
            ReasonKind::Credential,
            "the user name or the credential cannot stand in a header",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
