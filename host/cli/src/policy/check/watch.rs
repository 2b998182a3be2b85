//! What to warn of in the verdicts about one principal.
//!
//! In: a generation, and whom to ask it about. Out: findings. Each grant is looked at
//! alone, under everything that is laid over it, so that what is told is so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction, Row, Why, beyond_keys};
use warden_core::{ClientFacts, Now, Principal, ReasonKind, Server};
use warden_policy::{Bundle, Generation, Opinion};

use super::danger::{danger, danger_to_callers};
use super::finding::{Findings, Mistake, Warning};

/// What removes or moves all keys of a database at once.
const FLUSHING: [&str; 3] = ["flushall", "flushdb", "swapdb"];

/// The most commands one warning names for one effect.
const SHOWN_COMMANDS: usize = 8;

/// Asks every policy about this principal, and warns.
pub(super) fn look(
    generation: &Generation,
    (principal, client, now): (&Principal, &ClientFacts, Now),
    line: &str,
    findings: &mut Findings,
) {
    let explanation = generation.explain_made_up(principal, client, now);
    if let Err(reason) = &explanation.answer
        && reason.kind() == ReasonKind::PolicyFailed
    {
        let user = principal.user_name();
        let error = format!("nothing can be decided about {user}: {reason}");
        let instead =
            "make the policy answer within its bounds: warden policy bench shows what it uses";
        findings.error(line, Mistake::new(error, Some(instead)));
    }
    let opinions = explanation.opinions.iter();
    let opinions: Vec<(&Bundle, &Opinion)> = opinions
        .filter_map(|(bundle, opinion)| Some((&**bundle, opinion.as_ref().ok()?)))
        .collect();
    let restrictions = opinions
        .iter()
        .flat_map(|(_, opinion)| &opinion.restrictions);
    let frame = generation.frame();
    let mut desk = Desk {
        server: &frame.server,
        required: &frame.required,
        ceiling: &frame.ceiling,
        restrictions: restrictions.cloned().collect(),
        warn: |warning| findings.warn(line, Some(principal), warning),
    };
    for (bundle, opinion) in opinions {
        desk.opinion(bundle, opinion);
    }
}

/// Looks at the verdicts about one principal on one server.
struct Desk<'a, W> {
    server: &'a Server,
    required: &'a BTreeSet<String>,
    ceiling: &'a Restriction,
    /// Of all policies.
    restrictions: Vec<Restriction>,
    warn: W,
}

