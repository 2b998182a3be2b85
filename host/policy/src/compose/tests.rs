//! Composition: any order, any denial, the shortest times.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use warden_core::Timestamp;
use warden_core::permissions::{BaseRules, Grant, Restriction};
use warden_core::server::Server;

use super::*;
use crate::verdict::Denial;

fn frame(ceiling: &str) -> Frame {
    let command = |name: &str, category: &str| (name.to_owned(), [category.to_owned()].into());
    Frame {
        required: BTreeSet::new(),
        base: BaseRules::default(),
        ceiling: Restriction::parse(ceiling).unwrap(),
        server: Arc::new(Server {
            commands: [
                command("get", "read"),
                command("set", "write"),
                command("flushall", "dangerous"),
            ]
            .into(),
            categories: ["read", "write", "dangerous"].map(str::to_owned).into(),
            has_databases: true,
            version: "9.1.0".into(),
        }),
    }
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1000),
        monotonic: Duration::from_secs(5),
    }
}

fn silent() -> Opinion {
    Opinion {
        grants: vec![],
        restrictions: vec![],
        denial: None,
        valid_for: None,
        session_ttl: None,
        labels: vec![],
    }
}

fn granting(rules: &[&str]) -> Opinion {
    Opinion {
        grants: vec![Grant::parse(rules).unwrap()],
        ..silent()
    }
}

fn compose_all(opinions: Vec<(&str, Opinion)>, frame: &Frame) -> Composed {
    let on = (frame, &Renderings::default());
    compose(opinions, on, ClassKey::new([0; 32]), 7, now())
}

#[test]
fn silence_is_no_grant() {
    let composed = compose_all(vec![("a", silent()), ("b", silent())], &frame(""));
    assert_eq!(composed.answer.unwrap_err().kind(), ReasonKind::NoGrant);
}

#[test]
fn a_grant_of_which_nothing_is_left_is_no_grant() {
    let bounded = compose_all(vec![("a", granting(&["+get", "~a:*"]))], &frame("~b:*"));
    assert_eq!(bounded.answer.unwrap_err().kind(), ReasonKind::NoGrant);
}

#[test]
fn the_ceiling_lies_over_every_grant() {
    let decision = compose_all(
        vec![("a", granting(&["+get", "+flushall", "~*"]))],
        &frame("-@dangerous"),
    )
    .answer
    .unwrap();
    assert!(
        decision.rendered.rules.contains("-@dangerous"),
        "{}",
        decision.rendered.rules
    );
    assert_eq!((decision.generation, decision.valid_until), (7, None));
}

#[test]
fn times_are_the_shortest_anyone_set() {
    let seconds = |valid: Option<u64>, session: Option<u64>| Opinion {
        valid_for: valid.map(Duration::from_secs),
        session_ttl: session.map(Duration::from_secs),
        ..granting(&["+get", "~*"])
    };
    let opinions = vec![
        ("a", seconds(Some(60), None)),
        ("b", seconds(Some(30), Some(9))),
        ("c", seconds(None, Some(8))),
    ];
    let composed = compose_all(opinions, &frame(""));
    assert_eq!(composed.valid_for, Some(Duration::from_secs(30)));
    let decision = composed.answer.unwrap();
    assert_eq!(
        decision.valid_until,
        Some(Timestamp::from_unix_seconds(1030))
    );
    assert_eq!(decision.session_ttl, Some(Duration::from_secs(8)));
}

fn opinion() -> impl Strategy<Value = Opinion> {
    let grant = prop_oneof![
        Just(vec!["+get", "~a:*"]),
        Just(vec!["+set", "~a:*"]),
        Just(vec!["+@read", "~b:*"]),
        Just(vec!["+@write", "-set", "~*"]),
    ];
    let restriction = prop_oneof![Just("-set"), Just("~a:*"), Just("-@dangerous")];
    (
        proptest::collection::vec(grant, 0..3),
        proptest::collection::vec(restriction, 0..2),
        proptest::option::weighted(0.1, proptest::option::of("[xy]")),
        proptest::option::of(0..3u64),
        proptest::collection::vec(("[kl]", "[vw]"), 0..2),
    )
        .prop_map(|(grants, restrictions, denial, seconds, labels)| Opinion {
            grants: grants.iter().map(|g| Grant::parse(g).unwrap()).collect(),
            restrictions: restrictions
                .iter()
                .map(|r| Restriction::parse(r).unwrap())
                .collect(),
            denial: denial.map(|public| Denial {
                public,
                internal: None,
            }),
            valid_for: seconds.map(Duration::from_secs),
            session_ttl: seconds.map(Duration::from_secs),
            labels,
        })
}

proptest! {
    #[test]
    fn the_order_of_bundles_is_without_meaning(
        opinions in proptest::collection::vec(opinion(), 0..4),
        turn in 0..4usize,
    ) {
        let mut named: Vec<_> = ["a", "b", "c", "d"].into_iter().zip(opinions).collect();
        let one = compose_all(named.clone(), &frame("-@dangerous"));
        let turn = turn.min(named.len());
        named.rotate_left(turn);
        let other = compose_all(named, &frame("-@dangerous"));
        prop_assert_eq!(one.answer, other.answer);
        prop_assert_eq!(one.valid_for, other.valid_for);
    }

    #[test]
    fn any_denial_refuses(opinions in proptest::collection::vec(opinion(), 1..4), at in 0..4usize) {
        let mut named: Vec<_> = ["a", "b", "c"].into_iter().zip(opinions).collect();
        let at = at % named.len();
        named[at].1.denial = Some(Denial { public: None, internal: Some("no".into()) });
        prop_assert_eq!(compose_all(named, &frame("")).answer.unwrap_err().kind(), ReasonKind::Denied);
    }
}
