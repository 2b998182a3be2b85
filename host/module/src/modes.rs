//! Clients that stay in a mode their class has lost the right to.
//!
//! The server checks a right when a command runs; a client that monitors,
//! replicates, listens or tracks needs no further command. So when a class loses
//! such a right, its members are looked at, some in each slice, and those in that
//! mode are closed. So is a connection that stays in one when another user, of the
//! server's own ACL, takes it over: the mode would outlive the session.

use std::collections::VecDeque;

use warden_core::ClientId;
use warden_core::permissions::Modes;
use warden_session::{ClassId, Rules};

use crate::ffi::{ClientInfo, Detached, MainThread, Reply, ServerLock};
use crate::sessions;

/// Members looked at in one step: one `CLIENT LIST` of so many.
const LOOKED_AT: usize = 25;

static CHECKS: MainThread<VecDeque<Check>> = MainThread::new(VecDeque::new());

/// Connections whose session has ended, with the modes they may have entered in it.
static LEFT: MainThread<VecDeque<(ClientId, Modes)>> = MainThread::new(VecDeque::new());

/// A walk over the members of one class.
struct Check {
    class: ClassId,
    lost: Modes,
    after: Option<ClientId>,
}

/// A class has lost the right to these modes.
pub(crate) fn lost(lock: &ServerLock, class: ClassId, lost: Modes) {
    if !lost.is_empty() {
        CHECKS.with(lock, |checks| {
            checks.push_back(Check {
                class,
                lost,
                after: None,
            })
        });
    }
}

/// A connection's session has ended and the connection, perhaps, has not: it left, was
/// reset, or runs as a user of the server's own. Until the server has done with it
/// nobody can tell which.
pub(crate) fn left(lock: &ServerLock, client: ClientId, allowed: Modes) {
    if allowed.is_empty() {
        return;
    }
    let Some(info) = ClientInfo::of(lock, client) else {
        return;
    };
    let known = if info.entered.is_all {
        info.entered.modes
    } else {
        Modes {
            monitor: true,
            sync: true,
            ..info.entered.modes
        }
    };
    let entered = allowed.both(known);
    if !entered.is_empty() {
        LEFT.with(lock, |left| left.push_back((client, entered)));
    }
}

/// Of the connections whose session has ended, the next ones that are still there and in
/// a mode they had entered with it; `None` when nothing is left to look at.
pub(crate) fn next_left(lock: &ServerLock, limit: usize) -> Option<Vec<ClientId>> {
    let batch: Vec<(ClientId, Modes)> = LEFT
        .with(lock, |left| {
            let count = limit.clamp(1, LOOKED_AT).min(left.len());
            left.drain(..count).collect()
        })
        .filter(|batch: &Vec<_>| !batch.is_empty())?;
    let there = |client| ClientInfo::of(lock, client).is_some();
    let staying = batch.into_iter().filter(|(client, _)| there(*client));
    Some(
        staying
            .flat_map(|(client, entered)| in_mode(lock, &[client], entered))
            .collect(),
    )
}

/// Forgets everything, at unload.
pub(crate) fn forget(lock: &ServerLock) {
    CHECKS.with(lock, VecDeque::clear);
    LEFT.with(lock, VecDeque::clear);
}

/// Clients to be closed now, of the next members, of which at most `limit` are looked
/// at; `None` when nothing is left to look at.
pub(crate) fn next(lock: &ServerLock, limit: usize) -> Option<Vec<ClientId>> {
    let limit = limit.clamp(1, LOOKED_AT);
    let mut check = CHECKS.with(lock, VecDeque::pop_front).flatten()?;
    let members: Vec<ClientId> = sessions::with_registry(lock, |registry| {
        let members = registry.members(check.class, check.after);
        members.map(|(client, _)| client).take(limit).collect()
    })
    .unwrap_or_default();
    let lost = check.lost;
    if members.len() == limit {
        check.after = members.last().copied();
        CHECKS.with(lock, |checks| checks.push_front(check));
    }
    Some(in_mode(lock, &members, lost))
}

/// All of them.
pub(crate) const EVERY: Modes = Modes {
    monitor: true,
    sync: true,
    subscribe: true,
    tracking: true,
};

/// The modes a client may have entered under these rules: any, where they are those of a
/// user of the server's own ACL, which the operator may have changed since.
pub(crate) fn entered_under(rules: &Rules) -> Modes {
    if rules.are_of_acl_user() {
        return EVERY;
    }
    of(rules)
}

/// The modes these rules allow a client to enter: none for certain, where they are those of
/// a user of the server's own ACL.
pub(crate) fn of(rules: &Rules) -> Modes {
    rules
        .decision()
        .map_or(Modes::default(), |decision| decision.rendered.modes)
}

/// Those of these clients that are in one of the modes. When the server does not
/// answer, all of them: in doubt the session ends.
pub(crate) fn in_mode(lock: &ServerLock, clients: &[ClientId], modes: Modes) -> Vec<ClientId> {
    if clients.is_empty() || modes.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = clients.iter().map(|client| client.0.to_string()).collect();
    let mut words: Vec<&[u8]> = vec![b"LIST", b"ID"];
    words.extend(ids.iter().map(String::as_bytes));
    match Detached::new(lock).and_then(|ctx| ctx.call("CLIENT", &words)) {
        Ok(Reply::Bulk(list)) => {
            let list = String::from_utf8_lossy(&list);
            list.lines()
                .filter_map(parse)
                .filter(|(_, flags)| has(flags, modes))
                .map(|(client, _)| client)
                .collect()
        }
        Ok(_) | Err(_) => clients.to_vec(),
    }
}

/// The number and the flags of one line of `CLIENT LIST`.
fn parse(line: &str) -> Option<(ClientId, &str)> {
    let field = |name: &str| {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    Some((ClientId(field("id")?.parse().ok()?), field("flags")?))
}

/// The letters are those of the documentation of `CLIENT LIST`.
fn has(flags: &str, modes: Modes) -> bool {
    flags.chars().any(|flag| match flag {
        'O' => modes.monitor,
        'S' => modes.sync,
        'P' => modes.subscribe,
        't' => modes.tracking,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_tells_number_and_mode() {
        let line = "id=7 addr=127.0.0.1:1 laddr=x fd=8 name= age=0 idle=0 flags=O db=0";
        let (client, flags) = parse(line).unwrap();
        assert_eq!((client, flags), (ClientId(7), "O"));
        assert!(has(
            flags,
            Modes {
                monitor: true,
                ..Modes::default()
            }
        ));
        assert!(!has(
            flags,
            Modes {
                tracking: true,
                ..Modes::default()
            }
        ));
        assert!(has(
            "Pt",
            Modes {
                tracking: true,
                ..Modes::default()
            }
        ));
    }

    #[test]
    fn a_client_cannot_name_itself_into_a_mode() {
        let line = "id=7 addr=127.0.0.1:1 laddr=x fd=8 name=flags=O age=0 flags=N db=0";
        assert_eq!(parse(line), Some((ClientId(7), "N")));
    }
}
