//! Between the contract's plain data and the SDK's types.
//!
//! In: generated structs. Out: typed ones, and back for descriptions and verdicts.
//! Field by field, nothing is judged, so nothing can be lost on the way.

use crate::bindings::warden::policy::types as wire;
use crate::{Certificate, Claim, ClaimSelection, Denial, Description, File, Input};
use crate::{Principal, Reads, Request, Restriction, ServerRole, Verdict};

impl From<wire::File> for File {
    fn from(file: wire::File) -> Self {
        Self::with_media_type(file.name, file.media_type, file.bytes)
    }
}

impl From<wire::Principal> for Principal {
    fn from(principal: wire::Principal) -> Self {
        let wire::Principal {
            name,
            authenticator,
            method,
            groups,
            scopes,
            sole_authenticator,
        } = principal;
        Self {
            name,
            authenticator,
            method,
            groups,
            scopes,
            sole_authenticator,
        }
    }
}

impl From<wire::Claim> for Claim {
    fn from(claim: wire::Claim) -> Self {
        Self {
            pointer: claim.pointer,
            json: claim.json,
        }
    }
}

impl From<wire::Certificate> for Certificate {
    fn from(certificate: wire::Certificate) -> Self {
        let wire::Certificate {
            subject,
            issuer,
            serial,
            fingerprint,
        } = certificate;
        Self {
            subject,
            issuer,
            serial,
            fingerprint,
        }
    }
}

impl From<wire::ServerRole> for ServerRole {
    fn from(role: wire::ServerRole) -> Self {
        match role {
            wire::ServerRole::Primary => Self::Primary,
            wire::ServerRole::Replica => Self::Replica,
        }
    }
}

impl From<wire::Request> for Request {
    fn from(request: wire::Request) -> Self {
        Self {
            principal: request.principal.into(),
            claims: request.claims.into_iter().map(Into::into).collect(),
            client_address: request.client_address,
            client_tls: request.client_tls,
            client_certificate: request.client_certificate.map(Into::into),
            now_seconds: request.now,
            server_role: request.server_role.map(Into::into),
            server_version: request.server_version,
        }
    }
}

impl From<Description> for wire::Description {
    fn from(description: Description) -> Self {
        Self {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            summary: description.summary.to_owned(),
            claims: description.claims.into(),
            inputs: description
                .inputs
                .iter()
                .map(|input| (*input).into())
                .collect(),
        }
    }
}

impl wire::Description {
    /// The same of a policy that reads this instead.
    pub(crate) fn reading(self, reads: Reads) -> Self {
        let claims = match reads.all_claims {
            true => wire::ClaimSelection::All,
            false => wire::ClaimSelection::Pointers(reads.claims),
        };
        let inputs = reads.inputs.into_iter().map(Into::into).collect();
        Self {
            claims,
            inputs,
            ..self
        }
    }
}

impl From<ClaimSelection> for wire::ClaimSelection {
    fn from(claims: ClaimSelection) -> Self {
        match claims {
            ClaimSelection::None => Self::None,
            ClaimSelection::All => Self::All,
            ClaimSelection::Pointers(pointers) => {
                Self::Pointers(pointers.iter().map(|&pointer| pointer.to_owned()).collect())
            }
        }
    }
}

impl From<Input> for wire::Input {
    fn from(input: Input) -> Self {
        match input {
            Input::ClientAddress => Self::ClientAddress,
            Input::ClientTls => Self::ClientTls,
            Input::ClientCertificate => Self::ClientCertificate,
            Input::Clock => Self::Clock,
            Input::ServerRole => Self::ServerRole,
            Input::ServerVersion => Self::ServerVersion,
        }
    }
}

