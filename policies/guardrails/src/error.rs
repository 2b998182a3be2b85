//! What is wrong with the data.

use crate::data::{MAX_ALL_ENTRIES, MAX_RULES};
use crate::effect::MAX_TEXT_BYTES;
use warden_sdk::MemberError;
use warden_sdk::data::{ListError, ShapeError};
use warden_sdk::network::NetworkError;

/// One problem of one file. Each names the file, the key and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        file: String,
        key: String,
        fault: Fault,
    },
    /// Nothing that guards.
    #[error("no rule: a *.toml file beside the policy holds [[rules]] tables")]
    NoFile,
    /// More than the host takes of one answer.
    #[error("more than {MAX_RULES} rules")]
    TooManyRules,
    /// More than the host takes of one answer, should all rules apply.
    #[error("more than {MAX_ALL_ENTRIES} denials, bounds and databases in all rules together")]
    TooManyEntries,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no [[rules]] table in this file")]
    NoRule,
    #[error("a rule's name takes 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'")]
    Name,
    #[error("a rule of this name stands in {other:?} already")]
    Doubled { other: String },
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Member(#[from] MemberError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(
        "{text:?} are no hours: write HH:MM-HH:MM in UTC, from 00:00 to 24:00, not twice the same"
    )]
    Hours { text: String },
    #[error("{text:?} is no day: write mon, tue, wed, thu, fri, sat or sun")]
    Day { text: String },
    #[error("does nothing: give deny_login, or at least one of denials, keys, channels, databases")]
    NoEffect,
    #[error("who is refused needs no denials or bounds: give one or the other")]
    TwoEffects,
    #[error("refuses everybody at any time: give at least one condition")]
    NobodyLeft,
    #[error("takes one line of 1 to {MAX_TEXT_BYTES} bytes, it is told to the client")]
    Text,
    #[error(transparent)]
    Rule(#[from] warden_sdk::RuleError),
    #[error("{text:?} is not a denial: write -COMMAND, -COMMAND|SUBCOMMAND or -@CATEGORY")]
    NotADenial { text: String },
    #[error("{text:?} is not about keys: write ~NAME, ~BEGINNING*, %R~… or %W~…")]
    NotKeys { text: String },
    #[error("{text:?} is not about channels: write &NAME or &BEGINNING*")]
    NotChannels { text: String },
    #[error("{text:?} bounds nothing: put something before the *")]
    Everything { text: String },
    #[error(transparent)]
    NotARestriction(#[from] warden_sdk::Error),
    #[error("{number} is the number of no database")]
    Database { number: u32 },
}
