//! What a new generation of policies, or the end of a decision, does to live sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use warden_core::permissions::{BaseRules, Grant, Permissions};
use warden_core::{ClientId, Decision, Reason, ReasonKind, Server};

use super::world::{START, World, admission, decision, decision_with, principal};
use crate::{Action, Answer, EndCause, NO_RIGHTS, Review, Selection, Settings};

/// Answers by the smallest client of each one.
fn answer(review: &Review, mut by_client: impl FnMut(u64) -> Answer) -> Vec<Answer> {
    let first = |one: &crate::Alike| {
        one.members
            .iter()
            .map(|member| member.client)
            .next()
            .unwrap()
            .0
    };
    review
        .alike
        .iter()
        .map(|one| by_client(first(one)))
        .collect()
}

fn refusal() -> Answer {
    Err(Reason::new(ReasonKind::NoGrant, "no grant"))
}

/// Reviews until nothing is due; each client's answer as the table has it.
fn review_all(
    world: &mut World,
    limit: usize,
    answers: &BTreeMap<u64, Option<Arc<Decision>>>,
) -> Vec<Action> {
    let mut all = Vec::new();
    loop {
        let reviews = world.registry.next_review(world.now, limit);
        if reviews.is_empty() {
            return all;
        }
        for review in reviews {
            let answers = answer(&review, |client| {
                answers[&client].clone().ok_or(()).or_else(|()| refusal())
            });
            let actions = world.registry.apply_review(review, answers, world.now);
            world.perform(&actions);
            all.extend(actions);
        }
    }
}

/// `count` sessions of class 1, each with a principal value of its own.
fn crowd(count: u64) -> World {
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(1);
    for client in 0..count {
        world
            .admit(admission(
                client,
                &principal("alice", None),
                &decision(1, 1, "old"),
            ))
            .unwrap();
    }
    world
}

#[test]
fn one_edit_of_the_user_serves_the_whole_class() {
    let mut world = crowd(3);
    world.registry.begin_generation(2);
    let new = decision(1, 2, "new");
    let answers = (0..3).map(|client| (client, Some(new.clone()))).collect();
    assert_eq!(review_all(&mut world, 100, &answers).len(), 1);
    assert_eq!(world.rules_of(2), "new");
    assert_eq!(world.close_due(10), 0);
    assert!(!world.registry.counts().review_pending);
    world.check();
}

#[test]
fn unchanged_rules_ask_nothing_of_the_server() {
    let mut world = crowd(3);
    world.registry.begin_generation(2);
    let same = decision(1, 2, "old");
    let answers = (0..3).map(|client| (client, Some(same.clone()))).collect();
    assert!(review_all(&mut world, 100, &answers).is_empty());
    assert_eq!(
        world.registry.session(ClientId(0)).unwrap().generation,
        Some(2)
    );
}

#[test]
fn a_split_class_keeps_the_answer_of_most_and_closes_the_others() {
    let mut world = crowd(5);
    world.registry.begin_generation(2);
    let (few, many) = (decision(2, 2, "few"), decision(3, 2, "many"));
    let answers = (0..5)
        .map(|client| {
            (
                client,
                Some(if client < 2 {
                    few.clone()
                } else {
                    many.clone()
                }),
            )
        })
        .collect();
    review_all(&mut world, 100, &answers);
    assert_eq!(world.rules_of(4), "many");
    assert_eq!(world.close_due(10), 2);
    assert_eq!(
        world.closed,
        [
            (ClientId(0), EndCause::Split),
            (ClientId(1), EndCause::Split)
        ]
    );
    world.check();
}

/// Whoever has rights that were refused to it goes before all who only were told to go,
/// however many they are and however late it came.
#[test]
fn who_has_another_ones_rights_is_closed_before_all_others() {
    let mut world = crowd(9);
    for client in 0..4 {
        world.registry.kill(Selection {
            client: Some(ClientId(client)),
            ..Selection::default()
        });
        // Looked for, and not closed yet.
        assert_eq!(world.close_due(0), 0);
    }
    assert_eq!(world.registry.counts().doomed, 4);
    world.registry.begin_generation(2);
    let many = decision(3, 2, "many");
    let mut answers: BTreeMap<u64, _> = (0..7).map(|client| (client, Some(many.clone()))).collect();
    answers.insert(7, Some(decision(2, 2, "few")));
    answers.insert(8, None);
    review_all(&mut world, 100, &answers);
    assert_eq!(world.rules_of(8), "many");
    assert_eq!(world.close_due(2), 2);
    assert_eq!(world.closed_clients(), [7, 8]);
    assert_eq!(world.close_due(10), 4);
    world.check();
}

