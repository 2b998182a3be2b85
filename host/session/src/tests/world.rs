//! A server as the registry sees it: users, connections, and the callback that
//! tells of a connection's former user while it gets its next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use warden_core::permissions::{BaseRules, Permissions, Rendered};
use warden_core::{
    AuthenticatorId, ClassKey, ClientFacts, ClientId, Decision, Method, Now, Principal,
    PrincipalName, Reason, Timestamp, Verified,
};

use crate::{Action, Admission, ClassId, EndCause, Registry, SessionId, Settings};

/// Wall clock at the start, in seconds.
pub(super) const START: u64 = 1_700_000_000;

/// Which action of the next admission the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Create,
    Attach,
}

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) now: Now,
    pub(super) users: BTreeMap<ClassId, String>,
    pub(super) attached: BTreeMap<ClientId, (SessionId, ClassId)>,
    pub(super) closed: Vec<(ClientId, EndCause)>,
    ever: BTreeSet<ClassId>,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            registry: Registry::new(settings),
            now: Now {
                wall: Timestamp::from_unix_seconds(START),
                monotonic: Duration::from_secs(50),
            },
            users: BTreeMap::new(),
            attached: BTreeMap::new(),
            closed: Vec::new(),
            ever: BTreeSet::new(),
        }
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now.wall = self.now.wall.plus(Duration::from_secs(seconds));
        self.now.monotonic += Duration::from_secs(seconds);
    }

    /// Admits and performs, as the module does.
    pub(super) fn admit(&mut self, admission: Admission) -> Result<Vec<Action>, Reason> {
        let actions = self.registry.admit(admission, self.now)?;
        self.perform(&actions);
        Ok(actions)
    }

    /// Admits a client with a decision, on a principal without expiry.
    pub(super) fn enter(&mut self, client: u64, decision: &Arc<Decision>) -> Vec<Action> {
        self.admit(admission(client, &principal("alice", None), decision))
            .unwrap()
    }

    pub(super) fn admit_failing(
        &mut self,
        admission: Admission,
        failure: Failure,
    ) -> Result<(), Reason> {
        let actions = self.registry.admit(admission, self.now)?;
        let Some(Action::Attach {
            client, session, ..
        }) = actions.last().cloned()
        else {
            panic!("an admission ends with an attachment");
        };
        let performed = match failure {
            Failure::Create if matches!(actions.first(), Some(Action::CreateUser { .. })) => 0,
            _ => actions.len() - 1,
        };
        self.perform(&actions[..performed]);
        for action in self.registry.abandon(client, session, self.now) {
            let Action::FreeUser { class } = action else {
                panic!("abandoning only frees: {action:?}");
            };
            assert!(self.attached.values().all(|(_, other)| *other != class));
            self.users.remove(&class);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, client: u64) {
        if let Some((session, _)) = self.attached.remove(&ClientId(client)) {
            self.registry.left(ClientId(client), session, self.now);
        }
    }

    pub(super) fn close_due(&mut self, limit: usize) -> usize {
        self.registry.sweep();
        let actions = self.registry.close_due(self.now, limit);
        self.perform(&actions);
        actions.len()
    }

    pub(super) fn reap(&mut self, limit: usize) -> usize {
        let actions = self.registry.reap(self.now, limit);
        self.perform(&actions);
        actions.len()
    }

    pub(super) fn perform(&mut self, actions: &[Action]) {
        for action in actions {
            match action.clone() {
                Action::CreateUser { class, rules, .. } => {
                    assert!(self.ever.insert(class), "{class} was a class before");
                    self.users.insert(class, rules.as_str().to_owned());
                }
                Action::SetRules { class, rules } => {
                    let user = self
                        .users
                        .get_mut(&class)
                        .expect("rules for a user there is");
                    *user = rules.as_str().to_owned();
                }
                Action::Attach {
                    client,
                    session,
                    class,
                } => {
                    assert!(
                        self.users.contains_key(&class),
                        "attached to a user there is"
                    );
                    if let Some((former, _)) = self.attached.insert(client, (session, class)) {
                        self.registry.left(client, former, self.now);
                    }
                }
                Action::AttachToAclUser { .. } => panic!("nobody here becomes a user of an ACL"),
                Action::Close {
                    client,
                    session,
                    cause,
                } => {
                    let (current, _) = self
                        .attached
                        .remove(&client)
                        .expect("closed while attached");
                    assert_eq!(current, session, "the session closed is the client's");
                    self.registry.left(client, session, self.now);
                    self.closed.push((client, cause));
                }
                Action::FreeUser { class } => {
                    assert!(self.attached.values().all(|(_, other)| *other != class));
                    assert!(self.users.remove(&class).is_some(), "freed once");
                }
            }
        }
    }

    pub(super) fn rules_of(&self, client: u64) -> &str {
        &self.users[&self.attached[&ClientId(client)].1]
    }

    pub(super) fn class_of(&self, client: u64) -> ClassId {
        self.attached[&ClientId(client)].1
    }

    pub(super) fn closed_clients(&self) -> Vec<u64> {
        self.closed.iter().map(|(client, _)| client.0).collect()
    }

    /// The registry and the server agree on who has which session on which user,
    /// every session is a member of its class alone, and every class has a user.
    pub(super) fn check(&self) {
        let (mut seen, mut awaited) = (0, 0);
        for view in self.registry.sessions(None) {
            awaited += usize::from(view.expires.is_some() && !view.closing);
            assert_eq!(
                self.attached.get(&view.client),
                Some(&(view.session, view.class))
            );
            assert_eq!(self.users[&view.class], view.rules.as_str());
            seen += 1;
        }
        assert_eq!(seen, self.attached.len());
        assert_eq!(self.registry.awaited_ends(), awaited);
        let counts = self.registry.counts();
        assert_eq!(counts.classes, self.users.len());
        let mut members = 0;
        let mut idle = 0;
        for class in self.users.keys() {
            let before = members;
            for (client, session) in self.registry.members(*class, None) {
                assert_eq!(self.attached.get(&client), Some(&(session, *class)));
                members += 1;
            }
            idle += usize::from(members == before);
        }
        assert_eq!((members, idle), (self.attached.len(), counts.idle_classes));
    }
}

