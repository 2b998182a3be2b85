//! Expiry, removed authenticators, failed rules, unload.

use std::sync::Arc;
use std::time::Duration;

use warden_core::{AuthenticatorId, ClientId, Timestamp};

use super::world::{START, World, admission, decision, decision_with, principal, principal_at};
use crate::{Action, EndCause, NO_RIGHTS, Settings};

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn the_shortest_of_token_policy_and_operator_ends_a_session() {
    for (token, policy, operator) in [
        (Some(10), seconds(20), seconds(30)),
        (Some(20), seconds(10), seconds(30)),
        (Some(20), seconds(30), seconds(10)),
        (None, None, seconds(10)),
    ] {
        let mut world = World::new(Settings {
            session_max: operator,
            ..Settings::default()
        });
        let decision = decision_with(1, 1, "a", |d| d.session_ttl = policy);
        world
            .admit(admission(1, &principal("alice", token), &decision))
            .unwrap();
        world.pass(9);
        assert_eq!(world.close_due(10), 0);
        world.pass(1);
        assert_eq!(world.close_due(10), 1);
        assert_eq!(world.closed[0].1, EndCause::Expired);
        world.check();
    }
}

#[test]
fn a_wall_clock_set_back_does_not_postpone_the_end() {
    let mut world = World::new(Settings::default());
    world
        .admit(admission(
            1,
            &principal("alice", Some(10)),
            &decision(1, 1, "a"),
        ))
        .unwrap();
    world.now.wall = Timestamp::from_unix_seconds(START - 86_400);
    world.now.monotonic += Duration::from_secs(10);
    assert_eq!(world.close_due(10), 1);
}

#[test]
fn a_wall_clock_set_forward_ends_at_once() {
    let mut world = World::new(Settings::default());
    world
        .admit(admission(
            1,
            &principal("alice", Some(10)),
            &decision(1, 1, "a"),
        ))
        .unwrap();
    world.now.wall = Timestamp::from_unix_seconds(START + 10);
    assert_eq!(world.close_due(10), 1);
}

#[test]
fn a_session_without_any_bound_stays() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    world.pass(u64::from(u32::MAX));
    assert_eq!(world.close_due(10), 0);
}

#[test]
fn an_end_that_no_clock_reaches_is_none() {
    let mut world = World::new(Settings::default());
    let endless = decision_with(1, 1, "a", |decision| {
        decision.session_ttl = Some(Duration::from_secs(u64::MAX));
    });
    let alice = principal("alice", None);
    for client in 0..3 {
        world.admit(admission(client, &alice, &endless)).unwrap();
        world.pass(7);
        let again = world
            .registry
            .repeat(ClientId(client), &alice, 1, world.now);
        assert!(again.is_some());
    }
    world.check();
    assert_eq!(world.registry.awaited_ends(), 0);
}

#[test]
fn sessions_are_closed_once_and_no_more_than_the_limit_at_a_time() {
    let mut world = World::new(Settings::default());
    let reader = decision(1, 1, "a");
    for client in 0..120 {
        world
            .admit(admission(client, &principal("alice", Some(10)), &reader))
            .unwrap();
    }
    world.pass(10);
    let first = world.registry.close_due(world.now, 50);
    let second = world.registry.close_due(world.now, 50);
    assert_eq!(
        (first.len(), second.len()),
        (50, 50),
        "not given out again before they left"
    );
    world.perform(&first);
    world.perform(&second);
    assert_eq!(world.close_due(50), 20);
    assert_eq!(world.close_due(50), 0);
    assert_eq!(world.registry.counts().expired, 120);
    world.check();
}

#[test]
fn the_sessions_of_a_removed_authenticator_are_closed_in_slices() {
    let mut world = World::new(Settings::default());
    let (corp, other) = (decision(1, 1, "a"), decision(2, 1, "b"));
    for client in 0..60 {
        world
            .admit(admission(client * 2, &principal("alice", None), &corp))
            .unwrap();
        world
            .admit(admission(
                client * 2 + 1,
                &principal_at("other", "alice", None),
                &other,
            ))
            .unwrap();
    }
    world
        .registry
        .forget_authenticator(&AuthenticatorId::new("corp").unwrap());
    assert_eq!(world.close_due(50), 50);
    // The authenticator is back: who is admitted from now on stays.
    world.enter(1000, &corp);
    assert_eq!(world.close_due(50), 10);
    assert_eq!(world.close_due(50), 0);
    assert_eq!(world.attached.len(), 61);
    assert!(
        world
            .closed
            .iter()
            .all(|(_, cause)| *cause == EndCause::AuthenticatorRemoved)
    );
    world.check();
}

