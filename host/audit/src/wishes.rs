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

    /// Sinks that want records of a client.
    pub fn of_client(
        &self,
        _user: &[u8],
        _address: Option<std::net::IpAddr>,
        internal: bool,
    ) -> Wants {
        let all = self
            .categories
            .iter()
            .fold(SinkSet::NONE, |all, (_, one)| all.or(*one));
        if internal {
            return Wants::default();
        }
        Wants {
            sinks: all,
            config_sinks: SinkSet::NONE,
        }
    }

    /// Sinks that want a command.
    pub fn of_command(&self, _name: &str, category: Category) -> SinkSet {
        self.of_category(category)
    }

    /// Sinks that want commands that succeed.
    pub fn successes(&self) -> SinkSet {
        self.successes
    }

    /// Sinks that want CONFIG commands of anybody.
    pub fn always_config(&self) -> SinkSet {
        SinkSet::NONE
    }

    /// What the most curious sink shows of arguments.
    pub fn payload_max_bytes(&self) -> usize {
        self.payload_max_bytes
    }
}

/// Which sinks want records of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Those that do.
    pub sinks: SinkSet,
    /// Those that want its CONFIG commands whatever it is.
    pub config_sinks: SinkSet,
}