pub(super) fn principal_at(
    authenticator: &str,
    name: &str,
    expires: Option<u64>,
) -> Arc<Verified<Principal>> {
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new(authenticator).unwrap(),
        name: PrincipalName::new(name).unwrap(),
        method: Method::Jwt,
        groups: Vec::new(),
        scopes: Vec::new(),
        sole_authenticator: true,
        claims: warden_core::Claims::default(),
        expires: expires.map(Timestamp::from_unix_seconds),
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: warden_core::Attach::default(),
        account: None,
    }))
}

/// `corp/NAME`, until `expires` seconds after [`START`].
pub(crate) fn principal(name: &str, expires: Option<u64>) -> Arc<Verified<Principal>> {
    principal_at("corp", name, expires.map(|seconds| START + seconds))
}

/// A decision for class `key`, whose rules are the word given.
pub(super) fn decision_with(
    key: u8,
    generation: u64,
    rules: &str,
    change: impl FnOnce(&mut Decision),
) -> Arc<Decision> {
    let mut decision = Decision {
        class: ClassKey::new([key; 32]),
        generation,
        permissions: Permissions::compose(&BaseRules::default(), Vec::new(), Vec::new()),
        rendered: Arc::new(Rendered {
            rules: rules.to_owned(),
            ..Rendered::default()
        }),
        server: Arc::default(),
        valid_until: None,
        session_ttl: None,
        labels: Vec::new(),
    };
    change(&mut decision);
    Arc::new(decision)
}

pub(super) fn decision(key: u8, generation: u64, rules: &str) -> Arc<Decision> {
    decision_with(key, generation, rules, |_| {})
}

pub(super) fn admission(
    client: u64,
    principal: &Arc<Verified<Principal>>,
    decision: &Arc<Decision>,
) -> Admission {
    Admission {
        client: ClientId(client),
        principal: Arc::clone(principal),
        facts: ClientFacts::default(),
        rights: crate::Rights::Decided(Arc::clone(decision)),
    }
}
