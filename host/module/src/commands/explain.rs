//! `WARDEN.EXPLAIN user credential`: what a log-in with this credential comes to, and
//! why.
//!
//! The reply is a map. Fields about what was not reached (no identity without a good
//! credential, no rules without a grant) are null or empty. `client` shows the
//! address and TLS of the connection that asks, for that is what the policies were
//! told.

use warden_core::decision::labels_by_name;
use warden_core::permissions::{Dropped, Grant, Row};
use warden_core::{ClientFacts, Principal, Reason, Verified};
use warden_policy::{Bundle, Explanation, Failure, Generation, Opinion};

use super::{map, number, optional, seconds, texts};
use crate::ffi::{Answer, CommandArgument, CommandHandler, CommandSpec, Context, Reply};
use crate::inquiry::{self, Question};

/// The command.
pub(super) struct Explain;

impl CommandHandler for Explain {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.explain",
        flags: c"readonly admin no-monitor no-slowlog deny-script",
        categories: c"admin dangerous slow",
        arity: 3,
        summary: c"Returns what a log-in with a credential would come to, and why.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of policies; evaluated outside the main thread",
        arguments: &[&[
            CommandArgument::word(c"user"),
            CommandArgument::word(c"credential"),
        ]],
        secrets: &[2],
    };

    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let [user, credential] = arguments else {
            return Err("ERR syntax error: WARDEN.EXPLAIN user credential".to_owned());
        };
        let shared = super::shared()?;
        inquiry::begin(&shared, ctx, (user, credential), Question::Explain)
    }
}

/// What is known once a credential was verified.
pub(crate) struct Told<'a> {
    pub(crate) principal: &'a Verified<Principal>,
    /// Of the connection that asks.
    pub(crate) facts: &'a ClientFacts,
    pub(crate) generation: &'a Generation,
    pub(crate) explanation: &'a Explanation,
}

/// The log-in would be granted.
pub(crate) fn granted(told: &Told<'_>) -> Reply {
    let principal = Some(told.principal.get());
    report("granted", "OK", None, principal, Some(told))
}

/// It would be granted without asking a policy: the session becomes a user of the server's
/// own ACL.
pub(crate) fn attached(principal: &Principal) -> Reply {
    report("granted", "OK", None, Some(principal), None)
}

/// It would be refused; `reply` is what the client would read.
pub(crate) fn refused(told: Option<&Told<'_>>, reason: &Reason, reply: &str) -> Reply {
    let outcome = if reason.reply().is_about_the_credential() {
        "refused"
    } else {
        "undecided"
    };
    let principal = told.map(|told| told.principal.get());
    report(outcome, reply, Some(reason), principal, told)
}

