//! The input document: a request, as Rego sees it.
//!
//! In: what the settings select, later a request. Out: a JSON document. What was not
//! selected, or is not known of a log-in, is not in it.

use serde_json::{Map, Value, json};
use warden_sdk::{Input, Reads, Request, ServerRole};

use crate::error::{Fault, Refusal};

/// Claims that may be named; there is a word for all of them.
const MAX_CLAIMS: usize = 256;

/// What of a request is told, besides the principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    claims: Claims,
    inputs: Vec<Input>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Claims {
    All,
    /// Sorted, so that one that lies inside another comes after it.
    Some(Vec<String>),
}

impl Selection {
    /// Checks a selection; adds a fault for each mistake, with its key.
    pub(crate) fn check(
        claims: Option<&[String]>,
        all: bool,
        inputs: &[String],
        faults: &mut Vec<(String, Fault)>,
    ) -> Self {
        if all && claims.is_some() {
            faults.push(("all_claims".to_owned(), Fault::AllAndSome));
        }
        let claims = claims.unwrap_or_default();
        if claims.len() > MAX_CLAIMS {
            let most = MAX_CLAIMS;
            faults.push(("claims".to_owned(), Fault::TooMany { most }));
        }
        for (index, text) in claims.iter().enumerate() {
            let fault = if !warden_sdk::is_claim_pointer(text) {
                Fault::Pointer { text: text.clone() }
            } else if let Some(list) = list_of_element(text) {
                Fault::Element {
                    text: text.clone(),
                    list: list.to_owned(),
                }
            } else {
                continue;
            };
            faults.push((format!("claims[{index}]"), fault));
        }
        let mut selected = Vec::with_capacity(inputs.len());
        for (index, text) in inputs.iter().enumerate() {
            match input(text) {
                Some(input) => selected.push(input),
                None => {
                    let text = text.clone();
                    faults.push((format!("inputs[{index}]"), Fault::Input { text }));
                }
            }
        }
        let mut claims = claims.to_vec();
        claims.sort();
        Self {
            claims: match all {
                true => Claims::All,
                false => Claims::Some(claims),
            },
            inputs: selected,
        }
    }

    /// What it reads of a request.
    pub(crate) fn reads(&self) -> Reads {
        let reads = match &self.claims {
            Claims::All => Reads::nothing().all_claims(),
            Claims::Some(claims) => claims.iter().fold(Reads::nothing(), Reads::claim),
        };
        self.inputs
            .iter()
            .fold(reads, |reads, input| reads.input(*input))
    }

    /// The document of a request.
    ///
    /// # Errors
    /// When a claim is no JSON.
    pub(crate) fn input(&self, request: &Request) -> Result<Value, Refusal> {
        let principal = request.principal();
        Ok(json!({
            "principal": {
                "name": principal.name(),
                "user_name": principal.user_name(),
                "authenticator": principal.authenticator(),
                "method": principal.method(),
                "groups": principal.groups(),
                "scopes": principal.scopes(),
                "sole_authenticator": principal.is_sole_authenticator(),
                "claims": self.claims(request)?,
            },
            "client": client(request),
            "server": server(request),
        }))
    }

    fn claims(&self, request: &Request) -> Result<Map<String, Value>, Refusal> {
        let value = |pointer: &str| match request.claim_json(pointer) {
            None => Ok(None),
            Some(json) => serde_json::from_str::<Value>(json)
                .map(Some)
                .map_err(|_| Refusal::Claim(pointer.to_owned())),
        };
        let pointers = match &self.claims {
            Claims::Some(pointers) => pointers,
            Claims::All => {
                return match value("")? {
                    Some(Value::Object(claims)) => Ok(claims),
                    None => Ok(Map::new()),
                    Some(_) => Err(Refusal::Claim(String::new())),
                };
            }
        };
        let mut claims = Map::new();
        for pointer in pointers {
            if let Some(value) = value(pointer)? {
                put(&mut claims, pointer, value);
            }
        }
        Ok(claims)
    }
}

/// The list whose element a pointer names: what lies before its first step of digits. In
/// the input it would be an object with a key of digits, and no longer the list that the
/// token has. The claims themselves are an object, so the first step is never an element.
fn list_of_element(pointer: &str) -> Option<&str> {
    let is_index = |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    let mut steps = pointer.match_indices('/').map(|(at, _)| at).skip(1);
    let at = steps.find(|at| {
        let step = pointer.get(at + 1..).unwrap_or_default();
        is_index(step.split('/').next().unwrap_or_default())
    })?;
    pointer.get(..at)
}

/// Puts a value where its pointer says, inside objects that are made for it. Where
/// something else is on the way, a pointer before this one has put the value there.
fn put(claims: &mut Map<String, Value>, pointer: &str, value: Value) {
    let mut steps: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some(last) = steps.pop() else { return };
    let mut inner = claims;
    for step in steps {
        let next = inner.entry(step).or_insert_with(|| json!({}));
        match next {
            Value::Object(object) => inner = object,
            _ => return,
        }
    }
    inner.entry(last).or_insert(value);
}

