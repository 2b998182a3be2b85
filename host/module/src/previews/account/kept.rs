//! The first of very many changes, in their order, and no more than may be told.
//!
//! In: changes by rank, in any order. Out: those of the lowest ranks, bounded in number
//! and bytes all the time, and not only at the end. Once one is left out, so is whatever
//! would come behind it: what is kept has no gaps.

use std::collections::BTreeMap;

use super::told::Told;

/// Text of all changes that are told: bounds one reply, and what is kept of one class.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Changes by rank.
pub(super) struct Kept<R> {
    most: usize,
    told: BTreeMap<R, Told>,
    bytes: usize,
    /// The lowest rank that was left out.
    end: Option<R>,
}

impl<R: Ord + Clone> Kept<R> {
    /// None yet, and never more than so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            told: BTreeMap::new(),
            bytes: 0,
            end: None,
        }
    }

    /// One that is kept.
    pub(super) fn get_mut(&mut self, rank: &R) -> Option<&mut Told> {
        self.told.get_mut(rank)
    }

    /// Whether one of this rank would be left out in any case.
    pub(super) fn is_beyond(&self, rank: &R) -> bool {
        self.end.as_ref().is_some_and(|end| rank >= end)
    }

    /// Takes one whose rank is not there yet; the ranks that are left out for it, its own
    /// perhaps among them.
    pub(super) fn put(&mut self, rank: R, told: Told) -> Vec<R> {
        if self.is_beyond(&rank) {
            return vec![rank];
        }
        self.bytes += told.bytes();
        self.told.insert(rank, told);
        let mut left_out = Vec::new();
        while self.told.len() > self.most || self.bytes > MAX_BYTES {
            let Some((rank, told)) = self.told.pop_last() else {
                break;
            };
            self.bytes -= told.bytes();
            self.end = Some(rank.clone());
            left_out.push(rank);
        }
        left_out
    }

    /// Those that are kept, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Told> {
        self.told.values()
    }

    /// The same with their ranks.
    pub(super) fn into_ranked(self) -> impl Iterator<Item = (R, Told)> {
        self.told.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::{AuthenticatorId, ClassKey, PrincipalName, UserName};
    use warden_policy::{Change, Outcome};

    fn told(bytes: usize) -> Told {
        let id = AuthenticatorId::new("corp").unwrap();
        Told {
            user: UserName::new(&id, &PrincipalName::new("alice").unwrap()),
            authenticator: "corp".to_owned(),
            class: ClassKey::new([0; 32]),
            sessions: 1,
            change: Change {
                outcome: Outcome::Loses,
                reason: None,
                loses: vec!["x".repeat(bytes)],
                gains: Vec::new(),
            },
            before: String::new(),
            after: None,
        }
    }

    fn ranks(kept: Kept<u32>) -> Vec<u32> {
        kept.into_ranked().map(|(rank, _)| rank).collect()
    }

    #[test]
    fn the_first_in_order_are_kept_and_the_others_are_told_to_be_left_out() {
        let mut kept = Kept::new(2);
        let left_out: Vec<u32> = [5, 1, 9, 3, 5, 0]
            .into_iter()
            .flat_map(|rank| kept.put(rank, told(1)))
            .collect();
        assert_eq!(left_out, [9, 5, 5, 3]);
        assert!(kept.is_beyond(&3) && !kept.is_beyond(&2));
        assert_eq!(ranks(kept), [0, 1]);
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_all_the_time_and_has_no_gaps() {
        let mut kept = Kept::new(1000);
        let large = MAX_BYTES / 4;
        for rank in (10..40).rev() {
            kept.put(rank, told(large));
            assert!(kept.iter().map(Told::bytes).sum::<usize>() <= MAX_BYTES);
        }
        // There would be room for it, but not for one before it.
        assert_eq!(kept.put(39, told(1)), [39]);
        assert_eq!(kept.put(3, told(large)), [13]);
        assert_eq!(ranks(kept), [3, 10, 11, 12]);
    }
}
