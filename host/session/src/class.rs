//! A class: one live module user, and the sessions on it.
//!
//! In: a decision and members. Out: whether a decision fits, and where the class
//! stands in the table's indexes. The table in `class/table.rs` owns all of them.

pub(crate) mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use warden_core::{ClassKey, Decision, Timestamp, UserName};

use crate::action::Rules;
use crate::agenda::{Deadline, Instant};
use crate::session::Member;

/// One live module user; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub(crate) u64);

impl ClassId {
    /// The number: at least 1.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// No class is evaluated again sooner than this for its `valid_until`: bounds
/// what a policy that is valid for no time at all costs the workers.
const MIN_VALIDITY: Duration = Duration::from_secs(1);

/// In place of the number of a generation, where none decides: later than any.
pub(crate) const UNDECIDED: u64 = u64::MAX;

/// A module user and its sessions.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    pub(crate) user: UserName,
    pub(crate) rules: Rules,
    /// The generation of the rules.
    pub(crate) generation: u64,
    /// The oldest generation under which some member was last evaluated; `None`:
    /// evaluate again whatever the generation.
    pub(crate) reviewed: Option<u64>,
    /// Members with equal rules but, as policies see them now, different keys.
    pub(crate) mixed: bool,
    /// All its sessions are being closed; none joins, and it is reviewed no more.
    pub(crate) condemned: bool,
    pub(crate) members: BTreeSet<Member>,
    /// When it became empty, on the monotonic clock.
    pub(crate) idle_since_ms: u64,
    /// When the policies' word ends.
    pub(crate) due: Option<Deadline>,
    pub(crate) progress: Option<Box<Progress>>,
}

/// How far the review of a class has come.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) generation: u64,
    /// The review handed out and not yet answered, and until when it is awaited.
    pub(crate) awaited: Option<(u64, Option<Deadline>)>,
    /// The last member looked at.
    pub(crate) cursor: Option<Member>,
    /// The key when it began.
    pub(crate) key: ClassKey,
    pub(crate) kept: Option<Arc<Decision>>,
    /// The earliest end among the accepted answers.
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) mixed: bool,
    /// Somebody joined since it began.
    pub(crate) joined: bool,
    /// Somebody joined with a decision older than this review.
    pub(crate) recheck: bool,
}

/// What a decision means for a class that has its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Join; the class's own rules are as new or newer.
    Keep,
    /// Join; the decision's rules become the class's.
    Adopt,
    /// Do not join: other members may not get these rules.
    Apart,
}

impl Class {
    pub(crate) fn new(user: UserName, decision: Arc<Decision>) -> Self {
        Self {
            key: decision.class,
            user,
            generation: decision.generation,
            reviewed: Some(decision.generation),
            rules: Rules::decided(decision),
            mixed: false,
            condemned: false,
            members: BTreeSet::new(),
            idle_since_ms: 0,
            due: None,
            progress: None,
        }
    }

    /// That of a user of the server's own ACL, which no generation decides about.
    pub(crate) fn of_acl_user(user: UserName) -> Self {
        Self {
            key: ClassKey::new([0; 32]),
            user,
            generation: UNDECIDED,
            reviewed: Some(UNDECIDED),
            rules: Rules::of_acl_user(),
            mixed: false,
            condemned: false,
            members: BTreeSet::new(),
            idle_since_ms: 0,
            due: None,
            progress: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Its sessions, if they are being closed for what is wrong with the class.
    pub(crate) fn condemned_members(&self) -> usize {
        if self.condemned {
            self.members.len()
        } else {
            0
        }
    }

    /// How an admission's decision for this class's key goes with the class.
    ///
    /// INVARIANT: a class key digests the projection as well as the projected
    /// values. Members of a class that is not mixed were admitted under one key,
    /// so when a newer generation arrives at that key again, it projects the same
    /// fields, sees the same values for every member and gives them all this
    /// decision: adopting its rules for all is right. In a mixed class it is not.
    pub(crate) fn fit(&self, decision: &Arc<Decision>) -> Fit {
        let Some(own) = self.rules.decision() else {
            return Fit::Apart;
        };
        // Of two answers of one generation to one request the one that stands
        // longer is taken: the policies themselves promised it for that time.
        let until = |d: &Decision| {
            d.valid_until
                .unwrap_or(Timestamp::from_unix_millis(u64::MAX))
        };
        let newer = (decision.generation, until(decision)) > (own.generation, until(own));
        let same = decision.rendered.rules == own.rendered.rules;
        if !newer {
            Fit::Keep
        } else if self.mixed && !self.is_empty() && !same {
            Fit::Apart
        } else {
            Fit::Adopt
        }
    }

    /// Takes a decision's rules; says whether their text changed.
    pub(crate) fn adopt(&mut self, decision: &Arc<Decision>) -> bool {
        let rules = Rules::decided(Arc::clone(decision));
        let changed = rules != self.rules;
        self.rules = rules;
        self.generation = decision.generation;
        changed
    }

    /// Sets when the class is next due for its `valid_until`.
    pub(crate) fn stand_until(&mut self, valid_until: Option<Timestamp>, now: Instant) {
        let floor = now.wall.plus(MIN_VALIDITY);
        self.due = Deadline::earliest(now, valid_until.map(|until| until.max(floor)), None);
    }

    /// Makes it due no later than this.
    pub(crate) fn be_due_by(&mut self, deadline: Option<Deadline>) {
        if let Some(deadline) = deadline {
            self.due = Some(self.due.map_or(deadline, |due| due.or(deadline)));
        }
    }

    fn slots(&self) -> Slots {
        if self.is_empty() {
            return Slots {
                idle: Some(self.idle_since_ms),
                ..Slots::default()
            };
        }
        if self.condemned {
            return Slots::default();
        }
        match self.progress.as_ref().and_then(|progress| progress.awaited) {
            Some((_, patience)) => Slots {
                due: patience,
                ..Slots::default()
            },
            // INVARIANT: policies never decide about users of the server's own ACL.
            None => Slots {
                pending: (!self.rules.are_of_acl_user()).then_some(self.reviewed),
                due: self.due,
                idle: None,
            },
        }
    }
}

impl Progress {
    pub(crate) fn begin(generation: u64, key: ClassKey) -> Self {
        Self {
            generation,
            awaited: None,
            cursor: None,
            key,
            kept: None,
            valid_until: None,
            mixed: false,
            joined: false,
            recheck: false,
        }
    }
}

/// A class's places in the table's indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slots {
    pending: Option<Option<u64>>,
    due: Option<Deadline>,
    idle: Option<u64>,
}
