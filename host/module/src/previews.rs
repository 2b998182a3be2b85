//! What other policies would mean for who is connected, before they are in force.
//!
//! In: the name of a directory under `preview_dir`, and who asks. Out: what a load of it
//! would come to, and which live sessions would lose or gain what. One preview at a
//! time, on a thread of its own at nice +19: it reads, compiles and asks the candidate
//! there, and takes live classes from slices of the main thread, a bounded part at a
//! time. It ends early when whoever asked has left, and after [`PATIENCE`] with what was
//! found by then. Nothing of what is in force is changed, counted or remembered.
//!
//! ```text
//! PREVIEW ─ Errand ─→ thread ── candidate: read, compile, test
//!                       │  ↑
//!                 Order │  │ portions of live classes
//!                       ↓  │
//!                     a slice                      … until all were looked at ─→ reply
//! ```

mod account;
mod candidate;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use warden_core::ClientId;
use warden_policy::Generation;
use warden_session::{Alike, Portion, Walk};

pub(crate) use account::{Account, Told};
use account::{Answered, Memory};
pub(crate) use candidate::{Candidate, is_off, misnamed};

use crate::commands::preview;
use crate::ffi::{ClientInfo, Level, Reply, ServerLock, Waiting, guard, log, rest_if_crashing};
use crate::sessions;
use crate::shared::Shared;
use crate::slices::glance;

/// Members of classes taken in one slice, as for a re-evaluation.
const MEMBERS: usize = 128;

/// How long the thread sleeps while a slice is on its way, before it looks whether it is
/// to end.
const NAP: Duration = Duration::from_millis(100);

/// How long the candidate is asked about live classes: the account so far is told then.
/// Bounds how long others wait for their turn, and the module for its end.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the thread is asked to do.
pub(crate) enum Errand {
    /// To look at a candidate.
    Preview(Wish),
    /// The module is being unloaded.
    Stop,
}

/// A candidate somebody asks about.
pub(crate) struct Wish {
    /// The name of its directory.
    pub(crate) name: String,
    /// How many changes are told one by one, at most.
    pub(crate) count: usize,
    /// Who waits for the answer.
    pub(crate) waiting: Waiting,
    /// That nobody else is served meanwhile.
    pub(crate) turn: Turn,
}

/// The thread's errands, and its questions to the main thread.
pub(crate) struct Previews {
    errands: Sender<Errand>,
    is_busy: AtomicBool,
    /// The part of the live classes that is waited for.
    order: Mutex<Option<Order>>,
}

/// The right to be served, until it is dropped.
pub(crate) struct Turn(Arc<Shared>);

/// Where a walk over the live classes goes on, and who waits for the next part.
struct Order {
    /// `None`: from the beginning.
    walk: Option<Walk>,
    /// Who asked for the preview.
    client: ClientId,
    /// Takes the part, or that the client has left.
    answer: Sender<Option<Part>>,
}

/// A part of the live classes.
struct Part {
    portions: Vec<Portion>,
    /// Where to go on; `None`: that was all.
    rest: Option<Walk>,
}

impl Previews {
    pub(crate) fn new(errands: Sender<Errand>) -> Self {
        Self {
            errands,
            is_busy: AtomicBool::new(false),
            order: Mutex::default(),
        }
    }

    /// The right to be served; `None` while another preview is under way.
    pub(crate) fn begin(shared: &Arc<Shared>) -> Option<Turn> {
        let was_busy = shared.previews.is_busy.swap(true, Ordering::AcqRel);
        (!was_busy).then(|| Turn(Arc::clone(shared)))
    }

    /// Hands a wish to the thread.
    pub(crate) fn send(&self, wish: Wish) {
        // The channel is closed only at unload; then the wish is dropped, and with it who waits.
        let _ = self.errands.send(Errand::Preview(wish));
    }

    /// Tells the thread to end.
    pub(crate) fn stop(&self) {
        let _ = self.errands.send(Errand::Stop);
    }

    /// Held for moves of values.
    fn order(&self) -> std::sync::MutexGuard<'_, Option<Order>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.previews.is_busy.store(false, Ordering::Release);
    }
}

