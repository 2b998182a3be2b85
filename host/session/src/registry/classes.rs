//! Live classes, a bounded part at a time: for whoever asks what other policies would
//! mean for them.
//!
//! In: where to go on. Out: members of classes, grouped by what policies can tell apart,
//! and what they have now. Nothing here changes anything, and a walk that is given up
//! leaves nothing behind.

use std::ops::Bound;
use std::sync::Arc;

use warden_core::{ClassKey, Decision, UserName};

use super::Registry;
use super::review::Alike;
use crate::ClassId;
use crate::session::Member;

/// Classes without a member to look at that one call may pass over: bounds a slice
/// where there are very many of them.
const VISITS: usize = 256;

/// Members of one class, and what they may do.
#[derive(Debug)]
pub struct Portion {
    /// Whose members.
    pub class: ClassId,
    /// Their user.
    pub user: UserName,
    /// What sessions show as their class.
    pub key: ClassKey,
    /// What they have now.
    pub present: Arc<Decision>,
    /// The distinct requests among these members.
    pub alike: Vec<Alike>,
}

/// How far a walk over all classes has come. Those that are made while it is under way
/// are not meant.
#[derive(Clone, Debug)]
pub struct Walk {
    last: Option<ClassId>,
    at: Place,
}

/// What a walk has behind it.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nothing.
    Start,
    /// All classes up to this one.
    Behind(ClassId),
    /// The same but for this class, of which there are members behind this one. They are
    /// of no other class, whatever becomes of this one.
    Within(ClassId, Member),
}

impl Registry {
    /// A walk over the classes of this moment.
    pub fn walk(&self) -> Walk {
        Walk {
            last: self.classes.ids().next_back(),
            at: Place::Start,
        }
    }

    /// The next members of classes that policies decide about, at most `limit` of them,
    /// and whether there may be more. Sessions that are being closed are passed over, and
    /// classes that have no rights any more.
    pub fn go_on(&self, walk: &mut Walk, limit: usize) -> (Vec<Portion>, bool) {
        let mut portions = Vec::new();
        let (mut left, mut visits) = (limit, VISITS);
        while let Some(id) = self.next_class(walk) {
            if left == 0 || visits == 0 {
                return (portions, true);
            }
            visits -= 1;
            let members = self.next_members(walk, id, left);
            left -= members.len();
            walk.at = match members.last() {
                Some(last) => Place::Within(id, *last),
                None => Place::Behind(id),
            };
            portions.extend(self.portion(id, &members));
        }
        (portions, false)
    }

    /// The class a walk is at: the same until all its members have been taken.
    fn next_class(&self, walk: &Walk) -> Option<ClassId> {
        let start = match walk.at {
            Place::Start => Bound::Unbounded,
            Place::Behind(class) => Bound::Excluded(class),
            Place::Within(class, _) => Bound::Included(class),
        };
        let next = self.classes.ids_from(start).next();
        next.filter(|next| Some(*next) <= walk.last)
    }

    fn next_members(&self, walk: &Walk, class: ClassId, limit: usize) -> Vec<Member> {
        let start = match walk.at {
            Place::Within(at, member) if at == class => Bound::Excluded(member),
            _ => Bound::Unbounded,
        };
        let class = self.classes.get(class).filter(|class| !class.condemned);
        let members = class.map(|class| class.members.range((start, Bound::Unbounded)));
        members.into_iter().flatten().take(limit).copied().collect()
    }

    fn portion(&self, id: ClassId, members: &[Member]) -> Option<Portion> {
        let class = self.classes.get(id)?;
        let present = class.rules.decision()?;
        let alike = self.alike(members);
        (!alike.is_empty()).then(|| Portion {
            class: id,
            user: class.user.clone(),
            key: class.key,
            present: Arc::clone(present),
            alike,
        })
    }
}
