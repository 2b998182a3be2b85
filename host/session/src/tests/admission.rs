//! Who gets which user, and what a second admission of a connection does.

use std::time::Duration;

use warden_core::{ClientId, ReasonKind};

use super::world::{Failure, World, admission, decision, decision_with, principal};
use crate::{Action, Reauthentication, SessionId, Settings};

#[test]
fn the_second_session_of_a_class_attaches_to_the_same_user() {
    let mut world = World::new(Settings::default());
    let reader = decision(1, 1, "reader");
    let first = world.enter(1, &reader);
    assert!(matches!(
        first[..],
        [Action::CreateUser { .. }, Action::Attach { .. }]
    ));
    let second = world.enter(2, &reader);
    assert!(matches!(second[..], [Action::Attach { .. }]));
    assert_eq!(world.class_of(1), world.class_of(2));
    world.check();
}

#[test]
fn one_name_in_two_classes_has_two_users() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "same"));
    world.enter(2, &decision(2, 1, "same"));
    assert_ne!(world.class_of(1), world.class_of(2));
}

#[test]
fn an_older_decision_never_brings_its_rules_back() {
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(2);
    world.enter(1, &decision(1, 2, "narrow"));
    let late = world.enter(2, &decision(1, 1, "wide"));
    assert!(matches!(late[..], [Action::Attach { .. }]));
    assert_eq!(world.rules_of(2), "narrow");
    assert!(
        world.registry.counts().review_pending,
        "the late one is evaluated again"
    );
}

#[test]
fn an_older_decision_without_a_class_is_reviewed() {
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(2);
    world.enter(1, &decision(1, 1, "wide"));
    let reviews = world.registry.next_review(world.now, 100);
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0].generation, 2);
}

#[test]
fn a_newer_decision_changes_the_rules_of_its_class_in_place() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "wide"));
    world.registry.begin_generation(2);
    let actions = world.enter(2, &decision(1, 2, "narrow"));
    assert!(matches!(
        actions[..],
        [Action::SetRules { .. }, Action::Attach { .. }]
    ));
    assert_eq!(world.rules_of(1), "narrow");
}

#[test]
fn of_two_answers_of_one_generation_the_one_that_stands_longer_is_kept() {
    let mut world = World::new(Settings::default());
    let until = |seconds| {
        move |d: &mut warden_core::Decision| {
            d.valid_until = super::world::principal("x", Some(seconds)).get().expires
        }
    };
    world.enter(1, &decision_with(1, 1, "day", until(100)));
    world.enter(2, &decision_with(1, 1, "night", until(500)));
    assert_eq!(world.rules_of(1), "night");
    world.enter(3, &decision_with(1, 1, "day", until(100)));
    assert_eq!(world.rules_of(3), "night");
}

#[test]
fn the_same_principal_replaces_rights_and_expiry_in_place() {
    let mut world = World::new(Settings::default());
    world
        .admit(admission(
            1,
            &principal("alice", Some(10)),
            &decision(1, 1, "a"),
        ))
        .unwrap();
    world
        .admit(admission(
            1,
            &principal("alice", Some(100)),
            &decision(2, 1, "b"),
        ))
        .unwrap();
    world.check();
    world.pass(20);
    assert_eq!(world.close_due(10), 0, "the former expiry no longer counts");
    assert_eq!(world.rules_of(1), "b");
    world.pass(80);
    assert_eq!(world.close_due(10), 1);
}

#[test]
fn the_end_of_the_former_session_does_not_end_the_new_one() {
    let mut world = World::new(Settings::default());
    let reader = decision(1, 1, "a");
    world.enter(1, &reader);
    let former = world.attached[&ClientId(1)].0;
    world.enter(1, &reader);
    world.registry.left(ClientId(1), former, world.now);
    world.registry.left(ClientId(1), SessionId(999), world.now);
    world.check();
    assert_eq!(world.registry.counts().sessions, 1);
}

#[test]
fn another_principal_is_refused_unless_any_is_allowed() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    let bob = admission(1, &principal("bob", None), &decision(2, 1, "b"));
    let reason = world.admit(bob.clone()).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::OtherPrincipal);
    assert_eq!(world.rules_of(1), "a");
    world.check();
    world.registry.set_settings(Settings {
        reauthentication: Reauthentication::Any,
        ..Settings::default()
    });
    world.admit(bob).unwrap();
    assert_eq!(world.rules_of(1), "b");
    world.check();
}

