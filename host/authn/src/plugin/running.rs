//! Plugins at work, found again when their file is read again.
//!
//! A plugin is initialised once for as long as neither its component nor what it is
//! configured with changes, however often the directory is read and whatever else
//! changes in its file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex as Turn;
use warden_core::plugin::{Answer, Plugin, Plugins, Question, Reads, Setup, StartError};
use warden_core::{AuthenticatorId, Clock, Reason, ReasonKind};

use crate::asking::unavailable;

/// Longest wait for a turn. A flood of made-up credentials keeps a plugin busy no longer
/// than this after it has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// A plugin that answers. Ended when the last authenticator that uses it is gone.
pub(crate) struct Running {
    /// `None` only while this is dropped. Whoever waits for a turn occupies no thread.
    plugin: Turn<Option<Box<dyn Plugin>>>,
    reads: Reads,
    trouble: ArcSwapOption<String>,
    host: Arc<dyn Plugins>,
}

impl Running {
    pub(super) fn reads(&self) -> Reads {
        self.reads
    }

    /// How it failed the last time it was asked.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.load().as_deref().cloned()
    }

    /// Takes the turn that others then wait for.
    #[cfg(test)]
    pub(super) fn occupy(&self) -> impl Drop {
        self.plugin.try_lock().unwrap()
    }

    /// Asks it, when those before have had their answers. Who has waited too long for
    /// that is not asked about: nobody waits for the answer any more.
    ///
    /// # Errors
    /// `ReasonKind::Busy` without having asked; `ReasonKind::Unavailable` when it failed.
    pub(super) async fn authenticate(
        &self,
        question: &Question<'_>,
        clock: &dyn Clock,
    ) -> Result<Answer, Reason> {
        let end = clock.now().monotonic.saturating_add(PATIENCE);
        let mut turn = self.plugin.lock().await;
        if clock.now().monotonic >= end {
            let detail = "too many credentials wait for the plugin";
            return Err(Reason::new(ReasonKind::Busy, detail));
        }
        let plugin = turn
            .as_mut()
            .ok_or_else(|| unavailable("the plugin is gone"))?;
        let answer = plugin.authenticate(question);
        let trouble = answer.as_ref().err();
        if trouble.is_some() || self.trouble.load().is_some() {
            self.trouble.store(trouble.cloned().map(Arc::new));
        }
        answer.map_err(|why| unavailable(format!("the plugin failed: {why}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(plugin) = self.plugin.get_mut().take() {
            self.host.retire(plugin);
        }
    }
}

/// Whose plugin, and what it was started with.
type Key = (AuthenticatorId, Vec<u8>);

/// The plugins of a process, and who runs them.
pub struct PluginRegistry {
    host: Arc<dyn Plugins>,
    running: Mutex<BTreeMap<Key, Weak<Running>>>,
}

impl PluginRegistry {
    /// No plugins yet.
    pub fn new(host: Arc<dyn Plugins>) -> Self {
        Self {
            host,
            running: Mutex::default(),
        }
    }

    /// The plugin of this setup: the one that runs, or a new one.
    pub(super) fn obtain(&self, setup: Setup) -> Result<Arc<Running>, StartError> {
        let key = (setup.id.clone(), setup.content.clone());
        if let Some(running) = self.found(&key) {
            return Ok(running);
        }
        let plugin = self.host.start(setup)?;
        let running = Arc::new(Running {
            reads: plugin.reads(),
            plugin: Turn::new(Some(plugin)),
            trouble: ArcSwapOption::empty(),
            host: Arc::clone(&self.host),
        });
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, running| running.strong_count() > 0);
        all.insert(key, Arc::downgrade(&running));
        Ok(running)
    }

    fn found(&self, key: &Key) -> Option<Arc<Running>> {
        let all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key)?.upgrade()
    }
}
