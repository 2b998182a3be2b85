//! The functions a policy author writes.

use crate::{File, Reads, Request, Verdict};

/// A policy: made from its data files once, asked once per decision.
///
/// Put [`#[policy]`](crate::policy) on the implementation. No function does
/// I/O, reads a clock or keeps state between requests: the same request must give
/// the same verdict, because the host remembers it.
///
/// The host configures a policy once and lets each decision start from a snapshot of its
/// memory: what `evaluate` writes is gone with the decision. Until the snapshot is taken,
/// and where none can be, each decision configures the policy, so `configure` should be
/// quick and say nothing in the log.
///
/// A panic, or more time or memory than allowed, refuses the log-in.
pub trait Policy: Sized {
    /// Reads the bundle's data files.
    ///
    /// # Errors
    /// One line for the operator: which file, where in it, what is accepted. The
    /// host then keeps the last good generation of policies, so refuse whatever
    /// is in doubt: an unknown key, a rule that does not parse.
    fn configure(files: &[File]) -> Result<Self, String>;

    /// Decides what the principal of one request may do.
    fn evaluate(&self, request: &Request) -> Verdict;

    /// What it reads of a request with this data, instead of what `#[policy]` names: for
    /// policies whose data says which claims count. By default what `#[policy]` names.
    fn reads(&self) -> Option<Reads> {
        None
    }

    /// Every label its verdicts can carry with this data, for `warden policy test`: it
    /// shows which of them no test brought about. A label of a verdict that lists several
    /// values, with commas, stands for each of them here. By default there are none.
    fn labels(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
