//! What a policy says while it runs.
//!
//! In come messages of a guest, out go at most [`MESSAGES`] lines per run to the
//! host's log, each escaped and cut. What exceeds the bound is counted and told
//! in one last line; a guest never fills a disk.

use std::sync::Arc;

use crate::error::gist;

/// Lines a guest may write per run: bounds what a chatty guest costs the log.
pub(crate) const MESSAGES: u32 = 16;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the policy's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warning,
    /// Something is wrong.
    Error,
}

/// Where policies' messages go. Called on worker and loader threads.
pub trait PolicyLog: Send + Sync {
    /// One line, already escaped and bounded, from the bundle of that name.
    fn write(&self, bundle: &str, level: Level, message: &str);
}

/// Drops every message.
#[derive(Debug, Default)]
pub struct Silent;

impl PolicyLog for Silent {
    fn write(&self, _bundle: &str, _level: Level, _message: &str) {}
}

/// The messages of one run.
pub(crate) struct Notebook {
    bundle: Arc<str>,
    log: Arc<dyn PolicyLog>,
    written: u32,
}

impl Notebook {
    pub(crate) fn new(bundle: Arc<str>, log: Arc<dyn PolicyLog>) -> Self {
        Self {
            bundle,
            log,
            written: 0,
        }
    }

    /// Passes a message on, or counts it when there were too many.
    pub(crate) fn write(&mut self, level: Level, message: &str) {
        self.written = self.written.saturating_add(1);
        if self.written <= MESSAGES {
            self.log.write(&self.bundle, level, &gist(message));
        }
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        let dropped = self.written.saturating_sub(MESSAGES);
        if dropped > 0 {
            let text = format!("{dropped} more messages of this run were dropped");
            self.log.write(&self.bundle, Level::Warning, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl PolicyLog for Lines {
        fn write(&self, bundle: &str, level: Level, message: &str) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{bundle} {level:?} {message}"));
        }
    }

    #[test]
    fn a_chatty_guest_is_cut_and_the_loss_is_told() {
        let lines = Arc::new(Lines::default());
        let mut notebook = Notebook::new("p".into(), lines.clone());
        for _ in 0..MESSAGES + 5 {
            notebook.write(Level::Info, "a\r\nb");
        }
        drop(notebook);
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 17);
        assert_eq!(lines[0], "p Info a");
        assert_eq!(
            lines[16],
            "p Warning 5 more messages of this run were dropped"
        );
    }
}
