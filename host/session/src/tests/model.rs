//! Random lives of a server, against a simple model.
//!
//! The model is a policy per generation: a table from (name, department) to a word
//! for the rules, or a refusal, and whether the department is projected at all.
//! Whatever the order of events, the registry never asks the server for something
//! impossible (the world checks that), no session outlives its end on either clock,
//! and once the reviews have come to rest every session has what the policy in force
//! says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use warden_core::{
    AuthenticatorId, ClassKey, ClientId, Decision, Method, Principal, PrincipalName, Reason,
    ReasonKind, Timestamp, Verified,
};

use super::world::{Failure, World, admission, decision_with};
use crate::agenda::PRECISION_MS;
use crate::{Answer, KillId, Killed, Reauthentication, Review, Selection, SessionId, Settings};

/// How much later the monotonic clock may have its say where the wall clock was set.
const PRECISION: Duration = Duration::from_millis(PRECISION_MS);

const CLIENTS: u64 = 8;
const NAMES: usize = 3;

#[derive(Clone, Debug)]
struct Policy {
    reads_department: bool,
    rules: [[Option<u8>; 2]; NAMES],
    valid_for: Option<u64>,
}

#[derive(Clone, Debug)]
enum Event {
    Admit {
        client: u64,
        name: usize,
        department: usize,
        lag: usize,
        lifetime: Option<u64>,
        failure: Option<Failure>,
    },
    Leave(u64),
    Pass {
        monotonic_ms: u64,
        wall_ms: i64,
    },
    Close(usize),
    Reload(Policy),
    NextReview(usize),
    Answer(usize),
    LoseReview(usize),
    Reap(usize),
    Forget(usize),
    Kill(usize),
    /// Of everybody of a name another department is known.
    Renew(usize, usize),
}

fn policies() -> impl Strategy<Value = Policy> {
    let rules = prop::array::uniform3(prop::array::uniform2(prop::option::weighted(0.8, 0..3u8)));
    (any::<bool>(), rules, prop::option::weighted(0.2, 0..20u64)).prop_map(
        |(reads_department, rules, valid_for)| Policy {
            reads_department,
            rules,
            valid_for,
        },
    )
}

fn events() -> impl Strategy<Value = Event> {
    let failure = prop::option::weighted(
        0.15,
        prop_oneof![Just(Failure::Create), Just(Failure::Attach)],
    );
    let admit = (
        0..CLIENTS,
        0..NAMES,
        0..2usize,
        0..3usize,
        prop::option::of(1..40u64),
        failure,
    )
        .prop_map(
            |(client, name, department, lag, lifetime, failure)| Event::Admit {
                client,
                name,
                department,
                lag: lag.saturating_sub(1),
                lifetime,
                failure,
            },
        );
    prop_oneof![
        8 => admit,
        2 => (0..CLIENTS).prop_map(Event::Leave),
        3 => (0..30_000u64, -30_000..60_000i64).prop_map(|(monotonic_ms, wall_ms)| Event::Pass { monotonic_ms, wall_ms }),
        3 => (0..5usize).prop_map(Event::Close),
        2 => policies().prop_map(Event::Reload),
        3 => (1..6usize).prop_map(Event::NextReview),
        4 => (0..4usize).prop_map(Event::Answer),
        1 => (0..4usize).prop_map(Event::LoseReview),
        2 => (0..4usize).prop_map(Event::Reap),
        1 => (0..NAMES).prop_map(Event::Forget),
        1 => (0..NAMES).prop_map(Event::Kill),
        2 => (0..NAMES, 0..2usize).prop_map(|(name, department)| Event::Renew(name, department)),
    ]
}

struct Life {
    world: World,
    policies: Vec<Policy>,
    reviews: Vec<Review>,
    /// Each connection's end by the wall clock and by the monotonic clock.
    ends: BTreeMap<ClientId, (Option<Timestamp>, Option<Duration>)>,
    /// Whom each order not yet finished meant.
    kills: BTreeMap<KillId, Vec<(ClientId, SessionId)>>,
    /// With what each connection was last admitted.
    proofs: BTreeMap<ClientId, Arc<Verified<Principal>>>,
}

impl Life {
    fn new(policy: Policy, any: bool) -> Self {
        let mut world = World::new(Settings {
            session_max: Some(Duration::from_secs(100)),
            reauthentication: if any {
                Reauthentication::Any
            } else {
                Reauthentication::SamePrincipal
            },
            idle_class: Duration::from_secs(5),
            idle_classes_max: 3,
        });
        world.registry.begin_generation(1);
        Self {
            world,
            policies: vec![policy],
            reviews: Vec::new(),
            ends: BTreeMap::new(),
            kills: BTreeMap::new(),
            proofs: BTreeMap::new(),
        }
    }

