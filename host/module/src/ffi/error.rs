//! What can go wrong between us and the server.
//!
//! In: a refusal, a missing call or bytes the server's C strings cannot carry. Out: one [`Error`].
//! Never: text from outside that is not escaped.

/// A call to the server that did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// This server does not offer the call.
    #[error("this server does not offer {0}")]
    MissingCall(&'static str),
    /// The server answered with an error code or a null pointer and no text.
    #[error("the server refused {0}")]
    Refused(&'static str),
    /// The server refused and said why (escaped).
    #[error("the server refused {call}: {reason:?}")]
    RefusedBecause {
        /// The call that was refused.
        call: &'static str,
        /// The server's own words.
        reason: String,
    },
    /// A NUL byte where the server takes a C string, which would silently cut it.
    #[error("{0} holds a NUL byte")]
    HoldsNul(&'static str),
    /// The client cannot wait: it is in MULTI, in a script, or already being answered.
    #[error("the client cannot be blocked here")]
    CannotBlock,
    /// A second answer to a log-in that already has one.
    #[error("the log-in already has its answer")]
    AlreadyAnswered,
    /// A reply nested deeper than we follow.
    #[error("the reply is nested deeper than {0} levels")]
    TooDeep(usize),
    /// The server's allocator hands out blocks our alignment rules do not hold for.
    #[error("the server's allocator does not align blocks of a multiple of 16 bytes to 16")]
    Alignment,
}