impl<W: FnMut(Warning)> Desk<'_, W> {
    fn opinion(&mut self, bundle: &Bundle, opinion: &Opinion) {
        let name = bundle.name();
        let short = |valid: Duration| valid < Duration::from_secs(1);
        if bundle.inputs().clock && opinion.valid_for.is_some_and(short) {
            let why = "it reads the clock and its answer holds for less than a second: its \
                       sessions are decided again and again";
            let instead = "say for how long the answer really holds, up to the next change";
            self.tell("clock", name, None, why, instead);
        }
        let restricts = !opinion.restrictions.is_empty() || opinion.denial.is_some();
        if restricts && !self.required.contains(name) {
            let why = "it restricts: when its file is missing or renamed, rights grow";
            let instead = format!("name it in required_policies, and here: --required {name:?}");
            self.tell("not-required", name, None, why, &instead);
        }
        for restriction in &opinion.restrictions {
            self.denials(name, restriction);
        }
        for grant in &opinion.grants {
            self.grant(name, grant);
        }
    }

    /// A denial of what is unknown denies nothing.
    fn denials(&mut self, bundle: &str, restriction: &Restriction) {
        for denial in restriction.unknown_to(self.server) {
            let why = "the server does not have it, so it denies nothing there";
            let instead = "correct the name, or leave it out";
            self.tell("unknown", bundle, Some(&denial), why, instead);
        }
    }

    fn grant(&mut self, bundle: &str, grant: &Grant) {
        let text = grant.to_string();
        let holds_all = text.split(' ').any(|word| word == "+@all");
        if holds_all {
            let why = "+@all holds CONFIG, ACL, MODULE, DEBUG and REPLICAOF, which can undo every \
                       rule, and whatever a later release adds";
            let instead = "name the categories that are needed: +@read +@write";
            self.tell("all", bundle, Some(&text), why, instead);
        }
        self.dropped(bundle, grant);
        let under = self.restrictions.iter().chain([self.ceiling]);
        if let Some(row) = row(grant, under, self.server) {
            self.beyond(bundle, grant, &row);
            if !holds_all {
                self.dangerous(bundle, grant, &row);
            }
        }
        self.cut(bundle, grant, &text);
    }

    /// What of it this server cannot say.
    fn dropped(&mut self, bundle: &str, grant: &Grant) {
        let alone = Permissions::compose(&BaseRules::none(), vec![grant.clone()], vec![]);
        // What cannot be rendered at all is told as an error: nothing can be decided.
        for dropped in alone.render(self.server).unwrap_or_default().dropped {
            let (name, why, instead) = match dropped.why {
                Why::UnknownHere => (
                    "unknown",
                    "the server does not have it, so it is left out there",
                    "correct the name, or load the module that has it",
                ),
                Why::NoDatabases => (
                    "databases",
                    "the server cannot bound databases (9.1 and later can), so the whole grant is left out there",
                    "leave db= out, or serve these policies from 9.1 on only",
                ),
                Why::OutsideBounds | Why::NothingLeft => continue,
            };
            self.tell(name, bundle, Some(&dropped.rule), why, instead);
        }
    }

    /// Commands that name no key, in a grant whose keys are bounded.
    fn beyond(&mut self, bundle: &str, grant: &Grant, row: &Row<'_>) {
        if !are_bounded(row) {
            return;
        }
        let reads_all = row.keys.iter().any(|keys| keys == "%R~*");
        let mut by_rule: BTreeMap<(&'static str, String), Vec<&str>> = BTreeMap::new();
        for &command in &row.commands {
            let reach = beyond_keys(command).filter(|reach| reach.changes || !reads_all);
            if reach.is_some() {
                let is_flush = FLUSHING.contains(&command);
                let kind = if is_flush { "flush" } else { "beyond-keys" };
                let rule = giving(grant, command, self.server);
                by_rule.entry((kind, rule)).or_default().push(command);
            }
        }
        let keys = row.keys.join(" ");
        for ((kind, rule), commands) in by_rule {
            let without = without(&rule, &commands);
            let instead = format!("{without}, or lay a bound on keys over it by a restriction");
            let effects = effects(&commands, |command| Some(beyond_keys(command)?.what));
            let why =
                format!("it holds {effects}: they name no key, and {keys} does not bound them");
            self.tell(kind, bundle, Some(&rule), &why, &instead);
        }
    }

    /// Commands that undo every rule, or end the work of others.
    fn dangerous(&mut self, bundle: &str, grant: &Grant, row: &Row<'_>) {
        let bounded = are_bounded(row);
        let what = |command: &str| {
            let to_callers = || danger_to_callers(command).filter(|_| !bounded);
            danger(command).or_else(to_callers)
        };
        let mut by_rule: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for &command in &row.commands {
            if what(command).is_some() {
                let rule = giving(grant, command, self.server);
                by_rule.entry(rule).or_default().push(command);
            }
        }
        for (rule, commands) in by_rule {
            let why = format!("it holds {}", effects(&commands, what));
            let without = without(&rule, &commands);
            let instead = format!(
                "{without}, or have the operator lay a ceiling over it: -@admin -@dangerous"
            );
            self.tell("dangerous", bundle, Some(&rule), &why, &instead);
        }
    }

    /// What the ceiling takes away.
    fn cut(&mut self, bundle: &str, grant: &Grant, text: &str) {
        if *self.ceiling == Restriction::default() {
            return;
        }
        let Some(before) = row(grant, self.restrictions.iter(), self.server) else {
            return;
        };
        let under = self.restrictions.iter().chain([self.ceiling]);
        let why = match row(grant, under, self.server) {
            None => "nothing of it is left under the ceiling".to_owned(),
            Some(after) => {
                let gone = before.commands.difference(&after.commands);
                let gone: Vec<&str> = gone.copied().collect();
                let mut losses = Vec::new();
                if !gone.is_empty() {
                    losses.push(format!("takes away {}", shown(&gone)));
                }
                let (was, is) = (places(&before), places(&after));
                if was != is {
                    losses.push(format!("leaves {is} of {was}"));
                }
                if losses.is_empty() {
                    return;
                }
                format!("the ceiling {}", losses.join(" and "))
            }
        };
        let instead = "grant what is left, or ask the operator for another ceiling";
        self.tell("ceiling", bundle, Some(text), &why, instead);
    }

    fn tell(
        &mut self,
        name: &'static str,
        bundle: &str,
        rule: Option<&str>,
        why: &str,
        instead: &str,
    ) {
        (self.warn)(Warning {
            name,
            bundle: Some(bundle.to_owned()),
            rule: rule.map(str::to_owned),
            why: why.to_owned(),
            instead: instead.to_owned(),
        });
    }
}

