//! Sessions looked for and ended by selection.

use std::sync::Arc;

use warden_core::{ClientFacts, ClientId, Principal, Timestamp, Verified};

use super::world::{START, World, admission, decision, principal, principal_at};
use crate::{Admission, EndCause, Killed, Selection, Settings};

/// Alice of corp on 1 and 2 (until 60 s), bob of corp on 3, alice of other on 4.
fn world() -> World {
    let mut world = World::new(Settings::default());
    let alice = principal("alice", Some(60));
    let with_group = |who: &Arc<Verified<Principal>>| {
        let mut who = who.get().clone();
        who.groups = vec!["corp/analysts".to_owned()];
        Arc::new(Verified::attest(who))
    };
    let analyst = with_group(&alice);
    for (client, who, key) in [
        (1, &alice, 1),
        (2, &analyst, 2),
        (3, &principal("bob", None), 3),
        (4, &principal_at("other", "alice", None), 4),
    ] {
        let facts = ClientFacts {
            address: Some(format!("192.0.2.{client}")),
            ..ClientFacts::default()
        };
        let decision = decision(key, 1, "a");
        let admission = Admission {
            facts,
            ..admission(client, who, &decision)
        };
        world.admit(admission).unwrap();
    }
    world
}

fn found(world: &World, selection: &Selection) -> Vec<u64> {
    let (found, rest) = world.registry.search(selection, None, 100);
    assert!(rest.is_none());
    found.iter().map(|view| view.client.0).collect()
}

#[test]
fn each_part_of_a_selection_must_hold() {
    let world = world();
    let text = |text: &str| Some(text.to_owned());
    let all = Selection::default;
    let class = world
        .registry
        .session(ClientId(3))
        .unwrap()
        .class_key
        .unwrap();
    let soon = Some(Timestamp::from_unix_seconds(START + 61));
    for (selection, clients) in [
        (all(), &[1, 2, 3, 4][..]),
        (
            Selection {
                user: text("corp/alice"),
                ..all()
            },
            &[1, 2],
        ),
        (
            Selection {
                authenticator: text("other"),
                ..all()
            },
            &[4],
        ),
        (
            Selection {
                group: text("corp/analysts"),
                ..all()
            },
            &[2],
        ),
        (
            Selection {
                class: Some(class.to_string()),
                ..all()
            },
            &[3],
        ),
        (
            Selection {
                address: text("192.0.2.1"),
                ..all()
            },
            &[1],
        ),
        (
            Selection {
                client: Some(ClientId(3)),
                ..all()
            },
            &[3],
        ),
        (
            Selection {
                expires_before: soon,
                ..all()
            },
            &[1, 2],
        ),
        (
            Selection {
                except: Some(ClientId(3)),
                ..all()
            },
            &[1, 2, 4],
        ),
        (
            Selection {
                user: text("corp/alice"),
                address: text("192.0.2.2"),
                ..all()
            },
            &[2],
        ),
        (
            Selection {
                user: text("corp/bob"),
                client: Some(ClientId(1)),
                ..all()
            },
            &[],
        ),
        (
            Selection {
                client: Some(ClientId(9)),
                ..all()
            },
            &[],
        ),
        (
            Selection {
                user: text("alice"),
                ..all()
            },
            &[],
        ),
    ] {
        assert_eq!(found(&world, &selection), clients, "{selection:?}");
    }
}

#[test]
fn a_search_looks_at_a_bounded_number_and_says_where_to_go_on() {
    let mut world = World::new(Settings::default());
    let rules = decision(1, 1, "a");
    for client in 1..=3000 {
        world.enter(client, &rules);
    }
    let last = Selection {
        user: Some("corp/nobody".to_owned()),
        ..Selection::default()
    };
    let mut after = None;
    let mut calls = 0;
    loop {
        let (found, next) = world.registry.search(&last, after, 10);
        assert!(found.is_empty());
        calls += 1;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!((2..=4).contains(&calls), "{calls} calls");
    let (page, next) = world
        .registry
        .search(&Selection::default(), Some(ClientId(5)), 10);
    assert_eq!(page.first().map(|view| view.client), Some(ClientId(6)));
    assert_eq!((page.len(), next), (10, Some(ClientId(15))));
}

#[test]
fn an_order_is_finished_when_the_last_session_it_means_has_been_handed_out() {
    let mut world = world();
    let kill = world.registry.kill(Selection::of_authenticator("corp"));
    assert!(world.registry.finished_kills().is_empty());
    assert_eq!(world.close_due(2), 2);
    assert!(world.registry.finished_kills().is_empty(), "one is left");
    assert_eq!(world.close_due(2), 1);
    let finished = world.registry.finished_kills();
    assert_eq!(finished, [Killed { kill, sessions: 3 }]);
    assert!(world.registry.finished_kills().is_empty(), "told once");
    assert!(
        world
            .closed
            .iter()
            .all(|(_, cause)| *cause == EndCause::Killed(kill))
    );
    assert!(!world.registry.is_ending());
    world.check();
}

#[test]
fn a_session_that_leaves_by_itself_does_not_hold_up_the_order() {
    let mut world = world();
    let kill = world.registry.kill(Selection::of_authenticator("corp"));
    assert_eq!(world.close_due(1), 1);
    world.leave(2);
    world.leave(3);
    let finished = world.registry.finished_kills();
    assert_eq!(finished, [Killed { kill, sessions: 3 }]);
}

#[test]
fn who_logs_in_after_the_order_stays() {
    let mut world = world();
    world.registry.kill(Selection::of_authenticator("corp"));
    world.enter(7, &decision(1, 1, "a"));
    while world.close_due(1) > 0 {}
    assert!(world.attached.contains_key(&ClientId(7)));
    assert_eq!(world.attached.len(), 2, "and the other authenticator's");
}

#[test]
fn two_orders_for_one_session_both_wait_for_its_end() {
    let mut world = world();
    world.registry.kill(Selection::of_authenticator("other"));
    world.registry.kill(Selection {
        client: Some(ClientId(4)),
        ..Selection::default()
    });
    assert_eq!((world.close_due(0), world.close_due(0)), (0, 0));
    assert!(world.registry.finished_kills().is_empty());
    assert_eq!(world.close_due(1), 1);
    let counts: Vec<usize> = world
        .registry
        .finished_kills()
        .iter()
        .map(|killed| killed.sessions)
        .collect();
    assert_eq!(counts, [1, 1]);
}