/// Fields of a map, in the order of the reply.
type Fields = Vec<(&'static str, Reply)>;

fn report(
    outcome: &str,
    reply: &str,
    reason: Option<&Reason>,
    principal: Option<&Principal>,
    told: Option<&Told<'_>>,
) -> Reply {
    let fields = [
        vec![
            ("outcome", Reply::text(outcome)),
            ("reply", Reply::text(reply)),
            ("reason", optional(reason.map(Reason::detail))),
        ],
        identity(principal),
        verdicts(told),
        rights(told),
    ];
    map(fields.into_iter().flatten())
}

/// Whom the credential names.
fn identity(principal: Option<&Principal>) -> Fields {
    let words = |list: fn(&Principal) -> &Vec<String>| texts(principal.into_iter().flat_map(list));
    vec![
        (
            "user",
            optional(principal.map(|p| p.user_name().to_string())),
        ),
        (
            "authenticator",
            optional(principal.map(|p| p.authenticator.as_str())),
        ),
        ("method", optional(principal.map(|p| p.method.as_str()))),
        ("attach", optional(principal.map(|p| p.attach.as_str()))),
        ("groups", words(|p| &p.groups)),
        ("scopes", words(|p| &p.scopes)),
        ("expires", seconds(principal.and_then(|p| p.expires))),
    ]
}

/// Where from, whom the policies were asked for, and what each answers.
fn verdicts(told: Option<&Told<'_>>) -> Fields {
    let policies = told.into_iter().flat_map(|told| opinions(told.explanation));
    vec![
        (
            "client",
            told.map_or(Reply::Null, |told| client(told.facts)),
        ),
        (
            "generation",
            told.map_or(Reply::Null, |told| number(told.generation.number())),
        ),
        ("policies", Reply::Array(policies.collect())),
    ]
}

/// What that comes to.
fn rights(told: Option<&Told<'_>>) -> Fields {
    let decision = told.and_then(|told| told.explanation.answer.as_deref().ok());
    let rows = told.zip(decision).map(|(told, decision)| {
        let server = &told.generation.frame().server;
        let rows = decision.permissions.table(server);
        rows.iter().map(row).collect()
    });
    let dropped = decision
        .into_iter()
        .flat_map(|d| dropped(&d.rendered.dropped));
    vec![
        ("dropped", Reply::Array(dropped.collect())),
        (
            "rules",
            optional(decision.map(|d| d.rendered.rules.as_str())),
        ),
        ("allows", Reply::Array(rows.unwrap_or_default())),
        ("valid_until", seconds(decision.and_then(|d| d.valid_until))),
        (
            "session_seconds",
            span(decision.and_then(|d| d.session_ttl)),
        ),
        ("labels", labels(decision.map_or(&[][..], |d| &d.labels))),
        ("class", optional(decision.map(|d| d.class.to_string()))),
    ]
}

fn client(facts: &ClientFacts) -> Reply {
    let certificate = facts.certificate.as_ref();
    let certificate = certificate.map(|certificate| certificate.fingerprint.as_str());
    map([
        ("address", optional(facts.address.as_deref())),
        ("tls", Reply::Bool(facts.tls)),
        ("certificate", optional(certificate)),
        (
            "server_role",
            Reply::text(if facts.replica { "replica" } else { "primary" }),
        ),
    ])
}

fn opinions(explanation: &Explanation) -> impl Iterator<Item = Reply> {
    explanation
        .opinions
        .iter()
        .map(|(bundle, opinion)| policy(bundle, opinion))
}

/// One policy's verdict; `outcome` is the most that can be said in a word.
fn policy(bundle: &Bundle, verdict: &Result<Opinion, Failure>) -> Reply {
    let outcome = match verdict {
        Err(_) => "failed",
        Ok(opinion) if opinion.denial.is_some() => "denies",
        Ok(opinion) if !opinion.grants.is_empty() => "grants",
        Ok(opinion) if !opinion.restrictions.is_empty() => "restricts",
        Ok(_) => "no opinion",
    };
    let opinion = verdict.as_ref().ok();
    let denial = opinion.and_then(|opinion| opinion.denial.as_ref());
    map([
        ("name", Reply::text(bundle.name())),
        ("digest", Reply::text(bundle.digest().to_string())),
        ("outcome", Reply::text(outcome)),
        (
            "failure",
            optional(verdict.as_ref().err().map(ToString::to_string)),
        ),
        (
            "grants",
            texts(
                opinion
                    .into_iter()
                    .flat_map(|o| &o.grants)
                    .map(Grant::to_string),
            ),
        ),
        (
            "restrictions",
            texts(
                opinion
                    .into_iter()
                    .flat_map(|o| &o.restrictions)
                    .map(ToString::to_string),
            ),
        ),
        (
            "denial",
            optional(denial.and_then(|d| d.internal.as_deref())),
        ),
        (
            "denial_told",
            optional(denial.and_then(|d| d.public.as_deref())),
        ),
        ("valid_seconds", span(opinion.and_then(|o| o.valid_for))),
        ("session_seconds", span(opinion.and_then(|o| o.session_ttl))),
        ("labels", labels(opinion.map_or(&[][..], |o| &o.labels))),
    ])
}

fn dropped(dropped: &[Dropped]) -> impl Iterator<Item = Reply> {
    dropped.iter().map(|dropped| {
        map([
            ("rule", Reply::text(&dropped.rule)),
            ("why", Reply::text(dropped.why.to_string())),
        ])
    })
}

fn row(row: &Row<'_>) -> Reply {
    map([
        ("commands", texts(&row.commands)),
        ("keys", texts(&row.keys)),
        ("channels", texts(&row.channels)),
        ("databases", Reply::text(row.databases.to_string())),
    ])
}

fn labels(labels: &[(String, String)]) -> Reply {
    Reply::Map(
        labels_by_name(labels)
            .into_iter()
            .map(|(name, values)| (Reply::text(name), Reply::text(values)))
            .collect(),
    )
}

/// Whole seconds; null when there is none.
fn span(length: Option<std::time::Duration>) -> Reply {
    length.map_or(Reply::Null, |length| number(length.as_secs()))
}
