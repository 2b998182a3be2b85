//! Between the contract's plain data and the SDK's types.
//!
//! In: generated structs. Out: typed ones, and back for descriptions and answers.
//! Field by field, nothing is judged, so nothing can be lost on the way.

use crate::bindings::warden::plugin::types as wire;
use crate::{Answer, Certificate, Claim, Client, Credential, Description, File, Input};
use crate::{Principal, Properties, Property};

impl From<wire::Properties> for Properties {
    fn from(properties: wire::Properties) -> Self {
        Self {
            values: properties.values.into_iter().map(Into::into).collect(),
            files: properties.files.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<wire::Property> for Property {
    fn from(property: wire::Property) -> Self {
        Self {
            name: property.name,
            json: property.json,
        }
    }
}

impl From<wire::File> for File {
    fn from(file: wire::File) -> Self {
        Self::new(file.name, file.bytes)
    }
}

impl From<wire::Credential> for Credential {
    fn from(credential: wire::Credential) -> Self {
        let wire::Credential { user, secret } = credential;
        let credential = Self::new(secret);
        match user {
            Some(user) => credential.with_user(user),
            None => credential,
        }
    }
}

impl From<wire::Client> for Client {
    fn from(client: wire::Client) -> Self {
        Self {
            address: client.address,
            tls: client.tls,
            certificate: client.certificate.map(Into::into),
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
            dns_names,
            emails,
            uris,
            pem,
        } = certificate;
        Self {
            subject,
            issuer,
            serial,
            fingerprint,
            dns_names,
            emails,
            uris,
            pem,
        }
    }
}

impl From<Description> for wire::Description {
    fn from(description: Description) -> Self {
        Self {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            summary: description.summary.to_owned(),
            inputs: description
                .inputs
                .iter()
                .map(|input| (*input).into())
                .collect(),
        }
    }
}

impl From<Input> for wire::Input {
    fn from(input: Input) -> Self {
        match input {
            Input::ClientAddress => Self::ClientAddress,
            Input::ClientTls => Self::ClientTls,
            Input::ClientCertificate => Self::ClientCertificate,
        }
    }
}

impl From<Answer> for wire::Answer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Verified(principal) => Self::Verified(principal.into()),
            Answer::NotMine => Self::NotMine,
            Answer::Refused(why) => Self::Refused(why),
            Answer::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<Principal> for wire::Principal {
    fn from(principal: Principal) -> Self {
        Self {
            name: principal.name,
            groups: principal.groups,
            scopes: principal.scopes,
            claims: principal.claims.into_iter().map(Into::into).collect(),
            expires: principal.expires_seconds,
        }
    }
}

impl From<Claim> for wire::Claim {
    fn from(claim: Claim) -> Self {
        Self {
            name: claim.name,
            json: claim.json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_and_file_arrives() {
        let wire = wire::Properties {
            values: vec![wire::Property {
                name: "realm".into(),
                json: r#""eu""#.into(),
            }],
            files: vec![wire::File {
                name: "keys".into(),
                bytes: vec![0, 255],
            }],
        };
        let expected = Properties::new()
            .with("realm", "eu")
            .with_file(File::new("keys", [0, 255]));
        assert_eq!(Properties::from(wire), expected);
    }

    #[test]
    fn every_part_of_a_credential_arrives() {
        let credential = Credential::from(wire::Credential {
            user: Some("alice".into()),
            secret: vec![0, 255],
        });
        assert_eq!(credential.user(), Some("alice"));
        assert_eq!(credential.secret(), [0, 255]);
        let nameless = Credential::from(wire::Credential {
            user: None,
            secret: vec![],
        });
        assert_eq!((nameless.user(), nameless.secret()), (None, &[][..]));
    }

    #[test]
    fn every_field_of_a_client_arrives() {
        let wire = wire::Client {
            address: Some("unix".into()),
            tls: Some(true),
            certificate: Some(wire::Certificate {
                subject: "s".into(),
                issuer: "i".into(),
                serial: "n".into(),
                fingerprint: "f".into(),
                dns_names: vec!["d".into()],
                emails: vec!["e".into()],
                uris: vec!["u".into()],
                pem: "p".into(),
            }),
        };
        let expected = Client::new()
            .with_address("unix")
            .with_tls(true)
            .with_certificate(Certificate {
                subject: "s".into(),
                issuer: "i".into(),
                serial: "n".into(),
                fingerprint: "f".into(),
                dns_names: vec!["d".into()],
                emails: vec!["e".into()],
                uris: vec!["u".into()],
                pem: "p".into(),
            });
        assert_eq!(Client::from(wire), expected);
        let nothing = wire::Client {
            address: None,
            tls: None,
            certificate: None,
        };
        assert_eq!(Client::from(nothing), Client::new());
    }

    #[test]
    fn every_answer_is_sent_whole() {
        let principal = Principal::new("alice")
            .with_group("g")
            .with_scope("s")
            .with_claim("c", 1)
            .with_claim_json("c", "{")
            .expires_at(7);
        let expected = wire::Principal {
            name: "alice".into(),
            groups: vec!["g".into()],
            scopes: vec!["s".into()],
            claims: vec![
                wire::Claim {
                    name: "c".into(),
                    json: "1".into(),
                },
                wire::Claim {
                    name: "c".into(),
                    json: "{".into(),
                },
            ],
            expires: Some(7),
        };
        let answers = [
            (
                Answer::verified(principal),
                wire::Answer::Verified(expected),
            ),
            (Answer::NotMine, wire::Answer::NotMine),
            (Answer::refused("r"), wire::Answer::Refused("r".into())),
            (
                Answer::unavailable("u"),
                wire::Answer::Unavailable("u".into()),
            ),
        ];
        for (answer, expected) in answers {
            assert_eq!(wire::Answer::from(answer), expected);
        }
    }
}
