//! Accounts of sessions that a real registry holds, and of a candidate that is made up.

use std::cell::Cell;
use std::time::Duration;

use warden_core::permissions::{BaseRules, Permissions};
use warden_core::{
    Attach, AuthenticatorId, ClassKey, ClientFacts, ClientId, Method, Now, PrincipalName,
    ReasonKind, Timestamp,
};
use warden_session::{Admission, Registry, Rights, Settings};

use super::*;

fn principal(name: &str, scope: usize) -> Arc<Verified<Principal>> {
    Arc::new(Verified::attest(Principal {
        authenticator: AuthenticatorId::new("corp").unwrap(),
        name: PrincipalName::new(name).unwrap(),
        method: Method::Jwt,
        groups: Vec::new(),
        scopes: vec![format!("corp/{scope}")],
        sole_authenticator: true,
        claims: warden_core::Claims::default(),
        expires: None,
        remembered_for: None,
        bound_to: None,
        recheck: None,
        attach: Attach::default(),
        account: None,
    }))
}

fn decision(key: u8) -> Arc<Decision> {
    Arc::new(Decision {
        class: ClassKey::new([key; 32]),
        generation: 1,
        permissions: Permissions::compose(&BaseRules::default(), Vec::new(), Vec::new()),
        rendered: Arc::default(),
        server: Arc::default(),
        valid_until: None,
        session_ttl: None,
        labels: Vec::new(),
    })
}

/// So many sessions of each class, of which none is like another.
fn registry(classes: u8, sessions: usize) -> Registry {
    let now = Now {
        wall: Timestamp::from_unix_seconds(1_700_000_000),
        monotonic: Duration::from_secs(50),
    };
    let mut registry = Registry::new(Settings::default());
    for class in 0..classes {
        for session in 0..sessions {
            let admission = Admission {
                client: ClientId(u64::from(class) * 1000 + session as u64),
                principal: principal(&format!("user{class}"), session),
                facts: ClientFacts::default(),
                rights: Rights::Decided(decision(class)),
            };
            registry.admit(admission, now).unwrap();
        }
    }
    registry
}

/// An account of all of them, a few at a time, with a candidate that refuses each with
/// these words.
fn account(
    registry: &Registry,
    count: usize,
    words: &dyn Fn(&Principal) -> String,
    is_late: &dyn Fn() -> Result<bool, String>,
) -> Result<Account, String> {
    let ask = |alike: &Alike, _: &mut Memory| Answered {
        principal: Arc::clone(&alike.principal),
        answer: Err(Reason::new(
            ReasonKind::Denied,
            words(alike.principal.get()),
        )),
    };
    let mut account = Account::new(count);
    let mut walk = registry.walk();
    loop {
        let (portions, more) = registry.go_on(&mut walk, 3);
        for portion in &portions {
            account.add(portion, is_late, &ask)?;
        }
        if !more || !account.complete {
            account.close();
            return Ok(account);
        }
    }
}

fn told(account: &Account) -> Vec<(&str, usize)> {
    let changes = account.changes();
    changes
        .map(|told| (told.user.as_str(), told.sessions))
        .collect()
}

#[test]
fn a_change_that_is_left_out_is_counted_once_however_often_it_is_met() {
    // Four answers by turns: whatever is left out comes again and again.
    let words = |principal: &Principal| {
        let scope = principal
            .scopes
            .first()
            .unwrap()
            .trim_start_matches("corp/");
        format!("reason {}", scope.parse::<usize>().unwrap() % 4)
    };
    for (count, left_out) in [(1, 7), (3, 5), (4, 4), (5, 3), (8, 0)] {
        let account = account(&registry(2, 40), count, &words, &|| Ok(false)).unwrap();
        assert_eq!(account.left_out, left_out, "COUNT {count}");
        assert_eq!((account.classes, account.unchanged), (2, 0));
        assert_eq!((account.sessions.all, account.sessions.refused), (80, 80));
        let told = told(&account);
        assert_eq!(told.len(), count);
        assert!(told.iter().all(|(_, sessions)| *sessions == 10), "{told:?}");
        assert!(told.is_sorted(), "{told:?}");
    }
}

#[test]
fn very_many_long_changes_of_one_class_are_bounded_while_they_are_gathered() {
    let long = |principal: &Principal| {
        let scope = principal.scopes.first().map_or("", String::as_str);
        format!("{scope} {}", "x".repeat(100_000))
    };
    let account = account(&registry(1, 50), 1000, &long, &|| Ok(false)).unwrap();
    let told = told(&account).len();
    assert_eq!(told + account.left_out, 50);
    assert!((1..=10).contains(&told), "{told}");
}

#[test]
fn what_takes_too_long_is_told_as_far_as_it_came_and_not_as_complete() {
    let (asked, registry) = (Cell::new(0), registry(3, 10));
    let late = || {
        asked.set(asked.get() + 1);
        Ok(asked.get() > 15)
    };
    let words = |_: &Principal| "no".to_owned();
    let account_then = account(&registry, 100, &words, &late).unwrap();
    assert!(!account_then.complete);
    assert_eq!(told(&account_then), [("corp/user0", 10), ("corp/user1", 5)]);
    assert_eq!((account_then.classes, account_then.unchanged), (2, 0));
    assert_eq!(account_then.sessions.all, 15);
    let gone = account(&registry, 100, &words, &|| Err("gone".to_owned()));
    assert_eq!(gone.err().as_deref(), Some("gone"));
    let whole = account(&registry, 100, &words, &|| Ok(false)).unwrap();
    assert!(whole.complete && whole.sessions.all == 30);
}
