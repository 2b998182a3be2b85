//! What a verb answers.

/// For standard output, and the exit status.
pub(crate) struct Output {
    /// For standard output, newline included.
    pub(crate) text: String,
    /// Whether the exit status is 0.
    pub(crate) is_valid: bool,
}

impl Output {
    /// An answer with exit status 0.
    pub(crate) fn good(text: String) -> Self {
        Self {
            text,
            is_valid: true,
        }
    }
}
