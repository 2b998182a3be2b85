//! What a Rego document says, as ACL rules.
//!
//! In: `*.rego` modules, perhaps data documents in `*.json`, and perhaps a `*.toml` file
//! that names the query and what of a request is the input; then a principal with that.
//! Out: what the document at the query says, or no opinion where it is undefined.
//!
//! ```rego
//! package warden
//!
//! verdict.grants contains ["+@read", "~reports:*"] if {
//!     "corp/analysts" in input.principal.groups
//! }
//! ```
//!
//! - The document is a list of rules (one grant), a list of grants, or an object of
//!   `grants`, `restrictions`, `denial`, `session_seconds` and `labels`. Sets are lists.
//! - Every rule is parsed. One that is none, a document of another shape, and an error
//!   while it is evaluated refuse the log-in, with the reason in the log.
//! - No built-in function reaches out, reads a clock or rolls dice: the same input gives
//!   the same document.
//! - Of a request it reads the claims and facts that the settings name.

#![forbid(unsafe_code)]

mod answer;
mod conflict;
mod data;
mod error;
mod input;

use regorus::{Engine, Value};
use warden_sdk::{File, Policy, Principal, Reads, Request, Verdict, policy};

use crate::error::{Refusal, told};
use crate::input::Selection;

/// The policy: modules with their data, what is asked, and what they are told.
#[derive(Debug)]
pub struct Rego {
    engine: Engine,
    query: String,
    selection: Selection,
    undefined: Undefined,
}

/// What it means that the document is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undefined {
    NoOpinion,
    Refuse,
}

#[policy(
    name = "rego",
    summary = "What a Rego document says, as rules.",
    schema = "schema.json"
)]
impl Policy for Rego {
    fn configure(files: &[File]) -> Result<Self, String> {
        data::read(files).map_err(|problems| warden_sdk::data::one_line(&problems))
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        self.decide(request)
            .unwrap_or_else(|refusal| Verdict::new().deny_internally(refusal.to_string()))
    }

    fn reads(&self) -> Option<Reads> {
        Some(self.selection.reads())
    }
}

impl Rego {
    /// # Errors
    /// When the document cannot be evaluated or is not of the documented shape.
    fn decide(&self, request: &Request) -> Result<Verdict, Refusal> {
        let input = self.selection.input(request)?;
        let document = document(&mut self.engine.clone(), &self.query, input.into());
        let document = document.map_err(Refusal::Rego)?;
        if document == Value::Undefined && self.undefined == Undefined::Refuse {
            return Err(Refusal::Undefined);
        }
        answer::verdict(&document)
    }

    /// Asks about nobody, so that what the modules are prepared for is prepared, and what
    /// they name and do not have is told at once. Any other error may be nobody's own.
    ///
    /// # Errors
    /// In Rego's words.
    fn try_out(&mut self) -> Result<(), String> {
        let nobody = Request::new(Principal::new("warden", "nobody"));
        let Ok(input) = self.selection.input(&nobody) else {
            return Ok(());
        };
        match document(&mut self.engine, &self.query, input.into()) {
            Err(said) if UNKNOWN.iter().any(|words| said.contains(words)) => Err(said),
            _ => Ok(()),
        }
    }
}

/// In which words Rego tells of a function or a variable that is not there.
const UNKNOWN: [&str; 2] = ["could not find function", " is unsafe"];

/// The document at the query.
///
/// # Errors
/// In Rego's words.
fn document(engine: &mut Engine, query: &str, input: Value) -> Result<Value, String> {
    engine.set_input(input);
    let results = engine.eval_query(query.to_owned(), false);
    let results = results.map_err(|error| told(&error))?;
    let result = results.result.into_iter().next();
    let expression = result.and_then(|result| result.expressions.into_iter().next());
    Ok(expression.map_or(Value::Undefined, |expression| expression.value))
}

#[cfg(test)]
mod tests;
