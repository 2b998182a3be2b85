//! A process that is kept from running.
//!
//! In: its number. Out: none of its threads runs any more. `SIGSTOP` alone tells only one of them at first,
//! and on a busy machine the others go on for a while: long enough for an answer.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::patience::eventually;

/// Keeps a process of ours from running, and returns when it does not run.
///
/// # Panics
/// When there is none of this number.
#[track_caller]
pub(crate) fn stall(pid: u32) {
    let number = Pid::from_raw(pid.cast_signed()).expect("a process has a number");
    kill_process(number, Signal::STOP).expect("our own process takes a signal");
    eventually("all its threads stand still", || {
        stands_still(pid).then_some(())
    });
}

/// Whether all of its threads are in the state `T` (proc(5)).
fn stands_still(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it is there");
    tasks.flatten().all(|task| {
        // A thread that has just ended runs no more either.
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
        state.is_none_or(|state| state.starts_with('T'))
    })
}