#[test]
fn between_equals_the_smallest_connection_decides() {
    let mut world = crowd(4);
    world.registry.begin_generation(2);
    let (even, odd) = (decision(2, 2, "even"), decision(3, 2, "a"));
    let answers = (0..4)
        .map(|client| {
            (
                client,
                Some(if client % 2 == 0 {
                    even.clone()
                } else {
                    odd.clone()
                }),
            )
        })
        .collect();
    review_all(&mut world, 100, &answers);
    world.close_due(10);
    assert_eq!(world.closed_clients(), [1, 3]);
}

#[test]
fn when_all_are_refused_the_rights_go_before_the_sessions() {
    let mut world = crowd(3);
    world.registry.begin_generation(2);
    let actions = review_all(
        &mut world,
        100,
        &(0..3).map(|client| (client, None)).collect(),
    );
    assert!(
        matches!(&actions[..], [Action::SetRules { rules, .. }] if rules.as_str() == NO_RIGHTS)
    );
    let class = world.class_of(0);
    world.enter(9, &decision(1, 2, "new"));
    assert_ne!(
        world.class_of(9),
        class,
        "nobody joins a class without rights"
    );
    assert_eq!(world.close_due(10), 3);
    assert!(matches!(world.closed[0].1, EndCause::Refused(_)));
    world.check();
}

#[test]
fn who_was_refused_is_closed_apart_from_whose_time_is_over() {
    let mut world = crowd(3);
    world
        .admit(admission(
            8,
            &principal("bob", Some(1)),
            &decision(8, 1, "b"),
        ))
        .unwrap();
    world.registry.begin_generation(2);
    let answers = (0..3).map(|client| (client, None));
    let answers = answers.chain([(8, Some(decision(8, 2, "b")))]).collect();
    review_all(&mut world, 100, &answers);
    world.registry.kill(Selection::default());
    world.registry.sweep();
    world.pass(2);
    let mut close = |limit| {
        let actions = world.registry.close_refused(limit);
        world.perform(&actions);
        actions.len()
    };
    assert_eq!((close(2), close(2), close(2)), (2, 1, 0));
    assert_eq!(world.close_due(10), 1);
    world.check();
}

#[test]
fn a_missing_answer_is_a_refusal() {
    let mut world = crowd(2);
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 100).remove(0);
    let actions = world
        .registry
        .apply_review(review, vec![Ok(decision(1, 2, "new"))], world.now);
    world.perform(&actions);
    world.close_due(10);
    assert_eq!(world.closed_clients(), [1]);
}

#[test]
fn answers_older_than_the_classs_decision_change_nothing() {
    let mut world = crowd(1);
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 100).remove(0);
    world.registry.begin_generation(3);
    world.enter(9, &decision(1, 3, "newest"));
    let actions = world
        .registry
        .apply_review(review, vec![Ok(decision(1, 2, "late"))], world.now);
    assert!(actions.is_empty());
    assert_eq!(world.rules_of(0), "newest");
    let again = world.registry.next_review(world.now, 100);
    assert_eq!(again[0].generation, 3);
}

#[test]
fn answers_of_another_generation_than_asked_for_change_nothing() {
    let mut world = crowd(1);
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 100).remove(0);
    assert!(
        world
            .registry
            .apply_review(review, vec![Ok(decision(1, 1, "x"))], world.now)
            .is_empty()
    );
    assert_eq!(world.rules_of(0), "old");
    assert_eq!(world.registry.next_review(world.now, 100).len(), 1);
}

#[test]
fn a_large_class_is_reviewed_in_slices_and_by_distinct_request() {
    let mut world = World::new(Settings::default());
    let alice = principal("alice", None);
    for client in 0..10_000 {
        world
            .admit(admission(client, &alice, &decision(1, 1, "old")))
            .unwrap();
    }
    world.registry.begin_generation(2);
    let mut slices = 0;
    loop {
        let mut reviews = world.registry.next_review(world.now, 1000);
        let Some(review) = reviews.pop() else { break };
        assert!(reviews.is_empty(), "one slice of a class at a time");
        assert_eq!(review.alike.len(), 1);
        assert_eq!(review.alike[0].members.len(), 1000);
        let actions =
            world
                .registry
                .apply_review(review, vec![Ok(decision(1, 2, "new"))], world.now);
        assert_eq!(
            actions.len(),
            usize::from(slices == 0),
            "rules change with the first slice"
        );
        world.perform(&actions);
        slices += 1;
    }
    assert_eq!(slices, 10);
    assert!(!world.registry.counts().review_pending);
}

#[test]
fn later_slices_keep_the_first_ones_answer() {
    let mut world = crowd(6);
    world.registry.begin_generation(2);
    let (a, b) = (decision(2, 2, "a"), decision(3, 2, "b"));
    let answers = (0..6)
        .map(|client| (client, Some(if client < 2 { a.clone() } else { b.clone() })))
        .collect();
    review_all(&mut world, 2, &answers);
    world.close_due(10);
    assert_eq!(world.closed_clients(), [2, 3, 4, 5]);
    world.check();
}

