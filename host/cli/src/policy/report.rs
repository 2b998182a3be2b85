//! What a log-in would come to, as `WARDEN.EXPLAIN` tells it.
//!
//! In: an explanation and whom it is about. Out: JSON with the very names of the
//! module's reply, or text. It shows no credential.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};
use warden_core::decision::labels_by_name;
use warden_core::{ClientFacts, Decision, Principal, Reason, Server, Timestamp};
use warden_policy::{Bundle, Explanation, Failure, Opinion};

use super::table;
use crate::moment;
use crate::style::Paint;

/// A log-in that nobody makes, and what it would come to.
pub(super) struct Report<'a> {
    pub(super) server: &'a Server,
    /// Of the policies; absent when nobody was verified.
    pub(super) told: Option<Told<'a>>,
    pub(super) client: &'a ClientFacts,
    /// Why not, when it is not granted.
    pub(super) reason: Option<Reason>,
    /// No authenticator vouches for or against the credential.
    pub(super) is_unclaimed: bool,
}

/// What is known once somebody is known.
pub(super) struct Told<'a> {
    pub(super) principal: &'a Principal,
    pub(super) generation: u64,
    pub(super) explanation: &'a Explanation,
}

impl Report<'_> {
    /// Whether the log-in would be granted.
    pub(super) fn is_granted(&self) -> bool {
        self.reason.is_none()
    }

    fn outcome(&self) -> &'static str {
        match &self.reason {
            None => "granted",
            Some(_) if self.is_unclaimed => "unclaimed",
            Some(reason) if reason.reply().is_about_the_credential() => "refused",
            Some(_) => "undecided",
        }
    }

    fn reply(&self) -> String {
        let reply = self.reason.as_ref().map(Reason::reply);
        reply.map_or("OK".to_owned(), |reply| reply.as_str().to_owned())
    }

    fn decision(&self) -> Option<&Decision> {
        let explanation = self.told.as_ref()?.explanation;
        explanation.answer.as_deref().ok()
    }

    fn opinions(&self) -> impl Iterator<Item = (&Bundle, &Result<Opinion, Failure>)> {
        let told = self.told.iter();
        told.flat_map(|told| &told.explanation.opinions)
            .map(|(bundle, opinion)| (&**bundle, opinion))
    }

    /// The fields of `WARDEN.EXPLAIN`, and the server's version.
    pub(super) fn json(&self) -> Value {
        let principal = self.told.as_ref().map(|told| told.principal);
        let decision = self.decision();
        let rows = decision.map(|decision| decision.permissions.table(self.server));
        let rows = rows.iter().flatten();
        let dropped = decision.into_iter().flat_map(|d| &d.rendered.dropped);
        json!({
            "server": self.server.version,
            "outcome": self.outcome(),
            "reply": self.reply(),
            "reason": self.reason.as_ref().map(Reason::detail),
            "user": principal.map(|p| p.user_name().to_string()),
            "authenticator": principal.map(|p| p.authenticator.as_str()),
            "method": principal.map(|p| p.method.as_str()),
            "attach": principal.map(|p| p.attach.as_str()),
            "groups": principal.map_or(&[][..], |p| &p.groups),
            "scopes": principal.map_or(&[][..], |p| &p.scopes),
            "expires": seconds(principal.and_then(|p| p.expires)),
            "client": principal.map(|_| client(self.client)),
            "generation": self.told.as_ref().map(|told| told.generation),
            "policies": self.opinions().map(|(b, o)| policy(b, o)).collect::<Vec<_>>(),
            "dropped": dropped
                .map(|dropped| json!({ "rule": dropped.rule, "why": dropped.why.to_string() }))
                .collect::<Vec<_>>(),
            "rules": decision.map(|d| &d.rendered.rules),
            "allows": rows
                .map(|row| json!({
                    "commands": row.commands,
                    "keys": row.keys,
                    "channels": row.channels,
                    "databases": row.databases.to_string(),
                }))
                .collect::<Vec<_>>(),
            "valid_until": seconds(decision.and_then(|d| d.valid_until)),
            "session_seconds": span(decision.and_then(|d| d.session_ttl)),
            "labels": labels(decision.map_or(&[][..], |d| &d.labels)),
            "class": decision.map(|d| d.class.to_string()),
        })
    }

    /// The same for people; `all` names every command.
    pub(super) fn text(&self, all: bool, paint: Paint) -> String {
        let mut text = String::new();
        let outcome = match self.outcome() {
            "granted" => paint.good("granted"),
            outcome => paint.bad(outcome),
        };
        let who = self.told.as_ref().map(|told| told.principal.user_name());
        let who = who.map(|user| format!(" {user}")).unwrap_or_default();
        line(
            &mut text,
            &format!("{outcome}{who} on Valkey {}", self.server.version),
        );
        if let Some(reason) = &self.reason {
            field(&mut text, "why", reason.detail());
            field(&mut text, "client reads", &self.reply());
        }
        if let Some(told) = &self.told {
            self.identity(&mut text, told.principal);
            line(&mut text, &format!("\n{}", paint.head("policies")));
            self.policies(&mut text);
        }
        if let Some(decision) = self.decision() {
            if !decision.rendered.dropped.is_empty() {
                line(&mut text, &format!("\n{}", paint.head("dropped")));
                for dropped in &decision.rendered.dropped {
                    line(&mut text, &format!("  {dropped}"));
                }
            }
            line(&mut text, &format!("\n{}", paint.head("rules")));
            line(&mut text, &format!("  {}", decision.rendered.rules));
            line(&mut text, &format!("\n{}", paint.head("allows")));
            let rows = decision.permissions.table(self.server);
            for row in table::lines(&rows, self.server, all, paint) {
                line(&mut text, &format!("  {row}"));
            }
            line(&mut text, "");
            let until = decision.valid_until.map(moment::shown);
            let until = until.unwrap_or("the policies, their data or the claims change".to_owned());
            field(&mut text, "valid until", &until);
            if let Some(ttl) = decision.session_ttl {
                field(
                    &mut text,
                    "session",
                    &format!("{} s at most", ttl.as_secs()),
                );
            }
            for (name, value) in &decision.labels {
                field(&mut text, "label", &format!("{name}={value}"));
            }
        }
        text
    }

    fn identity(&self, text: &mut String, principal: &Principal) {
        field(text, "method", principal.method.as_str());
        if !principal.groups.is_empty() {
            field(text, "groups", &principal.groups.join(" "));
        }
        if !principal.scopes.is_empty() {
            field(text, "scopes", &principal.scopes.join(" "));
        }
        if let Some(expires) = principal.expires {
            field(text, "expires", &moment::shown(expires));
        }
        let address = self.client.address.as_deref().unwrap_or("no address");
        let tls = if self.client.tls { "tls" } else { "no tls" };
        let role = role(self.client);
        field(text, "client", &format!("{address}, {tls}, to a {role}"));
    }

    fn policies(&self, text: &mut String) {
        let names = self.opinions().map(|(bundle, _)| bundle.name().len());
        let width = names.max().unwrap_or_default();
        if width == 0 {
            line(text, "  none: nobody is granted anything");
        }
        for (bundle, verdict) in self.opinions() {
            let details = match verdict {
                Err(failure) => vec![failure.to_string()],
                Ok(opinion) => details(opinion),
            };
            let mut head = format!("{:width$}  {}", bundle.name(), word(verdict));
            for detail in details {
                line(
                    text,
                    &format!("  {head:space$}  {detail}", space = width + 12),
                );
                head.clear();
            }
            if !head.is_empty() {
                line(text, &format!("  {head}"));
            }
        }
    }
}

