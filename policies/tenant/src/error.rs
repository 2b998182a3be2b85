//! What is wrong with the data, and with a claim.

use warden_sdk::MemberError;
use warden_sdk::data::ListError;
use warden_sdk::{ClaimError, FillError, TemplateError};

/// One problem of the data.
pub(crate) type Problem = warden_sdk::data::Problem<Fault>;

/// Where there is no data.
pub(crate) const MISSING: &str = "tenant.toml beside the policy holds claim, keys and channels";

/// Why a value of the data was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{text:?} points to no claim: write a JSON Pointer, for example \"/tenant\"")]
    Claim { text: String },
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Rule(#[from] warden_sdk::RuleError),
    #[error("{text:?} is not about keys: write ~NAME, ~BEGINNING*, %R~… or %W~…")]
    NotKeys { text: String },
    #[error("{text:?} is not about channels: write &NAME or &BEGINNING*")]
    NotChannels { text: String },
    #[error("{text:?} is no bound: an exact name, or a literal beginning and one * at the end")]
    NotABound { text: String },
    #[error("{text:?} bounds nothing: put something before the *")]
    Everything { text: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("{text:?}: {{{place}}} is no place here: write {{tenant}}, and \\{{ for a brace")]
    Place { text: String, place: String },
    #[error(
        "{text:?} may meet {other:?} of another tenant: before {{tenant}} both say the same, or something that differs"
    )]
    Meets { text: String, other: String },
    #[error("{{tenant}} stands nowhere in keys and channels: everybody would share them")]
    NoPlaceholder,
    #[error(transparent)]
    Member(#[from] MemberError),
}

/// Why a claim names no tenant. Never holds the value: it is the user's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("names a tenant that holds {separator:?}, which stands behind {{tenant}}")]
    Separator { separator: char },
    #[error("names a tenant that cannot be used: {0}")]
    Fill(#[from] FillError),
    #[error("names a tenant that would own what all share")]
    Shared,
    #[error("names a tenant that is no bound")]
    NotABound,
}

impl Unusable {
    /// What the client is told.
    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::Claim(ClaimError::Missing | ClaimError::Empty) => "your token names no tenant",
            _ => "the tenant your token names cannot be used here",
        }
    }
}

impl From<warden_sdk::Error> for Unusable {
    /// A filled bound is an exact name or `literal*` by construction, so this
    /// says only that the SDK disagreed.
    fn from(_: warden_sdk::Error) -> Self {
        Self::NotABound
    }
}
