//! Who is asked about, when, and for whom it is too late.

use warden_core::{Account, Method, PrincipalName};

use super::*;

const EVERY: Duration = Duration::from_secs(100);
const GRACE: Duration = Duration::from_secs(50);

fn id(text: &str) -> AuthenticatorId {
    AuthenticatorId::new(text).unwrap()
}

fn proof_with(name: &str, group: &str, is_watched: bool) -> Proof {
    let account = Account {
        directory: id("corp"),
        name: name.to_owned(),
        identity: "1".to_owned(),
        attributes: Vec::new(),
        proof_ends: None,
        refresh: Recheck {
            every: EVERY,
            grace: GRACE,
        },
    };
    Arc::new(Verified::attest(Principal {
        authenticator: id("idp"),
        name: PrincipalName::new(name).unwrap(),
        method: Method::Jwt,
        groups: vec![group.to_owned()],
        scopes: Vec::new(),
        sole_authenticator: false,
        claims: warden_core::Claims::default(),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: is_watched.then(|| Arc::new(account)),
    }))
}

fn proof(name: &str) -> Proof {
    proof_with(name, "corp/dev", true)
}

fn second(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Those who are due, by name.
fn due(refreshes: &Refreshes, now: u64) -> Vec<Entry> {
    let (due, late) = refreshes.due(second(now));
    assert!(late.is_empty());
    due
}

fn undecided() -> (Found, bool) {
    (Found::Undecided("nobody".to_owned()), true)
}

fn same() -> (Found, bool) {
    (Found::There(Vec::new()), true)
}

#[test]
fn one_person_is_one_question_however_many_proofs_they_have() {
    let refreshes = Refreshes::default();
    let proofs: Vec<Proof> = (0..3).map(|_| proof("alice")).collect();
    for proof in &proofs {
        refreshes.watch(proof, Duration::ZERO);
        refreshes.watch(proof, Duration::ZERO);
    }
    refreshes.watch(&proof_with("bob", "corp/dev", false), Duration::ZERO);
    assert_eq!(refreshes.count(), Some(1));
    assert!(due(&refreshes, 80).is_empty());
    let asked = due(&refreshes, 100);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].proofs.len(), 3);
    // While the answer is on its way nobody asks again.
    assert!(due(&refreshes, 1000).is_empty());
    assert!(refreshes.go_on(&asked[0], same(), second(1000)).is_none());
    assert!(due(&refreshes, 1050).is_empty());
    assert_eq!(due(&refreshes, 1100).len(), 1);
}

#[test]
fn few_of_one_directory_are_asked_about_at_a_time_and_not_all_at_one_moment() {
    let refreshes = Refreshes::default();
    let proofs: Vec<Proof> = (0..10_000).map(|n| proof(&format!("u{n}"))).collect();
    for proof in &proofs {
        refreshes.watch(proof, Duration::ZERO);
    }
    assert!(due(&refreshes, 89).is_empty());
    let mut asked = 0;
    let mut by_second = Vec::new();
    for now in 90..=100 {
        let before = asked;
        loop {
            let entries = due(&refreshes, now);
            assert!(entries.len() <= AT_ONCE);
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                refreshes.go_on(entry, same(), second(now));
            }
            asked += entries.len();
        }
        by_second.push(asked - before);
    }
    assert_eq!(asked, 10_000);
    assert!(by_second.iter().all(|some| *some < 2500), "{by_second:?}");
}

#[test]
fn proofs_without_a_session_are_asked_about_no_more_and_do_not_pile_up() {
    let refreshes = Refreshes::default();
    let lasting: Vec<Proof> = (0..100).map(|n| proof(&format!("l{n}"))).collect();
    for proof in &lasting {
        refreshes.watch(proof, Duration::ZERO);
    }
    for number in 0..5000 {
        refreshes.watch(&proof(&format!("u{number}")), Duration::ZERO);
    }
    let kept = refreshes.count().unwrap();
    assert!((100..400).contains(&kept), "{kept}");
    let mut asked = 0;
    loop {
        let entries = due(&refreshes, 100);
        if entries.is_empty() {
            break;
        }
        asked += entries.len();
        for entry in &entries {
            refreshes.go_on(entry, same(), second(100));
        }
    }
    assert_eq!(asked, 100);
    assert_eq!(refreshes.count(), Some(100));
}

#[test]
fn proofs_of_one_person_without_a_session_do_not_pile_up() {
    let refreshes = Refreshes::default();
    let lasting: Vec<Proof> = (0..10).map(|_| proof("alice")).collect();
    for proof in &lasting {
        refreshes.watch(proof, second(0));
    }
    for _ in 0..5_000 {
        // Its session ends at once.
        refreshes.watch(&proof("alice"), second(0));
    }
    let directories = lock(&refreshes.directories);
    let mut people = directories.values().flat_map(|of| of.people.values());
    let person = people.next().unwrap();
    assert!(person.proofs.len() < 40, "{}", person.proofs.len());
    let there = |proof: &Proof| person.proofs.contains_key(&Arc::as_ptr(proof).addr());
    assert!(lasting.iter().all(there));
}