#[test]
fn two_classes_may_come_to_share_a_key_and_both_stay_right() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "a"));
    world.enter(2, &decision(2, 1, "b"));
    world.registry.begin_generation(2);
    let joint = decision(3, 2, "joint");
    let answers = [(1, Some(joint.clone())), (2, Some(joint.clone()))].into();
    review_all(&mut world, 100, &answers);
    world.enter(3, &joint);
    assert_eq!(world.class_of(3), world.class_of(2), "the newest is joined");
    assert_eq!((world.rules_of(1), world.rules_of(2)), ("joint", "joint"));
    world.leave(1);
    world.pass(60);
    assert_eq!(world.reap(10), 1);
    world.enter(4, &joint);
    assert_eq!(world.class_of(4), world.class_of(2));
    world.check();
}

#[test]
fn a_class_of_several_keys_takes_no_rules_from_a_newcomer() {
    let mut world = crowd(2);
    world.registry.begin_generation(2);
    let answers = [
        (0, Some(decision(1, 2, "same"))),
        (1, Some(decision(2, 2, "same"))),
    ]
    .into();
    review_all(&mut world, 100, &answers);
    world.registry.begin_generation(3);
    world.enter(9, &decision(1, 3, "wide"));
    assert_eq!(world.rules_of(1), "same");
    assert_ne!(world.class_of(9), world.class_of(0));
    assert!(world.registry.counts().review_pending);
    world.check();
}

/// One session of class 1 under review for generation 2; a smaller connection may
/// join behind the review's back.
fn under_review() -> (World, Review) {
    let mut world = World::new(Settings::default());
    world.enter(10, &decision(1, 1, "old"));
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 100).remove(0);
    (world, review)
}

#[test]
fn whoever_joins_during_a_review_that_changes_the_key_is_reviewed_too() {
    let (mut world, review) = under_review();
    world.enter(5, &decision(1, 2, "other"));
    let actions = world
        .registry
        .apply_review(review, vec![Ok(decision(2, 2, "kept"))], world.now);
    world.perform(&actions);
    let answers = [
        (10, Some(decision(2, 2, "kept"))),
        (5, Some(decision(1, 2, "other"))),
    ]
    .into();
    review_all(&mut world, 100, &answers);
    world.close_due(10);
    assert_eq!(world.closed.len(), 1);
    world.check();
}

#[test]
fn whoever_joins_during_a_review_that_refuses_everybody_is_reviewed_too() {
    let (mut world, review) = under_review();
    world.enter(5, &decision(1, 2, "mine"));
    let actions = world
        .registry
        .apply_review(review, vec![refusal()], world.now);
    world.perform(&actions);
    assert_eq!(world.rules_of(5), NO_RIGHTS);
    review_all(&mut world, 100, &[(5, Some(decision(1, 2, "mine")))].into());
    world.close_due(10);
    assert_eq!(world.closed_clients(), [10]);
    assert_eq!(world.rules_of(5), "mine");
}

#[test]
fn whoever_joins_during_a_review_with_an_older_decision_is_reviewed_too() {
    let (mut world, review) = under_review();
    world.enter(5, &decision(1, 1, "old"));
    let short = decision_with(1, 2, "old", |d| {
        d.session_ttl = Some(Duration::from_secs(10));
    });
    let answers = vec![Ok(Arc::clone(&short))];
    world.registry.apply_review(review, answers, world.now);
    let answers = [(5, Some(Arc::clone(&short))), (10, Some(short))].into();
    review_all(&mut world, 100, &answers);
    world.pass(10);
    assert_eq!(world.close_due(10), 2);
}

#[test]
fn a_decision_whose_time_is_up_is_made_again() {
    let mut world = World::new(Settings::default());
    let until = |seconds: u64| {
        move |d: &mut Decision| {
            d.valid_until = Some(warden_core::Timestamp::from_unix_seconds(START + seconds))
        }
    };
    world.enter(1, &decision_with(1, 1, "day", until(100)));
    world.registry.begin_generation(1);
    world.pass(99);
    assert!(world.registry.next_review(world.now, 10).is_empty());
    // The wall clock is set back: the decision's time still ends.
    world.now.wall = warden_core::Timestamp::from_unix_seconds(START);
    world.now.monotonic += Duration::from_secs(1);
    let answers = [(1, Some(decision_with(1, 1, "night", until(500))))].into();
    assert_eq!(review_all(&mut world, 10, &answers).len(), 1);
    assert_eq!(world.rules_of(1), "night");
}