#[test]
fn a_session_without_time_left_is_refused_and_changes_nothing() {
    let mut world = World::new(Settings::default());
    let expired = admission(1, &principal("alice", Some(0)), &decision(1, 1, "a"));
    assert_eq!(
        world.admit(expired).unwrap_err().kind(),
        ReasonKind::Expired
    );
    let no_time = decision_with(1, 1, "a", |d| {
        d.session_ttl = Some(std::time::Duration::ZERO)
    });
    let refused = world.admit(admission(1, &principal("alice", None), &no_time));
    assert_eq!(refused.unwrap_err().kind(), ReasonKind::Denied);
    assert_eq!(world.registry.counts(), crate::Counts::default());
}

#[test]
fn abandoning_an_admission_brings_the_former_session_back() {
    for failure in [Failure::Create, Failure::Attach] {
        for key in [1, 2] {
            let mut world = World::new(Settings::default());
            world
                .admit(admission(
                    1,
                    &principal("alice", Some(10)),
                    &decision(1, 1, "a"),
                ))
                .unwrap();
            let again = admission(1, &principal("alice", None), &decision(key, 1, "b"));
            world.admit_failing(again, failure).unwrap();
            world.check();
            world.pass(10);
            assert_eq!(world.close_due(10), 1, "with its expiry");
            world.check();
        }
    }
}

#[test]
fn abandoning_the_first_session_of_a_class_leaves_no_class() {
    let mut world = World::new(Settings::default());
    let alice = admission(1, &principal("alice", None), &decision(1, 1, "a"));
    world.admit_failing(alice.clone(), Failure::Create).unwrap();
    assert_eq!(world.registry.counts().classes, 0);
    let again = world.admit(alice).unwrap();
    assert!(matches!(
        again[..],
        [Action::CreateUser { .. }, Action::Attach { .. }]
    ));
}

#[test]
fn a_view_shows_the_session_as_it_stands() {
    let mut world = World::new(Settings::default());
    world
        .admit(admission(
            7,
            &principal("alice", Some(10)),
            &decision(1, 3, "a"),
        ))
        .unwrap();
    world.enter(9, &decision(2, 3, "b"));
    let view = world.registry.session(ClientId(7)).unwrap();
    assert_eq!(view.user.as_str(), "corp/alice");
    assert_eq!((view.generation, view.rules.as_str()), (Some(3), "a"));
    assert_eq!(view.expires, principal("alice", Some(10)).get().expires);
    let after: Vec<_> = world
        .registry
        .sessions(Some(ClientId(7)))
        .map(|view| view.client)
        .collect();
    assert_eq!(after, [ClientId(9)]);
    assert!(world.registry.session(ClientId(8)).is_none());
}

/// The same proof again on its connection: the session begins anew, in its class and under
/// its number, unless there is anything to decide.
#[test]
fn the_same_credential_again_begins_the_session_anew_and_changes_nothing_else() {
    let settings = Settings {
        session_max: Some(Duration::from_secs(100)),
        ..Settings::default()
    };
    let mut world = World::new(settings);
    world.registry.begin_generation(1);
    let alice = principal("alice", None);
    world
        .admit(admission(1, &alice, &decision(1, 1, "r")))
        .unwrap();
    let class = world.class_of(1);
    let id = world.registry.session(ClientId(1)).unwrap().session;
    let again = |world: &mut World, client, who: &_, generation| {
        let now = world.now;
        world
            .registry
            .repeat(ClientId(client), who, generation, now)
    };
    world.pass(60);
    assert_eq!(again(&mut world, 1, &alice, 1), Some(class));
    assert_eq!(world.registry.session(ClientId(1)).unwrap().session, id);
    world.pass(60);
    assert_eq!(world.close_due(10), 0, "its time began anew");
    world.check();

    let equal = principal("alice", None);
    assert_eq!(again(&mut world, 1, &equal, 1), None, "another proof");
    assert_eq!(again(&mut world, 2, &alice, 1), None, "another connection");
    assert_eq!(again(&mut world, 1, &alice, 2), None, "other policies");
    world.registry.begin_generation(2);
    assert_eq!(again(&mut world, 1, &alice, 1), None, "older policies");
    world.pass(60);
    assert_eq!(again(&mut world, 1, &alice, 1), None);
    assert_eq!(world.close_due(10), 1, "none of these prolonged it");
    world.check();
}

#[test]
fn a_session_to_be_closed_is_not_begun_anew() {
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(1);
    let alice = principal("alice", None);
    world
        .admit(admission(1, &alice, &decision(1, 1, "r")))
        .unwrap();
    world.registry.kill(crate::Selection::default());
    assert_eq!(world.close_due(0), 0);
    let now = world.now;
    assert_eq!(world.registry.repeat(ClientId(1), &alice, 1, now), None);
    assert_eq!(world.close_due(1), 1);
    world.check();
}
