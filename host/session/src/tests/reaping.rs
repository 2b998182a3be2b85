//! When users are freed, and that they can come back before.

use std::time::Duration;

use super::world::{World, decision};
use crate::{Action, Settings};

#[test]
fn a_user_is_freed_only_after_nobody_had_it_for_a_while() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    world.pass(1000);
    assert_eq!(world.reap(10), 0, "in use");
    world.leave(1);
    world.pass(59);
    assert_eq!(world.reap(10), 0);
    world.pass(1);
    assert_eq!(world.reap(10), 1);
    world.check();
}

#[test]
fn an_idle_class_is_taken_up_again_with_the_newest_rules() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "old"));
    let class = world.class_of(1);
    world.leave(1);
    world.registry.begin_generation(2);
    assert!(
        !world.registry.counts().review_pending,
        "an empty class needs no review"
    );
    let actions = world.enter(2, &decision(1, 2, "new"));
    assert!(matches!(
        actions[..],
        [Action::SetRules { .. }, Action::Attach { .. }]
    ));
    assert_eq!((world.class_of(2), world.rules_of(2)), (class, "new"));
    world.pass(1000);
    assert_eq!(world.reap(10), 0);
    world.check();
}

#[test]
fn users_are_freed_a_few_at_a_time_the_longest_idle_first() {
    let mut world = World::new(Settings::default());
    for client in 0..5u8 {
        world.enter(u64::from(client), &decision(client, 1, "a"));
    }
    for client in [3, 1, 0, 2, 4] {
        world.leave(client);
        world.pass(1);
    }
    world.pass(60);
    let first = world.registry.reap(world.now, 2);
    assert_eq!(first.len(), 2);
    world.perform(&first);
    assert_eq!(world.users.len(), 3);
    let freed: Vec<u64> = first
        .iter()
        .map(|action| match action {
            Action::FreeUser { class } => class.as_u64(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(freed, [4, 2]);
    assert_eq!(world.reap(10), 3);
    world.check();
}

#[test]
fn too_many_idle_users_are_freed_early() {
    let mut world = World::new(Settings {
        idle_classes_max: 2,
        idle_class: Duration::from_secs(60),
        ..Settings::default()
    });
    for client in 0..5u8 {
        world.enter(u64::from(client), &decision(client, 1, "a"));
        world.leave(u64::from(client));
    }
    assert_eq!(world.reap(10), 3);
    assert_eq!(world.registry.counts().idle_classes, 2);
}

#[test]
fn a_hundred_thousand_log_ins_leave_the_tables_flat() {
    let mut world = World::new(Settings {
        idle_classes_max: 10,
        ..Settings::default()
    });
    let decisions: Vec<_> = (0..100).map(|key| decision(key, 1, "a")).collect();
    let alice = super::world::principal("alice", Some(100_000_000));
    for (client, decision) in (0..100_000).zip(decisions.iter().cycle()) {
        world
            .admit(super::world::admission(client, &alice, decision))
            .unwrap();
        world.leave(client);
        world.reap(2);
    }
    let counts = world.registry.counts();
    assert_eq!(
        (counts.sessions, counts.classes, counts.admitted),
        (0, 10, 100_000)
    );
}