impl From<Verdict> for wire::Verdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            grants: verdict
                .grants
                .iter()
                .map(|rules| wire::Grant {
                    rules: texts(rules),
                })
                .collect(),
            restrictions: verdict.restrictions.into_iter().map(Into::into).collect(),
            denial: verdict.denial.map(Into::into),
            valid_for: verdict.valid_for.map(|duration| duration.as_secs()),
            session_ttl: verdict.session_ttl.map(|duration| duration.as_secs()),
            labels: verdict.labels,
        }
    }
}

impl From<Denial> for wire::Denial {
    fn from(denial: Denial) -> Self {
        Self {
            public: denial.public,
            internal: denial.internal,
        }
    }
}

impl From<Restriction> for wire::Restriction {
    fn from(restriction: Restriction) -> Self {
        Self {
            denials: texts(&restriction.denials),
            keys: restriction.keys.as_deref().map(texts),
            channels: restriction.channels.as_deref().map(texts),
            databases: restriction
                .databases
                .map(|numbers| numbers.into_iter().collect()),
        }
    }
}

/// Rules as the contract carries them.
fn texts<T: ToString>(rules: &[T]) -> Vec<String> {
    rules.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AclRule;
    use std::time::Duration;

    #[test]
    fn every_field_of_a_request_arrives() {
        let wire = wire::Request {
            principal: wire::Principal {
                name: "alice".into(),
                authenticator: "corp".into(),
                method: "ldap".into(),
                groups: vec!["corp/g".into()],
                scopes: vec!["corp/s".into()],
                sole_authenticator: true,
            },
            claims: vec![wire::Claim {
                pointer: "/a".into(),
                json: "1".into(),
            }],
            client_address: Some("unix".into()),
            client_tls: Some(true),
            client_certificate: Some(wire::Certificate {
                subject: "s".into(),
                issuer: "i".into(),
                serial: "n".into(),
                fingerprint: "f".into(),
            }),
            now: Some(7),
            server_role: Some(wire::ServerRole::Replica),
            server_version: Some("9.1.2".into()),
        };
        let principal = Principal::new("corp", "alice")
            .with_method("ldap")
            .with_group("corp/g")
            .with_scope("corp/s")
            .with_sole_authenticator();
        let certificate = Certificate {
            subject: "s".into(),
            issuer: "i".into(),
            serial: "n".into(),
            fingerprint: "f".into(),
        };
        let expected = Request::new(principal)
            .with_claim(Claim::new("/a", "1"))
            .with_client_address("unix")
            .with_client_tls(true)
            .with_client_certificate(certificate)
            .with_now(7)
            .with_server_role(ServerRole::Replica)
            .with_server_version("9.1.2");
        assert_eq!(Request::from(wire), expected);
    }

    #[test]
    fn every_part_of_a_verdict_is_sent() {
        let restriction = Restriction::parse(["-@dangerous", "~t:*", "db=0,3"])
            .unwrap()
            .no_channels();
        let verdict = Verdict::new()
            .grant([
                AclRule::parse("+get").unwrap(),
                AclRule::parse("~a:*").unwrap(),
            ])
            .restrict(restriction)
            .deny("p")
            .deny_internally("i")
            .valid_for(Duration::from_secs(5))
            .session_ttl(Duration::from_secs(6))
            .label("k", "v");
        let wire = wire::Verdict::from(verdict);
        assert_eq!(wire.grants[0].rules, ["+get", "~a:*"]);
        assert_eq!(wire.restrictions[0].denials, ["-@dangerous"]);
        assert_eq!(wire.restrictions[0].keys.as_deref().unwrap(), ["~t:*"]);
        assert_eq!(wire.restrictions[0].channels, Some(vec![]));
        assert_eq!(wire.restrictions[0].databases, Some(vec![0, 3]));
        assert_eq!(
            wire.denial,
            Some(wire::Denial {
                public: Some("p".into()),
                internal: Some("i".into())
            })
        );
        assert_eq!((wire.valid_for, wire.session_ttl), (Some(5), Some(6)));
        assert_eq!(wire.labels, [("k".to_owned(), "v".to_owned())]);
    }
}
