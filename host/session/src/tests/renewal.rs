//! What becomes of live sessions when other things are known of whom they belong to.

use std::sync::Arc;
use std::time::Duration;

use warden_core::{ClientId, Decision, Reason, ReasonKind};

use super::world::{START, World, admission, decision, principal};
use crate::{Answer, Proof, Settings};

/// Sessions of one class: the first half by one proof, the others by another.
fn crowd(count: u64) -> (World, [Proof; 2]) {
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(1);
    let proofs = [principal("alice", Some(500)), principal("alice", Some(500))];
    for client in 0..count {
        let proof = &proofs[usize::from(client >= count / 2)];
        world
            .admit(admission(client, proof, &decision(1, 1, "old")))
            .unwrap();
    }
    (world, proofs)
}

/// Renews, and answers the reviews by the end of the principal. Answers how many edits of
/// users followed.
fn renew(
    world: &mut World,
    pairs: Vec<(Proof, Proof)>,
    answer: impl Fn(Option<u64>) -> Answer,
) -> usize {
    world.registry.renew_proofs(pairs);
    while world.registry.mark_renewed() {}
    let mut edits = 0;
    loop {
        let reviews = world.registry.next_review(world.now, 3);
        if reviews.is_empty() {
            return edits;
        }
        for review in reviews {
            let ends = |one: &crate::Alike| {
                let ends = one.principal.get().expires;
                ends.map(|ends| ends.as_unix_seconds() - START)
            };
            let answers = review.alike.iter().map(|one| answer(ends(one)));
            let answers = answers.collect();
            let actions = world.registry.apply_review(review, answers, world.now);
            world.perform(&actions);
            edits += actions.len();
        }
    }
}

fn new() -> Arc<Decision> {
    decision(2, 1, "new")
}

#[test]
fn all_sessions_of_a_person_change_at_once_and_go_on() {
    let (mut world, [one, two]) = crowd(20);
    let pairs = vec![
        (one, principal("alice", Some(600))),
        (two, principal("alice", Some(700))),
    ];
    let edits = renew(&mut world, pairs, |_| Ok(new()));
    assert_eq!(edits, 1);
    assert!((0..20).all(|client| world.rules_of(client) == "new"));
    let expires = |client| {
        let session = world.registry.session(ClientId(client)).unwrap();
        session.expires.unwrap().as_unix_seconds() - START
    };
    assert_eq!((expires(0), expires(19)), (600, 700));
    world.check();
}

#[test]
fn who_is_refused_by_what_is_known_now_is_closed() {
    let (mut world, [one, two]) = crowd(4);
    let pairs = vec![
        (one, principal("alice", Some(600))),
        (two, principal("alice", Some(600))),
    ];
    renew(&mut world, pairs, |_| {
        Err(Reason::new(ReasonKind::NoGrant, "no grant"))
    });
    assert_eq!(world.rules_of(0), crate::NO_RIGHTS);
    while world.close_due(2) > 0 {}
    assert_eq!(world.closed.len(), 4);
}

#[test]
fn an_answer_about_what_was_known_before_comes_too_late() {
    let (mut world, [one, _two]) = crowd(4);
    world.registry.begin_generation(2);
    let mut reviews = world.registry.next_review(world.now, 100);
    world
        .registry
        .renew_proofs([(one, principal("alice", Some(600)))]);
    while world.registry.mark_renewed() {}
    let review = reviews.remove(0);
    let answers = review.alike.iter().map(|_| Ok(decision(1, 2, "late")));
    let answers = answers.collect();
    let actions = world.registry.apply_review(review, answers, world.now);
    assert!(actions.is_empty());
    assert_eq!(world.registry.next_review(world.now, 100).len(), 1);
}

#[test]
fn another_persons_proof_takes_nobodys_place() {
    let (mut world, [one, _two]) = crowd(2);
    let edits = renew(&mut world, vec![(one, principal("bob", Some(600)))], |_| {
        Ok(new())
    });
    assert_eq!(edits, 0);
    assert_eq!(world.rules_of(0), "old");
}

#[test]
fn a_session_that_ends_and_a_new_one_know_nothing_of_each_other() {
    let (mut world, [one, two]) = crowd(2);
    let pairs = vec![
        (one, principal("alice", Some(600))),
        (two, principal("alice", Some(600))),
    ];
    renew(&mut world, pairs, |_| Ok(new()));
    world.leave(0);
    world.leave(1);
    world.now.monotonic += Duration::from_secs(1);
    let third = principal("alice", Some(500));
    world
        .admit(admission(7, &third, &decision(1, 1, "old")))
        .unwrap();
    assert_eq!(world.rules_of(7), "old");
    let session = world.registry.session(ClientId(7)).unwrap();
    assert_eq!(session.principal, third.get());
}
