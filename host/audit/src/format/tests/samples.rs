//! Records of every kind.

use proptest::prelude::*;
use smallvec::smallvec;

use crate::event::{
    Argument, Attempt, Authentication, Category, Change, Checkpoint, Client, Command,
    CommandResult, Denial, Event, Grant, Loss, Origin, Record, Reload, Session, SessionEnd, Start,
};

/// 2026-11-28T17:00:00.000250Z.
pub(super) const AT_US: u64 = 1_795_885_200_000_250;

/// What is put into every field of bytes, and into every field of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stuff<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) text: &'a str,
}

pub(super) const USUAL: Stuff<'static> = Stuff {
    bytes: b"alice",
    text: "corp",
};

fn record<'a>(client: Option<Client<'a>>, event: Event<'a>) -> Record<'a> {
    Record {
        at_us: AT_US,
        client,
        event,
    }
}

pub(super) fn client(stuff: Stuff<'_>) -> Client<'_> {
    Client {
        version: 0,
        id: 7,
        user: stuff.bytes,
        address: "192.0.2.7",
        port: 50123,
        tls: true,
        name: stuff.bytes,
        session: Some(Session {
            id: 12,
            authenticator: stuff.text,
            principal: stuff.text,
            decision: stuff.text,
            generation: 3,
        }),
    }
}

pub(super) fn command<'a>(
    stuff: Stuff<'a>,
    category: Category,
    result: CommandResult<'a>,
) -> Command<'a> {
    Command {
        category,
        name: stuff.bytes,
        origin: Origin::Client,
        database: Some(0),
        key: Some(Argument::Plain(stuff.bytes)),
        arguments: smallvec![
            Argument::Plain(stuff.bytes),
            Argument::Plain(b""),
            Argument::Redacted,
            Argument::Digest([0xab; 16]),
            Argument::Plain(b"(redacted)"),
            Argument::Plain(b"a|b \"c\" d=e,f"),
            Argument::Cut(stuff.bytes, 1 << 30),
        ],
        left_out: 2,
        result,
        duration_us: Some(15),
        keys_modified: Some(1),
    }
}

fn authentication(stuff: Stuff<'_>, attempt: Attempt) -> Event<'_> {
    let is_success = attempt == Attempt::Success;
    Event::Authentication(Authentication {
        attempt,
        method: "jwt",
        user: stuff.bytes,
        authenticator: stuff.text,
        issuer: stuff.text,
        principal: stuff.text,
        module: stuff.text,
        reason: if is_success { "" } else { stuff.text },
        grant: is_success.then_some(Grant {
            policies: stuff.text,
            generation: 4,
            digest: stuff.text,
            rules: stuff.text,
            expires_us: Some(AT_US + 1),
        }),
    })
}

fn change<'a>(
    stuff: Stuff<'a>,
    before: Option<Argument<'a>>,
    after: Option<Argument<'a>>,
) -> Change<'a> {
    Change {
        name: stuff.bytes,
        before,
        after,
    }
}

/// One of each kind at least.
pub(super) fn every(stuff: Stuff<'_>) -> Vec<Record<'_>> {
    use Category as C;
    let on_client = Some(client(stuff));
    let plain = Some(Argument::Plain(stuff.bytes));
    let names: Vec<&str> = vec![stuff.text, "", "(b", "c"];
    let mut events = vec![Event::Opened, Event::Closed, Event::Stop];
    events.extend(
        [
            Attempt::Begun,
            Attempt::Success,
            Attempt::Failure,
            Attempt::Unknown,
        ]
        .map(|attempt| authentication(stuff, attempt)),
    );
    events.push(Event::SessionEnd(SessionEnd {
        cause: stuff.text,
        lasted_us: 10,
    }));
    let results = [
        CommandResult::Unknown,
        CommandResult::Success,
        CommandResult::Failure,
        CommandResult::Rejected(stuff.bytes),
        CommandResult::Denied(Denial::Authentication, None),
        CommandResult::Denied(Denial::Command, None),
        CommandResult::Denied(Denial::Key, plain),
        CommandResult::Denied(Denial::Channel, Some(Argument::Cut(stuff.bytes, 9))),
        CommandResult::Denied(Denial::Database, None),
    ];
    for category in [C::Keys, C::Other, C::Config, C::Acl, C::Admin] {
        events.extend(results.map(|result| Event::Command(command(stuff, category, result))));
    }
    for (before, after) in [
        (None, plain),
        (plain, Some(Argument::Digest([1; 16]))),
        (Some(Argument::Plain(b"")), None),
    ] {
        events.push(Event::Setting(change(stuff, before, after)));
        events.push(Event::AclUser(change(stuff, before, after)));
    }
    events.push(Event::Reload(Reload {
        what: "policies",
        generation: 5,
        digest: stuff.text,
        added: names.clone(),
        changed: names.clone(),
        removed: names.clone(),
        errors: names.clone(),
    }));
    events.push(Event::Start(Start {
        version: stuff.text,
        server: "9.1.2",
        resumed: true,
        cut_bytes: 17,
    }));
    events.push(Event::Loss(Loss {
        records: 1000,
        cause: "buffer full",
    }));
    events.push(Event::Checkpoint(Checkpoint {
        key: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    }));
    let mut records: Vec<Record<'_>> = events
        .into_iter()
        .map(|event| record(on_client, event))
        .collect();
    records.push(record(None, Event::Opened));
    let unknown = Client {
        address: "/run/valkey.sock",
        ..Client::default()
    };
    records.push(record(Some(unknown), Event::Closed));
    records
}

/// Bytes as nobody would like to have them.
pub(super) fn worst() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(
        "\"'\\\\x41 user=mallory outcome=success\r\n2026-11-28T00:00:00.000000Z,1,\
         {\"a\":1},|(redacted)|=1+1\u{85}\u{2028}\u{202e}\u{feff}grüße 漢字 \u{1f980}"
            .as_bytes(),
    );
    bytes.extend_from_slice(b"\xc3\x28\xed\xa0\x80\xf0\x9f\xa6");
    bytes
}

/// Any bytes, such that mean something somewhere more often than others.
pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = proptest::sample::select(b"\"'\\=,;|()[]{}: \n\r\t\0\x7fnrtx0a\xe9@+-".to_vec());
    proptest::collection::vec(prop_oneof![special, any::<u8>()], 0..40)
}

/// Any text, likewise.
pub(super) fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        "\"'\\=,|() \n\r\t\0\u{7f}\u{85}\u{2028}\u{202e}xn0"
            .chars()
            .collect::<Vec<char>>(),
    );
    proptest::collection::vec(prop_oneof![special, any::<char>()], 0..20)
        .prop_map(|characters| characters.into_iter().collect())
}
