//! The words a secret may be.

use serde_json::{Map, json};
use warden_plugin::{Answer, Client, Credential, Principal, Properties, log};

use crate::misdeed;

/// One call of `authenticate`.
pub(crate) struct Call<'a> {
    pub(crate) credential: &'a Credential,
    pub(crate) client: &'a Client,
    pub(crate) properties: &'a Properties,
    /// Calls since `initialise`, this one among them.
    pub(crate) calls: u64,
}

impl Call<'_> {
    /// Named as the client says, or `moody`.
    fn principal(&self) -> Principal {
        let user = self.credential.user().filter(|user| *user != "token");
        Principal::new(user.unwrap_or("moody"))
    }

    fn secret(&self) -> &str {
        self.credential.secret_str().unwrap_or_default()
    }
}

type Deed = fn(&Call<'_>) -> Answer;

/// Every word and what it does.
const WORDS: [(&str, Deed); 31] = [
    ("verified", |call| Answer::verified(call.principal())),
    ("not-mine", |_| Answer::NotMine),
    ("refused", |_| Answer::refused("moody refuses")),
    ("unavailable", |_| Answer::unavailable("moody is not sure")),
    // What ends the instance.
    ("panic", |_| misdeed::panic("authenticate")),
    ("panic-secret", |call| misdeed::panic(call.secret())),
    ("loop", |_| misdeed::endless_loop()),
    ("allocate", |_| misdeed::allocate_without_end()),
    // What it knows.
    ("calls", calls),
    ("client", client),
    ("properties", properties),
    ("groups", |call| {
        let principal = call.principal().with_groups(["readers", "writers"]);
        Answer::verified(principal.with_scopes(["cache.read", "cache.write"]))
    }),
    // What no principal may be.
    ("empty-name", |_| Answer::verified(Principal::new(""))),
    ("control-name", |_| {
        Answer::verified(Principal::new("a\r\nb\u{0}"))
    }),
    ("control-group", |call| {
        Answer::verified(call.principal().with_group("a\nb"))
    }),
    ("secret-name", |call| {
        Answer::verified(Principal::new(call.secret()))
    }),
    ("double-claim", |call| {
        Answer::verified(call.principal().with_claim("a", 1).with_claim("a", 2))
    }),
    ("sub-claim", |call| {
        Answer::verified(call.principal().with_claim("sub", "root"))
    }),
    ("groups-claim", |call| {
        Answer::verified(call.principal().with_claim("groups", "root"))
    }),
    ("empty-claim", |call| {
        Answer::verified(call.principal().with_claim("", 1))
    }),
    ("bad-json", |call| {
        Answer::verified(call.principal().with_claim_json("a", "{"))
    }),
    ("double-json", |call| {
        Answer::verified(call.principal().with_claim_json("a", r#"{"b":1,"b":2}"#))
    }),
    ("deep-json", |call| {
        Answer::verified(call.principal().with_claim_json("a", "[".repeat(100_000)))
    }),
    ("past", |call| {
        Answer::verified(call.principal().expires_at(1))
    }),
    ("never", |call| {
        Answer::verified(call.principal().expires_at(u64::MAX))
    }),
    // More than anybody needs.
    ("huge-name", |_| {
        Answer::verified(Principal::new("a".repeat(16 << 20)))
    }),
    ("many-groups", |call| {
        let groups = (0..200_000).map(|index| format!("group-{index}"));
        Answer::verified(call.principal().with_groups(groups))
    }),
    ("huge-words", |_| Answer::refused("no\n".repeat(1 << 20))),
    // What the log should not hold.
    ("refused-secret", |call| Answer::refused(call.secret())),
    ("log-secret", |call| {
        log::warning(&format!("somebody presents {}", call.secret()));
        Answer::verified(call.principal())
    }),
    ("log-much", |call| {
        (1..=1000).for_each(|line| log::warning(&format!("moody writes line {line}")));
        Answer::verified(call.principal())
    }),
];

/// Does what the secret says.
pub(crate) fn answer(call: &Call<'_>) -> Answer {
    let word = call.secret().split('.').next().unwrap_or_default();
    match WORDS.iter().find(|(known, _)| *known == word) {
        Some((_, deed)) => deed(call),
        None => Answer::refused("moody knows no such word"),
    }
}

/// How often this instance was asked.
fn calls(call: &Call<'_>) -> Answer {
    Answer::verified(call.principal().with_claim("calls", call.calls))
}

/// The connection as the plugin sees it.
fn client(call: &Call<'_>) -> Answer {
    let Call { client, .. } = call;
    let certificate = client.certificate().map(|certificate| {
        json!({
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "fingerprint": certificate.fingerprint,
            "dns": certificate.dns_names,
            "emails": certificate.emails,
            "uris": certificate.uris,
            "pem_bytes": certificate.pem.len(),
        })
    });
    let principal = call
        .principal()
        .with_claim("address", client.address())
        .with_claim("tls", client.tls())
        .with_claim("certificate", certificate);
    Answer::verified(principal)
}

/// The properties as texts, and how long the files are.
fn properties(call: &Call<'_>) -> Answer {
    let values = call.properties.values().iter();
    let values: Map<_, _> = values
        .map(|value| (value.name().to_owned(), value.json().into()))
        .collect();
    let files = call.properties.files().iter();
    let files: Map<_, _> = files
        .map(|file| (file.name().to_owned(), file.bytes().len().into()))
        .collect();
    let principal = call
        .principal()
        .with_claim("values", values)
        .with_claim("files", files);
    Answer::verified(principal)
}
