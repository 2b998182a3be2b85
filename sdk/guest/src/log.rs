//! How urgent a message is, and where a native build keeps its messages.

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the author.
    Debug,
    /// For the curious operator.
    Info,
    /// Something looks wrong, and was decided nevertheless.
    Warning,
    /// Something is wrong.
    Error,
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static KEPT: std::cell::RefCell<Vec<(Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Keeps a message for [`take`]. Native builds only.
#[cfg(not(target_arch = "wasm32"))]
pub fn keep(level: Level, message: &str) {
    KEPT.with_borrow_mut(|kept| kept.push((level, message.to_owned())));
}

/// Takes the messages this thread wrote since the last call. Native builds only.
#[cfg(not(target_arch = "wasm32"))]
pub fn take() -> Vec<(Level, String)> {
    KEPT.take()
}
