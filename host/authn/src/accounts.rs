//! Accounts in a directory, of people whom somebody else, or an earlier log-in, proved.
//!
//! In comes a name; out goes what the directory says of the one account that has it. A
//! file names such an authenticator as `groups_from`; the [`Chain`](crate::Chain) asks it
//! after the proof, and again while sessions live. Never: a principal without what was to
//! be known of it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use warden_core::{
    Account, AuthenticatorId, Claims, Now, Principal, Reason, ReasonKind, Recheck, Timestamp,
};
use warden_settings::Section;

use crate::mapping::Selector;

/// Somebody who knows accounts.
pub trait Accounts: Send + Sync {
    /// What is done with the answers.
    fn terms(&self) -> &AccountTerms;

    /// What is known of an account, on the way of a log-in or of live sessions.
    ///
    /// The error is the refusal, when there is not one such account in good standing; of
    /// the kind `Unavailable` when nobody answered.
    fn look_up<'a>(&'a self, wanted: Wanted<'a>, now: Now) -> LookingUp<'a>;
}

/// An answer on its way.
pub(crate) type LookingUp<'a> =
    Pin<Box<dyn Future<Output = Result<Described, Reason>> + Send + 'a>>;

/// What is done with the answers of one directory.
#[derive(Debug)]
pub struct AccountTerms {
    /// Whether other authenticators may ask: those that judge passwords are asked about
    /// their own people alone.
    pub(crate) serves_others: bool,
    /// How long an answer is remembered.
    pub(crate) remembered_for: Duration,
    /// How often live sessions are looked up again; `None`: never.
    pub(crate) refresh: Option<Recheck>,
    /// The names of claims it gives.
    pub(crate) attributes: Vec<String>,
}

/// Which account.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) proved: ProvedBy,
}

/// What proved that the client is the one whom the account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProvedBy {
    /// A password that the directory took: whether wrong ones have locked the account it
    /// judges itself, and what the entry says of that may be out of date.
    Password,
    /// Another authenticator's token or certificate: the directory has judged nothing.
    Another,
}

/// What a directory says of an account.
#[derive(Debug, Default, PartialEq)]
pub struct Described {
    /// Qualified, sorted, without doubles.
    pub(crate) groups: Vec<String>,
    /// The chosen attributes.
    pub(crate) claims: Map<String, Value>,
    /// When the account itself ends.
    pub(crate) ends: Option<Timestamp>,
    /// What tells it from another that has its name later; empty where nobody asks.
    pub(crate) identity: String,
}

/// `groups_from` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The authenticator that is asked.
    pub(crate) directory: AuthenticatorId,
    /// The claim with the name that is looked up; `None`: the principal's.
    name: Option<Selector>,
}

impl Source {
    /// Takes `groups_from` and `groups_from_name` out of a file.
    pub(crate) fn read(file: &mut Section) -> Option<Self> {
        const NAME: &str = "groups_from_name";
        let is_named = file.has(NAME);
        let name: Option<String> = file.optional(NAME, "a claim or a JSON Pointer");
        let selector = name.and_then(|name| {
            let selector = Selector::parse(&name);
            selector.map_err(|why| file.fault(NAME, why)).ok()
        });
        if is_named && !file.has("groups_from") {
            file.fault(NAME, "goes together with groups_from");
        }
        let directory: String = file.optional("groups_from", "the id of an authenticator")?;
        match AuthenticatorId::new(&directory) {
            Ok(directory) => Some(Self {
                directory,
                name: selector,
            }),
            Err(why) => {
                file.fault("groups_from", format!("is no authenticator's id: {why}"));
                None
            }
        }
    }

    /// The name by which somebody is looked up.
    ///
    /// # Errors
    /// `ReasonKind::Claims` when the claim is not one text.
    pub(crate) fn name_of(&self, principal: &Principal) -> Result<String, Reason> {
        let Some(selector) = &self.name else {
            return Ok(principal.name.raw().into_owned());
        };
        let claims = Value::Object(principal.claims.to_map());
        let found = selector.find(&claims);
        let one = match found {
            Some(Value::Array(values)) => match values.as_slice() {
                [one] => Some(one),
                _ => None,
            },
            other => other,
        };
        one.and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                Reason::new(
                    ReasonKind::Claims,
                    format!(
                        "{:?}, which groups_from_name is, is not one text",
                        selector.as_str()
                    ),
                )
            })
    }
}

