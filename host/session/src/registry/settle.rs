//! Making rules of a review's answers.
//!
//! In: a review and the policies' answers. Out: at most one change of rules; members
//! who may not go on are marked for closing. Rights lost are lost first: the change
//! comes before any closing, and when nobody is accepted the user loses everything.
//!
//! The answer of most members of the first slice (between equals, of the smallest
//! connection) becomes the class's; whoever's rules differ from it is closed, because
//! no client can be moved to another user. Between the change of rules and its
//! closing such a member, or one that was refused, has the rules of the majority:
//! closings of this kind are handed out before all others. Doubt, a missing answer included, is a refusal.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use warden_core::{ClientId, Decision, Now, Reason, ReasonKind};

use super::Registry;
use super::doomed::Haste;
use super::review::{Answer, Review};
use crate::action::Rules;
use crate::agenda::{Deadline, Instant};
use crate::session::Member;
use crate::{Action, ClassId, EndCause};

impl Registry {
    /// Takes the answers to a review, in the order of its requests; a missing one
    /// is a refusal. Members to be closed follow from
    /// [`close_due`](Registry::close_due), after the actions returned here.
    ///
    /// Answers that came too late (the class has a newer decision, the review was
    /// handed out again) change nothing, the class is reviewed anew.
    pub fn apply_review(&mut self, review: Review, answers: Vec<Answer>, now: Now) -> Vec<Action> {
        let now = Instant::from(now);
        if !self.receive(&review, &answers) {
            return Vec::new();
        }
        let Review {
            class,
            generation,
            alike,
            last,
            ..
        } = review;
        let mut accepted = Vec::new();
        let mut refused = Vec::new();
        let mut answers = answers.into_iter();
        for one in alike {
            let mut members = one.members;
            members.retain(|member| self.stays(*member));
            let answer = answers.next().unwrap_or_else(|| Err(unanswered()));
            match answer {
                _ if members.is_empty() => {}
                Ok(decision) => accepted.push((decision, members)),
                Err(reason) => refused.push((reason, members)),
            }
        }
        let kept = self.kept(class, &accepted);
        let haste = match kept {
            Some(_) => Haste::Highest,
            None => Haste::High,
        };
        let anyone_refused = !refused.is_empty();
        for (reason, members) in refused {
            self.doom(members, &EndCause::refused(reason), haste);
        }
        let action = match kept {
            Some(kept) => self.settle(class, &kept, accepted),
            None if anyone_refused => self.refuse_all(class, generation),
            None => None,
        };
        self.advance(class, last, now);
        action.into_iter().collect()
    }

    /// Whether the answers are to be applied. If they came too late or are of
    /// another generation, the review begins anew.
    fn receive(&mut self, review: &Review, answers: &[Answer]) -> bool {
        let generation = review.generation;
        let foreign = answers
            .iter()
            .flatten()
            .any(|decision| decision.generation != generation);
        let received = self.classes.edit(review.class, |class| {
            let awaited = class
                .progress
                .as_mut()
                .and_then(|progress| progress.awaited.as_mut());
            if awaited.is_none_or(|(ticket, _)| *ticket != review.ticket) {
                return false;
            }
            if foreign || class.generation > generation {
                class.progress = None;
                return false;
            }
            if let Some(progress) = &mut class.progress {
                progress.awaited = None;
            }
            true
        });
        received == Some(true)
    }

    /// The answer the class keeps; `None` while nobody is accepted.
    fn kept(
        &self,
        class: ClassId,
        accepted: &[(Arc<Decision>, Vec<Member>)],
    ) -> Option<Arc<Decision>> {
        let progress = self.classes.get(class)?.progress.as_ref()?;
        if let Some(kept) = &progress.kept {
            return Some(Arc::clone(kept));
        }
        let mut votes: BTreeMap<&str, (usize, Reverse<Option<Member>>)> = BTreeMap::new();
        for (decision, members) in accepted {
            let first = members.first().copied();
            let vote = votes
                .entry(&decision.rendered.rules)
                .or_insert((0, Reverse(first)));
            vote.0 += members.len();
            vote.1 = vote.1.max(Reverse(first));
        }
        let (winner, _) = votes.into_iter().max_by_key(|(_, vote)| *vote)?;
        accepted
            .iter()
            .filter(|(decision, _)| decision.rendered.rules == winner)
            .max_by_key(|(_, members)| (members.len(), Reverse(members.first().copied())))
            .map(|(decision, _)| Arc::clone(decision))
    }

