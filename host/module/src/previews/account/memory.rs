//! What a preview remembers while it is made: answers, and comparisons of them.
//!
//! In: whatever is found out once and asked for again. Out: the same, as long as there is
//! room: each is weighed by the bytes it holds, and what was used least goes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use warden_core::permissions::Rendered;
use warden_core::{ClassKey, Decision, Reason};
use warden_policy::{Change, Digest};

use super::told;

/// Bytes of each of the two.
const MAX_BYTES: u64 = 32 << 20;
/// Entries there is room for from the start.
const USUAL: usize = 4096;
/// What an entry takes without its texts; also bounds how many there are.
const ENTRY_BYTES: usize = 1024;

/// What the candidate answers.
pub(crate) type Answer = Result<Arc<Decision>, Reason>;

/// A comparison, and what keeps its addresses taken.
pub(super) struct Compared {
    /// Its texts are bounded.
    pub(super) change: Option<Change>,
    /// Of the rules that the candidate writes; nothing where it refuses.
    pub(super) after: Option<Digest>,
    pub(super) texts: (Arc<Rendered>, Option<Arc<Rendered>>),
}

/// Which texts were compared, by their addresses.
pub(super) type Pair = (usize, Option<usize>);

/// Both memories.
pub(crate) struct Memory {
    answers: Cache<ClassKey, Answer, Bytes>,
    pub(super) comparisons: Cache<Pair, Compared, Bytes>,
}

/// Weighs by bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes;

impl Weighter<ClassKey, Answer> for Bytes {
    fn weight(&self, _: &ClassKey, answer: &Answer) -> u64 {
        weight(match answer {
            // The permissions say in parts what the rules say as a text.
            Ok(decision) => 2 * text(&decision.rendered),
            Err(reason) => reason.detail().len(),
        })
    }
}

impl Weighter<Pair, Compared> for Bytes {
    fn weight(&self, _: &Pair, compared: &Compared) -> u64 {
        let (before, after) = &compared.texts;
        let texts = text(before) + after.as_deref().map_or(0, text);
        weight(texts + compared.change.as_ref().map_or(0, told::bytes))
    }
}

/// Rules, and as much again for how they are read back.
fn text(rendered: &Rendered) -> usize {
    2 * rendered.rules.len()
}

fn weight(bytes: usize) -> u64 {
    u64::try_from(bytes.saturating_add(ENTRY_BYTES)).unwrap_or(u64::MAX)
}

impl Memory {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            answers: Cache::with_weighter(USUAL, MAX_BYTES, Bytes),
            comparisons: Cache::with_weighter(USUAL, MAX_BYTES, Bytes),
        }
    }

    /// What the candidate answers to a request; it is asked once, while there is room.
    pub(crate) fn answer(&mut self, request: ClassKey, ask: impl FnOnce() -> Answer) -> Answer {
        if let Some(answer) = self.answers.get(&request) {
            return answer.clone();
        }
        let answer = ask();
        self.answers.insert(request, answer.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::ReasonKind;

    #[test]
    fn very_long_answers_take_the_place_of_many() {
        let mut memory = Memory::new();
        let key = |number: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            ClassKey::new(key)
        };
        let answer = |bytes: usize| Err(Reason::new(ReasonKind::Denied, "x".repeat(bytes)));
        for number in 0..1000 {
            memory.answers.insert(key(number), answer(1 << 20));
            assert!(memory.answers.weight() <= MAX_BYTES);
        }
        assert!((8..32).contains(&memory.answers.len()));
        for number in 0..1000 {
            memory.answers.insert(key(number), answer(10));
        }
        assert!((0..1000).all(|number| memory.answers.get(&key(number)).is_some()));
    }
}
