//! Going round and round a map, a few keys at a time.
//!
//! In: a map that changes meanwhile. Out: its next keys; after the last come the first
//! again. For those who tidy up a little whenever something is added, so that what is of no
//! use any more never outnumbers the rest by much.

use std::collections::BTreeMap;
use std::ops::Bound;

/// How far one has come.
#[derive(Debug)]
pub struct Walk<K> {
    last: Option<K>,
}

impl<K> Default for Walk<K> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<K: Ord + Clone> Walk<K> {
    /// The next keys, at most so many; fewer only at the end of a round.
    pub fn next<V>(&mut self, map: &BTreeMap<K, V>, most: usize) -> Vec<K> {
        let start = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let keys = map.range((start, Bound::Unbounded)).take(most);
        let next: Vec<K> = keys.map(|(key, _)| key.clone()).collect();
        if next.len() == most {
            self.last = next.last().cloned();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_comes_once_a_round_whatever_is_taken_out_meanwhile() {
        let mut map: BTreeMap<u32, ()> = (0..10).map(|key| (key, ())).collect();
        let mut walk = Walk::default();
        assert_eq!(walk.next(&map, 4), [0, 1, 2, 3]);
        map.remove(&3);
        map.remove(&4);
        assert_eq!(walk.next(&map, 4), [5, 6, 7, 8]);
        assert_eq!(walk.next(&map, 4), [9]);
        assert_eq!(walk.next(&map, 4), [0, 1, 2, 5]);
        assert_eq!(walk.next(&BTreeMap::<u32, ()>::new(), 4), [0; 0]);
    }
}