    /// Gives the class the answer it keeps, and dooms the members who differ.
    fn settle(
        &mut self,
        id: ClassId,
        kept: &Arc<Decision>,
        accepted: Vec<(Arc<Decision>, Vec<Member>)>,
    ) -> Option<Action> {
        for (decision, members) in accepted {
            if decision.rendered.rules != kept.rendered.rules {
                self.doom(members, &EndCause::Split, Haste::Highest);
                continue;
            }
            for member in members {
                self.renew(member, &decision);
            }
            self.classes.edit(id, |class| {
                if let Some(progress) = &mut class.progress {
                    let ends = [progress.valid_until, decision.valid_until];
                    progress.valid_until = ends.into_iter().flatten().min();
                    progress.mixed |= decision.class != kept.class;
                }
            });
        }
        self.classes.rekey(id, kept.class);
        let changed = self.classes.edit(id, |class| {
            if let Some(progress) = &mut class.progress {
                progress.kept = Some(Arc::clone(kept));
            }
            class.adopt(kept)
        })?;
        changed.then(|| Action::SetRules {
            class: id,
            rules: Rules::decided(Arc::clone(kept)),
        })
    }

    /// Nobody so far is accepted: no rights while the members wait to be closed.
    fn refuse_all(&mut self, id: ClassId, generation: u64) -> Option<Action> {
        self.classes.edit(id, |class| class.generation = generation);
        self.strip(id)
    }

    /// A session's end under its new decision, counted from its admission.
    fn renew(&mut self, member: Member, decision: &Decision) {
        let longest = self.settings.longest(decision.session_ttl);
        if let Some(session) = self.sessions.get(&member.client) {
            let expires = self.renewals.newest(&session.principal).get().expires;
            let deadline = Deadline::earliest(session.since, expires, longest);
            let since = session.since;
            self.set_term(member.client, since, deadline);
        }
    }

    /// Gives the session of a connection another beginning and end.
    pub(super) fn set_term(&mut self, client: ClientId, since: Instant, end: Option<Deadline>) {
        if let Some(session) = self.sessions.get_mut(&client) {
            let former = session.deadline();
            session.set_term(since, end);
            let end = session.deadline();
            if former != end && !session.closing {
                self.expiry.remove(former, client);
                self.expiry.insert(end, client);
            }
        }
    }

    /// Goes on with the next slice of the class, or ends its review.
    pub(super) fn advance(&mut self, id: ClassId, last: Member, now: Instant) {
        let more = self.classes.edit(id, |class| {
            let rest = (Bound::Excluded(last), Bound::Unbounded);
            let more = class.members.range(rest).next().is_some();
            if let Some(progress) = &mut class.progress {
                progress.cursor = Some(last);
                // Members not yet looked at may have other keys.
                class.mixed |= progress.mixed || more;
            }
            more
        });
        if more == Some(false) {
            self.finish(id, now);
        }
    }

    /// Every member has been looked at. If somebody joined whose answer this review
    /// cannot vouch for, another follows; it ends because from now on only
    /// sessions with the class's present key and generation join.
    pub(super) fn finish(&mut self, id: ClassId, now: Instant) {
        self.classes.edit(id, |class| {
            let Some(progress) = class.progress.take() else {
                return;
            };
            let unvouched = progress.key != class.key || progress.kept.is_none();
            let again = progress.recheck || (progress.joined && unvouched);
            class.reviewed = (!again).then_some(progress.generation);
            class.mixed = progress.mixed || again;
            if progress.kept.is_some() {
                // The answer of somebody who joined meanwhile may end sooner.
                let joined = class.due.filter(|_| progress.joined);
                class.stand_until(progress.valid_until, now);
                class.be_due_by(joined);
            }
        });
    }
}

fn unanswered() -> Reason {
    Reason::new(ReasonKind::Internal, "the review gave no answer")
}