/// A principal with what a directory says of its account. What an earlier answer said, and
/// whatever else has the name of one of the directory's claims, is gone: where the directory
/// is silent nobody else speaks.
pub(crate) fn described(
    principal: &Principal,
    directory: &AuthenticatorId,
    terms: &AccountTerms,
    name: &str,
    said: &Described,
) -> Principal {
    let mut principal = principal.without_account();
    let proof_ends = principal.expires;
    principal.groups.extend(said.groups.iter().cloned());
    principal.groups.sort_unstable();
    principal.groups.dedup();
    let mut claims = principal.claims.to_map();
    for attribute in &terms.attributes {
        claims.remove(attribute);
    }
    claims.extend(said.claims.clone());
    principal.claims = Claims::new(&claims);
    principal.expires = [proof_ends, said.ends].into_iter().flatten().min();
    principal.remembered_for = principal
        .remembered_for
        .into_iter()
        .chain([terms.remembered_for])
        .min();
    principal.account = terms.refresh.map(|refresh| {
        Arc::new(Account {
            directory: directory.clone(),
            name: name.to_owned(),
            identity: said.identity.clone(),
            attributes: terms.attributes.clone(),
            proof_ends,
            refresh,
        })
    });
    principal
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warden_core::{Method, PrincipalName};

    use super::*;

    fn id(text: &str) -> AuthenticatorId {
        AuthenticatorId::new(text).unwrap()
    }

    fn principal() -> Principal {
        let claims = json!({ "sub": "alice", "department": "forged", "emails": ["a@x"],
            "two": ["a", "b"], "number": 7, "in": { "name": "asmith" } });
        Principal {
            authenticator: id("idp"),
            name: PrincipalName::new("Alice Smith").unwrap(),
            method: Method::Jwt,
            groups: vec!["idp/staff".to_owned()],
            scopes: Vec::new(),
            sole_authenticator: false,
            claims: Claims::new(claims.as_object().unwrap()),
            expires: Some(Timestamp::from_unix_seconds(1000)),
            remembered_for: None,
            bound_to: None,
            recheck: None,
            attach: warden_core::Attach::default(),
            account: None,
        }
    }

    fn terms(refresh: bool) -> AccountTerms {
        AccountTerms {
            serves_others: true,
            remembered_for: Duration::from_secs(30),
            refresh: refresh.then_some(Recheck {
                every: Duration::from_secs(60),
                grace: Duration::from_secs(300),
            }),
            attributes: vec!["department".to_owned(), "mail".to_owned()],
        }
    }

    fn said(group: &str, mail: Option<&str>, ends: Option<u64>) -> Described {
        let claims = mail.map(|mail| ("mail".to_owned(), json!(mail)));
        Described {
            groups: vec![group.to_owned()],
            claims: claims.into_iter().collect(),
            ends: ends.map(Timestamp::from_unix_seconds),
            identity: "1".to_owned(),
        }
    }

    #[test]
    fn the_name_is_the_principals_or_one_claim_that_is_text() {
        let name = |text: &str| {
            let mut file = Section::parse(text.as_bytes()).unwrap();
            let source = Source::read(&mut file).unwrap();
            assert_eq!(file.finish(), []);
            source.name_of(&principal())
        };
        assert_eq!(name("groups_from = 'corp'").unwrap(), "Alice Smith");
        for (claim, found) in [("sub", "alice"), ("emails", "a@x"), ("/in/name", "asmith")] {
            let text = format!("groups_from = 'corp'\ngroups_from_name = '{claim}'");
            assert_eq!(name(&text).unwrap(), found);
        }
        for claim in ["two", "number", "in", "absent"] {
            let text = format!("groups_from = 'corp'\ngroups_from_name = '{claim}'");
            assert_eq!(name(&text).unwrap_err().kind(), ReasonKind::Claims);
        }
    }

    #[test]
    fn what_cannot_be_an_authenticator_or_a_claim_is_a_fault_of_its_key() {
        for (text, key) in [
            ("groups_from = 'a/b'", "groups_from"),
            ("groups_from = 7", "groups_from"),
            ("groups_from_name = 'sub'", "groups_from_name"),
            (
                "groups_from = 'corp'\ngroups_from_name = '/~'",
                "groups_from_name",
            ),
        ] {
            let mut file = Section::parse(text.as_bytes()).unwrap();
            Source::read(&mut file);
            let faults = file.finish().into_iter();
            let keys: Vec<_> = faults
                .map(|fault| fault.in_file(std::path::Path::new("f")).key)
                .collect();
            assert_eq!(keys, [key], "{text}");
        }
    }

    #[test]
    fn where_a_directory_is_silent_a_token_does_not_speak_for_it() {
        let corp = id("corp");
        let said = said("corp/dev", Some("a@x"), None);
        let joined = described(&principal(), &corp, &terms(false), "alice", &said);
        assert_eq!(joined.groups, ["corp/dev", "idp/staff"]);
        assert_eq!(joined.claims.get("department"), None);
        assert_eq!(joined.claims.get("mail"), Some(json!("a@x")));
        assert_eq!(joined.claims.get("sub"), Some(json!("alice")));
        assert_eq!(joined.remembered_for, Some(Duration::from_secs(30)));
        assert_eq!(joined.account, None);
    }

    #[test]
    fn a_later_answer_takes_the_place_of_the_earlier_one() {
        let (corp, terms) = (id("corp"), terms(true));
        let first = said("corp/dev", Some("a@x"), Some(500));
        let first = described(&principal(), &corp, &terms, "alice", &first);
        assert_eq!(first.expires, Some(Timestamp::from_unix_seconds(500)));
        let second = said("corp/ops", None, Some(2000));
        let second = described(&first, &corp, &terms, "alice", &second);
        assert_eq!(second.groups, ["corp/ops", "idp/staff"]);
        assert_eq!(second.claims.get("mail"), None);
        let token_ends = Some(Timestamp::from_unix_seconds(1000));
        assert_eq!(second.expires, token_ends);
        let account = second.account.as_ref().unwrap();
        assert_eq!(
            (account.name.as_str(), account.proof_ends),
            ("alice", token_ends)
        );
        let alone = second.without_account();
        assert_eq!(
            (alone.groups, alone.account),
            (vec!["idp/staff".to_owned()], None)
        );
    }
}
