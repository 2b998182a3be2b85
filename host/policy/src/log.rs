//! What a policy or a plugin says while it runs.
//!
//! In come messages of a guest, out go at most [`MESSAGES`] lines per run to the
//! host's log, each escaped and cut. What exceeds the bound is counted and told
//! in one last line; a guest never fills a disk.

use std::fmt;
use std::sync::Arc;

use memchr::memmem;
use warden_core::Secret;

use crate::error::gist;

/// Lines a guest may write per run: bounds what a chatty guest costs the log.
pub(crate) const MESSAGES: u32 = 16;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For its author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warning,
    /// Something is wrong.
    Error,
}

/// Whose message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The policy of the bundle of that name.
    Policy(Arc<str>),
    /// The plugin of the authenticator of that id.
    Plugin(Arc<str>),
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(name) => write!(f, "policy {name:?}"),
            Self::Plugin(id) => write!(f, "plugin {id:?}"),
        }
    }
}

/// Whether what a guest says is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ear {
    /// It reaches the host's log.
    Open,
    /// It is dropped.
    Shut,
}

/// Where guests' messages go. Called on worker and loader threads.
pub trait GuestLog: Send + Sync {
    /// One line, already escaped and bounded.
    fn write(&self, speaker: &Speaker, level: Level, message: &str);
}

/// Drops every message.
#[derive(Debug, Default)]
pub struct Silent;

impl GuestLog for Silent {
    fn write(&self, _speaker: &Speaker, _level: Level, _message: &str) {}
}

/// What stands in the place of a line that holds a secret.
const WITHHELD: &str = "(a line that holds the credential is withheld)";

/// The messages of one run.
pub(crate) struct Notebook {
    speaker: Speaker,
    log: Arc<dyn GuestLog>,
    written: u32,
    /// What must not be told.
    secret: Secret<Vec<u8>>,
}

impl Notebook {
    pub(crate) fn new(speaker: Speaker, log: Arc<dyn GuestLog>) -> Self {
        Self {
            speaker,
            log,
            written: 0,
            secret: Secret::new(Vec::new()),
        }
    }

    /// Drops whatever is written from now on.
    pub(crate) fn close(&mut self) {
        self.log = Arc::new(Silent);
    }

    /// Withholds lines that hold this secret, in this run.
    pub(crate) fn keep_secret(&mut self, secret: &[u8]) {
        self.secret = Secret::new(secret.to_vec());
    }

    /// One line of the guest's text, without the secret.
    pub(crate) fn line(&self, text: &str) -> String {
        if self.tells(text) {
            WITHHELD.to_owned()
        } else {
            gist(text)
        }
    }

    /// Whether a text holds the secret.
    pub(crate) fn tells(&self, text: &str) -> bool {
        let secret = self.secret.expose().as_slice();
        // In linear time: the guest chose the text, and its time is over.
        !secret.is_empty() && memmem::find(text.as_bytes(), secret).is_some()
    }

    /// Passes a message on, or counts it when there were too many.
    pub(crate) fn write(&mut self, level: Level, message: &str) {
        self.written = self.written.saturating_add(1);
        if self.written <= MESSAGES {
            self.log.write(&self.speaker, level, &self.line(message));
        }
    }

    /// Ends a run: tells what was dropped in it, and forgets its secret.
    pub(crate) fn turn_over(&mut self) {
        let dropped = self.written.saturating_sub(MESSAGES);
        if dropped > 0 {
            let text = format!("{dropped} more messages of this run were dropped");
            self.log.write(&self.speaker, Level::Warning, &text);
        }
        self.written = 0;
        self.secret = Secret::new(Vec::new());
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        self.turn_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl GuestLog for Lines {
        fn write(&self, speaker: &Speaker, level: Level, message: &str) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{speaker} {level:?} {message}"));
        }
    }

    #[test]
    fn a_chatty_guest_is_cut_and_the_loss_is_told() {
        let lines = Arc::new(Lines::default());
        let mut notebook = Notebook::new(Speaker::Policy("p".into()), lines.clone());
        for _ in 0..MESSAGES + 5 {
            notebook.write(Level::Info, "a\r\nb");
        }
        drop(notebook);
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.len(), 17);
        assert_eq!(lines[0], "policy \"p\" Info a");
        assert_eq!(
            lines[16],
            "policy \"p\" Warning 5 more messages of this run were dropped"
        );
    }

    #[test]
    fn a_line_that_holds_the_secret_is_withheld_in_that_run() {
        let lines = Arc::new(Lines::default());
        let mut notebook = Notebook::new(Speaker::Plugin("keys".into()), lines.clone());
        notebook.keep_secret(b"hunter2");
        notebook.write(Level::Info, "found hunter2 wanting");
        assert_eq!(notebook.line("hunter2\n"), WITHHELD);
        notebook.turn_over();
        notebook.write(Level::Info, "hunter2 is a word again");
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines[0], format!("plugin \"keys\" Info {WITHHELD}"));
        assert_eq!(lines[1], "plugin \"keys\" Info hunter2 is a word again");
    }
}