    fn generation(&self) -> u64 {
        self.policies.len() as u64
    }

    fn answer(&self, principal: &Principal, generation: u64) -> Answer {
        let policy = &self.policies[generation as usize - 1];
        let name = principal.name.as_str().as_bytes()[0] - b'a';
        let department = principal.groups.len() as u8;
        let seen = if policy.reads_department {
            department
        } else {
            0
        };
        let Some(rules) = policy.rules[usize::from(name)][usize::from(seen)] else {
            return Err(Reason::new(ReasonKind::NoGrant, "refused by the table"));
        };
        let mut key = [0; 32];
        key[..3].copy_from_slice(&[name, u8::from(policy.reads_department), seen]);
        let until = policy
            .valid_for
            .map(|seconds| self.world.now.wall.plus(Duration::from_secs(seconds)));
        Ok(decision_with(
            0,
            generation,
            &format!("rules-{rules}"),
            |decision: &mut Decision| {
                decision.class = ClassKey::new(key);
                decision.valid_until = until;
            },
        ))
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Admit {
                client,
                name,
                department,
                lag,
                lifetime,
                failure,
            } => {
                let expires =
                    lifetime.map(|seconds| self.world.now.wall.plus(Duration::from_secs(seconds)));
                let who = who(name, department, expires);
                self.admit(client, &who, lag as u64, failure);
            }
            Event::Leave(client) => self.world.leave(client),
            Event::Pass {
                monotonic_ms,
                wall_ms,
            } => {
                let wall = self
                    .world
                    .now
                    .wall
                    .as_unix_millis()
                    .saturating_add_signed(wall_ms);
                self.world.now.wall = Timestamp::from_unix_millis(wall);
                self.world.now.monotonic += Duration::from_millis(monotonic_ms);
            }
            Event::Close(limit) => {
                assert!(self.world.close_due(limit) <= limit);
                self.check_kills();
            }
            Event::Reload(policy) => {
                self.policies.push(policy);
                self.world.registry.begin_generation(self.generation());
            }
            Event::NextReview(limit) => {
                self.world.registry.mark_renewed();
                self.reviews
                    .extend(self.world.registry.next_review(self.world.now, limit));
            }
            Event::Answer(index) if index < self.reviews.len() => {
                let review = self.reviews.remove(index);
                self.apply(review);
            }
            Event::LoseReview(index) if index < self.reviews.len() => {
                drop(self.reviews.remove(index))
            }
            Event::Answer(_) | Event::LoseReview(_) => {}
            Event::Reap(limit) => assert!(self.world.reap(limit) <= limit),
            Event::Forget(name) => {
                let id = AuthenticatorId::new(&format!("idp{name}")).unwrap();
                self.world.registry.forget_authenticator(&id);
            }
            Event::Kill(name) => self.kill(name),
            Event::Renew(name, department) => {
                let of_name = |proof: &&Arc<Verified<Principal>>| {
                    let letter = proof.get().name.as_str().as_bytes()[0];
                    usize::from(letter - b'a') == name
                };
                let pairs: Vec<_> = self
                    .proofs
                    .values()
                    .filter(of_name)
                    .map(|proof| {
                        (
                            Arc::clone(proof),
                            who(name, department, proof.get().expires),
                        )
                    })
                    .collect();
                self.world.registry.renew_proofs(pairs);
            }
        }
        self.world.check();
    }

    /// Orders the end of everybody of a name, and notes who that is.
    fn kill(&mut self, name: usize) {
        let selection = Selection::of_authenticator(format!("idp{name}"));
        let (meant, rest) = self.world.registry.search(&selection, None, usize::MAX);
        assert!(rest.is_none(), "few enough for one call");
        let meant: Vec<_> = meant
            .iter()
            .map(|view| (view.client, view.session))
            .collect();
        let kill = self.world.registry.kill(selection);
        self.kills.insert(kill, meant);
    }

    /// Once an order is told as finished, none of those it meant has a user any more.
    fn check_kills(&mut self) {
        for Killed { kill, sessions } in self.world.registry.finished_kills() {
            let meant = self.kills.remove(&kill).expect("told once");
            assert!(sessions <= meant.len());
            for (client, session) in meant {
                let now = self
                    .world
                    .attached
                    .get(&client)
                    .map(|(session, _)| *session);
                assert_ne!(now, Some(session), "still there: {client:?}");
            }
        }
    }

    fn admit(
        &mut self,
        client: u64,
        who: &Arc<Verified<Principal>>,
        lag: u64,
        failure: Option<Failure>,
    ) {
        let generation = self.generation().saturating_sub(lag).max(1);
        let Ok(decision) = self.answer(who.get(), generation) else {
            return;
        };
        let admission = admission(client, who, &decision);
        if let Some(failure) = failure {
            let before = self.world.attached.clone();
            let _ = self.world.admit_failing(admission, failure);
            assert_eq!(before, self.world.attached);
            return;
        }
        if self.world.admit(admission).is_err() {
            return;
        }
        if generation == self.generation() {
            assert_eq!(
                self.world.rules_of(client),
                decision.rendered.rules,
                "one's own answer at once"
            );
        }
        let now = self.world.now;
        let longest = now.wall.plus(Duration::from_secs(100));
        let wall = who
            .get()
            .expires
            .map_or(longest, |expires| expires.min(longest));
        let end = (
            Some(wall),
            Some(now.monotonic + wall.since(now.wall) + PRECISION),
        );
        self.ends.insert(ClientId(client), end);
        self.proofs.insert(ClientId(client), Arc::clone(who));
    }

    fn apply(&mut self, review: Review) {
        let answers: Vec<Answer> = review
            .alike
            .iter()
            .map(|one| self.answer(one.principal.get(), review.generation))
            .collect();
        let actions = self
            .world
            .registry
            .apply_review(review, answers, self.world.now);
        self.world.perform(&actions);
        self.world.check();
    }

    /// No session is left whose end has come on either clock.
    fn close_all_due(&mut self) {
        while self.world.close_due(50) > 0 || self.world.registry.is_ending() {}
        self.check_kills();
        assert!(self.kills.is_empty(), "every order is told as finished");
        let now = self.world.now;
        for client in self.world.attached.keys() {
            let (wall, monotonic) = self.ends[client];
            assert!(
                wall.is_none_or(|end| end > now.wall),
                "{client:?} outlives its token"
            );
            assert!(
                monotonic.is_none_or(|end| end > now.monotonic),
                "{client:?} was postponed"
            );
        }
    }

    /// Lets all reviews end; then every session has what the policy in force says.
    fn come_to_rest(&mut self) {
        for review in std::mem::take(&mut self.reviews) {
            self.apply(review);
        }
        self.world.now.monotonic += Duration::from_secs(60) + PRECISION;
        let mut rounds = 0;
        while self.world.registry.mark_renewed() {}
        loop {
            let reviews = self.world.registry.next_review(self.world.now, 3);
            if reviews.is_empty() && !self.world.registry.counts().review_pending {
                break;
            }
            for review in reviews {
                self.apply(review);
            }
            rounds += 1;
            assert!(rounds < 200, "reviews come to an end");
        }
        self.close_all_due();
        let current = self.generation();
        for view in self.world.registry.sessions(None) {
            let answer = self
                .answer(view.principal, current)
                .expect("who is refused was closed");
            assert_eq!(view.rules.as_str(), answer.rendered.rules);
            assert_eq!(view.generation, Some(current));
        }
    }
}