fn client(request: &Request) -> Value {
    let mut client = Map::new();
    if let Some(address) = request.client_address() {
        // The same client, whichever way the server listens.
        let ip = request.client_ip().map(|ip| ip.to_canonical().to_string());
        let address = ip.unwrap_or_else(|| address.to_owned());
        client.insert("address".to_owned(), address.into());
    }
    if let Some(tls) = request.client_tls() {
        client.insert("tls".to_owned(), tls.into());
    }
    if let Some(shown) = request.client_certificate() {
        let shown = json!({
            "subject": shown.subject,
            "issuer": shown.issuer,
            "serial": shown.serial,
            "fingerprint": shown.fingerprint,
        });
        client.insert("certificate".to_owned(), shown);
    }
    client.into()
}

fn server(request: &Request) -> Value {
    let mut server = Map::new();
    if let Some(role) = request.server_role() {
        let role = match role {
            ServerRole::Primary => "primary",
            ServerRole::Replica => "replica",
        };
        server.insert("role".to_owned(), role.into());
    }
    if let Some(version) = request.server_version() {
        server.insert("version".to_owned(), version.into());
    }
    server.into()
}

fn input(text: &str) -> Option<Input> {
    match text {
        "client.address" => Some(Input::ClientAddress),
        "client.tls" => Some(Input::ClientTls),
        "client.certificate" => Some(Input::ClientCertificate),
        "server.role" => Some(Input::ServerRole),
        "server.version" => Some(Input::ServerVersion),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_sdk::{Claim, Principal};

    fn selection(claims: &[&str], inputs: &[&str]) -> Selection {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (claims, inputs): (Vec<String>, Vec<String>) = (owned(claims), owned(inputs));
        let mut faults = Vec::new();
        let selection = Selection::check(Some(&claims), false, &inputs, &mut faults);
        assert_eq!(faults, []);
        selection
    }

    fn claims(pointers: &[&str], given: &[(&str, &str)]) -> Value {
        let request = Request::new(Principal::new("corp", "alice"));
        let given = given.iter().map(|(at, json)| Claim::new(*at, *json));
        let request = given.fold(request, Request::with_claim);
        let input = selection(pointers, &[]).input(&request).unwrap();
        input.pointer("/principal/claims").unwrap().clone()
    }

    #[test]
    fn the_document_is_the_request() {
        let principal = Principal::new("corp", "alice")
            .with_group("corp/g")
            .with_scope("corp/s");
        let request = Request::new(principal)
            .with_client_address("::ffff:10.0.0.1")
            .with_client_tls(true)
            .with_server_role(ServerRole::Primary)
            .with_server_version("9.1.2");
        let all = [
            "client.address",
            "client.tls",
            "server.role",
            "server.version",
        ];
        assert_eq!(
            selection(&[], &all).input(&request).unwrap(),
            json!({
                "principal": {
                    "name": "alice", "user_name": "corp/alice", "authenticator": "corp", "method": "jwt",
                    "groups": ["corp/g"], "scopes": ["corp/s"], "sole_authenticator": false, "claims": {},
                },
                "client": {"address": "10.0.0.1", "tls": true},
                "server": {"role": "primary", "version": "9.1.2"},
            })
        );
        let bare = Request::new(Principal::new("corp", "alice")).with_client_address("unix");
        let input = selection(&[], &[]).input(&bare).unwrap();
        assert_eq!(input["client"], json!({"address": "unix"}));
        assert_eq!(input["server"], json!({}));
    }

    #[test]
    fn a_claim_stands_where_it_stood_in_the_token() {
        let given = [("/realm/roles", r#"["a"]"#), ("/https:~1~1x/y", "1")];
        assert_eq!(
            claims(&["/realm/roles", "/https:~1~1x/y", "/none"], &given),
            json!({"realm": {"roles": ["a"]}, "https://x": {"y": 1}})
        );
        // One inside another is there already.
        let given = [("/a", r#"{"b": [7], "c": 1}"#), ("/a/b", "[7]")];
        assert_eq!(
            claims(&["/a/b", "/a"], &given),
            json!({"a": {"b": [7], "c": 1}})
        );
        assert_eq!(claims(&["/7/b"], &[("/7/b", "1")]), json!({"7": {"b": 1}}));
    }

    #[test]
    fn an_element_of_a_list_is_not_named_but_the_list() {
        for (pointer, list) in [
            ("/roles/0", Some("/roles")),
            ("/realm/roles/12/name", Some("/realm/roles")),
            ("/a//0", Some("/a/")),
            ("/roles", None),
            ("/7", None),
            ("/roles/", None),
            ("/roles/0x", None),
        ] {
            assert_eq!(list_of_element(pointer), list, "{pointer}");
        }
    }

    #[test]
    fn all_claims_are_told_where_all_are_asked_for() {
        let mut faults = Vec::new();
        let all = Selection::check(None, true, &[], &mut faults);
        assert_eq!(all.reads(), Reads::nothing().all_claims());
        let request = Request::new(Principal::new("corp", "alice"));
        let told = all.input(&request.clone().with_claim(Claim::new("", r#"{"a": 1}"#)));
        assert_eq!(told.unwrap()["principal"]["claims"], json!({"a": 1}));
        assert_eq!(
            all.input(&request).unwrap()["principal"]["claims"],
            json!({})
        );
        let broken = all.input(&request.with_claim(Claim::new("", "[")));
        assert_eq!(broken, Err(Refusal::Claim(String::new())));
    }
}