#[test]
fn a_decision_valid_for_no_time_is_made_again_once_a_second_at_most() {
    let mut world = World::new(Settings::default());
    let momentary = decision_with(1, 1, "a", |d| {
        d.valid_until = Some(warden_core::Timestamp::from_unix_seconds(START))
    });
    world.enter(1, &momentary);
    let answers = [(1, Some(momentary))].into();
    review_all(&mut world, 10, &answers);
    assert!(world.registry.next_review(world.now, 10).is_empty());
    world.pass(1);
    assert_eq!(world.registry.next_review(world.now, 10).len(), 1);
}

#[test]
fn a_review_that_never_came_back_is_handed_out_again() {
    let mut world = crowd(1);
    world.registry.begin_generation(2);
    let lost = world.registry.next_review(world.now, 10).remove(0);
    world.pass(59);
    assert!(world.registry.next_review(world.now, 10).is_empty());
    world.pass(1);
    let again = world.registry.next_review(world.now, 10).remove(0);
    assert!(
        world
            .registry
            .apply_review(lost, vec![refusal()], world.now)
            .is_empty()
    );
    assert_eq!(world.close_due(10), 0, "the late answer does not count");
    let actions = world
        .registry
        .apply_review(again, vec![Ok(decision(1, 2, "new"))], world.now);
    assert_eq!(actions.len(), 1);
}

#[test]
fn a_shorter_session_bound_holds_for_live_sessions() {
    let mut world = crowd(1);
    world.pass(30);
    world.registry.begin_generation(2);
    let short = decision_with(1, 2, "old", |d| {
        d.session_ttl = Some(Duration::from_secs(40))
    });
    review_all(&mut world, 10, &[(0, Some(short))].into());
    world.pass(9);
    assert_eq!(world.close_due(10), 0);
    world.pass(1);
    assert_eq!(world.close_due(10), 1);
    world.check();
}

#[test]
fn whoever_left_during_a_review_is_not_missed() {
    let mut world = crowd(3);
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 10).remove(0);
    world.leave(0);
    world.leave(1);
    let answers = vec![refusal(), refusal(), Ok(decision(1, 2, "new"))];
    let actions = world.registry.apply_review(review, answers, world.now);
    world.perform(&actions);
    assert_eq!(world.rules_of(2), "new");
    assert_eq!(world.close_due(10), 0);
    let review = {
        world.registry.begin_generation(3);
        world.registry.next_review(world.now, 10).remove(0)
    };
    world.leave(2);
    assert!(
        world
            .registry
            .apply_review(review, vec![refusal()], world.now)
            .is_empty()
    );
    world.check();
}

#[test]
fn a_review_that_may_take_something_away_is_told_from_one_that_only_adds() {
    let granting = |generation, grants: &[&str]| {
        let grants = grants
            .iter()
            .map(|text| Grant::parse(&text.split(' ').collect::<Vec<_>>()).unwrap())
            .collect();
        decision_with(1, generation, "a", |decision| {
            decision.permissions = Permissions::compose(&BaseRules::default(), grants, Vec::new());
        })
    };
    let mut world = World::new(Settings::default());
    world.enter(1, &granting(1, &["+get ~a:*"]));
    world.registry.begin_generation(2);
    let review = world.registry.next_review(world.now, 10).remove(0);
    for (grants, takes_away) in [
        (&["+get ~a:*"][..], false),
        (&["+get ~a:*", "+set ~b:*"], false),
        (&["+get ~b:*"], true),
        (&["+get %R~a:*"], true),
        (&[], true),
    ] {
        let answers = vec![Ok(granting(2, grants))];
        assert_eq!(review.takes_away(&answers), takes_away, "{grants:?}");
    }
    assert!(review.takes_away(&[refusal()]));
    assert!(review.takes_away(&[]), "a missing answer is a refusal");
}

#[test]
fn the_same_words_are_set_again_when_the_server_has_other_commands() {
    let mut world = World::new(Settings::default());
    world.enter(1, &decision(1, 1, "+@read"));
    let read = BTreeSet::from(["read".to_owned()]);
    let server = Arc::new(Server {
        commands: [("late.read".to_owned(), read)].into(),
        ..Server::default()
    });
    for (generation, server, is_set) in [
        (2, Arc::clone(&server), true),
        (3, Arc::new((*server).clone()), false),
        (4, Arc::default(), true),
    ] {
        world.registry.begin_generation(generation);
        let next = decision_with(1, generation, "+@read", |decision| decision.server = server);
        let answers = BTreeMap::from([(1, Some(next))]);
        let actions = review_all(&mut world, 10, &answers);
        let set = actions
            .iter()
            .any(|action| matches!(action, Action::SetRules { .. }));
        assert_eq!(set, is_set, "generation {generation}: {actions:?}");
    }
    // A log-in that is decided first brings the new meaning, too.
    let next = decision_with(1, 5, "+@read", |decision| decision.server = server);
    let actions = world.enter(2, &next);
    assert!(matches!(actions[0], Action::SetRules { .. }), "{actions:?}");
}
