//! Sessions that run as users of the server's own ACL.

use std::sync::Arc;
use std::time::Duration;

use warden_core::{
    Attach, AuthenticatorId, ClientFacts, ClientId, Principal, Reason, ReasonKind, Verified,
};

use super::world::{START, World, admission, decision, principal, principal_at};
use crate::{Action, Admission, EndCause, Reauthentication, Registry, Rights, Selection, Settings};

/// `corp`'s principal of this name, to be the user of the ACL that has it.
fn attached(name: &str) -> Arc<Verified<Principal>> {
    Arc::new(Verified::attest(Principal {
        attach: Attach::AclUser,
        ..principal_at("corp", name, None).get().clone()
    }))
}

fn as_acl_user(client: u64, principal: &Arc<Verified<Principal>>) -> Admission {
    Admission {
        client: ClientId(client),
        principal: Arc::clone(principal),
        facts: ClientFacts::default(),
        rights: Rights::OfAclUser,
    }
}

/// A registry in which each of these has entered, in the order of clients from 1.
fn with(names: &[&str]) -> (Registry, World) {
    let mut world = World::new(Settings::default());
    for (client, name) in (1..).zip(names) {
        let admission = as_acl_user(client, &attached(name));
        world.registry.admit(admission, world.now).unwrap();
    }
    (
        std::mem::replace(&mut world.registry, Registry::new(Settings::default())),
        world,
    )
}

