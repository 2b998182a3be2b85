//! The examples of docs/audit/records.md.

use smallvec::smallvec;

use super::samples::AT_US;
use crate::event::{
    Argument, Attempt, Authentication, Category, Change, Checkpoint, Client, Command,
    CommandResult, Denial, Event, Grant, Loss, Origin, Record, Reload, Session, SessionEnd, Start,
};

/// One example: under which heading it stands, and the record.
pub(super) struct Example {
    pub(super) category: Category,
    pub(super) record: Record<'static>,
}

const SESSION: Session<'static> = Session {
    id: 12,
    authenticator: "corp",
    principal: "alice",
    decision: "5f0c3a9e",
    generation: 3,
};

const ALICE: Client<'static> = Client {
    version: 0,
    id: 7,
    user: b"corp/alice",
    address: "192.0.2.7",
    port: 50123,
    tls: true,
    name: b"",
    session: Some(SESSION),
};

const NOBODY: Client<'static> = Client {
    user: b"default",
    session: None,
    ..ALICE
};

const OPERATOR: Client<'static> = Client {
    version: 0,
    id: 3,
    user: b"ops",
    address: "/run/valkey/valkey.sock",
    port: 0,
    tls: false,
    name: b"",
    session: None,
};

fn command(category: Category, name: &'static [u8]) -> Command<'static> {
    Command {
        category,
        name,
        origin: Origin::Client,
        database: Some(0),
        key: None,
        arguments: smallvec![],
        left_out: 0,
        result: CommandResult::Success,
        duration_us: Some(3),
        keys_modified: None,
    }
}

fn example(client: Option<Client<'static>>, event: Event<'static>) -> Example {
    Example {
        category: event.category(),
        record: Record {
            at_us: AT_US,
            client,
            event,
        },
    }
}

fn log_ins() -> [Example; 2] {
    let success = Authentication {
        attempt: Attempt::Success,
        method: "jwt",
        user: b"alice",
        authenticator: "corp",
        issuer: "https://idp.example.com/realms/prod",
        principal: "alice",
        module: "",
        reason: "",
        grant: Some(Grant {
            policies: "rbac,guardrails",
            generation: 3,
            digest: "c0ffee5f",
            rules: "reset on resetchannels -@all +@read ~cart:*",
            expires_us: Some(AT_US + 3_600_000_000),
        }),
    };
    let refused = Authentication {
        attempt: Attempt::Failure,
        user: b"mallory\" outcome=success",
        issuer: "",
        principal: "",
        authenticator: "",
        method: "password",
        reason: "no such user, or the password is wrong",
        grant: None,
        ..success
    };
    [success, refused].map(|told| example(Some(NOBODY), Event::Authentication(told)))
}

fn commands() -> [Example; 5] {
    let set = Command {
        key: Some(Argument::Plain(b"cart:17")),
        arguments: smallvec![
            Argument::Cut(b"{\"apples\": 2, \"note\": \"gr\xc3\xbc\xc3\x9fe\xff", 4096),
            Argument::Plain(b"EX"),
            Argument::Plain(b"60"),
        ],
        keys_modified: Some(1),
        ..command(Category::Keys, b"set")
    };
    let get = Command {
        key: Some(Argument::Plain(b"secrets:\n1")),
        result: CommandResult::Denied(Denial::Key, Some(Argument::Plain(b"secrets:\n1"))),
        duration_us: None,
        ..command(Category::Keys, b"get")
    };
    let publish = Command {
        arguments: smallvec![Argument::Plain(b"news"), Argument::Plain(b"a|b")],
        ..command(Category::Other, b"publish")
    };
    let acl = Command {
        arguments: smallvec![
            Argument::Plain(b"bob"),
            Argument::Plain(b"on"),
            Argument::Redacted,
        ],
        database: None,
        ..command(Category::Acl, b"acl|setuser")
    };
    let kill = Command {
        arguments: smallvec![Argument::Plain(b"USER"), Argument::Plain(b"corp/alice")],
        database: None,
        ..command(Category::Admin, b"warden.kill")
    };
    [
        example(Some(ALICE), Event::Command(set)),
        example(Some(ALICE), Event::Command(get)),
        example(Some(ALICE), Event::Command(publish)),
        example(Some(OPERATOR), Event::Command(acl)),
        example(Some(OPERATOR), Event::Command(kill)),
    ]
}

/// In the order of the page.
pub(super) fn examples() -> Vec<Example> {
    let mut all = vec![example(Some(NOBODY), Event::Opened)];
    all.extend(log_ins());
    let end = SessionEnd {
        cause: "expired",
        lasted_us: 3_600_000_000,
    };
    all.push(example(Some(ALICE), Event::SessionEnd(end)));
    let setting = |name, before, after| {
        Event::Setting(Change {
            name,
            before: Some(before),
            after: Some(after),
        })
    };
    all.extend([
        example(
            Some(OPERATOR),
            setting(
                b"save",
                Argument::Plain(b"3600 1 300 100"),
                Argument::Plain(b""),
            ),
        ),
        example(
            Some(OPERATOR),
            setting(
                b"requirepass",
                Argument::Digest([0x5a; 16]),
                Argument::Digest([0xc3; 16]),
            ),
        ),
    ]);
    let bob = Change {
        name: b"bob",
        before: None,
        after: Some(Argument::Plain(
            b"on sanitize-payload ~* resetchannels -@all +get",
        )),
    };
    let [set, get, publish, acl, kill] = commands();
    all.extend([acl, example(Some(OPERATOR), Event::AclUser(bob))]);
    let reload = Reload {
        what: "policies",
        generation: 4,
        digest: "0badcafe",
        added: vec![],
        changed: vec!["rbac"],
        removed: vec!["tenant", "guardrails"],
        errors: vec!["scopes: data.toml: unknown field `rols`"],
    };
    all.push(example(None, Event::Reload(reload)));
    all.extend([kill, set, get, publish]);
    let start = Start {
        version: "0.1.0",
        server: "9.1.2",
        resumed: true,
        cut_bytes: 117,
    };
    let loss = Loss {
        records: 512,
        cause: "buffer full",
    };
    let checkpoint = Checkpoint {
        key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    };
    all.extend([
        example(None, Event::Start(start)),
        example(None, Event::Loss(loss)),
        example(None, Event::Checkpoint(checkpoint)),
    ]);
    all
}
