//! Every class, with the indexes that keep each slice of work small.
//!
//! In: edits of one class at a time. Out: the class for a key, the class most in
//! need of a review, the class idle for longest. Every edit goes through one
//! function, which moves the class's entries, so no index can disagree with the
//! class. Each costs O(log n).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use warden_core::{ClassKey, Decision, UserName};

use super::{Class, ClassId, Slots};
use crate::action::Rules;
use crate::agenda::{Agenda, Instant};
use crate::session::Member;

/// All classes.
#[derive(Debug)]
pub(crate) struct ClassTable {
    classes: BTreeMap<ClassId, Class>,
    by_key: BTreeMap<ClassKey, ClassId>,
    /// Classes of users of the server's own ACL.
    by_acl_user: BTreeMap<UserName, ClassId>,
    by_user: BTreeMap<UserName, BTreeSet<ClassId>>,
    /// Classes in use and not under review, longest unreviewed first.
    pending: BTreeSet<(Option<u64>, ClassId)>,
    due: Agenda<ClassId>,
    idle: BTreeSet<(u64, ClassId)>,
    /// Sessions of condemned classes.
    condemned: usize,
    last: u64,
}

impl ClassTable {
    pub(crate) fn new() -> Self {
        Self {
            classes: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_acl_user: BTreeMap::new(),
            by_user: BTreeMap::new(),
            pending: BTreeSet::new(),
            due: Agenda::new(),
            idle: BTreeSet::new(),
            condemned: 0,
            last: 0,
        }
    }

    pub(crate) fn get(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(&id)
    }

    /// The class that new sessions with this key join.
    pub(crate) fn find(&self, key: &ClassKey) -> Option<ClassId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = ClassId> {
        self.classes.keys().copied()
    }

    /// Those from one on, in the order in which they were made.
    pub(crate) fn ids_from(&self, start: Bound<ClassId>) -> impl Iterator<Item = ClassId> {
        self.classes
            .range((start, Bound::Unbounded))
            .map(|(id, _)| *id)
    }

    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    /// Sessions of condemned classes.
    pub(crate) fn condemned_members(&self) -> usize {
        self.condemned
    }

    pub(crate) fn idle_len(&self) -> usize {
        self.idle.len()
    }

    /// The class that became empty first, and when.
    pub(crate) fn longest_idle(&self) -> Option<(u64, ClassId)> {
        self.idle.first().copied()
    }

    /// The class in use evaluated longest ago, if before `generation`.
    pub(crate) fn first_stale(&self, generation: u64) -> Option<ClassId> {
        let (reviewed, id) = self.pending.first()?;
        (*reviewed < Some(generation)).then_some(*id)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<ClassId> {
        self.due.pop_due(now)
    }

    /// Makes an empty class; the newest with a key is the one later sessions join.
    pub(crate) fn create(
        &mut self,
        user: UserName,
        decision: Arc<Decision>,
        now: Instant,
    ) -> ClassId {
        let key = decision.class;
        let id = self.insert(Class::new(user, decision), now);
        self.by_key.insert(key, id);
        id
    }

    /// The class of a user of the server's own ACL, made if there is none.
    pub(crate) fn of_acl_user(&mut self, user: UserName, now: Instant) -> ClassId {
        if let Some(id) = self.by_acl_user.get(&user) {
            return *id;
        }
        let id = self.insert(Class::of_acl_user(user.clone()), now);
        self.by_acl_user.insert(user, id);
        id
    }

    fn insert(&mut self, mut class: Class, now: Instant) -> ClassId {
        self.last += 1;
        let id = ClassId(self.last);
        class.idle_since_ms = now.monotonic_ms;
        let user = class.user.clone();
        self.by_user.entry(user).or_default().insert(id);
        self.place(id, class.slots());
        self.classes.insert(id, class);
        id
    }

    /// Changes a class and moves its entries accordingly.
    pub(crate) fn edit<R>(
        &mut self,
        id: ClassId,
        change: impl FnOnce(&mut Class) -> R,
    ) -> Option<R> {
        let class = self.classes.get_mut(&id)?;
        let before = class.slots();
        let condemned = class.condemned_members();
        let result = change(class);
        let after = class.slots();
        self.condemned = self.condemned - condemned + class.condemned_members();
        if before != after {
            self.displace(id, before);
            self.place(id, after);
        }
        Some(result)
    }

    /// Adds a session whose decision is of this generation.
    pub(crate) fn join(&mut self, id: ClassId, member: Member, generation: u64) {
        self.edit(id, |class| {
            if class.is_empty() {
                class.reviewed = Some(generation);
                class.mixed = false;
            } else {
                class.reviewed = class.reviewed.min(Some(generation));
            }
            if let Some(progress) = &mut class.progress {
                progress.joined = true;
                progress.recheck |= generation < progress.generation;
            }
            class.members.insert(member);
        });
    }

    /// Takes a session out; a class without members is idle from now on.
    pub(crate) fn leave(&mut self, id: ClassId, member: Member, now: Instant) {
        self.edit(id, |class| {
            class.members.remove(&member);
            if class.is_empty() {
                class.idle_since_ms = now.monotonic_ms;
                class.progress = None;
            }
        });
    }

    /// Gives a class another key. If a newer class has that key, it keeps it.
    pub(crate) fn rekey(&mut self, id: ClassId, key: ClassKey) {
        if self.edit(id, |class| class.key != key) == Some(true) {
            self.conceal(id);
        }
        if self.edit(id, |class| class.key = key).is_none() {
            return;
        }
        let holder = self.by_key.entry(key).or_insert(id);
        *holder = id.max(*holder);
    }

    /// Lets no later session join a class.
    pub(crate) fn conceal(&mut self, id: ClassId) {
        if let Some(class) = self.classes.get(&id)
            && self.by_key.get(&class.key) == Some(&id)
        {
            self.by_key.remove(&class.key);
        }
    }

    /// Forgets a class, its user being freed, and answers its rules.
    pub(crate) fn remove(&mut self, id: ClassId) -> Option<Rules> {
        self.conceal(id);
        let class = self.classes.remove(&id)?;
        if class.rules.are_of_acl_user() {
            self.by_acl_user.remove(&class.user);
        }
        if let Some(classes) = self.by_user.get_mut(&class.user) {
            classes.remove(&id);
            if classes.is_empty() {
                self.by_user.remove(&class.user);
            }
        }
        self.displace(id, class.slots());
        self.condemned -= class.condemned_members();
        Some(class.rules)
    }

    /// The next classes of a user's name, those after one.
    pub(crate) fn of_user(
        &self,
        user: &UserName,
        after: Option<ClassId>,
        limit: usize,
    ) -> Vec<ClassId> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let classes = self.by_user.get(user).into_iter();
        classes
            .flat_map(|classes| classes.range((start, Bound::Unbounded)))
            .take(limit)
            .copied()
            .collect()
    }

    fn place(&mut self, id: ClassId, slots: Slots) {
        if let Some(reviewed) = slots.pending {
            self.pending.insert((reviewed, id));
        }
        if let Some(since) = slots.idle {
            self.idle.insert((since, id));
        }
        self.due.insert(slots.due, id);
    }

    fn displace(&mut self, id: ClassId, slots: Slots) {
        if let Some(reviewed) = slots.pending {
            self.pending.remove(&(reviewed, id));
        }
        if let Some(since) = slots.idle {
            self.idle.remove(&(since, id));
        }
        self.due.remove(slots.due, id);
    }
}
