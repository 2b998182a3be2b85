//! A user that is given rules and asked about calls.

use warden_core::permissions::Rendered;
use warden_tests::Connection;

use crate::calls::Call;

/// Gives the user `probe` these rules, through the very splitting of quoted words
/// that the module's call goes through, and checks that they can be read back.
pub(crate) fn give(connection: &mut Connection, rendered: &Rendered) {
    connection.send_raw(format!("ACL SETUSER probe {}\r\n", rendered.rules).as_bytes());
    let reply = connection.receive();
    assert!(reply.is_ok(), "{reply} to {}", rendered.rules);
    let description = description(connection);
    assert!(
        rendered.matches(&description),
        "gave {}\nread {description}",
        rendered.rules
    );
}

/// What the server says of the user `probe`.
pub(crate) fn description(connection: &mut Connection) -> String {
    let users = connection.run("ACL LIST").texts();
    let line = users
        .iter()
        .find_map(|line| line.strip_prefix("user probe "));
    line.expect("the user is there").to_owned()
}

/// For each call, whether the user may make it.
pub(crate) fn ask(connection: &mut Connection, calls: &[Call]) -> Vec<bool> {
    let mut allowed = Vec::with_capacity(calls.len());
    // In parts, so that neither side's buffers fill while the other waits.
    for part in calls.chunks(100) {
        for call in part {
            connection.send(
                ["ACL", "DRYRUN", "probe"]
                    .into_iter()
                    .chain(call.words.iter().map(String::as_str)),
            );
        }
        for call in part {
            let reply = connection.receive();
            assert!(reply.error().is_none(), "{reply} to {:?}", call.words);
            allowed.push(reply.is_ok() || reply.as_text().as_deref() == Some("OK"));
        }
    }
    allowed
}
