//! An audited command, as sinks see most.

use smallvec::smallvec;
use warden_audit::event::{
    Argument, Category, Client, Command, CommandResult, Event, Origin, Session,
};

/// SET of 100 bytes by a session's user. Records whose client has one version are of one
/// connection that has stayed as it was; 0 stands for none.
#[inline]
pub fn set(version: u64) -> (Client<'static>, Event<'static>) {
    let client = Client {
        version,
        id: 7,
        user: b"corp/alice",
        address: "192.0.2.7",
        port: 50123,
        tls: true,
        name: b"",
        session: Some(Session {
            id: 12,
            authenticator: "corp",
            principal: "alice",
            decision: "0f3a9c1d5b7e2468",
            generation: 3,
        }),
    };
    let event = Event::Command(Command {
        category: Category::Keys,
        name: b"set",
        origin: Origin::Client,
        database: Some(0),
        key: Some(Argument::Plain(b"cart:1234567")),
        arguments: smallvec![Argument::Plain(&[b'x'; 100])],
        left_out: 0,
        result: CommandResult::Success,
        duration_us: Some(3),
        keys_modified: Some(1),
    });
    (client, event)
}
