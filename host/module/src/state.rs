//! The one load of the module that is alive.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::shared::Shared;

/// Set at load, emptied at unload. The library stays mapped after an unload, so
/// this must be emptied: the next load starts from nothing.
static SHARED: ArcSwapOption<Shared> = ArcSwapOption::const_empty();

/// What the callbacks work on; `None` outside a load.
pub(crate) fn shared() -> Option<Arc<Shared>> {
    SHARED.load_full()
}

/// Puts a load in place, or takes it away.
pub(crate) fn set(shared: Option<Arc<Shared>>) {
    SHARED.store(shared);
}
