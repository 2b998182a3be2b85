//! What is wrong with the data, and why somebody is refused.

use miette::Diagnostic;
use warden_sdk::bounds::{MAX_ALL_RULES, MAX_GRANT_RULES, MAX_GRANTS};
use warden_sdk::data::{ListError, ShapeError};

use crate::cedar::{MAX_ENTITIES, MAX_POLICIES};
use crate::place::{Place, told};
use crate::questions::MAX_QUESTIONS;

/// One problem of one file. Each names the file, the place and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Not text, not TOML, or not of the right shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Not text.
    #[error(transparent)]
    Text(#[from] warden_sdk::Error),
    /// The shape is right, a value is not.
    #[error("{file:?}: {key}: {fault}")]
    Value {
        file: String,
        key: String,
        fault: Fault,
    },
    /// Cedar takes a text not for what it should be.
    #[error("{file:?} line {} column {}: {said}", place.line, place.column)]
    Cedar {
        file: String,
        place: Place,
        said: String,
    },
    /// Cedar refuses a file, or all of a kind together, and points at nothing.
    #[error("{file:?}: {said}")]
    Refused { file: String, said: String },
    /// Nothing to ask.
    #[error(
        "no mapping: one *.toml file beside the policy holds [principal], [spaces.NAME] and [actions.NAME]"
    )]
    NoMapping,
    /// Two answers to who a principal is.
    #[error("{file:?}: the mapping stands in {other:?} already: one *.toml file holds all of it")]
    TwoMappings { file: String, other: String },
    /// Nothing to decide by.
    #[error("no policy: a *.cedar file beside the policy holds them")]
    NoPolicies,
    /// Bounds what a log-in costs.
    #[error("more than {MAX_POLICIES} policies")]
    TooManyPolicies,
    /// Bounds what a log-in costs.
    #[error("more than {MAX_ENTITIES} entities")]
    TooManyEntities,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a name takes 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'")]
    Name,
    #[error("{text:?} is no entity type: write User or App::User ({said})")]
    Type { text: String, said: String },
    #[error("{text:?} is no entity: write App::Action::\"view\" ({said})")]
    Entity { text: String, said: String },
    #[error("{text:?} is no id of an authenticator: a-z, 0-9, '-' and '_', at most 64")]
    Authenticator { text: String },
    #[error("give either from or claim")]
    OneSource,
    #[error("{text:?} is nothing that is known of a log-in: write {known}")]
    Source { text: String, known: &'static str },
    #[error("{text:?} is no JSON Pointer to a claim: write \"/department\"")]
    Pointer { text: String },
    #[error(
        "a claim needs its type: String, Long, Bool, ipaddr, Set<String> or Set<Long>, or entity"
    )]
    NoType,
    #[error(
        "{text:?} is no type of a claim: write String, Long, Bool, ipaddr, Set<String> or Set<Long>"
    )]
    Kind { text: String },
    #[error("has a type of its own: leave out type and entity")]
    OwnType,
    #[error("a claim is of a type or an entity: leave out one of them")]
    TypeOrEntity,
    #[error("{text:?} makes no parents: write groups or scopes, or name a claim")]
    ParentSource { text: String },
    #[error(
        "{text:?} is what groups or scopes are: a claim would make members of them, give it a type of its own"
    )]
    VouchedType { text: String },
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Rule(#[from] warden_sdk::RuleError),
    #[error(
        "{text:?} is not about commands: write +COMMAND, +@CATEGORY, -COMMAND or -@CATEGORY here, and keys in a space"
    )]
    NotACommand { text: String },
    #[error(
        "{text:?} is not about keys, channels or databases: write ~KEYS, &CHANNELS or db=N here, and commands in an action"
    )]
    NotAPlace { text: String },
    #[error("no rule gives a command: add one, for example \"+@read\"")]
    NothingGiven,
    #[error("there is no [spaces.{name}]")]
    NoSpace { name: String },
    #[error("there is no {name:?} in [context]")]
    NoContext { name: String },
    #[error("nothing to ask: give at least one [spaces.NAME] and one [actions.NAME]")]
    NothingAsked,
    #[error("more than {MAX_QUESTIONS} questions: give the actions fewer spaces")]
    TooManyQuestions,
    #[error("the schema lets it apply to none of these spaces for such a principal")]
    NoneApplies,
    #[error("the schema refuses it: {said}")]
    Schema { said: String },
}

/// Why nothing could be decided about a request, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Cedar's own words.
    #[error("{said}")]
    Cedar { said: String },
    /// The claim is there and something else than the mapping says.
    #[error("claim {claim:?} is no {kind}")]
    Kind { claim: String, kind: String },
    /// What the mapping requires is not there.
    #[error("{what} is required and not there")]
    Missing { what: String },
    /// More than the host takes of one answer.
    #[error(
        "what Cedar allows on {spaces} spaces comes to {grants} grants; at most {MAX_GRANTS} can be granted together"
    )]
    TooManyGrants { grants: usize, spaces: usize },
    /// More than the host takes of one answer.
    #[error(
        "what Cedar allows on space {space:?} comes to {rules} rules; at most {MAX_GRANT_RULES} make a grant, and {MAX_ALL_RULES} all grants"
    )]
    TooManyRules { space: String, rules: usize },
}

impl Problem {
    /// What Cedar says of a file, with its place there.
    pub(crate) fn cedar(file: &str, text: &str, diagnostic: &dyn Diagnostic) -> Self {
        Self::Cedar {
            file: file.to_owned(),
            place: Place::of(diagnostic, text),
            said: told(diagnostic),
        }
    }
}

impl Refusal {
    /// What Cedar says.
    pub(crate) fn cedar(diagnostic: &dyn Diagnostic) -> Self {
        Self::Cedar {
            said: told(diagnostic),
        }
    }
}
