//! What a directory says of whom others prove.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use serde_json::Map;
use warden_core::{Recheck, Timestamp};
use warden_settings::Section;

use super::*;
use crate::accounts::{AccountTerms, Accounts, Described, LookingUp, ProvedBy, Source, Wanted};

/// A directory that says what it is told to, and whom it is asked about.
struct Scripted {
    id: AuthenticatorId,
    terms: AccountTerms,
    answer: Mutex<Result<&'static str, ReasonKind>>,
    identity: Mutex<&'static str>,
    asked: AtomicUsize,
}

struct Shared(Arc<Scripted>);

impl Authenticator for Shared {
    fn id(&self) -> &AuthenticatorId {
        &self.0.id
    }
    fn method(&self) -> Method {
        Method::Ldap
    }
    fn accounts(&self) -> Option<&dyn Accounts> {
        Some(self)
    }
    fn claims(&self, _: &Credential) -> bool {
        !self.0.terms.serves_others
    }
    fn authenticate<'a>(&'a self, _: &'a Presented, _: &'a dyn Clock) -> Answering<'a> {
        Box::pin(std::future::ready(Outcome::NotMine))
    }
}

impl Accounts for Shared {
    fn terms(&self) -> &AccountTerms {
        &self.0.terms
    }
    fn look_up<'a>(&'a self, wanted: Wanted<'a>, _: Now) -> LookingUp<'a> {
        assert_eq!(wanted.proved, ProvedBy::Another);
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.0.answer.lock().unwrap().map(|group| Described {
            groups: vec![format!("{}/{group}", self.0.id)],
            claims: Map::new(),
            ends: Some(Timestamp::from_unix_seconds(NOW + 30)),
            identity: (*self.0.identity.lock().unwrap()).to_owned(),
        });
        let answer = answer.map_err(|kind| Reason::new(kind, wanted.name.to_owned()));
        Box::pin(std::future::ready(answer))
    }
}

fn slot(authenticator: Box<dyn Authenticator>, source: Option<Source>) -> Slot {
    let made = Made {
        authenticator,
        names: Names::default(),
        source,
        fingerprint: [0; 32],
    };
    Slot {
        entry: Arc::new(Entry::new(PathBuf::new(), made, next_generation())),
        last_good: false,
    }
}

fn source(text: &str) -> Option<Source> {
    Source::read(&mut Section::parse(text.as_bytes()).unwrap())
}

/// `a` proves alice; its file, before that of `dir`, says this of groups.
fn chain_of(directory: &Arc<Scripted>, text: &str) -> Chain {
    let prover = super::Scripted {
        id: AuthenticatorId::new("a").unwrap(),
        method: Method::Jwt,
        coexistence: Coexistence::default(),
        answer: Outcome::Verified(principal("a", NOW + 60)),
    };
    let directory = Box::new(Shared(Arc::clone(directory)));
    Chain {
        slots: vec![slot(Box::new(prover), source(text)), slot(directory, None)],
        ..Chain::empty()
    }
}

fn directory() -> Arc<Scripted> {
    Arc::new(Scripted {
        id: AuthenticatorId::new("dir").unwrap(),
        terms: AccountTerms {
            serves_others: true,
            remembered_for: Duration::from_secs(7),
            refresh: Some(Recheck {
                every: Duration::from_secs(60),
                grace: Duration::from_secs(300),
            }),
            attributes: Vec::new(),
        },
        answer: Mutex::new(Ok("dev")),
        identity: Mutex::new("1"),
        asked: AtomicUsize::new(0),
    })
}

type Again = Result<Vec<Arc<Verified<Principal>>>, Reason>;

fn look_again(chain: &Chain, proofs: &[Arc<Verified<Principal>>]) -> Again {
    let now = at(NOW);
    let mut again = std::pin::pin!(chain.look_again(proofs, &now));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match again.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn what_a_token_proves_has_the_groups_and_the_end_of_its_account() {
    let chain = chain_of(&directory(), "groups_from = 'dir'");
    let alice = verified(ask(&chain, "any"));
    let alice = alice.get();
    assert_eq!(alice.user_name().as_str(), "a/alice");
    assert_eq!(alice.groups, ["dir/dev"]);
    assert_eq!(alice.expires, Some(Timestamp::from_unix_seconds(NOW + 30)));
    assert_eq!(alice.remembered_for, Some(Duration::from_secs(7)));
}

#[test]
fn without_an_answer_of_the_directory_nothing_is_decided() {
    let directory = directory();
    let chain = chain_of(&directory, "groups_from = 'dir'");
    *directory.answer.lock().unwrap() = Err(ReasonKind::Unavailable);
    assert!(matches!(ask(&chain, "any"), Outcome::Unavailable(_)));
    *directory.answer.lock().unwrap() = Err(ReasonKind::Credential);
    assert_eq!(refused(ask(&chain, "any")).kind(), ReasonKind::Credential);
    for nowhere in ["groups_from = 'other'", "groups_from = 'a'"] {
        let chain = chain_of(&directory, nowhere);
        assert!(matches!(ask(&chain, "any"), Outcome::Unavailable(_)));
    }
}

#[test]
fn a_directory_is_asked_about_nobody_whom_the_chain_refuses() {
    let directory = directory();
    let chain = chain_of(&directory, "groups_from = 'dir'");
    let bob = chain.authenticate_alone(&presented("bob", "any"), &at(NOW));
    assert_eq!(refused(bob).kind(), ReasonKind::Name);
    assert_eq!(directory.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn who_is_as_before_keeps_the_very_proof_and_one_question_serves_all() {
    let directory = directory();
    let chain = chain_of(&directory, "groups_from = 'dir'");
    let proofs = [verified(ask(&chain, "any")), verified(ask(&chain, "any"))];
    let again = look_again(&chain, &proofs).unwrap();
    assert_eq!(directory.asked.load(Ordering::Relaxed), 3);
    for (before, now) in proofs.iter().zip(&again) {
        assert!(Arc::ptr_eq(before, now));
    }
    *directory.answer.lock().unwrap() = Ok("ops");
    let again = look_again(&chain, &proofs).unwrap();
    assert!(again.iter().all(|now| now.get().groups == ["dir/ops"]));
}

#[test]
fn another_account_of_the_name_is_nobodys_who_had_the_former() {
    let directory = directory();
    let chain = chain_of(&directory, "groups_from = 'dir'");
    let proofs = [verified(ask(&chain, "any"))];
    *directory.identity.lock().unwrap() = "2";
    let reason = look_again(&chain, &proofs).unwrap_err();
    assert!(reason.reply().is_about_the_credential());
}

#[test]
fn a_directory_that_is_not_an_authenticators_any_more_speaks_for_nobody_of_it() {
    let directory = directory();
    let chain = chain_of(&directory, "groups_from = 'dir'");
    let proofs = [verified(ask(&chain, "any"))];
    for text in ["", "groups_from = 'other'"] {
        let chain = chain_of(&directory, text);
        let reason = look_again(&chain, &proofs).unwrap_err();
        assert!(reason.reply().is_about_the_credential(), "{text}");
    }
    // One that is gone by mistake may come back.
    let mut gone = chain_of(&directory, "groups_from = 'dir'");
    gone.slots.truncate(1);
    let reason = look_again(&gone, &proofs).unwrap_err();
    assert_eq!(reason.kind(), ReasonKind::Unavailable);
}
