//! Plugins at work, found again when their file is read again.
//!
//! A plugin is initialised once for as long as neither its component nor what it is
//! configured with changes, however often the directory is read and whatever else
//! changes in its file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest;
use tokio::sync::Mutex as Turn;
use warden_core::AuthenticatorId;
use warden_core::plugin::{Answer, Plugin, Plugins, Question, Reads, Setup, StartError};

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

    /// Asks it, when those before have had their answers.
    ///
    /// # Errors
    /// How it failed.
    pub(super) async fn authenticate(&self, question: &Question<'_>) -> Result<Answer, String> {
        let mut turn = self.plugin.lock().await;
        let plugin = turn.as_mut().ok_or("its instance is gone")?;
        let answer = plugin.authenticate(question);
        let trouble = answer.as_ref().err();
        if trouble.is_some() || self.trouble.load().is_some() {
            self.trouble.store(trouble.cloned().map(Arc::new));
        }
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(plugin) = self.plugin.get_mut().take() {
            self.host.retire(plugin);
        }
    }
}

/// The plugins of a process, and who runs them.
pub struct PluginRegistry {
    host: Arc<dyn Plugins>,
    running: Mutex<BTreeMap<(AuthenticatorId, Content), Weak<Running>>>,
}

/// A digest over all that a plugin is started with.
type Content = Vec<u8>;

impl PluginRegistry {
    /// No plugins yet.
    pub fn new(host: Arc<dyn Plugins>) -> Self {
        Self {
            host,
            running: Mutex::default(),
        }
    }

    /// The plugin of this setup: the one that runs, or a new one. `files` tells apart what
    /// its files held.
    pub(super) fn obtain(&self, setup: Setup, files: &[u8]) -> Result<Arc<Running>, StartError> {
        let key = (setup.id.clone(), content(&setup, files));
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

    fn found(&self, key: &(AuthenticatorId, Content)) -> Option<Arc<Running>> {
        let all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key)?.upgrade()
    }
}

fn content(setup: &Setup, files: &[u8]) -> Content {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    };
    for (name, json) in &setup.properties {
        add(name.as_bytes());
        add(json.as_bytes());
    }
    for (name, _) in &setup.files {
        add(name.as_bytes());
    }
    add(files);
    context.finish().as_ref().to_vec()
}