/// What a grant alone comes to under restrictions; `None` when nothing of it is left.
fn row<'r, 's>(
    grant: &Grant,
    under: impl Iterator<Item = &'r Restriction>,
    server: &'s Server,
) -> Option<Row<'s>> {
    let (none, grants) = (BaseRules::none(), vec![grant.clone()]);
    let alone = Permissions::compose(&none, grants, under.cloned().collect());
    // The first row is that of the base rules.
    alone.table(server).into_iter().nth(1)
}

/// Keys, channels and databases in one text.
fn places(row: &Row<'_>) -> String {
    let mut places: Vec<String> = row.keys.iter().chain(&row.channels).cloned().collect();
    places.push(row.databases.to_string());
    places.join(" ")
}

/// The last rule of a grant that gives a command: the last that names one wins.
fn giving(grant: &Grant, command: &str, server: &Server) -> String {
    let text = grant.to_string();
    let gives = |word: &&str| {
        let alone = Grant::parse(&[word]).ok();
        let row = alone.and_then(|grant| row(&grant, std::iter::empty(), server));
        row.is_some_and(|row| row.commands.contains(command))
    };
    let rules = text.split(' ').filter(|word| word.starts_with('+'));
    let giving = rules.rev().find(gives).map(str::to_owned);
    giving.unwrap_or(text)
}

/// Whether it names keys, and not all of them.
fn are_bounded(row: &Row<'_>) -> bool {
    !row.keys.is_empty() && row.keys.iter().all(|keys| keys != "~*")
}

/// How to write a grant without these commands, which a rule of it gives.
fn without(rule: &str, commands: &[&str]) -> String {
    if commands.iter().all(|name| *rule == format!("+{name}")) {
        return format!("leave {rule} out");
    }
    let taken: Vec<String> = commands.iter().map(|name| format!("-{name}")).collect();
    format!("write {} behind it", taken.join(" "))
}

/// `flushall flushdb (removes every key)`, one part for each effect.
fn effects(commands: &[&str], what: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut by_effect: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for command in commands {
        if let Some(what) = what(command) {
            by_effect.entry(what).or_default().push(command);
        }
    }
    let parts = by_effect.iter();
    let parts: Vec<String> = parts
        .map(|(what, commands)| format!("{} ({what})", shown(commands)))
        .collect();
    parts.join(", ")
}

fn shown(commands: &[&str]) -> String {
    let more = commands.len().saturating_sub(SHOWN_COMMANDS);
    let shown: Vec<&str> = commands.iter().take(SHOWN_COMMANDS).copied().collect();
    let mut text = shown.join(" ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
