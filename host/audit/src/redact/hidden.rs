//! Which arguments of one command must not be seen.

/// Places of arguments, from 0, which is the command's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// One bit for each place; the last one stands for its place and all behind it.
    places: u64,
}

/// The place whose bit stands for all behind it, too.
const LAST: usize = 63;

impl Hidden {
    /// Everything may be seen.
    pub const NONE: Self = Self { places: 0 };

    /// Whether the argument at a place must not be seen. From place 63 on: whether any of
    /// those must not.
    pub const fn hides(self, place: usize) -> bool {
        let place = if place < LAST { place } else { LAST };
        self.places >> place & 1 == 1
    }

    /// Whether everything may be seen.
    pub const fn is_none(self) -> bool {
        self.places == 0
    }

    pub(super) fn hide(&mut self, place: usize) {
        self.places |= 1 << place.min(LAST);
    }

    pub(super) fn hide_from(&mut self, place: usize) {
        self.places |= u64::MAX << place.min(LAST);
    }

    /// Hides what `inner` hides of the arguments from `first` on, and shows of what is in doubt
    /// nothing.
    pub(super) fn hide_inner(&mut self, first: usize, inner: Self) {
        for place in (0..=LAST).filter(|place| inner.hides(*place)) {
            self.hide(first.saturating_add(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_beyond_the_last_are_hidden_together() {
        let mut hidden = Hidden::NONE;
        assert!(hidden.is_none());
        hidden.hide(2);
        assert!(hidden.hides(2) && !hidden.hides(1) && !hidden.hides(3));
        assert!(!hidden.hides(63) && !hidden.hides(5000));
        hidden.hide(70);
        assert!(hidden.hides(63) && hidden.hides(5000) && !hidden.hides(62));
        let mut all = Hidden::NONE;
        all.hide_from(3);
        assert!(!all.hides(2) && (3..200).all(|place| all.hides(place)));
        let mut outer = Hidden::NONE;
        outer.hide_inner(5, all);
        assert!(!outer.hides(7) && (8..200).all(|place| outer.hides(place)));
    }
}