#[test]
fn a_removal_among_very_many_sessions_is_found_over_several_slices() {
    let mut world = World::new(Settings::default());
    let (corp, other) = (decision(1, 1, "a"), decision(2, 1, "b"));
    for client in 0..10_000 {
        world.enter(client, &corp);
    }
    world
        .admit(admission(
            10_000,
            &principal_at("other", "bob", None),
            &other,
        ))
        .unwrap();
    world
        .registry
        .forget_authenticator(&AuthenticatorId::new("other").unwrap());
    let closed: Vec<usize> = (0..11).map(|_| world.close_due(50)).collect();
    assert_eq!(closed, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_class_whose_rules_cannot_be_set_loses_everything() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    world.enter(2, &decision(1, 1, "a"));
    let class = world.class_of(1);
    let actions = world.registry.condemn(class, &EndCause::RulesNotSet);
    assert!(
        matches!(&actions[..], [Action::SetRules { rules, .. }] if rules.as_str() == NO_RIGHTS)
    );
    world.perform(&actions);
    world.enter(3, &decision(1, 1, "a"));
    assert_ne!(world.class_of(3), class, "nobody joins it");
    assert_eq!(world.close_due(10), 2);
    assert_eq!(world.closed_clients(), [1, 2]);
    world.check();
}

#[test]
fn answers_under_way_give_a_condemned_class_nothing_back() {
    let mut world = World::new(Settings::default());
    for client in 0..4 {
        world.enter(client, &decision(1, 1, "old"));
    }
    world.registry.begin_generation(2);
    for slice in 0..2 {
        let review = world.registry.next_review(world.now, 2).remove(0);
        if slice == 1 {
            let actions = world
                .registry
                .condemn(world.class_of(0), &EndCause::RulesNotSet);
            world.perform(&actions);
        }
        let answers = vec![Ok(decision(1, 2, "new")); review.alike.len()];
        let actions = world.registry.apply_review(review, answers, world.now);
        world.perform(&actions);
    }
    assert_eq!(world.rules_of(0), NO_RIGHTS);
    assert!(world.registry.next_review(world.now, 10).is_empty());
    assert_eq!(world.close_due(10), 4);
    world.check();
}

#[test]
fn a_condemned_class_is_closed_a_few_at_a_time_and_reviewed_no_more() {
    let mut world = World::new(Settings::default());
    for client in 0..100 {
        world.enter(client, &decision(1, 1, "old"));
    }
    let class = world.class_of(0);
    let actions = world.registry.condemn(class, &EndCause::NameTaken);
    world.perform(&actions);
    assert_eq!(world.registry.counts().doomed, 100);
    assert_eq!(world.close_due(30), 30);
    world.registry.begin_generation(2);
    assert!(world.registry.next_review(world.now, 1000).is_empty());
    assert_eq!(world.rules_of(99), NO_RIGHTS);
    world.leave(50);
    assert!(
        world
            .registry
            .condemn(class, &EndCause::NameTaken)
            .is_empty()
    );
    let closed: Vec<usize> = (0..4).map(|_| world.close_due(30)).collect();
    assert_eq!(closed, [30, 30, 9, 0]);
    assert_eq!(world.registry.counts().doomed, 0);
    world.pass(60);
    assert_eq!(world.reap(10), 1);
    world.check();
}

#[test]
fn draining_admits_nobody_and_ends_everything_a_few_at_a_time() {
    let mut world = World::new(Settings::default());
    for client in 0..5u8 {
        world.enter(u64::from(client), &decision(client, 1, "a"));
    }
    world.registry.begin_drain();
    let late = admission(9, &principal("alice", None), &decision(9, 1, "a"));
    assert!(world.admit(late).is_err());
    let closed: Vec<usize> = (0..4).map(|_| world.close_due(2)).collect();
    assert_eq!(closed, [2, 2, 1, 0]);
    assert!(
        world
            .closed
            .iter()
            .all(|(_, cause)| *cause == EndCause::Unload)
    );
    // Nobody comes back to an idle class: it is not kept for a while.
    let freed: Vec<usize> = (0..3).map(|_| world.reap(4)).collect();
    assert_eq!(freed, [4, 1, 0]);
    world.check();
}

#[test]
fn unloading_closes_every_session_and_then_frees_every_user() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    world.enter(2, &decision(2, 1, "b"));
    world.enter(3, &decision(3, 1, "c"));
    world.leave(3);
    let actions = world.registry.drain();
    world.perform(&actions);
    assert!(world.users.is_empty() && world.attached.is_empty());
    let counts = world.registry.counts();
    assert_eq!(
        (counts.sessions, counts.classes, counts.idle_classes),
        (0, 0, 0)
    );
    world.enter(1, &decision(1, 1, "a"));
    world.check();
}

#[test]
fn proofs_that_are_disowned_one_by_one_are_looked_for_together() {
    const DISOWNED: usize = 500;
    let mut world = World::new(Settings::default());
    let decision = decision(1, 1, "a");
    let proofs: Vec<_> = (0..5_000)
        .map(|number| principal(&format!("user{number}"), None))
        .collect();
    for (client, proof) in (1..).zip(&proofs) {
        world.admit(admission(client, proof, &decision)).unwrap();
    }
    for proof in proofs.iter().take(DISOWNED) {
        world.registry.disown(vec![Arc::clone(proof)]);
        world.close_due(32);
    }
    let mut slices = 0;
    while world.closed.len() < DISOWNED {
        world.close_due(32);
        slices += 1;
        assert!(slices < 30, "{} are closed", world.closed.len());
    }
    let all = world.closed.iter();
    assert!(all.clone().all(|(_, cause)| *cause == EndCause::Disowned));
    assert!(
        all.clone().all(|(client, _)| client.0 <= DISOWNED as u64),
        "nobody else"
    );
}