/// In a slice: takes the part of the live classes that is waited for, if one is; answers
/// whether one is left for the next turn, because this one is spent.
pub(crate) fn go_on(shared: &Shared, lock: &ServerLock, is_spent: bool) -> bool {
    let order = {
        let Some(mut order) = glance(&shared.previews.order) else {
            return false;
        };
        if is_spent {
            return order.is_some();
        }
        order.take()
    };
    let Some(order) = order else {
        return false;
    };
    if ClientInfo::of(lock, order.client).is_none() {
        // The thread may have been told to end meanwhile.
        let _ = order.answer.try_send(None);
        return false;
    }
    let part = sessions::with_registry(lock, |registry| {
        let mut walk = order.walk.unwrap_or_else(|| registry.walk());
        let (portions, more) = registry.go_on(&mut walk, MEMBERS);
        Part {
            portions,
            rest: more.then_some(walk),
        }
    });
    if let Some(part) = part {
        // As above.
        let _ = order.answer.try_send(Some(part));
    }
    false
}

/// The thread's life: ends when the module is being unloaded.
pub(crate) fn run(shared: &Arc<Shared>, errands: &Receiver<Errand>) {
    while let Ok(Errand::Preview(wish)) = errands.recv() {
        rest_if_crashing();
        let Wish {
            name,
            count,
            waiting,
            turn,
        } = wish;
        let failed = Err("ERR internal error: see the server's log".to_owned());
        let client = waiting.client();
        let outcome = guard("a preview", failed, || {
            carry_out(shared, &name, count, client)
        });
        // Whoever reads the reply may ask for the next one.
        drop(turn);
        waiting.complete(move |_ctx| outcome);
    }
}

fn carry_out(shared: &Shared, name: &str, count: usize, client: ClientId) -> Result<Reply, String> {
    let candidate = Candidate::load(shared, name)?;
    let mut account = Account::new(count);
    if let Some(generation) = &candidate.generation {
        let end = shared.monotonic().saturating_add(PATIENCE);
        let is_late = || match shared.is_stopping() {
            true => Err(candidate::unloading()),
            false => Ok(shared.monotonic() >= end),
        };
        let ask = |alike: &Alike, memory: &mut Memory| ask(shared, generation, alike, memory);
        let (mut walk, mut parts) = (None, 0);
        loop {
            let Some(part) = next_part(shared, walk, client)? else {
                let gone = format!("the preview of {name:?} is given up: whoever asked has left");
                log(Level::Notice, &gone);
                return Err(format!("ERR {gone}"));
            };
            for portion in &part.portions {
                account.add(portion, &is_late, &ask)?;
            }
            parts += 1;
            walk = part.rest;
            if walk.is_none() || !account.complete {
                break;
            }
        }
        account.close();
        let (classes, sessions) = (account.classes, account.sessions.all);
        let seen = format!("{sessions} sessions of {classes} classes, in {parts} parts");
        log(Level::Notice, &format!("preview of {name:?}: {seen}"));
    }
    Ok(preview::reply(&candidate, &account))
}

/// What the candidate says of members that are alike.
fn ask(shared: &Shared, generation: &Generation, alike: &Alike, memory: &mut Memory) -> Answered {
    let now = shared.now();
    let principal = shared.chain.load().renewed(&alike.principal);
    let facts = shared.facts_now(alike.facts.clone());
    let request = generation.project(&principal, &facts, now);
    let answer = memory.answer(request.key(), || generation.preview(&request, now));
    Answered { principal, answer }
}

/// The next part of the live classes, from a slice of the main thread; `None` when whoever
/// asked is no longer there.
///
/// # Errors
/// When the module is being unloaded.
fn next_part(
    shared: &Shared,
    walk: Option<Walk>,
    client: ClientId,
) -> Result<Option<Part>, String> {
    let (answer, part) = bounded(1);
    *shared.previews.order() = Some(Order {
        walk,
        client,
        answer,
    });
    loop {
        shared.wake_clock();
        match part.recv_timeout(NAP) {
            Ok(part) => return Ok(part),
            Err(RecvTimeoutError::Timeout) if !shared.is_stopping() => rest_if_crashing(),
            Err(_) => return Err(candidate::unloading()),
        }
    }
}