#[test]
fn who_cannot_be_asked_about_lives_on_for_the_grace_and_no_longer() {
    let refreshes = Refreshes::default();
    let alice = proof("alice");
    refreshes.watch(&alice, Duration::ZERO);
    let asked = due(&refreshes, 100);
    assert!(
        refreshes
            .go_on(&asked[0], undecided(), second(110))
            .is_none()
    );
    assert!(due(&refreshes, 119).is_empty());
    let asked = due(&refreshes, 120);
    // An answer in between begins it anew.
    refreshes.go_on(&asked[0], same(), second(120));
    let asked = due(&refreshes, 220);
    assert!(
        refreshes
            .go_on(&asked[0], undecided(), second(230))
            .is_none()
    );
    let asked = due(&refreshes, 240);
    let (proofs, why) = refreshes
        .go_on(&asked[0], undecided(), second(290))
        .unwrap();
    assert!(Arc::ptr_eq(&proofs[0], &alice));
    assert!(why.contains("refresh_grace_seconds"));
    assert_eq!(refreshes.count(), Some(0));
}

#[test]
fn a_directory_that_lets_everybody_wait_keeps_nobody_beyond_the_grace() {
    let refreshes = Refreshes::default();
    let proofs: Vec<Proof> = (0..100).map(|n| proof(&format!("u{n}"))).collect();
    for proof in &proofs {
        refreshes.watch(proof, Duration::ZERO);
    }
    let asked = due(&refreshes, 100);
    assert_eq!(asked.len(), AT_ONCE);
    // One has failed; the others, and those behind them, never come back.
    assert!(
        refreshes
            .go_on(&asked[0], undecided(), second(110))
            .is_none()
    );
    assert!(refreshes.due(second(140)).1.is_empty());
    let mut late = 0;
    loop {
        let (_, some) = refreshes.due(second(170));
        if some.is_empty() {
            break;
        }
        late += some.len();
    }
    assert_eq!(
        late,
        100 - AT_ONCE,
        "all but those who are being asked about"
    );
}

#[test]
fn a_directory_that_is_slow_ends_nobody() {
    let refreshes = Refreshes::default();
    let proofs: Vec<Proof> = (0..100).map(|n| proof(&format!("u{n}"))).collect();
    for proof in &proofs {
        refreshes.watch(proof, Duration::ZERO);
    }
    let asked = due(&refreshes, 1000);
    refreshes.go_on(&asked[0], same(), second(5000));
    assert_eq!(due(&refreshes, 5000).len(), 1);
}

#[test]
fn whose_authenticator_or_directory_changed_is_asked_about_at_once() {
    for changed in ["corp", "idp"] {
        let refreshes = Refreshes::default();
        let alice = proof("alice");
        refreshes.watch(&alice, Duration::ZERO);
        refreshes.hasten(&[id("other")], second(1));
        assert!(due(&refreshes, 1).is_empty());
        refreshes.hasten(&[id(changed)], second(1));
        assert_eq!(due(&refreshes, 1).len(), 1, "{changed}");
    }
}

#[test]
fn an_answer_of_authenticators_that_changed_meanwhile_is_asked_for_again() {
    let refreshes = Refreshes::default();
    let alice = proof("alice");
    refreshes.watch(&alice, Duration::ZERO);
    let asked = due(&refreshes, 100);
    refreshes.go_on(&asked[0], (same().0, false), second(100));
    assert_eq!(due(&refreshes, 100).len(), 1);
}

#[test]
fn the_next_question_is_about_what_was_found_last() {
    let refreshes = Refreshes::default();
    let (first, second_one) = (proof("alice"), proof_with("alice", "corp/ops", true));
    refreshes.watch(&first, Duration::ZERO);
    let asked = due(&refreshes, 100);
    let pairs = vec![(Arc::clone(&first), Arc::clone(&second_one))];
    refreshes.go_on(&asked[0], (Found::There(pairs), true), second(100));
    assert!(first.is_withdrawn() && !second_one.is_withdrawn());
    assert_eq!(refreshes.next_renewed().unwrap().len(), 1);
    let asked = due(&refreshes, 200);
    let newest = asked[0].proofs[0].newest.as_ref().unwrap();
    assert!(Arc::ptr_eq(newest, &second_one));
}

#[test]
fn what_is_found_is_on_its_way_before_anybody_asks_again() {
    let refreshes = Refreshes::default();
    let first = proof("alice");
    refreshes.watch(&first, Duration::ZERO);
    for (group, is_current) in [("corp/ops", false), ("corp/dev", true)] {
        let asked = due(&refreshes, 100);
        let pairs = vec![(Arc::clone(&first), proof_with("alice", group, true))];
        let found = (Found::There(pairs), is_current);
        refreshes.go_on(&asked[0], found, second(100));
    }
    let newest = std::iter::from_fn(|| refreshes.next_renewed()).last();
    assert_eq!(newest.unwrap()[0].1.get().groups, ["corp/dev"]);
}

#[test]
fn who_is_not_to_be_looked_up_any_more_is_forgotten() {
    let refreshes = Refreshes::default();
    let first = proof("alice");
    refreshes.watch(&first, Duration::ZERO);
    let asked = due(&refreshes, 100);
    let pairs = vec![(Arc::clone(&first), proof_with("alice", "corp/dev", false))];
    refreshes.go_on(&asked[0], (Found::There(pairs), true), second(100));
    assert_eq!(refreshes.count(), Some(0));
}
