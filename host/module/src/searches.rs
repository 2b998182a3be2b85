//! Commands that concern sessions among very many: answered over several slices.
//!
//! In: a selection and who waits for the answer. Out: a list of sessions, or word that
//! those meant have ended. Each slice goes on with one list, and the registry itself
//! goes on with what is to be ended, both a bounded number of sessions at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use warden_core::ClientId;
use warden_session::{KillId, Killed, Selection, SessionView};

use crate::ffi::{Answer, Context, MainThread, Reply, ServerLock, Waiting};
use crate::sessions;
use crate::shared::Shared;

static SEARCHES: MainThread<Searches> = MainThread::new(Searches {
    lists: VecDeque::new(),
    kills: BTreeMap::new(),
});

struct Searches {
    lists: VecDeque<(List, Waiting)>,
    kills: BTreeMap<KillId, Waiting>,
}

/// A list of sessions in the making.
struct List {
    selection: Selection,
    after: Option<ClientId>,
    limit: usize,
    found: Vec<Reply>,
    describe: fn(&SessionView<'_>) -> Reply,
}

impl List {
    /// Looks at the next sessions; answers whether that was all.
    fn go_on(&mut self, lock: &ServerLock) -> bool {
        let missing = self.limit.saturating_sub(self.found.len());
        let next = sessions::with_registry(lock, |registry| {
            let (found, next) = registry.search(&self.selection, self.after, missing);
            self.found.extend(found.iter().map(self.describe));
            next
        });
        self.after = next.flatten();
        self.after.is_none() || self.found.len() >= self.limit
    }
}

/// Lists sessions of connections after `after`: at once, when one turn is enough.
pub(crate) fn list(
    shared: Arc<Shared>,
    ctx: &Context<'_>,
    (selection, after, limit): (Selection, Option<ClientId>, usize),
    describe: fn(&SessionView<'_>) -> Reply,
) -> Answer {
    let mut list = List {
        selection,
        after,
        limit,
        found: Vec::new(),
        describe,
    };
    if list.go_on(ctx.lock()) {
        return Answer::Now(Reply::Array(list.found));
    }
    Answer::Later(Box::new(move |lock, waiting| {
        SEARCHES.with(lock, |searches| searches.lists.push_back((list, waiting)));
        shared.wake_clock();
    }))
}

/// Ends sessions; the reply comes after the last.
pub(crate) fn kill(shared: Arc<Shared>, selection: Selection) -> Answer {
    Answer::Later(Box::new(move |lock, waiting| {
        let kill = sessions::with_registry(lock, |registry| registry.kill(selection));
        if let Some(kill) = kill {
            SEARCHES.with(lock, |searches| searches.kills.insert(kill, waiting));
        }
        shared.wake_clock();
    }))
}

/// Goes on with the first list. Answers whether there is more to do.
pub(crate) fn go_on(lock: &ServerLock) -> bool {
    let next = SEARCHES.with(lock, |searches| searches.lists.pop_front());
    let Some((mut list, waiting)) = next.flatten() else {
        return false;
    };
    if list.go_on(lock) {
        let found = list.found;
        waiting.complete(move |_ctx| Ok(Reply::Array(found)));
    } else {
        SEARCHES.with(lock, |searches| searches.lists.push_front((list, waiting)));
    }
    true
}

/// Answers those whose sessions have ended.
pub(crate) fn finished(lock: &ServerLock, kills: Vec<Killed>) {
    for Killed { kill, sessions } in kills {
        let waiting = SEARCHES.with(lock, |searches| searches.kills.remove(&kill));
        if let Some(waiting) = waiting.flatten() {
            let count = i64::try_from(sessions).unwrap_or(i64::MAX);
            waiting.complete(move |_ctx| Ok(Reply::Integer(count)));
        }
    }
}

/// Refuses whoever waits, at unload.
pub(crate) fn forget(lock: &ServerLock) {
    SEARCHES.with(lock, |searches| {
        searches.lists.clear();
        searches.kills.clear();
    });
}
