//! Who would lose or gain what: gathered class by class, and bounded.
//!
//! In: portions of live classes, and the candidate. Out: counts of all, and the gravest
//! changes one by one, always in the same order. Two sessions of one class are told apart
//! only where the candidate answers them differently.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use warden_core::permissions::Rendered;
use warden_core::{ClassKey, Decision, Reason, UserName};
use warden_policy::{Change, Generation, Outcome};
use warden_session::{ClassId, Portion};

use super::candidate::unloading;
use crate::shared::Shared;

/// Text of all changes that are told: bounds one reply.
const MAX_BYTES: usize = 1 << 20;

/// Rules of one list that are told one by one, and bytes of one of them.
const MAX_RULES: usize = 64;
const MAX_RULE_BYTES: usize = 2048;

/// Answers and comparisons remembered: bounds memory where everybody is different.
const REMEMBERED: usize = 4096;

/// What becomes of sessions of one class.
#[derive(Debug)]
pub(crate) struct Told {
    /// Their user.
    pub(crate) user: UserName,
    /// Who vouches for them.
    pub(crate) authenticator: String,
    /// What `WARDEN.SESSIONS` shows as their class.
    pub(crate) class: ClassKey,
    /// How many they are.
    pub(crate) sessions: usize,
    /// What changes; its texts are bounded.
    pub(crate) change: Change,
    /// Their rules now, bounded.
    pub(crate) before: String,
    /// Those they would have; `None`: none.
    pub(crate) after: Option<String>,
}

/// The order of changes: the gravest first, then by name.
type Rank = (Outcome, UserName, ClassId, String);

/// Sessions, by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// All that were looked at.
    pub(crate) all: usize,
    /// They would be refused.
    pub(crate) refused: usize,
    /// They would lose something.
    pub(crate) losing: usize,
    /// They would only gain.
    pub(crate) gaining: usize,
}

/// All of it.
pub(crate) struct Account {
    count: usize,
    /// Classes that were looked at.
    pub(crate) classes: usize,
    /// Those of which no session changes.
    pub(crate) unchanged: usize,
    /// The sessions of all.
    pub(crate) sessions: Sessions,
    /// How many changes are not told one by one.
    pub(crate) left_out: usize,
    told: BTreeMap<Rank, Told>,
    bytes: usize,
    /// The class under way: changes of its sessions, by what they would have.
    current: Option<(ClassId, BTreeMap<Rank, Told>)>,
    answers: HashMap<ClassKey, Result<Arc<Decision>, Reason>>,
    comparisons: HashMap<(usize, Option<usize>), Compared>,
}

/// A comparison, and what keeps its addresses taken.
struct Compared {
    change: Option<Change>,
    _texts: (Arc<Rendered>, Option<Arc<Rendered>>),
}

