//! Admitted sessions as a pure state machine.
//!
//! In come admissions (a verified principal and a decision), the server's word
//! that a client left, readings of the clock and answers of reviews. Out go
//! [`Action`]s, which the module performs in the order given and at once, before
//! it calls the registry again. Nothing here does I/O, reads a clock, or depends
//! on the order of a hash table: the same calls give the same actions.
//!
//! # A session
//!
//! ```text
//!            admit                    left                 (disconnect, RESET,
//!   (none) ────────▶ live ──────────────────────▶ (gone)    other user)
//!      ▲              │ │  ▲                         ▲
//!      │ abandon      │ │  └─ abandon: back again    │ left
//!      └──────────────┤ │                            │
//!                     │ └─ admit again ─▶ replaced ──┤
//!                     │                              │
//!                     └─ expired, refused, killed, … ─▶ closing
//! ```
//!
//! A connection that authenticates again is admitted before the server tells
//! that its old user is gone. Each admission therefore has its own
//! [`SessionId`]: the module looks it up before it attaches the client anew and
//! hands it to [`Registry::left`], which ends that session and no other. Until then the old session is kept as *replaced*, and
//! [`Registry::abandon`] of the new one restores it.
//!
//! # A class
//!
//! A class is one live module user ([`ClassId`]), shared by all sessions with the
//! same [`ClassKey`](warden_core::ClassKey).
//!
//! ```text
//!          admit                     last member left
//!   (none) ─────▶ in use ──────────────────────────────▶ idle ──reap──▶ (freed)
//!                 │  ▲ ▲                                  │
//!                 │  │ └────────────── admit ─────────────┘
//!   begin_generation, valid_until
//!                 ▼  │ apply_review, last slice
//!               under review
//! ```
//!
//! Sessions that run as a user of the server's own ACL are members of a class, too, one for
//! each such user: it has no key, no rules of ours, and is never reviewed.
//!
//! A client cannot be moved to another user, so a new generation of policies
//! edits the class's user in place. A class may then hold the key of another
//! class: both stay, the newest is the one later sessions join.
//!
//! Where other things become known of a person ([`Registry::renew_proofs`]) the sessions keep
//! the proof they were made with, another stands in its place, and the person's classes are
//! reviewed as after a new generation.

mod action;
mod agenda;
mod class;
mod registry;
mod selection;
mod session;
mod settings;

pub use action::{Action, EndCause, NO_RIGHTS, Rules};
pub use class::ClassId;
pub use registry::classes::{Portion, Walk};
pub use registry::renewal::Proof;
pub use registry::review::{Alike, Answer, Review};
pub use registry::sweep::{KillId, Killed};
pub use registry::view::{Counts, SessionView};
pub use registry::{Admission, Registry, Rights};
pub use selection::Selection;
pub use session::SessionId;
pub use settings::{Reauthentication, Settings};

#[cfg(test)]
mod tests;