fn closed(registry: &mut Registry, world: &World) -> Vec<(u64, EndCause)> {
    registry.sweep();
    let actions = registry.close_due(world.now, 100).into_iter();
    actions
        .map(|action| match action {
            Action::Close { client, cause, .. } => (client.0, cause),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn nothing_but_the_attachment_is_asked_of_the_server() {
    let (mut registry, world) = with(&[]);
    let admission = as_acl_user(1, &attached("alice"));
    let actions = registry.admit(admission, world.now).unwrap();
    let [Action::AttachToAclUser { client, user, .. }] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!((*client, user.as_str()), (ClientId(1), "alice"));
    let view = registry.session(ClientId(1)).unwrap();
    assert_eq!((view.user.as_str(), view.rules.as_str()), ("alice", ""));
    assert_eq!((view.class_key, view.generation), (None, None));
}

#[test]
fn the_kind_of_rights_is_the_principals() {
    let (mut registry, world) = with(&[]);
    let decided = admission(1, &attached("alice"), &decision(1, 1, "a"));
    let undecided = as_acl_user(1, &principal("alice", None));
    for admission in [decided, undecided] {
        let refused = registry.admit(admission, world.now).unwrap_err();
        assert_eq!(refused.kind(), ReasonKind::Internal);
    }
    assert_eq!(registry.counts().sessions, 0);
}

#[test]
fn no_generation_ever_reviews_them() {
    let (mut registry, world) = with(&["alice", "alice", "bob"]);
    registry.begin_generation(7);
    assert!(registry.next_review(world.now, 100).is_empty());
    assert!(!registry.counts().review_pending);
    assert_eq!(registry.counts().classes, 2);
}

#[test]
fn they_end_as_any_other_session() {
    let (mut registry, world) = with(&["alice", "bob", "alice", "carol"]);
    let kill = registry.kill(Selection {
        user: Some("alice".to_owned()),
        ..Selection::default()
    });
    let killed = EndCause::Killed(kill);
    assert_eq!(
        closed(&mut registry, &world),
        [(1, killed.clone()), (3, killed)]
    );
    let proof = Arc::new(registry.session(ClientId(2)).unwrap().principal.clone());
    assert_eq!(proof.attach, Attach::AclUser);
    registry.forget_authenticator(&AuthenticatorId::new("corp").unwrap());
    let removed = EndCause::AuthenticatorRemoved;
    assert_eq!(
        closed(&mut registry, &world),
        [(2, removed.clone()), (4, removed)]
    );
}

#[test]
fn their_time_is_that_of_the_proof_and_of_the_operator() {
    let mut world = World::new(Settings {
        session_max: Some(Duration::from_secs(10)),
        ..Settings::default()
    });
    let admission = as_acl_user(1, &attached("alice"));
    world.registry.admit(admission, world.now).unwrap();
    world.pass(9);
    let mut registry = std::mem::replace(&mut world.registry, Registry::new(Settings::default()));
    assert_eq!(closed(&mut registry, &world), []);
    world.pass(1);
    assert_eq!(closed(&mut registry, &world), [(1, EndCause::Expired)]);
}

#[test]
fn all_of_them_end_and_no_others_when_something_is_to_bind_every_session() {
    let (mut registry, world) = with(&["alice"]);
    let other = admission(2, &principal("bob", None), &decision(1, 1, "a"));
    registry.admit(other, world.now).unwrap();
    let why = Reason::new(ReasonKind::Denied, "a ceiling is set");
    registry.end_acl_users(why.clone());
    assert_eq!(
        closed(&mut registry, &world),
        [(1, EndCause::Refused(Arc::new(why)))]
    );
}

#[test]
fn a_class_that_is_empty_is_forgotten_and_nobody_freed() {
    let (mut registry, mut world) = with(&["alice"]);
    let session = registry.session(ClientId(1)).unwrap().session;
    registry.left(ClientId(1), session, world.now);
    world.pass(3600);
    assert_eq!(registry.reap(world.now, 1), []);
    let counts = registry.counts();
    assert_eq!((counts.classes, counts.users_freed), (0, 0));
}

#[test]
fn a_connection_belongs_to_one_principal_whatever_it_runs_as() {
    let (mut registry, world) = with(&["alice"]);
    let bob = || as_acl_user(1, &attached("bob"));
    let refused = registry.admit(bob(), world.now).unwrap_err();
    assert_eq!(refused.kind(), ReasonKind::OtherPrincipal);
    registry.set_settings(Settings {
        reauthentication: Reauthentication::Any,
        ..Settings::default()
    });
    registry.admit(bob(), world.now).unwrap();
    assert_eq!(registry.session(ClientId(1)).unwrap().user.as_str(), "bob");
}

#[test]
fn no_policy_decides_about_them_when_more_is_known_of_whom_they_belong_to() {
    let proof = attached("alice");
    let mut world = World::new(Settings::default());
    world.registry.begin_generation(1);
    let admission = as_acl_user(1, &proof);
    world.registry.admit(admission, world.now).unwrap();
    world.registry.renew_proofs([(proof, attached("alice"))]);
    while world.registry.mark_renewed() {}
    assert!(world.registry.next_review(world.now, 10).is_empty());
    world.registry.begin_generation(2);
    assert!(world.registry.next_review(world.now, 10).is_empty());
}

/// As policies' sessions: [`Settings::session_max`] and the account's end, whichever is first.
#[test]
fn another_end_of_the_account_is_theirs_at_once_however_many_they_are() {
    let until = |seconds: u64| {
        Arc::new(Verified::attest(Principal {
            attach: Attach::AclUser,
            ..principal("alice", Some(seconds)).get().clone()
        }))
    };
    let (proof, other) = (until(500), until(500));
    let mut world = World::new(Settings {
        session_max: Some(Duration::from_secs(300)),
        ..Settings::default()
    });
    for client in 0..300 {
        let proof = if client < 299 { &proof } else { &other };
        let admission = as_acl_user(client, proof);
        world.registry.admit(admission, world.now).unwrap();
    }
    let ends = |world: &World, client: u64| {
        let session = world.registry.session(ClientId(client)).unwrap();
        session.expires.unwrap().as_unix_seconds() - START
    };
    assert_eq!(ends(&world, 0), 300);
    world
        .registry
        .renew_proofs([(Arc::clone(&proof), until(100))]);
    while world.registry.mark_renewed() {}
    assert!((0..299).all(|client| ends(&world, client) == 100));
    assert_eq!(ends(&world, 299), 300, "another proof's");
    // Later again, and never beyond what the operator set.
    world.pass(50);
    world.registry.renew_proofs([(proof, until(1000))]);
    while world.registry.mark_renewed() {}
    assert_eq!(ends(&world, 0), 300);
    world.pass(250);
    assert_eq!(world.registry.close_due(world.now, 1000).len(), 300);
}