impl Account {
    /// Of nobody yet; tells at most `count` changes.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            classes: 0,
            unchanged: 0,
            sessions: Sessions::default(),
            left_out: 0,
            told: BTreeMap::new(),
            bytes: 0,
            current: None,
            answers: HashMap::new(),
            comparisons: HashMap::new(),
        }
    }

    /// The changes that are told, the gravest first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Told> {
        self.told.values()
    }

    /// Asks the candidate about the members of a class.
    ///
    /// # Errors
    /// When the module is being unloaded.
    pub(crate) fn add(
        &mut self,
        shared: &Shared,
        generation: &Generation,
        portion: Portion,
    ) -> Result<(), String> {
        if self
            .current
            .as_ref()
            .is_none_or(|(class, _)| *class != portion.class)
        {
            self.close();
            self.classes += 1;
            self.current = Some((portion.class, BTreeMap::new()));
        }
        for alike in &portion.alike {
            if shared.is_stopping() {
                return Err(unloading());
            }
            let now = shared.now();
            let principal = shared.chain.load().renewed(&alike.principal);
            let facts = shared.facts_now(&alike.facts);
            let request = generation.project(&principal, &facts, now);
            forget_if_full(&mut self.answers);
            let answer = self
                .answers
                .entry(request.key())
                .or_insert_with(|| generation.preview(&request, now))
                .clone();
            let authenticator = principal.get().authenticator.as_str();
            self.note(&portion, authenticator, alike.sessions(), answer);
        }
        Ok(())
    }

    fn note(
        &mut self,
        portion: &Portion,
        authenticator: &str,
        sessions: usize,
        answer: Result<Arc<Decision>, Reason>,
    ) {
        self.sessions.all += sessions;
        let Some(change) = self.compare(&portion.present, &answer) else {
            return;
        };
        match change.outcome {
            Outcome::Refused => self.sessions.refused += sessions,
            Outcome::Loses => self.sessions.losing += sessions,
            Outcome::Gains | Outcome::Admitted => self.sessions.gaining += sessions,
        }
        let next = match &answer {
            Ok(decision) => decision.rendered.rules.as_str(),
            Err(reason) => reason.detail(),
        };
        let rank = (
            change.outcome,
            portion.user.clone(),
            portion.class,
            next.to_owned(),
        );
        let Some((_, current)) = &mut self.current else {
            return;
        };
        if let Some(told) = current.get_mut(&rank) {
            told.sessions += sessions;
            return;
        }
        current.insert(
            rank,
            Told {
                user: portion.user.clone(),
                authenticator: authenticator.to_owned(),
                class: portion.key,
                sessions,
                change,
                before: cut(&portion.present.rendered.rules),
                after: answer.ok().map(|decision| cut(&decision.rendered.rules)),
            },
        );
        // The last in order goes: a class may fall into very many parts.
        if current.len() > self.count && current.pop_last().is_some() {
            self.left_out += 1;
        }
    }

    /// What changes from one answer to the other, its texts bounded. Many classes share
    /// both, and comparing takes milliseconds.
    fn compare(
        &mut self,
        present: &Decision,
        answer: &Result<Arc<Decision>, Reason>,
    ) -> Option<Change> {
        let next = answer.as_ref().ok();
        let texts = (
            Arc::clone(&present.rendered),
            next.map(|next| Arc::clone(&next.rendered)),
        );
        let address = |text: &Arc<Rendered>| Arc::as_ptr(text).addr();
        let key = (address(&texts.0), texts.1.as_ref().map(address));
        forget_if_full(&mut self.comparisons);
        let compared = self.comparisons.entry(key).or_insert_with(|| {
            let server = next.map_or(&present.server, |next| &next.server);
            let after = answer.as_deref();
            let change = Change::between(Ok(present), after, server);
            Compared {
                change: change.map(bounded),
                _texts: texts,
            }
        });
        let change = compared.change.clone()?;
        Some(Change {
            reason: answer.as_ref().err().cloned(),
            ..change
        })
    }

    /// The class under way is complete.
    pub(crate) fn close(&mut self) {
        let Some((_, parts)) = self.current.take() else {
            return;
        };
        self.unchanged += usize::from(parts.is_empty());
        for (rank, told) in parts {
            self.bytes += told.bytes();
            self.told.insert(rank, told);
        }
        while self.told.len() > self.count || self.bytes > MAX_BYTES {
            let Some((_, told)) = self.told.pop_last() else {
                return;
            };
            self.bytes -= told.bytes();
            self.left_out += 1;
        }
    }
}

impl Told {
    fn bytes(&self) -> usize {
        let lists = self.change.loses.iter().chain(&self.change.gains);
        let rules: usize = lists.map(String::len).sum();
        let after = self.after.as_ref().map_or(0, String::len);
        rules + self.before.len() + after
    }
}

/// A change whose lists and texts are bounded: what is left out is counted.
fn bounded(change: Change) -> Change {
    let list = |rules: Vec<String>| {
        let more = rules.len().saturating_sub(MAX_RULES);
        let mut told: Vec<String> = rules.iter().take(MAX_RULES).map(|rule| cut(rule)).collect();
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        told
    };
    Change {
        loses: list(change.loses),
        gains: list(change.gains),
        ..change
    }
}

/// A text, shortened.
fn cut(text: &str) -> String {
    if text.len() <= MAX_RULE_BYTES {
        return text.to_owned();
    }
    let mut end = MAX_RULE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (start, _) = text.split_at(end);
    format!("{start}…")
}

/// Empties what has grown too large.
fn forget_if_full<K, V>(remembered: &mut HashMap<K, V>) {
    if remembered.len() >= REMEMBERED {
        remembered.clear();
    }
}
