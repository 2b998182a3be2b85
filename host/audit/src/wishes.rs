//! Which records one sink wants.

use crate::event::Category;

/// Which records one sink wants: `events`, `command_result_mode` and what is excluded.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// `events`.
    pub events: Vec<Category>,
    /// `command_result_mode = "all"`: commands of [`Category::Keys`] and [`Category::Other`] that
    /// succeed, too.
    pub successes: bool,
}