/// What a policy says, one thing a line.
fn details(opinion: &Opinion) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(denial) = &opinion.denial {
        details.extend(denial.internal.iter().cloned());
        let public = denial.public.iter();
        details.extend(public.map(|words| format!("told to the client: {words}")));
    }
    details.extend(opinion.grants.iter().map(ToString::to_string));
    details.extend(opinion.restrictions.iter().map(|r| format!("under {r}")));
    if let Some(valid) = opinion.valid_for {
        details.push(format!("valid for {} s", valid.as_secs()));
    }
    details
}

/// The most that can be said of a verdict in a word.
fn word(verdict: &Result<Opinion, Failure>) -> &'static str {
    match verdict {
        Err(_) => "failed",
        Ok(opinion) if opinion.denial.is_some() => "denies",
        Ok(opinion) if !opinion.grants.is_empty() => "grants",
        Ok(opinion) if !opinion.restrictions.is_empty() => "restricts",
        Ok(_) => "no opinion",
    }
}

fn policy(bundle: &Bundle, verdict: &Result<Opinion, Failure>) -> Value {
    let opinion = verdict.as_ref().ok();
    let denial = opinion.and_then(|opinion| opinion.denial.as_ref());
    let grants = opinion.into_iter().flat_map(|o| &o.grants);
    let restrictions = opinion.into_iter().flat_map(|o| &o.restrictions);
    json!({
        "name": bundle.name(),
        "digest": bundle.digest().to_string(),
        "outcome": word(verdict),
        "failure": verdict.as_ref().err().map(ToString::to_string),
        "grants": grants.map(ToString::to_string).collect::<Vec<_>>(),
        "restrictions": restrictions.map(ToString::to_string).collect::<Vec<_>>(),
        "denial": denial.and_then(|d| d.internal.as_deref()),
        "denial_told": denial.and_then(|d| d.public.as_deref()),
        "valid_seconds": span(opinion.and_then(|o| o.valid_for)),
        "session_seconds": span(opinion.and_then(|o| o.session_ttl)),
        "labels": labels(opinion.map_or(&[][..], |o| &o.labels)),
    })
}

fn client(facts: &ClientFacts) -> Value {
    let certificate = facts.certificate.as_ref();
    json!({
        "address": facts.address,
        "tls": facts.tls,
        "certificate": certificate.map(|certificate| &certificate.fingerprint),
        "server_role": role(facts),
    })
}

fn role(facts: &ClientFacts) -> &'static str {
    if facts.replica { "replica" } else { "primary" }
}

fn labels(labels: &[(String, String)]) -> Value {
    let pairs = labels_by_name(labels)
        .into_iter()
        .map(|(name, values)| (name.to_owned(), json!(values)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn seconds(at: Option<Timestamp>) -> Option<u64> {
    at.map(Timestamp::as_unix_seconds)
}

fn span(length: Option<Duration>) -> Option<u64> {
    length.map(|length| length.as_secs())
}

fn field(text: &mut String, name: &str, value: &str) {
    line(text, &format!("  {name:12}  {value}"));
}

fn line(text: &mut String, line: &str) {
    // Writing to a String never fails.
    let _ = writeln!(text, "{line}");
}
