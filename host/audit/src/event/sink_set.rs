//! For whom a record is.

use serde::{Deserialize, Serialize};

/// Which sinks a record is for; at most [`SinkSet::MOST`] are in force at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SinkSet(u64);

impl SinkSet {
    /// Most sinks at a time.
    pub const MOST: usize = 64;
    /// No sink.
    pub const NONE: Self = Self(0);

    /// The sink at a place, from 0; none where the place is beyond the last.
    pub const fn only(place: usize) -> Self {
        if place < Self::MOST {
            Self(1 << place)
        } else {
            Self::NONE
        }
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those here and not there.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is nobody.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the sink at a place is among them.
    pub const fn has(self, place: usize) -> bool {
        !self.and(Self::only(place)).is_empty()
    }

    /// The places, ascending.
    pub fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = usize::try_from(left.trailing_zeros()).ok()?;
            left &= left.wrapping_sub(1);
            (place < Self::MOST).then_some(place)
        })
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}
