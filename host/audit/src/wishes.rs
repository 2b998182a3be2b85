//! Which records one sink wants.

use crate::event::{Category, SinkSet};
use crate::settings::Payload;

/// Which records one sink wants: `events`, `command_result_mode` and what is excluded.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// `events`.
    pub events: Vec<Category>,
    /// `command_result_mode = "all"`: commands of [`Category::Keys`] and [`Category::Other`] that
    /// succeed, too.
    pub successes: bool,
}

/// What all sinks want, by place.
#[derive(Debug, Default)]
pub struct Interest {
    categories: Vec<(Category, SinkSet)>,
    successes: SinkSet,
    payload_max_bytes: usize,
}

impl Interest {
    /// From every sink's place and wishes.
    pub fn new<'a>(sinks: impl Iterator<Item = (usize, &'a Wishes, Payload)>) -> Self {
        let mut interest = Self::default();
        for (place, wishes, payload) in sinks {
            let only = SinkSet::only(place);
            for category in &wishes.events {
                interest.categories.push((*category, only));
            }
            if wishes.successes {
                interest.successes = interest.successes.or(only);
            }
            interest.payload_max_bytes = interest.payload_max_bytes.max(payload.max_bytes);
        }
        interest
    }

    /// Sinks that want records of a category at all.
    pub fn of_category(&self, category: Category) -> SinkSet {
        let wanting = self.categories.iter().filter(|(one, _)| *one == category);
        wanting.fold(SinkSet::NONE, |all, (_, one)| all.or(*one))
    }
}
