//! A walk over live classes, a part at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{World, admission, decision, decision_with, principal};
use crate::{EndCause, Portion, Selection, Settings};

/// All portions of a walk, and how many calls it took.
fn all(world: &World, limit: usize) -> (Vec<Portion>, usize) {
    let mut walk = world.registry.walk();
    let (mut found, mut calls) = (Vec::new(), 0);
    loop {
        let (portions, more) = world.registry.go_on(&mut walk, limit);
        let members = portions.iter().map(sessions).sum::<usize>();
        assert!(members <= limit, "{members} of {limit}");
        found.extend(portions);
        calls += 1;
        if !more {
            return (found, calls);
        }
    }
}

fn sessions(portion: &Portion) -> usize {
    let alike = portion.alike.iter();
    alike.map(|one| one.sessions()).sum()
}

/// Sessions by user, in the order of the walk.
fn by_user(portions: &[Portion]) -> BTreeMap<String, usize> {
    let mut users = BTreeMap::new();
    for portion in portions {
        *users.entry(portion.user.to_string()).or_default() += sessions(portion);
    }
    users
}

/// Sessions of Alice, in class 1, and of some others, each in a class of its own.
fn crowd(alices: u64, others: u8) -> World {
    let mut world = World::new(Settings::default());
    let (alice, one) = (principal("alice", None), decision(1, 1, "one"));
    for client in 0..alices {
        world.admit(admission(client, &alice, &one)).unwrap();
    }
    for number in 0..others {
        let other = principal(&format!("other{number}"), None);
        let own = decision(100 + number, 1, "own");
        let client = 1000 + u64::from(number);
        world.admit(admission(client, &other, &own)).unwrap();
    }
    world
}

#[test]
fn every_session_is_met_once_however_small_the_parts() {
    let world = crowd(7, 5);
    for limit in [1, 2, 3, 7, 8, 100] {
        let (portions, calls) = all(&world, limit);
        let users = by_user(&portions);
        assert_eq!(users["corp/alice"], 7, "{limit}");
        assert_eq!(users.len(), 6);
        assert!(
            calls >= 12_usize.div_ceil(limit),
            "{calls} calls of {limit}"
        );
        // The parts of one class follow one another.
        let mut classes: Vec<_> = portions.iter().map(|portion| portion.class).collect();
        classes.dedup();
        assert_eq!(classes.len(), 6);
    }
}

#[test]
fn members_alike_are_one_and_show_what_they_have() {
    let world = crowd(4, 0);
    let (portions, _) = all(&world, 100);
    let [portion] = &portions[..] else {
        panic!("one class: {portions:?}");
    };
    assert_eq!(portion.alike.len(), 1);
    assert_eq!(portion.present.rendered.rules, "one");
    assert_eq!(portion.key, portion.present.class);
}

#[test]
fn sessions_that_end_and_classes_that_come_later_are_not_met() {
    let mut world = crowd(2, 2);
    world.leave(0);
    world.registry.kill(Selection {
        client: Some(warden_core::ClientId(1000)),
        ..Selection::default()
    });
    let mut walk = world.registry.walk();
    world.close_due(1);
    let late = principal("late", None);
    let admission = admission(9, &late, &decision(50, 1, "late"));
    world.admit(admission).unwrap();
    let (portions, more) = world.registry.go_on(&mut walk, 100);
    assert!(!more);
    let users: Vec<_> = by_user(&portions).into_iter().collect();
    let expected = [("corp/alice", 1), ("corp/other1", 1)];
    let expected = expected.map(|(user, sessions)| (user.to_owned(), sessions));
    assert_eq!(users, expected);
    assert!(
        world
            .closed
            .iter()
            .all(|(_, cause)| matches!(cause, EndCause::Killed(_)))
    );
}

#[test]
fn a_walk_goes_on_past_classes_that_went_away() {
    let mut world = crowd(3, 3);
    let mut walk = world.registry.walk();
    let (first, more) = world.registry.go_on(&mut walk, 2);
    assert!(more && first.iter().map(sessions).sum::<usize>() == 2);
    for client in [0, 1, 2, 1000] {
        world.leave(client);
    }
    world.pass(3600);
    while world.reap(10) > 0 {}
    let (rest, more) = world.registry.go_on(&mut walk, 100);
    let users: Vec<_> = by_user(&rest).into_keys().collect();
    assert!(!more);
    assert_eq!(users, ["corp/other1", "corp/other2"]);
}

#[test]
fn a_walk_takes_the_next_class_whole_when_the_one_it_was_in_goes_away() {
    let mut world = World::new(Settings::default());
    let alice = principal("alice", None);
    for client in [100, 101] {
        let admission = admission(client, &alice, &decision(1, 1, "one"));
        world.admit(admission).unwrap();
    }
    // Later made, and of a connection that has been there for longer.
    let other = principal("other", None);
    let other = admission(5, &other, &decision(2, 1, "own"));
    world.admit(other).unwrap();
    let mut walk = world.registry.walk();
    let (first, more) = world.registry.go_on(&mut walk, 1);
    assert!(more && by_user(&first).contains_key("corp/alice"));
    for client in [100, 101] {
        world.leave(client);
    }
    world.pass(3600);
    while world.reap(10) > 0 {}
    let (rest, more) = world.registry.go_on(&mut walk, 100);
    let users: Vec<_> = by_user(&rest).into_keys().collect();
    assert!(!more);
    assert_eq!(users, ["corp/other"]);
}

#[test]
fn one_call_passes_over_a_bounded_number_of_classes() {
    let mut world = World::new(Settings::default());
    for number in 0..1000_u64 {
        let one = principal(&format!("idle{number}"), None);
        let of = |decision: &mut warden_core::Decision| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            decision.class = warden_core::ClassKey::new(key);
        };
        let decision = decision_with(0, 1, "own", of);
        world
            .admit(admission(number, &one, &Arc::clone(&decision)))
            .unwrap();
        if number < 999 {
            world.leave(number);
        }
    }
    let (portions, calls) = all(&world, 100);
    assert_eq!(portions.len(), 1);
    assert!(calls >= 3, "{calls}");
}
