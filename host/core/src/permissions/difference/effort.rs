//! What a comparison may cost.
//!
//! In: how many pairs of patterns are about to be compared. Out: nothing, or that there
//! were too many.

use std::cell::Cell;

/// Pairs of patterns: some ten milliseconds. What policies may answer holds thousands of
/// patterns in each of very many selectors, and each is compared with each.
const MAX_PAIRS: usize = 4_000_000;

/// What is left.
pub(super) struct Effort(Cell<usize>);

/// There is more to compare than is compared.
#[derive(Debug)]
pub(super) struct Spent;

impl Effort {
    pub(super) fn new() -> Self {
        Self(Cell::new(MAX_PAIRS))
    }

    /// Takes some of it.
    ///
    /// # Errors
    /// When less is left: the comparison ends then.
    pub(super) fn spend(&self, pairs: usize) -> Result<(), Spent> {
        self.0.set(self.0.get().checked_sub(pairs).ok_or(Spent)?);
        Ok(())
    }
}
