//! Which records somebody asks for.

use clap::Args;
use clap::builder::PossibleValuesParser;
use warden_audit::format::{Field, read::Fields};
use warden_core::Timestamp;

use crate::moment;

/// All of these must hold.
#[derive(Args)]
pub(super) struct Filter {
    /// Of this user or principal: `corp/alice`, `alice`.
    #[arg(long)]
    user: Option<String>,
    /// From this time on: seconds since 1970, or `2026-11-24T09:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    until: Option<Timestamp>,
    /// Of the session of this number.
    #[arg(long)]
    session: Option<u64>,
    /// About this command: `get`, `config|set`; `config` for all of its subcommands.
    #[arg(long)]
    command: Option<String>,
    /// Of this category.
    #[arg(long, value_parser = PossibleValuesParser::new(CATEGORIES))]
    category: Option<String>,
    /// With this outcome.
    #[arg(long, value_parser = PossibleValuesParser::new(["success", "failure", "unknown"]))]
    outcome: Option<String>,
}

/// Those that sinks choose by, and that of what sinks say about themselves.
const CATEGORIES: [&str; 10] = [
    "connections",
    "auth",
    "session",
    "config",
    "acl",
    "policy",
    "admin",
    "keys",
    "other",
    "audit",
];

impl Filter {
    /// Whether somebody asks for this record.
    pub(super) fn takes(&self, fields: &Fields) -> bool {
        let is = |field: Field, wanted: &Option<String>| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| fields.bytes(field) == Some(wanted.as_bytes()))
        };
        is(Field::Category, &self.category)
            && is(Field::Outcome, &self.outcome)
            && is(
                Field::Session,
                &self.session.map(|number| number.to_string()),
            )
            && self.takes_time(fields)
            && self.user.as_ref().is_none_or(|user| is_of(fields, user))
            && self
                .command
                .as_ref()
                .is_none_or(|command| is_about(fields, command))
    }

    /// Times of records sort as they are written.
    fn takes_time(&self, fields: &Fields) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(time) = fields.bytes(Field::Time).and_then(|time| time.get(..19)) else {
            return false;
        };
        let at = |bound: Timestamp| moment::shown(bound).into_bytes();
        self.since
            .is_none_or(|since| at(since).get(..19).is_some_and(|since| since <= time))
            && self
                .until
                .is_none_or(|until| at(until).get(..19).is_some_and(|until| time < until))
    }
}

/// Whether somebody of this name did it, or tried to log in.
fn is_of(fields: &Fields, user: &str) -> bool {
    let wanted = user.as_bytes();
    let mut names = [Field::User, Field::RunningAs, Field::Principal].into_iter();
    if names.any(|field| fields.bytes(field) == Some(wanted)) {
        return true;
    }
    let parts = (
        fields.bytes(Field::Authenticator),
        fields.bytes(Field::Principal),
    );
    matches!(parts, (Some(id), Some(name)) if [id, b"/", name].concat() == wanted)
}

/// Whether it is this command, or one of its subcommands.
fn is_about(fields: &Fields, command: &str) -> bool {
    let Some(name) = fields.bytes(Field::Command) else {
        return false;
    };
    let wanted = command.as_bytes();
    match name.split_at_checked(wanted.len()) {
        Some((start, rest)) => {
            start.eq_ignore_ascii_case(wanted) && (rest.is_empty() || rest.starts_with(b"|"))
        }
        None => false,
    }
}