/// Name 0 is `a` of `idp0`, and so on; the department is told by the groups.
fn who(name: usize, department: usize, expires: Option<Timestamp>) -> Arc<Verified<Principal>> {
    let letter = char::from(b'a' + name as u8).to_string();
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new(&format!("idp{name}")).unwrap(),
        name: PrincipalName::new(&letter).unwrap(),
        method: Method::Jwt,
        groups: vec!["department".to_owned(); department],
        scopes: Vec::new(),
        sole_authenticator: false,
        claims: warden_core::Claims::default(),
        expires,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_session_ends_in_time_and_has_its_own_rights(
        policy in policies(),
        any in any::<bool>(),
        events in prop::collection::vec(events(), 1..80),
    ) {
        let mut life = Life::new(policy, any);
        for event in events {
            life.happen(event);
        }
        life.close_all_due();
        life.come_to_rest();
        let actions = life.world.registry.drain();
        life.world.perform(&actions);
        prop_assert!(life.world.users.is_empty() && life.world.attached.is_empty());
    }

    #[test]
    fn the_same_events_give_the_same_actions(
        policy in policies(),
        events in prop::collection::vec(events(), 1..40),
    ) {
        let run = || {
            let mut life = Life::new(policy.clone(), true);
            events.iter().cloned().for_each(|event| life.happen(event));
            (life.world.users, life.world.attached, life.world.closed, life.world.registry.counts())
        };
        prop_assert_eq!(run(), run());
    }
}
